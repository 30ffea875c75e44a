"""Specs and answers that are made to cost much, or to reach what a spec must not reach."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.loopback import raw

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONNECTOR = """\
spec: 1
connector: acme
title: Acme
version: 1.0.0
base_url: http://127.0.0.1:1/v1
hosts: [api.acme.example]
env: {token: ACME_TOKEN}
"""
HEAD = "spec: 1\naction: act\ntitle: Act\nsummary: Act.\n"
WIDE = "\U0001f511"
"""A character that Python keeps in four bytes, and that JSON and addresses write with twelve."""
FULL = 64_000
"""About as many characters as a spec may have."""


@dataclass(frozen=True)
class Case:
    """A folder with one action, a call of it and the answer."""

    action: str
    connector: str = CONNECTOR
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    answer: bytes = raw(200, {})
    size: int = 0
    """Bytes that the file of the action is stretched to."""


Cases = dict[str, "Callable[[], Case]"]


def said(value: object) -> str:
    """*Value* as the YAML that JSON is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace('":', '": ')


def act(
    inputs: Mapping[str, object] | None = None,
    request: Mapping[str, object] | None = None,
    reply: Mapping[str, object] | None = None,
    effect: str = "create",
    **more: object,
) -> str:
    """The text of an action; *more* are further keys."""
    parts = {
        "effect": effect,
        "inputs": inputs or {},
        "request": {"method": "POST", "path": "/act"} | dict(request or {}),
        "reply": {"ok": [200], "output": {}} | dict(reply or {}),
        **more,
    }
    return HEAD + "".join(f"{key}: {said(value)}\n" for key, value in parts.items())


def rows(pages: Mapping[str, object] | None = None) -> str:
    """The text of an action that reads rows."""
    return act(request={"method": "GET"}, reply={"rows": "rows"}, effect="read", **({"pages": pages} if pages else {}))


def text(default: str | None = None, **more: object) -> dict[str, object]:
    """An input that is a text."""
    return {"title": "T", "type": "text"} | ({} if default is None else {"default": default}) | more


def number(**more: object) -> dict[str, object]:
    """An input that is a number."""
    return {"title": "T", "type": "number"} | more


def listed(count: int, item: object = 0) -> dict[str, object]:
    """An input that is a list by default."""
    return {"title": "T", "type": "json", "default": [item] * count}


def select(enum: list[str], **more: object) -> dict[str, object]:
    """An input with options."""
    return {"title": "T", "type": "select", "enum": enum} | more


def nested(children: Mapping[str, object], **more: object) -> dict[str, object]:
    """An input that is an object."""
    return {"title": "T", "type": "nested_object", "children": children} | more


def named(count: int, made: Callable[[int], object], name: str = "i") -> dict[str, object]:
    """*Count* things by name."""
    return {f"{name}{n}": made(n) for n in range(count)}


def body(template: str, inputs: Mapping[str, object] | None = None, count: int = 1, *, given: Any = None) -> Case:
    """A body with *count* times the template."""
    return Case(act(inputs or {"x": text("x")}, {"body": [template] * count}), inputs=given or {})


def repeated(line: Callable[[int], str]) -> str:
    """As many lines as a spec may have."""
    lines: list[str] = []
    size = 0
    while size < FULL - 1_000:
        lines.append(line(len(lines)))
        size += len(lines[-1])
    return "".join(lines[:-1])


def various(size: int, seed: int = 0) -> str:
    """A text of which no character is frequent; two of them have the same characters, and nothing else in common."""
    return "".join(chr(0x4E00 + (n * (7919 + 2 * seed)) % 251) for n in range(size))


def laughs() -> str:
    """Ten lists of ten of the list before."""
    lines = ["a: &a [x,x,x,x,x,x,x,x,x,x]\n"]
    for one, other in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{other}: &{other} [{','.join([f'*{one}'] * 10)}]\n")
    return "".join(lines)


YAML: Cases = {
    "a billion laughs": lambda: Case(laughs()),
    "an alias of itself": lambda: Case("a: &a [*a]\n"),
    "deep brackets": lambda: Case("a: " + "[" * FULL),
    "deep brackets that end": lambda: Case("a: " + "[" * (FULL // 2) + "]" * (FULL // 2)),
    "deep braces": lambda: Case("{a: " * (FULL // 4)),
    "deep dashes": lambda: Case("- " * (FULL // 2)),
    "deep questions": lambda: Case("? " * (FULL // 2)),
    "deep keys": lambda: Case("".join(" " * n + "a:\n" for n in range(350))),
    "one huge text": lambda: Case(act({"x": text("a" * FULL)})),
    "one huge text in a block": lambda: Case(act() + "docs: >\n" + "  a\n" * (FULL // 4 - 100)),
    "a file of twenty megabytes": lambda: Case("a" * 20_000_000),
    "a file of half a gigabyte": lambda: Case(act(), size=512 * 1024**2),
    "one long key": lambda: Case(f"? {'k' * FULL}\n: 1\n"),
    "long keys": lambda: Case(repeated(lambda n: f"{'k' * 1000}{n}: 1\n")),
    "thousands of keys": lambda: Case(repeated(lambda n: f"k{n}: 1\n")),
    "thousands of equal keys": lambda: Case(repeated(lambda _: "k: 1\n")),
    "thousands of anchors": lambda: Case(repeated(lambda n: f"- &a{n} x\n")),
    "thousands of plain noes": lambda: Case(repeated(lambda _: "- no\n")),
    "thousands of numbers": lambda: Case(act(request={"body": [0] * 31_000})),
    "thousands of empty objects": lambda: Case(act(request={"body": [{}] * 20_000})),
    "thousands of empty texts": lambda: Case(act(request={"body": [""] * 20_000})),
    "thousands of documents": lambda: Case("---\n" * (FULL // 4)),
    "thousands of tag directives": lambda: Case(repeated(lambda n: f"%TAG !{n}! a\n") + "--- a\n"),
    "thousands of comments": lambda: Case(act() + "#\n" * 31_000),
    "a long plain number": lambda: Case("a: " + "1" * FULL),
    "a long number with a point": lambda: Case("a: " + "1" * (FULL // 2) + "." + "1" * (FULL // 2)),
    "a long number that is none": lambda: Case("a: " + "1_1." * (FULL // 4) + "x"),
    "escapes": lambda: Case('a: "' + r"\U0001f511" * (FULL // 10) + '"'),
    "halves of characters": lambda: Case('a: "' + r"\ud83d" * (FULL // 6) + '"'),
    "tabs and spaces": lambda: Case("a:" + " \t" * (FULL // 2)),
    "nothing": lambda: Case(""),
    "NUL": lambda: Case("a: \0"),
}

MISTAKES: Cases = {
    "inputs that are numbers": lambda: Case(act(named(5_000, lambda _: 1))),
    "inputs without anything": lambda: Case(act(named(5_000, lambda _: {}))),
    "unused inputs": lambda: Case(act(named(1_500, lambda _: {"title": "T", "type": "json"}))),
    "names that are none": lambda: Case(act(named(1_500, lambda _: text(), "I"))),
    "unknown names in templates": lambda: Case(
        act(named(900, lambda _: text(""), "input_number_"), {"body": ["{{ inptu_number_1234 }}"] * 250})
    ),
    "unknown filters": lambda: body("{{ x|" + "lowre" * 20 + " }}", count=256),
    "broken templates": lambda: body("{{ x", count=256),
    "includes of no options": lambda: Case(
        act({"x": select([f"option{n}" for n in range(1_500)], includes={f"optoin{n}": ["x"] for n in range(1_500)})})
    ),
    "option_notes on no options": lambda: Case(
        act({"x": select([f"option{n}" for n in range(1_500)], option_notes={f"optoin{n}": "r" for n in range(1_500)})})
    ),
    "an option beside a long one": lambda: Case(
        f"{HEAD}effect: create\nrequest: {{method: POST, path: /act}}\nreply: {{ok: [200], output: {{}}}}\n"
        f"inputs:\n  x:\n    title: T\n    type: select\n    enum:\n    - {various(30_000)}\n"
        f"    option_notes:\n      ? {various(30_000, 1)}\n      : r\n"
    ),
    "days until nothing": lambda: Case(
        act(
            reply={
                "output": named(900, lambda _: {"type": "datetime"}, "time")
                | named(600, lambda n: {"type": "number", "days_until": f"tmie{n}"}, "days")
            }
        )
    ),
    "outputs of no input": lambda: Case(
        act(
            named(600, lambda _: text(""), "number"),
            reply={"output": named(600, lambda n: {"type": "text", "fallback_input": f"nubmer{n}"})},
        )
    ),
    "headers that are ours": lambda: Case(act(request={"headers": named(4_000, lambda _: "a", "X-") | {"Host": "a"}})),
    "statuses that are none": lambda: Case(act(reply={"ok": [1] * 20_000})),
    "examples that are wrong": lambda: Case(act(examples=[{"name": "n", "inputs": {"nope": 1}}] * 1_400)),
}

TEMPLATES: Cases = {
    "jsonify of jsonify": lambda: body("{{ x" + "|jsonify" * 22 + " }}", {"x": text('"')}),
    "jsonify of jsonify, of a constant": lambda: body("{{ '\"'" + "|jsonify" * 20 + " }}{{ x }}"),
    "jsonify of jsonify, of a constant, in each leaf": lambda: body(
        "{{ '\"'" + "|jsonify" * 18 + " }}{{ x }}", count=128
    ),
    "jsonify of jsonify, of wide characters, in each leaf": lambda: body(
        "{{ '" + WIDE * 16 + "'" + "|jsonify" * 12 + " ~ x }}", count=128
    ),
    "fifty million times": lambda: body("{{ 'x' * 50000000 }}{{ x }}"),
    "fifty million times an input": lambda: body("{{ x * 50000000 }}"),
    "a list fifty million times": lambda: body("{{ [x] * 50000000 }}"),
    "padding": lambda: body("{{ '%020000000d' % 1 }}{{ x }}"),
    "padding of an input": lambda: body("{{ '%20000000s' % x }}"),
    "a power": lambda: body("{{ 2 ** 99999999 }}{{ x }}"),
    "a power of an input": lambda: body("{{ n ** n ** n }}", {"n": number(default=9)}),
    "a product of products": lambda: body("{{ n" + " * n" * 20 + " }}", {"n": number(default=999_999_999)}),
    "a long number": lambda: body("{{ " + "9" * 4_000 + " }}{{ x }}", count=15),
    "long numbers, compared": lambda: body("{{ 1 if " + "9" * 2_000 + " == " + "9" * 2_000 + " else x }}"),
    "nested brackets": lambda: body("{{ " + "(" * 2_000 + "x" + ")" * 2_000 + " }}"),
    "nested lists": lambda: body("{{ " + "[" * 2_000 + "x" + "]" * 2_000 + " }}"),
    "nested objects": lambda: body("{{ " + "{1:" * 1_300 + "x }}"),
    "nested lists, as deep as may be": lambda: body("{{ " + "[" * 22 + "x" + "]" * 22 + " }}", count=256),
    "nested noes": lambda: body("{{ " + "not " * 1_000 + "x }}"),
    "nested signs": lambda: body("{{ " + "-" * 4_000 + "1 }}{{ x }}"),
    "nested conditions": lambda: body("{{ " + "x if x else " * 330 + "x }}"),
    "nested items": lambda: body("{{ " + "x[" * 1_300 + "x" + "]" * 1_300 + " }}"),
    "nested names": lambda: body("{{ x" + ".x" * 2_000 + " }}"),
    "nested filters": lambda: body("{{ x" + "|trim" * 800 + " }}"),
    "nested filters, as deep as may be": lambda: body(
        "{{ x" + "|upper" * 23 + " }}", {"x": text("a" * 20_000)}, count=256
    ),
    "ten thousand joins": lambda: body("{{ x" + " ~ x" * 10_000 + " }}"),
    "two thousand joins": lambda: body("{{ x" + "~x" * 2_000 + " }}"),
    "two thousand joins of a large text": lambda: body("{{ x" + "~x" * 2_000 + " }}", {"x": text("a" * 50_000)}),
    "two thousand joins, in each leaf": lambda: body("{{ x" + "~x" * 1_900 + " }}", count=15),
    "two thousand sums": lambda: body("{{ x" + "+x" * 2_000 + " }}"),
    "eight hundred templates in one text": lambda: body("{{x}}" * 800),
    "a thousand comparisons": lambda: body("{{ x" + "==x" * 1_300 + " }}"),
    "a thousand comparisons, in each leaf": lambda: body("{{ x" + "==x" * 1_300 + " }}", count=15),
    "range()": lambda: body("{{ range(99999999) }}{{ x }}"),
    "a sum of lists, in each leaf": lambda: body("{{ l" + "+l" * 20 + " }}", {"l": listed(400)}, count=256),
    "doubled lists": lambda: body("{{ " + "(" * 10 + "l" + "+l)" * 10 + " }}", {"l": listed(900)}, count=100),
    "a list in a list": lambda: body("{{ [" + "l," * 1_900 + "l] }}", {"l": listed(20_000)}),
    "a list in a list, in each leaf": lambda: body("{{ [" + "l," * 100 + "l] }}", {"l": listed(4_000)}, count=128),
    "a list in a list, as JSON": lambda: body("{{ [" + "l," * 1_900 + "l]|jsonify }}", {"l": listed(20_000)}),
    "a list in a list, as JSON, in each leaf": lambda: body(
        "{{ [" + "l," * 20 + "l]|jsonify|length }}", {"l": listed(4_000)}, count=200
    ),
    "equal lists": lambda: body(
        "{{ [" + "l," * 900 + "l] == [" + "m," * 900 + "m] }}", {"l": listed(6_000, 1.5), "m": listed(6_000, 1.5)}
    ),
    "equal lists, in each leaf": lambda: body(
        "{{ l == m }}", {"l": listed(6_000, 1.5), "m": listed(6_000, 1.5)}, count=250
    ),
    "a list among lists": lambda: body(
        "{{ l in [" + "m," * 1_800 + "m] }}",
        {"l": listed(6_000, 1.5), "m": {"title": "T", "type": "json", "default": [1.5] * 5_999 + [1]}},
    ),
    "a name that is a list of lists": lambda: body(
        "{{ 1[[" + "l," * 1_800 + "l]]|default(1) }}", {"l": listed(12_000)}
    ),
    "a large text in each leaf": lambda: body("{{ x ~ x ~ x ~ x }}", {"x": text("a" * 50_000)}, count=256),
    "a large text, often, in each leaf": lambda: body("{{" + "x~" * 19 + "x}}", {"x": text("a" * 40_000)}, count=256),
    "a large text of wide characters in each leaf": lambda: body(
        "{{" + "x~" * 9 + "x}}", {"x": text(WIDE * 40_000)}, count=100
    ),
    "a large text, lone, in each leaf": lambda: body("{{ x }}", {"x": text(WIDE * 55_000)}, count=256),
    "a large text in each part of the query": lambda: Case(
        act({"x": text("a" * 40_000)}, {"query": {"q": ["{{" + "x~" * 19 + "x}}"] * 200}})
    ),
    "a large text of wide characters in each part of the query": lambda: Case(
        act({"x": text(WIDE * 50_000)}, {"query": {"q": ["{{x}}"] * 250}})
    ),
    "a large text in the query": lambda: Case(act({"x": text("a" * 60_000)}, {"query": {"q": ["{{x}}"] * 2}})),
    "a large text in each field of the form": lambda: Case(
        act({"x": text("a" * 40_000)}, {"form": {"q": ["{{" + "x~" * 19 + "x}}"] * 200}})
    ),
    "a large text in each header": lambda: Case(
        act({"x": text("a" * 40_000)}, {"headers": named(200, lambda _: "{{" + "x~" * 19 + "x}}", "X-")})
    ),
    "a large text in the path": lambda: Case(
        act({"x": text("a" * 40_000)}, {"path": "/" + "/".join(["{{ x }}"] * 20)})
    ),
    "a text of wide characters in the path": lambda: Case(
        act({"x": text(WIDE * 40_000)}, {"path": "/" + "/".join(["{{ x }}"] * 20)})
    ),
    "a list in each part of the query": lambda: Case(
        act({"l": listed(5_000)}, {"query": named(250, lambda _: "{{l+l}}", "q")})
    ),
    "a large text between the items of a list": lambda: body(
        "{{ l|join(x) }}", {"x": text("a" * 1_000), "l": listed(1_000, "")}
    ),
    "a large text between the items of a list, in each leaf": lambda: body(
        "{{ l|join(x) }}", {"x": text("a" * 1_000), "l": listed(1_000, "")}, count=256
    ),
    "capitals that grow": lambda: body("{{ x|upper }}", {"x": text("\u0390" * 60_000)}),
    "a text in a text": lambda: body(
        "{{ y in x }}", {"x": text("a" * 30_000), "y": text("a" * 14_000 + "b")}, count=256
    ),
}

ESCAPES = {
    "__class__": "{{ x.__class__.__mro__ }}",
    "__class__ by name": "{{ x['__class__'] }}",
    "__class__ of a number": "{{ 1.__class__ }}{{ x }}",
    "__globals__": "{{ x.upper.__globals__ }}",
    "__subclasses__": "{{ ''.__class__.__base__.__subclasses__() }}",
    "attr": "{{ x|attr('__class__') }}",
    "map": "{{ [x]|map(attribute='__class__')|list }}",
    "format": "{{ '{0.__class__}'.format(x) }}",
    "format_map": "{{ '{x.__class__}'.format_map({'x': x}) }}",
    "the filter format": "{{ '%s'|format(x) }}",
    "cycler": "{{ cycler.__init__.__globals__.os.environ }}",
    "lipsum": "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "joiner": "{{ joiner.__init__.__globals__ }}",
    "namespace": "{{ namespace(x=1) }}",
    "dict": "{{ dict(x=1) }}",
    "self": "{{ self.__init__ }}",
    "loop": "{{ loop.index }}",
    "i18n": "{% trans %}x{% endtrans %}",
    "gettext": "{{ _('x') }}{{ gettext('x') }}",
    "import": "{% import 'connector.yaml' as c %}{{ c }}",
    "include": "{% include '/etc/passwd' %}",
    "extends": "{% extends '/etc/passwd' %}",
    "do": "{% do x.append(1) %}",
    "set": "{% set x = 1 %}{{ x }}",
    "for": "{% for i in range(999999999) %}x{% endfor %}",
    "macro": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "a comment": "{# x #}",
    "names of the engine": "{{ environment }}{{ context }}{{ environ }}",
    "a test": "{{ x is defined }}",
    "a slice": "{{ x[::-1] }}",
    "our own filter": "{{ x|[' text'] }}",
    "a caller": "{{ caller() }}",
    "names that Jinja makes": "{{ l_0_x }}{{ undefined }}{{ resolve }}{{ __name__ }}",
}

PATTERNS = {
    "(a+)+$": r"(a+)+$",
    "(a|a)*$": r"(a|a)*$",
    "(a|b|ab)*c": r"^(a|b|ab)*c$",
    "(.*)*": r"(.*)*(.*)*(.*)*$",
    "counted twice": r"(\w{100}){100}",
    "counted often": r"((((a{9}){9}){9}){9}){9}",
    "counted in the extended form": r"(?x)(\w{ 100 }){ 100 }",
    "letters": r"\pL{200}",
    "letters of all kinds": r"[\pL\pM\pN\pP\pS]{200}",
    "no letters": r"\PL{66}\PM{66}\PN{66}",
    "without end": r"a{1000000000}",
    "from zero": r"(x{0,200})",
    "deep": "(" * 249 + ")" * 249,
    "choices": "|".join(["\\pL"] * 125),
    "words without a count": r"\w" * 250,
    "words many times": r"(\w*)" * 100,
    "not one": r"[^a]" * 125,
    "any case": "/" + "\u017fKk\u00df" * 80 + "/i",
}


def gathered(inputs: Mapping[str, object]) -> str:
    """An action whose body is the list of its *inputs*."""
    names = list(inputs)
    parts = [names[at : at + 400] for at in range(0, len(names), 400)]
    return act(inputs, {"body": ["{{ [" + ",".join(part) + "] }}" for part in parts]})


def deep_object(depth: int, **more: object) -> dict[str, object]:
    """An object in an object, and so on."""
    found: dict[str, object] = text()
    for _ in range(depth):
        found = nested({"a": found, "b": text()}, **more)
    return found


LONE = {"body": "{{ x }}"}

INPUTS: Cases = {
    **{
        f"pattern {name}": lambda pattern=pattern: Case(  # type: ignore[misc]
            act({"x": text(pattern=pattern, required=True)}, LONE), inputs={"x": "a" * 50_000 + "!"}
        )
        for name, pattern in PATTERNS.items()
    },
    "twenty patterns": lambda: Case(gathered(named(20, lambda n: text(pattern=rf"\pL{{{200 - n}}}")))),
    "twenty patterns with defaults": lambda: Case(
        gathered(named(20, lambda n: text("a" * 200, pattern=rf"\pL{{{200 - n}}}")))
    ),
    "hundreds of patterns": lambda: Case(gathered(named(700, lambda n: text(pattern=rf"a{{0}}{n}\pL{{199}}")))),
    "patterns in objects": lambda: Case(
        gathered(named(40, lambda one: nested(named(15, lambda n: text(pattern=rf"{one}-{n}\pL{{199}}")))))
    ),
    "a thousand inputs": lambda: Case(gathered(named(1_000, lambda _: {"title": "T", "type": "json"}))),
    "a thousand defaults": lambda: Case(gathered(named(1_000, lambda _: number(default=1)))),
    "a thousand options": lambda: Case(gathered(named(900, lambda _: select(["a"])))),
    "objects in objects": lambda: Case(act({"x": deep_object(9)}, {"body": "{{ x|default(1) }}"})),
    "objects in objects, with defaults": lambda: Case(act({"x": deep_object(9, default={})}, LONE)),
    "many objects, with defaults": lambda: Case(
        gathered(named(20, lambda _: nested(named(60, lambda _: text()), default={})))
    ),
    "objects that are too deep": lambda: Case(act({"x": deep_object(20)}, LONE)),
    "a huge list of options": lambda: Case(
        act({"x": select([f"o{n}" for n in range(7_500)], required=True)}, LONE), inputs={"x": "o7501"}
    ),
    "options that are chosen and cover others": lambda: Case(
        act({"x": select(["0", "1"], multiple=True, includes={"0": ["1"] * 5_000}, default=["0"] * 9_000)}, LONE)
    ),
    "options that all cover others": lambda: Case(
        act(
            {"x": select([str(n) for n in range(3_000)], includes={str(n): [] for n in range(3_000)})},
            {"body": "{{ x|default(1) }}"},
        )
    ),
    "options with option_notes": lambda: Case(
        act(
            {
                "x": select(
                    [str(n) for n in range(2_000)],
                    multiple=True,
                    option_notes={str(n): "r" for n in range(2_000)},
                    default=[str(n) for n in range(2_000)],
                )
            },
            LONE,
        )
    ),
    "a long option, nearly hit": lambda: Case(
        act({"x": select([various(60_000)], required=True)}, LONE), inputs={"x": various(60_000, 1)}
    ),
    "a large default": lambda: Case(act({"x": listed(28_000)}, LONE)),
    "a deep JSON input": lambda: Case(
        act({"x": {"title": "T", "type": "json"}}, LONE), inputs={"x": json.loads("[" * 500 + "]" * 500)}
    ),
    "a wide JSON input": lambda: Case(act({"x": {"title": "T", "type": "json"}}, LONE), inputs={"x": [0] * 100_000}),
    "a huge number": lambda: Case(act({"x": number(default=1)}, LONE), inputs={"x": 10**100_000}),
    "an unknown input of a long name": lambda: Case(act({"x": text("")}, LONE), inputs={"x" * 1_000_000: 1}),
    "a long text where an option is wanted": lambda: Case(
        act({"x": select(["a", "b"], required=True)}, LONE), inputs={"x": various(1_000_000)}
    ),
}

STEP = {"status": 200, "body": {"c": "a", "rows": [{}]}}

EXAMPLES: Cases = {
    "a large example": lambda: Case(act(examples=[{"name": "n", "reply": {"status": 200, "body": [0] * 15_000}}])),
    "a large text in an example": lambda: Case(
        act(examples=[{"name": "n", "reply": {"status": 200, "body": "x" * 60_000}}])
    ),
    "thousands of examples": lambda: Case(act(examples=[{"name": "n"}] * 4_500)),
    "hundreds of examples with results": lambda: Case(
        act(examples=[{"name": "n", "reply": {"status": 200, "body": {}}, "result": {"outcome": "refused"}}] * 700)
    ),
    "examples of a large body": lambda: Case(
        act({"x": text("a" * 20_000)}, {"body": ["{{" + "x~" * 9 + "x}}"] * 50}, examples=[{"name": "n"}] * 1_500)
    ),
    "pages of a large address": lambda: Case(
        act(
            request={"method": "GET", "query": {"q": [0] * 10_000}},
            reply={"rows": "rows"},
            effect="read",
            pages={"by": "offset", "query": "o", "max_pages": 1_000},
            examples=[
                {
                    "name": "n",
                    "reply": {"status": 200, "body": [{}]},
                    "pages": [{"status": 200, "body": [{}] * (1 + n % 2)} for n in range(1, 700)],
                }
            ],
        )
    ),
}

SECRET = {"type": "text", "secret": "once"}
ANY = {"type": "json", "nullable": True}


def answered(
    content: object,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    output: Mapping[str, object] | None = None,
) -> Case:
    """An answer to an action that creates."""
    return Case(act(reply={"output": output or {"j": ANY}}), answer=raw(status, content, dict(headers or {})))


def linked(header: str) -> Case:
    """An answer to an action that reads pages, with the ``Link`` *header*."""
    return Case(rows(pages={"by": "link", "max_pages": 2}), answer=raw(200, [{}], {"Link": header}))


def packed(content: bytes, encoding: str = "gzip") -> Case:
    """An answer that is unpacked."""
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(content)}\r\n\r\n"
    return Case(act(), answer=head.encode() + content)


def bomb(megabytes: int) -> bytes:
    """So many megabytes of nothing, packed without the work of packing them."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    block = packer.compress(bytes(1024**2)) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * megabytes + packer.flush()


def deep(depth: int, before: str = "") -> str:
    """JSON of that *depth*."""
    return "{" + before + '"j": ' + "[" * depth + "]" * depth + "}"


ANSWERS: Cases = {
    "a Link header of 90 KB": lambda: linked("<a>; " * 18_000),
    "a Link header of brackets": lambda: linked("<" * 45_000 + ">" * 45_000),
    "a Link header of spaces": lambda: linked("<a>;" + " " * 45_000 + ";rel" + " " * 45_000),
    "a Link header of relations": lambda: linked("<a>" + ";rel=a" * 15_000),
    "a Link header of dots": lambda: linked("<" + "../" * 30_000 + ">;rel=next"),
    "a Link header of 200 KB": lambda: linked("<a>; " * 40_000),
    "a Date of 90 KB": lambda: answered({}, headers={"Date": "1 " * 45_000}),
    "a Date of digits": lambda: answered({}, headers={"Date": "Mon, 1 Jan 2026 " + "9" * 80_000 + ":00:00 GMT"}),
    "a Date of brackets": lambda: answered({}, headers={"Date": "(" * 90_000}),
    "a Date of commas": lambda: answered({}, headers={"Date": "," * 90_000}),
    "a Retry-After of digits": lambda: answered({}, 429, {"Retry-After": "9" * 90_000}),
    "a Retry-After of a date": lambda: answered({}, 429, {"Retry-After": "Mon, 1 Jan 9999 00:00:00 GMT"}),
    "JSON that does not end": lambda: answered("[" * 500_000),
    **{
        f"JSON that is {depth} deep": lambda depth=depth: answered(deep(depth))  # type: ignore[misc]
        for depth in (100, 450, 600, 950, 5_000, 100_000)
    },
    **{
        f"JSON that is {depth} deep, beside a secret": lambda depth=depth: answered(  # type: ignore[misc]
            deep(depth, '"t": "fake-minted-token-0123456789", '), output={"t": SECRET, "j": ANY}
        )
        for depth in (100, 450, 600, 950)
    },
    "an error that is 900 deep": lambda: answered('{"errors": ' * 900 + "1" + "}" * 900, 422),
    "an error of many words": lambda: answered({"errors": {f"k{n}": "w" for n in range(60_000)}}, 422),
    "an error of many words in lists": lambda: answered({"errors": [["w"] * 1_000] * 200}, 422),
    "an error of words under a long name": lambda: answered({"n" * 200_000: ["w"] * 1_000}, 422),
    "an error of many titles": lambda: answered("<title>" * 10_000, 502),
    "an error of many headings": lambda: answered("<h1" * 10_000, 502),
    "an error whose title is brackets": lambda: answered("<title>" + "<" * 19_900 + "</title>", 502),
    "an error of one long line": lambda: answered("x" * 8_000_000, 400),
    "an error of spaces": lambda: answered(" " * 8_000_000, 400),
    "an error of spaces before a bracket": lambda: answered(" " * 8_000_000 + "{", 400),
    "an error of controls": lambda: answered("\x1b[31m" * 1_500_000, 400),
    "a long number": lambda: answered('{"j": ' + "9" * 1_000_000 + "}"),
    "a number of a long exponent": lambda: answered('{"j": 1e999999999}'),
    "fifty thousand rows": lambda: Case(rows(), answer=raw(200, [{"a": 1}] * 50_000)),
    "many keys": lambda: answered({f"k{n}": n for n in range(60_000)}),
    "a secret that is repeated": lambda: answered(
        {"t": "a" * 4_096, "j": ["a" * 4_095] * 200}, output={"t": SECRET, "j": ANY}
    ),
    "five thousand headers": lambda: answered({}, headers={f"X-{n}": "a" for n in range(5_000)}),
    "a cookie of 60 KB": lambda: answered({}, headers={"Set-Cookie": "a=" + "b" * 60_000}),
    "a packed bomb": lambda: packed(gzip.compress(b" " * 40_000_000)),
    "a packed bomb in a packed bomb": lambda: packed(zlib.compress(bomb(1_000)), "deflate, deflate"),
}


def authorized(one: str, other: str) -> Case:
    """A connector that makes its header in these two stages."""
    auth = {"token_format": one, "token_prefix": other}
    return Case(act(), CONNECTOR + f"auth: {said(auth)}\n")


CONNECTORS: Cases = {
    "a token many times": lambda: authorized("{{ token" + " ~ token" * 500 + " }}", "{{ token_format }}"),
    "a token that is grown": lambda: authorized(
        "{{ (token ~ '\"')" + "|jsonify" * 20 + " }}", "{{token_format}}" * 200
    ),
    "thousands of hosts": lambda: Case(act(), CONNECTOR.replace("[api.acme.example]", said(["a.example"] * 4_000))),
    "a long base address": lambda: Case(act(), CONNECTOR.replace("/v1", "/a" * 25_000)),
}

CASES: Cases = {
    **{f"YAML: {name}": case for name, case in YAML.items()},
    **{f"mistakes: {name}": case for name, case in MISTAKES.items()},
    **{f"template: {name}": case for name, case in TEMPLATES.items()},
    **{f"escape: {name}": lambda source=source: body(source) for name, source in ESCAPES.items()},  # type: ignore[misc]
    **{f"inputs: {name}": case for name, case in INPUTS.items()},
    **{f"examples: {name}": case for name, case in EXAMPLES.items()},
    **{f"answer: {name}": case for name, case in ANSWERS.items()},
    **{f"connector: {name}": case for name, case in CONNECTORS.items()},
}
USUAL = body("{{ x }}")
"""A spec that costs what specs do."""
