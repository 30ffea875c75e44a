"""The network edge: what is sent where, over which connection."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from locoia_pat import AsyncConnector, Connector, ConnectorAuth, InvalidError, Outcome, Secret, SpecError
from locoia_pat.http.exchange_types import Request, TransportError
from locoia_pat.http.transport import HttpTransport
from tests.support.loopback import TOKEN, answer, created, raw, send, serving

CREDENTIAL = "fake-credential-0123456789abcdef"
HEADER = ("authorization", Secret(f"Bearer {CREDENTIAL}"))
CREATE = {"expiration": None, "scopes": ["automation:view", "embed"], "note": 'say "hi"\n'}


def connector(url: str, **options: Any) -> Connector:
    return Connector(ConnectorAuth(Secret(CREDENTIAL)), base_url=url, **options)


def test_a_create_is_one_post_with_json_and_a_bearer() -> None:
    with serving(answer(201, created())) as server, connector(server.url) as api:
        api.run("create_pat", CREATE)
    (got,) = server.got
    assert (got.method, got.path) == ("POST", "/v1/personal-access-tokens")
    assert got.json == CREATE
    assert got.headers["authorization"] == f"Bearer {CREDENTIAL}"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["accept"] == "application/json"
    assert got.headers["user-agent"].startswith("locoia-pat/")


def test_a_read_sends_no_body() -> None:
    with serving(answer(200, [])) as server, connector(server.url) as api:
        assert api.run("list_pats").data == {"tokens": []}
    assert server.got[0].body == b""
    assert "content-type" not in server.got[0].headers


def test_actions_share_one_connection() -> None:
    with serving(answer(200, [])) as server, connector(server.url) as api:
        for _ in range(5):
            api.run("list_pats")
    assert (len(server.got), server.connections) == (5, 1)


def test_async_actions_share_one_connection() -> None:
    async def main(url: str) -> None:
        async with AsyncConnector(ConnectorAuth(Secret(CREDENTIAL)), base_url=url) as api:
            assert (await api.plan("list_pats")).method == "GET"
            for _ in range(5):
                await api.run("list_pats")

    with serving(answer(200, [])) as server:
        asyncio.run(main(server.url))
    assert (len(server.got), server.connections) == (5, 1)


def test_a_connector_that_sent_nothing_closes_as_well() -> None:
    async def main() -> None:
        async with AsyncConnector():
            pass

    asyncio.run(main())
    with Connector():
        pass


def test_one_connector_serves_many_threads() -> None:
    with serving(answer(201, created())) as server, connector(server.url) as api:
        api.run("list_pats")
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda _: api.run("create_pat", CREATE), range(40)))
    assert {result.outcome for result in results} == {Outcome.DONE}
    assert len(server.got) == 41


def test_a_redirect_is_not_followed_with_the_credential() -> None:
    with serving(answer(200, [])) as other:
        location = {"Location": f"{other.url}/personal-access-tokens"}
        with serving(answer(307, None, location)) as server, connector(server.url) as api:
            result = api.run("list_pats")
    assert result.outcome is Outcome.NOT_DONE
    assert other.got == []
    assert result.problem is not None
    assert "not followed" in result.problem.message


def test_loopback_is_never_reached_through_a_proxy() -> None:
    with serving(answer(200, [])) as proxy, serving(answer(200, [])) as server:
        os.environ.update(http_proxy=proxy.url, HTTP_PROXY=proxy.url, ALL_PROXY=proxy.url)
        with connector(server.url) as api:
            assert api.run("list_pats").outcome is Outcome.DONE
    assert proxy.got == []


def test_another_host_is_reached_through_the_proxy_of_the_usual_variables() -> None:
    with serving(answer(502)) as proxy:
        os.environ["HTTPS_PROXY"] = f"http://127.0.0.1:{proxy.port}"
        with connector("https://api.locoia.com/v1") as api:
            result = api.run("create_pat", CREATE)
    assert result.outcome is Outcome.NOT_DONE  # the tunnel was refused, so the request never left
    assert proxy.got[0].method == "CONNECT"
    assert "authorization" not in proxy.got[0].headers


@pytest.mark.parametrize(
    ("exempt", "through"),
    [
        ("", True),
        ("other.example,127.2", True),
        ("27.1", True),
        ("127.1", False),
        ("other.example, 127.1", False),
        ("127.1:{port}", False),
        ("127.1:1", True),
        ("*", False),
    ],
)
def test_no_proxy_names_hosts_that_are_reached_directly(exempt: str, through: bool) -> None:
    with serving(answer(502)) as proxy, serving() as server:
        os.environ.update(ALL_PROXY=f"127.0.0.1:{proxy.port}", NO_PROXY=exempt.format(port=server.port))
        executor = HttpTransport(f"https://127.1:{server.port}")  # a host that is not known to be this computer, and is
        failure = executor.send(Request("GET", f"https://127.1:{server.port}/x"), HEADER, 5)
        executor.close()
    assert isinstance(failure, TransportError)
    assert not failure.sent
    assert [got.method for got in proxy.got] == (["CONNECT"] if through else [])


@pytest.mark.parametrize(
    "wrong", ["ftp://anna:secret@proxy.example", "http://anna:secret@[::1", "socks5://proxy.example"]
)
def test_a_proxy_that_cannot_be_used_is_told_without_its_password(wrong: str) -> None:
    os.environ["HTTPS_PROXY"] = wrong
    with connector("https://api.locoia.com/v1") as api:
        result = api.run("create_pat", CREATE)
    assert result.outcome is Outcome.NOT_DONE
    assert "the proxy in the environment is not an http or https URL" in str(result.problem)
    assert "secret" not in str(result.to_dict())


def test_cookies_are_not_kept() -> None:
    with serving(answer(200, [], {"Set-Cookie": "session=1"})) as server, connector(server.url) as api:
        api.run("list_pats")
        api.run("list_pats")
    assert "cookie" not in server.got[1].headers


def test_tls_is_checked() -> None:
    with (
        serving(send(b"HTTP/1.1 200 OK\r\n\r\n")) as server,
        connector(f"https://127.0.0.1:{server.port}/v1") as api,
    ):
        result = api.run("create_pat", CREATE)
    assert (result.outcome, server.got) == (Outcome.NOT_DONE, [])


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://anna:secret@api.locoia.com/v1", "contains a credential"),
        ("http://api.locoia.com/v1", "is plain http"),
        ("https://evil.example/v1", "is not a host of this connector"),
        ("ftp://api.locoia.com", "is not an http or https URL"),
    ],
)
def test_a_base_address_that_would_leak_the_credential_is_invalid(url: str, words: str) -> None:
    os.environ["LOCOIA_BASE_URL"] = url
    result = Connector(ConnectorAuth(Secret(CREDENTIAL))).run("list_pats")
    assert (result.outcome, result.attempts, result.api) == (Outcome.INVALID, 0, None)
    assert result.problem is not None
    assert result.problem.field == "LOCOIA_BASE_URL"
    assert words in result.problem.message
    assert "secret" not in str(result.to_dict())


def test_the_base_address_comes_from_the_argument_then_the_variable_then_the_spec() -> None:
    assert Connector().plan("list_pats").url == "https://api.locoia.com/v1/personal-access-tokens"
    os.environ["LOCOIA_BASE_URL"] = "http://localhost:1/v1/"
    assert Connector().plan("list_pats").url == "http://localhost:1/v1/personal-access-tokens"
    given = Connector(base_url="http://[::1]:2/v1").plan("list_pats")
    assert given.url == "http://[::1]:2/v1/personal-access-tokens"


def test_a_plan_needs_no_credential_and_shows_none() -> None:
    plan = Connector().plan("create_pat", CREATE)
    assert plan.to_dict() == {
        "action": "create_pat",
        "effect": "create",
        "method": "POST",
        "url": "https://api.locoia.com/v1/personal-access-tokens",
        "headers": {
            "accept": "application/json",
            "content-type": "application/json",
            "authorization": "«secret»",
        },
        "body": CREATE,
        "retry": "sent once; up to 3 attempts only if the request provably never left, or after 429",
        "template_uses": [
            {"location": f"body.{name}", "template": f"{{{{ {name} }}}}", "inputs": [name]}
            for name in ("expiration", "scopes", "note")
        ],
        "curl": (
            "curl --request POST --header 'accept: application/json' --header 'content-type: application/json'"
            f" --header \"authorization: Bearer $LOCOIA_TOKEN\" --data-raw '{json.dumps(CREATE)}'"
            " https://api.locoia.com/v1/personal-access-tokens"
        ),
    }


def test_the_credential_comes_from_the_variable_or_its_file(tmp_path: Any) -> None:
    file = tmp_path / "token"
    file.write_text(f"{CREDENTIAL}\r\n")
    with serving(answer(200, [])) as server, Connector(base_url=server.url) as api:
        missing = api.run("list_pats")
        os.environ["LOCOIA_TOKEN_FILE"] = str(file)
        api.run("list_pats")
        os.environ["LOCOIA_TOKEN"] = "fake-from-the-variable"  # no secret
        api.run("list_pats")
        assert os.environ["LOCOIA_TOKEN"]  # Python leaves it in place
    assert [got.headers["authorization"] for got in server.got] == [
        f"Bearer {CREDENTIAL}",
        "Bearer fake-from-the-variable",
    ]
    assert missing.problem is not None
    assert "LOCOIA_TOKEN" in (missing.problem.hint or "")


@pytest.mark.parametrize("text", ["", "two words", "Bearer fake", "tökentökentökentöken", "a\nb"])
def test_a_malformed_credential_is_invalid_and_not_repeated(text: str) -> None:
    os.environ["LOCOIA_TOKEN"] = text
    with serving(answer(200, [])) as server:
        result = Connector(base_url=server.url).run("list_pats")
    assert (result.outcome, server.got) == (Outcome.INVALID, [])
    assert not text or text not in str(result.to_dict())
    with pytest.raises(InvalidError):
        ConnectorAuth(Secret(text))


def test_a_connector_auth_does_not_show_its_credential() -> None:
    assert CREDENTIAL not in repr(ConnectorAuth(Secret(CREDENTIAL)))


def locals_below_this_file(error: BaseException | None) -> str:
    """The local variables that a tool would show of an error and what it hangs on to."""
    shown = ""
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename != __file__:
                shown += f"{frame.f_code.co_name}: {frame.f_locals!r}\n"
        error = error.__cause__ or error.__context__
    return shown


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_an_interrupt_carries_no_secret_out_of_the_executor(kind: str) -> None:
    """Ctrl-C while an answer comes in: the traceback shows neither the credential nor the token."""
    half = raw(201, created())[:-2]
    pressed = threading.Event()

    def press() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        pressed.set()

    def interrupt(connection: Any) -> bool:
        connection.sendall(half)
        threading.Timer(0.2, press).start()
        pressed.wait(30)
        return threading.Event().wait(2)  # the response never ends by itself

    async def main(url: str) -> None:
        async with AsyncConnector(ConnectorAuth(Secret(CREDENTIAL)), base_url=url) as api:
            await api.run("create_pat", CREATE)

    with serving(interrupt) as server:
        try:
            if kind == "async":
                asyncio.run(main(server.url))
            else:
                with connector(server.url) as api:
                    api.run("create_pat", CREATE)
        except KeyboardInterrupt as error:
            shown = locals_below_this_file(error)
        else:
            pytest.fail("the interrupt was lost")
    assert shown
    assert CREDENTIAL not in shown
    assert TOKEN not in shown


AUTH_SPECS = {
    "unknown name": ('auth: {token_format: "{{ tokn }}"}', "8:22: unknown-name", "did you mean token?"),
    "no template": ('auth: {token_prefix: "{{ token_format"}', "8:22: template-syntax", "invalid template"),
    "without quotes": ("auth:\n  token_prefix: Bearer {{ tokn }}", "9:27: unknown-name", 'unknown name "tokn"'),
}


@pytest.mark.parametrize(("line", "place", "words"), AUTH_SPECS.values(), ids=AUTH_SPECS)
def test_a_wrong_auth_template_is_a_finding_in_connector_yaml(tmp_path: Any, line: str, place: str, words: str) -> None:
    (tmp_path / "connector.yaml").write_text(
        "spec: 1\nconnector: acme\ntitle: Acme\nversion: 1.0.0\nbase_url: https://api.acme.example\n"
        f"hosts: [api.acme.example]\nenv: {{token: ACME_TOKEN}}\n{line}\n"
    )
    (tmp_path / "ping.yaml").write_text(
        "spec: 1\naction: ping\ntitle: Ping\nsummary: Ping it.\neffect: read\n"
        "request: {method: GET, path: /ping}\nreply: {ok: [200], output: {pong: {type: text}}}\n"
    )
    result = Connector(ConnectorAuth(Secret(CREDENTIAL)), specs=tmp_path).run("ping")
    assert result.outcome is Outcome.INVALID
    assert result.problem is not None
    assert f"connector.yaml:{place} " in result.problem.message
    assert words in result.problem.message
    with pytest.raises(SpecError):
        Connector(specs=tmp_path).plan("ping")


def test_a_connector_that_was_closed_opens_again() -> None:
    with serving(answer(200, [])) as server, connector(server.url) as api:
        api.run("list_pats")
        api.close()
        assert api.run("list_pats").outcome is Outcome.DONE


def test_a_token_that_is_no_secret_is_refused_by_its_type() -> None:
    with pytest.raises(TypeError, match="Secret") as caught:
        ConnectorAuth(CREDENTIAL)  # type: ignore[arg-type]  # is the mistake
    assert CREDENTIAL not in str(caught.value)


def test_an_empty_variable_is_no_credential_and_a_file_may_be_named_as_a_ref(tmp_path: Any) -> None:
    (tmp_path / "token").write_text(CREDENTIAL)
    os.environ.update(LOCOIA_TOKEN="", LOCOIA_TOKEN_FILE=f"file:{tmp_path}/token")
    with serving(answer(200, [])) as server, Connector(base_url=server.url) as api:
        assert api.run("list_pats").outcome is Outcome.DONE


def test_a_token_is_not_sent_to_another_host_than_it_was_minted_at(tmp_path: Any) -> None:
    record = '{"v": 1, "api": "%s", "current": {"token": "' + CREDENTIAL + '"}}'
    auth = ConnectorAuth.from_ref(f"file:{tmp_path}/t")
    with serving(answer(200, [])) as server, Connector(auth, base_url=server.url) as api:
        (tmp_path / "t").write_text(record % "https://api.locoia.com/v1")
        result = api.run("list_pats")
        assert (result.outcome, server.got) == (Outcome.INVALID, [])
        assert result.problem is not None
        assert "https://api.locoia.com/v1" in result.problem.message
        (tmp_path / "t").write_text(record % "http://localhost:1/v1")  # this computer, by another name and port
        assert api.run("list_pats").outcome is Outcome.DONE


def test_a_credential_that_changes_into_one_of_another_host_is_not_sent(tmp_path: Any) -> None:
    place = tmp_path / "t"
    place.write_text("the-credential-before-it-was-rotated")

    def rotate(connection: Any) -> bool:
        place.write_text('{"v": 1, "api": "https://api.locoia.com/v1", "current": {"token": "' + CREDENTIAL + '"}}')
        return bool(answer(401)(connection))

    auth = ConnectorAuth.from_ref(f"file:{place}")
    with serving(rotate) as server, Connector(auth, base_url=server.url) as api:
        assert api.run("list_pats").outcome is Outcome.REFUSED
    assert len(server.got) == 1
