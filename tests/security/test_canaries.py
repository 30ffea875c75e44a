"""The search for canaries finds them in every form, and finds nothing where there are none."""

from __future__ import annotations

import base64
import json
import pickle
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest

from tests.support.canaries import CASES, ODD, PAIRS, PLAIN, headers, leaks, minted, repeated, run, shown
from tests.support.cells import cell

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.canaries import Canaries

FORMS: dict[str, Callable[[str], str | bytes]] = {
    "raw": str,
    "bytes": str.encode,
    "json": json.dumps,
    "json in json": lambda text: json.dumps(json.dumps(text)),
    "repr": repr,
    "quoted": lambda text: quote(text, safe=""),
    "quoted small": lambda text: re.sub("%..", lambda match: match[0].lower(), quote(text, safe="")),
    "form": quote_plus,
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64, one on": lambda text: base64.b64encode(b"x" + text.encode() + b"yz"),
    "base64, two on": lambda text: base64.b64encode(b"xy" + text.encode() + b"z"),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(b"user:" + text.encode()),
    "base64 that was cut": lambda text: base64.b64encode(text.encode()).decode()[:20],
    "beginning": lambda text: text[:8],
    "end": lambda text: text[-8:],
    "pickle": pickle.dumps,
    "hex": lambda text: text.encode().hex(),
}


@pytest.mark.parametrize("name", PAIRS)
def test_each_form_of_a_canary_is_found(name: str) -> None:
    for form, write in FORMS.items():
        with cell(form):
            for kind, value in (("credential", PAIRS[name].credential), ("minted", PAIRS[name].minted)):
                written = write(value)
                text = written if isinstance(written, str) else written.decode("latin-1")
                assert leaks(f"before {text} behind") == [f"{name} {kind}"]


def test_nothing_is_found_where_there_is_no_canary() -> None:
    assert leaks("nothing to see, «secret» and fake-minted-token-0123456789abcdef") == []
    assert leaks(PLAIN.minted[:7] + " " + PLAIN.minted[-7:]) == []
    assert leaks("another-value-0123456789", "another-value-0123456789") == ["more"]


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_the_responses_hold_the_canaries(pair: Canaries) -> None:
    both = 2
    assert len(leaks(repeated(pair))) == both
    assert len(leaks(repr(headers(pair)))) == both
    assert len(leaks(json.dumps(minted(pair)))) == 1


def test_the_repr_of_canaries_shows_none() -> None:
    assert leaks(shown(PAIRS) + shown(ODD) + shown(CASES)) == []


def test_a_case_has_its_outcome_and_reveals_its_token_on_request() -> None:
    result = run("done", ODD)
    assert result.token is not None
    assert result.token.reveal() == ODD.minted
