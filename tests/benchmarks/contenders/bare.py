"""httpx alone: what anyone would write by hand, without checks, templates, retries or a journal."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import httpx
from work import CREDENTIAL, INPUTS, PATH, URL, begin, each, wide

client = httpx.Client(headers={"Authorization": f"Bearer {CREDENTIAL}"}, limits=httpx.Limits(max_connections=64))
folder = Path(tempfile.mkdtemp())


def create() -> object:
    """One token."""
    return client.post(URL + PATH, json=INPUTS).raise_for_status().json()


def read(_: int = 0) -> object:
    """The tokens there are."""
    return client.get(URL + PATH).raise_for_status().json()


def create_one(number: int) -> object:
    """One token of many, thrown away."""
    return client.post(URL + PATH, json={**INPUTS, "note": f"n{number}"}).raise_for_status().json()


def keep_one(number: int) -> None:
    """One token of many, in a file of its own that is there after the power went."""
    created = create_one(number)
    temporary = folder / f"n{number}.tmp"
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123  # a descriptor
        json.dump(created, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / f"n{number}.json")
    there = os.open(folder, os.O_RDONLY)
    os.fsync(there)
    os.close(there)


begin(create=each(create), read=each(read), reads=wide(read), creates=wide(create_one), kept=wide(keep_one))
