"""Whatever the sandbox is told to do where the API page is silent, a measurement finds out."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat.actions.sandbox.behaviour import SWITCHES, Behaviour, format_value
from tests.support.clinic import SCOPES, opened, values

if TYPE_CHECKING:
    from pathlib import Path

ERROR = "data, error, message, status"
SCOPED = ("embed", "company", "dashboard")

TABLE: list[tuple[str, Any, dict[str, Any]]] = [
    ("regenerate_id", "kept", {"regenerate_keeps_id": True}),
    ("regenerate_id", "new", {"regenerate_keeps_id": False}),
    ("regenerate_response", "row", {"regenerate_answer": "row"}),
    ("regenerate_response", "token", {"regenerate_answer": "token", "regenerate_keeps_id": True}),
    ("regenerate_status", 200, {"regenerate_status": 200}),
    ("regenerate_status", 201, {"regenerate_status": 201}),
    ("create_status", 201, {"create_status": 201}),
    ("create_status", 200, {"create_status": 200}),
    ("list_shape", "bare", {"list_shape": "bare", "list_status": 200}),
    ("list_shape", "data", {"list_shape": "data"}),
    ("list_shape", "items", {"list_shape": "items"}),
    ("list_shape", "envelope", {"list_shape": "data beside error, message, status"}),
    ("list_pages", "no", {"list_pages": [], "list_whole": True, "list_rows": 8}),
    ("list_pages", "cut", {"list_pages": [], "list_whole": False, "list_rows": "unknown"}),
    ("list_pages", "link", {"list_pages": ["Link"], "list_whole": False}),
    ("list_lag", 0, {"list_lag": 0.0}),
    ("list_lag", 1, {"list_whole": True, "note_spaces_kept": True}),
    ("error_shape", "envelope", {"error_shape": ERROR, "errors_in_200": False}),
    ("error_shape", "envelope_in_200", {"error_shape": ERROR, "errors_in_200": True, "dead_token_status": 401}),
    ("error_shape", "detail", {"error_shape": "detail"}),
    ("error_shape", "detail_list", {"error_shape": "detail"}),  # a list for what is wrong in a body, which is not sent
    ("error_shape", "html", {"error_shape": "html"}),
    ("time_format", "z", {"time_format": "z", "time_zone": "+00:00", "time_precision": "second"}),
    ("time_format", "offset", {"time_format": "offset", "time_zone": "+02:00", "expiration_rounding": "none"}),
    ("time_format", "naive", {"time_format": "naive", "time_zone": "+00:00", "expiration_rounding": "none"}),
    ("time_format", "naive_east", {"time_format": "naive", "time_zone": "+02:00", "expiration_rounding": "none"}),
    ("time_format", "http", {"time_format": "http", "time_zone": "+00:00", "expiration_rounding": "none"}),
    ("time_format", "date", {"time_format": "date", "time_zone": "unknown", "time_precision": "day"}),
    ("expiration_at", "exact", {"expiration_rounding": "none"}),
    ("expiration_at", "midnight", {"expiration_rounding": "midnight"}),
    ("expiration_at", "end_of_day", {"expiration_rounding": "end of day"}),
    ("last_used_lag", 0, {"last_used_lag": 0.0}),
    ("last_used_lag", 1, {}),
    ("note", "kept", {"note_kept": True, "note_spaces_kept": True, "note_signs_kept": True}),
    ("note", "trimmed", {"note_kept": True, "note_spaces_kept": False, "note_signs_kept": True}),
    ("note", "escaped", {"note_kept": True, "note_spaces_kept": True, "note_signs_kept": False}),
    ("note", "cut", {"note_kept": False, "note_spaces_kept": False, "note_signs_kept": False}),
    ("pat_scope", "any", {"may_list": dict.fromkeys(SCOPED, True), "narrow_token_status": "unknown"}),
    ("pat_scope", "company", {"may_list": {"embed": False, "company": True, "dashboard": False}}),
    ("pat_scope", "company", {"may_create": {"embed": False, "company": True, "dashboard": False}}),
    ("pat_scope", "company", {"may_regenerate": {"embed": False, "company": True, "dashboard": False}}),
    ("pat_scope", "company", {"narrow_token_status": 403, "dead_token_status": 401, "old_secret_dies": True}),
    ("may_widen", True, {"may_create_wider": True, "may_regenerate_wider": True}),
    ("may_widen", False, {"may_create_wider": False, "may_regenerate_wider": False}),
    ("may_widen", False, {"may_create": dict.fromkeys(SCOPED, True)}),
    ("unknown_token_status", 401, {"dead_token_status": 401, "old_secret_dies": True, "unknown_row_status": 404}),
    ("unknown_token_status", 403, {"dead_token_status": 403, "old_secret_dies": True}),
]
ELSEWHERE = {"delete_status", "expired_listed", "expired_renewable", "pat_scope_for"}
"""The first is no matter of tokens, the others have a test of their own."""


@pytest.mark.parametrize(("switch", "value", "facts"), TABLE)
def test_a_switch_is_found_out(switch: str, value: Any, facts: dict[str, Any], tmp_path: Path) -> None:
    def away_from_midnight() -> dt.datetime:
        now = dt.datetime.now(dt.UTC)
        return now + dt.timedelta(hours=6 if value in ("midnight", "end_of_day") and now.hour in (0, 23) else 0)

    with opened(tmp_path, Behaviour.parse([f"{switch}={format_value(value)}"]), away_from_midnight) as clinic:
        result = clinic.measure(scopes=SCOPED if switch in ("pat_scope", "may_widen") else SCOPES, patience=4)
        assert result.problem is None
        found = values(result)
        assert {name: found[name] for name in facts} == facts
        if switch.endswith("_lag"):
            assert found[switch] >= value


def test_the_table_has_every_switch_and_each_of_its_values() -> None:
    tried = {(switch, value) for switch, value, _ in TABLE}
    for switch, known in SWITCHES.items():
        if switch not in ELSEWHERE and switch != "pat_scope":
            assert {(switch, value) for value in known} <= tried, switch


@pytest.mark.parametrize("endpoints", SWITCHES["pat_scope_for"])
def test_which_endpoints_want_a_scope_is_found_out(endpoints: Any, tmp_path: Path) -> None:
    with opened(tmp_path, Behaviour(pat_scope="company", pat_scope_for=endpoints)) as clinic:
        found = values(clinic.measure())
        assert found["may_list"] == {"embed": endpoints == "changes", "company": True}
        assert found["may_create"] == found["may_regenerate"] == {"embed": False, "company": True}


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("switch", ["expired_listed", "expired_renewable"])
def test_what_becomes_of_expired_rows_is_found_out_a_day_later(switch: str, value: bool, tmp_path: Path) -> None:
    later = [dt.timedelta()]
    with opened(
        tmp_path, Behaviour.parse([f"{switch}={format_value(value)}"]), lambda: dt.datetime.now(dt.UTC) + later[0]
    ) as clinic:
        measured = clinic.measure()
        assert values(measured)[switch] == "unknown"
        later[0] = dt.timedelta(days=3)
        clinic.age()
        finished = clinic.finish()
        assert (finished.problem, values(finished)[switch]) == (None, value)
        assert values(finished)["time_format"] == "z"  # what was measured before stays
        assert clinic.kept()["runs"] == []
