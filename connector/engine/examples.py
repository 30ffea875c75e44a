"""The examples of a spec: each is one run, whose request, answer and result are told beforehand.

Pure: an example is run without a network, on a fixed day.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from locoia_pat.http.exchange_types import Response
from locoia_pat.outcomes import Finding, InvalidError
from locoia_pat.secrets.secret import Secret, revealed
from locoia_pat.spec.yaml import MAX_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from locoia_pat.engine.action import CompiledAction
    from locoia_pat.http.exchange_types import Request
    from locoia_pat.response.classify import ParsedResponse
    from locoia_pat.spec.model import Example, ExampleReply
    from locoia_pat.spec.yaml import Path

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
"""When an example happens, where its answer has no ``Date``."""
_BASE = "http://example"
_FORM = "application/x-www-form-urlencoded"
_OURS = {("accept", "application/json"), ("content-type", "application/json"), ("content-type", _FORM)}
"""Headers that no spec has to say."""
_MAX_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Run:
    """One example, run."""

    exchanges: tuple[tuple[Request, Response | None], ...]
    """What is sent, and what is answered; the last answer is None where the example does not tell it."""
    verdict: ParsedResponse | None
    """What comes of it; None where an answer is missing."""


def given(action: CompiledAction, example: Example) -> dict[str, Any]:
    """The inputs of *example*, its secrets as secrets."""
    fields = action.spec.inputs
    return {
        name: Secret(value) if name in fields and fields[name].type == "password" and isinstance(value, str) else value
        for name, value in example.inputs.items()
    }


def run(action: CompiledAction, example: Example, base_url: str = _BASE) -> Run:
    """Run *example* with the answers that it tells.

    Raises:
        InvalidError: its inputs are wrong.

    """
    inputs = action.check(given(action, example))
    request: Request | None = action.request(inputs, base_url, MAX_CHARACTERS)
    pages = action.paginator(request) if request else None
    told = [*([example.reply] if example.reply else []), *example.pages]
    exchanges: list[tuple[Request, Response | None]] = []
    verdict: ParsedResponse | None = None
    while request is not None:
        reply = _reply(told.pop(0)) if told else None
        exchanges.append((request, reply))
        if reply is None:
            return Run(tuple(exchanges), None)
        verdict = action.classify(reply, inputs, NOW)
        request = pages.advance(reply, verdict) if pages else None
    return Run(tuple(exchanges), pages.parsed() if pages else verdict)


def lacking(example: Example) -> list[str]:
    """The parts that *example* leaves out, and that a real call can fill in."""
    return [key for key in ("request", "reply", "result") if getattr(example, key) is None]


def findings(action: CompiledAction, *, whole: bool = False) -> Iterator[Finding]:
    """Where the examples of an action differ from what it does; and, for *whole* ones, what they leave out."""
    at = action.spec.document.finding
    for index, example in enumerate(action.spec.examples):
        place: Path = ("examples", index)
        if whole and (missing := lacking(example)):
            message = f"this example has no {' and no '.join(missing)}; test --record fills it in from a real call"
            yield at("bad-example", place, message)
        try:
            done = run(action, example)
        except InvalidError as error:
            field = error.problem.field or ""
            message = f"{field}: {error.problem.message}" if field else error.problem.message
            yield at("bad-example", (*place, "inputs", *field.split(".")), message)
            continue
        for path, message in _differences(example, done):
            yield at("bad-example", (*place, *path), message)


def _differences(example: Example, done: Run) -> Iterator[tuple[Path, str]]:
    if example.request is not None:
        told = example.request.model_dump()
        told["headers"] = {name.lower(): value for name, value in example.request.headers.items()}
        sent = described(done.exchanges[0][0], _BASE)
        for key, value in told.items():
            if (is_ := sent.get(key, type(value)() if isinstance(value, dict) else None)) != value:
                yield ("request", key), f"the {key} that is sent is {_shown(is_)}, not {_shown(value)}"
    if example.reply is None:
        return
    if done.verdict is None:
        sent = described(done.exchanges[-1][0], _BASE)
        yield ("pages",), f"the page that {_shown(sent)} asks for is missing"
        return
    if len(done.exchanges) <= len(example.pages):
        yield ("pages",), f"{len(done.exchanges)} requests are sent, and there are {1 + len(example.pages)} answers"
    if example.result is not None:
        for key, value in example.result.model_dump(exclude_unset=True).items():
            if (is_ := outcome_of(done.verdict)[key]) != value:
                yield ("result", key), f"the {key} is {_shown(is_)}, not {_shown(value)}"


def described(request: Request, base_url: str) -> dict[str, Any]:
    """*Request* in the words of an example; parts that are empty are left out."""
    parts = urlsplit(request.url.removeprefix(base_url))
    headers = {name: revealed(value) for name, value in request.headers}
    content = None if request.content is None else request.content.reveal()
    told: dict[str, Any] = {"method": request.method, "path": parts.path}
    if parts.query:
        told["query"] = _pairs(parts.query)
    if added := {name: value for name, value in headers.items() if (name, value) not in _OURS}:
        told["headers"] = added
    if content is not None and headers.get("content-type") == _FORM:
        told["form"] = _pairs(content)
    elif content is not None:
        told["body"] = json.loads(content)
    return told


def outcome_of(verdict: ParsedResponse) -> dict[str, Any]:
    """*Verdict* in the words of an example."""
    return {
        "outcome": verdict.outcome.value,
        "data": None if verdict.data is None else dict(verdict.data),
        "code": verdict.problem.code if verdict.problem else None,
    }


def _reply(told: ExampleReply) -> Response:
    text = told.body if isinstance(told.body, str) else "" if told.body is None else json.dumps(told.body)
    return Response(told.status, {name.lower(): value for name, value in told.headers.items()}, Secret(text))


def _pairs(query: str) -> Mapping[str, str | list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"
