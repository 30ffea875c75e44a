"""An exchange of the credential is declared in connector.yaml, kept in memory, renewed once, and bounded."""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
from starlette.testclient import TestClient

from locoia_pat import Connector, ConnectorAuth, Outcome, Secret
from locoia_pat.authoring.example_server import create_app
from locoia_pat.engine.auth import ExchangeError
from locoia_pat.engine.checker import check_specs
from locoia_pat.engine.token_exchange import TokenExchange
from locoia_pat.http.exchange_types import TransportError
from locoia_pat.spec.load import SpecFolder
from locoia_pat.testing.secret_names import SecretNames
from tests.support.loopback import answer, drop, serving
from tests.support.spec_folders import action, connector, folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LONG = "fake-long-lived-credential-0123456789"
REFRESH: dict[str, Any] = {"path": "/refresh", "body": {"refresh": "{{ token }}"}, "at": "data.access"}
CLIENT: dict[str, Any] = {
    "path": "/oauth/token",
    "form": {"grant_type": "client_credentials", "client_id": "{{ identifier }}", "client_secret": "{{ token }}"},
}
ROWS: dict[str, Any] = {
    "effect": "read",
    "request": {"method": "GET", "path": "/rows"},
    "reply": {"ok": [200], "output": {}},
}
CREATE: dict[str, Any] = {
    "action": "create_key",
    "request": {"method": "POST", "path": "/keys"},
    "reply": {"ok": [201], "output": {"id": {"type": "text"}, "key": {"type": "text", "secret": "once"}}},
    "revoke": {"action": "delete_key", "inputs": {"id": "{{ id }}"}},
}
DELETE: dict[str, Any] = {
    "action": "delete_key",
    "effect": "delete",
    "inputs": {"id": {"title": "ID", "type": "text", "required": True}},
    "request": {"method": "DELETE", "path": "/keys/{{ id }}"},
    "reply": {"ok": [204], "output": {}},
}
PUT: dict[str, Any] = {
    "action": "put_key",
    "effect": "update",
    "request": {"method": "PUT", "path": "/keys/k1"},
    "reply": {"ok": [200], "output": {}},
}
KEY = {"id": "k1", "key": "fake-minted-key-0123456789"}


def short(number: int, **more: Any) -> Any:
    return answer(200, {"data": {"access": f"fake-short-lived-{number}-0123456789"}, **more})


def api(
    place: Path, url: str, exchange: Mapping[str, Any], *more: Mapping[str, Any], auth: ConnectorAuth | None = None
) -> Connector:
    env = (
        {"token": "ACME_TOKEN", "identifier": "ACME_USER"} if "identifier" in str(exchange) else {"token": "ACME_TOKEN"}
    )
    if exchange.get("basic"):
        env = {"token": "ACME_TOKEN", "identifier": "ACME_USER"}
    specs = folder(
        place, connector(auth={"exchange": exchange}, env=env), action(**ROWS), *(action(**one) for one in more)
    )
    assert check_specs(SpecFolder(specs)) == []
    return Connector(auth or ConnectorAuth(Secret(LONG), identifier="ann"), specs=specs, base_url=url)


def bearers(server: Any) -> list[str | None]:
    return [got.headers.get("authorization") for got in server.got]


def test_the_credential_is_exchanged_once_and_only_the_short_lived_token_is_sent(tmp_path: Path) -> None:
    with (
        serving(short(1, expires_in=3600), answer(200, {}), answer(200, {})) as server,
        api(tmp_path, server.url, REFRESH | {"expires_in_at": "expires_in"}) as acme,
    ):
        results = [acme.run("act"), acme.run("act")]
    assert [result.outcome for result in results] == [Outcome.DONE, Outcome.DONE], results
    assert server.got[0].json == {"refresh": LONG}
    assert bearers(server) == [None, *["Bearer fake-short-lived-1-0123456789"] * 2]
    assert all(LONG not in str(got.headers) for got in server.got)


def test_oauth_client_credentials_are_sent_in_a_form_or_by_basic(tmp_path: Path) -> None:
    token = answer(200, {"access_token": "fake-access-token-0123456789", "token_type": "bearer", "expires_in": "3600"})
    with serving(token, answer(200, {})) as server, api(tmp_path / "form", server.url, CLIENT) as acme:
        assert acme.run("act").outcome is Outcome.DONE
    form = parse_qs(server.got[0].body.decode())
    assert form == {"grant_type": ["client_credentials"], "client_id": ["ann"], "client_secret": [LONG]}
    basic = {"path": "/oauth/token", "basic": True, "form": {"grant_type": "client_credentials"}}
    with serving(token, answer(200, {})) as server, api(tmp_path / "basic", server.url, basic) as acme:
        assert acme.run("act").outcome is Outcome.DONE
    assert bearers(server)[0] == "Basic YW5uOmZha2UtbG9uZy1saXZlZC1jcmVkZW50aWFsLTAxMjM0NTY3ODk="
    assert bearers(server)[1] == "Bearer fake-access-token-0123456789"
    with api(tmp_path / "none", server.url, CLIENT, auth=ConnectorAuth(Secret(LONG))) as acme:
        result = acme.run("act")
    assert (result.outcome, result.problem and result.problem.message) == (Outcome.INVALID, "there is no identifier")


def test_a_short_lived_token_is_renewed_when_it_is_over_or_refused_and_only_once(tmp_path: Path) -> None:
    scripts = [short(1), answer(200, {}), answer(401, {}), short(2), answer(200, {}), answer(401, {}), short(3)]
    with serving(*scripts, answer(401, {})) as server, api(tmp_path, server.url, REFRESH) as acme:
        outcomes = [acme.run("act").outcome for _ in range(3)]
    assert outcomes == [Outcome.DONE, Outcome.DONE, Outcome.REFUSED]
    assert len(server.got) == 8, "a new token that is refused is not exchanged again"
    over = REFRESH | {"expires_in_at": "expires_in"}
    scripts = [short(1, expires_in="0.000001"), answer(200, {}), short(2), answer(200, {})]
    with serving(*scripts) as server, api(tmp_path, server.url, over) as acme:
        assert [acme.run("act").outcome for _ in range(2)] == [Outcome.DONE] * 2
    assert [got.path for got in server.got] == ["/v1/refresh", "/v1/rows"] * 2


REFUSALS = {
    "refused": ([answer(401, {"detail": f"Token {LONG} is blacklisted"})], Outcome.REFUSED, "is blacklisted"),
    "lost": ([drop], Outcome.NOT_DONE, "incomplete response"),
    "no token": ([answer(200, {"data": {}})], Outcome.NOT_DONE, "token"),
    "the credential itself": ([answer(200, {"data": {"access": LONG}})], Outcome.NOT_DONE, "is the credential"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_an_exchange_that_fails_is_explained_and_nothing_else_is_sent(name: str, tmp_path: Path) -> None:
    scripts, outcome, words = REFUSALS[name]
    with serving(*scripts) as server, api(tmp_path, server.url, REFRESH, CREATE, DELETE) as acme:
        result = acme.run("create_key")
    assert result.outcome is outcome, result
    assert result.problem is not None
    assert "the credential was not exchanged for a short-lived token: " in result.problem.message
    assert words in result.problem.message
    assert LONG not in str(result.to_dict())
    assert {got.path for got in server.got} == {"/v1/refresh"}
    assert len(server.got) <= 3


def test_an_error_of_oauth_about_the_client_means_that_the_credential_is_not_accepted(tmp_path: Path) -> None:
    for error, code in (("invalid_client", "unauthorized"), ("invalid_grant", "unauthorized"), ("x", "validation")):
        body = {"error": error, "error_description": "no"}
        with serving(answer(400, body)) as server, api(tmp_path, server.url, CLIENT) as acme:
            result = acme.run("act")
        assert (result.outcome, result.problem and result.problem.code) == (Outcome.REFUSED, code), error


def test_a_credential_that_was_rotated_in_its_store_is_exchanged_again(tmp_path: Path) -> None:
    file = tmp_path / "token.txt"
    file.write_text(LONG)

    def rotate(connection: Any) -> bool:
        file.write_text(f"{LONG}-new")
        return bool(answer(401, {"detail": "blacklisted"})(connection))

    auth = ConnectorAuth.from_ref(f"file:{file}")
    with (
        serving(rotate, short(2), answer(200, {})) as server,
        api(tmp_path / "specs", server.url, REFRESH, auth=auth) as acme,
    ):
        assert acme.run("act").outcome is Outcome.DONE
    assert [got.json["refresh"] for got in server.got[:2]] == [LONG, f"{LONG}-new"]


def test_a_credential_that_was_rotated_while_its_short_lived_token_was_used_is_exchanged(tmp_path: Path) -> None:
    file = tmp_path / "token.txt"
    file.write_text(LONG)

    def rotate(connection: Any) -> bool:
        file.write_text(f"{LONG}-new")
        return bool(answer(401, {})(connection))

    scripts = [short(1), answer(200, {}), rotate, answer(401, {"detail": "blacklisted"}), short(2), answer(200, {})]
    auth = ConnectorAuth.from_ref(f"file:{file}")
    with serving(*scripts) as server, api(tmp_path / "specs", server.url, REFRESH, auth=auth) as acme:
        assert [acme.run("act").outcome for _ in range(2)] == [Outcome.DONE] * 2
    assert [got.json["refresh"] for got in server.got if got.body] == [LONG, LONG, f"{LONG}-new"]


POLLED: dict[str, Any] = CREATE | {"poll": {"interval": 0.001}, "reply": CREATE["reply"] | {"ok": [201, 202]}}
OVER = REFRESH | {"expires_in_at": "expires_in"}
ENDED = short(1, expires_in="0.000001")
ACCEPTED = {"Location": "/v1/jobs/1"}


def test_a_renewal_that_is_refused_is_the_outcome_of_a_request_that_was_refused(tmp_path: Path) -> None:
    scripts = [short(1), answer(200, {}), answer(401), answer(401, {"detail": "blacklisted"})]
    with serving(*scripts) as server, api(tmp_path, server.url, REFRESH) as acme:
        assert acme.run("act").outcome is Outcome.DONE
        result = acme.run("act")
    assert (result.outcome, len(server.got)) == (Outcome.REFUSED, 4)
    assert str(result.problem and result.problem.message).startswith("the credential was not exchanged")


def test_an_exchange_that_fails_after_the_request_denies_nothing(tmp_path: Path) -> None:
    refused = answer(401, {"detail": "blacklisted"})
    with (
        serving(ENDED, answer(202, None, ACCEPTED), refused) as server,
        api(tmp_path / "poll", server.url, OVER, POLLED, DELETE) as acme,
    ):
        result = acme.run("create_key")
    assert (result.outcome, len(server.got)) == (Outcome.UNKNOWN, 3), result
    assert "its end was not seen: the credential was not exchanged" in str(result.problem)
    with (
        serving(ENDED, answer(202, KEY, ACCEPTED), refused) as server,
        api(tmp_path / "token", server.url, OVER, POLLED, DELETE) as acme,
    ):
        result = acme.run("create_key")
    assert (result.outcome, result.token) == (Outcome.DONE, Secret(KEY["key"])), result
    with (
        serving(short(1), answer(200, {}), answer(503), answer(401), refused) as server,
        api(tmp_path / "put", server.url, REFRESH, PUT) as acme,
    ):
        assert acme.run("act").outcome is Outcome.DONE
        result = acme.run("put_key")
    assert (result.outcome, len(server.got)) == (Outcome.UNKNOWN, 5), result
    pages = ROWS | {"action": "rows", "pages": {"by": "page", "query": "page"}}
    pages["reply"] = {"ok": [200], "rows": "rows", "output": {"id": {"type": "text"}}}
    with (
        serving(ENDED, answer(200, [{"id": "a"}]), refused) as server,
        api(tmp_path / "pages", server.url, OVER, pages) as acme,
    ):
        result = acme.run("rows")
    assert (result.outcome, result.data) == (Outcome.REFUSED, None)
    assert str(result.problem and result.problem.message).startswith("page 2: the credential was not exchanged")


def test_threads_that_wait_for_an_exchange_do_so_within_their_own_time(tmp_path: Path) -> None:
    spec = SpecFolder(folder(tmp_path, connector(auth={"exchange": REFRESH}), action(**ROWS))).connector
    assert spec.auth.exchange is not None
    exchange, order = TokenExchange(spec, spec.auth.exchange), list[str]()
    is_sent, may_end = threading.Event(), threading.Event()

    def send(*_: object) -> TransportError:
        is_sent.set()
        assert may_end.wait(10)
        order.append("sent")
        return TransportError("lost", sent=True)

    def remaining() -> float:
        order.append("measured")
        return 1

    def run() -> None:
        with pytest.raises(ExchangeError):
            exchange.token(send, Secret(LONG), identifier=None, base_url="http://127.0.0.1:1", remaining=remaining)

    threads = [threading.Thread(target=run) for _ in range(2)]
    threads[0].start()
    assert is_sent.wait(10)
    threads[1].start()
    may_end.set()
    for thread in threads:
        thread.join(10)
    assert order == ["measured", "sent"] * 2


def test_the_words_of_a_form_are_not_taken_for_the_names_in_its_templates(tmp_path: Path) -> None:
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "scope": "identifier"}
    token = answer(200, {"access_token": "fake-access-token-0123456789"})
    basic = {"path": "/token", "basic": True, "form": form}
    with serving(token, answer(200, {})) as server, api(tmp_path, server.url, basic) as acme:
        assert acme.run("act").outcome is Outcome.DONE
    assert parse_qs(server.got[0].body.decode()) == {name: [value] for name, value in form.items()}


def test_a_token_that_no_store_took_is_revoked_with_a_short_lived_token(tmp_path: Path) -> None:
    with (
        serving(short(1), answer(201, KEY), answer(204), short(2), answer(204), answer(401, {})) as server,
        api(tmp_path, server.url, REFRESH, CREATE, DELETE) as acme,
        api(tmp_path, server.url, REFRESH, CREATE, DELETE) as other,
        api(tmp_path, server.url, REFRESH, CREATE, DELETE) as refused,
    ):
        result = acme.run("create_key")
        for revoking, number in ((acme, 1), (other, 2)):
            discarded = revoking.discard(result, "the disk is full")
            assert discarded.outcome is Outcome.NOT_STORED
            assert "revoked immediately" in str(discarded.problem)
            assert (server.got[-1].method, server.got[-1].path) == ("DELETE", "/v1/keys/k1")
            assert bearers(server)[-1] == f"Bearer fake-short-lived-{number}-0123456789"
        assert "still active" in str(refused.discard(result, "the disk is full").problem)


def test_an_action_without_a_credential_needs_and_sends_none(tmp_path: Path) -> None:
    own: dict[str, Any] = {
        "auth": "none",
        "inputs": {"password": {"title": "Password", "type": "password", "required": True}},
        "request": {"method": "POST", "path": "/keys", "headers": {"Authorization": "Password {{ password }}"}},
    }
    open_delete: dict[str, Any] = DELETE | {"auth": "none"}
    for revoker, expected in ((DELETE, "Bearer fake-long-lived-credential-0123456789"), (open_delete, None)):
        specs = folder(
            tmp_path / str(expected is None), connector(), action(**CREATE | own), action(**revoker), action(**ROWS)
        )
        assert check_specs(SpecFolder(specs)) == []
        with (
            serving(answer(201, KEY), answer(204)) as server,
            Connector(ConnectorAuth.from_env({}), specs=specs, base_url=server.url) as without,
            Connector(ConnectorAuth(Secret(LONG)), specs=specs, base_url=server.url) as with_credential,
        ):
            result = without.run("create_key", {"password": Secret("fake-pass-word")})
            assert result.outcome is Outcome.DONE, result
            with_credential.discard(result, "the disk is full")
            assert bearers(server) == ["Password fake-pass-word", expected]
            if expected is not None:  # the new token authorizes its own revoke
                assert "revoked immediately" in str(without.discard(result, "the disk is full").problem)
                assert bearers(server)[2:] == [f"Bearer {KEY['key']}"]
            planned = without.plan("delete_key", {"id": "k1"}).headers
            assert ("authorization" in planned) == (expected is not None)


MISTAKES = {
    'exchange: {path: /t, body: {a: "{{ token }}"}, form: {a: b}}': ("contradiction", '"body" or a "form"'),
    "exchange: {path: /t, basic: true}": ("missing-key", '"identifier" in "env"'),
    "exchange: {path: /t}": ("missing-key", 'a "body" or a "form"'),
    "exchange: {path: /t, form: {grant_type: x}}": ("unused-input", "not used"),
    'exchange: {path: /t, body: {a: "{{ tokne }}"}}': ("unknown-name", "tokne"),
    'exchange: {path: "/t/{{ token }}", body: {a: "{{ token }}"}}': ("bad-value", "without spaces"),
    'exchange: {path: /t, body: {a: "{{ token }}"}, lifetime: 0}': ("bad-value", "at least 1"),
    'exchange: {path: /t, body: {a: "{{ token }}"}, expires: 3}': ("unknown-key", "expires"),
}


def test_what_is_wrong_about_an_exchange_has_its_line_and_column(tmp_path: Path) -> None:
    text = json.dumps(connector(), indent=0)[1:-2]
    for number, (line, (code, words)) in enumerate(MISTAKES.items()):
        specs = folder(tmp_path / str(number), {}, action(**ROWS))
        yaml = text.replace("\n", " ").replace('"env": ', '\n"env": ')
        (specs / "connector.yaml").write_text(f"{{{yaml},\n auth: {{{line}}}}}\n")
        findings = check_specs(SpecFolder(specs))
        assert [finding.code for finding in findings] == [code], (line, findings)
        assert words in findings[0].message, (line, findings)
        assert findings[0].line in (2, 3), (line, findings)
        assert findings[0].column > 1, (line, findings)
        if "tokne" in line:
            assert (findings[0].line, findings[0].column) == (3, len(" auth: {") + line.index('"{{ tokne') + 1)
    specs = folder(tmp_path / "check", connector(check="act"), action(**ROWS, auth="none"))
    assert [(one.code, one.message[:13]) for one in check_specs(SpecFolder(specs))] == [
        ("contradiction", '"check" needs')
    ]


def test_the_example_server_exchanges_the_credential_and_cassettes_know_its_names(tmp_path: Path) -> None:
    example = {"name": "rows", "request": {"method": "GET", "path": "/rows"}, "reply": {"status": 200, "body": {}}}
    example["result"] = {"outcome": "done", "data": {}}
    path = folder(tmp_path, connector(auth={"exchange": REFRESH}), action(**ROWS, examples=[example]))
    client = TestClient(create_app(SpecFolder(path)))
    token = client.post("/v1/refresh", json={"refresh": LONG}).json()["data"]["access"]
    assert client.get("/v1/rows").status_code == 401
    assert client.get("/v1/rows", headers={"authorization": f"Bearer {token}"}).status_code == 200
    names = SecretNames.from_specs(SpecFolder(path))
    assert {"access", "refresh"} <= names.names
    folder(tmp_path, connector(), action(**ROWS, auth="none", examples=[example]))
    assert TestClient(create_app(SpecFolder(tmp_path))).get("/v1/rows").status_code == 200


def test_a_credential_is_exchanged_at_another_base_url_of_the_connector(tmp_path: Path) -> None:
    shared = connector(
        base_url="https://api.acme.example/v1",
        base_urls={"login": "https://login.acme.example/tenant"},
        hosts=["api.acme.example", "login.acme.example"],
        auth={"exchange": CLIENT | {"base_url": "login", "path": "/token"}},
        env={"token": "ACME_TOKEN", "identifier": "ACME_USER"},
    )
    specs = folder(tmp_path, shared, action(**ROWS))
    assert check_specs(SpecFolder(specs)) == []
    auth = ConnectorAuth(Secret(LONG), identifier="ann")
    short_lived = answer(200, {"access_token": "fake-short-lived-1-0123456789", "expires_in": 60})
    with serving(short_lived) as login, serving(answer(200, {})) as server:
        with Connector(auth, specs=specs, base_url=server.url) as acme:
            refused = acme.run("act")  # the real credential must not leave for the login of the real API
            assert (refused.outcome, refused.problem and refused.problem.field) == (
                Outcome.INVALID, "ACME_BASE_URL_LOGIN",
            )  # fmt: skip
        os.environ["ACME_BASE_URL_LOGIN"] = f"http://127.0.0.1:{login.port}/tenant"
        with Connector(auth, specs=specs, base_url=server.url) as acme:
            assert acme.run("act").outcome is Outcome.DONE
        assert [(got.method, got.path) for got in login.got] == [("POST", "/tenant/token")]
        assert LONG.encode() in login.got[0].body
        assert bearers(server) == ["Bearer fake-short-lived-1-0123456789"]
    wrong = shared | {"auth": {"exchange": CLIENT | {"base_url": "logon"}}}
    (finding,) = check_specs(SpecFolder(folder(tmp_path, wrong, action(**ROWS))))
    assert (finding.code, finding.line > 1, 'has no "logon"; did you mean login?' in finding.message) == (
        "unknown-reference", True, True,
    )  # fmt: skip
