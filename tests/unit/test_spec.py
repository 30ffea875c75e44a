"""The spec language: what loads, and what is found where in what does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from locoia_pat import specs
from locoia_pat.document import MAX_CHARACTERS, MAX_DEPTH
from locoia_pat.errors import Finding, SpecError
from locoia_pat.exchange import Action
from locoia_pat.folder import SpecFolder
from locoia_pat.spec import form, parse_action, parse_connector

SPECS = Path(specs.__path__[0])

ACTION = """\
spec: 1
action: make_key
title: Make key
summary: Make a key for somebody.
effect: create
inputs:
  owner: {title: Owner, type: text, required: true}
  days:
    title: Days
    type: number
request:
  method: POST
  path: /keys/{{ owner }}
  body:
    days: "{{ days }}"
reply:
  ok: [200]
  output:
    id: {type: text}
    key: {type: text, secret: once}
    ends: {type: datetime}
    left: {type: number, days_until: ends}
"""

CONNECTOR = """\
spec: 1
connector: acme
title: Acme
version: 1.0.0
base_url: https://api.acme.example/v1
hosts: [api.acme.example]
env: {token: ACME_TOKEN}
"""


def _with(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the spec"
        text = text.replace(old, new)
    return text


def _findings(error: SpecError, file: str) -> list[tuple[int, int]]:
    assert {finding.file for finding in error.findings} == {file}
    return [(finding.line, finding.column) for finding in error.findings]


def test_the_spec_that_the_broken_ones_are_made_from_is_sound() -> None:
    assert Action(parse_action(ACTION, "make_key.yaml")).spec.secrets == ("key",)
    assert parse_connector(CONNECTOR, "connector.yaml").auth.header_key == "Authorization"


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "part"),
    [
        pytest.param(*case[1:], id=case[0])
        for case in [
            # The document.
            (
                "key said twice",
                "title: Make key",
                "title: A1\ntitle: Make key",
                4,
                1,
                'the key "title" stands here twice',
            ),
            ("plain no", "title: Make key", "title: no", 3, 8, "a plain no;"),
            ("plain 1.10", "title: Make key", "title: 1.10", 3, 8, "a plain 1.10;"),
            ("alias", "[200]", "*codes", 17, 7, "aliases are not part"),
            ("anchor", "[200]", "&codes [200]", 17, 7, "anchors are not part"),
            ("tag", "[200]", "!!seq [200]", 17, 7, "tags are not part"),
            ("bad YAML", "title: Make key", "title: Make: key", 3, 12, "this is not YAML"),
            ("tab", "  method: POST", "\tmethod: POST", 12, 1, "this is not YAML"),
            ("two documents", "effect: create", "effect: create\n---", 7, 1, "one file holds one document"),
            ("key of two parts", "[200]", "{[1]: 2}", 17, 8, "a key is a text"),
            ("too deep", "[200]", "[" * MAX_DEPTH, 17, 7 + MAX_DEPTH - 1, f"at most {MAX_DEPTH} levels"),
            ("too large", "title: Make key", "title: " + "x" * MAX_CHARACTERS, 1, 1, f"at most {MAX_CHARACTERS} char"),
            # The shape.
            (
                "unknown key",
                "title: Owner,",
                "title: Owner, nulable: true,",
                7,
                25,
                '"nulable"; did you mean nullable?',
            ),
            ("unknown key of a reply", "  ok: [200]", "  ok: [200]\n  row: keys", 18, 3, '"row"; did you mean rows?'),
            (
                "unknown key of an output",
                "id: {type: text}",
                "id: {type: text, keeep: true}",
                19,
                22,
                "did you mean keep?",
            ),
            (
                "unknown key without a near one",
                "effect: create",
                "effect: create\nxyzzy: 1",
                6,
                1,
                "(known here: action,",
            ),
            (
                "a Python name for a key",
                "title: Owner,",
                "title: Owner, min_length: 1,",
                7,
                25,
                "did you mean minLength?",
            ),
            ("missing key", "summary: Make a key for somebody.\n", "", 1, 1, 'the key "summary" is missing'),
            ("missing key of an input", "    title: Days\n", "", 9, 5, 'the key "title" is missing'),
            ("missing key of the request", "  method: POST\n", "", 12, 3, 'the key "method" is missing'),
            ("wrong type", "ok: [200]", "ok: 200", 17, 7, "reply.ok: Input should be a valid list"),
            ("text for a switch", "required: true}", 'required: "true"}', 7, 47, "should be a valid boolean"),
            ("number for a text", "title: Make key", "title: 7", 3, 8, "title: Input should be a valid string"),
            ("switch for a number", "type: number\n", "type: number\n    rows: true\n", 11, 11, "valid integer"),
            ("list for an object", "{type: text}\n    key", "[text]\n    key", 19, 9, "reply.output.id"),
            ("status of no success", "[200]", "[200, 404]", 17, 13, "reply.ok.1: Input should be less than"),
            ("no status at all", "[200]", "[]", 17, 7, "at least 1 item"),
            ("wrong spec version", "spec: 1", "spec: 2", 1, 7, "spec: Input should be less than or equal to 1"),
            ("wrong effect", "effect: create", "effect: crate", 5, 9, "effect: Input should be 'read', 'create'"),
            ("wrong method", "method: POST", "method: post", 12, 11, "request.method"),
            ("wrong input type", "type: number\n", "type: integer\n", 10, 11, "inputs.days.type"),
            ("step of zero", "type: number\n", "type: number\n    step: 0\n", 11, 11, "inputs.days.step"),
            ("relative path", "path: /keys", "path: keys", 13, 9, "request.path"),
            ("path to another host", "path: /keys", "path: https://evil.example/keys", 13, 9, "request.path"),
            ("dotted path with a dollar", "ok: [200]", 'ok: [200]\n  at: [$, "$.data"]', 18, 11, "reply.at.1"),
            ("title of two lines", "title: Make key", 'title: "a\\nb"', 3, 8, "title"),
            ("bad name", "  owner: {", "  Owner-Name: {", 7, 3, '"Owner-Name" is no name'),
            ("bad name of an output", "    id: {", "    '1st': {", 19, 5, '"1st" is no name'),
            ("bad action name", "action: make_key", "action: make-key", 2, 9, "action"),
            # What no single part can see.
            (
                "rotate without replaces",
                "effect: create",
                "effect: rotate",
                1,
                1,
                'effect: rotate says with "replaces"',
            ),
            ("replaces an unknown input", "create\n", "rotate\nreplaces: owne\n", 6, 11, '"owne"; did you mean owner?'),
            (
                "or_input of an unknown input",
                "id: {type: text}",
                "id: {type: text, or_input: day}",
                19,
                32,
                '"day"; did you',
            ),
            ("days_until no output", "days_until: ends", "days_until: never", 22, 38, 'no datetime output "never"'),
            ("days_until a text", "days_until: ends", "days_until: id", 22, 38, 'no datetime output "id"'),
            ("two secrets", "id: {type: text}", "id: {type: text, secret: once}", 20, 5, "an action gives one secret"),
            ("secret in a read", "effect: create", "effect: read", 20, 5, "only an action that changes one row"),
            ("secret in rows", "ok: [200]", "ok: [200]\n  rows: keys", 21, 5, "only an action that changes one row"),
            ("select without enum", "type: number\n", "type: select\n", 9, 5, 'a select needs "enum"'),
            ("select of no options", "type: number\n", "type: select\n    enum: []\n", 9, 5, 'a select needs "enum"'),
            ("nested_object without children", "type: number\n", "type: nested_object\n", 9, 5, 'has "children"'),
            (
                "children of a text",
                "type: text, required: true}",
                "type: text, children: {a: {title: A1, type: text}}}",
                7,
                10,
                'has "children"',
            ),
            # Templates.
            (
                "undeclared name",
                '"{{ days }}"',
                '"{{ dayz }}"',
                15,
                11,
                'no "dayz"; did you mean days? (known here: days, owner)',
            ),
            ("undeclared name deep in a list", '"{{ days }}"', '[1, {a: "{{ x }}"}]', 15, 19, 'no "x" (known here'),
            ("undeclared name in the path", "{{ owner }}", "{{ onwer }}", 13, 9, "did you mean owner?"),
            ("unknown filter", '"{{ days }}"', '"{{ days|jsonfy }}"', 15, 11, "did you mean jsonify?"),
            ("statement", '"{{ days }}"', '"{% if days %}1{% endif %}"', 15, 11, "no {% statements %}"),
            ("half a template", '"{{ days }}"', '"{{ days"', 15, 11, "this is no template"),
            ("JSONPath", '"{{ days }}"', '"{{ $.rows[*].id }}"', 15, 11, "[*] is JSONPath"),
            ("call", '"{{ days }}"', '"{{ days() }}"', 15, 11, "Call is not part of the template language"),
            ("sum", '"{{ days }}"', '"{{ days + 1 }}"', 15, 11, "Add is not part of the template language"),
            (
                "revoke by an input",
                "inputs:\n",
                'revoke: {action: make_key, inputs: {a: "{{ owner }}"}}\ninputs:\n',
                6,
                40,
                "known here: ends, id, left",
            ),
            (
                "revoke by the secret",
                "inputs:\n",
                'revoke: {action: make_key, inputs: {a: "{{ key }}"}}\ninputs:\n',
                6,
                40,
                'there is no "key"',
            ),
        ]
    ],
)
def test_a_mistake_in_an_action_is_found_where_it_stands(old: str, new: str, line: int, column: int, part: str) -> None:
    with pytest.raises(SpecError) as caught:
        Action(parse_action(_with(ACTION, (old, new)), "make_key.yaml"))
    assert part in str(caught.value)
    assert _findings(caught.value, "make_key.yaml") == [(line, column)]


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "part"),
    [
        pytest.param(*case[1:], id=case[0])
        for case in [
            ("unknown key", "title: Acme", "title: Acme\nbase_uri: x", 4, 1, '"base_uri"; did you mean base_url?'),
            ("missing key", "env: {token: ACME_TOKEN}\n", "", 1, 1, 'the key "env" is missing'),
            ("no web address", "https://api.acme.example/v1", "ftp://api.acme.example", 5, 11, "base_url"),
            ("credential in the address", "https://api", "https://me@api", 5, 11, "base_url"),
            ("no hosts", "[api.acme.example]", "[]", 6, 8, "at least 1 item"),
            ("host with a scheme", "[api.acme.example]", '["https://api.acme.example"]', 6, 9, "hosts.0"),
            (
                "version without quotes",
                "version: 1.0.0",
                "version: 1.5",
                4,
                10,
                "version: Input should be a valid string",
            ),
            ("variable in lower case", "ACME_TOKEN", "acme_token", 7, 14, "env.token"),
            ("header with a space", "env:", 'auth: {header_key: "X Y"}\nenv:', 7, 20, "auth.header_key"),
            ("unknown key of auth", "env:", "auth: {prefix: x}\nenv:", 7, 8, '"prefix"'),
        ]
    ],
)
def test_a_mistake_in_a_connector_is_found_where_it_stands(
    old: str, new: str, line: int, column: int, part: str
) -> None:
    with pytest.raises(SpecError) as caught:
        parse_connector(_with(CONNECTOR, (old, new)), "connector.yaml")
    assert part in str(caught.value)
    assert _findings(caught.value, "connector.yaml") == [(line, column)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title: Make key", "title: " + "x" * 500),
        ("ok: [200]", "ok: [200, 299]"),
        ("type: number\n", "type: text\n    minLength: 0\n    maxLength: 0\n"),
        ("type: number\n", "type: number\n    step: 0.5\n    min: -1\n    max: 1.5\n"),
        ("action: make_key", "action: " + "a" * 64),
        ("  days:\n", "  " + "d" * 64 + ":\n    info: '{{ days }}'\n"),
        ("id: {type: text}", "id: {type: text, nullable: true, or_input: owner}"),
        ("ok: [200]", "ok: [200]\n  at: [$, data, data.items, a-b.c_d]"),
    ],
    ids=["title", "statuses", "lengths", "numbers", "action name", "input name", "output", "places"],
)
def test_what_is_just_within_the_language_loads(old: str, new: str) -> None:
    assert parse_action(_with(ACTION, (old, new)), "a.yaml").effect == "create"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title: Make key", "title: " + "x" * 501),
        ("ok: [200]", "ok: [199]"),
        ("ok: [200]", "ok: [300]"),
        ("action: make_key", "action: " + "a" * 65),
        ("ok: [200]", "ok: [200]\n  at: [data.]"),
    ],
    ids=["title", "below", "above", "action name", "place"],
)
def test_what_is_just_outside_the_language_does_not(old: str, new: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_action(_with(ACTION, (old, new)), "a.yaml")
    assert len(caught.value.findings) == 1


def test_a_misspelt_key_is_told_beside_the_one_it_leaves_missing() -> None:
    with pytest.raises(SpecError) as caught:
        parse_action(_with(ACTION, ("title: Make key", "titel: Make key")), "a.yaml")
    missing, unknown = caught.value.findings
    assert (missing.line, missing.column, missing.message) == (1, 1, 'the key "title" is missing')
    assert (unknown.line, unknown.column) == (3, 1)
    assert unknown.message.startswith('unknown key "titel"; did you mean title?')


def test_all_mistakes_of_a_file_are_found_at_once() -> None:
    text = _with(ACTION, ("effect: create", "effect: crate"), ("[200]", "[99]"), ("path: /", "path: "))
    with pytest.raises(SpecError) as caught:
        parse_action(text, "a.yaml")
    assert _findings(caught.value, "a.yaml") == [(5, 9), (13, 9), (17, 8)]


def test_all_wrong_templates_of_a_file_are_found_at_once() -> None:
    text = _with(ACTION, ("{{ owner }}", "{{ a }}"), ('"{{ days }}"', '"{{ b }}"'))
    text = _with(text, ("inputs:\n", 'revoke: {action: x1, inputs: {a: "{{ c }}"}}\ninputs:\n'))
    with pytest.raises(SpecError) as caught:
        Action(parse_action(text, "a.yaml"))
    assert _findings(caught.value, "a.yaml") == [(6, 34), (14, 9), (16, 11)]


@pytest.mark.parametrize("text", ["", "[1]", "just text", "7"], ids=["nothing", "a list", "text", "a number"])
def test_a_file_that_is_no_object_is_one_finding_at_its_start(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_action(text, "a.yaml")
    [finding] = caught.value.findings
    assert (finding.line, finding.column) == (1, 1)
    assert finding.message.startswith("the file: ")


def test_names_of_items_are_not_taken_for_keys_of_the_language() -> None:
    text = _with(
        ACTION, ("  days:\n", "  request:\n"), ('"{{ days }}"', "1"), ("type: number\n", "type: number\n    stepp: 1\n")
    )
    with pytest.raises(SpecError) as caught:
        parse_action(text, "a.yaml")
    [finding] = caught.value.findings
    assert (finding.line, finding.column) == (11, 5)
    assert finding.message.startswith('unknown key "stepp"; did you mean step?')


def test_children_speak_the_language_of_inputs() -> None:
    child = "type: nested_object\n    children:\n      street: {title: Street, type: text, stepp: 1}\n"
    with pytest.raises(SpecError) as caught:
        parse_action(_with(ACTION, ("type: number\n", child)), "a.yaml")
    [finding] = caught.value.findings
    assert (finding.line, finding.column) == (12, 43)
    assert "did you mean step?" in finding.message


@pytest.mark.parametrize("file", sorted(path.name for path in SPECS.glob("*.yaml")))
def test_the_shipped_specs_load_without_findings(file: str) -> None:
    text = (SPECS / file).read_text(encoding="utf-8")
    if file == "connector.yaml":
        assert parse_connector(text, file).connector == "locoia"
    else:
        assert Action(parse_action(text, file)).spec.action == Path(file).stem


def test_the_shipped_specs_say_what_each_does() -> None:
    folder = SpecFolder()
    assert {name: folder.action(name).effect for name in folder.names} == {
        "create_connector_auth": "create",
        "create_pat": "create",
        "delete_connector_auth": "delete",
        "get_connector_auth": "read",
        "list_connector_auths": "read",
        "list_pats": "read",
        "regenerate_pat": "rotate",
        "update_connector_auth": "update",
    }


def test_loading_is_repeatable() -> None:
    first, second = parse_action(ACTION, "a.yaml"), parse_action(ACTION, "a.yaml")
    assert first.model_dump() == second.model_dump()
    assert first.document == second.document
    broken = _with(ACTION, ("effect: create", "effect: crate"))
    seen: list[tuple[Finding, ...]] = []
    for _ in range(2):
        with pytest.raises(SpecError) as caught:
            parse_action(broken, "a.yaml")
        seen.append(caught.value.findings)
    assert seen[0] == seen[1]


def test_a_spec_remembers_where_its_parts_stood() -> None:
    assert str(parse_action(ACTION, "a.yaml").document.finding(("request", "body", "days"), "x")) == "a.yaml:15:11: x"
    assert str(parse_connector(CONNECTOR, "c.yaml").document.finding(("hosts",), "x")) == "c.yaml:6:8: x"


def test_a_rotate_that_names_its_row_loads() -> None:
    spec = parse_action(_with(ACTION, ("effect: create", "effect: rotate\nreplaces: owner")), "a.yaml")
    assert spec.replaces == "owner"


def test_what_a_spec_leaves_out_has_the_documented_defaults() -> None:
    spec = parse_action(ACTION, "a.yaml")
    assert spec.reply.at == ["$"]
    assert (spec.look, spec.revoke, spec.docs) == (None, None, None)
    [owner, days] = spec.inputs.values()
    assert (owner.nullable, owner.multiple, owner.allow_create) == (False, False, False)
    assert (days.required, days.default, days.enum) == (False, None, None)
    output = spec.reply.output["id"]
    assert (output.nullable, output.multiple, output.keep, output.secret) == (False, False, False, None)
    connector = parse_connector(CONNECTOR, "c.yaml")
    assert connector.auth.token_prefix == "Bearer {{ token_format }}"
    assert connector.env.base_url is None


def test_the_form_speaks_the_platforms_words_alone() -> None:
    assert form(SpecFolder().action("regenerate_pat").inputs) == {
        "token_id": {
            "title": "Token ID",
            "type": "text",
            "info": "The id that create_pat gave and list_pats shows; not the token itself.",
            "required": True,
            "minLength": 1,
            "maxLength": 255,
        },
        "expiration": {
            "title": "Expires after (days)",
            "type": "number",
            "info": "Whole days until the new token expires; null for a token that never does.",
            "required": True,
            "min": 1,
            "step": 1,
        },
    }


def test_the_form_nests_as_the_inputs_do() -> None:
    child = (
        "type: nested_object\n    children: {street: {title: Street, type: text, nullable: true, allowCreate: true}}\n"
    )
    assert form(parse_action(_with(ACTION, ("type: number\n", child)), "a.yaml").inputs)["days"] == {
        "title": "Days",
        "type": "nested_object",
        "children": {"street": {"title": "Street", "type": "text", "allowCreate": True}},
    }
