"""Examples recorded from real calls, scrubbed, and put back into the text of their spec."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from locoia_pat.connector import RecordingConnector
from locoia_pat.engine.examples import described, given
from locoia_pat.http.exchange_types import Response
from locoia_pat.outcomes import invalid
from locoia_pat.secrets.secret import MASK, Secret, load_json, redact
from locoia_pat.spec import yaml as document
from locoia_pat.testing.lint import lint
from locoia_pat.testing.secret_names import SecretNames

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from locoia_pat.engine.action import CompiledAction
    from locoia_pat.http.exchange_types import ResponseOrError
    from locoia_pat.outcomes import Result
    from locoia_pat.spec.model import Example

_KEPT_HEADERS = ("date", "link", "retry-after")
"""What an outcome may depend on; all others are left out, for who knows what they hold."""


class Recorder(RecordingConnector):
    """A witness that keeps no header but those that matter."""

    def _sanitize(self, answer: ResponseOrError) -> ResponseOrError:
        if not isinstance(answer, Response):
            return answer
        return replace(answer, headers={name: value for name, value in answer.headers.items() if name in _KEPT_HEADERS})


def recorded(
    action: CompiledAction,
    example: Example,
    connector: Recorder,
    token_to: Sequence[str],
    credential: Secret,
    *,
    harmless: Collection[str] = (),
) -> dict[str, Any]:
    """*Example*, run for real by *connector*: its inputs, and what was sent, answered and made of it.

    Texts under the names *harmless* look random and are no secrets.

    Raises:
        InvalidError: it could not be sent, no whole answer came, or what came may hold a secret.

    """
    connector.exchanges = []
    inputs = given(action, example)
    result = connector.run(action.spec.action, inputs, token_to=token_to)
    replies = [answer for _, answer in connector.exchanges if isinstance(answer, Response)]
    if not replies or len(replies) != len(connector.exchanges):
        problem = result.problem
        told = problem.message if problem else "no whole answer came"
        raise invalid(f"cannot be recorded: {told}", field=example.name, hint=problem.hint if problem else None)
    hidden = [credential, *result.secrets.values()]
    request = described(connector.exchanges[0][0], connector.base_url)
    whole: dict[str, Any] = {
        "name": example.name,
        **({"inputs": example.inputs} if example.inputs else {}),
        "request": request,
        "reply": _told(action, replies[0]),
        **({"pages": [_told(action, reply) for reply in replies[1:]]} if replies[1:] else {}),
        "result": _outcome(result),
    }
    scrubbed = {key: _scrubbed(value, hidden) for key, value in whole.items()}
    names = {name for name, field in action.spec.inputs.items() if field.type == "password"}
    rules = SecretNames(frozenset({*action.spec.sealed, *names}), harmless=frozenset(harmless))
    for leak in lint(json.dumps(scrubbed), example.name, rules, live=hidden):
        raise invalid(
            f"cannot be recorded, for it may hold a secret: {leak.message}",
            field=example.name,
            hint="Nothing was written. Mark it as a secret in the spec, or name it with --harmless if it is none.",
        )
    return scrubbed


def _told(action: CompiledAction, reply: Response) -> dict[str, Any]:
    headers = dict(reply.headers)
    try:
        body = load_json(reply.text, action.spec.sealed)
    except ValueError:
        body = MASK if reply.text.reveal() else None  # no JSON: nobody knows what it holds
    return {"status": reply.status, **({"headers": headers} if headers else {}), "body": body}


def _outcome(result: Result) -> dict[str, Any]:
    told: dict[str, Any] = {"outcome": result.outcome.value}
    if result.data is not None:
        told["data"] = dict(result.data)
    if result.problem is not None:
        told["code"] = result.problem.code
    return told


def _scrubbed(value: Any, hidden: list[Secret]) -> Any:
    """*Value* with a fake in place of each secret, and without any form of those *hidden*."""
    match value:
        case Secret():
            return "fake-secret-0001"
        case str():
            return redact(value, hidden)
        case list():
            return [_scrubbed(item, hidden) for item in value]
        case dict():
            return {key: _scrubbed(item, hidden) for key, item in value.items()}
        case _:
            return value


def with_examples(source: document.Document, examples: list[dict[str, Any]]) -> str:
    """The text of a spec with *examples* in place of those that stand there; the rest stays as it is.

    Raises:
        InvalidError: the spec is written in one line, or YAML cannot say an example.

    """
    lines = source.text.splitlines(keepends=True)
    heads = sorted(mark for path, mark in source.keys.items() if len(path) == 1)
    start = source.keys["examples",]
    if start[1] != 1 or any(column != 1 for _, column in heads):
        raise invalid("is not written one key a line, so its examples cannot be put back", field=source.name)
    end = next((line for line, _ in heads if line > start[0]), len(lines) + 1)
    try:
        written = document.write({"examples": examples})
    except ValueError:
        raise invalid("holds a value that a spec cannot say", field=source.name) from None
    return "".join([*lines[: start[0] - 1], written, *lines[end - 1 :]])
