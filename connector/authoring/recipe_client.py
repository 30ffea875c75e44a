"""What arazzo-runner takes for an HTTP client: it sends the request of a step as a run of its action.

The runner gets a placeholder for each secret, in inputs and in responses; the value is put in when a request is sent.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from locoia_pat.engine.auth import ConnectorAuth
from locoia_pat.engine.compiled_specs import ready_connector
from locoia_pat.http.exchange_types import Request, Response
from locoia_pat.outcomes import InvalidError, Outcome, Result, invalid
from locoia_pat.secrets.secret import MASK, Secret, redact, redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from locoia_pat.connector import RecordingConnector
    from locoia_pat.spec.model import ActionSpec

_SEGMENT = r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*"
"""A value in a path, which the runner does not encode."""
_HEADERS_OF_ENGINE = {"content-type", "accept"}


class RecipeStep(NamedTuple):
    """A step that ran."""

    name: str
    result: Result
    is_met: bool
    """Whether its success criteria were met."""

    @property
    def is_usable(self) -> bool:
        """Whether the API did what was asked, and the recipe is content with the response."""
        return self.is_met and self.result.outcome is Outcome.DONE


class Reply:
    """A response as the runner reads it, with placeholders for secrets."""

    def __init__(self, status: int, value: Any, text: str) -> None:
        self.status_code = status
        self.text = text
        self.content = text.encode()
        self.headers = {"Content-Type": "text/plain" if value is None else "application/json"}
        self._value = value

    def json(self) -> Any:
        """Return the parsed body."""
        return self._value


class RecipeClient:
    """Sends the requests of one run of a recipe, and keeps its steps."""

    def __init__(
        self, connector: RecordingConnector, actions: Mapping[str, ActionSpec], paths: Mapping[str, str]
    ) -> None:
        """Send with *connector*; *actions* has the action of each step, and *paths* the path of each action."""
        self._connector, self._actions, self._paths = connector, actions, paths
        self._auth_header = ready_connector(connector.specs).auth.header_key.lower()
        self._secrets: dict[str, Secret] = {}
        self._own: str | None = None
        self._step = ""
        self._result: Result | None = None
        self.steps: list[RecipeStep] = []
        self.must_end = False
        """Whether the last step had no response, or one that is not usable although it met the criteria."""

    def seal(self, value: Any, *, is_own: bool = False) -> Any:
        """Return *value*, or a placeholder for it if it is a secret; *is_own* marks the connector's own credential."""
        if not isinstance(value, Secret):
            return value
        name = next((name for name, secret in self._secrets.items() if secret == value), None)
        if name is None:
            name = f"placeholder-of-secret-{len(self._secrets) + 1}."
            self._secrets[name] = value
        if is_own:
            self._own = name
        return name

    def mask(self, value: Any) -> Any:
        """Return *value* with a mask for each placeholder and secret."""
        text = json.dumps(value)
        for name in self._secrets:
            text = text.replace(name, MASK)
        return redacted(json.loads(text), tuple(self._secrets.values()))

    def begin(self, step: str) -> None:
        """Begin *step*."""
        self._step, self._result = step, None

    def end(self, *, is_met: bool, error: str | None) -> None:
        """End the step, whose criteria were met or not; *error* is why the runner ended it."""
        result = self._result
        if result is None:  # the runner ended it before its request
            hint = f"arazzo-runner says: {self.mask(error)}"
            result = Result.from_error(None, invalid("its request cannot be composed", hint=hint))
            self.must_end = True
        self.steps.append(RecipeStep(self._step, result, is_met))
        self.must_end = self.must_end or (is_met and result.outcome is not Outcome.DONE)

    def request(self, *, url: str, params: Any, headers: Any, json: Any, **_: Any) -> Reply:
        """Send a request of the current step, and return its response.

        Raises:
            ConnectionError: there is no response; the runner catches it.

        """
        spec = self._actions[self._step]
        try:
            request, inputs = self._compose(spec, url, params, headers, json)
            auth = self._auth(spec, headers)
        except InvalidError as error:
            return self._fail(Result.from_error(spec.action, error))
        with self._connector.with_auth(auth) if auth else self._connector as connector:
            run = connector.prepare_request(spec.action, request, inputs)
            first = len(connector.exchanges)
            result = connector.execute(run)
            replies = [reply for sent, reply in connector.exchanges[first:] if sent.url == request.url]
        if not replies or not isinstance(response := replies[-1], Response):
            return self._fail(result)
        self._result = result
        for secret in result.secrets.values():
            self.seal(secret)
        return self._reply(response)

    def _fail(self, result: Result) -> Reply:
        self._result, self.must_end = result, True
        raise ConnectionError

    def _compose(
        self, spec: ActionSpec, url: str, params: Any, headers: Any, body: Any
    ) -> tuple[Request, dict[str, Any]]:
        """Return the request with its secrets, and what it says about the inputs of *spec*.

        Raises:
            InvalidError: a value in the path would change the path, or a secret is in the URL.

        """
        template = f"{self._connector.base_url.rstrip('/')}{self._paths[spec.action]}"
        pattern = re.sub(r"\\{(\w+)\\}", rf"(?P<\1>{_SEGMENT})", re.escape(template))
        if (path := re.fullmatch(pattern, url)) is None:
            raise invalid("a value in the path has characters other than letters, digits and ._~-", field="inputs")
        query = urlencode([(name, _text(item)) for name, value in (params or {}).items() for item in _items(value)])
        if any(name in url + query for name in self._secrets):
            raise invalid("a secret cannot be part of a URL, which is logged", field="inputs")
        given = {**path.groupdict(), **(params or {}), **(body or {})}
        inputs = {name: None if field.type == "password" else given.get(name) for name, field in spec.inputs.items()}
        sent = [
            (name, Secret(self._open(_text(value))))
            for name, value in headers.items()
            if value is not None and name.lower() not in {self._auth_header, *_HEADERS_OF_ENGINE}
        ]
        content = None
        if body is not None:
            text = json.dumps(body, ensure_ascii=False)
            content = Secret(self._open(text, lambda secret: json.dumps(secret)[1:-1]))
            sent.append(("Content-Type", Secret("application/json")))
            inputs["secrets"] = [secret for name, secret in self._secrets.items() if name in text]
        return Request(spec.request.method, f"{url}?{query}" if query else url, tuple(sent), content), inputs

    def _auth(self, spec: ActionSpec, headers: Mapping[str, Any]) -> ConnectorAuth | None:
        """Return the credential in *headers*, or None for the connector's own, or if the action needs none.

        Raises:
            InvalidError: no secret of this run is in the header of the credential, or several are.

        """
        if spec.auth == "none":
            return None
        header = next((str(value) for name, value in headers.items() if name.lower() == self._auth_header), "")
        names = [name for name in self._secrets if name in header]
        if len(names) != 1:
            raise invalid("the step has no credential", field="auth", hint="Name one in the header of the step.")
        return None if names[0] == self._own else ConnectorAuth(self._secrets[names[0]])

    def _open(self, text: str, encode: Callable[[str], str] = str) -> str:
        """Return *text* with the secrets in place of their placeholders."""
        for name, secret in self._secrets.items():
            text = text.replace(name, encode(secret.reveal()))
        return text

    def _reply(self, response: Response) -> Reply:
        try:
            value = self._sealed(json.loads(response.text.reveal()))
        except ValueError:
            return Reply(response.status, None, redact(response.text.reveal(), self._secrets.values()))
        return Reply(response.status, value, json.dumps(value))

    def _sealed(self, value: Any) -> Any:
        """Return parsed JSON with placeholders in place of secrets."""
        if isinstance(value, dict):
            return {key: self._sealed(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._sealed(item) for item in value]
        if isinstance(value, str):
            for name, secret in self._secrets.items():
                value = value.replace(secret.reveal(), name)
        return value


def _items(value: Any) -> list[Any]:
    """Return the values of a parameter of a query: those of a list, and none for null."""
    return [item for item in (value if isinstance(value, list) else [value]) if item is not None]


def _text(value: Any) -> str:
    """Return *value* as it is written in a URL or a header."""
    return value if isinstance(value, str) else json.dumps(value)
