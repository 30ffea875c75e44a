"""httpx alone: what anyone would write by hand, without checks, templates, retries or a journal."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import httpx
from work import CREDENTIAL, INPUTS, PATH, URL, begin, each, wide

HEADERS = {"Authorization": f"Bearer {CREDENTIAL}"}
client = httpx.Client(headers=HEADERS, limits=httpx.Limits(max_connections=64))
own = threading.local()


def create() -> object:
    """One token."""
    return client.post(URL + PATH, json=INPUTS).raise_for_status().json()


def read(_: int = 0, **__: str) -> object:
    """The tokens there are."""
    return client.get(URL + PATH).raise_for_status().json()


def read_by_own(_: int, **__: str) -> object:
    """The same, by a client that no other thread uses, as ours does."""
    if not hasattr(own, "client"):
        own.client = httpx.Client(headers=HEADERS, verify=False)  # noqa: S501  # http; certificates are read once
    return own.client.get(URL + PATH).raise_for_status().json()


def create_one(number: int, **_: str) -> object:
    """One token of many, thrown away."""
    return client.post(URL + PATH, json={**INPUTS, "note": f"n{number}"}).raise_for_status().json()


def keep_one(number: int, folder: str) -> None:
    """One token of many, in a file of its own that is there after the power went."""
    created = create_one(number)
    place = Path(folder, f"n{number}.json")
    temporary = place.with_suffix(".tmp")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123  # a descriptor
        json.dump(created, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(place)
    there = os.open(folder, os.O_RDONLY)
    os.fsync(there)
    os.close(there)


begin(
    create=each(create),
    read=each(read),
    reads=wide(read),
    reads_by_own=wide(read_by_own),
    creates=wide(create_one),
    kept=wide(keep_one),
)
