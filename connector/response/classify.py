"""What an answer means for the action that was sent.

Pure.  Decided in one place: which answers are a success, which say that nothing happened, and which leave it open.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from locoia_pat.http.exchange_types import Response, ResponseOrError, TransportError
from locoia_pat.http.retry import retry_after, server_time
from locoia_pat.outcomes import Code, Outcome, Problem
from locoia_pat.response.error_message import find_error_message
from locoia_pat.response.outputs import Outputs, extract_outputs
from locoia_pat.secrets.detect import suspects
from locoia_pat.secrets.secret import Secret, held, load_json, masked, redact

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    from locoia_pat.spec.model import ActionSpec


@dataclass(frozen=True, slots=True)
class ParsedResponse:
    """What an answer means."""

    outcome: Outcome
    data: Mapping[str, Any] | None = None
    secrets: Mapping[str, Secret] = field(default_factory=dict[str, Secret])
    problem: Problem | None = None
    warnings: tuple[str, ...] = ()
    at: dt.datetime | None = None
    """When a whole answer was given, by the server's clock where it told."""


class ResponseClassifier:
    """Judges the answers to one action."""

    def __init__(self, spec: ActionSpec, input_of: Callable[[str], str | None]) -> None:
        """Judge for *spec*; *input_of* gives the input behind a name that the API uses."""
        self._spec = spec
        self._input_of = input_of

    def classify(self, answer: ResponseOrError, inputs: Mapping[str, Any], now: dt.datetime) -> ParsedResponse:
        """What *answer* means; *now* is this computer's time, used where the server gives none."""
        if isinstance(answer, TransportError):
            return self._no_answer(answer)
        if 200 <= answer.status < 300:
            return self._success(answer, inputs, now)
        try:
            body: object = load_json(answer.text, self._spec.sealed)
        except ValueError:
            body = answer.text
        message, at_fault = _told(body)
        return self._failure(answer, message, self._field(at_fault), now)

    def _no_answer(self, failure: TransportError) -> ParsedResponse:
        if failure.sent and self._spec.effect != "read":
            return self._unknown(None, f"no whole answer came: {failure.reason}")
        where = "no whole answer came" if failure.sent else "the API was not reached"
        return _problem(Outcome.NOT_DONE, "unavailable", f"{where}: {failure.reason}", hint="It is safe to repeat.")

    def _success(self, reply: Response, inputs: Mapping[str, Any], now: dt.datetime) -> ParsedResponse:
        reading = self._spec.effect == "read"
        try:
            body = load_json(reply.text, self._spec.sealed)
        except ValueError:
            # Where nothing is read, any text will do; but a page for people is somebody else's answer.
            if self._spec.reply.output or reply.text.reveal().lstrip().startswith("<"):
                return self._unusable(reply, "the answer is not JSON")
            body = {}
        if (inner := _error_inside(body)) is not None:
            message, at_fault = _told(body)
            status, message = inner, message or "an error inside a success"
            if reading or 400 <= status < 500:
                code = _CODES.get(status, "validation" if 400 <= status < 500 else "unavailable")
                hint = self._hint(status, code)
                return _problem(Outcome.REFUSED, code, message, status, field=self._field(at_fault), hint=hint)
            return self._unknown(reply.status, message)
        time = server_time(reply.headers, now)
        payload = extract_outputs(self._spec, body, inputs, time)
        if not isinstance(payload, Outputs):
            return self._unusable(reply, payload)
        warnings = payload.warnings
        if reply.status not in self._spec.reply.ok:
            documented = " or ".join(map(str, self._spec.reply.ok))
            warnings = (*warnings, f"the API answered {reply.status}, where {documented} is documented")
        return ParsedResponse(Outcome.DONE, payload.data, payload.secrets, warnings=warnings, at=time)

    def _unusable(self, reply: Response, what: str) -> ParsedResponse:
        message = f"the API answered {reply.status}, but {what}"
        if self._spec.effect == "read":
            return _problem(Outcome.NOT_DONE, "unavailable", message, reply.status, hint="It is safe to repeat.")
        return self._unknown(reply.status, message)

    def _failure(self, reply: Response, message: str | None, field: str | None, now: dt.datetime) -> ParsedResponse:
        status = reply.status
        told = f"the API answered {status}" + (f": {message}" if message else "")
        if status == 429:
            asked = retry_after(reply.headers, now)
            hint = f"It asks to wait {asked:.0f} s." if asked else self._hint(status, "rate_limited")
            return _problem(Outcome.NOT_DONE, "rate_limited", told, status, hint=hint)
        if 400 <= status < 500 and status != 408:
            code = _CODES.get(status, "validation")
            return _problem(Outcome.REFUSED, code, told, status, field=field, hint=self._hint(status, code))
        if 300 <= status < 400:
            told += "; redirects are not followed, for the credential belongs to one host"
        if self._spec.effect == "read":
            hint = self._spec.reply.errors.get(str(status), "It is safe to repeat.")
            return _problem(Outcome.NOT_DONE, "unavailable", told, status, hint=hint)
        return self._unknown(status, told)

    def _field(self, at_fault: str | None) -> str | None:
        """The input at fault, by the name that the API gives it."""
        if at_fault is None:
            return None
        return at_fault if at_fault in self._spec.inputs else self._input_of(at_fault)

    def _hint(self, status: int, code: Code) -> str | None:
        """What to do, by the spec, else in general."""
        return self._spec.reply.errors.get(str(status)) or _HINTS.get(code)

    def _unknown(self, status: int | None, message: str) -> ParsedResponse:
        look = self._spec.look
        own = self._spec.reply.errors.get(str(status))
        hint = "It may have happened, so it was not repeated; look before you run it again."
        hint = f"{own} {hint}" if own else hint
        command = f"locoia-pat run {look}" if look else None
        return _problem(Outcome.UNKNOWN, "unknown", message, status, hint=hint, next=command)


def _told(body: object) -> tuple[str | None, str | None]:
    """The API's own words and the field at fault, without what is, or looks like, a secret."""
    message, at_fault = find_error_message(body)
    if message is None:
        return None, at_fault
    message = redact(message, () if isinstance(body, Secret) else held(body))
    return masked(message, suspects(message)), at_fault


def _error_inside(body: object) -> int | None:
    """The inner status of an error that came with a status of success; None where there is none.

    Locoia shows ``{"status": 200, "error": "biz_logic", "message": …, "data": null}``
    (https://docs.locoia.com/connectors/helpers/webhook-helper).
    """
    if not isinstance(body, dict) or not body.get("error") or body.keys().isdisjoint({"status", "message"}):
        return None
    status = body.get("status")
    return status if isinstance(status, int) and not isinstance(status, bool) else 200


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
    "rate_limited": "Wait before you repeat.",
    "unauthorized": "The credential was not accepted: it may be expired, replaced, or meant for another host.",
    "forbidden": "The credential is known, but may not do this.",
    "not_found": "Check the id, whether the credential's owner can see it, and the base address.",
    "validation": "Change the inputs as the API says.",
}
