"""Folders of specs that a test makes, and what arrives when they are run against a real server on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from locoia_pat.spec.yaml import dump

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.support.loopback import Got

TOKEN = "fake-acme-credential-0123456789"
ACME = """\
spec: 1
connector: acme
title: Acme
version: 1.0.0
base_url: https://api.acme.example
hosts: [api.acme.example]
env: {token: ACME_TOKEN, base_url: ACME_BASE_URL}
"""
"""The text of a ``connector.yaml`` whose API is given by ``ACME_BASE_URL``."""
OUTPUT: dict[str, Any] = {"ok": [200], "output": {}}


def connector(name: str = "acme", **more: Any) -> dict[str, Any]:
    """What the actions of a folder share; *more* stands in for parts of it, or beside them."""
    return {
        "spec": 1,
        "connector": name,
        "title": name.title(),
        "version": "1.0.0",
        "base_url": "http://127.0.0.1:1/v1",
        "hosts": [f"api.{name}.example"],
        "env": {"token": f"{name.upper()}_TOKEN"},
    } | more


def action(
    inputs: Mapping[str, Any] | None = None, request: Mapping[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """An action called ``act``."""
    return {
        "spec": 1,
        "action": "act",
        "title": "Act",
        "summary": "Act.",
        "effect": "create",
        "inputs": dict(inputs or {}),
        "request": {"method": "POST", "path": "/act"} | dict(request or {}),
        "reply": OUTPUT,
    } | more


def folder(place: Path, shared: Mapping[str, Any], *actions: Mapping[str, Any]) -> Path:
    """The folder *place* with these specs in it."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "connector.yaml").write_text(dump(shared), encoding="utf-8")
    for spec in actions:
        (place / f"{spec['action']}.yaml").write_text(dump(spec), encoding="utf-8")
    return place


def segments(got: Got) -> list[str]:
    """The decoded segments of the path that arrived."""
    return [decoded(part) for part in got.path.partition("?")[0].split("/")]


def query(got: Got) -> list[tuple[str, str]]:
    """The decoded names and values of the query that arrived."""
    return pairs(got.path.partition("?")[2])


def pairs(text: str) -> list[tuple[str, str]]:
    """Decoded names and values; a plus is a plus, for no space is written so."""
    parts = [part.partition("=") for part in text.split("&")] if text else []
    return [(decoded(name), decoded(value)) for name, _, value in parts]


def decoded(text: str) -> str:
    """*Text* without its percents."""
    return unquote_to_bytes(text).decode()
