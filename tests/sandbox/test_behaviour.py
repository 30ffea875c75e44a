"""Every switch, over HTTP: what the API page leaves open can be had each way."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import InvalidError
from locoia_pat.actions.sandbox.behaviour import SWITCHES, Behaviour, format_value
from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.secrets.secret import Secret
from tests.support.sandbox_client import CREATE, OWNER, PATH, calling

if TYPE_CHECKING:
    import httpx

UNKNOWN = Secret("lpat_sbx_nobody")
NOON = dt.datetime(2030, 1, 31, 12, 30, 15, 999_999, tzinfo=dt.UTC)


# Setting them


def test_every_switch_is_set_by_each_of_its_values_as_text_and_begins_with_its_default() -> None:
    for name, values in SWITCHES.items():
        assert getattr(Behaviour(), name) == values[0]
        for value in values:
            behaviour = Behaviour.parse([f"{name}={format_value(value)}"])
            assert getattr(behaviour, name) is value or getattr(behaviour, name) == value
            assert behaviour == Behaviour(**{name: value})


def test_several_settings_are_one_behaviour_and_the_last_word_counts() -> None:
    found = Behaviour.parse(["list_shape=data", "create_status=200", "list_shape=items"])
    assert found == Behaviour(list_shape="items", create_status=200)
    assert Behaviour.parse([]) == Behaviour()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("list_shpe=data", 'behaviour: no switch "list_shpe"; did you mean list_shape?'),
        ("list_shape", 'behaviour.list_shape: received ""; allowed: bare, data, items, envelope'),
        ("list_shape=Data", 'received "Data"'),
        ("create_status=202", "allowed: 201, 200"),
        ("may_widen=no", "allowed: true, false"),
        ("pat_scope=embed:delete", "allowed: any, automation, "),
        ("", "NAME=VALUE"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(text: str, words: str) -> None:
    with pytest.raises(InvalidError) as caught:
        Behaviour.parse([text])
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "wrong", [{"create_status": 202}, {"may_widen": 1}, {"regenerate_status": True}, {"pat_scope": None}], ids=str
)
def test_a_wrong_value_is_refused_in_python_too(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidError, match=rf"^behaviour\.{next(iter(wrong))}: received"):
        Behaviour(**wrong)


# Regenerate and create


@pytest.mark.parametrize("kept", [True, False])
def test_the_id_survives_a_regenerate_or_not(*, kept: bool) -> None:
    with calling(Behaviour(regenerate_id="kept" if kept else "new")) as api:
        before = api.create().json()
        after = api.regenerate(before["id"]).json()
        assert (after["id"] == before["id"]) is kept
        assert [row["id"] for row in api.call("GET").json()] == [api.row_id, after["id"]]
        assert api.regenerate(before["id"]).status_code == (200 if kept else 404)
        assert api.call("GET", token=Secret(before["token"])).status_code == 401


def test_regenerate_answers_the_token_alone() -> None:
    with calling(Behaviour(regenerate_response="token")) as api:
        answer = api.regenerate(api.row_id).json()
        assert answer.keys() == {"token"}
        assert api.call("GET", token=Secret(answer["token"])).status_code == 200


@pytest.mark.parametrize("status", [200, 201])
def test_the_status_of_create_and_of_regenerate(status: Any) -> None:
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
def test_a_list_is_wrapped_as_it_is_told(shape: Any, around: dict[str, Any] | None) -> None:
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
def test_an_error_has_the_shape_it_is_told(shape: Any) -> None:
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


def test_a_wrong_body_without_a_wrong_field_is_told_of_the_whole_body() -> None:
    with calling(Behaviour(error_shape="detail_list")) as api:
        (detail,) = api.call("POST", json=[]).json()["detail"]
        assert detail["loc"] == ["body"]


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ("z", "2030-01-31T12:30:15Z"),
        ("offset", "2030-01-31T14:30:15+02:00"),
        ("naive", "2030-01-31T12:30:15"),
        ("http", "Thu, 31 Jan 2030 12:30:15 GMT"),
        ("date", "2030-01-31"),
    ],
)
def test_times_are_written_as_told(told: Any, text: str) -> None:
    with calling(Behaviour(time_format=told), store=SandboxStore(now=lambda: NOON)) as api:
        (row,) = api.call("GET").json()
        assert (row["last_used"], row["expiration"]) == (text, None)


# Rows that expired


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


def test_any_live_token_may_call_or_only_those_with_a_scope() -> None:
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


def test_who_may_not_is_refused_before_the_body_is_looked_at() -> None:
    with calling(Behaviour(pat_scope="company")) as api:
        assert api.call("POST", content=b"no JSON").status_code == 403


@pytest.mark.parametrize("widen", [True, False])
def test_a_narrow_token_gets_a_wider_one_or_not(*, widen: bool) -> None:
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
def test_an_unknown_token_is_401_or_403(status: Any, error: str) -> None:
    with calling(Behaviour(unknown_token_status=status)) as api:
        answer = api.call("GET", token=UNKNOWN)
        assert (answer.status_code, answer.json()["error"]) == (status, error)
