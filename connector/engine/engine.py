"""One run of one action, as steps that somebody else performs.

The order of things is decided here, once: check the inputs, read the credential, probe the places, send, judge, store.
It is a generator that yields what touches the outside, an :class:`Exchange` with the API or a :class:`Local` piece of
work on this computer, and receives what came of it, so that the sync and the async connector are thin.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from functools import cached_property, partial
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from locoia_pat.built_in import SUPER_ACTIONS
from locoia_pat.engine.action import AuthHeader, CompiledAction
from locoia_pat.engine.auth import ConnectorAuth
from locoia_pat.engine.exchange import Exchange, Local, Steps, now
from locoia_pat.engine.request_plan import Plan
from locoia_pat.http.url import is_loopback, validate_base_url
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import ConnectorError, InvalidError, Outcome, Problem, Result, SpecError, invalid
from locoia_pat.request.validation import Inputs
from locoia_pat.secrets.secret import Secret, held, redact, redacted
from locoia_pat.spec.load import SpecFolder
from locoia_pat.spec.model import SuperSpec
from locoia_pat.spec.rules import header_findings
from locoia_pat.stores import Credential, Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Mapping, Sequence

    from locoia_pat.response.classify import ParsedResponse
    from locoia_pat.stores import Sink


class Engine:
    """What a connector knows: its specs, its base address and its credential."""

    def __init__(
        self,
        auth: ConnectorAuth | None,
        *,
        specs: SpecFolder | str | os.PathLike[str] | None,
        base_url: str | None,
        timeout: float,
        any_option: Collection[str],
        open_place: Callable[[str], Sink],
    ) -> None:
        self.specs = specs if isinstance(specs, SpecFolder) else SpecFolder(specs)
        self.auth = auth or ConnectorAuth.from_env()
        self._given_url = base_url
        self._timeout = timeout
        self._any_option = any_option
        self.open_place = open_place
        """Opens the place that a REF names."""
        self._actions: dict[str, CompiledAction] = {}
        self._stores: set[object] = set()

    @property
    def storing(self) -> bool:
        """Whether a token is minted and on its way into its places: a bad moment to be interrupted."""
        return bool(self._stores)

    @cached_property
    def base_url(self) -> str:
        """The base address: as given, else from the connector's variable, else the connector's own.

        Raises:
            InvalidError: it may not be called with this connector's credential.

        """
        spec = self.specs.connector
        variable = spec.env.base_url
        if self._given_url is not None:
            return validate_base_url(self._given_url, spec.hosts, source="base_url")
        if variable and (found := os.environ.get(variable)):
            return validate_base_url(found, spec.hosts, source=variable)
        return validate_base_url(spec.base_url, spec.hosts, source="base_url")

    def action(self, name: str) -> CompiledAction:
        """The action *name*, compiled once.

        Raises:
            InvalidError: there is none, or its spec is wrong.

        """
        if name not in self._actions:
            spec = self.specs.action(name)
            if findings := list(header_findings(spec, self.specs.connector)):
                raise SpecError(findings)
            self._actions[name] = CompiledAction(spec, any_option=self._any_option)
        return self._actions[name]

    def super_action(self, name: str, inputs: Mapping[str, Any]) -> Callable[..., Result] | None:
        """What runs the super action *name* with *inputs*, given a connector and places; None where it is none.

        What it is told is a result too, where the inputs are wrong.
        """
        try:
            spec = self.specs.spec(name)
            if not isinstance(spec, SuperSpec):
                return None
            checked = Inputs(spec.inputs, any_option=self._any_option).check(inputs, today=now().date())
            work = _load_super_action(spec.super_)
        except InvalidError as error:
            wrong = Result.from_error(name if self._knows(name) else None, error, api=self._api())
            return lambda *_, **__: wrong

        def run(connector: object, **options: Any) -> Result:
            try:
                return work(connector, checked, **options)
            except InvalidError as error:
                return Result.from_error(name, error, api=self._api())

        return run

    @cached_property
    def _authorization(self) -> AuthHeader:
        return AuthHeader(self.specs.connector)

    def plan(self, name: str, inputs: Mapping[str, Any]) -> Plan:
        """What a run would send."""
        action = self.action(name)
        checked = action.check(inputs, today=now().date())
        request = action.request(checked, self.base_url)
        return Plan.of(action, request, self._authorization.header_key, held(checked))

    def run(self, name: str, inputs: Mapping[str, Any], token_to: Sequence[str | Sink], replace_: bool) -> Steps:
        """Run the action *name*; returns a result for every outcome."""
        try:
            return (yield from self._run(name, inputs, token_to, replace_=replace_))
        except InvalidError as error:
            return Result.from_error(name if self._knows(name) else None, error, api=self._api())

    def _run(self, name: str, inputs: Mapping[str, Any], token_to: Sequence[str | Sink], *, replace_: bool) -> Steps:
        action = self.action(name)
        checked = action.check(inputs, today=now().date())
        request = action.request(checked, self.base_url)
        token, api = yield from _local(partial(self.auth.credential, self.specs.connector))
        _meant_for(api, self.base_url)
        header = self._header(token)
        _without(token, checked)
        dead = checked[action.spec.replaces] if action.spec.replaces else None
        sinks = yield from self._probed(action, dead, token_to, replace_=replace_)

        exchange = Exchange(action, request, header, self._timeout)
        answer = yield exchange
        tries = exchange.tries
        if getattr(answer, "status", None) == 401 and self.auth.can_change:
            fresh = yield Local(partial(self.auth.credential, self.specs.connector))
            if isinstance(fresh, Credential) and fresh.token != token and fresh.api in (None, api):
                token, header = fresh.token, self._header(fresh.token)
                exchange = Exchange(action, request, header, exchange.left())
                answer = yield exchange
                tries += exchange.tries
        verdict = action.classify(answer, checked, now())
        if (pages := action.paginator(request)) is not None:
            while (following := pages.advance(answer, verdict)) is not None:
                exchange = Exchange(action, following, header, exchange.left())
                answer = yield exchange
                tries += exchange.tries
                verdict = action.classify(answer, checked, now())
            verdict = pages.parsed()
        result = _result(action, verdict, api=self.base_url, tries=tries, sent=[token, *held(checked)])
        result = result.with_warnings(*action.input_warnings(checked))
        if result.outcome is Outcome.DONE and sinks:
            self._stores.add(exchange)  # of several threads, each has its own
            try:
                result = yield from self._stored(action, result, sinks, dead, header)
            finally:
                self._stores.discard(exchange)
        return result

    def _probed(
        self, action: CompiledAction, dead: str | None, token_to: Sequence[str | Sink], *, replace_: bool
    ) -> Generator[Local, Any, list[Sink]]:
        """The places, each proven to take a token, and free for it: vacant, or holding that of the row *dead*.

        One that can only be written comes last: what it is given cannot be taken back.
        """
        if token_to and not action.spec.secrets:
            raise invalid(f"{action.spec.action} gives no token to put anywhere", field="token_to")
        sinks: list[Sink] = []
        for place in [token_to] if isinstance(token_to, str) else token_to:
            sink = self.open_place(place) if isinstance(place, str) else place
            if any(sink.ref == other.ref for other in sinks):
                raise invalid(f"{sink.ref} is named twice", field="token_to")
            sinks.append(sink)
            there: Entry | None = yield from _local(sink.probe)
            if there is not None and (dead is None or there.id != dead) and not replace_:
                holds = f"the token {describe_value(there.id)}" if there.id else "a token"
                becomes = "becomes #previous" if sink.keeps == "record" else "is lost"
                raise invalid(
                    f"{sink.ref} holds {holds}" + (f", not {describe_value(dead)}" if dead is not None else " already"),
                    field="token_to",
                    hint=f"Name another place, or give --replace: what stands there then {becomes}.",
                )
        return sorted(sinks, key=lambda sink: sink.keeps == "nothing")

    def _stored(
        self,
        action: CompiledAction,
        result: Result,
        sinks: Sequence[Sink],
        dead: str | None,
        header: tuple[str, Secret],
    ) -> Steps:
        """Put the minted token into all *sinks*; where none takes it, make it useless."""
        (token,) = result.secrets.values()  # what gives a place a token is done with one
        data = result.data or {}
        entry = Entry(token, {name: data[name] for name, output in action.spec.reply.output.items() if output.keep})
        refs: list[str] = []
        warnings: list[str] = []
        taken = 0
        for sink in sinks:
            told = yield Local(partial(sink.store, entry, api=self.base_url, dead=dead))
            if isinstance(told, Exception):
                warnings.append(f"{sink.ref} did not take the token: {redact(str(told), [token])}")
                continue
            taken += 1
            warnings += told
            refs += [sink.ref] if sink.keeps != "nothing" else []
        if taken and (dead is None or taken == len(sinks)):
            return replace(result.with_warnings(*warnings), token_refs=tuple(refs))
        if taken:  # what stands in the others died with this call
            hint = "It is current where the others are: put it there from one of them, or run this again."
            problem = Problem("not_stored", "; ".join(warnings), hint=hint)
            return replace(result, outcome=Outcome.NOT_STORED, problem=problem, token_refs=tuple(refs))
        return (yield from self._lost(action, result, "; ".join(warnings), header))

    def _lost(self, action: CompiledAction, result: Result, why: str, header: tuple[str, Secret]) -> Steps:
        data = result.data or {}
        inputs = action.revoke_inputs(data)
        revoked = inputs is not None and (yield from self._revoked(action, inputs, header))
        row = describe_value(data.get("id"))
        hint = (
            f"The token was made useless at once; its row {row} stays listed until it expires."
            if revoked
            else f"The token was thrown away; its row {row} is live, and nobody holds its secret."
        )
        problem = Problem("not_stored", why, hint=hint, next=_command(action, inputs, revoked=revoked))
        return replace(result, outcome=Outcome.NOT_STORED, problem=problem, secrets={})

    def _revoked(
        self, action: CompiledAction, inputs: Mapping[str, Any], header: tuple[str, Secret]
    ) -> Generator[Exchange, Any, bool]:
        """Run what the spec says makes a token useless, and throw its answer away."""
        try:
            undo = self.action(action.spec.revoke.action) if action.spec.revoke else action
            checked = undo.check(inputs)
            answer = yield Exchange(undo, undo.request(checked, self.base_url), header, self._timeout)
        except InvalidError:
            return False  # the spec is wrong; that must not hide that a token was minted
        return undo.classify(answer, checked, now()).outcome is Outcome.DONE

    def _header(self, token: Secret) -> tuple[str, Secret]:
        return self._authorization.header(token, self.auth.identifier(self.specs.connector))

    def _knows(self, name: str) -> bool:
        """Whether *name* is an action's; any other may be a secret in the wrong place."""
        try:
            return name in self.specs.names
        except InvalidError:
            return False

    def _api(self) -> str | None:
        try:
            return self.base_url
        except ConnectorError:
            return None


def _load_super_action(name: str) -> Callable[..., Result]:
    """Import the function that runs the super action *name*."""
    if name not in SUPER_ACTIONS:
        raise invalid(
            f"this package has no super action {name}", field="super", hint=f"It has {', '.join(SUPER_ACTIONS)}."
        )
    run: Callable[..., Result] = resolve_name(SUPER_ACTIONS[name])
    return run


def _meant_for(api: str | None, base_url: str) -> None:
    """Refuse to send a token to another host than the one it was minted at."""
    if api is None or api == base_url:
        return
    minted_at, sent_to = (urlsplit(url).hostname for url in (api, base_url))
    if minted_at != sent_to and not (is_loopback(minted_at) and is_loopback(sent_to)):
        raise invalid(
            f"this token is of {api}, and would be sent to {base_url}",
            field="auth",
            hint="Set the base address that the token is for, or name another credential.",
        )


def _without(token: Secret, inputs: Mapping[str, Any]) -> None:
    """Refuse inputs that hold the credential: it goes into its header, and nowhere else."""
    for name, value in inputs.items() if redacted(inputs, [token]) is not inputs else ():
        if redacted(value, [token]) is not value:
            raise invalid("holds the credential itself, which is sent in its header alone", field=name)


def _local(work: Callable[[], Any]) -> Generator[Local, Any, Any]:
    """Do *work*; a refusal is raised here."""
    done = yield Local(work)
    if isinstance(done, Exception):
        raise done
    return done


def _result(action: CompiledAction, verdict: ParsedResponse, *, api: str, tries: int, sent: list[Secret]) -> Result:
    """The result of *verdict*, in which nothing repeats a secret: one that was *sent*, or one that came."""
    secrets = [*sent, *verdict.secrets.values()]
    problem = verdict.problem
    if problem is not None:
        problem = replace(problem, message=redact(problem.message, secrets))
    data = None if verdict.data is None else redacted(verdict.data, sent)
    warnings = tuple(redact(warning, secrets) for warning in verdict.warnings)
    return Result(
        action.spec.action, verdict.outcome, api, tries, warnings, data, problem, (), verdict.secrets, verdict.at
    )


def _command(action: CompiledAction, inputs: Mapping[str, Any] | None, *, revoked: bool) -> str | None:
    if revoked or inputs is None or action.spec.revoke is None:
        return None
    words = [f"{name}={'null' if value is None else value}" for name, value in inputs.items()]
    if not all(map(str.isprintable, words)):
        return None  # what no shell shows, nobody is told to run
    return shlex.join(["locoia-pat", "run", action.spec.revoke.action, *words, "--token-to", "file:token.json"])
