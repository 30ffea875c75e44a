"""The verbs of an incident, and the status of a fleet for other programs."""

from __future__ import annotations

import csv
import datetime as dt
import io
import os
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from prometheus_client.openmetrics.parser import text_string_to_metric_families

from locoia_pat.actions.fleet.fleet_plan import TokenPlan
from locoia_pat.actions.fleet.status_formats import to_csv, to_html, to_openmetrics
from locoia_pat.stores import read_token
from tests.support.command import on_terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fleet.conftest import Yard
    from tests.support.command import Done

    Call = Callable[..., Done]

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
TOKENS = (
    TokenPlan("a", "the command's", "none", id="1", expires_in_days=20.0, expiration="2026-01-21T00:00:00Z"),
    TokenPlan("b" * 40, "file:x", "renew", id="2", expires_in_days=2.5),
    TokenPlan("c", "file:x", "blocked", reason='=cmd()\n"<script>'),
)


def test_rotate_gives_every_token_a_new_secret_and_now_revokes_the_old_one(yard: Yard, call: Call) -> None:
    file = yard.fleet({"name": "a"}, {"name": "b"}, overlap=24)
    assert call("fleet", "apply", file, "--yes").code == 0
    old = {name: read_token(yard.to(name)) for name in ("a", "b")}
    assert call("fleet", "rotate", file, "--only", "a").code == 0
    assert read_token(yard.to("a")) != old["a"]
    assert yard.accepts(old["a"])
    assert call("fleet", "rotate", file, "--now", "--only", "b").code == 0
    assert read_token(yard.to("b")) != old["b"]
    assert not yard.accepts(old["b"])
    assert yard.works("a")
    assert yard.works("b")


def test_a_dry_run_sends_only_reads(yard: Yard, call: Call) -> None:
    file = yard.fleet({"name": "a"})
    rows = len(yard.store.owned_by("default"))
    for verb in (["apply"], ["rotate"], ["retire", "--all"]):
        done = call("fleet", *verb, file, "--dry-run")
        assert (done.code, "a" in done.out) == (0, True), verb
    assert len(yard.store.owned_by("default")) == rows


def test_retire_ends_the_names_that_are_given(yard: Yard, call: Call) -> None:
    file = yard.fleet({"name": "a"}, {"name": "b"})
    call("fleet", "apply", file)
    old = read_token(yard.to("a"))
    assert call("fleet", "retire", file).code == 2
    assert call("fleet", "retire", file, "--only", "a", "--all").code == 2
    done = call("fleet", "retire", file, "--only", "a")
    assert (done.code, "remove the names that ended" in done.err) == (0, True)
    assert not yard.accepts(old)
    assert yard.works("b")
    assert call("fleet", "rotate", file, "--only", "a").code == 2  # it has no token


def test_a_person_gets_a_table_and_what_is_confirmation_details(yard: Yard) -> None:
    file = yard.fleet({"name": "a"})
    done = on_terminal("fleet", "apply", file, "--table", typed="y\n", **os.environ)
    assert done.code == 0
    assert "1 to create at" in done.err
    assert "1 token: 1 done" in done.err
    assert done.out.split() == ["name", "outcome", "change", "message", "a", "done", "created", "-"]
    asked = on_terminal("fleet", "rotate", file, "--now", typed="n\n", **os.environ)
    assert "Give a new secret to a at" in asked.err
    assert "the previous tokens are revoked at once" in asked.err
    assert asked.code == 2


def test_defaults_may_take_over(yard: Yard, call: Call) -> None:
    file = yard.fleet({"name": "a"})
    call("fleet", "apply", file)
    os.environ["LOCOIA_PAT_STATE"] = str(yard.folder / "another")
    done = call("fleet", "plan", file)
    assert (done.code, f"the state folder is {yard.folder}/another" in done.out) == (2, True)
    file = yard.fleet({"name": "a"}, take_over=True)
    assert call("fleet", "apply", file).code == 0
    assert yard.works("a")


def test_the_exit_code_tells_what_is_wrong(yard: Yard, call: Call) -> None:
    file = yard.fleet({"name": "a"})
    assert call("fleet", "status", file).code == 1
    assert call("fleet", "status", file, "--exit-zero").code == 0
    (yard.folder / "default.rotator").write_text("lpat_fakewrong0123456789")
    for verb in ("plan", "status", "apply"):
        assert call("fleet", verb, file).code == 3, verb
    os.environ["LOCOIA_BASE_URL"] = "http://127.0.0.1:1/v1"
    for verb in ("plan", "status", "apply"):
        assert call("fleet", verb, file).code == 4, verb
    os.environ["LOCOIA_BASE_URL"] = yard.url
    (yard.folder / "default.rotator").unlink()
    for verb in ("plan", "status", "apply"):
        assert call("fleet", verb, file).code == 2, verb


def test_plan_sees_a_store_that_cannot_take_a_token(yard: Yard, call: Call) -> None:
    (yard.folder / "link").symlink_to("t.json")
    for ref, words in (
        (f"file:{yard.folder}/none/a.json", "no such file or directory"),
        (f"file:{yard.folder}/link", "is a symbolic link"),
        (f"file:{yard.folder}/a.json#previous", "a new token becomes #current"),
        ("command:/nowhere/store", "command not found"),
        ("connector-auth:none", "no such Connector Auth"),
    ):
        done = call("fleet", "plan", yard.fleet({"name": "a", "to": [ref]}), "--json")
        (token,) = done.envelope["tokens"]
        assert (done.code, token["step"]) == (2, "blocked"), ref
        assert words in token["reason"], ref
    assert not list(yard.folder.glob("*.json"))


def test_status_is_csv_without_formulas() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(TOKENS, NOW))))
    assert [row["name"] for row in rows] == ["a", "b" * 40, "c"]
    assert rows[0]["expiration"] == "2026-01-21T00:00:00Z"
    assert rows[2]["reason"] == "'=cmd()\n\"<script>"


def test_status_is_openmetrics() -> None:
    text = to_openmetrics((*TOKENS, TokenPlan('d"\\\n', "x", "none")), NOW)
    families = {family.name: family.samples for family in text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]  # it has no types
    ends = families["locoia_pat_token_expiry_timestamp_seconds"]
    assert [(each.labels["name"][:1], each.value) for each in ends] == [("a", 1768953600.0), ("b", 1767441600.0)]
    steps = {each.labels["name"]: each.labels["step"] for each in families["locoia_pat_token_step"]}
    assert steps == {"a": "none", "b" * 40: "renew", "c": "blocked", 'd"\\\n': "none"}


def test_status_is_a_page_of_its_own_with_a_timeline() -> None:
    page = to_html(TOKENS, NOW)
    assert "<script" not in page.lower().replace("&lt;script&gt;", "")
    assert "http" not in page
    svg = ET.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])  # noqa: S314  # ours
    assert svg.tag == "svg"
    bars = [float(bar.get("width", "")) for bar in svg.iter("rect")]
    assert bars[0] == 0
    assert bars[1] < bars[2]
    assert len(bars) == 3
    assert to_html((), NOW)


def test_the_command_prints_each_format(yard: Yard, call: Call) -> None:
    file = yard.fleet({"name": "a"})
    call("fleet", "apply", file)
    outs = {
        form: call("fleet", "status", file, "--format", form).out for form in ("json", "csv", "openmetrics", "html")
    }
    assert outs["json"].startswith('{"v": 1')
    assert outs["csv"].startswith("name,credential,step")
    assert outs["openmetrics"].endswith("# EOF\n")
    assert outs["html"].startswith("<!doctype html>")
