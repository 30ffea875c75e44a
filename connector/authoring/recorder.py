"""Record examples from real calls, scrub them, and write them back into their spec."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from locoia_pat.connector import RecordingConnector
from locoia_pat.engine.examples import example_inputs, request_as_example
from locoia_pat.http.exchange_types import Response
from locoia_pat.outcomes import invalid
from locoia_pat.secrets.secret import MASK, Secret, load_json, redact
from locoia_pat.spec import yaml
from locoia_pat.testing.lint import lint
from locoia_pat.testing.secret_names import SecretNames

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from locoia_pat.engine.action import CompiledAction
    from locoia_pat.http.exchange_types import ResponseOrError
    from locoia_pat.outcomes import Result
    from locoia_pat.spec.model import Example

_KEPT_HEADERS = ("date", "link", "retry-after")
"""Headers that an outcome may depend on; all others may hold anything and are left out."""


class Recorder(RecordingConnector):
    """A connector that records exchanges, with the few headers that matter."""

    def _sanitize(self, response: ResponseOrError) -> ResponseOrError:
        if not isinstance(response, Response):
            return response
        headers = {name: value for name, value in response.headers.items() if name in _KEPT_HEADERS}
        return replace(response, headers=headers)


def record_example(
    action: CompiledAction,
    example: Example,
    connector: Recorder,
    token_to: Sequence[str],
    credential: Secret,
    *,
    harmless: Collection[str] = (),
) -> dict[str, Any]:
    """Run *example* with *connector* and return it with the request, responses and result of that run.

    Args:
        action: the action.
        example: an example of it, with inputs.
        connector: the connector that sends the requests.
        token_to: references of the token stores for a token that is created.
        credential: the credential, which must not be in the result.
        harmless: names of strings that look random and are not secrets.

    Raises:
        InvalidError: the request could not be sent, a response is incomplete, or the result may hold a secret.

    """
    connector.exchanges = []
    inputs = example_inputs(action, example)
    result = connector.run(action.spec.action, inputs, token_to=token_to)
    replies = [answer for _, answer in connector.exchanges if isinstance(answer, Response)]
    if not replies or len(replies) != len(connector.exchanges):
        problem = result.problem
        reason = problem.message if problem else "the response is incomplete"
        raise invalid(f"cannot be recorded: {reason}", field=example.name, hint=problem.hint if problem else None)
    hidden = [credential, *result.secrets.values()]
    request = request_as_example(connector.exchanges[0][0], connector.base_url)
    complete: dict[str, Any] = {
        "name": example.name,
        **({"inputs": example.inputs} if example.inputs else {}),
        "request": request,
        "reply": _reply(action, replies[0]),
        **({"pages": [_reply(action, reply) for reply in replies[1:]]} if replies[1:] else {}),
        "result": _outcome(result),
    }
    scrubbed = {key: _scrub(value, hidden) for key, value in complete.items()}
    names = {name for name, field in action.spec.inputs.items() if field.type == "password"}
    rules = SecretNames(frozenset({*action.spec.secret_keys, *names}), harmless=frozenset(harmless))
    for leak in lint(json.dumps(scrubbed), example.name, rules, live=hidden):
        raise invalid(
            f"cannot be recorded because it may hold a secret: {leak.message}",
            field=example.name,
            hint="Nothing was written. Mark it as a secret in the spec, or name it with --harmless if it is not one.",
        )
    return scrubbed


def _reply(action: CompiledAction, reply: Response) -> dict[str, Any]:
    headers = dict(reply.headers)
    try:
        body = load_json(reply.text, action.spec.secret_keys)
    except ValueError:
        body = MASK if reply.text.reveal() else None  # not JSON: its secrets cannot be found
    return {"status": reply.status, **({"headers": headers} if headers else {}), "body": body}


def _outcome(result: Result) -> dict[str, Any]:
    outcome: dict[str, Any] = {"outcome": result.outcome.value}
    if result.data is not None:
        outcome["data"] = dict(result.data)
    if result.problem is not None:
        outcome["code"] = result.problem.code
    return outcome


def _scrub(value: Any, hidden: list[Secret]) -> Any:
    """Return *value* with a fake in place of each secret, and with the secrets *hidden* redacted."""
    match value:
        case Secret():
            return "fake-secret-0001"
        case str():
            return redact(value, hidden)
        case list():
            return [_scrub(item, hidden) for item in value]
        case dict():
            return {key: _scrub(item, hidden) for key, item in value.items()}
        case _:
            return value


def replace_examples(source: yaml.Document, examples: list[dict[str, Any]]) -> str:
    """Return the text of a spec with *examples* in place of its own; the rest is not changed.

    Raises:
        InvalidError: the spec has several keys on one line, or an example cannot be written as YAML.

    """
    lines = source.text.splitlines(keepends=True)
    heads = sorted(mark for path, mark in source.keys.items() if len(path) == 1)
    start = source.keys["examples",]
    if start[1] != 1 or any(column != 1 for _, column in heads):
        raise invalid("has several top-level keys on one line, so its examples cannot be replaced", field=source.name)
    end = next((line for line, _ in heads if line > start[0]), len(lines) + 1)
    try:
        written = yaml.dump({"examples": examples})
    except ValueError:
        raise invalid("holds a value that cannot be written in a spec", field=source.name) from None
    return "".join([*lines[: start[0] - 1], written, *lines[end - 1 :]])
