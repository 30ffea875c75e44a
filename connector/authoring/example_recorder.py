"""Record examples from real calls, scrub them, and write them back into their spec."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from locoia_pat.connector import RecordingConnector
from locoia_pat.engine.examples import checked_inputs, example_inputs, missing_parts, request_as_example
from locoia_pat.http.exchange_types import Response
from locoia_pat.outcomes import invalid
from locoia_pat.response.outputs import get_path
from locoia_pat.secrets.secret import MASK, Secret, load_json, redact
from locoia_pat.spec import yaml
from locoia_pat.testing.lint import lint
from locoia_pat.testing.secret_names import SecretNames

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from locoia_pat.engine.action import CompiledAction
    from locoia_pat.http.exchange_types import ResponseOrError
    from locoia_pat.outcomes import Result
    from locoia_pat.spec.model import Example

_KEPT_HEADERS = ("date", "link", "retry-after")
"""Headers that any outcome may depend on; all others that no output is read from are left out."""


class Recorder(RecordingConnector):
    """A connector that records exchanges, with the few headers that matter."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Create a connector as :class:`locoia_pat.Connector` does."""
        super().__init__(*args, **options)
        self._kept_headers = {*_KEPT_HEADERS}

    def check(self, recording: Recording) -> None:
        """Check all that can be checked of *recording* before a request is sent: its inputs and its token stores.

        Raises:
            InvalidError: it cannot be recorded.

        """
        action = recording.action
        outputs = action.spec.reply.output.values()
        self._kept_headers |= {output.header.lower() for output in outputs if output.header}
        if action.spec.poll is not None:
            self._kept_headers |= {"location", (action.spec.poll.header or "location").lower()}
        run = self._engine.prepare(action.spec.action, recording.inputs)
        replaced_id = run.inputs[action.spec.replaces] if action.spec.replaces else None
        self._engine.probe_stores(action, replaced_id, recording.token_to, replace_current=False)

    def base_url_of(self, action: CompiledAction) -> str:
        """Return the base URL of the requests of *action*."""
        return self._engine.base_url_of(action.spec)

    def _sanitize(self, response: ResponseOrError) -> ResponseOrError:
        if not isinstance(response, Response):
            return response
        headers = {name: value for name, value in response.headers.items() if name in self._kept_headers}
        return replace(response, headers=headers)


@dataclass(frozen=True, slots=True)
class Recording:
    """An example that a real call completes."""

    action: CompiledAction
    index: int
    """The position of the example in its spec."""
    inputs: dict[str, Any]
    """Those of the example, with real secrets in place of its fakes."""
    token_to: tuple[str, ...]
    """The token stores, if the action creates a token."""

    @property
    def example(self) -> Example:
        """The example."""
        return self.action.spec.examples[self.index]


def plan_recordings(
    actions: Iterable[CompiledAction], token_to: Sequence[str], secrets: Mapping[str, Secret]
) -> list[Recording]:
    """Return what is to be recorded: the incomplete examples of *actions*.

    Args:
        actions: the actions.
        token_to: references of the token stores for the tokens that are created; ``{example}`` in one is replaced by
            the name of the action and the number of the example, such as ``create_key-1``.
        secrets: the real values of secret inputs, by name; the examples keep their fakes.

    Raises:
        InvalidError: a token would have no store, or two tokens the same one; or an example cannot be replaced.

    """
    recordings = []
    taken: set[str] = set()
    for action in actions:
        indices = [index for index, example in enumerate(action.spec.examples) if missing_parts(example)]
        if indices:
            replace_examples(action.spec.document, [])  # fails here, before a request is sent
        for index in indices:
            refs = tuple(ref.replace("{example}", f"{action.spec.action}-{index + 1}") for ref in token_to)
            if action.spec.secrets and not refs:
                hint = "Pass a token store with --token-to file:PATH."
                raise invalid(
                    f"{action.spec.action} creates a token, and no token store was given", field="token_to", hint=hint
                )
            if action.spec.secrets and not taken.isdisjoint(refs):
                raise invalid(
                    "several examples create tokens, and they would go to the same store",
                    field="token_to",
                    hint="Give each a store of its own: --token-to 'file:tokens/{example}.json'.",
                )
            taken.update(refs if action.spec.secrets else ())
            inputs = example_inputs(action, action.spec.examples[index])
            inputs |= {name: secret for name, secret in secrets.items() if name in inputs}
            recordings.append(Recording(action, index, inputs, refs if action.spec.secrets else ()))
    return recordings


def record_example(
    recording: Recording, connector: Recorder, credential: Secret, *, harmless: Collection[str] = ()
) -> dict[str, Any]:
    """Run an example with *connector* and return it with the request, responses and result of that run.

    Args:
        recording: the example.
        connector: the connector that sends the requests.
        credential: the credential, which must not be in the result.
        harmless: names of strings that look random and are not secrets.

    Raises:
        InvalidError: the request could not be sent, a response is incomplete, or the result may hold a secret.

    """
    action, example = recording.action, recording.example
    connector.exchanges = []
    result = connector.run(action.spec.action, recording.inputs, token_to=recording.token_to)
    replies = [answer for _, answer in connector.exchanges if isinstance(answer, Response)]
    if not replies or len(replies) != len(connector.exchanges):
        problem = result.problem
        reason = problem.message if problem else "the response is incomplete"
        raise invalid(f"cannot be recorded: {reason}", field=example.name, hint=problem.hint if problem else None)
    fakes = example_inputs(action, example)
    real = [secret for name, secret in recording.inputs.items() if isinstance(secret, Secret) and secret != fakes[name]]
    hidden = [credential, *result.secrets.values(), *real]
    base_url = connector.base_url_of(action)
    request = request_as_example(action.request(checked_inputs(action, example), base_url), base_url)
    complete: dict[str, Any] = {
        "name": example.name,
        **({"inputs": example.inputs} if example.inputs else {}),
        "request": request,
        "reply": _reply(action, replies[0], base_url),
        **({"pages": [_reply(action, reply, base_url) for reply in replies[1:]]} if replies[1:] else {}),
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


def _reply(action: CompiledAction, reply: Response, base_url: str) -> dict[str, Any]:
    secret = {output.header.lower() for output in action.spec.reply.output.values() if output.header and output.secret}
    headers = {
        name: Secret(value)
        if name in secret
        else re.sub(r"<([^>]*)>", lambda link: f"<{_without_host(link[1], base_url)}>", _without_host(value, base_url))
        for name, value in reply.headers.items()
    }
    try:
        body = load_json(reply.text, action.spec.secret_keys)
    except ValueError:
        body = MASK if reply.text.reveal() else None  # not JSON: its secrets cannot be found
    pages, poll = action.spec.pages, action.spec.poll
    at = pages.at if pages and pages.by == "link" else poll.at if poll else None
    if at and isinstance(url := get_path(body, at), str):
        body = _replaced(body, url, _without_host(url, base_url))
    return {"status": reply.status, **({"headers": headers} if headers else {}), "body": body}


def _without_host(url: str, base_url: str) -> str:
    """Return *url* without the base URL, or without its host or path: an example has neither."""
    base = urlsplit(base_url)
    for prefix in (base_url, f"{base.scheme}://{base.netloc}", base.path):
        if prefix and url.startswith((f"{prefix}/", f"{prefix}?")):
            return url.removeprefix(prefix)
    return url


def _replaced(value: Any, old: str, new: str) -> Any:
    match value:
        case list():
            return [_replaced(item, old, new) for item in value]
        case dict():
            return {key: _replaced(item, old, new) for key, item in value.items()}
        case _:
            return new if value == old else value


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
