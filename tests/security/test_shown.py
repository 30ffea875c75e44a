"""Results and errors show no token, however an action ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Connector, ConnectorAuth, ConnectorError, InvalidError, Outcome, Secret
from locoia_pat.actions import create_pat, list_pats, regenerate_pat
from tests.support.canaries import (
    CASES,
    CREATE,
    ODD,
    PAIRS,
    PLAIN,
    auth_of,
    base64_of,
    chained,
    connector,
    error_of,
    leaks,
    minted,
    repeated,
    run,
    run_async,
    shown,
    shown_with_error,
)
from tests.support.cells import cell
from tests.support.loopback import answer, free_port, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.canaries import Canaries

both_pairs = pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)


@both_pairs
@pytest.mark.parametrize("name", CASES)
def test_a_result_and_its_error_show_no_token(name: str, pair: Canaries) -> None:
    assert leaks(shown_with_error(run(name, pair))) == []


def test_a_result_of_async_code_and_its_error_show_no_token() -> None:
    for name in CASES:
        with cell(name):
            assert leaks(shown_with_error(asyncio.run(run_async(name, ODD)))) == []


def test_an_error_has_no_cause_or_context() -> None:
    """An error of httpx or of JSON would hold the request, the response or both."""
    for name in [name for name, case in CASES.items() if case.outcome is not Outcome.DONE]:
        with cell(name):
            error = error_of(run(name, ODD))
            assert [type(each).__name__ for each in chained(error)] == [type(error).__name__]


TYPED: dict[str, Callable[[Connector], Any]] = {
    "create_pat": lambda api: create_pat(api, **CREATE),
    "regenerate_pat": lambda api: regenerate_pat(api, "5a1f3c1e", expiration=1),
    "list_pats": list_pats,
}


@both_pairs
@pytest.mark.parametrize("status", [200, 401, 422, 500])
@pytest.mark.parametrize("name", TYPED)
def test_results_and_errors_of_typed_functions_show_no_token(name: str, status: int, pair: Canaries) -> None:
    rows = [minted(pair)] if name == "list_pats" else minted(pair)
    body = rows if status == 200 else {"message": repeated(pair)}
    with serving(answer(status, body)) as server, connector(server.url, pair) as api:
        try:
            given: object = TYPED[name](api)
        except ConnectorError as error:
            given = error
    assert leaks(shown(given)) == []
    assert isinstance(given, ConnectorError) is (status != 200)


def test_a_dump_of_a_minted_token_shows_no_token() -> None:
    with serving(answer(201, minted(ODD))) as server, connector(server.url, ODD) as api:
        token = create_pat(api, **CREATE)
    parts = [repr(token.model_dump()), repr(dict(token)), repr(vars(token)), repr(token.model_copy(deep=False))]
    for dump in (token.model_dump_json, lambda: token.model_dump(mode="json"), lambda: token.model_copy(deep=True)):
        try:
            parts.append(repr(dump()))
        except Exception as error:  # noqa: BLE001  # a refusal of any kind will do, if it shows nothing
            parts.append(shown(error))
    assert leaks("\n".join(parts)) == []


def test_a_list_with_tokens_in_its_rows_shows_none() -> None:
    """The API page says that a list gives none; what an API gives all the same must not pass through."""
    with (
        serving(answer(200, {"data": [minted(ODD)], "token": ODD.minted})) as server,
        connector(server.url, ODD) as api,
    ):
        result = api.run("list_pats")
    assert result.outcome is Outcome.DONE
    assert leaks(shown_with_error(result)) == []


ENCODED: dict[str, Callable[[str], str]] = {"raw": str, "in a sentence": "use {} now".format, "base64": base64_of}


@both_pairs
@pytest.mark.parametrize("encode", ENCODED.values(), ids=ENCODED)
@pytest.mark.parametrize("output", ["note", "expiration", "last_used", "id", "scopes"])
def test_a_success_that_repeats_its_token_in_another_output_shows_none(
    output: str, encode: Callable[[str], str], pair: Canaries
) -> None:
    value = encode(pair.minted)
    body = minted(pair) | {output: [value] if output == "scopes" else value}
    with serving(answer(201, body)) as server, connector(server.url, pair) as api:
        result = api.run("create_pat", CREATE)
    assert result.outcome is Outcome.DONE
    assert leaks(shown_with_error(result)) == []


@both_pairs
@pytest.mark.parametrize("action", ["create_pat", "list_pats"])
def test_a_success_that_repeats_the_credential_shows_none(action: str, pair: Canaries) -> None:
    row = minted(PLAIN, note=f"made with {pair.credential}", last_used=pair.credential)
    body = row if action == "create_pat" else [row]
    with serving(answer(200, body)) as server, connector(server.url, pair) as api:
        result = api.run(action, CREATE if action == "create_pat" else {})
    assert result.outcome is Outcome.DONE
    assert leaks(shown_with_error(result)) == []


MISPLACED: dict[str, Callable[[str], tuple[str, dict[str, Any]]]] = {
    "a value": lambda value: ("create_pat", {**CREATE, "note": value * 20}),
    "an option": lambda value: ("create_pat", {**CREATE, "scopes": [value]}),
    "a number": lambda value: ("create_pat", {**CREATE, "expiration": value}),
    "the name of an input": lambda value: ("create_pat", {**CREATE, value: 1}),
    "the name of an action": lambda value: (value, CREATE),
}


@both_pairs
@pytest.mark.parametrize("name", MISPLACED)
def test_a_token_given_as_another_argument_is_not_repeated(name: str, pair: Canaries) -> None:
    action, inputs = MISPLACED[name](pair.minted)
    with connector("http://127.0.0.1:1/v1", pair) as api:
        result = api.run(action, inputs)
    assert result.outcome is Outcome.INVALID
    assert leaks(shown(result.problem)) == []
    assert leaks(str(error_of(result))) == []


@both_pairs
def test_the_error_of_an_unreachable_api_shows_no_token(pair: Canaries) -> None:
    with connector(f"http://127.0.0.1:{free_port()}/v1", pair) as api:
        result = api.run("create_pat", CREATE)
    assert result.outcome is Outcome.NOT_DONE
    assert leaks(shown_with_error(result)) == []


@both_pairs
def test_objects_with_a_credential_do_not_show_it(pair: Canaries, tmp_path: Path) -> None:
    file = tmp_path / "credential"
    file.write_text(pair.credential)
    auths = [
        auth_of(pair),
        ConnectorAuth.from_env({"LOCOIA_TOKEN": pair.credential}),
        ConnectorAuth.from_ref(f"file:{file}"),
    ]
    with serving(answer(200, [])) as server:
        for auth in auths:
            with Connector(auth, base_url=server.url) as api:
                assert api.run("list_pats").outcome is Outcome.DONE
                assert leaks(shown(auth) + shown(api) + shown(vars(auth)) + shown(vars(api))) == []
                assert leaks(shown(api.plan("create_pat", CREATE))) == []


def test_an_invalid_credential_is_refused_and_not_repeated() -> None:
    wrong = f"{ODD.credential} {ODD.minted}"
    with pytest.raises(InvalidError) as caught:
        ConnectorAuth(Secret(wrong))
    assert leaks(shown(caught.value)) == []
    with Connector(ConnectorAuth.from_env({"LOCOIA_TOKEN": wrong}), base_url="http://127.0.0.1:1/v1") as api:
        assert leaks(shown_with_error(api.run("list_pats"))) == []
    as_text: Any = ODD.credential
    with pytest.raises(TypeError) as refused:
        ConnectorAuth(as_text)
    assert leaks(shown(refused.value)) == []
