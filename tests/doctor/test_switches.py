"""Each behaviour that the API page leaves open is measured as the sandbox has it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat.actions.lifecycle.capabilities import QUESTIONS, UNKNOWN
from locoia_pat.actions.sandbox.behaviour import SWITCHES, Behaviour, format_value
from tests.support.clinic import opened, values

if TYPE_CHECKING:
    from pathlib import Path

SCOPES = ("embed", "company", "dashboard")
DEFAULT: dict[str, Any] = {
    "list_whole": True,
    "list_lag": 0.0,
    "regenerate_keeps_id": True,
    "old_secret_dies": True,
    "dead_token_status": 401,
    "note_kept": True,
    "note_length_kept": True,
    "may_list": dict.fromkeys(SCOPES, True),
    "may_create": dict.fromkeys(SCOPES, True),
    "may_regenerate": dict.fromkeys(SCOPES, True),
    "may_create_wider": True,
    "may_regenerate_wider": True,
    "expired_renewable": UNKNOWN,
}
ONLY_COMPANY = {"embed": False, "company": True, "dashboard": False}
NOT_LISTED = {"list_whole": False, "list_lag": UNKNOWN, "note_kept": UNKNOWN, "note_length_kept": UNKNOWN}
CHANGED: dict[tuple[str, Any], dict[str, Any]] = {
    ("regenerate_id", "new"): {"regenerate_keeps_id": False},
    ("list_pages", "cut"): NOT_LISTED,
    ("list_pages", "link"): NOT_LISTED,
    ("note", "cut"): {"note_kept": False, "note_length_kept": False},
    ("pat_scope", "company"): dict.fromkeys(("may_list", "may_create", "may_regenerate"), ONLY_COMPANY),
    ("may_widen", False): {"may_create_wider": False, "may_regenerate_wider": False},
    ("unknown_token_status", 403): {"dead_token_status": 403},
}
"""The facts that differ from the default with a switch; all others must stay as they are."""


def test_the_default_names_every_fact() -> None:
    assert DEFAULT.keys() == QUESTIONS.keys()


@pytest.mark.parametrize("switch", SWITCHES)
def test_facts_follow_a_switch_and_no_other(switch: str, tmp_path: Path) -> None:
    for value in ("any", "company") if switch == "pat_scope" else SWITCHES[switch]:
        folder = tmp_path / str(value)
        folder.mkdir()
        with opened(folder, Behaviour.parse([f"{switch}={format_value(value)}"])) as clinic:
            result = clinic.measure(scopes=SCOPES, patience=3 if switch == "list_lag" else 0.5)
        measured = values(result)
        if (switch, value) == ("list_lag", 1):
            assert 1 <= measured["list_lag"] <= 3
            measured["list_lag"] = 0.0
        expected = {**DEFAULT, **CHANGED.get((switch, value), {})}
        assert (result.problem, measured) == (None, expected), f"{switch}={value}"


@pytest.mark.parametrize("endpoints", SWITCHES["pat_scope_for"])
def test_which_endpoints_need_a_scope_is_measured(endpoints: Any, tmp_path: Path) -> None:
    with opened(tmp_path, Behaviour(pat_scope="company", pat_scope_for=endpoints)) as clinic:
        measured = values(clinic.measure())
        assert measured["may_list"] == {"embed": endpoints == "changes", "company": True}
        assert measured["may_create"] == measured["may_regenerate"] == {"embed": False, "company": True}


@pytest.mark.parametrize("renewable", [True, False])
@pytest.mark.parametrize("listed", [True, False])
def test_whether_expired_rows_can_be_renewed_is_measured_once_they_expired(
    *, renewable: bool, listed: bool, tmp_path: Path
) -> None:
    later = [dt.timedelta()]
    behaviour = Behaviour(expired_renewable=renewable, expired_listed=listed)
    with opened(tmp_path, behaviour, lambda: dt.datetime.now(dt.UTC) + later[0]) as clinic:
        assert values(clinic.measure())["expired_renewable"] == UNKNOWN
        later[0] = dt.timedelta(days=3)
        clinic.expire()
        finished = clinic.finish()
        assert (finished.problem, values(finished)["expired_renewable"]) == (None, renewable)
        assert values(finished)["list_whole"] is True  # earlier facts stay
        assert clinic.saved()["runs"] == []
