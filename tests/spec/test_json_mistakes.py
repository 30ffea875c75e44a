"""A mistake in JSON is named in JSON's words, with what to write, and repeats no value."""

from __future__ import annotations

from locoia_pat.spec.json_text import describe_json_mistake

MISTAKES = {
    "": "it is empty",
    '{"a": 1,}': "line 1, column 8: remove the comma that nothing follows",
    '{"a": [\n1,\n]}': "line 2, column 2: remove the comma that nothing follows",
    '{"a": ,}': "line 1, column 7: remove the comma that nothing follows",
    "[1, 2": "line 1, column 6: it ends too early; close it with ]",
    '{"a": [1': "line 1, column 9: it ends too early; close it with ]}",
    "{'a': 1}": 'line 1, column 2: strings and keys are in double quotes ("), not single ones',
    '{"a": None}': "line 1, column 7: JSON writes null, not None",
    '{"a": 1 // b\n}': "line 1, column 9: JSON has no comments; remove it",
    '{"a" 1}': "line 1, column 6: a colon is missing after the key",
    '{"a": 1 "b": 2}': "line 1, column 9: a comma is missing before this",
    '{"a": "b}': "line 1, column 7: this string has no closing quote",
    '{"a": "b\nc"}': "line 1, column 9: a line break in a string is written \\n",
    '{"a": "\\x"}': "line 1, column 8: a backslash in a string is written \\\\",
    '{"a": 1} x': "line 1, column 10: there is more after the end of the value",
    "{a: 1}": "line 1, column 2: a value is missing, or a string is not in double quotes",
    "1" * 5_000: "it is nested too deeply, or has a number that is too long",
}


def test_each_mistake_is_named_with_its_place() -> None:
    for text, words in MISTAKES.items():
        shown = describe_json_mistake(text)
        assert shown == words, text[:20]
