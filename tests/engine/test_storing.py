"""A minted token goes into its places, or is made useless: it is never minted for nobody."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import AsyncConnector, Connector, ConnectorAuth, InvalidError, NotStoredError, Outcome, Result, Secret
from locoia_pat.actions import create_pat, list_pats, regenerate_pat
from locoia_pat.stores import TokenEntry, TokenStore, open_store, read_token
from tests.support.command import call
from tests.support.loopback import TOKEN, Server, answer, created, serving
from tests.support.spec_folders import ACME
from tests.support.stores import FakeStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from locoia_pat.http.exchange_types import Request, ResponseOrError
    from locoia_pat.http.retry import Exchange
    from tests.support.command import Done

__all__ = ["call"]

CREDENTIAL = "fake-credential-0123456789abcdef"
CREATE = {"expiration": 30, "scopes": ["automation:view"], "note": "CI"}
ID = created()["id"]


def connector(server: Server) -> Connector:
    return Connector(ConnectorAuth(Secret(CREDENTIAL)), base_url=server.url)


def test_a_mint_for_a_caller_with_wrong_inputs_is_invalid_and_sends_nothing() -> None:
    with serving(answer(201, created())) as server, connector(server) as api:
        result = api.mint("create_pat", {**CREATE, "expiration": 0})
        assert (result.outcome, result.action, server.connections) == (Outcome.INVALID, "create_pat", 0)


def test_a_created_token_is_in_its_place_and_the_envelope_names_it(tmp_path: Path) -> None:
    with serving(answer(201, created())) as server, connector(server) as api:
        result = api.run("create_pat", CREATE, token_to=[f"file:{tmp_path}/ci.json"])
    assert result.to_dict() == {
        "v": 1,
        "action": "create_pat",
        "api": server.url,
        "outcome": "done",
        "attempts": 1,
        "warnings": [],
        "data": result.data,
        "token_ref": f"file:{tmp_path}/ci.json#current",
    }
    record = json.loads((tmp_path / "ci.json").read_text())
    assert record.pop("current").keys() == {"id", "token", "expiration", "scopes"}
    assert record == {"v": 1, "api": server.url, "name": None, "previous": None, "pending": None}
    assert read_token(result.token_refs[0]) == Secret(TOKEN)
    assert (tmp_path / "ci.json").stat().st_mode & 0o777 == 0o600


def test_several_places_all_take_the_token(tmp_path: Path) -> None:
    refs: list[str | TokenStore] = [f"file:{tmp_path}/a.json", open_store(f"file:{tmp_path}/b.json")]
    with serving(answer(201, created())) as server, connector(server) as api:
        result = api.run("create_pat", CREATE, token_to=refs)
    envelope = result.to_dict()
    assert envelope["token_refs"] == [f"file:{tmp_path}/a.json#current", f"file:{tmp_path}/b.json#current"]
    assert all(read_token(ref) == Secret(TOKEN) for ref in envelope["token_refs"])


def test_the_async_connector_stores_as_well(tmp_path: Path) -> None:
    async def main(url: str) -> Result:
        async with AsyncConnector(ConnectorAuth(Secret(CREDENTIAL)), base_url=url) as api:
            return await api.run("create_pat", CREATE, token_to=[f"file:{tmp_path}/ci.json"])

    with serving(answer(201, created())) as server:
        result = asyncio.run(main(server.url))
    assert read_token(result.token_refs[0]) == Secret(TOKEN)


WRONG_PLACES = {
    "a folder that is missing": ["file:{}/missing/t.json"],
    "a folder": ["file:{}"],
    "named twice": ["file:{}/t.json", "file:{}/./t.json"],
    "a record and a bare token in one file": ["file:{}/t", "text:{}/t"],
    "a variable twice": ["env-file:{}/.env#A", "env-file:{}/x/../.env#A"],
    "unknown scheme": ["fil:{}/t.json"],
    "no scheme": ["{}/t.json"],
    "reading only": ["env:TOKEN"],
    "standard input": ["-"],
    "another key": ["file:{}/t.json#previous"],
    "unknown key": ["file:{}/t.json#newest"],
    "one good, one bad": ["file:{}/t.json", "file:{}/missing/t.json"],
}


@pytest.mark.parametrize("refs", WRONG_PLACES.values(), ids=WRONG_PLACES)
def test_a_place_that_cannot_take_the_token_is_invalid_and_nothing_is_sent(refs: list[str], tmp_path: Path) -> None:
    with serving(answer(201, created())) as server, connector(server) as api:
        result = api.run("create_pat", CREATE, token_to=[ref.format(tmp_path) for ref in refs])
    assert (result.outcome, server.got) == (Outcome.INVALID, [])
    assert result.problem is not None
    assert result.problem.field == "token_to"
    assert list(tmp_path.iterdir()) == []


def test_an_action_without_a_token_takes_no_place(tmp_path: Path) -> None:
    with serving(answer(200, [])) as server, connector(server) as api:
        result = api.run("list_pats", token_to=[f"file:{tmp_path}/t.json"])
    assert (result.outcome, server.got) == (Outcome.INVALID, [])


def test_a_place_that_holds_a_token_is_kept_from_a_create(tmp_path: Path) -> None:
    place = tmp_path / "t.json"
    place.write_text("the-token-that-stands-here-already\n")
    with serving(answer(201, created())) as server, connector(server) as api:
        result = api.run("create_pat", CREATE, token_to=[f"file:{place}"])
        assert (result.outcome, server.got) == (Outcome.INVALID, [])
        assert place.read_text() == "the-token-that-stands-here-already\n"
        replaced = api.run("create_pat", CREATE, token_to=[f"file:{place}"], replace=True)
    assert replaced.outcome is Outcome.DONE
    assert read_token(f"file:{place}") == Secret(TOKEN)
    assert read_token(f"file:{place}#previous") == Secret("the-token-that-stands-here-already")


def test_regenerate_stores_where_the_same_row_stands_and_nowhere_else(tmp_path: Path) -> None:
    ref = f"file:{tmp_path}/t.json"
    new = "another-minted-token-0123456789"
    with (
        serving(answer(201, created()), answer(200, created(token=new))) as server,
        connector(server) as api,
    ):
        create_pat(api, expiration=30, scopes=["automation:view"], note="CI", token_to=[ref])
        other = api.run("regenerate_pat", {"token_id": "other", "expiration": 30}, token_to=[ref])
        assert (other.outcome, len(server.got)) == (Outcome.INVALID, 1)
        assert other.problem is not None
        assert ID in other.problem.message
        minted = regenerate_pat(api, ID, expiration=30, token_to=[ref])
    assert minted.token == read_token(ref) == Secret(new)
    assert json.loads((tmp_path / "t.json").read_text())["previous"] is None  # the old secret is dead


def test_one_place_is_enough_and_the_other_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "doomed").mkdir()

    def lose(connection: Any) -> bool:
        shutil.rmtree(tmp_path / "doomed")
        return bool(answer(201, created())(connection))

    with serving(lose) as server, connector(server) as api:
        result = api.run("create_pat", CREATE, token_to=[f"file:{tmp_path}/doomed/a", f"file:{tmp_path}/b"])
    assert result.outcome is Outcome.DONE
    assert result.token_refs == (f"file:{tmp_path}/b#current",)
    assert "did not store the token" in result.warnings[0]


def test_a_place_that_is_left_with_a_dead_secret_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "doomed").mkdir()
    refs = [f"file:{tmp_path}/doomed/a", f"file:{tmp_path}/b"]

    def lose(connection: Any) -> bool:
        shutil.rmtree(tmp_path / "doomed")
        return bool(answer(200, created(token="fake-new-secret-0123456789abcdef"))(connection))

    with serving(answer(201, created()), lose) as server, connector(server) as api:
        create_pat(api, expiration=30, scopes=["automation:view"], note="CI", token_to=refs)
        result = api.run("regenerate_pat", {"token_id": ID, "expiration": 30}, token_to=refs)
        assert len(server.got) == 2  # the new one is not made useless
    assert (result.outcome, result.token_refs) == (Outcome.NOT_STORED, (f"file:{tmp_path}/b#current",))
    assert result.problem is not None
    assert "doomed/a#current did not store the token" in result.problem.message
    assert read_token(refs[1]) == result.token


def lost(tmp_path: Path, *after: Any, minted: dict[str, Any] | None = None) -> tuple[Result, Server]:
    """A create whose only place vanishes while the API works, and what the API says *after*."""
    (tmp_path / "doomed").mkdir()

    def lose(connection: Any) -> bool:
        shutil.rmtree(tmp_path / "doomed")
        return bool(answer(201, minted or created())(connection))

    with serving(lose, *after) as server, connector(server) as api:
        return api.run("create_pat", CREATE, token_to=[f"file:{tmp_path}/doomed/t"]), server


def test_a_token_that_no_place_took_is_revoked_at_once(tmp_path: Path) -> None:
    result, server = lost(tmp_path, answer(200, created(token="thrown-away-0123456789")))
    assert (result.outcome, result.exit_code, result.secrets) == (Outcome.NOT_STORED, 6, {})
    assert [got.path for got in server.got][1:] == [f"/v1/personal-access-tokens/{ID}/regenerate"]
    assert server.got[1].json == {"expiration": 1}
    assert result.problem is not None
    assert "revoked immediately" in (result.problem.hint or "")
    assert result.problem.next is None
    assert TOKEN not in str(result)
    with pytest.raises(NotStoredError) as raised:
        result.raise_for_outcome()
    assert raised.value.result is result


def test_a_revoke_that_fails_names_the_row_and_the_command(tmp_path: Path) -> None:
    result, server = lost(tmp_path, answer(500))
    assert (result.outcome, len(server.got)) == (Outcome.NOT_STORED, 2)
    assert result.problem is not None
    assert ID in (result.problem.hint or "")
    assert result.problem.next == f"locoia-pat run regenerate_pat token_id={ID} expiration=1 --token-to file:token.json"


def test_a_lost_token_whose_row_is_unknown_is_said_to_live(tmp_path: Path) -> None:
    result, server = lost(tmp_path, minted=created(id=None))
    assert (result.outcome, len(server.got)) == (Outcome.NOT_STORED, 1)
    assert result.problem is not None
    assert "is still active" in (result.problem.hint or "")
    assert result.problem.next is None


@pytest.mark.parametrize("revoke", ["{action: nope, inputs: {}}", '{action: mint, inputs: {n: "{{ id }}"}}', None])
def test_a_spec_that_cannot_revoke_still_tells_that_a_token_was_minted(tmp_path: Path, revoke: str | None) -> None:
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "connector.yaml").write_text(ACME)
    (specs / "mint.yaml").write_text(
        "spec: 1\naction: mint\ntitle: Mint\nsummary: Mint one.\neffect: create\n"
        + (f"revoke: {revoke}\n" if revoke else "")
        + "inputs: {n: {title: Count, type: number}}\n"
        "request: {method: POST, path: /mint, body: {n: '{{ n }}'}}\n"
        "reply: {ok: [200], output: {id: {type: text}, token: {type: text, secret: once}}}\n"
    )
    (tmp_path / "doomed").mkdir()

    def lose(connection: Any) -> bool:
        shutil.rmtree(tmp_path / "doomed")
        return bool(answer(200, created())(connection))

    with serving(lose) as server, Connector(ConnectorAuth(Secret(CREDENTIAL)), specs=specs, base_url=server.url) as api:
        result = api.run("mint", token_to=[f"file:{tmp_path}/doomed/t"])
    assert (result.outcome, len(server.got)) == (Outcome.NOT_STORED, 1)


def losing(tmp_path: Path, token: dict[str, Any]) -> Any:
    """An answer that mints *token*, while the folder of its store vanishes."""
    (tmp_path / "doomed").mkdir()

    def lose(connection: Any) -> bool:
        shutil.rmtree(tmp_path / "doomed")
        return bool(answer(200, token)(connection))

    return lose


LONG_ID = "pat_8sKq2ZxV0bNc4TfRw7Yd"
"""It looks random, as tokens do."""


def test_a_hint_says_of_a_row_only_what_is_true(tmp_path: Path) -> None:
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "connector.yaml").write_text(ACME)
    (specs / "mint.yaml").write_text(
        "spec: 1\naction: mint\ntitle: Mint\nsummary: Mint one.\neffect: create\n"
        'revoke: {action: end, inputs: {id: "{{ id }}"}}\nrequest: {method: POST, path: /mint}\n'
        "reply: {ok: [200], output: {id: {type: text}, token: {type: text, secret: once}}}\n"
    )
    (specs / "end.yaml").write_text(
        "spec: 1\naction: end\ntitle: End\nsummary: End one.\neffect: delete\n"
        "inputs: {id: {title: ID, type: text, required: true}}\n"
        "request: {method: DELETE, path: '/keys/{{ id }}'}\nreply: {ok: [204], output: {}}\n"
    )
    revoked = f"The new token was revoked immediately: row {LONG_ID}."
    active = f"The token was discarded, but row {LONG_ID} is still active and its secret is lost."
    for status, hint, command in ((204, revoked, None), (403, active, f"locoia-pat run end id={LONG_ID}")):
        scripts = losing(tmp_path, created(id=LONG_ID)), answer(status)
        auth = ConnectorAuth(Secret(CREDENTIAL))
        with serving(*scripts) as server, Connector(auth, specs=specs, base_url=server.url) as api:
            problem = api.run("mint", token_to=[f"file:{tmp_path}/doomed/t"]).problem
        assert problem is not None
        assert (problem.hint, problem.next) == (hint, command)


def test_an_id_in_the_data_is_readable_in_the_hint_too(tmp_path: Path, call: Callable[..., Done]) -> None:
    with serving(losing(tmp_path, created(id=LONG_ID)), answer(403)) as server:
        os.environ["LOCOIA_TOKEN"], os.environ["LOCOIA_BASE_URL"] = CREDENTIAL, server.url
        inputs = f"token_id={LONG_ID}", "expiration=30"
        done = call("run", "regenerate_pat", *inputs, "--token-to", f"file:{tmp_path}/doomed/t", "--replace")
    assert done.envelope["data"]["id"] == LONG_ID
    for text in (done.envelope["error"]["hint"], done.envelope["error"]["next"], done.err):
        assert LONG_ID in text


def test_typed_functions_return_models() -> None:
    row = {key: value for key, value in created().items() if key != "token"}
    with serving(answer(201, created()), answer(200, [row])) as server, connector(server) as api:
        minted = create_pat(api, expiration=30, scopes=("automation:view",), note="CI")
        (listed,) = list_pats(api)
    assert minted.token == Secret(TOKEN)
    assert TOKEN not in repr(minted)
    assert minted.expiration == listed.expiration
    assert listed.expiration == dt.datetime.fromisoformat(row["expiration"])


def test_one_place_and_one_scope_may_be_given_alone(tmp_path: Path) -> None:
    with serving(answer(201, created())) as server, connector(server) as api:
        result = api.run("create_pat", CREATE, token_to=f"file:{tmp_path}/t")
        assert result.token_refs == (f"file:{tmp_path}/t#current",)
        with pytest.raises(InvalidError, match="Repeat the name for each value"):
            create_pat(api, expiration=1, scopes="embed,company", note="CI")


class Broken(FakeStore):
    """A place that proves good and then fails in a way of its own, with the token in its words."""

    ref = "broken:place#current"

    def store(self, entry: TokenEntry, *, api: str, replaced_id: str | None = None) -> tuple[str, ...]:
        raise ValueError(f"cannot write {entry.token.reveal()} of {api}, {replaced_id}")


def test_a_place_that_fails_in_a_way_of_its_own_ends_not_stored_and_shows_no_token() -> None:
    with serving(answer(201, created()), answer(200, created())) as server, connector(server) as api:
        result = api.run("create_pat", CREATE, token_to=[Broken()])
    assert (result.outcome, len(server.got)) == (Outcome.NOT_STORED, 2)
    assert TOKEN not in str(result.to_dict())


def test_scopes_of_another_shape_cost_no_token() -> None:
    odd = created(scopes=[{"name": "automation:view"}, None, "embed"])
    with serving(answer(201, odd)) as server, connector(server) as api:
        minted = create_pat(api, expiration=1, scopes=["embed"], note="CI")
    assert minted.token == Secret(TOKEN)
    assert minted.scopes == ["embed"]
    assert minted.warnings


class Slow(FakeStore):
    """A store whose probe takes longer than the run may, as a keyring does that asks for a password."""

    def probe(self) -> TokenEntry | None:
        time.sleep(3.1)
        return None

    def store(self, entry: TokenEntry, *, api: str, replaced_id: str | None = None) -> tuple[str, ...]:  # noqa: ARG002  # as it is called
        return ()


def test_the_probe_of_a_store_does_not_use_up_the_time_of_the_request() -> None:
    with serving(answer(201, created())) as server:
        auth = ConnectorAuth(Secret(CREDENTIAL))
        with Connector(auth, base_url=server.url, timeout=3) as api:
            assert api.run("create_pat", CREATE, token_to=[Slow()]).outcome is Outcome.DONE


class Late(Connector):
    """A connector whose time is over when it may send."""

    def send(self, exchange: Exchange, request: Request) -> ResponseOrError:
        time.sleep(0.002)
        return super().send(exchange, request)


def test_a_run_without_any_time_sends_nothing_and_is_not_done() -> None:
    with serving(answer(201, created())) as server:
        auth = ConnectorAuth(Secret(CREDENTIAL))
        with Late(auth, base_url=server.url, timeout=0.001) as api:
            result = api.run("create_pat", CREATE)
        assert (result.outcome, result.attempts, server.got) == (Outcome.NOT_DONE, 0, [])
