"""The core: spec and inputs make a request, an answer makes an outcome.

Pure: no network, clock or environment.  Everything that can be decided without them is decided here, once, for the
sync and the async connector.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import template
from .answer import Payload, error_in, read_payload
from .errors import Code, InvalidError, Outcome, Problem, SpecError
from .inputs import Inputs
from .retry import retry_after, server_time
from .secret import Secret, load_json
from .wire import Answer, Failure, Reply, Request

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from . import document
    from .spec import ActionSpec, Auth, Input


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means."""

    outcome: Outcome
    data: Mapping[str, Any] | None = None
    secrets: Mapping[str, Secret] = field(default_factory=dict[str, Secret])
    problem: Problem | None = None
    warnings: tuple[str, ...] = ()


class Action:
    """One spec, checked and compiled: everything that does not depend on a single run."""

    def __init__(self, spec: ActionSpec, *, any_option: Collection[str] = ()) -> None:
        """Compile *spec*; the inputs named in *any_option* take options the spec does not know.

        Raises:
            SpecError: a template is wrong.

        """
        self.spec = spec
        self._inputs = Inputs(spec.inputs, any_option=any_option)
        public = [name for name, field in spec.inputs.items() if field.type != "password"]  # an address is logged
        outputs = [name for name, output in spec.reply.output.items() if not output.secret]
        parts: list[tuple[Callable[[Any, Iterable[str]], template.Template], Any, document.Path, Iterable[str]]] = [
            (template.path, spec.request.path, ("request", "path"), public),
            (template.structure, spec.request.body, ("request", "body"), spec.inputs),
            (template.structure, spec.revoke.inputs if spec.revoke else None, ("revoke", "inputs"), outputs),
        ]
        compiled: list[template.Template] = []
        findings = [
            spec.document.finding(("inputs", name, "default"), f"the default {error.problem.message}")
            for name, field in spec.inputs.items()
            if field.default is not None and (error := _refused(name, field))
        ]
        for make, source, at, names in parts:
            try:
                compiled.append(make(source, names))
            except template.TemplateError as error:
                findings.append(spec.document.finding((*at, *error.path), error.message))
        if findings:
            raise SpecError(findings)
        self._path, self._body, self._revoke = compiled

    def check(self, inputs: Mapping[str, Any], *, today: dt.date | None = None) -> dict[str, Any]:
        """*Inputs*, complete and typed.

        Raises:
            InvalidError: one is wrong, missing or unknown.

        """
        return self._inputs.check(inputs, today=today)

    def advise(self, inputs: Mapping[str, Any]) -> Iterator[str]:
        """What is allowed, and may still not be what was meant."""
        for name, declared in self.spec.inputs.items():
            given = inputs[name]
            chosen = given if isinstance(given, list) else [given]
            for wide, narrow in (declared.covers or {}).items():
                for option in narrow:
                    if wide in chosen and option in chosen:
                        yield f"{name}: {wide} includes {option}, which can be left out"
            for option, remark in (declared.remarks or {}).items():
                if option in chosen:
                    yield f"{name}: {option}: {remark}"

    def request(self, inputs: Mapping[str, Any], base_url: str) -> Request:
        """The request for checked *inputs*.

        Raises:
            InvalidError: a value does not fit where the spec puts it.

        """
        headers = [("accept", "application/json")]
        content = None
        if self.spec.request.body is not None:
            headers.append(("content-type", "application/json"))
            body = self._body(inputs)
            if self.spec.request.omit_null and isinstance(body, dict):
                body = {key: value for key, value in body.items() if value is not None}
            content = json.dumps(body, allow_nan=False, default=_reveal).encode()
        return Request(self.spec.request.method, base_url + self._path(inputs), tuple(headers), content)

    def revoke_inputs(self, data: Mapping[str, Any]) -> dict[str, Any] | None:
        """The inputs of the action that makes the token of *data* useless; None where there is none."""
        try:
            return self._revoke(data) if self.spec.revoke and data.get("id") is not None else None
        except InvalidError:
            return None

    def judge(self, answer: Answer, inputs: Mapping[str, Any], now: dt.datetime) -> Verdict:
        """What *answer* means; *now* is this computer's time, used where the server gives none."""
        if isinstance(answer, Failure):
            return self._no_answer(answer)
        if 200 <= answer.status < 300:
            return self._success(answer, inputs, now)
        try:
            body: object = load_json(answer.text, self.spec.secrets)
        except ValueError:
            body = answer.text
        message, at_fault = error_in(body)
        field = at_fault if at_fault in self.spec.inputs else None
        return self._failure(answer, message, field, now)

    def _no_answer(self, failure: Failure) -> Verdict:
        if failure.sent and self.spec.effect != "read":
            return self._unknown(None, f"no whole answer came: {failure.reason}")
        where = "no whole answer came" if failure.sent else "the API was not reached"
        return _problem(Outcome.NOT_DONE, "unavailable", f"{where}: {failure.reason}", hint="It is safe to repeat.")

    def _success(self, reply: Reply, inputs: Mapping[str, Any], now: dt.datetime) -> Verdict:
        reading = self.spec.effect == "read"
        try:
            body = load_json(reply.text, self.spec.secrets)
        except ValueError:
            # Where nothing is read, any text will do; but a page for people is somebody else's answer.
            if self.spec.reply.output or reply.text.reveal().lstrip().startswith("<"):
                return self._unusable(reply, "the answer is not JSON")
            body = {}
        if (inner := _error_inside(body)) is not None:
            message, at_fault = error_in(body)
            status, message = inner, message or "an error inside a success"
            if reading or 400 <= status < 500:
                code = _CODES.get(status, "validation" if 400 <= status < 500 else "unavailable")
                known = at_fault if at_fault in self.spec.inputs else None
                return _problem(Outcome.REFUSED, code, message, status, field=known, hint=_HINTS.get(code))
            return self._unknown(reply.status, message)
        payload = read_payload(self.spec, body, inputs, server_time(reply.headers, now))
        if not isinstance(payload, Payload):
            return self._unusable(reply, payload)
        warnings = payload.warnings
        if reply.status not in self.spec.reply.ok:
            documented = " or ".join(map(str, self.spec.reply.ok))
            warnings = (*warnings, f"the API answered {reply.status}, where {documented} is documented")
        return Verdict(Outcome.DONE, payload.data, payload.secrets, warnings=warnings)

    def _unusable(self, reply: Reply, what: str) -> Verdict:
        message = f"the API answered {reply.status}, but {what}"
        if self.spec.effect == "read":
            return _problem(Outcome.NOT_DONE, "unavailable", message, reply.status, hint="It is safe to repeat.")
        return self._unknown(reply.status, message)

    def _failure(self, reply: Reply, message: str | None, field: str | None, now: dt.datetime) -> Verdict:
        status = reply.status
        told = f"the API answered {status}" + (f": {message}" if message else "")
        if status == 429:
            asked = retry_after(reply.headers, now)
            hint = f"It asks to wait {asked:.0f} s." if asked else "Wait before you repeat."
            return _problem(Outcome.NOT_DONE, "rate_limited", told, status, hint=hint)
        if 400 <= status < 500 and status != 408:
            code = _CODES.get(status, "validation")
            return _problem(Outcome.REFUSED, code, told, status, field=field, hint=_HINTS.get(code))
        if 300 <= status < 400:
            told += "; redirects are not followed, for the credential belongs to one host"
        if self.spec.effect == "read":
            return _problem(Outcome.NOT_DONE, "unavailable", told, status, hint="It is safe to repeat.")
        return self._unknown(status, told)

    def _unknown(self, status: int | None, message: str) -> Verdict:
        look = self.spec.look
        hint = "It may have happened, so it was not repeated; look before you run it again."
        command = f"locoia-pat run {look}" if look else None
        return _problem(Outcome.UNKNOWN, "unknown", message, status, hint=hint, next=command)


def authorization(auth: Auth, token: Secret) -> tuple[str, Secret]:
    """The header that carries *token*, in Locoia's two stages: ``token_format``, and ``token_prefix`` around it.

    Raises:
        TemplateError: a stage is no template over its one name.

    """
    inner = Secret(template.text(auth.token_format, ["token"])({"token": token}))
    value = Secret(template.text(auth.token_prefix, ["token_format"])({"token_format": inner}))
    if not value.reveal().isprintable():
        raise template.TemplateError((), "a header is one line of printable characters")
    return auth.header_key, value


def _refused(name: str, field: Input) -> InvalidError | None:
    """Why the default of an input is not allowed; None where it is."""
    try:
        Inputs({name: field}).check({name: field.default})
    except InvalidError as error:
        return error
    return None


def _reveal(value: Secret) -> str:
    """A template's value is JSON or a secret input, which leaves its holder here, into the request."""
    return value.reveal()


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
) -> Verdict:
    return Verdict(outcome, problem=Problem(code, message, status, field, hint, next))


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
    "unauthorized": "The credential was not accepted: it may be expired, replaced, or meant for another host.",
    "forbidden": "The credential is known, but may not do this.",
    "not_found": "Check the id, whether the credential's owner can see it, and the base address.",
    "validation": "Change the inputs as the API says.",
}
