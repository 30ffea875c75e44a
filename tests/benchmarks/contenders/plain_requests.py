"""requests alone."""

from __future__ import annotations

import requests
from work import CREDENTIAL, INPUTS, PATH, URL, begin, each

session = requests.Session()
session.headers["Authorization"] = f"Bearer {CREDENTIAL}"


def create() -> object:
    """One token."""
    answer = session.post(URL + PATH, json=INPUTS, timeout=30)
    answer.raise_for_status()
    return answer.json()


def read() -> object:
    """The tokens there are."""
    answer = session.get(URL + PATH, timeout=30)
    answer.raise_for_status()
    return answer.json()


begin(create=each(create), read=each(read))
