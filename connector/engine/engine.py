"""One run of one action, from its inputs to its result."""

from __future__ import annotations

import datetime as dt
import os
import sys
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from locoia_pat.built_in import SUPER_ACTIONS
from locoia_pat.engine.action import AuthHeader, CompiledAction
from locoia_pat.engine.auth import ConnectorAuth, ExchangeError
from locoia_pat.engine.compiled_specs import ready_action, ready_connector, ready_spec
from locoia_pat.engine.request_plan import Plan
from locoia_pat.http.exchange_types import TransportError
from locoia_pat.http.retry import Exchange, shared_headers, with_headers
from locoia_pat.http.url import is_loopback, validate_base_url
from locoia_pat.interrupts import Hold, SentInterrupt, held
from locoia_pat.limits import TIMEOUT, WAIT
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import (
    ConnectorError,
    InvalidError,
    NotDoneError,
    Outcome,
    Problem,
    Result,
    invalid,
)
from locoia_pat.request.builder import IDENTIFIER
from locoia_pat.request.validation import InputValidator
from locoia_pat.response.classify import after_unknown_attempt
from locoia_pat.response.outputs import known_strings
from locoia_pat.secrets.secret import Secret, iter_secrets, redact, redacted
from locoia_pat.spec.compiled_form import CompiledSpec, is_super
from locoia_pat.spec.description import base_url_variable, inputs_of_same_names, run_command
from locoia_pat.spec.load import SpecFolder
from locoia_pat.stores import Credential, TokenEntry, check_refs, open_stores

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from locoia_pat.engine.action import Follower
    from locoia_pat.engine.token_exchange import TokenExchange
    from locoia_pat.http.exchange_types import Request, ResponseOrError
    from locoia_pat.response.classify import ParsedResponse
    from locoia_pat.spec.model import ActionSpec, ConnectorSpec, SuperSpec
    from locoia_pat.stores import TokenStore

    _Answered = tuple[ResponseOrError, tuple[Secret, ...]]
    """A response, and the credentials of its request; the last one was sent."""


class Sender(Protocol):
    """What sends the requests of a run: a connector."""

    def send(self, exchange: Exchange, request: Request) -> ResponseOrError:
        """Send *request* with the retries of *exchange*, and return the last response."""
        ...


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A run whose inputs are checked and whose request is composed; nothing was read or sent."""

    action: CompiledAction
    inputs: Mapping[str, Any]
    """Complete and typed."""
    request: Request
    mark: str | None = None
    """What its row is found by, if its token must be revoked and the response does not say which it is."""
    row_inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The inputs of the action that lists that row."""


class Engine:
    """Runs the actions of one folder of specs, at one base URL, with one credential."""

    def __init__(
        self,
        auth: ConnectorAuth | None,
        *,
        specs: SpecFolder | str | os.PathLike[str] | None,
        base_url: str | None,
        timeout: float,
        any_option: Collection[str],
        open_store: Callable[[str], TokenStore],
    ) -> None:
        TIMEOUT.check("timeout", timeout)
        self.specs = specs if isinstance(specs, SpecFolder) else SpecFolder(specs)
        self.auth = auth or ConnectorAuth.from_env()
        self.open_store = open_store
        """Opens the token store that a REF names."""
        self._base_url = base_url
        self._timeout = timeout
        self._any_option = any_option
        self.actions: dict[str, CompiledAction] = {}
        """Those that were run or asked for, compiled once."""
        self._storing: set[object] = set()

    @property
    def storing(self) -> bool:
        """Whether a response that may hold a token is being read and stored: a bad moment for an interrupt."""
        return bool(self._storing)

    @cached_property
    def connector(self) -> ConnectorSpec:
        """What the actions share.

        Raises:
            InvalidError: the folder has no ``connector.yaml``, or it is invalid.

        """
        return ready_connector(self.specs)

    @cached_property
    def base_url(self) -> str:
        """The base URL: the one given, else that of the connector's variable, else the connector's own.

        Raises:
            InvalidError: it is not a URL that this connector's credential may be sent to.

        """
        spec = self.connector
        variable = spec.env.base_url
        if self._base_url is not None:
            return validate_base_url(self._base_url, spec.hosts, source="base_url")
        if variable and (url := os.environ.get(variable)):
            return validate_base_url(url, spec.hosts, source=variable)
        return validate_base_url(spec.base_url, spec.hosts, source="base_url")

    def base_url_of(self, spec: ActionSpec) -> str:
        """Return the base URL that the requests of *spec* go to.

        Raises:
            InvalidError: it is not a URL that this connector's credential may be sent to, or the API is elsewhere and
                nothing says where this part of it is.

        """
        name, connector = spec.request.base_url, self.connector
        if name is None:
            return self.base_url
        variable = base_url_variable(connector, name)
        if url := os.environ.get(variable):
            return validate_base_url(url, connector.hosts, source=variable)
        if urlsplit(self.base_url)[:2] != urlsplit(connector.base_url)[:2]:
            message = f"the API is at {self.base_url}, and nothing says where its {name} are"
            raise invalid(message, field=variable, hint=f"Set {variable}.")
        return validate_base_url(connector.base_urls[name], connector.hosts, source="base_urls")

    def action(self, name: str) -> CompiledAction:
        """Return the action *name*, compiled once.

        Raises:
            InvalidError: there is no such action, or its spec is wrong.

        """
        if name not in self.actions:
            spec = ready_action(self.specs, name)
            if isinstance(spec, CompiledSpec):
                self.actions[name] = CompiledAction(spec, any_option=self._any_option)
            else:
                from locoia_pat.engine.spec_compiler import checked_action  # noqa: PLC0415  # to explain what is wrong

                self.actions[name] = checked_action(spec, self.specs.connector, any_option=self._any_option)
        return self.actions[name]

    def prepare(self, name: str, inputs: Mapping[str, Any]) -> PreparedRun:
        """Check the inputs of the action *name* and compose its request.

        Raises:
            InvalidError: the inputs or the spec are wrong.

        """
        action, mark, listing = self.action(name), None, dict[str, Any]()
        checked = action.check(inputs, today=dt.datetime.now(dt.UTC).date())
        if action.spec.revoke is not None and action.spec.revoke.from_row:
            from locoia_pat.engine.row_search import row_inputs, with_mark  # noqa: PLC0415  # few actions need it

            listing = row_inputs(self.action(action.spec.verify_with or "").spec, checked)
            checked, mark = with_mark(action.spec, checked)
        if action.is_identified:
            if not (identifier := self.auth.identifier(self.connector)):
                raise invalid("there is no identifier", field="auth", hint=f"Set {self.connector.env.identifier}.")
            checked = {**checked, IDENTIFIER: identifier}
        request = action.request(checked, self.base_url_of(action.spec))
        if request.upload is not None:
            from locoia_pat.engine.upload import with_file  # noqa: PLC0415  # few actions send a file

            request = with_file(request, request.upload)
        return PreparedRun(action, checked, request, mark, listing)

    def plan(self, name: str, inputs: Mapping[str, Any]) -> Plan:
        """Return what a run would send.

        Raises:
            InvalidError: the inputs or the spec are wrong.

        """
        run = self.prepare(name, inputs)
        header = None if run.action.spec.auth == "none" else self._auth_header.in_shell()
        request = with_headers(run.request, dict(shared_headers(run.action.spec, self.connector.headers)))
        return Plan.of(run.action, request, header, iter_secrets(run.inputs))

    def run(
        self,
        connector: Sender,
        name: str,
        inputs: Mapping[str, Any],
        *,
        token_to: Sequence[str | TokenStore],
        replace_current: bool,
        wait: float,
        operation_id: str | None = None,
    ) -> Result:
        """Run the action or super action *name*, and return a result for every outcome.

        A create without a token store is invalid in the step of a flow engine.
        """
        try:
            WAIT.check("wait", wait)
            token_to = check_refs(token_to)
            if name not in self.actions and is_super(spec := ready_spec(self.specs, name)):
                options = {"token_to": token_to, "wait": wait, "operation_id": operation_id}
                return self._run_super_action(connector, spec, inputs, **options)
            run = self.prepare(name, inputs)
            if not token_to:
                _require_store_in_flow(run.action.spec)
            return self.execute(connector, run, token_to=token_to, replace_current=replace_current)
        except (InvalidError, NotDoneError) as error:  # not done: a store is busy, so nothing was sent
            return self.invalid_result(name, error)

    def mint(self, sender: Sender, name: str, inputs: Mapping[str, Any]) -> Result:
        """Run the action *name*, whose token the caller stores; return a result for every outcome."""
        try:
            return self.execute(sender, self.prepare(name, inputs), token_to=(), replace_current=False)
        except (InvalidError, NotDoneError) as error:
            return self.invalid_result(name, error)

    def execute(
        self,
        sender: Sender,
        run: PreparedRun,
        *,
        token_to: Sequence[str | TokenStore],
        replace_current: bool,
        deliver: Callable[[Result], None] | None = None,
    ) -> Result:
        """Send the request of *run*, and store the token it mints.

        Args:
            sender: sends the requests.
            run: the run.
            token_to: the stores for the token.
            replace_current: whether a store may hold another token.
            deliver: is given the result of a token that goes to no store; if it fails, the token is revoked.

        Raises:
            InvalidError: the credential or a token store is wrong; nothing was sent.

        """
        with Hold(effect=run.action.spec.effect != "read") as hold:
            try:
                result, header = self._send(sender, run, token_to=token_to, replace_current=replace_current)
                if result.outcome is Outcome.DONE and result.secrets and not token_to:
                    failure = None
                    if deliver is not None:
                        failure = _failure_to_deliver(result, deliver)
                    elif hold.is_outermost and hold.ends_process and run.action.spec.effect != "read":
                        failure = "the run was interrupted"
                    if failure is not None:
                        result = self.revoke_unstored(sender, result, failure, header)
            except ExchangeError as error:  # nothing was sent, or it was refused
                inputs = run.inputs
                return _result(run.action, error.parsed, self.base_url, error.attempts, credentials=(), inputs=inputs)
            except KeyboardInterrupt:
                if (held_back := held()) is not None and held_back.phase == "abandoned":
                    raise SentInterrupt from None
                raise
        return result

    def _send(
        self, sender: Sender, run: PreparedRun, *, token_to: Sequence[str | TokenStore], replace_current: bool
    ) -> tuple[Result, tuple[str, Secret] | None]:
        """Send the request of *run* and store its token; return the result, and the header of its credential."""
        action, inputs = run.action, run.inputs
        credential = None if action.spec.auth == "none" else self._credential(action, inputs)
        header = None if credential is None else self._header(credential.token)
        replaced_id = inputs[action.spec.replaces] if action.spec.replaces else None
        stores: list[TokenStore] = []
        if token_to != ():  # an empty list is a mistake
            stores = self.probe_stores(action, replaced_id, token_to, replace_current=replace_current)
        # Its time begins when the stores are probed.
        exchange = Exchange(action.spec, header, self._timeout, self.connector.headers)
        try:

            def send(request: Request) -> _Answered:
                answered = self._send_authorized(sender, action, exchange, request, credential)
                if stores:
                    self._storing.add(exchange)  # the response may hold a token
                return answered

            parsed, secrets = self._receive(run, exchange, send)
            result = _result(action, parsed, self.base_url, exchange.attempts, credentials=secrets, inputs=inputs)
            if run.mark is not None:
                result = replace(result, mark=run.mark, row_inputs=run.row_inputs)
            if result.outcome is Outcome.UNKNOWN and action.spec.verify_with:
                result = self._with_verify_command(result, action.spec.verify_with, inputs)
            if result.outcome is Outcome.DONE and stores and result.secrets:  # a stored secret may be missing
                result = self._store_token(
                    sender, action, result, stores=stores, replaced_id=replaced_id, header=exchange.header
                )
            return result, exchange.header
        finally:
            self._storing.discard(exchange)

    def _with_verify_command(self, result: Result, verifier: str, inputs: Mapping[str, Any]) -> Result:
        """Return *result* with the inputs of *verifier* that have the names of *inputs* in the command of its hint."""
        try:
            shared = inputs_of_same_names(ready_action(self.specs, verifier), inputs)
        except InvalidError:
            shared = {}  # the spec is wrong
        command = run_command(verifier, shared)
        remark = ""
        if result.mark is not None:
            from locoia_pat.spec.row_mark import add_mark  # noqa: PLC0415  # few actions need it

            remark = f" Its row would have the mark {add_mark('', result.mark)}."
        problem = result.problem
        return replace(result, problem=problem and replace(problem, hint=f"{problem.hint}{remark}", next=command))

    def _receive(
        self, run: PreparedRun, exchange: Exchange, send: Callable[[Request], _Answered]
    ) -> tuple[ParsedResponse, tuple[Secret, ...]]:
        """Send the request of *run*, and those that its responses lead to; return what they mean together.

        Returns:
            What the responses mean, and the credentials that the last request was sent with.

        """
        action = run.action
        response, secrets = send(run.request)
        parsed = action.classify(response, run.inputs, dt.datetime.now(dt.UTC), secrets[-1] if secrets else None)
        if (follower := self._follower(run)) is not None:
            while (request := follower.advance(response, parsed)) is not None:
                exchange.read_after(follower.pause)
                try:
                    response, secrets = send(request)
                except ExchangeError as error:  # this request was not sent, and those before were
                    parsed = error.parsed
                    response = TransportError(parsed.problem.message if parsed.problem else "", sent=False)
                else:
                    parsed = action.classify(
                        response, run.inputs, dt.datetime.now(dt.UTC), secrets[-1] if secrets else None
                    )
            parsed = follower.parsed()
        if exchange.may_have_acted:
            parsed = after_unknown_attempt(action.spec, parsed)
        return parsed, secrets

    def _follower(self, run: PreparedRun) -> Follower | None:
        """Return what decides on the requests after the first one of *run*, or None if there is only one."""
        spec = run.action.spec
        if not (spec.pages or spec.poll):
            return None
        return run.action.follower(
            run.request, run.inputs, self.base_url_of(spec), dt.datetime.now(dt.UTC), self.connector.hosts
        )

    def invalid_result(self, name: str, error: ConnectorError) -> Result:
        """Return the result of a run of *name* that ended with *error* before anything was sent."""
        try:
            is_action = name in self.specs.names
        except InvalidError:
            is_action = False
        try:
            api = self.base_url
        except ConnectorError:
            api = None
        return Result.from_error(name if is_action else None, error, api=api)  # another name may be a misplaced secret

    def _run_super_action(
        self, connector: Sender, spec: SuperSpec, inputs: Mapping[str, Any], **options: Any
    ) -> Result:
        checked = InputValidator(spec.inputs, any_option=self._any_option).check(
            inputs, today=dt.datetime.now(dt.UTC).date()
        )
        if spec.super_ not in SUPER_ACTIONS:
            raise invalid(
                f"this package has no super action {spec.super_}",
                field="super",
                hint=f"It has {', '.join(SUPER_ACTIONS)}.",
            )
        from pkgutil import resolve_name  # noqa: PLC0415  # only a super action needs it

        run: Callable[..., Result] = resolve_name(SUPER_ACTIONS[spec.super_])
        return run(connector, checked, **options)

    def _credential(self, action: CompiledAction, inputs: Mapping[str, Any]) -> Credential:
        """Read the credential for a run of *action* with *inputs*, which must not contain it.

        Raises:
            InvalidError: there is no credential, it is for another host, or an input contains it.

        """
        credential = self.auth.credential(self.connector)
        _check_token_host(credential.api, self.base_url)
        _reject_credential_in_inputs(credential.token, inputs, action.declared_strings)
        return credential

    def _send_authorized(
        self,
        sender: Sender,
        action: CompiledAction,
        exchange: Exchange,
        request: Request,
        credential: Credential | None,
    ) -> _Answered:
        """Send *request*, and once more if its credential was refused and there is another.

        Returns:
            The response, and the credentials: the last one was sent.

        """
        if credential is None:
            return sender.send(exchange, request), ()
        if self._token_exchange is not None:
            return self._send_exchanged(sender, self._token_exchange, action, exchange, request, credential=credential)
        response = sender.send(exchange, request)
        if action.is_rejected(response) and (fresh := self._read_rotated(credential)) is not None:
            exchange.header = self._header(fresh.token)
            return sender.send(exchange, request), (fresh.token,)
        return response, (credential.token,)

    def _send_exchanged(
        self,
        sender: Sender,
        token_exchange: TokenExchange,
        action: CompiledAction,
        exchange: Exchange,
        request: Request,
        *,
        credential: Credential,
    ) -> _Answered:
        """Send *request* with a short-lived token; renew that once if the API refuses it and it was not new."""
        token, is_new, credential = self._short_lived(sender, token_exchange, exchange, credential)
        response = sender.send(exchange, request)
        if action.is_rejected(response) and not is_new:
            try:
                renewed = self._short_lived(sender, token_exchange, exchange, credential, rejected=token)
            except ExchangeError:
                if exchange.may_have_acted:
                    return response, (credential.token, token)  # an attempt before was not refused
                raise
            token, _, credential = renewed
            response = sender.send(exchange, request)
        return response, (credential.token, token)

    def _short_lived(
        self,
        sender: Sender,
        token_exchange: TokenExchange,
        exchange: Exchange,
        credential: Credential,
        *,
        rejected: Secret | None = None,
    ) -> tuple[Secret, bool, Credential]:
        """Authorize *exchange* with a short-lived token for *credential*, or for the one that it was rotated to.

        Returns:
            The token, whether it is new, and the credential that it is for.

        Raises:
            ExchangeError: the API does not exchange it.

        """

        def exchanged(credential: Credential) -> tuple[Secret, bool, Credential]:
            token, is_new = token_exchange.token(
                sender.send,
                credential.token,
                identifier=self.auth.identifier(self.connector),
                base_url=self.base_url_of(token_exchange.spec),
                remaining=lambda: exchange.remaining,
                rejected=rejected,
            )
            exchange.header = self._header(token)
            return token, is_new, credential

        try:
            return exchanged(credential)
        except ExchangeError as error:
            fresh = self._read_rotated(credential) if error.is_refused else None
            if fresh is None:
                raise
        return exchanged(fresh)

    def _read_rotated(self, rejected: Credential) -> Credential | None:
        """Read the credential again after a 401; None unless it was rotated in the meantime."""
        if not self.auth.can_change:
            return None
        try:
            fresh = self.auth.credential(self.connector)
        except Exception:  # noqa: BLE001  # whatever is wrong with it now, the 401 is the result
            return None
        return fresh if fresh.token != rejected.token and fresh.api in (None, rejected.api) else None

    def probe_stores(
        self,
        action: CompiledAction,
        replaced_id: str | None,
        refs: Sequence[str | TokenStore],
        *,
        replace_current: bool,
    ) -> list[TokenStore]:
        """Open and probe the stores of *refs*: each must be writable, and empty or holding the row *replaced_id*.

        A store that can only be written comes last, for a token given to it cannot be taken back.
        """
        if refs and not action.spec.secrets:
            raise invalid(f"{action.spec.action} returns no token to store", field="token_to")
        stores = open_stores(refs, self.open_store)
        for store in stores:
            current = store.probe()
            if current is not None and (replaced_id is None or current.id != replaced_id) and not replace_current:
                held_token = f"the token {describe_value(current.id)}" if current.id else "a token"
                expected = f", not {describe_value(replaced_id)}" if replaced_id is not None else " already"
                consequence = "keep its token as #previous" if store.readback == "record" else "lose its token"
                raise invalid(
                    f"{store.ref} holds {held_token}{expected}",
                    field="token_to",
                    hint=f"Choose another store, or pass --replace to {consequence}.",
                )
        return sorted(stores, key=lambda store: store.readback == "nothing")

    def _store_token(
        self,
        sender: Sender,
        action: CompiledAction,
        result: Result,
        *,
        stores: Sequence[TokenStore],
        replaced_id: str | None,
        header: tuple[str, Secret] | None,
    ) -> Result:
        """Store the minted token in all *stores*; if none accepts it, revoke it."""
        (token,) = result.secrets.values()  # an action that mints has one secret output
        data = result.data or {}
        entry = TokenEntry(
            token, {name: data[name] for name, output in action.spec.reply.output.items() if output.store_with_token}
        )
        refs: list[str] = []
        warnings: list[str] = []
        stored = 0
        for store in stores:
            try:
                warnings += store.store(entry, api=self.base_url, replaced_id=replaced_id)
            except Exception as error:  # noqa: BLE001  # whatever a store does wrong, the token must not be lost
                warnings.append(f"{store.ref} did not store the token: {redact(str(error), [token])}")
                continue
            stored += 1
            if store.readback != "nothing":
                refs.append(store.ref)
        if stored and (replaced_id is None or stored == len(stores)):
            return replace(result, warnings=(*result.warnings, *warnings), token_refs=tuple(refs))
        if stored:  # the token that the other stores hold was replaced by this call
            hint = "It is current in the other stores: copy it from one of them, or run this again."
            problem = Problem("not_stored", "; ".join(warnings), hint=hint)
            return replace(result, outcome=Outcome.NOT_STORED, problem=problem, token_refs=tuple(refs))
        return self.revoke_unstored(sender, result, "; ".join(warnings), header)

    def revoke_unstored(
        self, sender: Sender, result: Result, reason: str, header: tuple[str, Secret] | None = None
    ) -> Result:
        """Revoke the token that *result* carries; see :func:`.unstored_token.revoke_unstored`."""
        from locoia_pat.engine.unstored_token import revoke_unstored  # noqa: PLC0415  # most tokens are stored

        return revoke_unstored(self, sender, result, reason, header)

    def run_related(
        self,
        sender: Sender,
        name: str,
        inputs: Mapping[str, Any],
        header: tuple[str, Secret] | None,
        own: Secret | None,
    ) -> ParsedResponse | None:
        """Run the action *name*, which the spec of a minted token names, and discard the token it may mint.

        Without a *header*, the credential is read; without one, the token itself is used if it is given as *own*.

        Returns:
            What the response means; None if nothing was sent.

        """
        try:
            run = self.prepare(name, inputs)
            exchange = Exchange(run.action.spec, header, self._timeout, self.connector.headers)
            if run.action.spec.auth == "none":
                exchange.header = None
            elif header is None:
                self._authorize(sender, exchange, own)
        except (InvalidError, ExchangeError):
            return None  # the spec is wrong, or there is no credential: that must not hide that a token was minted
        return self._receive(run, exchange, lambda request: (sender.send(exchange, request), ()))[0]

    def _authorize(self, sender: Sender, exchange: Exchange, instead: Secret | None) -> None:
        """Authorize *exchange* with the credential, or with the token *instead* where no credential is given.

        Either is exchanged first if the connector declares an exchange.

        Raises:
            ExchangeError: the API does not exchange it.
            InvalidError: there is no credential, and no token instead of it.

        """
        try:
            credential = self.auth.credential(self.connector)
        except InvalidError:
            if instead is None:
                raise
            credential = Credential(instead)
        exchange.header = self._header(credential.token)
        if self._token_exchange is not None:
            self._short_lived(sender, self._token_exchange, exchange, credential)

    @cached_property
    def _token_exchange(self) -> TokenExchange | None:
        if self.connector.auth.exchange is None:
            return None
        from locoia_pat.engine.token_exchange import TokenExchange  # noqa: PLC0415  # few connectors have one

        connector = self.specs.connector  # the file, not its compiled form
        return TokenExchange(connector, connector.auth.exchange) if connector.auth.exchange else None

    @cached_property
    def _auth_header(self) -> AuthHeader:
        return AuthHeader(self.connector)

    def _header(self, token: Secret) -> tuple[str, Secret]:
        return self._auth_header.header(token, self.auth.identifier(self.connector))


def _failure_to_deliver(result: Result, deliver: Callable[[Result], None]) -> str | None:
    """Give *result* to *deliver*; return why that failed, or None."""
    try:
        deliver(result)
    except OSError as error:
        return str(error.strerror or error)
    return None


def _require_store_in_flow(spec: ActionSpec) -> None:
    """Refuse to create a token without a store in the step of a flow engine, where it would be lost.

    Raises:
        InvalidError: this code runs in such a step.

    """
    if spec.secrets and spec.effect == "create" and (engine := _current_flow_engine()) is not None:
        raise invalid(
            f"no token store for the new token, which {engine} would keep or lose with the result of the step",
            field="token_to",
            hint='Pass one, such as token_to=["keyring:SERVICE/NAME"], and return result.to_dict() from the step.',
        )


def _current_flow_engine() -> str | None:
    """Return the name of the flow engine in whose step this code runs, or None; none is imported for that.

    A flow engine keeps what a step returns, and runs the step again: there, a token needs a store.
    """
    modules: dict[str, Any] = sys.modules
    if (prefect := modules.get("prefect.context")) and (prefect.TaskRunContext.get() or prefect.FlowRunContext.get()):
        return "Prefect"
    if (dbos := modules.get("dbos")) and dbos.DBOS.workflow_id:
        return "DBOS"
    if (celery := modules.get("celery")) and celery.current_task:
        return "Celery"
    return "Airflow" if "AIRFLOW_CTX_DAG_ID" in os.environ else None


def _check_token_host(api: str | None, base_url: str) -> None:
    """Refuse to send a token to another host than the one it was minted at."""
    if api is None or api == base_url:
        return
    minted_at, sent_to = (urlsplit(url).hostname for url in (api, base_url))
    if minted_at != sent_to and not (is_loopback(minted_at) and is_loopback(sent_to)):
        raise invalid(
            f"this token is of {api}, and would be sent to {base_url}",
            field="auth",
            hint="Set the base URL that the token is for, or name another credential.",
        )


def _reject_credential_in_inputs(token: Secret, inputs: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse inputs that contain the credential, which *known* strings do not: it is sent in its header only."""
    for name, value in inputs.items() if redacted(inputs, [token], known) is not inputs else ():
        if redacted(value, [token]) is not value:
            raise invalid("contains the credential itself, which is sent in its header only", field=name)


def _result(
    action: CompiledAction,
    parsed: ParsedResponse,
    api: str,
    attempts: int,
    *,
    credentials: Sequence[Secret],
    inputs: Mapping[str, Any],
) -> Result:
    """Return the result of *parsed*, with the secrets that were sent or received redacted everywhere else."""
    data, problem, warnings = parsed.data, parsed.problem, parsed.warnings
    has_unsearched_data = data is not None and (action.spec.reply.rows or len(credentials) > 1)
    if has_unsearched_data or problem is not None or warnings:  # else all were redacted when it was read
        sent = [*credentials, *iter_secrets(inputs)]
        secrets = [*sent, *parsed.secrets.values()]
        if problem is not None:
            problem = replace(problem, message=redact(problem.message, secrets))
        if has_unsearched_data:  # inputs were searched for the credential, and not for each other
            data = redacted(data, sent, known_strings(action.spec, inputs if len(sent) <= 1 else {}))
        warnings = tuple(redact(warning, secrets) for warning in warnings)
    warnings = (*warnings, *action.input_warnings(inputs))
    return Result(
        action.spec.action, parsed.outcome, api, attempts, warnings, data, problem, (), parsed.secrets, parsed.at,
        is_whole=parsed.is_whole,
    )  # fmt: skip
