"""``name=value`` for every kind of input a spec can declare."""

from __future__ import annotations

import io
import json
import os
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat.cli.item_file import ItemFile
from locoia_pat.cli.typed_inputs import MAX_INPUT, parse_cell, parse_inputs
from locoia_pat.outcomes import InvalidError
from locoia_pat.spec.model import Input
from tests.support.loopback import answer, serving
from tests.support.spec_folders import ACME

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.command import Done

    Call = Callable[..., Done]

SECRET = "fake-input-secret-0123456789"


ACTION = """\
spec: 1
action: put_thing
title: Put thing
summary: Put a thing.
effect: update
inputs:
  text: {title: Text, type: text}
  on_air: {title: On air, type: switch}
  count: {title: Count, type: number}
  who: {title: Who, type: nested_object, children: {mail: {title: Mail, type: email}}}
  days: {title: Days, type: daterange}
  key: {title: Key, type: password}
request:
  method: PUT
  path: /things
  body:
    text: "{{ text }}"
    on_air: "{{ on_air }}"
    count: "{{ count }}"
    who: "{{ who }}"
    days: "{{ days }}"
    key: "{{ key }}"
reply: {ok: [200], output: {id: {type: text, nullable: true}}}
"""


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    (tmp_path / "connector.yaml").write_text(ACME)
    (tmp_path / "put_thing.yaml").write_text(ACTION)
    (tmp_path / "key.txt").write_text(SECRET)
    os.environ.update(ACME_TOKEN="fake-acme-credential", LOCOIA_TOKEN="fake-locoia-credential")
    return tmp_path


def sent(call: Call, specs: Path, *arguments: str, stdin: str = "") -> Any:
    with serving(answer(200, {})) as server:
        os.environ["ACME_BASE_URL"] = server.url
        done = call("run", "put_thing", *arguments, "--specs", str(specs), stdin=stdin)
    assert done.code == 0, done.out
    assert SECRET not in done.out + done.err
    assert server.got[0].headers["authorization"] == "Bearer fake-acme-credential"
    return {name: value for name, value in server.got[0].json.items() if value is not None}


def test_each_kind_is_typed(call: Call, specs: Path) -> None:
    assert sent(
        call,
        specs,
        "text=null",
        "on_air=true",
        "count=1.5",
        'who={"mail": "a@b.example"}',
        'days=["2026-01-01", "2026-02-01"]',
        f"key=@ref:file:{specs}/key.txt",
    ) == {
        "text": "null",
        "on_air": True,
        "count": 1.5,
        "who": {"mail": "a@b.example"},
        "days": ["2026-01-01", "2026-02-01"],
        "key": SECRET,
    }


def test_a_secret_in_json_inputs_is_a_reference(call: Call, specs: Path) -> None:
    given = json.dumps({"key": {"$ref": f"file:{specs}/key.txt"}, "text": "x"})
    assert sent(call, specs, "--inputs", "-", stdin=given) == {"key": SECRET, "text": "x"}


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        ([f"key={SECRET}"], "", "a secret cannot be an argument"),
        (["key=@ref:file:/nowhere"], "", "cannot be read"),
        (["--inputs", "-"], json.dumps({"key": SECRET}), "expected a reference to the secret"),
        (["--inputs", "-"], json.dumps({"key": {"$ref": "file:/x", "more": 1}}), "expected a reference to the secret"),
        (["--inputs", "-"], "[1]", "expected a JSON object of inputs, got a list"),
        (["on_air=yes"], "", '"yes" is not allowed'),
        (["count=many"], "", '"many" is not allowed'),
        (["count=true"], "", '"true" is not allowed'),
        (["who=mail"], "", '"mail" is not allowed'),
        (["days=2026-01-01"], "", "is not allowed"),
        (["text=@{}/latin1.txt"], "", "is not UTF-8 text"),
    ],
)
def test_a_wrong_value_is_invalid(call: Call, specs: Path, arguments: list[str], stdin: str, words: str) -> None:
    (specs / "latin1.txt").write_bytes(b"\xfc")
    arguments = [argument.replace("{}", str(specs)) for argument in arguments]
    with serving(answer(200, {})) as server:
        os.environ["ACME_BASE_URL"] = server.url
        done = call("run", "put_thing", *arguments, "--specs", str(specs), stdin=stdin)
    assert (done.code, server.got) == (2, [])
    assert words in done.envelope["error"]["message"]
    assert SECRET not in done.out + done.err


def test_a_nullable_list_in_a_cell_may_be_null() -> None:
    field = Input.model_validate({"title": "X", "type": "text", "multiple": True, "nullable": True})
    assert parse_cell("x", "null", field) is None
    assert parse_cell("x", "a;b", field) == ["a", "b"]


def test_another_connector_never_reads_locoias_credential(call: Call, specs: Path) -> None:
    del os.environ["ACME_TOKEN"]
    with serving(answer(200, {})) as server:
        os.environ["ACME_BASE_URL"] = server.url
        done = call("run", "put_thing", "--specs", str(specs))
    assert (done.code, server.got) == (2, [])
    assert "ACME_TOKEN" in done.envelope["error"]["hint"]


TEXTS = [
    *(" ", "null", " null", "NULL", "true", "TRUE", " False ", "yes", "NaN", "nan", "Infinity", "5", " 5", "5 ", "\t5"),
    *("+5", "05", "5.", "1_0", "1e3", "1e999", "9" * 400, "-0", "1,5", "2026-01-31", " 2026-01-31", "31.1.2026"),
    *("2026-01-31T00:00:00Z ", "a", " a", "a@b.example", '["2026-01-01", "2026-01-31"]', "[1", "{}", ' {"a": "x"}'),
    *('"a"', "007", "9" * 5_000, "[" * 100_000, "a;5", "a; 5 ;", ";", '{"a": "x", "a": "y"}', '[{"b": 1, "b": 1}]'),
]
DECLARED: list[dict[str, Any]] = [
    *({"type": kind} for kind in ("text", "email", "number", "date", "daterange", "datetime", "switch", "json")),
    {"type": "number", "step": 1, "unit": "days"},
    {"type": "select", "enum": ["a", "null", "5"]},
    {"type": "nested_object", "children": {"a": {"title": "A", "type": "text"}}},
]


def value_or_error(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except InvalidError as error:
        return error.problem


def test_the_same_text_means_the_same_as_an_argument_and_in_a_cell() -> None:
    for declared, nullable, multiple in product(DECLARED, (False, True), (False, True)):
        field = Input.model_validate({"title": "X", "nullable": nullable, "multiple": multiple, **declared})
        for text in TEXTS:
            if multiple and "," in text and not text.startswith("["):
                continue  # a cell is split, and an argument says how a list is given
            quoted = text.replace('"', '""')
            (item,) = ItemFile(io.BytesIO(f'x\n"{quoted}"\n'.encode()), "x.csv", {"x": field}, {})
            assert item.parse is not None
            cell = value_or_error(partial(item.parse, item.fields))
            argument = value_or_error(partial(parse_inputs, [f"x={text}"], None, {"x": field}))
            assert repr(cell) == repr(argument), f"{text[:40]!r} for {field!r}"


def test_spaces_around_a_value_count_only_in_a_string() -> None:
    for declared, text, value in (
        ({"type": "number"}, " 5 ", 5),
        ({"type": "switch"}, " TRUE", True),
        ({"type": "date"}, "2026-01-31 ", "2026-01-31"),
        ({"type": "datetime"}, " 2026-01-31T00:00:00Z", "2026-01-31T00:00:00Z"),
        ({"type": "json"}, " [1] ", [1]),
        ({"type": "text"}, " 5 ", " 5 "),
        ({"type": "select", "enum": ["a"]}, " a", " a"),
    ):
        field = Input.model_validate({"title": "X", **declared})
        assert parse_inputs([f"x={text}"], None, {"x": field}) == {"x": value}, declared


def test_null_for_a_list_is_null_and_not_a_list_of_it() -> None:
    field = Input.model_validate({"title": "X", "type": "text", "multiple": True, "nullable": True})
    assert parse_inputs(["x=null"], None, {"x": field}) == {"x": None}
    assert parse_inputs(["x=null", "x=a"], None, {"x": field}) == {"x": [None, "a"]}


def test_the_content_of_a_file_is_typed_as_an_argument_is(tmp_path: Path) -> None:
    (tmp_path / "days").write_text("30\n")
    (tmp_path / "body").write_text('{"a": [1]}\n')
    known = {
        "days": Input.model_validate({"title": "X", "type": "number"}),
        "body": Input.model_validate({"title": "X", "type": "json"}),
        "note": Input.model_validate({"title": "X", "type": "text"}),
    }
    pairs = [f"days=@{tmp_path}/days", f"body=@{tmp_path}/body", f"note=@{tmp_path}/days"]
    assert parse_inputs(pairs, None, known) == {"days": 30, "body": {"a": [1]}, "note": "30"}


def test_a_file_that_says_null_is_not_null_by_accident(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("null\n")
    known = {
        name: Input.model_validate({"title": "X", "type": kind, "nullable": True})
        for name, kind in (("note", "text"), ("days", "number"))
    }
    pairs = [f"{name}=@{tmp_path}/file" for name in known]
    assert parse_inputs(pairs, None, known) == {"note": "null", "days": "null"}  # validation refuses the second


def test_a_list_in_a_file_is_read_as_one_in_an_argument(tmp_path: Path) -> None:
    (tmp_path / "tags").write_text('["a", "b"]\n')
    field = Input.model_validate({"title": "X", "type": "text", "multiple": True})
    assert parse_inputs([f"tags=@{tmp_path}/tags"], None, {"tags": field}) == {"tags": ["a", "b"]}


def test_a_file_of_inputs_without_an_end_is_invalid(call: Call, specs: Path) -> None:
    for arguments in (["--inputs", "/dev/zero"], ["text=@/dev/zero"], ["--inputs", "-"]):
        stdin = " " * (MAX_INPUT + 1)
        done = call("run", "put_thing", *arguments, "--specs", str(specs), stdin=stdin)
        assert done.code == 2
        assert f"has more than {MAX_INPUT} characters" in done.envelope["error"]["message"]
