"""Files of items: JSON lines and CSV, recognized by name or content."""

from __future__ import annotations

import io
import json
import os
import resource
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locoia_pat import InvalidError, Secret
from locoia_pat.cli.item_file import MAX_LINE, MAX_PIPE_BYTES, MAX_PIPE_LINES, ItemFile, open_items
from locoia_pat.spec.load import SpecFolder
from locoia_pat.spec.model import Input
from tests.support.cells import cell

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FIELDS = SpecFolder().action("create_pat").inputs


def fields(**types: dict[str, Any]) -> dict[str, Input]:
    return {name: Input.model_validate({"title": name, **found}) for name, found in types.items()}


def read(text: str | bytes, name: str = "items", known: Mapping[str, Input] = FIELDS, **given: Any) -> list[Any]:
    """The number of each item, and its inputs or why there are none."""
    data = text.encode() if isinstance(text, str) else text
    lines = ItemFile(io.BytesIO(data), name, known, given)
    first, second = list(lines), list(lines)
    assert first == second  # it can be gone through again
    assert lines.size == len(data)
    told: list[Any] = []
    for item in first:
        assert 0 < item.offset <= len(data)
        if item.problem is not None:
            told.append((item.number, item.problem.message))
        else:
            assert item.parse is not None
            told.append((item.number, item.parse(item.fields)))
    return told


ITEM = {"expiration": 30, "scopes": ["embed"], "note": "CI"}


@pytest.mark.parametrize("name", ["items", "items.jsonl", "ITEMS.NDJSON", "items.json"])
def test_json_lines_are_objects_of_inputs(name: str) -> None:
    text = f"{json.dumps(ITEM)}\n\n  \n{json.dumps({**ITEM, 'note': 'é'}, ensure_ascii=False)}"
    assert read(text, name) == [(1, ITEM), (4, {**ITEM, "note": "é"})]


@pytest.mark.parametrize("name", ["items", "items.csv", "items.txt"])
@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_csv_is_typed_by_the_spec(name: str, between: str) -> None:
    rows = [
        ["expiration", "scopes", "note"],
        ["30", '"embed;automation:view"', '"a, b\n""c"" 007"'],
        ["null", "embed", "null"],
        ["", "embed", ""],
    ]
    text = "".join(between.join(row) + "\r\n" for row in rows)
    assert read(text, name) == [
        (2, {"expiration": 30, "scopes": ["embed", "automation:view"], "note": 'a, b\n"c" 007'}),
        (4, {"expiration": None, "scopes": ["embed"], "note": "null"}),
        (5, {"scopes": ["embed"]}),
    ]


def test_a_file_of_a_spreadsheet_may_begin_with_a_byte_order_mark() -> None:
    assert read(b"\xef\xbb\xbfnote\nCI\n") == [(2, {"note": "CI"})]
    assert read(b'\xef\xbb\xbf{"note": "CI"}\n') == [(1, {"note": "CI"})]


@pytest.mark.parametrize(
    ("cell", "field", "value"),
    [
        ("1.5", {"type": "number"}, 1.5),
        ("-3", {"type": "number"}, -3),
        ("1e3", {"type": "number"}, 1000.0),
        ("NaN", {"type": "number"}, "NaN"),
        ("007", {"type": "number"}, "007"),
        ("1_0", {"type": "number"}, "1_0"),
        ("TRUE", {"type": "switch"}, True),
        ("false", {"type": "switch"}, False),
        ("yes", {"type": "switch"}, "yes"),
        ("007", {"type": "text"}, "007"),
        ("@/etc/passwd", {"type": "text"}, "@/etc/passwd"),
        ("null", {"type": "text"}, "null"),
        ("null", {"type": "text", "nullable": True}, None),
        ('{""a"": [1]}', {"type": "json"}, {"a": [1]}),
        ("{", {"type": "json"}, "{"),
        ("a,b", {"type": "text", "multiple": True}, ["a,b"]),
        ("a; b;", {"type": "text", "multiple": True}, ["a", "b"]),
        ("1;2", {"type": "number", "multiple": True}, [1, 2]),
        ('[""a;b"", 1]', {"type": "text", "multiple": True}, ["a;b", 1]),
        ("[a", {"type": "text", "multiple": True}, "[a"),
        ("x,y", {"type": "select", "multiple": True, "enum": ["x", "y"]}, ["x", "y"]),
        ("x,y", {"type": "select", "multiple": True, "enum": ["x,y", "y"]}, ["x,y"]),
    ],
)
def test_a_cell_becomes_what_its_input_is(cell: str, field: dict[str, Any], value: object) -> None:
    ((_, inputs),) = read(f'value\n"{cell}"\n', "items.csv", fields(value=field))
    assert inputs == {"value": value}


def test_a_column_without_an_input_stays_a_string() -> None:
    assert read("name,note\n7,CI\n") == [(2, {"name": "7", "note": "CI"})]


def test_inputs_given_for_all_items_win() -> None:
    assert read('{"note": "a"}\n{}\n', note="b") == [(1, {"note": "b"}), (2, {"note": "b"})]
    assert read("note,expiration\na,1\n", expiration=[9]) == [(2, {"note": "a", "expiration": [9]})]


@pytest.mark.parametrize("name", ["items.csv", "items.jsonl"])
def test_a_secret_is_read_from_its_reference_when_it_is_needed(name: str, tmp_path: Path) -> None:
    known = fields(key={"type": "password"})
    (tmp_path / "key").write_text("fake-secret-0123456789abcdef\n")
    ref = f"file:{tmp_path}/key"
    text = f"key\n@ref:{ref}\n" if name == "items.csv" else json.dumps({"key": {"$ref": ref}})
    ((_, inputs),) = read(text, name, known)
    assert inputs["key"] == Secret("fake-secret-0123456789abcdef")
    text = "key\nfake-secret-0123456789abcdef\n" if name == "items.csv" else '{"key": "fake-secret-0123456789abcdef"}'
    with pytest.raises(InvalidError, match="expected a reference to the secret") as error:
        read(text, name, known)
    assert "0123" not in str(error.value)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "this line is not valid JSON"),
        ("[" * 100_000, "this line is not valid JSON"),
        ("7", "this line is 7; expected a JSON object"),
        ("null", "this line is null; expected a JSON object"),
        (b'{"note": "\xff"}', "this line is not UTF-8 text"),
        (f'"{"x" * MAX_LINE}"', f"more than {MAX_LINE} characters"),
        (f'"{"x" * (2 * MAX_LINE + 7)}"', f"more than {MAX_LINE} characters"),
    ],
)
def test_a_line_that_is_wrong_stops_no_other(line: str | bytes, why: str) -> None:
    data = line.encode() if isinstance(line, str) else line
    first, wrong, last = read(b'{"note": "a"}\n' + data + b'\n{"note": "b"}\n')
    assert (first, last) == ((1, {"note": "a"}), (3, {"note": "b"}))
    assert wrong[0] == 2
    assert why in wrong[1]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("a,b,c", "has 3 cells, but the header has 2"),
        ("a", "has 1 cells, but the header has 2"),
        ('a,"b"c', "not valid CSV"),
        (b"a,\xff", "not UTF-8 text"),
        (f"{'x' * MAX_LINE},b", "more than"),
        (f"{'x' * (2 * MAX_LINE + 7)},b", "more than"),
        ("x" * 200_000 + ",b", "field larger than field limit"),
    ],
)
def test_a_row_that_is_wrong_stops_no_other(line: str | bytes, why: str) -> None:
    data = line.encode() if isinstance(line, str) else line
    first, wrong, last = read(b"note,name\na,1\n" + data + b"\n,\nb,2\n")
    assert (first, last) == ((2, {"note": "a", "name": "1"}), (5, {"note": "b", "name": "2"}))
    assert wrong[0] == 3
    assert why in wrong[1]


def test_an_unclosed_quote_is_reported() -> None:
    (wrong,) = read('note,name\n"a,1\nb,2\n')
    assert wrong[0] == 2
    assert "not valid CSV" in wrong[1]


@pytest.mark.parametrize(
    ("text", "name", "why"),
    [
        ("note,note\na,b\n", "items.csv", 'names "note" twice'),
        ("note,\na,b\n", "items.csv", "is not a header"),
        ("30,embed\n", "items", "is not a header"),
        ("\n", "items.csv", "is not a header"),
        ('[{"note": "CI"}]', "items.json", "is a JSON list"),
    ],
)
def test_a_file_that_has_no_items_is_refused(text: str, name: str, why: str) -> None:
    with pytest.raises(InvalidError, match=why) as error:
        read(text, name)
    assert error.value.problem.field == "each"
    assert error.value.problem.hint


def test_a_file_without_a_line_has_no_items() -> None:
    assert read("", "items") == read("\n\n", "x.jsonl") == read("note\n", "x.csv") == []


JSON = st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text(max_size=9), max_size=4)


@given(st.lists(JSON, max_size=6))
def test_whatever_json_says_comes_out_as_it_went_in(items: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(item) + "\n" for item in items)
    assert [found for _, found in read(text, "x.jsonl")] == items


def test_a_pipe_without_an_end_is_refused_at_a_limit(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    def feed(data: bytes, times: int) -> None:
        with suppress(BrokenPipeError), fifo.open("wb", buffering=0) as pipe:
            for _ in range(times):
                pipe.write(data)

    for name, data, times, seconds, limit in (
        ("bytes", bytes(1 << 20), 1 << 20, 60.0, f"{MAX_PIPE_BYTES} bytes"),
        ("lines", b"{}\n" * 20_000, 1 << 20, 60.0, f"{MAX_PIPE_LINES} lines"),
        ("time", b"{}\n", 1 << 20, 0.0, "0 seconds"),
    ):
        writer = threading.Thread(target=feed, args=(data, times))
        writer.start()
        with cell(name), pytest.raises(InvalidError, match=f"did not end within {limit}"):
            open_items(str(fifo), seconds=seconds).__enter__()
        writer.join()


def test_a_pipe_that_cannot_be_copied_is_invalid(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: fifo.write_bytes(b"{}\n" * 20_000))
    writer.start()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(InvalidError, match="cannot be copied: File too large"):
            open_items(str(fifo)).__enter__()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        writer.join()
