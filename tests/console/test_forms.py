"""What the forms do: create, show once, regenerate, rotate, revoke, and what the API cannot do."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from locoia_pat import Secret
from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.stores import read_token
from tests.support.console_page import TOKEN, serving_console
from tests.support.loopback import answer, created, serving

if TYPE_CHECKING:
    import httpx
    import pytest

    from tests.support.console_page import Console


UUID = "4f7c9a52-6a0e-4f0b-9d6f-0d7f5f5b8a11"


def shown_token(page: httpx.Response) -> str:
    (token,) = set(TOKEN.findall(page.text))
    assert isinstance(token, str)
    return token


def test_a_token_is_created_and_shown_once(console: Console) -> None:
    browser = console.open()
    assert "There are no tokens yet" not in browser.get("/").text  # the credential has a row
    review = browser.get(console.review(scopes="automation", note="Import"))
    assert "It can create, read, update and delete Flows" in review.text
    assert "If it only reads, automation:view is enough." in review.text
    page = console.submit(browser, console.review(note="Import"), "/new")
    token = shown_token(page)
    assert console.sandbox.accepts(Secret(token))
    assert token not in str(page.url)
    assert [row.note for row in console.rows()] == ["Import"]
    again = browser.get(page.url)
    assert again.status_code == 410
    assert "If you did not copy it, regenerate it" in again.text
    for path in ("/", "/new", "/health", "/?q=Import"):
        assert token not in browser.get(path).text


def test_a_head_request_does_not_use_up_the_page_that_shows_a_token(console: Console) -> None:
    browser = console.open()
    posted = browser.post("/new", data=console.form(browser, console.review()), follow_redirects=False)
    assert browser.head(posted.headers["location"]).status_code == 410
    assert shown_token(browser.get(posted.headers["location"]))


def test_a_second_submit_of_a_form_creates_nothing(console: Console) -> None:
    browser = console.open()
    form = console.form(browser, console.review())
    first = browser.post("/new", data=form)
    second = browser.post("/new", data=form)
    assert shown_token(first)
    assert second.status_code == 410
    assert len(console.rows()) == 1


def test_a_token_goes_into_a_store_and_is_not_shown(console: Console) -> None:
    browser, ref = console.open(), console.sandbox.ref("page")
    page = console.submit(browser, console.review(to="store", store=ref), "/new")
    assert "The token is stored" in page.text
    assert "locoia-pat exec" in page.text
    token = read_token(ref)
    assert console.sandbox.accepts(token)
    assert token.reveal() not in page.text
    refused = console.submit(browser, console.review(to="store", store=ref), "/new")
    assert "Nothing was sent" in refused.text
    assert len(console.rows()) == 1


def test_a_shown_token_can_be_put_into_a_store(console: Console) -> None:
    browser, ref = console.open(), console.sandbox.ref("later")
    page = console.submit(browser, console.review(), "/new")
    token, path = shown_token(page), page.url.path
    fields = {name: value for name, value in console.form(browser, "/").items() if name == "csrf"}
    for number, (store, says) in enumerate(
        (
            ("nonsense", "Storing the token failed"),
            ("command:touch x", "does not start programs"),
            ("file:/proc/no.json", "Storing the token failed"),
            (ref, "The page that showed it is gone"),
            (ref, "no longer here"),
        )
    ):
        done = browser.post(f"{path}/store", data={**fields, "form": str(number), "store": store})
        assert says in done.text, store
        assert token not in done.text
        assert ("Choose another store" in done.text) == (store != ref), store
        assert (f'action="{path}/store"' in browser.get(path).text) == (store != ref), store
    assert read_token(ref).reveal() == token
    other = console.submit(browser, console.review(), "/new")
    held = browser.post(f"{other.url.path}/store", data={**fields, "form": "held", "store": ref})
    assert "it holds another token" in held.text
    assert read_token(ref).reveal() == token


def test_a_new_token_that_no_one_has_seen_is_revoked_when_the_session_ends(
    console: Console, caplog: pytest.LogCaptureFixture
) -> None:
    browser = console.open()
    browser.post("/new", data=console.form(browser, console.review()), follow_redirects=False)
    (before,) = console.rows()
    console.submit(browser, "/", "/end")
    (after,) = console.rows()
    assert after.expiration < before.expiration  # it was regenerated for a day, and the secret discarded
    assert "the session ended before its token was shown" in caplog.text
    assert f"row {after.id} stays listed" in caplog.text


def test_a_token_that_was_seen_works_on_when_the_session_ends(console: Console) -> None:
    browser = console.open()
    token = shown_token(console.submit(browser, console.review(), "/new"))
    console.submit(browser, "/", "/end")
    assert console.sandbox.accepts(Secret(token))


def test_a_form_that_is_wrong_says_what_to_correct_and_keeps_what_was_entered(console: Console) -> None:
    browser = console.open()
    empty = browser.get("/new/review")
    assert empty.status_code == 422
    assert "Say what the token is for" in empty.text
    assert "Choose at least one scope." in empty.text
    tomorrow = (dt.datetime.now(dt.UTC) + dt.timedelta(days=1)).date()
    for changed, says in (
        ({"note": "x" * 256}, "error-note"),
        ({"scopes": "no:such"}, "error-scopes"),
        ({"lifetime": "0"}, "error-expiration"),
        ({"lifetime": "date", "date": "2020-01-01"}, "choose a date from tomorrow on"),
        ({"lifetime": "date", "date": "nonsense"}, "choose a date from tomorrow on"),
        ({"lifetime": "nonsense"}, "choose a date from tomorrow on"),
        ({"to": "store", "store": ""}, "error-store"),
        ({"to": "store", "store": "command:touch x"}, "does not start programs"),
    ):
        page = browser.get(console.review(**changed))
        assert page.status_code == 422, changed
        assert says in page.text, changed
    assert 'value="Kept"' in browser.get(console.review(note="Kept", lifetime="0")).text
    for changed, says in (
        ({"lifetime": "never"}, "It works until someone revokes it"),
        ({"lifetime": "date", "date": str(tomorrow)}, "in 1 day"),
    ):
        assert says in browser.get(console.review(**changed)).text, changed
    posted = console.submit(browser, console.review(), "/new", lifetime="date", date="2020-01-01")
    assert "Nothing was sent" in posted.text
    by_level = browser.get("/new/review?note=CI&access_embed=view&access_company=manage&access_automation=full")
    assert "These" not in by_level.text
    for scope in ("embed:view", "company:manage", "automation"):
        assert f'value="{scope}"' in by_level.text


def test_regenerate_says_what_breaks_and_revokes_the_old_token(console: Console) -> None:
    browser = console.open()
    old = shown_token(console.submit(browser, console.review(note="Import"), "/new"))
    (row,) = console.rows()
    path = f"/regenerate?{urlencode({'id': row.id})}"
    assert "It was never used" in browser.get(path).text
    console.sandbox.faults.add(Fault("lost", "POST"))
    lost = console.submit(browser, path, lifetime="7")
    assert "regenerate it again: that also revokes a new token that was lost" in lost.text
    assert not console.sandbox.accepts(Secret(old))
    old = shown_token(console.submit(browser, path, lifetime="7"))
    console.sandbox.accepts(Secret(old))
    assert "was last used on" in browser.get(path).text
    new = shown_token(console.submit(browser, path, lifetime="7"))
    assert console.sandbox.accepts(Secret(new))
    assert not console.sandbox.accepts(Secret(old))
    gone = console.submit(browser, path, id="no-such-row", lifetime="7")
    assert "The API refused; nothing changed" in gone.text


def test_revoke_ends_a_token_and_its_row_says_so(console: Console) -> None:
    browser = console.open()
    token = shown_token(console.submit(browser, console.review(), "/new"))
    (row,) = console.rows()
    assert "The token is revoked" in console.submit(browser, f"/revoke?{urlencode({'id': row.id})}").text
    assert not console.sandbox.accepts(Secret(token))
    failed = console.submit(browser, f"/revoke?{urlencode({'id': row.id})}", id="no-such-row")
    assert "The API refused; nothing changed" in failed.text


def test_update_says_that_the_api_cannot_and_what_to_do_instead(console: Console) -> None:
    browser = console.open()
    console.submit(browser, console.review(note="Import", scopes="embed"), "/new")
    (row,) = console.rows()
    page = browser.get(f"/update?{urlencode({'id': row.id})}")
    assert "The API cannot change a token" in page.text
    assert "note=Import&amp;" in page.text
    assert "scopes=embed" in page.text


def test_a_managed_name_is_rotated_into_its_stores(console: Console) -> None:
    console.sandbox.ensure()
    browser, old = console.open(), read_token(console.sandbox.ref())
    (row,) = console.rows()
    assert "Managed: ci, slot a" in browser.get("/").text
    assert "Rotate it instead" in browser.get(f"/regenerate?{urlencode({'id': row.id})}").text
    assert "change_scopes=true" in browser.get(f"/update?{urlencode({'id': row.id})}").text
    assert console.sandbox.ref() in browser.get("/rotate?name=ci").text
    kept = console.submit(browser, "/rotate?name=ci", overlap="24")
    assert "The previous token works until" in kept.text
    assert console.sandbox.accepts(old)
    done = console.submit(browser, "/rotate?name=ci", overlap="0")
    assert "ci has a new token" in done.text
    new = read_token(console.sandbox.ref())
    assert console.sandbox.accepts(new)
    assert not console.sandbox.accepts(old)
    assert new.reveal() not in done.text
    console.sandbox.faults.add(Fault("status", "GET", times=20, status=403))
    assert 'class="card tone bad"' in console.submit(browser, "/rotate?name=ci").text
    console.sandbox.faults.clear()
    assert browser.get("/rotate?name=other").status_code == 400
    assert "does not manage that name" in console.submit(browser, "/rotate?name=ci", name="other").text


def test_a_row_with_the_name_of_another_state_folder_is_not_taken_for_the_own_one(console: Console) -> None:
    console.sandbox.ensure()
    browser = console.open()
    marked = "CI ~lp1/ci/a/GEZDGNBVGY3TQOJQ/k7q2aaaa"
    other, _ = console.sandbox.store.create(owner="sandbox", days=9, scopes=["embed"], note=marked)
    page = browser.get(f"/regenerate?{urlencode({'id': other.id})}").text
    assert "Another state folder manages it" in page
    assert console.sandbox.ref() not in page
    assert browser.get("/").text.count('href="/rotate?') == 1


def test_a_store_that_fails_at_the_last_moment_can_be_replaced_by_another(console: Console) -> None:
    responses = [answer(201, created()), answer(body={"name": "CRM"}), answer(body={}), answer(403, {})]
    with serving(*responses) as api, serving_console(console.sandbox, api=api.url) as other:
        browser = other.browser()
        browser.get(other.links[0], follow_redirects=False)
        shown = browser.post("/new", data=other.form(browser, other.review()))
        form = other.form(browser, shown.url.path)
        failed = browser.post(f"{shown.url.path}/store", data={**form, "store": f"connector-auth:{UUID}"})
        assert "refused: " in failed.text
        stored = browser.post(f"{shown.url.path}/store", data={**form, "form": "x", "store": other.sandbox.ref("own")})
        assert "The token is stored" in stored.text
        assert len(api.got) == len(responses)
