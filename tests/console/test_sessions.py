"""Who gets in: launch links, sessions, and requests of other sites and hosts."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from locoia_pat.actions.console.web_sessions import (
    IDLE_SECONDS,
    LIFETIME_SECONDS,
    LINK_SECONDS,
    MAX_SUBMISSIONS,
    remember,
)

if TYPE_CHECKING:
    from tests.support.console_page import Console

PAGES = (
    "/",
    "/new",
    "/new/review",
    "/regenerate",
    "/revoke",
    "/update",
    "/rotate",
    "/health",
    "/shown/x",
    "/done/x",
    "/x",
)


def test_a_launch_link_opens_one_session_and_expires(console: Console) -> None:
    link = console.links.pop()
    assert console.browser().get(f"{console.url}/open/wrong").status_code == 403
    first = console.browser()
    assert "<h1>Tokens</h1>" in first.get(link).text
    cookie = next(cookie for cookie in first.cookies.jar if not cookie.name.endswith("_page"))
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "strict"
    assert console.browser().get(link).status_code == 403
    assert len(console.links) == 1  # a new one was printed, and only one
    console.browser().get("/")
    assert len(console.links) == 1
    console.clock[0] += LINK_SECONDS
    assert console.browser().get(console.links.pop()).status_code == 403
    assert "<h1>Tokens</h1>" in console.open().get("/").text


def test_without_a_session_no_page_shows_anything_and_no_form_does_anything(console: Console) -> None:
    stranger = console.browser()
    for page in PAGES:
        got = stranger.get(page)
        assert got.status_code == 403, page
        assert "no session in this browser" in got.text, page
    for form in ("/new", "/regenerate", "/revoke", "/rotate", "/shown/x/store", "/end"):
        assert stranger.post(form, data={"csrf": "", "form": "1"}).status_code == 403, form
    assert console.rows() == []


def test_a_session_ends_on_request_and_after_a_time(console: Console) -> None:
    browser = console.open()
    assert "The session has ended" in console.submit(browser, "/", "/end").text
    assert browser.get("/").status_code == 403
    idle = console.open()
    console.clock[0] += IDLE_SECONDS
    assert idle.get("/").status_code == 403
    busy = console.open()
    for _ in range(int(LIFETIME_SECONDS / IDLE_SECONDS) * 2 - 1):
        console.clock[0] += IDLE_SECONDS / 2
        assert busy.get("/done/x").status_code == 200
    console.clock[0] += IDLE_SECONDS / 2
    assert busy.get("/").status_code == 403


def test_a_form_of_another_site_does_nothing(console: Console) -> None:
    browser = console.open()
    form = console.form(browser, console.review())
    for name, headers, data in (
        ("another origin", {"Origin": "http://evil.example"}, form),
        ("an opaque origin", {"Origin": "null"}, form),
        ("another port", {"Origin": "http://127.0.0.1:1"}, form),
        ("fetched across sites", {"Sec-Fetch-Site": "cross-site"}, form),
        ("another port of the site", {"Sec-Fetch-Site": "same-site"}, form),
        ("no CSRF token", {}, {**form, "csrf": ""}),
        ("a wrong CSRF token", {}, {**form, "csrf": "é"}),
        ("JSON", {"Content-Type": "application/json"}, form),
        ("a huge body", {}, {**form, "note": "x" * 70_000}),
    ):
        assert browser.post("/new", data=data, headers=headers).status_code == 403, name
    assert browser.post("/new", data={"csrf": form["csrf"]}).status_code == 400
    assert console.rows() == []


def test_another_host_name_is_not_served(console: Console) -> None:
    browser = console.open()
    port = console.url.rpartition(":")[2]
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"127.0.0.1.evil.example:{port}", ""):
        got = browser.get("/", headers={"Host": host})
        assert got.status_code == 403, host
        assert "lpat" not in got.text
    with socket.create_connection(("127.0.0.1", int(port)), timeout=30) as raw:
        raw.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil.example\r\n\r\n".encode())
        assert raw.recv(4096).split()[1] in (b"400", b"403")


def test_every_response_forbids_framing_scripts_of_others_and_caching(console: Console) -> None:
    browser = console.open()
    for page in (*PAGES, "/static/console.css", "/static/nothing", "/open/x"):
        headers = browser.get(page).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy, page
        assert "unsafe" not in policy, page
        assert "frame-ancestors 'none'" in policy, page
        assert headers["x-frame-options"] == "DENY", page
        assert headers["cache-control"] == ("no-cache" if page.endswith("css") else "no-store"), page
        assert "server" not in headers, page
    for page in ("/", "/new", console.review(), "/health"):
        text = browser.get(page).text
        assert " style=" not in text, page
        assert "<script src=" in text, page
        assert text.count("<script") == 1, page
        assert "http://www" not in text, page


def test_the_credential_is_in_no_page(console: Console) -> None:
    browser = console.open()
    for page in (*PAGES, console.review()):
        got = browser.get(page)
        assert console.sandbox.rotator.reveal() not in got.text + str(got.headers), page


def test_only_the_newest_forms_are_remembered() -> None:
    entries: dict[str, int] = {}
    for number in range(MAX_SUBMISSIONS + 5):
        remember(entries, str(number), number)
    assert len(entries) == MAX_SUBMISSIONS
    assert "4" not in entries
