"""The core: spec and inputs make a request, an answer makes an outcome.

Pure: no network, clock or environment.  Everything that can be decided without them is decided here, once, for the
sync and the async connector.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from locoia_pat.outcomes import Finding, InvalidError, SpecError, invalid
from locoia_pat.request.builder import MAX_BODY, Composer, located
from locoia_pat.request.template import compiler as template
from locoia_pat.request.validation import Inputs, mistakes
from locoia_pat.response.classify import ParsedResponse, ResponseClassifier
from locoia_pat.response.pagination import Paginator
from locoia_pat.secrets.secret import Secret

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterator, Mapping

    from locoia_pat.http.exchange_types import Request, ResponseOrError
    from locoia_pat.spec.model import ActionSpec, ConnectorSpec


class CompiledAction:
    """One spec, checked and compiled: everything that does not depend on a single run."""

    def __init__(self, spec: ActionSpec, *, any_option: Collection[str] = ()) -> None:
        """Compile *spec*; the inputs named in *any_option* take options the spec does not know.

        Raises:
            SpecError: a template, a pattern or a default is wrong.

        """
        self.spec = spec
        findings = [spec.document.finding("bad-value", at, why) for at, why in mistakes(("inputs",), spec.inputs)]
        try:
            self._composer = Composer(spec)
        except SpecError as error:
            findings += error.findings
        if findings:
            raise SpecError(findings)
        self._inputs = Inputs(spec.inputs, any_option=any_option)
        self._classifier = ResponseClassifier(spec, self._composer.input_of)

    def check(self, inputs: Mapping[str, Any], *, today: dt.date | None = None) -> dict[str, Any]:
        """*Inputs*, complete and typed.

        Raises:
            InvalidError: one is wrong, missing or unknown.

        """
        return self._inputs.check(inputs, today=today)

    def input_warnings(self, inputs: Mapping[str, Any]) -> Iterator[str]:
        """What is allowed, and may still not be what was meant."""
        for name, declared in self.spec.inputs.items():
            given = inputs[name]
            chosen = given if isinstance(given, list) else [given]
            for wide, narrow in (declared.covers or {}).items():
                for option in narrow if wide in chosen else ():
                    if option in chosen:
                        yield f"{name}: {wide} includes {option}, which can be left out"
            for option, remark in (declared.remarks or {}).items():
                if option in chosen:
                    yield f"{name}: {option}: {remark}"

    def request(self, inputs: Mapping[str, Any], base_url: str, limit: int = MAX_BODY) -> Request:
        """The request for checked *inputs*, whose body has at most *limit* characters.

        Raises:
            InvalidError: a value does not fit where the spec puts it.

        """
        return self._composer.request(inputs, base_url, limit)

    def template_uses(self) -> Iterator[tuple[str, str, tuple[str, ...]]]:
        """Each part of the request that has a template: where, the template, and the inputs it uses."""
        return self._composer.template_uses()

    def revoke_inputs(self, data: Mapping[str, Any]) -> dict[str, Any] | None:
        """The inputs of the action that makes the token of *data* useless; None where there is none."""
        try:
            return self._composer.revoke_inputs(data) if self.spec.revoke is not None else None
        except InvalidError:
            return None

    def classify(self, answer: ResponseOrError, inputs: Mapping[str, Any], now: dt.datetime) -> ParsedResponse:
        """What *answer* means; *now* is this computer's time, used where the server gives none."""
        return self._classifier.classify(answer, inputs, now)

    def paginator(self, request: Request) -> Paginator | None:
        """What gathers the pages that begin with *request*; None where the action has one answer alone."""
        return Paginator(self.spec, self.spec.pages, request) if self.spec.pages else None


class AuthHeader:
    """The header that carries a credential, made in two stages: ``token_format``, and ``token_prefix`` around it."""

    def __init__(self, spec: ConnectorSpec) -> None:
        """Compile the templates of a connector's ``auth``.

        Raises:
            SpecError: one is wrong.

        """
        self._auth = spec.auth
        findings: list[Finding] = []
        compiled: list[template.Template] = []
        for key, source, names in (
            ("token_format", spec.auth.token_format, ["token", *(["identifier"] if spec.env.identifier else [])]),
            ("token_prefix", spec.auth.token_prefix, ["token_format"]),
        ):
            try:
                compiled.append(template.text(source, names))
            except template.TemplateError as error:
                findings += located(spec.document, ("auth", key), error)
        if findings:
            raise SpecError(findings)
        self._format, self._prefix = compiled
        self._last: tuple[Secret, str | None, Secret] | None = None
        self._variable = spec.env.identifier
        try:
            self.header(Secret("token"), "identifier")
        except InvalidError as error:  # whatever the credential is, what stands around it makes no header
            message = f"it {error.problem.message}"
            raise SpecError([spec.document.finding("bad-value", ("auth",), message)]) from None

    @property
    def header_key(self) -> str:
        """The header's name."""
        return self._auth.header_key

    def header(self, token: Secret, identifier: str | None) -> tuple[str, Secret]:
        """The header for *token*, and for the *identifier* beside it where the connector has one.

        Raises:
            InvalidError: there is no identifier, or what comes out is no header.

        """
        if self._last is None or self._last[:2] != (token, identifier):
            self._last = (token, identifier, self._value(token, identifier))
        return self.header_key, self._last[2]

    def _value(self, token: Secret, identifier: str | None) -> Secret:
        values: dict[str, Any] = {"token": token}
        if self._variable:
            if not identifier:
                raise invalid("there is no identifier", field="auth", hint=f"Set {self._variable}.")
            values["identifier"] = identifier
        inner = Secret(self._format(values))
        if self._auth.encode:
            inner = Secret(base64.b64encode(inner.reveal().encode()).decode())
        value = Secret(self._prefix({"token_format": inner}))
        if not (value.reveal().isascii() and value.reveal().isprintable()):
            raise invalid("makes no header: one line of visible ASCII characters", field="auth")
        return value
