"""A response with an unusable token ends ``unknown``, and nothing shows the token."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Outcome, UnknownOutcomeError
from locoia_pat.actions import create_pat, regenerate_pat
from tests.support.canaries import CREATE, ODD, PAIRS, base64_of, connector, leaks, shown, shown_with_error, with_locals
from tests.support.cells import cell
from tests.support.loopback import answer, created, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.security.conftest import Log
    from tests.support.canaries import Canaries

SHORT = f"{secrets.token_hex(6)}Q7w"
NUMBER = 10**30 + secrets.randbelow(10**30)
BROKEN: dict[str, Callable[[str], Any]] = {
    "too short": lambda _: SHORT,
    "with spaces": lambda value: f"{value} {value}",
    "with a line break": lambda value: f"{value}\n",
    "not ascii": lambda value: f"{value}ü",
    "too long": lambda value: value * 200,
    "a number": lambda _: NUMBER,
    "a list": lambda value: [value],
    "nested": lambda value: {"value": value, "deep": {"token": value}},
    "a pair": lambda value: [{"name": "token", "value": value}],
    "bytes": lambda value: list(value.encode()),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_nothing_shows_a_malformed_token(pair: Canaries, log: Log) -> None:
    for name, broken in BROKEN.items():
        with cell(name):
            body = created(token=broken(pair.minted), note=base64_of(pair.minted))
            with serving(answer(201, body)) as server, connector(server.url, pair) as api:
                result = api.run("create_pat", CREATE)
            assert result.outcome is Outcome.UNKNOWN
            assert result.secrets == {}
            assert leaks(shown_with_error(result) + log.text, SHORT, str(NUMBER)) == []


OTHER: dict[str, Callable[[str], Any]] = {
    "under another name": lambda value: {"id": "1", "secret": value, "pat": value},
    "a level deeper": lambda value: {"result": {"token": value}},
    "the response itself": lambda value: value,
    "in a list": lambda value: [value, {"token": value}],
    "next to an error": lambda value: {"error": f"could not store {value}", "message": f"see {value}", "token": value},
    "as a key": lambda value: {value: {"token": None}},
    "twice": lambda value: json.dumps({"token": value})[:-1] + ', "token": null}',
    "and no JSON behind": lambda value: json.dumps({"token": value}) + " }",
    "as a page": lambda value: f"<html><title>{value}</title><body>{value}</body></html>",
    "as text": lambda value: f"token={value}",
    "as a line": lambda value: f"{value}\n",
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
@pytest.mark.parametrize("status", [201, 400, 503])
def test_nothing_shows_a_token_in_an_unexpected_field(status: int, pair: Canaries, log: Log) -> None:
    for name, other in OTHER.items():
        with cell(name):
            with serving(answer(status, other(pair.minted))) as server, connector(server.url, pair) as api:
                result = api.run("create_pat", CREATE)
            assert result.outcome is (Outcome.REFUSED if status == 400 else Outcome.UNKNOWN)
            assert leaks(shown_with_error(result) + log.text) == []


def test_the_error_of_a_typed_function_does_not_show_a_malformed_token() -> None:
    """A model that refused the value would repeat it in its error."""
    for case, broken in BROKEN.items():
        with cell(case):
            with (
                serving(answer(201, created(token=broken(ODD.minted)))) as server,
                connector(server.url, ODD) as api,
                pytest.raises(UnknownOutcomeError) as caught,
            ):
                create_pat(api, **CREATE)
            assert leaks(shown(caught.value), SHORT, str(NUMBER)) == []


@pytest.mark.parametrize("output", ["id", "expiration", "note", "last_used", "scopes"])
@pytest.mark.parametrize("wrong", ["a list", "nested", "a number"])
def test_a_warning_about_a_malformed_output_does_not_repeat_it(output: str, wrong: str) -> None:
    value = BROKEN[wrong](ODD.minted)
    with serving(answer(200, created(token=ODD.minted) | {output: value})) as server, connector(server.url, ODD) as api:
        result = regenerate_pat(api, "5a1f3c1e", expiration=1)
    assert leaks(shown(result)) == []
    assert leaks("".join(result.warnings), str(NUMBER)) == []


def test_a_model_that_rejects_a_response_does_not_show_its_token() -> None:
    """A token is no part of what a model checks, so a mistake in another output must not bring it along."""
    body = created(token=ODD.minted, id=["a", {"b": ODD.minted}], note={"n": ODD.minted}, scopes={"s": ODD.minted})
    with serving(answer(201, body)) as server, connector(server.url, ODD) as api:
        try:
            said: object = create_pat(api, **CREATE)
        except Exception as error:  # noqa: BLE001  # of whatever kind
            said = with_locals(error) + shown(error)
    assert leaks(shown(said)) == []
