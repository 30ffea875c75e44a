"""``python -m tests.browser``: the token page in a real browser, with axe-core and Lighthouse.

It needs Debian's ``chromium`` and ``npm``; Playwright comes from PyPI, axe-core and Lighthouse from npm, each into a
folder of its own.  With a folder as argument, it writes a screenshot of each view there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from locoia_pat import Secret
from tests.support.console_page import TOKEN, Console, serving_console
from tests.support.lifecycle_sandbox import open_sandbox

CHROMIUM = "/usr/bin/chromium"
SECONDS = 60_000


def install(folder: Path) -> Path:
    """Install what is missing; return the folder of the npm packages."""
    if not Path(CHROMIUM).exists():
        subprocess.run(["apt-get", "install", "--yes", "--quiet", "chromium"], check=True)
    try:
        import playwright  # type: ignore[import-not-found,unused-ignore]  # pyright: ignore[reportMissingImports]  # noqa: F401, PLC0415  # only whether it is there
    except ModuleNotFoundError:
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "playwright"], check=True)
    cached = os.environ.get("NPM_FOLDER")
    npm = Path(cached) if cached else folder
    if not (npm / "node_modules" / "lighthouse").exists():
        subprocess.run(["npm", "install", "--silent", "--prefix", npm, "axe-core", "lighthouse"], check=True)
    return npm / "node_modules"


def fill(console: Console) -> dict[str, str]:
    """Create rows of every kind; return the path of each view."""
    console.sandbox.ensure(name="billing-ci", note="Billing pipeline", scopes=["automation:view", "company:manage"])
    rows = (
        ("CRM export for the sales team", 7, ["automation", "company:view"]),
        ("Nightly backup", 60, ["automation:view"]),
        ("Dashboard on the portal", 90, ["embed:view", "dashboard:view"]),
        ("Old integration", None, ["automation", "company", "connectors"]),
        ("Data sync", 45, ["connectors:manage"]),
    )
    ids = [console.sandbox.store.create(owner="sandbox", note=n, days=d, scopes=s)[0].id for n, d, s in rows]
    one = urlencode({"id": ids[1]})
    return {
        "list": "/",
        "no-match": "/?q=nothing",
        "new": "/new",
        "errors": "/new/review?note=&lifetime=0",
        "review": console.review(scopes="automation"),
        "regenerate": f"/regenerate?{one}",
        "revoke": f"/revoke?{one}",
        "update": f"/update?{one}",
        "rotate": "/rotate?name=billing-ci",
        "health": "/health",
        "missing": "/no-such-page",
    }


def link_of(console: Console) -> str:
    console.clock[0] += 11 * 60  # the last link has expired
    console.app.offer_link()
    return console.links[-1]


def press_until(page: Any, text: str) -> None:
    """Move the focus with the keyboard to what has *text*, within 150 presses."""
    for _ in range(150):
        page.keyboard.press("Tab")
        focused = page.evaluate("(document.activeElement.labels?.[0] ?? document.activeElement).textContent ?? ''")
        if " ".join(focused.split()).startswith(text):
            return
    raise AssertionError(f"the keyboard does not reach {text}")


def follow(page: Any, text: str, url: str) -> None:
    """Press what has *text* with the keyboard, and wait for the page at *url*."""
    press_until(page, text)
    page.keyboard.press("Enter")
    page.wait_for_url(url)


def check_axe(page: Any, axe: str, name: str) -> None:
    """Run axe-core, which the content security policy would not load as a script of the page."""
    found = page.evaluate(f"async () => {{ {axe}; return (await axe.run(document)).violations }}")
    assert found == [], f"{name}: {json.dumps(found, indent=1)[:3000]}"


def check_views(browser: Any, console: Console, views: dict[str, str], axe: str, shots: Path | None) -> int:
    checks = 0
    for scheme in ("light", "dark"):
        for width in (1280, 360, 320):
            context = browser.new_context(
                viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=False
            )
            page = context.new_page()
            page.set_default_timeout(SECONDS)
            hosts: set[str] = set()
            page.on("request", lambda request, hosts=hosts: hosts.add(request.url.split("/")[2]))
            page.goto(link_of(console))
            paths = {**views, "shown": "", "ended": ""}
            for name, path in paths.items():
                if name == "shown":
                    page.goto(console.url + console.review())
                    page.click("text=Create the token")
                    page.wait_for_url("**/shown/*")
                elif name == "ended":
                    page.click("text=End session")
                    page.wait_for_url("**/end")
                else:
                    page.goto(console.url + path)
                check_axe(page, axe, f"{name}, {scheme}, {width}")
                assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is wider than {width}"
                checks += 1
                if shots is not None:
                    page.screenshot(path=shots / f"{name}-{scheme}-{width}.png", full_page=True)
            assert hosts == {console.url.split("/")[2]}, hosts
            context.close()
    return checks


def live_by_keyboard(context: Any, console: Console) -> list[str]:
    """Create, see once, copy, regenerate, rotate and list with the keyboard alone; return the tokens it has seen."""
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=console.url)
    page = context.new_page()
    page.set_default_timeout(SECONDS)
    page.goto(link_of(console))
    follow(page, "New token", "**/new")
    press_until(page, "What is it for?")
    page.keyboard.type("By keyboard")
    press_until(page, "embed: None")
    page.keyboard.press("ArrowRight")
    follow(page, "Review", "**/new/review?**")
    follow(page, "Create the token", "**/shown/*")
    created = page.inner_text("#token")
    assert TOKEN.fullmatch(created), "no token is shown"
    assert created not in page.url + page.title()
    press_until(page, "Copy")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Copied to the clipboard.")
    assert page.evaluate("navigator.clipboard.readText()") == created
    page.evaluate("navigator.clipboard.writeText('')")
    shown = page.url
    follow(page, "I have it", f"{console.url}/")
    page.go_back()
    assert created not in page.content(), "the token is there again after Back"
    page.reload()
    assert created not in page.content(), "the token is there again after a reload"
    page.goto("about:blank")
    page.go_back()
    assert created not in page.content()
    (row,) = [row for row in console.rows() if row.note == "By keyboard"]
    page.goto(f"{console.url}/?q=By+keyboard")
    follow(page, "Regenerate", "**/regenerate?**")
    follow(page, "Revoke the old token", "**/shown/*")
    regenerated = page.inner_text("#token")
    assert row.id
    assert console.sandbox.accepts(Secret(regenerated))
    assert not console.sandbox.accepts(Secret(created))
    page.goto(f"{console.url}/?q=billing-ci")
    follow(page, "Rotate", "**/rotate?**")
    follow(page, "Rotate it", "**/done/*")
    assert "has a new token" in page.inner_text("h1")
    stored = store_by_keyboard(page, console)
    look_after_by_keyboard(page, console)
    for token in (created, regenerated, stored):
        kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, history.state, document.cookie])")
        assert token not in kept
        assert page.evaluate("caches.keys()") == []
        for path in ("/", "/new", "/health", shown.removeprefix(console.url)):
            page.goto(console.url + path)
            assert token not in page.content()
    context.close()
    return [created, regenerated, stored]


def store_by_keyboard(page: Any, console: Console) -> str:
    """Put a new token into a store from the page that shows it; return the token."""
    page.goto(console.url + console.review())
    follow(page, "Create the token", "**/shown/*")
    token = str(page.inner_text("#token"))
    press_until(page, "Token store")
    file = console.sandbox.folder / "by-keyboard.json"
    page.keyboard.type(f"file:{file}")
    follow(page, "Put it there", "**/done/*")
    assert token in file.read_text()
    assert token not in page.content()
    return token


def look_after_by_keyboard(page: Any, console: Console) -> None:
    """Filter the list, read what an update can do, revoke a token from there, and find it on the page of health."""
    page.goto(console.url)
    press_until(page, "Search notes and names")
    page.keyboard.type("Old integration")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=Old+integration**")
    follow(page, "Update", "**/update?**")
    follow(page, "Back to the tokens", f"{console.url}/")
    follow(page, "Health", "**/health")
    assert "Old integration" in page.inner_text("main"), "a token that never expires is not reported"
    page.goto(f"{console.url}/?q=Old+integration")
    follow(page, "Revoke", "**/revoke?**")
    follow(page, "Revoke it", "**/done/*")
    (row,) = [row for row in console.rows() if row.note == "Old integration"]
    assert row.expiration is not None, "a revoked token lives on"


def check_lighthouse(npm: Path, console: Console, paths: list[str]) -> None:
    for path in paths:
        browser = console.browser()
        browser.get(link_of(console))
        cookie = "; ".join(f"{each.name}={each.value}" for each in browser.cookies.jar)
        command = [
            str(npm / ".bin" / "lighthouse"), console.url + path, "--quiet", "--output=json",
            "--chrome-flags=--headless --no-sandbox",
            "--only-categories=performance,accessibility,best-practices",
            f"--extra-headers={json.dumps({'Cookie': cookie})}",
        ]  # fmt: skip
        done = subprocess.run(
            command, env={**os.environ, "CHROME_PATH": CHROMIUM}, capture_output=True, text=True, check=True
        )
        report = json.loads(done.stdout)
        scores = {name: round(part["score"] * 100) for name, part in report["categories"].items()}
        print(f"lighthouse {report['lighthouseVersion']} {path}: {scores}", flush=True)
        low = [audit["id"] for audit in report["audits"].values() if audit.get("score") == 0]
        assert min(scores.values()) >= 95, (path, scores, low)


def main() -> None:
    shots = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        npm = install(folder / "npm")
        from playwright.sync_api import (  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415  # it may just have been installed
            sync_playwright,  # pyright: ignore[reportMissingImports]
        )

        axe = (npm / "axe-core" / "axe.min.js").read_text()
        sandbox = stack.enter_context(open_sandbox(folder))
        console = stack.enter_context(serving_console(sandbox))
        views = fill(console)
        playwright = stack.enter_context(sync_playwright())
        options: dict[str, Any] = {
            "executable_path": CHROMIUM,
            "args": ["--no-sandbox"],
            "ignore_default_args": ["--disable-back-forward-cache"],  # a user's browser has it
        }
        profile = folder / "profile"

        print(f"chromium {subprocess.check_output([CHROMIUM, '--version'], text=True).strip()}", flush=True)
        persistent = playwright.chromium.launch_persistent_context(profile, **options)
        tokens = live_by_keyboard(persistent, console)
        files = [file.read_bytes() for file in profile.rglob("*") if file.is_file()]
        forms = [form for token in tokens for form in (token.encode(), token.encode("utf-16-le"))]
        assert not any(form in file for form in forms for file in files), "a token is in a file of the browser"
        print("created, copied, regenerated and rotated by keyboard; no token is left in the browser", flush=True)
        browser = playwright.chromium.launch(**options)
        print(f"axe-core: no violation in {check_views(browser, console, views, axe, shots)} views", flush=True)
        browser.close()
        check_lighthouse(npm, console, ["/", "/new", views["review"], "/health"])


if __name__ == "__main__":
    main()
