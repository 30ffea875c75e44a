"""A mistake in a number, a list, a key or a store is ``invalid``: it names the place, and nothing is sent."""

from __future__ import annotations

import asyncio
import io
import json
import math
import os
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locoia_pat import AsyncConnector, Connector, ConnectorAuth, InvalidError, Outcome, Secret, limits
from locoia_pat.actions import audit_pats, create_pat, ensure_pat
from locoia_pat.actions.doctor.measure import Measurement
from locoia_pat.actions.fleet.fleet_file import parse_fleet
from locoia_pat.actions.lifecycle.desired import parse_desired
from locoia_pat.cli.item_file import ItemFile
from locoia_pat.engine.action import CompiledAction
from locoia_pat.outcomes import SpecError
from locoia_pat.spec.json_text import load_json
from locoia_pat.spec.parse import parse_connector, parse_spec
from locoia_pat.stores import check_refs
from tests.support.loopback import answer, serving
from tests.support.spec_folders import ACME

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.command import Done

    Call = Callable[..., Done]

CREDENTIAL = "lpat_fakecredential0123456789abcdef"
CREATE = {"expiration": 30, "scopes": ["embed"], "note": "CI"}
NO_NUMBERS = (
    "inf",
    "-inf",
    "nan",
    "NaN",
    "1e300",
    "-1",
    "1e999",
    "1_0",
    " 5",
    "\N{ARABIC-INDIC DIGIT FIVE}",
    "0x10",
    "",
    "5,0",
    "9" * 5_000,
    "ten",
)
OPTIONS = {
    "timeout": ("run", "list_pats"),
    "wait": ("run", "list_pats"),
    "rate": ("run", "list_pats", "--each", "none.jsonl"),
    "concurrency": ("run", "list_pats", "--each", "none.jsonl"),
    "max_failures": ("run", "list_pats", "--each", "none.jsonl"),
    "expiration": ("reconcile",),
    "patience": ("doctor", "--measure"),
    "port": ("sandbox",),
}
OPTIONAL = ("rate", "max_failures", "overlap", "renew_within", "unused_for", "expiring_within")
FLOATS: tuple[Any, ...] = (math.inf, -math.inf, math.nan, 1e300, -1, "60", None, True, Decimal("NaN"), [60], 10**5000)


@pytest.fixture(autouse=True)
def credential() -> None:
    os.environ["LOCOIA_TOKEN"] = CREDENTIAL


def test_an_option_takes_a_decimal_number_within_its_limits(call: Call) -> None:
    with serving(answer(200, [])) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        for option, command in OPTIONS.items():
            for text in NO_NUMBERS if option in {"timeout", "rate"} else ("inf", "nan", "-1", "1e300"):
                done = call(*command, f"--{option.replace('_', '-')}={text}")
                assert done.code == 2, (option, text)
                assert f"{option}: " in done.err, done.err
                assert "Allowed: " in done.err, done.err
                assert len(done.err) < 1_000, option
        for option, text in (("timeout", "0"), ("timeout", "1e-300"), ("rate", "0"), ("concurrency", "1.5")):
            assert call(*OPTIONS[option], f"--{option}={text}").code == 2, (option, text)
        assert server.got == []
        for option, text in (("timeout", "0.5e1"), ("timeout", "+5"), ("timeout", "5."), ("wait", "0"), ("wait", ".5")):
            os.environ["LOCOIA_TOKEN"] = CREDENTIAL  # the command removes it
            assert call("run", "list_pats", f"--{option}={text}").code == 0, (option, text)


def test_python_gets_the_same_limits_as_the_command() -> None:
    with serving(answer(200, [])) as server:
        auth = ConnectorAuth(Secret(CREDENTIAL))
        with Connector(auth, base_url=server.url) as connector:
            calls: dict[str, Callable[[Any], object]] = {
                "timeout": lambda value: Connector(auth, timeout=value),
                "max_threads": lambda value: AsyncConnector(auth, max_threads=value),
                "wait": lambda value: connector.run("list_pats", wait=value).raise_for_outcome(),
                "rate": lambda value: connector.run_many("list_pats", [], rate=value),
                "concurrency": lambda value: connector.run_many("list_pats", [], concurrency=value),
                "max_failures": lambda value: connector.run_many("list_pats", [], max_failures=value),
                "patience": lambda value: Measurement(connector, patience=value),  # type: ignore[arg-type]  # no call
                "unused_for": lambda value: audit_pats(connector, unused_for=value),
                "expiring_within": lambda value: audit_pats(connector, expiring_within=value),
                "settle": lambda value: ensure(connector, settle=value),
                "overlap": lambda value: ensure(connector, overlap=value),
                "expiration": lambda value: ensure(connector, expiration=value),
                "renew_within": lambda value: ensure(connector, renew_within=value),
            }
            for field, make in calls.items():
                for value in FLOATS:
                    if value is None and field in OPTIONAL:
                        continue  # none is given
                    with pytest.raises(InvalidError) as caught:
                        make(value)
                    assert caught.value.problem.field == field, (field, value)
                    assert caught.value.problem.hint, (field, value)
        assert server.got == []


def ensure(connector: Connector, **options: Any) -> object:
    token_to = ["file:token.json"]
    inputs = {"name": "ci", "scopes": ["embed"], "expiration": 30, "note": "CI", "token_to": token_to, **options}
    return ensure_pat(connector, **inputs)


@given(st.floats() | st.integers() | st.text(max_size=12) | st.from_regex(r"[-+0-9.e_ ]{1,12}", fullmatch=True))
def test_a_text_and_its_number_are_judged_alike(value: float | str) -> None:
    for limit in (limits.TIMEOUT, limits.WAIT, limits.CONCURRENCY, limits.RATE):
        try:
            number = limit.parse("x", value) if isinstance(value, str) else value
            limit.check("x", number)
        except InvalidError as error:
            field = error.problem.field
        else:
            field = "x"
            assert limit.least <= number <= limit.most
            assert limit.parse("x", repr(number)) == number
        assert field == "x"


def test_types_of_a_desired_token_are_checked_in_python() -> None:
    for field, value in (
        ("note", 5), ("note", ["CI"]), ("scopes", "embed"), ("scopes", None), ("scopes", [5]), ("scopes", {"embed": 1}),
        ("change_scopes", "no"), ("take_over", 1), ("replaces", 7), ("replaces", Path("x")),
    ):  # fmt: skip
        with pytest.raises(InvalidError) as caught:
            parse_desired(**{"name": "ci", "scopes": ["embed"], "expiration": 30, "note": "CI", field: value})
        assert caught.value.problem.field == field, (field, value)


NO_STORES: tuple[Any, ...] = (
    None, [], "", [""], [None], Path("t.json"), [Path("t.json")], (ref for ref in ["file:t.json"]), {"file:t.json"},
    {"file:t.json": 1}, b"file:t.json", 5, ["file:t.json", ""], Secret("file:t.json"), [["file:t.json"]],
)  # fmt: skip


def test_what_names_no_token_store_is_invalid_in_python() -> None:
    with serving(answer(201, {"id": "x", "token": "lpat_x"})) as server:
        auth = ConnectorAuth(Secret(CREDENTIAL))
        with Connector(auth, base_url=server.url) as connector:
            for refs in NO_STORES:
                for action in ("create_pat", "list_pats", "ensure_pat"):
                    inputs = {"create_pat": CREATE, "list_pats": {}, "ensure_pat": {**CREATE, "name": "ci"}}[action]
                    result = connector.run(action, inputs, token_to=refs)
                    assert result.outcome is Outcome.INVALID, (action, refs)
                    assert result.problem is not None
                    assert result.problem.field == "token_to", (action, refs)
                    assert "file:token.json" in str(result.problem.hint), (action, refs)
                with pytest.raises(InvalidError):
                    ensure(connector, token_to=refs)
                with pytest.raises(InvalidError):
                    create_pat(connector, **CREATE, token_to=refs)  # type: ignore[arg-type]  # a mistake
                prepared = connector.prepare("create_pat", CREATE)
                assert connector.execute(prepared, token_to=refs).outcome is Outcome.INVALID

            async def run() -> None:
                async with AsyncConnector(auth, base_url=server.url) as asynchronous:
                    result = await asynchronous.run("create_pat", CREATE, token_to=None)  # type: ignore[arg-type]  # as above
                    assert result.outcome is Outcome.INVALID

            asyncio.run(run())
            for template in ("", ["file:{note}.json"], Path("x"), 5):
                with pytest.raises(InvalidError) as caught:
                    connector.run_many("create_pat", [CREATE], token_to=template)  # type: ignore[arg-type]  # a mistake
                assert caught.value.problem.field == "token_to", template
        assert server.got == []
    assert check_refs(()) == ()
    assert check_refs("file:t.json") == ("file:t.json",)


TWICE = (
    ('{"a": 1, "a": 1}', '"a"'), ('{"a": 1, "b": {"c": 1, "c": 2}}', '"c"'), ('[{"x": 1, "x": 1}]', '"x"'),
    ('{"a": {"$ref": "env:A", "$ref": "env:B"}}', "$ref"), ('{"\\u0061": 1, "a": 2}', '"a"'), ('{"": 1, "": 1}', '""'),
)  # fmt: skip
NO_JSON_NUMBERS = ("NaN", "Infinity", "-Infinity", "9" * 5_000, "-" + "9" * 5_000, "[1, " + "8" * 401 + "]")


def test_a_key_that_is_given_twice_or_a_number_that_is_none_is_found_in_every_json_input(call: Call) -> None:
    cases = [*TWICE, *((f'{{"note": {number}}}', "not allowed") for number in NO_JSON_NUMBERS)]
    with serving(answer(201, {"id": "x", "token": "lpat_x"})) as server:
        os.environ["LOCOIA_BASE_URL"] = server.url
        for text, words in cases:
            done = call("run", "create_pat", "--inputs", "-", "--reveal", stdin=text)
            assert (done.code, done.envelope["error"]["field"]) == (2, "inputs"), text[:50]
            assert words.strip('"') in done.envelope["error"]["message"], text[:50]
            assert len(done.err) < 1_000
            if text.startswith("{"):
                (item,) = ItemFile(io.BytesIO(f"{text}\n".encode()), "x.jsonl", {}, {})
                assert item.problem is not None, text[:50]
                assert item.problem.message.startswith("this line: "), text[:50]
        assert server.got == []


@given(st.dictionaries(st.text(max_size=3), st.integers(), min_size=1), st.data())
def test_any_key_that_is_repeated_is_named(value: dict[str, int], data: st.DataObject) -> None:
    text = json.dumps(value)
    assert load_json(text) == value
    key = data.draw(st.sampled_from(sorted(value)))
    with pytest.raises(InvalidError, match="twice"):
        load_json(f"{text[:-1]}, {json.dumps(key)}: 1}}")


def test_an_argument_and_a_cell_name_the_input_with_a_key_twice_or_a_long_number(call: Call, tmp_path: Path) -> None:
    (tmp_path / "connector.yaml").write_text(ACME)
    (tmp_path / "put_thing.yaml").write_text(ACTION.replace("TYPE", "json"))
    os.environ["ACME_TOKEN"] = "fake-acme-credential"
    with serving(answer(200, {})) as server:
        os.environ["ACME_BASE_URL"] = server.url
        for text in ('{"a": 1, "a": 2}', "NaN", "9" * 5_000):
            (tmp_path / "x").write_text(text)
            quoted = text.replace('"', '""')
            (tmp_path / "x.csv").write_text(f'x\n"{quoted}"\n')
            for arguments in ([f"x={text}"], [f"x=@{tmp_path}/x"], ["--each", f"{tmp_path}/x.csv"]):
                done = call("run", "put_thing", "--specs", str(tmp_path), *arguments)
                assert (done.code, done.envelope["error"]["field"]) == (2, "x"), (text[:50], arguments)
        assert server.got == []


ACTION = """\
spec: 1
action: put_thing
title: Put thing
summary: Put a thing.
effect: update
inputs:
  x: {title: X, type: TYPE}
request:
  method: PUT
  path: /things
  body:
    x: "{{ x }}"
reply: {ok: [200], output: {}}
"""
BLOCKS = {
    "|\n      {{ x }}": False,
    "|+\n      {{ x }}\n": False,
    ">\n      {{ x }}": False,
    ">+\n      {{ x }}\n\n": False,
    '"{{ x }}\\n"': False,
    '" {{ x }}"': False,
    '"{{ x }}\\t"': False,
    "'\n\n      {{ x }}'": False,
    '"{{ x + 1 }}\\u00a0"': False,
    "|\n      {{ x if x else 1 }}": False,
    "|-\n      {{ x }}": True,
    ">-\n      {{ x }}": True,
    "\"{{ x ~ '\\\\n' }}\"": True,
    "|\n      {{ x }} of them": True,
    "|\n      {{ x }}{{ x }}": True,
    "|\n      text": True,
}


def test_an_expression_with_nothing_but_space_around_it_is_a_mistake_of_the_spec() -> None:
    for block, allowed in BLOCKS.items():
        text = ACTION.replace("TYPE", "number, required: true")
        text = text.replace('x: "{{ x }}"', f'y: "{{{{ x }}}}"\n    x: {block}')
        spec = parse_spec(text, "put_thing.yaml")
        if allowed:
            CompiledAction(spec)  # type: ignore[arg-type]  # not a super action
            continue
        with pytest.raises(SpecError) as caught:
            CompiledAction(spec)  # type: ignore[arg-type]  # as above
        (finding,) = caught.value.findings
        assert (finding.code, "write it alone" in finding.message) == ("template-type", True), block
        assert finding.line >= 13, block


def test_a_secret_or_a_list_cannot_be_the_id_that_is_replaced_or_an_output() -> None:
    rotate = ACTION.replace("effect: update", "effect: rotate\nreplaces: x")
    for kind, extra in (
        ("password", ""), ("json", ""), ("nested_object", ", children: {a: {title: A, type: text}}"), ("switch", ""),
        ("daterange", ""), ("date", ""), ("datetime", ""), ("text", ", multiple: true"), ("number", ", multiple: true"),
        ("email", ""),
    ):  # fmt: skip
        with pytest.raises(SpecError) as caught:
            parse_spec(rotate.replace("type: TYPE", f"type: {kind}{extra}"), "put_thing.yaml")
        assert ["replaces" in finding.message for finding in caught.value.findings] == [True], (kind, extra)
    for kind in ("text", "number"):
        parse_spec(rotate.replace("TYPE", kind), "put_thing.yaml")
    shown = ACTION.replace("TYPE", "password").replace("output: {}", "output: {y: {type: text, fallback_input: x}}")
    with pytest.raises(SpecError, match="secret input"):
        parse_spec(shown, "put_thing.yaml")


def test_a_key_of_an_earlier_version_is_reported_with_its_new_name() -> None:
    places = {
        "look": ("effect: update", "verify_with"),
        "mark": ("effect: update", "tag_input"),
        "or_input": ("output: {y: {type: text", "fallback_input"),
        "keep": ("output: {y: {type: text", "store_with_token"),
        "parts": ("output: {y: {type: text", "last_word"),
        "covers": ("type: TYPE", "includes"),
        "remarks": ("type: TYPE", "option_notes"),
        "most": ("pages: {by: link", "max_pages"),
    }
    for old, (place, new) in places.items():
        text = ACTION.replace("output: {}", "output: {y: {type: text}}") + "pages: {by: link}\n"
        separator = "\n" if place.startswith("effect") else ", "
        text = text.replace(place, f"{place}{separator}{old}: x", 1).replace("TYPE", "text")
        with pytest.raises(SpecError) as caught:
            parse_spec(text, "put_thing.yaml")
        assert f'unknown key "{old}"; it is {new} now' in str(caught.value), old


FLEET = "fleet: 1\ntokens:\n  - {name: ci, scopes: [embed], note: CI, to: ['file:a.json'], KEY: VALUE}\n"


def test_numbers_of_files_are_within_their_limits() -> None:
    for key in ("expiration", "overlap", "renew_within"):
        for value in ("-1", "1.0e+99", "40000", ".inf", ".nan", "1e300", "9" * 5_000, "'30'", "true", "1_000", "0x10"):
            with pytest.raises(SpecError) as caught:
                parse_fleet(FLEET.replace("KEY", key).replace("VALUE", value), "fleet.yaml")
            assert caught.value.findings[0].line == 3, (key, value)
            assert len(str(caught.value)) < 1_000, (key, value[:20])
        with pytest.raises(SpecError):
            parse_fleet(FLEET.replace("KEY", "canary").replace("VALUE", "true, name: cj"), "fleet.yaml")
    for before, after in (
        ("spec: 1", "spec: 1.0"), ("spec: 1", "spec: 2"), ("spec: 1", "spec: -1"), ("spec: 1", f"spec: {'9' * 5_000}"),
        ("api.acme.example\nhosts", "api.acme.example:99999\nhosts"), ("1.0.0", f"1.0.{'9' * 5_000}"), ("1.0.0", "1.0"),
        ("api.acme.example\nhosts", "api.acme.example:0\nhosts"),
    ):  # fmt: skip
        with pytest.raises(SpecError) as caught:
            parse_connector(ACME.replace(before, after), "connector.yaml")
        assert len(str(caught.value)) < 1_000, after[:30]
    for extra in ("minLength: -1", "maxLength: 1.5", f"maxLength: {'9' * 5_000}", "rows: .inf", "minLength: .nan"):
        with pytest.raises(SpecError):
            parse_spec(ACTION.replace("TYPE", f"text, {extra}"), "put_thing.yaml")
    for extra in ("step: 0", "step: -1", "step: .inf", "min: 1_000", f"max: {'9' * 30}"):
        with pytest.raises(SpecError):
            parse_spec(ACTION.replace("TYPE", f"number, {extra}"), "put_thing.yaml")
