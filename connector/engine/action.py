"""``CompiledAction``: a spec, ready to turn inputs into a request and a response into an outcome.

Pure: no network, clock or environment.
"""

from __future__ import annotations

import base64
from itertools import starmap
from typing import TYPE_CHECKING, Any, Protocol

from locoia_pat.characters import refuse_hidden_in
from locoia_pat.outcomes import InvalidError, SpecError, invalid
from locoia_pat.request.builder import RequestBuilder
from locoia_pat.request.template.evaluate import Template
from locoia_pat.request.validation import InputValidator, definition_errors
from locoia_pat.response.classify import ResponseClassifier
from locoia_pat.response.pagination import Paginator
from locoia_pat.secrets.secret import MASK, Secret
from locoia_pat.spec.compiled_form import CompiledSpec

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterator, Mapping

    from locoia_pat.http.exchange_types import Request, ResponseOrError
    from locoia_pat.response.classify import ParsedResponse
    from locoia_pat.spec.model import ActionSpec, ConnectorSpec


class Follower(Protocol):
    """Decides on the requests after the first one: the next pages of a list, or the polls of an effect."""

    pause: float
    """The seconds to wait before the next request."""

    def advance(self, response: ResponseOrError, parsed: ParsedResponse) -> Request | None:
        """Add a response, and return the next request, or None after the last."""
        ...

    def parsed(self) -> ParsedResponse:
        """Return what all responses mean together."""
        ...


class CompiledAction:
    """One spec, checked and compiled once for all its runs.

    ``request`` composes a request (:class:`.RequestBuilder`); ``classify`` and ``is_rejected`` say what a response
    means (:class:`.ResponseClassifier`).
    """

    def __init__(self, spec: ActionSpec, *, any_option: Collection[str] = ()) -> None:
        """Compile *spec*, or use it if it is compiled.

        Args:
            spec: the spec.
            any_option: the names of inputs that accept options which it does not list.

        Raises:
            SpecError: a template, a pattern or a default is wrong.

        """
        self.spec = spec
        errors = () if isinstance(spec, CompiledSpec) else definition_errors(("inputs",), spec.inputs)
        findings = [spec.document.finding("bad-value", at, why) for at, why in errors]
        try:
            self._builder = RequestBuilder(spec)
        except SpecError as error:
            findings += error.findings
        if findings:
            raise SpecError(findings)
        builder = self._builder
        self._inputs = InputValidator(spec.inputs, any_option=any_option)
        classifier = ResponseClassifier(spec, builder.input_of)
        self.request, self.template_uses = builder.request, builder.template_uses
        self.classify, self.is_rejected = classifier.classify, classifier.is_rejected
        self.templates = builder.compiled
        """The templates of the spec as JSON values, for its compiled form."""
        self.is_identified: bool = self.templates["identified"]
        """Whether the request has the identifier of the connector."""
        self._noted = {name: field for name, field in spec.inputs.items() if field.includes or field.option_notes}
        options = (option for field in spec.inputs.values() for option in field.enum or ())
        self.declared_strings = frozenset([*spec.inputs, *options])
        """The names and options of inputs, which no credential can be in."""

    def check(self, inputs: Mapping[str, Any], *, today: dt.date | None = None) -> dict[str, Any]:
        """Return *inputs*, complete and typed.

        Raises:
            InvalidError: one is wrong, missing or unknown.

        """
        checked = self._inputs.check(inputs, today=today)
        if self.spec.tag_input is not None and isinstance(text := checked[self.spec.tag_input], str):
            refuse_hidden_in(text, self.spec.tag_input)
        return checked

    def input_warnings(self, inputs: Mapping[str, Any]) -> Iterator[str]:
        """Yield warnings about inputs that are allowed, and may not be what was meant."""
        for name, declared in self._noted.items():
            value = inputs[name]
            chosen = value if isinstance(value, list) else [value]
            for wide, narrow in (declared.includes or {}).items():
                for option in narrow if wide in chosen else ():
                    if option in chosen:
                        yield f"{name}: {wide} includes {option}, which can be left out"
            for option, note in (declared.option_notes or {}).items():
                if option in chosen:
                    yield f"{name}: {option}: {note}"

    def revoke_inputs(self, data: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the inputs of the action that revokes the token of *data*, or None."""
        try:
            return self._builder.revoke_inputs(data) if self.spec.revoke is not None else None
        except InvalidError:
            return None

    def follower(
        self,
        request: Request,
        inputs: Mapping[str, Any],
        base_url: str,
        now: dt.datetime,
        hosts: Collection[str] = (),
    ) -> Follower | None:
        """Return what decides on the requests after *request*, or None if the action has neither pages nor polls."""
        if self.spec.pages:
            return Paginator(self.spec, self.spec.pages, request)
        if self.spec.poll is None:
            return None
        from locoia_pat.response.polling import Poller  # noqa: PLC0415  # few actions have it

        def path_url(value: object) -> str:
            return base_url + self._builder.poll_path({**inputs, "id": value})

        return Poller(self.spec, self.spec.poll, request, now=now, hosts=hosts, path_url=path_url)


_STAND_IN = "credential-placeholder"


class AuthHeader:
    """Makes the header that carries a credential, in two steps: ``token_format``, then ``token_prefix`` around it."""

    def __init__(self, spec: ConnectorSpec) -> None:
        """Compile the templates of a connector's ``auth``, or use them if *spec* is compiled.

        Raises:
            SpecError: one is wrong.

        """
        self._auth = spec.auth
        self._token_variable = spec.env.token
        self._last: tuple[Secret, str | None, Secret] | None = None
        self._variable = spec.env.identifier
        if isinstance(spec, CompiledSpec):
            self.templates = spec.templates
        else:
            from locoia_pat.engine.spec_compiler import compile_auth  # noqa: PLC0415  # Jinja

            self.templates = compile_auth(spec)
        self._format, self._prefix = starmap(Template.from_data, self.templates)
        if not isinstance(spec, CompiledSpec):
            self._check_constants(spec)

    def _check_constants(self, spec: ConnectorSpec) -> None:
        try:
            self.header(Secret("token"), "identifier")
        except InvalidError as error:  # the constant parts around the credential are wrong
            message = f"it {error.problem.message}"
            raise SpecError([spec.document.finding("bad-value", ("auth",), message)]) from None

    @property
    def header_key(self) -> str:
        """The header's name."""
        return self._auth.header_key

    def header(self, token: Secret, identifier: str | None) -> tuple[str, Secret]:
        """Return the name and value of the header for *token* and *identifier*.

        Raises:
            InvalidError: the connector needs an identifier and there is none, or the value is not a valid header.

        """
        last = self._last  # another thread may replace it meanwhile
        if last is None or last[:2] != (token, identifier):
            last = self._last = (token, identifier, self._value(token, identifier))
        return self._auth.header_key, last[2]

    def in_shell(self) -> tuple[str, str]:
        """Return the name of the header, and its value with the connector's variable of the shell for the token.

        A token that is encoded, as for basic authentication, cannot be a variable: the value is then masked.
        """
        value = self._value(Secret(_STAND_IN), _STAND_IN if self._variable else None).reveal()
        parts = value.split(_STAND_IN)
        is_plain = len(parts) == 2 and not parts[1]
        return self.header_key, f"{parts[0]}${self._token_variable}" if is_plain else MASK

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
            raise invalid("cannot be used in a header: it must be one line of printable ASCII", field="auth")
        return value
