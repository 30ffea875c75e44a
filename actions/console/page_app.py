"""The token page as an ASGI app.

Each page runs a read, or shows what the state holds; the response to a form that changes something is a redirect, so
that going back or reloading never sends it again, and a second submit of the same form gets the first outcome.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import secrets
import time
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from locoia_pat.actions import scopes
from locoia_pat.actions.console.health_report import HealthSources, journalled_names, read_health
from locoia_pat.actions.console.page_guard import PageGuard
from locoia_pat.actions.console.page_reports import Link, Report, report_failure
from locoia_pat.actions.console.token_form import PRESETS, TokenForm, narrower_choices
from locoia_pat.actions.console.token_table import (
    STATES,
    describe_distance,
    parse_query,
    read_rows,
    select,
    timeline,
)
from locoia_pat.actions.console.web_sessions import Reveal, WebSessions, has_csrf, remember
from locoia_pat.actions.lifecycle.journalled import credential_row_id, load_known_rows
from locoia_pat.outcomes import ConnectorError, InvalidError, Outcome, Result, invalid
from locoia_pat.secrets.secret import redact
from locoia_pat.stores import TokenEntry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from locoia_pat import Connector
    from locoia_pat.actions.console.token_table import Row
    from locoia_pat.actions.console.web_sessions import Session
    from locoia_pat.actions.lifecycle.journalled import KnownRows
    from locoia_pat.outcomes import Problem

    _Page = Callable[[Request, Session], Response]
    _Effect = Callable[[dict[str, list[str]], Session], str]

_HERE = Path(__file__).parent
_MAX_BODY = 64 * 1024
_STATIC = {"console.css": "text/css", "copy.js": "text/javascript", "icon.svg": "image/svg+xml"}
_TO_LIST = Link("Back to the tokens", "/")
_log = logging.getLogger("locoia_pat")


class PageApp:
    """The pages over one connector.  Its credential stays here: no page holds it."""

    def __init__(
        self,
        connector: Connector,
        url: str,
        say: Callable[[str], None],
        *,
        sources: HealthSources | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create the pages.

        Args:
            connector: what calls the API.
            url: where the pages are served, such as ``http://127.0.0.1:8323``.
            say: prints a line for the person who started the server, such as a launch link.
            sources: what the page of health reads besides the API.
            clock: seconds, for the ends of sessions.

        """
        self._connector = connector
        self._url = url
        self._say = say
        self._sources = sources or HealthSources()
        self._clock = clock
        self._sessions = WebSessions()
        self._cookie = f"locoia_pat_console_{url.rpartition(':')[2]}"  # cookies do not tell ports apart
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {"STATES": STATES, "describe_distance": describe_distance, "urlencode": urlencode}

    def asgi(self) -> ASGIApp:
        """Return the ASGI app."""
        pages: list[tuple[str, _Page]] = [
            ("/", self._list),
            ("/new", self._new),
            ("/new/review", self._review),
            *((f"/{page}", partial(self._row_page, f"{page}.html")) for page in ("regenerate", "revoke", "update")),
            ("/rotate", self._rotate),
            ("/health", self._health),
            ("/shown/{id}", self._shown),
            ("/done/{id}", self._done),
        ]
        effects: list[tuple[str, _Effect]] = [
            ("/new", self._create_token),
            ("/regenerate", self._regenerate_token),
            ("/revoke", self._revoke_token),
            ("/rotate", self._rotate_name),
            ("/shown/{id}/store", self._store_shown),
        ]
        app = Starlette(
            routes=[
                Route("/open/{code}", self._open, methods=["GET"]),
                Route("/static/{name}", _static, methods=["GET"]),
                Route("/end", self._end, methods=["POST"]),
                *(Route(path, self._page(page), methods=["GET"]) for path, page in pages),
                *(Route(path, self._submission(effect), methods=["POST"]) for path, effect in effects),
            ],
            exception_handlers={404: self._not_found, 405: self._not_found, 500: self._failed_unexpectedly},
        )
        app.router.redirect_slashes = False
        port = self._url.rpartition(":")[2]
        return PageGuard(app, frozenset(f"{host}:{port}" for host in ("127.0.0.1", "localhost", "[::1]")))

    def offer_link(self) -> None:
        """Print a launch link, unless one that was printed can still be used."""
        code = self._sessions.new_link(self._clock())
        if code is not None:
            self._say(f"{self._url}/open/{code}")

    def close(self) -> None:
        """End all sessions; a new token that no one has seen is revoked."""
        for session in self._sessions.end_all():
            self._discard_unseen(session)

    # Sessions

    async def _open(self, request: Request) -> Response:
        session = self._sessions.open(request.path_params["code"], self._clock())
        if session is None:
            return self._no_session()
        response = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        response.set_cookie(self._cookie, session.id, httponly=True, samesite="strict", path="/")
        return response

    async def _end(self, request: Request) -> Response:
        session = await self._find_session(request)
        fields = await _read_form(request)
        if session is None or not has_csrf(session, _first(fields, "csrf")):
            return self._no_session()
        self._sessions.end(session)
        await run_in_threadpool(self._discard_unseen, session)
        response = self._render("ended.html", None)
        response.delete_cookie(self._cookie, httponly=True, samesite="strict")
        response.headers["clear-site-data"] = '"cache", "storage"'
        return response

    async def _find_session(self, request: Request) -> Session | None:
        for expired in self._sessions.end_expired(self._clock()):
            await run_in_threadpool(self._discard_unseen, expired)
        return self._sessions.find(request.cookies.get(self._cookie), self._clock())

    def _no_session(self) -> Response:
        self.offer_link()
        return self._render("no_session.html", None, status=HTTPStatus.FORBIDDEN)

    def _discard_unseen(self, session: Session) -> None:
        """Revoke the new tokens of a session that has ended before they were shown."""
        while session.reveals:
            _, reveal = session.reveals.popitem()
            if reveal.show():
                problem = self._connector.discard(reveal.result, "the session ended before its token was shown").problem
                _log.warning("%s", problem)

    # Every page and every form

    def _page(self, page: _Page) -> Callable[[Request], Awaitable[Response]]:
        async def respond(request: Request) -> Response:
            session = await self._find_session(request)
            if session is None:
                return self._no_session()
            try:
                response = await run_in_threadpool(page, request, session)
            except ConnectorError as error:
                response = self._failure(request, session, Result.from_error(None, error), error.problem)
            # A browser may keep a page for its Back button although it must not be stored, until a cookie changes.
            response.set_cookie(
                f"{self._cookie}_page", secrets.token_hex(4), httponly=True, samesite="strict", path="/"
            )
            return response

        return respond

    def _submission(self, effect: _Effect) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint of a form: it runs *effect* once for each form, however often the form is sent."""

        async def respond(request: Request) -> Response:
            session = await self._find_session(request)
            fields = await _read_form(request)
            if session is None or not has_csrf(session, _first(fields, "csrf")):
                return self._no_session()
            id_ = _first(fields, "form")
            if not id_:
                return self._failure(request, session, None, invalid("the form is not complete").problem)
            fields["path_id"] = [request.path_params.get("id", "")]
            submission = session.submissions.get(id_)
            if submission is None:
                submission = asyncio.create_task(run_in_threadpool(self._perform, effect, fields, session))
                remember(session.submissions, id_, submission)
            location = await asyncio.shield(submission)
            return RedirectResponse(location, HTTPStatus.SEE_OTHER)

        return respond

    def _perform(self, effect: _Effect, fields: dict[str, list[str]], session: Session) -> str:
        """Return the path of the page that says what became of a form."""
        try:
            return effect(fields, session)
        except ConnectorError as error:
            report = report_failure(Result.from_error(None, error), error.problem, _TO_LIST)
            return _reported(session, report)

    def _render(self, template: str, session: Session | None, *, status: int = 200, **values: Any) -> Response:
        text = self._templates.get_template(template).render(
            session=session, api=self._connector.base_url, form_id=secrets.token_urlsafe(16), **values
        )
        return HTMLResponse(text, status)

    def _failure(self, request: Request, session: Session, result: Result | None, problem: Problem) -> Response:
        result = result or Result(None, Outcome.INVALID, problem=problem)
        is_invalid = result.outcome is Outcome.INVALID
        retry = Link("Retry", f"{request.url.path}?{request.url.query}")
        report = report_failure(result, problem, _TO_LIST if is_invalid else retry)
        status = HTTPStatus.BAD_REQUEST if is_invalid else HTTPStatus.BAD_GATEWAY
        return self._render("report.html", session, status=status, report=report)

    def _notice(
        self,
        session: Session | None,
        status: HTTPStatus,
        title: str,
        message: str,
        *,
        tone: Literal["warning", "bad"] = "warning",
        hint: str | None = None,
        **values: Any,
    ) -> Response:
        """Return a page that says something, and leads back to the list; *values* are others of its template."""
        report = Report(title, message, tone, hint, links=(_TO_LIST,))
        return self._render("report.html", session, status=status, report=report, **values)

    async def _failed_unexpectedly(self, *_: object) -> Response:
        message = "If a form was sent, it may have happened: look into the list before you send it again."
        hint = "The terminal where the page was started shows the error."
        return self._notice(None, HTTPStatus.INTERNAL_SERVER_ERROR, "Unexpected error", message, tone="bad", hint=hint)

    async def _not_found(self, request: Request, _: Exception) -> Response:
        session = await self._find_session(request)
        if session is None:
            return self._no_session()
        message = "The link is old, or was not copied whole."
        return self._notice(session, HTTPStatus.NOT_FOUND, "There is no such page", message)

    # Pages

    def _list_rows(self) -> tuple[list[Row], Result, KnownRows]:
        listed = self._connector.run("list_pats").raise_for_outcome()
        known = load_known_rows(self._connector.base_url)
        rows = read_rows((listed.data or {})["tokens"], known.revoked, listed.at or dt.datetime.now(dt.UTC))
        return rows, listed, known

    def _find_row(self, id_: str) -> tuple[Row, str | None]:
        """Return a row of the list, and its managed name, if this state folder manages it."""
        rows, _, known = self._list_rows()
        row = next((row for row in rows if row.id == id_ and id_), None)
        if row is None:
            raise invalid(
                "there is no such token in the list", field="id", hint="It may have got another ID, or expired."
            )
        return row, known.managed.get(id_)

    def _list(self, request: Request, session: Session) -> Response:
        query = parse_query(request.query_params)
        rows, listed, known = self._list_rows()
        return self._render(
            "list.html",
            session,
            table=select(rows, query),
            bars=timeline(rows),
            query=query,
            warnings=listed.warnings,
            managed_here=known.managed,
            own_id=credential_row_id(self._connector),
            link=lambda **changed: _list_link(query._replace(**changed)),
        )

    def _new(self, request: Request, session: Session) -> Response:
        form = TokenForm.read(_query_fields(request))
        return self._render("new.html", session, form=form, errors={}, **_form_values())

    def _review(self, request: Request, session: Session) -> Response:
        form = TokenForm.read(_query_fields(request))
        errors, days = self._check_form(form)
        if errors:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            return self._render("new.html", session, status=status, form=form, errors=errors, **_form_values())
        return self._render(
            "review.html",
            session,
            form=form,
            days=days,
            expiration=_today() + dt.timedelta(days=days) if days is not None else None,
            ability=scopes.describe(form.scopes),
            narrower=[(choice, form.with_narrower(choice)) for choice in narrower_choices(form.scopes)],
        )

    def _check_form(self, form: TokenForm) -> tuple[dict[str, str], int | None]:
        """Return a message for each field that is not valid, and the days."""
        errors: dict[str, str] = {}
        days: int | None = None
        try:
            days = form.days(_today())
        except InvalidError as error:
            errors["expiration"] = str(error).partition(": ")[2]
        try:
            self._connector.prepare("create_pat", {"note": form.note, "scopes": list(form.scopes), "expiration": days})
        except InvalidError as error:
            for problem in (error.problem, *error.problem.others):
                hint = f" {problem.hint}" if problem.hint else ""
                errors.setdefault(problem.field or "note", f"{problem.message}.{hint}")
        if not form.note:
            errors.setdefault("note", "Say what the token is for: the note is how you will find it again.")
        if not form.scopes:
            errors["scopes"] = "Choose at least one scope."
        try:
            self._check_store(form.to, form.store)
        except InvalidError as error:
            errors["store"] = " ".join(filter(None, [error.problem.message, error.problem.hint]))
        return errors, days

    def _check_store(self, to: str, ref: str) -> tuple[str, ...]:
        """Return the references of the stores that were chosen.

        Raises:
            InvalidError: it is not a token store, or one that runs a program.

        """
        if to != "store":
            return ()
        if ref.startswith("command:"):
            hint = "Run the action with --token-to in a terminal instead."
            raise invalid("a page does not start programs", field="store", hint=hint)
        self._connector.open_store(ref)
        return (ref,)

    def _row_page(self, template: str, request: Request, session: Session) -> Response:
        row, name = self._find_row(request.query_params.get("id", ""))
        names = journalled_names(self._connector.base_url)
        stores = names[name][1] if name in names else ()
        return self._render(
            template,
            session,
            row=row,
            managed_here=name if name in names else None,
            stores=stores,
            is_own=row.id == credential_row_id(self._connector),
            presets=PRESETS,
            replacement=TokenForm(note=row.note, scopes=tuple(row.scopes)),
            today=_today(),
        )

    def _rotate(self, request: Request, session: Session) -> Response:
        entry, stores = self._managed(request.query_params.get("name", ""))
        return self._render("rotate.html", session, entry=entry, stores=stores)

    def _managed(self, name: str) -> Any:
        names = journalled_names(self._connector.base_url)
        if name not in names:
            hint = "Start the console with the state folder that manages it."
            raise invalid("this console does not manage that name", field="name", hint=hint)
        return names[name]

    def _health(self, _: Request, session: Session) -> Response:
        return self._render("health.html", session, health=read_health(self._connector, self._sources))

    def _shown(self, request: Request, session: Session) -> Response:
        id_ = request.path_params["id"]
        reveal = session.reveals.get(id_)
        if request.method == "HEAD" or reveal is None or not reveal.show():
            hint = "If you did not copy it, regenerate it: that gives you a new token and revokes this one."
            values = {"storable_id": id_} if reveal is not None and reveal.shown else {}
            title = "The token was shown once"
            return self._notice(session, HTTPStatus.GONE, title, "It cannot be shown again.", hint=hint, **values)
        result = reveal.result
        assert result.token is not None  # noqa: S101  # only results with a token are shown
        return self._render("shown.html", session, id=id_, token=result.token.reveal(), data=result.data, result=result)

    def _done(self, request: Request, session: Session) -> Response:
        report = session.reports.get(request.path_params["id"])
        if report is None:
            message = "It belongs to a session that has ended."
            return self._notice(session, HTTPStatus.OK, "This report is gone", message)
        return self._render("report.html", session, report=report)

    # Forms: each returns the path of the page that says what became of it

    def _create_token(self, fields: dict[str, list[str]], session: Session) -> str:
        form = TokenForm.read(fields)
        stores = self._check_store(form.to, form.store)
        inputs = {"note": form.note, "scopes": list(form.scopes), "expiration": form.days(_today())}
        result = self._connector.run("create_pat", inputs, token_to=stores)
        return self._minted(session, result, form.note, Link("Back to the form", f"/new?{form.query}"))

    def _regenerate_token(self, fields: dict[str, list[str]], session: Session) -> str:
        form = TokenForm.read(fields)
        id_ = _first(fields, "id")
        stores = self._check_store(form.to, form.store)
        inputs = {"token_id": id_, "expiration": form.days(_today())}
        result = self._connector.run("regenerate_pat", inputs, token_to=stores)
        return self._minted(
            session, result, form.note, Link("Back to the token", f"/regenerate?{urlencode({'id': id_})}")
        )

    def _minted(self, session: Session, result: Result, note: str, form: Link) -> str:
        """Return the page of a new token: where it is shown once, or where it says which store has it."""
        if result.problem is not None:
            find = Link("Look for it in the list", f"/?{urlencode({'q': note})}")
            links = (find,) if result.outcome is Outcome.UNKNOWN else (form, _TO_LIST)
            return _reported(session, report_failure(result, result.problem, *links))
        if result.token_refs:
            return _reported(
                session, _stored(result.token_refs[0], result.warnings, "It was not shown, and is only in its store.")
            )
        id_ = secrets.token_urlsafe(16)
        session.reveals[id_] = Reveal(result)
        if session.ended:  # while the API was called
            self._discard_unseen(session)
        return f"/shown/{id_}"

    def _revoke_token(self, fields: dict[str, list[str]], session: Session) -> str:
        result = self._connector.run("revoke_pat", {"token_id": _first(fields, "id")})
        if result.problem is not None:
            return _reported(session, report_failure(result, result.problem, _TO_LIST))
        message = "It no longer works. Its row stays listed until it expires, a day from now."
        return _reported(session, Report("The token is revoked", message, warnings=result.warnings, links=(_TO_LIST,)))

    def _rotate_name(self, fields: dict[str, list[str]], session: Session) -> str:
        entry, stores = self._managed(_first(fields, "name"))
        overlap = 0.0 if _first(fields, "overlap") == "0" else 24.0
        inputs = {"name": entry.name, "expiration": entry.days, "overlap": overlap}
        result = self._connector.run("rotate_pat", inputs, token_to=stores)
        if result.problem is not None:
            return _reported(session, report_failure(result, result.problem, _TO_LIST))
        data = result.data or {}
        report = Report(
            f"{entry.name} has a new token",
            "Its stores hold it. Programs that read it from there need no change.",
            details=tuple(("Stored in", ref) for ref in result.token_refs)
            + ((("The previous token works until", str(data["retire_due"])),) if data.get("retire_due") else ()),
            warnings=result.warnings,
            links=(_TO_LIST, Link("Fleet and health", "/health")),
        )
        return _reported(session, report)

    def _store_shown(self, fields: dict[str, list[str]], session: Session) -> str:
        """Store a token that was shown; it can be stored until the session ends."""
        id_, ref = _first(fields, "path_id"), _first(fields, "store").strip()
        reveal = session.reveals.get(id_)
        if reveal is None or reveal.result.token is None:
            raise invalid("the token is no longer here", hint="Regenerate it, and choose the store there.")
        metadata = {key: (reveal.result.data or {}).get(key) for key in ("id", "expiration", "scopes")}
        try:
            stored = self._store_entry(ref, TokenEntry(reveal.result.token, metadata))
        except Exception as error:  # noqa: BLE001  # whatever a store does wrong, another one must be offered
            own = error if isinstance(error, ConnectorError) else invalid(redact(str(error), [reveal.result.token]))
            links = (Link("Choose another store", f"/shown/{id_}"), _TO_LIST)
            report = Report("Storing the token failed", own.problem.message, "bad", hint=own.problem.hint, links=links)
            return _reported(session, report)
        session.reveals.pop(id_, None)  # two forms may have stored it at once
        return _reported(session, stored)

    def _store_entry(self, ref: str, entry: TokenEntry) -> Report:
        """Store a token in an empty store, and return the report."""
        self._check_store("store", ref)
        store = self._connector.open_store(ref)
        if store.probe() is not None:
            raise invalid("it holds another token", hint="Name another store; this one was not changed.")
        warnings = store.store(entry, api=self._connector.base_url)
        return _stored(store.ref, warnings, "The page that showed it is gone; its store has it.")


def _stored(ref: str, warnings: Sequence[str], message: str) -> Report:
    return Report(
        "The token is stored",
        message,
        command=f"locoia-pat exec {ref.removesuffix('#current')} -- COMMAND",
        details=(("Stored in", ref),),
        warnings=tuple(warnings),
        links=(_TO_LIST,),
    )


def _reported(session: Session, report: Report) -> str:
    id_ = secrets.token_urlsafe(16)
    remember(session.reports, id_, report)
    return f"/done/{id_}"


def _form_values() -> dict[str, Any]:
    return {
        "presets": PRESETS,
        "tomorrow": _today() + dt.timedelta(days=1),
        "entities": scopes.ENTITIES,
        "read_only": scopes.READ_ONLY,
        "webhooks": scopes.WEBHOOK_RUN,
    }


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def _list_link(query: Any) -> str:
    values = {
        "q": query.text,
        "scope": query.scope,
        "state": query.state,
        "sort": query.sort if query.sort != "expires" else "",
        "order": "desc" if query.descending else "",
        "page": query.page if query.page > 1 else "",
    }
    given = {name: value for name, value in values.items() if value}
    return f"/?{urlencode(given)}" if given else "/"


def _query_fields(request: Request) -> dict[str, list[str]]:
    return {name: request.query_params.getlist(name) for name in request.query_params}


async def _read_form(request: Request) -> dict[str, list[str]]:
    """Return the fields of a form; none of a body that is too large or of another type."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            return {}
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)


def _first(fields: dict[str, list[str]], name: str) -> str:
    return next(iter(fields.get(name, ())), "")


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _STATIC:
        return PlainTextResponse("there is no such file\n", HTTPStatus.NOT_FOUND)
    return FileResponse(_HERE / "static" / name, media_type=_STATIC[name], headers={"cache-control": "no-cache"})
