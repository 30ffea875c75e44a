"""Decides what a response means: success, refusal, or an unknown outcome.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from locoia_pat.http.exchange_types import Response, ResponseOrError, TransportError
from locoia_pat.http.json_document import DocumentError, JsonDocument, parse_document
from locoia_pat.http.retry import is_rate_limited, requested_wait, server_time
from locoia_pat.outcomes import Code, Outcome, Problem
from locoia_pat.response.error_message import find_error_message
from locoia_pat.response.outputs import DeclaredOutputs, Outputs, extract_outputs, get_path
from locoia_pat.secrets.detect import find_secrets
from locoia_pat.secrets.secret import Secret, iter_secrets, masked, redact

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    from locoia_pat.spec.model import ActionSpec, Condition


@dataclass(frozen=True, slots=True)
class ParsedResponse:
    """The outcome and outputs of a response."""

    outcome: Outcome
    data: Mapping[str, Any] | None = None
    secrets: Mapping[str, Secret] = field(default_factory=dict[str, Secret])
    problem: Problem | None = None
    warnings: tuple[str, ...] = ()
    at: dt.datetime | None = None
    """When a complete response was received, by the server's clock if it sent its time."""
    body: object = field(default=None, repr=False)
    """The JSON in which the next page is looked for, if the action has pages."""
    is_whole: bool = True
    """Whether a list was read to its end, as far as that can be seen."""


class ResponseClassifier:
    """Classifies the responses to one action."""

    def __init__(self, spec: ActionSpec, input_of: Callable[[str], str | None]) -> None:
        """Classify for *spec*; *input_of* returns the input behind a field name of the API, or None."""
        self._spec = spec
        self._input_of = input_of
        self._outputs = DeclaredOutputs(spec)
        outputs = [(name, output) for name, output in spec.reply.output.items() if output.is_in_body]
        read = {path for name, output in outputs for path in output.sources or [name]}
        self._failures = [(key, is_failure) for key, is_failure in _FAILURES.items() if key not in read]

    def classify(
        self, response: ResponseOrError, inputs: Mapping[str, Any], now: dt.datetime, credential: Secret | None = None
    ) -> ParsedResponse:
        """Classify a response.

        Args:
            response: the response.
            inputs: the inputs of the request.
            now: the time, used if the server sent none.
            credential: what the request was authorized with; it is not believed to be a new token.

        """
        if isinstance(response, TransportError):
            return self._transport_error(response)
        if 200 <= response.status < 300:
            return self._success(response, inputs, now, credential)
        try:
            body: object = parse_document(response.text, self._spec.secret_keys).value
        except DocumentError:
            body = response.text
        return self._failure(response, body, now, credential)

    def _transport_error(self, error: TransportError) -> ParsedResponse:
        if error.sent and self._spec.effect != "read":
            return self._unknown(None, f"incomplete response: {error.reason}")
        what = "incomplete response" if error.sent else "the API was not reached"
        return _problem(Outcome.NOT_DONE, "unavailable", f"{what}: {error.reason}", hint="It is safe to retry.")

    def _success(
        self, response: Response, inputs: Mapping[str, Any], now: dt.datetime, credential: Secret | None
    ) -> ParsedResponse:
        try:
            no_rows = self._is_empty(response.status) and self._spec.reply.rows
            document = JsonDocument([]) if no_rows else parse_document(response.text, self._spec.secret_keys)
        except DocumentError as error:
            # If nothing is read, any text is accepted; but an HTML page does not come from the API.
            is_judged = self._spec.reply.ok_when is not None and not self._is_empty(response.status)
            if self._spec.reads_body or is_judged or response.text.reveal().lstrip().startswith("<"):
                return self._unusable(response, str(error))
            document = JsonDocument({})
        body = document.value
        time = server_time(response.headers, now)
        outputs = extract_outputs(
            self._spec, body, inputs, time, response.headers, declared=self._outputs, credential=credential
        )
        status, code = self._inner_error(body, response.status)
        has_token = isinstance(outputs, Outputs) and bool(outputs.secrets)
        if status is not None and (code is not None or 400 <= status < 500 or not has_token or _is_error(body)):
            return self._refused_inside(response, status, code, body, credential)
        if not isinstance(outputs, Outputs):
            return self._unusable(response, "; ".join([outputs, *document.warnings]))
        if credential is not None and credential in outputs.secrets.values():
            return self._unusable(response, f"its {self._spec.secrets[0]} is the credential of this call")
        warnings = (*response.warnings, *document.warnings, *outputs.warnings)
        if status is not None:
            warnings = (
                *warnings,
                f"the response has a token, and an error too: {self._error_message(body, credential)[0]}",
            )
        if response.status not in self._spec.reply.ok:
            documented = " or ".join(map(str, self._spec.reply.ok))
            warnings = (*warnings, f"the API answered {response.status}, where {documented} is documented")
        next_page_in = body if self._spec.pages else None
        return ParsedResponse(
            Outcome.DONE,
            outputs.data,
            outputs.secrets,
            warnings=warnings,
            at=time,
            body=next_page_in,
            is_whole=outputs.is_whole,
        )

    def _is_empty(self, status: int) -> bool:
        """Return whether *status* is documented for a success without a body, so that there is nothing to judge."""
        return status == 204 and 204 in self._spec.reply.ok

    def _inner_error(self, body: object, status: int) -> tuple[int | None, Code | None]:
        """Return the status of an error inside a response with the success *status*, and its code if the spec has one.

        ``ok_when`` of the spec decides; without it, what APIs have in common, under keys that are not outputs.
        The status is None if there is no error, and 200 if the error names none.
        """
        reply = self._spec.reply
        if reply.ok_when is not None:
            unmet = {} if self._is_empty(status) else self._unmet(body)
            if not unmet:
                return None, None
            code: Code | None = self._own_code(body) or next((each.code for each in unmet.values() if each.code), None)
            return _inner_status(body) or (400 if code is None else status), code
        if not isinstance(body, dict) or body.get(reply.rows or ""):
            return None, None
        if not any(key in body and is_failure(body[key]) for key, is_failure in self._failures):
            return None, None
        return _inner_status(body) or 200, self._own_code(body)

    def _unmet(self, body: object) -> dict[str, Condition]:
        """Return the conditions of ``ok_when`` that *body* does not meet, by path."""
        conditions = self._spec.reply.ok_when or {}
        return {path: each for path, each in conditions.items() if not _is_met(each, get_path(body, path))}

    def _own_code(self, body: object) -> Code | None:
        """Return what the API's own code in *body* means, if the spec says so."""
        word = self._word(body)
        return None if word is None else self._spec.reply.codes.get(word)

    def _word(self, body: object) -> str | None:
        """Return the API's own code of the error in *body*, or None."""
        value = None if self._spec.reply.code_at is None else get_path(body, self._spec.reply.code_at)
        return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None

    @cached_property
    def _can_reject_in_body(self) -> bool:
        """Whether the body of a response can say that the credential is not accepted."""
        reply = self._spec.reply
        conditions = (reply.ok_when or {}).values()
        return any(each.code == _REJECTED for each in conditions) or (
            reply.code_at is not None and _REJECTED in reply.codes.values()
        )

    def is_rejected(self, response: ResponseOrError) -> bool:
        """Return whether *response* says that the credential is not valid, or no longer."""
        if isinstance(response, TransportError):
            return False
        codes = self._spec.reply.codes
        if response.status == 401 or (bool(codes) and codes.get(str(response.status)) == _REJECTED):
            return True
        if not self._can_reject_in_body or not (response.status < 300 or _is_refusal(response.status)):
            return False
        try:
            body = parse_document(response.text, self._spec.secret_keys).value
        except DocumentError:
            return False
        code = self._inner_error(body, 200)[1] if response.status < 300 else self._own_code(body)
        return code == _REJECTED

    def _refused_inside(
        self, response: Response, status: int, code: Code | None, body: object, credential: Secret | None
    ) -> ParsedResponse:
        message, field = self._error_message(body, credential)
        if message is None:
            path = next(iter(self._unmet(body)), None)
            what = "" if path is None else f': "{path}" is not as in a success'
            message = f"an error inside a successful response{what}"
        if code is not None or self._spec.effect == "read" or 400 <= status < 500:
            outcome = Outcome.NOT_DONE if code == "rate_limited" else Outcome.REFUSED
            code = code or _CODES.get(status, "validation" if 400 <= status < 500 else "unavailable")
            hint = self._hint(status, code, body)
            return _problem(outcome, code, message, status, field=self._input_name(field), hint=hint)
        return self._unknown(response.status, message)

    def _unusable(self, response: Response, reason: str) -> ParsedResponse:
        message = f"the API answered {response.status}, but {reason}"
        if self._spec.effect == "read":
            return _problem(Outcome.NOT_DONE, "unavailable", message, response.status, hint="It is safe to retry.")
        return self._unknown(response.status, message)

    def _failure(self, response: Response, body: object, now: dt.datetime, credential: Secret | None) -> ParsedResponse:
        status = response.status
        text, field = self._error_message(body, credential)
        message = f"the API answered {status}" + (f": {text}" if text else "")
        is_refusal = _is_refusal(status)
        own = (self._own_code(body) if is_refusal else None) or self._spec.reply.codes.get(str(status))
        if own == "rate_limited" or (own is None and is_rate_limited(response)):
            seconds = requested_wait(response.headers, now)
            hint = f"It asks to wait {seconds:.0f} s." if seconds else self._hint(status, "rate_limited", body)
            return _problem(Outcome.NOT_DONE, "rate_limited", message, status, hint=hint)
        if is_refusal:
            code = own or _CODES.get(status, "validation")
            hint = self._hint(status, code, body)
            return _problem(Outcome.REFUSED, code, message, status, field=self._input_name(field), hint=hint)
        if 300 <= status < 400:
            message += "; redirects are not followed, because the credential belongs to one host"
        if self._spec.effect == "read":
            hint = self._spec.reply.errors.get(str(status), "It is safe to retry.")
            return _problem(Outcome.NOT_DONE, "unavailable", message, status, hint=hint)
        return self._unknown(status, message)

    def _error_message(self, body: object, credential: Secret | None) -> tuple[str | None, str | None]:
        """Return the API's error message and the field at fault, from where the spec says it is, or found."""
        at = self._spec.reply.error_at
        stated = get_path(body, at) if at is not None else None
        if stated:
            message, field = _error_message(stated, credential)
            if message is not None:
                return message, field or _error_message(body, credential)[1]
        return _error_message(body, credential)

    def _input_name(self, field: str | None) -> str | None:
        """Return the input behind *field* of the API, or None."""
        if field is None:
            return None
        names = (field, base := field.partition("[")[0], f"{base}[]")  # a form names a list with brackets
        given = (name for name in names if name in self._spec.inputs)
        return next(given, None) or next(filter(None, map(self._input_of, names)), None)

    def _hint(self, status: int, code: Code, body: object) -> str | None:
        """Return the hint of the spec for the API's own code or *status*, or a general one for *code*."""
        errors = self._spec.reply.errors
        return errors.get(self._word(body) or "") or errors.get(str(status)) or _HINTS.get(code)

    def _unknown(self, status: int | None, message: str) -> ParsedResponse:
        return unknown(self._spec, status, message)


def unknown(spec: ActionSpec, status: int | None, message: str, *, may: str = "have succeeded") -> ParsedResponse:
    """Return that the request of *spec* may have had its effect, and how to look; *may* says what is possible."""
    look = spec.verify_with
    own = spec.reply.errors.get(str(status))
    check = f"Check with {look} before" if look else "Check before"
    hint = f"The request may {may}. {check} running it again."
    hint = f"{own} {hint}" if own else hint
    command = f"locoia-pat run {look}" if look else None
    return _problem(Outcome.UNKNOWN, "unknown", message, status, hint=hint, next=command)


def after_unknown_attempt(spec: ActionSpec, parsed: ParsedResponse) -> ParsedResponse:
    """Return what *parsed*, of the last attempt, means if an attempt before it may have had its effect.

    That it was refused, or not sent, does not say that nothing changed.  A delete that finds nothing is done.
    """
    problem = parsed.problem
    if problem is None or parsed.outcome not in (Outcome.REFUSED, Outcome.NOT_DONE):
        return parsed
    if spec.effect == "delete" and problem.code == "not_found" and problem.status != 405 and not spec.reply.output:
        warning = f"the response to an earlier attempt was lost, and a retry found nothing: {problem.message}"
        return ParsedResponse(Outcome.DONE, {}, warnings=(*parsed.warnings, warning), at=parsed.at)
    return unknown(spec, problem.status, f"an earlier attempt may have succeeded, and the last one: {problem.message}")


_MAX_SECRETS = 100
"""The most secrets that an error may hold for its message to be shown."""


def _error_message(body: object, credential: Secret | None) -> tuple[str | None, str | None]:
    """Return the API's error message and the field at fault, with everything masked that may be a secret."""
    message, field = find_error_message(body)
    if message is None:
        return None, field
    secrets = [] if isinstance(body, Secret) else list(islice(iter_secrets(body), _MAX_SECRETS + 1))
    if len(secrets) > _MAX_SECRETS:
        return None, field  # to look for all of them would take too long
    message = redact(message, [*secrets, credential] if credential else secrets)  # while they are whole
    return masked(message, find_secrets(message)), field


_FAILURES: dict[str, Callable[[object], bool]] = {
    "ok": lambda value: value is False,  # Slack
    "success": lambda value: value is False,  # Cloudflare
    "errors": lambda value: isinstance(value, list | dict) and bool(value),  # GraphQL, JSON:API
    "error": lambda value: isinstance(value, str | dict | list | bool) and bool(value),  # OAuth 2.0, Locoia
    "status": lambda value: isinstance(value, str) and value.lower() in ("error", "fail", "failed", "failure"),  # JSend
}
"""What says under a key of a response, whatever its status, that the call failed.

Locoia shows ``{"status": 200, "error": "biz_logic", "message": …, "data": null}``
(https://docs.locoia.com/connectors/helpers/webhook-helper).
"""


def _is_error(body: object) -> bool:
    """Return whether *body* is an error as Locoia documents it, whatever else is in it."""
    return isinstance(body, dict) and bool(body.get("error")) and not body.keys().isdisjoint({"status", "message"})


def _inner_status(body: object) -> int | None:
    """Return the HTTP status that an error in *body* names, or None."""
    places = (body, body.get("error")) if isinstance(body, dict) else ()
    for place in places:
        if isinstance(place, dict):
            for key, low in (("status", 100), ("statusCode", 100), ("status_code", 100), ("code", 400)):
                value = place.get(key)
                if isinstance(value, int) and not isinstance(value, bool) and low <= value < 600:
                    return value
    return None


def _is_refusal(status: int) -> bool:
    """Return whether *status* says that nothing changed."""
    return 400 <= status < 500 and status != 408


def _is_met(condition: Condition, value: object) -> bool:
    """Return whether *value* meets *condition*."""
    if condition.not_:
        return not any(is_value(value, excluded) for excluded in condition.not_)
    return any(is_value(value, expected) for expected in condition.is_)


def is_value(value: object, expected: object) -> bool:
    """Return whether *value* is what ``ok_when`` expects; null is expected of what is missing or empty."""
    if expected is None:
        return value is None or value in ("", [], {})
    return type(value) is type(expected) and value == expected


def _problem(
    outcome: Outcome,
    code: Code,
    message: str,
    status: int | None = None,
    *,
    field: str | None = None,
    hint: str | None = None,
    next: str | None = None,
) -> ParsedResponse:
    return ParsedResponse(outcome, problem=Problem(code, message, status, field, hint, next))


_REJECTED = "unauthorized"
"""The code of a response that says that the credential is not accepted."""
_CODES: dict[int, Code] = {
    401: "unauthorized",
    402: "forbidden",
    403: "forbidden",
    404: "not_found",
    405: "not_found",
    409: "conflict",
    410: "not_found",
    412: "conflict",
    423: "conflict",
    429: "rate_limited",
    451: "forbidden",
}

_HINTS: dict[Code, str] = {
    "rate_limited": "Wait before you retry.",
    "unauthorized": "The credential was rejected: it may be expired, revoked, or meant for another host.",
    "forbidden": "The credential is valid, but lacks permission for this.",
    "not_found": "Check the id (not a note or name), whether the credential's owner can see it, and the base URL.",
    "validation": "Change the inputs as the message says.",
}
