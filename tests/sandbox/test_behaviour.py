"""Every switch, over HTTP."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import InvalidError
from locoia_pat.actions.sandbox.behaviour import SWITCHES, Behaviour, format_value
from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.secrets.secret import Secret
from tests.support.sandbox_client import CREATE, OWNER, PATH, calling
from tests.support.waiting import eventually

if TYPE_CHECKING:
    import httpx

UNKNOWN = Secret("lpat_sbx_nobody")
NOON = dt.datetime(2030, 1, 31, 12, 30, 15, 999_999, tzinfo=dt.UTC)


# Setting them


def test_every_value_of_a_switch_can_be_set_and_the_first_is_the_default() -> None:
    for name, values in SWITCHES.items():
        assert getattr(Behaviour(), name) == values[0]
        for value in values:
            behaviour = Behaviour.parse([f"{name}={format_value(value)}"])
            assert getattr(behaviour, name) is value or getattr(behaviour, name) == value
            assert behaviour == Behaviour(**{name: value})


def test_the_last_setting_of_a_switch_wins() -> None:
    found = Behaviour.parse(["list_shape=data", "create_status=200", "list_shape=items"])
    assert found == Behaviour(list_shape="items", create_status=200)
    assert Behaviour.parse([]) == Behaviour()


def test_a_wrong_setting_names_what_is_allowed() -> None:
    for text, words in {
        "list_shpe=data": 'behaviour: no switch "list_shpe"; did you mean list_shape?',
        "list_shape": 'behaviour.list_shape: received ""; allowed: bare, data, items, envelope',
        "list_shape=Data": 'received "Data"',
        "create_status=202": "allowed: 201, 200",
        "may_widen=no": "allowed: true, false",
        "pat_scope=embed:delete": "allowed: any, automation, ",
        "": "NAME=VALUE",
    }.items():
        with pytest.raises(InvalidError) as caught:
            Behaviour.parse([text])
        assert words in str(caught.value), text


@pytest.mark.parametrize(
    "wrong", [{"create_status": 202}, {"may_widen": 1}, {"regenerate_status": True}, {"pat_scope": None}], ids=str
)
def test_a_wrong_value_is_invalid_in_python_too(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidError, match=rf"^behaviour\.{next(iter(wrong))}: received"):
        Behaviour(**wrong)


# Regenerate and create


@pytest.mark.parametrize("kept", [True, False])
def test_an_id_survives_a_regenerate_or_not(*, kept: bool) -> None:
    with calling(Behaviour(regenerate_id="kept" if kept else "new")) as api:
        before = api.create().json()
        after = api.regenerate(before["id"]).json()
        assert (after["id"] == before["id"]) is kept
        assert [row["id"] for row in api.call("GET").json()] == [api.row_id, after["id"]]
        assert api.regenerate(before["id"]).status_code == (200 if kept else 404)
        assert api.call("GET", token=Secret(before["token"])).status_code == 401


def test_regenerate_can_return_only_the_token() -> None:
    with calling(Behaviour(regenerate_response="token")) as api:
        answer = api.regenerate(api.row_id).json()
        assert answer.keys() == {"token"}
        assert api.call("GET", token=Secret(answer["token"])).status_code == 200


@pytest.mark.parametrize("status", [200, 201])
def test_the_status_of_create_and_regenerate_can_be_set(status: Any) -> None:
    with calling(Behaviour(create_status=status)) as api:
        assert api.create().status_code == status
        assert api.regenerate(api.row_id).status_code == 200
    with calling(Behaviour(regenerate_status=status)) as api:
        assert api.create().status_code == 201
        assert api.regenerate(api.row_id).status_code == status


# Shapes


@pytest.mark.parametrize(
    ("shape", "around"),
    [
        ("bare", None),
        ("data", {}),
        ("items", {}),
        ("envelope", {"status": 200, "error": None, "message": None}),
    ],
)
def test_a_list_has_the_shape_that_is_set(shape: Any, around: dict[str, Any] | None) -> None:
    with calling(Behaviour(list_shape=shape), scopes=["automation", "connectors"]) as api:
        for path in (PATH, "/connectors", "/connector-auths/"):
            found = api.call("GET", path).json()
            if around is not None:
                rows = found.pop("data" if shape == "envelope" else shape)
                assert found == around
                found = rows
            assert isinstance(found, list)


def errors(api: Any) -> dict[int, httpx.Response]:
    """An error of each sort, by its status."""
    return {
        401: api.call("GET", token=UNKNOWN),
        404: api.call("GET", "/nowhere"),
        405: api.call("PUT"),
        422: api.create(note=1),
    }


@pytest.mark.parametrize("shape", SWITCHES["error_shape"])
def test_an_error_has_the_shape_that_is_set(shape: Any) -> None:
    with calling(Behaviour(error_shape=shape)) as api:
        for status, answer in errors(api).items():
            assert answer.status_code == (200 if shape == "envelope_in_200" else status)
            if shape == "html":
                assert answer.headers["content-type"].startswith("text/html")
                assert f"<title>{status} " in answer.text
                continue
            body = answer.json()
            if shape.startswith("envelope"):
                assert body.keys() == {"status", "error", "message", "data"}
                assert body["status"] == status
                assert body["data"] == ({"field": "note"} if status == 422 else None)
            elif shape == "detail_list" and status == 422:
                (detail,) = body["detail"]
                assert detail == {"loc": ["body", "note"], "msg": detail["msg"], "type": "value_error"}
            else:
                assert body == {"detail": str(body["detail"])}
        assert errors(api)[405].headers["allow"]
        assert api.notes() == []


def test_an_error_without_a_field_is_located_in_the_body() -> None:
    with calling(Behaviour(error_shape="detail_list")) as api:
        (detail,) = api.call("POST", json=[]).json()["detail"]
        assert detail["loc"] == ["body"]


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("z", "2030-01-31T12:30:15Z"),
        ("offset", "2030-01-31T14:30:15+02:00"),
        ("naive", "2030-01-31T12:30:15"),
        ("naive_east", "2030-01-31T14:30:15"),
        ("http", "Thu, 31 Jan 2030 12:30:15 GMT"),
        ("date", "2030-01-31"),
    ],
)
def test_times_have_the_format_that_is_set(form: Any, text: str) -> None:
    with calling(Behaviour(time_format=form), store=SandboxStore(now=lambda: NOON)) as api:
        (row,) = api.call("GET").json()
        assert (row["last_used"], row["expiration"]) == (text, None)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        ("exact", "2030-02-01T12:30:15Z"),
        ("midnight", "2030-02-01T00:00:00Z"),
        ("end_of_day", "2030-02-01T23:59:59Z"),
    ],
)
def test_an_expiry_is_moved_within_its_day(at: Any, text: str) -> None:
    with calling(Behaviour(expiration_at=at), store=SandboxStore(now=lambda: NOON)) as api:
        assert api.create(expiration=1).json()["expiration"] == text
        assert api.create(expiration=None).json()["expiration"] is None


@pytest.mark.parametrize(
    ("change", "kept"),
    [("kept", f" <{'x' * 80}> "), ("trimmed", f"<{'x' * 80}>"), ("escaped", f" &lt;{'x' * 80}&gt; "),
     ("cut", f" <{'x' * 58}")],
)  # fmt: skip
def test_a_note_is_changed_as_set(change: Any, kept: str) -> None:
    with calling(Behaviour(note=change)) as api:
        assert api.create(note=f" <{'x' * 80}> ").json()["note"] == kept
        assert api.notes() == [kept]


# Lists that are late or incomplete


@pytest.mark.parametrize(("pages", "link"), [("no", None), ("cut", None), ("link", '<?page=2>; rel="next"')])
def test_a_list_has_all_rows_or_the_first_five(pages: Any, link: str | None) -> None:
    with calling(Behaviour(list_pages=pages)) as api:
        for _ in range(4):
            api.create()
        short = api.call("GET")
        assert (len(short.json()), short.headers.get("link")) == (5, None)
        api.create()
        long = api.call("GET")
        assert (len(long.json()), long.headers.get("link")) == (6 if pages == "no" else 5, link)


def test_a_new_row_is_listed_after_the_lag() -> None:
    with calling(Behaviour(list_lag=1)) as api:
        start = time.monotonic()
        api.create()
        eventually(lambda: len(api.call("GET").json()) == 2)
        assert time.monotonic() - start >= 1


def test_a_use_is_shown_after_the_lag() -> None:
    now = [NOON]
    with calling(Behaviour(last_used_lag=1), store=SandboxStore(now=lambda: now[0])) as api:
        token = api.create().json()["token"]
        api.call("GET", token=Secret(token))
        assert api.call("GET").json()[1]["last_used"] is None
        now[0] += dt.timedelta(seconds=1)
        assert api.call("GET").json()[1]["last_used"] == "2030-01-31T12:30:15Z"


# Expired rows


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("renewable", [True, False])
def test_expired_rows_are_listed_and_renewable_or_not(*, listed: bool, renewable: bool) -> None:
    time = [NOON]
    behaviour = Behaviour(expired_listed=listed, expired_renewable=renewable)
    with calling(behaviour, store=SandboxStore(now=lambda: time[0])) as api:
        row = api.create(expiration=1).json()
        assert len(api.call("GET").json()) == 2
        time[0] += dt.timedelta(days=1)
        assert len(api.call("GET").json()) == 1 + listed
        assert api.regenerate(row["id"]).status_code == (200 if renewable else 404)
        assert len(api.call("GET").json()) == 1 + (listed or renewable)


# Who may


def test_a_scope_for_the_token_endpoints_is_enforced() -> None:
    with calling(Behaviour(pat_scope="company:manage")) as api:
        for scopes, may in {
            ("company",): True,
            ("embed", "company:manage"): True,
            ("company:view", "embed"): False,
        }.items():
            token = api.with_scopes(*scopes)
            answers = [
                api.call("GET", token=token),
                api.call("POST", token=token, json=CREATE),
                api.regenerate(api.row_id, token=token),
            ]
            assert [answer.status_code for answer in answers] == ([200, 201, 200] if may else [403] * 3)
            assert may or "company:manage" in answers[0].json()["message"]


def test_a_scope_can_be_needed_for_changes_only() -> None:
    with calling(Behaviour(pat_scope="company", pat_scope_for="changes")) as api:
        assert [api.call("GET").status_code, api.create().status_code] == [200, 403]


def test_a_missing_scope_is_refused_before_the_body_is_read() -> None:
    with calling(Behaviour(pat_scope="company")) as api:
        assert api.call("POST", content=b"no JSON").status_code == 403


@pytest.mark.parametrize("widen", [True, False])
def test_a_narrow_token_can_create_a_wider_one_or_not(*, widen: bool) -> None:
    with calling(Behaviour(may_widen=widen), scopes=["automation:view", "embed"]) as api:
        wider, _ = api.store.create(owner=OWNER, days=None, scopes=["embed", "company"], note="wider")
        narrower, _ = api.store.create(owner=OWNER, days=None, scopes=["embed:view"], note="narrower")
        created = api.create(scopes=["embed:manage", "company:view"])
        assert created.status_code == (201 if widen else 403)
        assert widen or created.json()["data"] == {"field": "scopes"}
        assert api.regenerate(wider.id).status_code == (200 if widen else 403)
        assert api.regenerate(narrower.id).status_code == 200
        assert api.create(scopes=["connector_auth:view", "embed"]).status_code == 201
        assert api.regenerate("unknown").status_code == 404


@pytest.mark.parametrize(("status", "error"), [(401, "unauthorized"), (403, "forbidden")])
def test_an_unknown_token_gets_the_status_that_is_set(status: Any, error: str) -> None:
    with calling(Behaviour(unknown_token_status=status)) as api:
        answer = api.call("GET", token=UNKNOWN)
        assert (answer.status_code, answer.json()["error"]) == (status, error)
