"""The sandbox over HTTP: what the API page shows, and errors."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import ssl
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.actions.sandbox.server import running
from locoia_pat.actions.scopes import ALL
from locoia_pat.secrets.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/personal-access-tokens"
CREATE = {"expiration": 30, "scopes": ["automation:view", "embed"], "note": "CI"}
FIELDS = {"id", "expiration", "note", "last_used", "scopes"}


@dataclass(frozen=True)
class Api:
    """A sandbox as one owner sees it."""

    store: SandboxStore
    owner: str
    credential: Secret
    client: httpx.Client

    def call(self, method: str, path: str = PATH, *, token: Secret | None = None, **options: Any) -> httpx.Response:
        """The answer to a call with the owner's credential, or with *token*."""
        headers = {"Authorization": f"Bearer {(token or self.credential).reveal()}"}
        return self.client.request(method, path, headers=headers, **options)

    def create(self, **changed: Any) -> httpx.Response:
        return self.call("POST", json=CREATE | changed)

    def regenerate(self, token_id: str, body: Any) -> httpx.Response:
        return self.call("POST", f"{PATH}/{token_id}/regenerate", json=body)

    def rows(self) -> list[dict[str, Any]]:
        """The rows but for the one of the credential."""
        rows: list[dict[str, Any]] = self.call("GET").json()
        return rows[1:]

    def accepts(self, token: Secret) -> bool:
        return self.call("GET", token=token).status_code == 200


@contextmanager
def client(url: str) -> Iterator[httpx.Client]:
    # No certificates are loaded: that takes longer than a test.
    with httpx.Client(base_url=url, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as http:
        yield http


@pytest.fixture(scope="module")
def sandbox() -> Iterator[tuple[SandboxStore, httpx.Client]]:
    with running() as (url, store), client(url) as http:
        yield store, http


@pytest.fixture
def api(sandbox: tuple[SandboxStore, httpx.Client]) -> Api:
    """The sandbox as an owner of its own sees it."""
    store, http = sandbox
    owner = str(uuid.uuid4())
    _, token = store.create(owner=owner, days=None, scopes=["automation"], note="credential")
    return Api(store, owner, token, http)


def minted(answer: httpx.Response) -> tuple[dict[str, Any], Secret]:
    """The row of an answer, and the token apart from it."""
    row = answer.json()
    return row, Secret(row.pop("token"))


# What the API page shows


def test_create_returns_the_row_and_its_token(api: Api) -> None:
    answer = api.create()
    row, token = minted(answer)
    assert (answer.status_code, answer.headers["content-type"]) == (201, "application/json")
    assert row.keys() == FIELDS
    assert (row["note"], row["scopes"], row["last_used"]) == ("CI", ["automation:view", "embed"], None)
    assert str(uuid.UUID(row["id"])) == row["id"]
    days_left = dt.datetime.fromisoformat(row["expiration"]) - dt.datetime.now(dt.UTC)
    assert dt.timedelta(days=29, hours=23) < days_left <= dt.timedelta(days=30)
    assert api.accepts(token)


def test_times_are_rfc_3339_in_utc_without_fractions() -> None:
    def now() -> dt.datetime:
        return dt.datetime(2030, 1, 1, 12, 30, 15, 999_999, tzinfo=dt.UTC)

    with running(SandboxStore(now=now)) as (url, store), client(url) as http:
        _, token = store.create(owner="anna", days=30, scopes=["embed"], note="CI")
        (row,) = Api(store, "anna", token, http).call("GET").json()
    assert (row["expiration"], row["last_used"]) == ("2030-01-31T12:30:15Z", "2030-01-01T12:30:15Z")


def test_a_null_expiration_never_expires(api: Api) -> None:
    answer = api.create(expiration=None)
    row, token = minted(answer)
    assert (answer.status_code, row["expiration"]) == (201, None)
    assert api.accepts(token)
    assert api.rows()[0]["expiration"] is None


def test_an_expiration_is_a_number_of_days(api: Api) -> None:
    for days in (1, 365, 36_500):
        row, _ = minted(api.create(expiration=days))
        expiration = dt.datetime.fromisoformat(row["expiration"])
        assert round((expiration - dt.datetime.now(dt.UTC)) / dt.timedelta(days=1)) == days


def test_every_documented_scope_is_accepted(api: Api) -> None:
    for scope in ALL:
        row, _ = minted(api.create(scopes=[scope]))
        assert row["scopes"] == [scope]


NOTES = {
    "empty": "",
    "255 characters": "x" * 255,
    "255 of four bytes": "😀" * 255,
    "lines and quotes": "a\n'\"\\<b>\u2028",
}


def test_a_note_of_up_to_255_characters_is_returned_as_it_was_sent(api: Api) -> None:
    for case, note in NOTES.items():
        answer = api.create(note=note)
        assert (answer.status_code, answer.json()["note"]) == (201, note), case
        assert api.rows()[-1]["note"] == note, case


def test_list_returns_all_rows_the_oldest_first_and_no_token(api: Api) -> None:
    created = [minted(api.create(note=str(number)))[0] for number in range(3)]
    answer = api.call("GET")
    assert answer.status_code == 200
    assert [row["note"] for row in answer.json()] == ["credential", "0", "1", "2"]
    assert answer.json()[1:] == created
    assert all(row.keys() == FIELDS for row in answer.json())
    assert "lpat_" not in answer.text


def test_regenerate_returns_the_same_row_with_a_new_token_and_revokes_the_old_one(api: Api) -> None:
    row, old = minted(api.create())
    answer = api.regenerate(row["id"], {"expiration": None})
    regenerated, new = minted(answer)
    assert answer.status_code == 200
    assert regenerated == row | {"expiration": None}
    assert (api.accepts(old), api.accepts(new)) == (False, True)


def test_a_token_regenerates_itself(api: Api) -> None:
    own_id = api.call("GET").json()[0]["id"]
    _, new = minted(api.regenerate(own_id, {"expiration": 1}))
    assert (api.accepts(api.credential), api.accepts(new)) == (False, True)


def test_a_call_marks_its_token_as_used(api: Api) -> None:
    row, token = minted(api.create())
    assert api.rows()[0]["last_used"] is None
    assert api.accepts(token)
    used = dt.datetime.fromisoformat(api.rows()[0]["last_used"])
    assert abs(used - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=1)
    regenerated, _ = minted(api.regenerate(row["id"], {"expiration": 1}))
    assert regenerated["last_used"] is None


def test_every_response_has_a_date(api: Api) -> None:
    assert api.call("GET").headers["date"].endswith("GMT")


def test_a_live_token_may_call_with_any_scope(api: Api) -> None:
    _, token = minted(api.create(scopes=["embed:view"]))
    assert api.call("POST", token=token, json=CREATE).status_code == 201
    assert len(api.rows()) == 2


# Authentication


def refusal(answer: httpx.Response) -> tuple[int, str, str | None]:
    """The status, error and field of a refusal, which is always of one shape."""
    body = answer.json()
    assert body.keys() == {"status", "error", "message", "data"}
    assert body["status"] == answer.status_code
    assert isinstance(body["message"], str)
    assert body["message"]
    return answer.status_code, body["error"], (body["data"] or {}).get("field")


HEADERS: dict[str, str | bytes | None] = {
    "none": None,
    "empty": "",
    "no scheme": "{}",
    "another scheme": "Basic {}",
    "no token": "Bearer",
    "the scheme twice": "Bearer Bearer {}",
    "two spaces": "Bearer  {}",
    "cut": "Bearer {cut}",
    "longer": "Bearer {}x",
    "not ASCII": b"Bearer lpat_sbx_\xff\xfe",
}


def test_a_missing_or_wrong_credential_is_401(api: Api) -> None:
    token = api.credential.reveal()
    for case, header in HEADERS.items():
        value = header.format(token, cut=token[:-1]).encode() if isinstance(header, str) else header
        answer = api.client.get(PATH, headers={} if value is None else {b"Authorization": value})
        assert refusal(answer) == (401, "unauthorized", None), case
        assert token not in answer.text, case


def test_the_case_of_the_scheme_does_not_matter(api: Api) -> None:
    for scheme in ("Bearer", "bearer", "BEARER"):
        headers = {"Authorization": f"{scheme} {api.credential.reveal()}"}
        assert api.client.get(PATH, headers=headers).status_code == 200


def test_an_expired_token_is_401_on_all_endpoints_and_its_row_stays_listed() -> None:
    time = [dt.datetime(2030, 1, 1, tzinfo=dt.UTC)]
    with running(SandboxStore(now=lambda: time[0])) as (url, store), client(url) as http:
        _, credential = store.create(owner="anna", days=None, scopes=["automation"], note="credential")
        api = Api(store, "anna", credential, http)
        row, token = minted(api.create(expiration=1))
        assert api.accepts(token)
        time[0] += dt.timedelta(days=1)
        answers = [
            api.call("GET", token=token),
            api.call("POST", token=token, json=CREATE),
            api.call("POST", f"{PATH}/{row['id']}/regenerate", token=token, json={"expiration": 1}),
        ]
        assert [refusal(answer) for answer in answers] == [(401, "unauthorized", None)] * 3
        assert api.rows() == [row | {"last_used": "2030-01-01T00:00:00Z"}]


def test_a_wrong_credential_is_refused_before_the_body_is_read(api: Api) -> None:
    answer = api.client.post(PATH, content=b"no JSON")
    assert refusal(answer) == (401, "unauthorized", None)


def test_rows_of_another_owner_can_neither_be_listed_nor_regenerated(api: Api) -> None:
    row, token = api.store.create(owner="somebody else", days=None, scopes=["embed"], note="theirs")
    assert api.rows() == []
    assert refusal(api.regenerate(row.id, {"expiration": 1})) == (404, "not_found", None)
    assert api.accepts(token)


# Errors


@pytest.mark.parametrize("token_id", [str(uuid.UUID(int=0)), "x", "%00", "' OR 1=1 --", "😀"])
def test_an_unknown_row_is_404(api: Api, token_id: str) -> None:
    assert refusal(api.regenerate(token_id, {"expiration": 1})) == (404, "not_found", None)


@pytest.mark.parametrize("path", ["", "/", "/personal-access-token", f"{PATH}/x", f"{PATH}//regenerate", "/../v1"])
def test_an_unknown_path_is_404(api: Api, path: str) -> None:
    assert refusal(api.call("GET", path))[0] == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", PATH), ("DELETE", PATH), ("PATCH", PATH), ("GET", f"{PATH}/x/regenerate"), ("DELETE", f"{PATH}/x")],
)
def test_another_method_is_405(api: Api, method: str, path: str) -> None:
    status = refusal(api.call(method, path))[0]
    assert status == (405 if path != f"{PATH}/x" else 404)


NO_JSON = {
    "empty": b"",
    "text": b"expiration=1",
    "cut": b'{"expiration": 1',
    "not UTF-8": b'{"note": "\xff\xff"}',
    "too deep": b"[" * 60_000,
    "a number too long": b'{"expiration": ' + b"9" * 5000 + b"}",
}


PATHS = (PATH, f"{PATH}/x/regenerate")


def test_a_body_that_is_not_json_is_400(api: Api) -> None:
    for case, body in NO_JSON.items():
        for path in PATHS:
            assert refusal(api.call("POST", path, content=body)) == (400, "bad_request", None), (case, path)


def test_a_body_that_is_not_an_object_is_422(api: Api) -> None:
    for body in (None, 1, "text", True, [], [CREATE]):
        for path in PATHS:
            answer = api.call("POST", path, content=json.dumps(body).encode())
            assert refusal(answer) == (422, "validation", None), (body, path)


@pytest.mark.parametrize(("size", "status"), [(64 * 1024, 201), (64 * 1024 + 1, 413)])
def test_a_body_has_at_most_64_kib(api: Api, size: int, status: int) -> None:
    answer = api.call("POST", content=json.dumps(CREATE).encode().ljust(size))
    assert answer.status_code == status
    assert status == 201 or refusal(answer) == (413, "too_large", None)


def test_a_body_without_content_length_is_cut_off_at_64_kib(api: Api) -> None:
    chunks = itertools.repeat(b" " * 1024, 65)
    assert refusal(api.call("POST", content=chunks)) == (413, "too_large", None)
    assert api.rows() == []


WRONG_DAYS: dict[str, Any] = {
    "zero": 0,
    "negative": -1,
    "more than dates hold": 36_501,
    "text": "30",
    "a fraction": 1.5,
    "a whole float": 30.0,
    "true": True,
    "a list": [30],
    "an object": {},
}
WRONG_INPUTS: dict[str, tuple[str, Any]] = {
    **{f"expiration: {name}": ("expiration", days) for name, days in WRONG_DAYS.items()},
    "scopes: none": ("scopes", []),
    "scopes: null": ("scopes", None),
    "scopes: text": ("scopes", "embed"),
    "scopes: an object": ("scopes", {"embed": True}),
    "scopes: numbers": ("scopes", ["embed", 1]),
    "scopes: nested": ("scopes", [["embed"]]),
    "scopes: unknown": ("scopes", ["embed", "everything"]),
    "scopes: unknown extension": ("scopes", ["embed:delete"]),
    "scopes: another case": ("scopes", ["Embed"]),
    "scopes: a space": ("scopes", ["embed "]),
    "note: null": ("note", None),
    "note: a number": ("note", 1),
    "note: a list": ("note", ["CI"]),
    "note: 256 characters": ("note", "x" * 256),
}


def test_a_wrong_input_of_create_is_422_and_creates_nothing(api: Api) -> None:
    for case, (field, value) in WRONG_INPUTS.items():
        assert refusal(api.create(**{field: value})) == (422, "validation", field), case
    assert api.rows() == []


def test_every_input_of_create_is_required(api: Api) -> None:
    for field in CREATE:
        body = {name: value for name, value in CREATE.items() if name != field}
        assert refusal(api.call("POST", json=body)) == (422, "validation", field)
    assert api.rows() == []


def test_an_unknown_scope_is_named(api: Api) -> None:
    assert "everything" in api.create(scopes=["embed", "everything"]).json()["message"]


def test_a_wrong_expiration_does_not_revoke_the_old_token(api: Api) -> None:
    row, token = minted(api.create())
    for body in ({}, *({"expiration": days} for days in WRONG_DAYS.values())):
        assert refusal(api.regenerate(row["id"], body)) == (422, "validation", "expiration"), body
        assert api.accepts(token), body


# Concurrency


def test_concurrent_creates_each_get_their_own_row_and_live_token(api: Api) -> None:
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda number: api.create(note=str(number)), range(64)))
        rows, tokens = zip(*map(minted, answers), strict=True)
        assert all(threads.map(api.accepts, tokens))
    assert {answer.status_code for answer in answers} == {201}
    assert {row["id"] for row in rows} == {row["id"] for row in api.rows()}
    assert [row["note"] for row in rows] == [str(number) for number in range(64)]
