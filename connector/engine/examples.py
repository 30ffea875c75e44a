"""Runs the examples of a spec and compares them: each states a request, its responses and the result.

Pure: an example is run without a network, on a fixed day.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from locoia_pat.http.exchange_types import Response
from locoia_pat.outcomes import Finding, InvalidError, invalid
from locoia_pat.request.builder import IDENTIFIER, MULTIPART
from locoia_pat.secrets.secret import Secret, revealed
from locoia_pat.spec.yaml import MAX_CHARACTERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from locoia_pat.engine.action import CompiledAction
    from locoia_pat.http.exchange_types import Request
    from locoia_pat.response.classify import ParsedResponse
    from locoia_pat.spec.model import Example, ExampleReply
    from locoia_pat.spec.yaml import Path

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
"""The time of an example whose response has no ``Date``."""
_BASE = "http://example"
_FORM = "application/x-www-form-urlencoded"
_DEFAULT_HEADERS = {
    ("accept", "application/json"),
    ("content-type", "application/json"),
    ("content-type", _FORM),
    ("content-type", MULTIPART),
}
"""Headers that an example need not state."""
_MAX_SHOWN = 200


@dataclass(frozen=True, slots=True)
class ExampleRun:
    """What an example does."""

    exchanges: tuple[tuple[Request, Response | None], ...]
    """Each request with its response; the last response is None if the example does not state it."""
    parsed: ParsedResponse | None
    """The result; None if a response is missing."""


def example_inputs(action: CompiledAction, example: Example) -> dict[str, Any]:
    """Return the inputs of *example*, with secret ones as :class:`Secret`, without the identifier of the connector."""
    fields = action.spec.inputs
    return {
        name: Secret(value) if name in fields and fields[name].type == "password" and isinstance(value, str) else value
        for name, value in example.inputs.items()
        if name in fields or not (name == IDENTIFIER and action.is_identified)
    }


def checked_inputs(action: CompiledAction, example: Example) -> dict[str, Any]:
    """Return the inputs of *example*, complete and typed, with the identifier of the connector if the request has it.

    Raises:
        InvalidError: one is wrong, missing or unknown.

    """

    def identifier() -> str:
        value = example.inputs.get(IDENTIFIER)
        if not isinstance(value, str) or not value:
            raise invalid("required, because the request has it", field=IDENTIFIER)
        return value

    inputs = action.check(example_inputs(action, example))
    return {**inputs, IDENTIFIER: identifier()} if action.is_identified else inputs


def run_example(action: CompiledAction, example: Example, base_url: str = _BASE) -> ExampleRun:
    """Run *example* with the responses that it states.

    Raises:
        InvalidError: its inputs are wrong.

    """
    inputs = checked_inputs(action, example)
    request: Request | None = action.request(inputs, base_url, MAX_CHARACTERS)
    follower = action.follower(request, inputs, base_url, NOW) if request else None
    stated = [*([example.reply] if example.reply else []), *example.pages]
    exchanges: list[tuple[Request, Response | None]] = []
    parsed: ParsedResponse | None = None
    while request is not None:
        response = _response(stated.pop(0)) if stated else None
        exchanges.append((request, response))
        if response is None:
            return ExampleRun(tuple(exchanges), None)
        parsed = action.classify(response, inputs, NOW)
        request = follower.advance(response, parsed) if follower else None
    return ExampleRun(tuple(exchanges), follower.parsed() if follower else parsed)


def missing_parts(example: Example) -> list[str]:
    """Return the parts that *example* does not state, which a recorded call can fill in."""
    return [key for key in ("request", "reply", "result") if getattr(example, key) is None]


def example_findings(action: CompiledAction, *, whole: bool = False) -> Iterator[Finding]:
    """Yield where the examples of an action differ from what it does, and with *whole* which parts they lack."""
    finding = action.spec.document.finding
    for index, example in enumerate(action.spec.examples):
        path: Path = ("examples", index)
        if whole and (missing := missing_parts(example)):
            message = f"this example has no {' and no '.join(missing)}; test --record fills it in from a real call"
            yield finding("bad-example", path, message)
        try:
            done = run_example(action, example)
        except InvalidError as error:
            field = error.problem.field or ""
            message = f"{field}: {error.problem.message}" if field else error.problem.message
            yield finding("bad-example", (*path, "inputs", *field.split(".")), message)
            continue
        for inner, message in _differences(example, done):
            yield finding("bad-example", (*path, *inner), message)


def _differences(example: Example, done: ExampleRun) -> Iterator[tuple[Path, str]]:
    if example.request is not None:
        stated = example.request.model_dump()
        stated["headers"] = {name.lower(): value for name, value in example.request.headers.items()}
        sent = request_as_example(done.exchanges[0][0], _BASE)
        for key, value in stated.items():
            if (actual := sent.get(key, type(value)() if isinstance(value, dict) else None)) != value:
                yield ("request", key), f"the {key} that is sent is {_shorten(actual)}, not {_shorten(value)}"
    if example.reply is None:
        return
    if done.parsed is None:
        sent = request_as_example(done.exchanges[-1][0], _BASE)
        yield ("pages",), f"the response to {_shorten(sent)} is missing"
        return
    if len(done.exchanges) <= len(example.pages):
        yield ("pages",), f"{len(done.exchanges)} requests are sent, but there are {1 + len(example.pages)} responses"
    if example.result is not None:
        for key, value in example.result.model_dump(exclude_unset=True).items():
            if (actual := _result_as_example(done.parsed)[key]) != value:
                yield ("result", key), f"the {key} is {_shorten(actual)}, not {_shorten(value)}"


def request_as_example(request: Request, base_url: str) -> dict[str, Any]:
    """Return *request* in the form of an example, without its empty parts."""
    url = urlsplit(request.url.removeprefix(base_url))
    headers = {name: revealed(value) for name, value in request.headers}
    content = None if request.content is None else request.content.reveal()
    parts: dict[str, Any] = {"method": request.method, "path": url.path}
    if url.query:
        parts["query"] = _pairs(url.query)
    if added := {name: value for name, value in headers.items() if (name, value) not in _DEFAULT_HEADERS}:
        parts["headers"] = added
    if request.upload is not None:
        parts["file"] = request.upload.path
        fields = [(name, revealed(value)) for name, value in request.upload.fields]
        parts |= {"form": _grouped(fields)} if fields else {}
    elif content is not None and headers.get("content-type") == _FORM:
        parts["form"] = _pairs(content)
    elif content is not None:
        parts["body"] = json.loads(content)
    return parts


def _result_as_example(parsed: ParsedResponse) -> dict[str, Any]:
    return {
        "outcome": parsed.outcome.value,
        "data": None if parsed.data is None else dict(parsed.data),
        "code": parsed.problem.code if parsed.problem else None,
    }


def _response(stated: ExampleReply) -> Response:
    body = stated.body
    text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    return Response(stated.status, {name.lower(): value for name, value in stated.headers.items()}, Secret(text))


def _pairs(query: str) -> Mapping[str, str | list[str]]:
    return _grouped(parse_qsl(query, keep_blank_values=True))


def _grouped(fields: Iterable[tuple[str, str]]) -> Mapping[str, str | list[str]]:
    pairs: dict[str, list[str]] = {}
    for name, value in fields:
        pairs.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in pairs.items()}


def _shorten(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"
