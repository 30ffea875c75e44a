"""Trouble: lost responses, an API that is down or slow, credentials that expired, markup, and very many rows."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from locoia_pat import ConnectorAuth
from locoia_pat.actions import create_pat
from locoia_pat.actions.console.health_report import HealthSources
from locoia_pat.actions.doctor.checks import CheckResult
from locoia_pat.actions.fleet.fleet_plan import TokenPlan
from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.outcomes import Problem
from tests.support.console_page import TOKEN, Console, serving_console
from tests.support.lifecycle_sandbox import open_sandbox
from tests.support.loopback import answer, created, serving

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    import pytest


def test_a_lost_response_of_a_create_is_explained_and_a_second_submit_creates_nothing(console: Console) -> None:
    browser = console.open()
    form = console.form(browser, console.review(note="Import"))
    console.sandbox.faults.add(Fault("lost", "POST"))
    for _ in range(2):
        page = browser.post("/new", data=form)
        assert "It may have happened" in page.text
        assert "/?q=Import" in page.text
        assert "its token is lost; revoke it" in page.text
        assert not TOKEN.findall(page.text)
    assert len(console.rows()) == 1


def test_a_create_whose_browser_is_gone_is_shown_to_the_next_submit(console: Console) -> None:
    """The response between the console and the browser was lost; the same form is sent again meanwhile or later."""
    browser = console.open()
    form = console.form(browser, console.review())
    console.sandbox.faults.add(Fault("slow", "POST", seconds=1))
    pages: list[str] = []
    both = [threading.Thread(target=lambda: pages.append(browser.post("/new", data=form).text)) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(60)
    assert sum(bool(TOKEN.findall(page)) for page in pages) == 1
    assert len(console.rows()) == 1


def test_a_create_that_ends_after_its_session_is_revoked(console: Console) -> None:
    arrived, release = threading.Event(), threading.Event()

    def held(connection: socket.socket) -> bool:
        arrived.set()
        return release.wait(60) and bool(answer(201, created())(connection))

    with serving(held, answer(200, created())) as api, serving_console(console.sandbox, api=api.url) as other:
        browser = other.browser()
        browser.get(other.links[0], follow_redirects=False)
        form, end = other.form(browser, other.review()), other.form(browser, "/done/x")
        create = threading.Thread(target=lambda: browser.post("/new", data=form, follow_redirects=False))
        create.start()
        assert arrived.wait(60)
        assert "The session has ended" in browser.post("/end", data=end).text
        release.set()
        create.join(60)
        assert [got.path.rpartition("/")[2] for got in api.got] == ["personal-access-tokens", "regenerate"]


def test_an_api_that_is_down_or_slow_or_refuses_is_explained(console: Console) -> None:
    browser = console.open()
    for fault, says in (
        (Fault("status", status=401), "The API refused"),
        (Fault("html"), "It"),
    ):
        console.sandbox.faults.add(fault)
        page = browser.get("/")
        assert page.status_code == 502, fault
        assert says in page.text, fault
        console.sandbox.faults.clear()
    for name, api in (("down", "http://127.0.0.1:1/v1"), ("slow", None)):
        with serving_console(console.sandbox, api=api, timeout=0.2) as other:
            console.sandbox.faults.add(Fault("slow", seconds=2, times=20))
            other.browser().get(other.links[0])
            page = other.clients[0].get("/")
            assert "It did not happen" in page.text, name
            assert "Retry" in page.text, name
            assert "could not be checked" in other.clients[0].get("/health").text, name
            console.sandbox.faults.clear()


def test_a_credential_that_no_longer_works_is_explained(console: Console) -> None:
    browser = console.open()
    (own,) = console.sandbox.store.owned_by("sandbox")
    form = console.form(browser, console.review())
    console.sandbox.store.regenerate(own.id, owner="sandbox", days=1)
    page = browser.get("/")
    assert page.status_code == 502
    assert "The API refused" in page.text
    assert "locoia-pat login" in page.text
    assert "The API refused" in browser.post("/new", data=form).text


def test_markup_in_a_note_is_text(console: Console) -> None:
    browser = console.open()
    note = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{ 7*7 }}"
    page = console.submit(browser, console.review(note=note), "/new")
    (row,) = console.rows()
    assert row.note == note
    paths = ["/", f"/?{urlencode({'q': note})}", console.review(note=note), "/health"]
    paths += [f"/{name}?{urlencode({'id': row.id})}" for name in ("update", "regenerate", "revoke")]
    for text in (page.text, *(browser.get(path).text for path in paths)):
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "&amp;49" not in text


def test_a_note_of_255_wide_characters_is_accepted(console: Console) -> None:
    browser = console.open()
    note = "🔑" * 255
    assert TOKEN.findall(console.submit(browser, console.review(note=note), "/new").text)
    assert [row.note for row in console.rows()] == [note]
    assert browser.get(console.review(note=f"{note}🔑")).status_code == 422


def test_a_second_tab_does_not_disturb_the_first(console: Console) -> None:
    browser = console.open()
    first, second = (console.form(browser, console.review(note=note)) for note in ("one", "two"))
    assert TOKEN.findall(browser.post("/new", data=second).text)
    assert TOKEN.findall(browser.post("/new", data=first).text)
    assert [row.note for row in console.rows()] == ["two", "one"]


def test_a_row_that_is_gone_is_explained(console: Console) -> None:
    browser = console.open()
    for page in ("regenerate", "revoke", "update"):
        for query in ("", "?id=", "?id=no-such-row"):
            got = browser.get(f"/{page}{query}")
            assert got.status_code == 400, page
            assert "there is no such token in the list" in got.text, page


def test_no_row_and_very_many_rows_are_shown(console: Console) -> None:
    browser = console.open()
    for number in range(300):
        console.sandbox.store.create(owner="sandbox", days=number + 1, scopes=["embed"], note=f"Job {number}")
    page = browser.get("/")
    assert page.text.count("<tr") == 51
    assert "Page 1 of 7" in page.text
    assert 'rel="next"' in page.text
    last = browser.get("/?page=7&sort=note&order=desc")
    assert 'rel="prev"' in last.text
    assert "No token matches" in browser.get("/?q=nothing").text
    assert len(page.content) < 150_000
    health = browser.get("/health").text
    assert "Regenerate" in health


def test_the_page_of_a_user_without_tokens_says_what_to_do(console: Console) -> None:
    with serving(*[answer(body=[])] * 2) as api, serving_console(console.sandbox, api=api.url) as empty:
        assert "There are no tokens yet" in empty.open().get("/").text


def test_health_names_what_needs_attention_and_the_next_step(tmp_path: Path) -> None:
    checks = [CheckResult("clock", "problem", "an hour late", "set the clock"), CheckResult("program", "ok", "new")]
    plans = [
        TokenPlan("crm", "the command's", "blocked", "no credential"),
        TokenPlan("ci", "x", "none", expires_in_days=3),
    ]
    with (
        open_sandbox(tmp_path) as sandbox,
        serving_console(sandbox, sources=HealthSources(lambda: checks, lambda: plans)) as console,
    ):
        sandbox.ensure(expiration=5)
        with sandbox.connector() as connector:
            create_pat(connector, expiration=2, scopes=["embed"], note="by hand", token_to=[sandbox.ref("hand")])
        text = console.open().get("/health").text
        for says in ("set the clock", "is blocked: no credential", "is in order; expires in 3 days", "/rotate?name=ci"):
            assert says in text, says
        assert re.search(r"<b>\d+ things to look at</b>", text)
        sandbox.faults.add(Fault("lost", "POST", times=9))
        broken: list[Problem] = []
        try:
            sandbox.rotate()
        except Exception as error:  # noqa: BLE001  # which one does not matter here
            broken.append(getattr(error, "problem", None) or Problem("unknown", str(error)))
        sandbox.faults.clear()
        assert broken
        assert "locoia-pat reconcile" in console.open().get("/health").text


def test_an_unexpected_error_says_what_to_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        open_sandbox(tmp_path) as sandbox,
        serving_console(sandbox, sources=HealthSources(lambda: [*map(int, ["no check"])])) as console,  # type: ignore[list-item]  # a bug
    ):
        got = console.open().get("/health")
        assert got.status_code == 500
        assert "it may have happened: look into the list" in got.text
        assert got.headers["cache-control"] == "no-store"
    assert "ValueError" in caplog.text + capsys.readouterr().err


def test_the_row_of_the_credential_is_marked_if_its_store_knows_it(console: Console, tmp_path: Path) -> None:
    ref = f"file:{tmp_path / 'own.json'}"
    with console.sandbox.connector() as connector:
        create_pat(connector, expiration=9, scopes=["company"], note="own", token_to=[ref])
    (row,) = console.rows()
    with serving_console(console.sandbox, auth=ConnectorAuth.from_ref(ref)) as own:
        browser = own.open()
        assert "In use by this page" in browser.get("/").text
        for page in ("regenerate", "revoke"):
            assert "This page works with it" in browser.get(f"/{page}?id={row.id}").text
        (tmp_path / "own.json").write_text("broken")
        assert "The API refused" in browser.get("/").text
