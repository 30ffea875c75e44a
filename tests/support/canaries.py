"""Canaries: secrets that are new in each session, and the search for them that all tests of leaks share.

Nothing here is called ``token``: tools that mask values by the names of variables must not help.
"""

from __future__ import annotations

import base64
import json
import secrets
import string
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from locoia_pat import AsyncConnector, Connector, ConnectorAuth, ConnectorError, Outcome, Secret
from tests.security.test_credentials import forms
from tests.support.loopback import answer, created, cut, drop, send, serving
from tests.support.stores import FakeStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from locoia_pat import Result
    from locoia_pat.stores import TokenEntry, TokenStore

CREATE: dict[str, Any] = {"expiration": 30, "scopes": ["automation:view"], "note": "CI"}
WORDS = ("expiration=30", "scopes=automation:view", "note=CI")
ROTATE: dict[str, Any] = {"token_id": created()["id"], "expiration": 30}
_CUT = 8


def _random() -> str:
    letters = string.ascii_letters + string.digits
    return "a1B" + "".join(secrets.choice(letters) for _ in range(19))


@dataclass(frozen=True, repr=False)
class Canaries:
    """The credential in the request's header, and the token in the response's body."""

    credential: str
    minted: str


PLAIN = Canaries(_random(), _random())
ODD = Canaries(f'{_random()}/+=&?"\\{_random()}', f'{_random()}\\"?&=+/{_random()}')
"""With characters that encodings change."""
PAIRS = {"plain": PLAIN, "odd": ODD}


def _traces(value: str) -> set[str]:
    """Return all encoded forms of *value*, and the ends of each that identify it."""
    traces = forms(value) | {value[:_CUT], value[-_CUT:]}
    for before in range(3):  # the bytes before it shift its bits
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(bytes(before) + value.encode()).decode()[4:-4]
            traces |= {encoded[:_CUT], encoded[-_CUT:]}
    return traces


_TRACES = [
    (f"{name} {kind}", trace)
    for name, pair in PAIRS.items()
    for kind, value in (("credential", pair.credential), ("minted", pair.minted))
    for trace in _traces(value)
]


def leaks(output: str | bytes, *more: str) -> list[str]:
    """Return the names of the canaries in *output*, in any form; *more* are other values to search for."""
    text = output.decode("latin-1") if isinstance(output, bytes) else output
    traces = [*_TRACES, *(("more", trace) for value in more for trace in _traces(value))]
    return sorted({name for name, trace in traces if trace in text})


def base64_of(text: str) -> str:
    """Return *text* in base64."""
    return base64.b64encode(text.encode()).decode()


def repeated(pair: Canaries) -> str:
    """Return a message of an API that repeats both."""
    plain = f"no {pair.credential} and {pair.minted} here"
    return f"{plain}, {base64_of(pair.credential)} {base64_of(pair.minted)} {base64_of(f'robot:{pair.credential}')}"


def headers(pair: Canaries) -> dict[str, str]:
    """Return response headers that hold secrets where none belong."""
    return {
        "Location": f"https://elsewhere.example/?token={quote(pair.minted, safe='')}",
        "Set-Cookie": f"session={pair.minted}; Path=/",
        "X-Access-Token": pair.minted,
        "Retry-After": pair.minted,
        "Date": pair.minted,
        "Authentication-Info": pair.credential,
    }


def minted(pair: Canaries, **changed: Any) -> dict[str, Any]:
    """Return the response body of a create."""
    return created(token=pair.minted, **changed)


class FailingStore(FakeStore):
    """A store whose probe succeeds, and whose error message holds the token."""

    ref = "failing:store#current"

    def store(self, entry: TokenEntry, *, api: str, replaced_id: str | None = None) -> tuple[str, ...]:
        value = entry.token.reveal()
        raise ValueError(f"cannot write {value} or {base64_of(value)} of {api}, {replaced_id}")


class InterruptedStore(FailingStore):
    """A store during whose write the user presses Ctrl-C."""

    def store(self, entry: TokenEntry, *, api: str, replaced_id: str | None = None) -> tuple[str, ...]:  # noqa: ARG002  # a TokenStore's
        raise KeyboardInterrupt


@dataclass(frozen=True)
class Case:
    """One way an action ends."""

    outcome: Outcome
    scripts: Callable[[Canaries], list[Any]]
    action: str = "create_pat"
    inputs: dict[str, Any] = field(default_factory=CREATE.copy)
    stores: tuple[TokenStore, ...] = ()


_REFUSED, _UNKNOWN, _NOT_DONE = Outcome.REFUSED, Outcome.UNKNOWN, Outcome.NOT_DONE

CASES = {
    "done": Case(Outcome.DONE, lambda pair: [answer(201, minted(pair), headers(pair))]),
    "rotated": Case(Outcome.DONE, lambda pair: [answer(200, minted(pair))], "regenerate_pat", ROTATE),
    "422": Case(_REFUSED, lambda pair: [answer(422, {"message": repeated(pair)}, headers(pair))]),
    "422 with a field": Case(_REFUSED, lambda pair: [answer(422, {"detail": [{"loc": ["a"], "msg": repeated(pair)}]})]),
    "422 with the token": Case(_REFUSED, lambda pair: [answer(422, minted(pair, message=f"no {pair.minted}"))]),
    "401": Case(_REFUSED, lambda pair: [answer(401, {"error": repeated(pair)}, headers(pair))]),
    "403 in plain text": Case(_REFUSED, lambda pair: [answer(403, repeated(pair))]),
    "404 as a page": Case(_REFUSED, lambda pair: [answer(404, f"<html><title>{repeated(pair)}</title></html>")]),
    "keys": Case(_REFUSED, lambda pair: [answer(400, {"errors": {pair.minted: [pair.credential]}})]),
    "500": Case(_UNKNOWN, lambda pair: [answer(500, {"message": repeated(pair)}, headers(pair))]),
    "500 in plain text": Case(_UNKNOWN, lambda pair: [answer(500, repeated(pair))]),
    "302": Case(_UNKNOWN, lambda pair: [answer(302, {"message": repeated(pair)}, headers(pair))]),
    "307": Case(_UNKNOWN, lambda pair: [answer(307, minted(pair), headers(pair))]),
    "cut": Case(_UNKNOWN, lambda pair: [cut(201, minted(pair))]),
    "dropped": Case(_UNKNOWN, lambda _: [drop]),
    "no HTTP": Case(_UNKNOWN, lambda pair: [send(f"{repeated(pair)}\r\n\r\n".encode())]),
    "a bad status": Case(_UNKNOWN, lambda pair: [send(f"HTTP/1.1 {pair.minted} OK\r\n\r\n".encode())]),
    "a bad header": Case(_UNKNOWN, lambda pair: [send(f"HTTP/1.1 201 OK\r\n{pair.minted}\r\n\r\n".encode())]),
    "a bad length": Case(
        _UNKNOWN, lambda pair: [send(f"HTTP/1.1 201 OK\r\nContent-Length: {pair.minted}\r\n\r\n".encode())]
    ),
    "a bad chunk": Case(
        _UNKNOWN,
        lambda pair: [send(f"HTTP/1.1 201 OK\r\nTransfer-Encoding: chunked\r\n\r\n{pair.minted}\r\n".encode())],
    ),
    "packed oddly": Case(Outcome.DONE, lambda pair: [answer(201, minted(pair), {"Content-Encoding": pair.minted})]),
    "no JSON": Case(_UNKNOWN, lambda pair: [answer(201, repeated(pair))]),
    "an error in a 200": Case(
        _UNKNOWN, lambda pair: [answer(200, {"status": 200, "error": "biz_logic", "message": repeated(pair)})]
    ),
    "a refusal in a 200": Case(
        _REFUSED, lambda pair: [answer(200, {"status": 422, "error": "biz_logic", "message": repeated(pair)})]
    ),
    "429": Case(_NOT_DONE, lambda pair: [answer(429, {"message": repeated(pair)}, {"Retry-After": "9999"})]),
    "a read that fails": Case(_NOT_DONE, lambda pair: [answer(503, repeated(pair), headers(pair))], "list_pats", {}),
    "not stored": Case(
        Outcome.NOT_STORED,
        lambda pair: [answer(201, minted(pair)), answer(200, minted(pair))],
        stores=(FailingStore(),),
    ),
    "not stored nor revoked": Case(
        Outcome.NOT_STORED,
        lambda pair: [answer(201, minted(pair)), answer(500, repeated(pair))],
        stores=(FailingStore(),),
    ),
}
TIMEOUT = 10.0
"""Seconds: far more than loopback needs, however busy the machine is."""


def auth_of(pair: Canaries) -> ConnectorAuth:
    """Return the credential as a ConnectorAuth."""
    return ConnectorAuth(Secret(pair.credential))


def connector(url: str, pair: Canaries) -> Connector:
    """Return a connector with the credential."""
    return Connector(auth_of(pair), base_url=url, timeout=TIMEOUT)


def run(name: str, pair: Canaries) -> Result:
    """Run the case *name* and return its result."""
    case = CASES[name]
    with serving(*case.scripts(pair)) as server, connector(server.url, pair) as api:
        result = api.run(case.action, case.inputs, token_to=case.stores)
    assert result.outcome is case.outcome
    assert any(pair.credential in value for got in server.got for value in got.headers.values())
    return result


async def run_async(name: str, pair: Canaries) -> Result:
    """Run the case *name* in async code and return its result."""
    case = CASES[name]
    with serving(*case.scripts(pair)) as server:
        async with AsyncConnector(auth_of(pair), base_url=server.url, timeout=TIMEOUT) as api:
            result = await api.run(case.action, case.inputs, token_to=case.stores)
    assert result.outcome is case.outcome
    return result


def error_of(result: Result) -> ConnectorError | None:
    """Return the error that *result* raises, if any."""
    try:
        result.raise_for_outcome()
    except ConnectorError as error:
        return error
    return None


def chained(error: BaseException | None) -> Iterator[BaseException]:
    """Yield *error* with its causes, contexts and group members."""
    visited: set[int] = set()
    waiting = [error]
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in visited:
            continue
        visited.add(id(current))
        yield current
        waiting += [current.__cause__, current.__context__]
        waiting += current.exceptions if isinstance(current, BaseExceptionGroup) else []


def shown(value: object) -> str:
    """Return every text that *value* shows without :meth:`Secret.reveal`."""
    parts = [repr(value), str(value), f"{value}", ascii(value)]
    if isinstance(value, BaseException):
        for error in chained(value):
            parts += [
                repr(error),
                str(error),
                repr(error.args),
                repr(getattr(error, "__notes__", "")),
                repr(vars(error)),
            ]
            parts += traceback.format_exception(error)
            parts += [repr(getattr(error, name, None)) for name in ("problem", "result", "findings")]
    return "\n".join(parts)


def shown_with_error(result: Result) -> str:
    """Return every text that a result and its error show."""
    error = error_of(result)
    return "\n".join(
        [
            shown(result),
            json.dumps(result.to_dict()),
            repr([result.data, result.problem, result.warnings, result.token, result.token_refs, result.secrets]),
            shown(error) if error else "",
        ]
    )


def with_locals(error: BaseException) -> str:
    """Return the traceback of *error* with all local variables."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def files_with_canaries(folder: Path, *more: str) -> dict[str, int]:
    """Return the files below *folder* that hold a canary, with their modes."""
    return {
        str(path.relative_to(folder)): path.stat().st_mode & 0o777
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and leaks(path.read_bytes(), *more)
    }
