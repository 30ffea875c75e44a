"""The spec language: what loads, and what is found where in what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from locoia_pat import specs
from locoia_pat.engine.action import CompiledAction
from locoia_pat.outcomes import Finding, SpecError
from locoia_pat.spec.load import SpecFolder
from locoia_pat.spec.model import SuperSpec, ui_form_schema
from locoia_pat.spec.parse import parse_action, parse_connector, parse_spec
from locoia_pat.spec.yaml import MAX_CHARACTERS, MAX_DEPTH
from tests.support.cells import cell

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


def _findings(error: SpecError, file: str) -> list[str]:
    """Return the place and the code of each finding."""
    assert {finding.file for finding in error.findings} == {file}
    return [f"{finding.line}:{finding.column} {finding.code}" for finding in error.findings]


def test_the_spec_that_the_broken_ones_are_made_from_is_valid() -> None:
    assert CompiledAction(parse_action(ACTION, "make_key.yaml")).spec.secrets == ("key",)
    assert parse_connector(CONNECTOR, "connector.yaml").auth.header_key == "Authorization"


ACTION_MISTAKES = [
    # The document.
    ("key said twice", "title: Make key", "title: A1\ntitle: Make key", "4:1 duplicate-key", 'duplicate key "title"'),
    ("plain no", "title: Make key", "title: no", "3:8 ambiguous-scalar", "unquoted value: no;"),
    ("plain 1.10", "title: Make key", "title: 1.10", "3:8 ambiguous-scalar", "unquoted value: 1.10;"),
    ("alias", "[200]", "*codes", "17:7 yaml-feature", "aliases are not allowed"),
    ("anchor", "[200]", "&codes [200]", "17:7 yaml-feature", "anchors are not allowed"),
    ("tag", "[200]", "!!seq [200]", "17:7 yaml-feature", "tags are not allowed"),
    ("bad YAML", "title: Make key", "title: Make: key", "3:12 yaml", "invalid YAML"),
    ("tab", "  method: POST", "\tmethod: POST", "12:1 yaml", "invalid YAML"),
    ("two documents", "effect: create", "effect: create\n---", "7:1 yaml-feature", "a file can have only one document"),
    ("key of two parts", "[200]", "{[1]: 2}", "17:8 yaml-feature", "a key must be a string"),
    ("too deep", "[200]", "[" * MAX_DEPTH, f"17:{7 + MAX_DEPTH - 1} yaml-limit", f"more than {MAX_DEPTH} levels"),
    (
        "too large",
        "title: Make key",
        "title: " + "x" * MAX_CHARACTERS,
        "1:1 yaml-limit",
        f"at most {MAX_CHARACTERS} are allowed",
    ),
    # The shape.
    (
        "unknown key",
        "title: Owner,",
        "title: Owner, nulable: true,",
        "7:25 unknown-key",
        '"nulable"; did you mean nullable?',
    ),
    (
        "unknown key of a reply",
        "  ok: [200]",
        "  ok: [200]\n  row: keys",
        "18:3 unknown-key",
        '"row"; did you mean rows?',
    ),
    (
        "unknown key of an output",
        "id: {type: text}",
        "id: {type: text, store_with_tokn: true}",
        "19:22 unknown-key",
        "did you mean store_with_token?",
    ),
    (
        "unknown key without a near one",
        "effect: create",
        "effect: create\nxyzzy: 1",
        "6:1 unknown-key",
        "(known keys: action,",
    ),
    (
        "a Python name for a key",
        "title: Owner,",
        "title: Owner, min_length: 1,",
        "7:25 unknown-key",
        "did you mean minLength?",
    ),
    ("missing key", "summary: Make a key for somebody.\n", "", "1:1 missing-key", 'the key "summary" is missing'),
    ("missing key of an input", "    title: Days\n", "", "9:5 missing-key", 'the key "title" is missing'),
    ("missing key of the request", "  method: POST\n", "", "12:3 missing-key", 'the key "method" is missing'),
    ("wrong type", "ok: [200]", "ok: 200", "17:7 bad-value", "reply.ok: expected a list, as [200]; got 200"),
    (
        "text for a switch",
        "required: true}",
        'required: "true"}',
        "7:47 bad-value",
        "expected true or false without quotes",
    ),
    (
        "number for a text",
        "title: Make key",
        "title: 7",
        "3:8 bad-value",
        "title: expected a string: put it in quotes; got 7",
    ),
    (
        "switch for a number",
        "type: number\n",
        "type: number\n    rows: true\n",
        "11:11 bad-value",
        "expected a whole number without quotes; got true",
    ),
    ("list for an object", "{type: text}\n    key", "[text]\n    key", "19:9 bad-value", "reply.output.id"),
    ("status of no success", "[200]", "[200, 404]", "17:13 bad-value", "reply.ok.1: expected at most 299; got 404"),
    ("no status at all", "[200]", "[]", "17:7 bad-value", "expected a list of at least 1; got an empty list"),
    ("wrong spec version", "spec: 1", "spec: 2", "1:7 bad-value", "spec: expected at most 1; got 2"),
    (
        "wrong effect",
        "effect: create",
        "effect: crate",
        "5:9 bad-value",
        'effect: "crate" is not allowed; did you mean create? (allowed: read, create',
    ),
    ("wrong method", "method: POST", "method: post", "12:11 bad-value", "request.method"),
    ("wrong input type", "type: number\n", "type: integer\n", "10:11 bad-value", "inputs.days.type"),
    ("step of zero", "type: number\n", "type: number\n    step: 0\n", "11:11 bad-value", "inputs.days.step"),
    ("relative path", "path: /keys", "path: keys", "13:9 bad-value", "request.path"),
    ("path to another host", "path: /keys", "path: https://evil.example/keys", "13:9 bad-value", "request.path"),
    ("dotted path with a dollar", "ok: [200]", 'ok: [200]\n  at: [$, "$.data"]', "18:11 bad-value", "reply.at.1"),
    ("title of two lines", "title: Make key", 'title: "a\\nb"', "3:8 bad-value", "title"),
    (
        "bad name",
        "  owner: {",
        "  Owner-Name: {",
        "7:3 bad-name",
        'invalid name "Owner-Name": expected lowercase letters',
    ),
    (
        "bad name of an output",
        "    id: {",
        "    '1st': {",
        "19:5 bad-name",
        'invalid name "1st": expected lowercase letters',
    ),
    ("bad action name", "action: make_key", "action: make-key", "2:9 bad-value", "action"),
    # What no single part can see.
    (
        "rotate without replaces",
        "effect: create",
        "effect: rotate",
        "1:1 missing-key",
        'effect: rotate needs "replaces"',
    ),
    (
        "replaces an unknown input",
        "create\n",
        "rotate\nreplaces: owne\n",
        "6:11 unknown-reference",
        '"owne"; did you mean owner?',
    ),
    (
        "fallback_input of an unknown input",
        "id: {type: text}",
        "id: {type: text, fallback_input: day}",
        "19:38 unknown-reference",
        '"day"; did you',
    ),
    (
        "days_until no output",
        "days_until: ends",
        "days_until: never",
        "22:38 unknown-reference",
        'no datetime output "never"',
    ),
    ("days_until a text", "days_until: ends", "days_until: id", "22:38 unknown-reference", 'no datetime output "id"'),
    (
        "two secrets",
        "id: {type: text}",
        "id: {type: text, secret: once}",
        "20:5 contradiction",
        "an action can have only one secret output",
    ),
    (
        "secret in a read",
        "effect: create",
        "effect: read",
        "20:5 contradiction",
        "only an action that changes one row can have a secret",
    ),
    (
        "secret in rows",
        "ok: [200]",
        "ok: [200]\n  rows: keys",
        "21:5 contradiction",
        "only an action that changes one row can have a secret",
    ),
    ("select without enum", "type: number\n", "type: select\n", "9:5 missing-key", 'a select needs "enum"'),
    (
        "select of no options",
        "type: number\n",
        "type: select\n    enum: []\n",
        "9:5 missing-key",
        'a select needs "enum"',
    ),
    (
        "nested_object without children",
        "type: number\n",
        "type: nested_object\n",
        "9:5 missing-key",
        'a nested_object needs "children"',
    ),
    (
        "nested_object of no children",
        "type: number\n",
        "type: nested_object\n    children: {}\n",
        "9:5 missing-key",
        'a nested_object needs "children"',
    ),
    (
        "children of a text",
        "type: text, required: true}",
        "type: text, required: true, children: {a: {title: A1, type: text}}}",
        "7:53 contradiction",
        'an input of type text cannot have "children"; only nested_object can',
    ),
    ("reserved name", "  owner: {", "  self: {", "7:3 bad-name", '"self" has a meaning in templates'),
    (
        "a method that cannot",
        "method: POST",
        "method: DELETE",
        "12:11 effect-method",
        "an action with effect: create cannot use DELETE; use POST or PUT",
    ),
    (
        "replaces in a create",
        "create\n",
        "create\nreplaces: owner\n",
        "6:1 contradiction",
        "allowed with effect: rotate only",
    ),
    (
        "maxLength of a number",
        "type: number\n",
        "type: number\n    maxLength: 3\n",
        "11:5 contradiction",
        'an input of type number cannot have "maxLength"; only text and email can',
    ),
    (
        "allowCreate of a text",
        "required: true}",
        "required: true, allowCreate: false}",
        "7:53 contradiction",
        'an input of type text cannot have "allowCreate"; only select can',
    ),
    (
        "required with a default",
        "required: true}",
        "required: true, default: x}",
        "7:53 contradiction",
        "a required input cannot have a default",
    ),
    (
        "max below min",
        "type: number\n",
        "type: number\n    min: 2\n    max: 1\n",
        "12:10 contradiction",
        "max is less than min",
    ),
    (
        "maxLength below minLength",
        "required: true}",
        "required: true, minLength: 2, maxLength: 1}",
        "7:78 contradiction",
        "maxLength is less than minLength",
    ),
    (
        "note on no option",
        "type: number\n",
        "type: select\n    enum: [one]\n    option_notes: {oen: x}\n",
        "12:20 unknown-reference",
        '"oen" is not an option in "enum"; did you mean one?',
    ),
    (
        "a refused default",
        "type: number\n",
        "type: number\n    default: x\n",
        "11:14 bad-value",
        'the default "x" is not allowed',
    ),
    # Inputs and the places they stand in.
    ("unused input", '"{{ days }}"', "1", "8:3 unused-input", "this input is not used in the request"),
    (
        "null in the path",
        "required: true}",
        "required: false}",
        "13:18 template-type",
        '"owner" may be null, which cannot',
    ),
    (
        "null in a header",
        "  body:",
        "  headers: {X-Days: 'd{{ days }}'}\n  body:",
        "14:21 template-type",
        '"days" may be null',
    ),
    (
        "a list in the path",
        "required: true}",
        "required: true, multiple: true}",
        "13:18 template-type",
        '"owner" is a list',
    ),
    (
        "a secret in the path",
        "type: text, required",
        "type: password, required",
        "13:18 secret-in-address",
        '"owner" is or contains a secret',
    ),
    # Templates.
    (
        "undeclared name",
        '"{{ days }}"',
        '"{{ dayz }}"',
        "15:11 unknown-name",
        'unknown name "dayz"; did you mean days? (known names: days, owner)',
    ),
    (
        "undeclared name deep in a list",
        '"{{ days }}"',
        '[1, {a: "{{ x }}"}]',
        "15:19 unknown-name",
        'unknown name "x" (known names',
    ),
    ("undeclared name in the path", "{{ owner }}", "{{ onwer }}", "13:18 unknown-name", "did you mean owner?"),
    ("unknown filter", '"{{ days }}"', '"{{ days|jsonfy }}"', "15:11 unknown-filter", "did you mean jsonify?"),
    ("statement", '"{{ days }}"', '"{% if days %}1{% endif %}"', "15:11 template-language", "not {% statements %}"),
    ("half a template", '"{{ days }}"', '"{{ days"', "15:11 template-syntax", "invalid template"),
    ("JSONPath", '"{{ days }}"', '"{{ $.rows[*].id }}"', "15:11 template-language", "[*] is JSONPath"),
    ("call", '"{{ days }}"', '"{{ days() }}"', "15:11 template-language", "Call is not allowed in a template"),
    ("power", '"{{ days }}"', '"{{ days ** 2 }}"', "15:11 template-language", "Pow is not allowed in a template"),
    (
        "plain template",
        '"{{ days }}"',
        "in {{ days }} or {{ dayz }}",
        "15:31 unknown-name",
        'unknown name "dayz"; did you mean days?',
    ),
    ("block template", '"{{ days }}"', "|-\n      {{ days|jsonfy }}", "15:11 unknown-filter", "did you mean jsonify?"),
    (
        "revoke by an input",
        "inputs:\n",
        'revoke: {action: make_key, inputs: {a: "{{ owner }}"}}\ninputs:\n',
        "6:40 unknown-name",
        "known names: ends, id, key, left",
    ),
    (
        "revoke by the secret within a string",
        "inputs:\n",
        'revoke: {action: make_key, inputs: {a: "x{{ key }}"}}\ninputs:\n',
        "6:40 template-type",
        "write it alone",
    ),
]


def test_a_mistake_in_an_action_is_found_at_its_position() -> None:
    for name, old, new, found, part in ACTION_MISTAKES:
        with cell(name):
            with pytest.raises(SpecError) as caught:
                CompiledAction(parse_action(_with(ACTION, (old, new)), "make_key.yaml"))
            assert part in str(caught.value)
            assert _findings(caught.value, "make_key.yaml") == [found]


def test_revoke_needs_a_secret_output() -> None:
    text = _with(ACTION, (", secret: once", ""), ("inputs:\n", "revoke: {action: drop_key, inputs: {}}\ninputs:\n"))
    with pytest.raises(SpecError) as caught:
        parse_action(text, "a.yaml")
    assert _findings(caught.value, "a.yaml") == ["6:1 contradiction"]
    assert '"revoke" needs a secret output; there is none' in str(caught.value)


def test_a_method_that_cannot_have_the_effect_is_found() -> None:
    for effect, method in [
        *[("create", method) for method in ("GET", "PATCH", "DELETE")],
        *[("update", method) for method in ("GET", "DELETE")],
        *[("rotate", method) for method in ("GET", "DELETE")],
        ("delete", "GET"),
        *[("read", method) for method in ("PUT", "PATCH", "DELETE")],
    ]:
        with cell(effect, method):
            more = "\nreplaces: owner" if effect == "rotate" else ""
            text = _with(
                ACTION,
                ("effect: create", f"effect: {effect}{more}"),
                (", secret: once", ""),
                ("method: POST", f"method: {method}"),
                ('  body:\n    days: "{{ days }}"\n', '  query: {days: "{{ days }}"}\n  omit_null: true\n'),
            )
            with pytest.raises(SpecError) as caught:
                parse_action(text, "a.yaml")
            assert _findings(caught.value, "a.yaml") == [f"{13 if more else 12}:11 effect-method"]
            assert f"an action with effect: {effect} cannot use {method}; use " in str(caught.value)


def test_the_name_locoia_is_for_the_host_of_locoia_only() -> None:
    text = _with(
        CONNECTOR,
        ("connector: acme", "connector: locoia"),
        ("//api.acme.example", "//api.locoia.com"),
        ("[api.acme.example]", "[api.locoia.com, api.acme.example]"),
        ("ACME_TOKEN", "LOCOIA_TOKEN"),
    )
    with pytest.raises(SpecError) as caught:
        parse_connector(text, "connector.yaml")
    assert _findings(caught.value, "connector.yaml") == ["6:25 foreign-host"]
    assert "can have no host but api.locoia.com" in str(caught.value)
    assert parse_connector(_with(text, (", api.acme.example", "")), "c.yaml").hosts == ["api.locoia.com"]


CONNECTOR_MISTAKES = [
    ("unknown key", "title: Acme", "title: Acme\nbase_uri: x", "4:1 unknown-key", '"base_uri"; did you mean base_url?'),
    ("missing key", "env: {token: ACME_TOKEN}\n", "", "1:1 missing-key", 'the key "env" is missing'),
    ("no web address", "https://api.acme.example/v1", "ftp://api.acme.example", "5:11 bad-value", "base_url"),
    ("credential in the address", "https://api", "https://me@api", "5:11 bad-value", "base_url"),
    ("no hosts", "[api.acme.example]", "[]", "6:8 bad-value", "expected a list of at least 1; got an empty list"),
    ("host with a scheme", "[api.acme.example]", '["https://api.acme.example"]', "6:9 bad-value", "hosts.0"),
    (
        "version without quotes",
        "version: 1.0.0",
        "version: 1.5",
        "4:10 bad-value",
        "version: expected a string: put it in quotes; got 1.5",
    ),
    ("variable in lower case", "ACME_TOKEN", "acme_token", "7:14 bad-value", "env.token"),
    ("header with a space", "env:", 'auth: {header_key: "X Y"}\nenv:', "7:20 bad-value", "auth.header_key"),
    (
        "variable of another",
        "ACME_TOKEN",
        "LOCOIA_TOKEN",
        "7:14 foreign-variable",
        "LOCOIA_TOKEN does not begin with ACME_",
    ),
    (
        "second variable of another",
        "ACME_TOKEN",
        "ACME_TOKEN, base_url: ACMEX_URL",
        "7:36 foreign-variable",
        "ACMEX_URL does not begin with ACME_",
    ),
    (
        "host not among the hosts",
        "//api.acme",
        "//www.acme",
        "5:11 foreign-host",
        'the host www.acme.example is not in "hosts"',
    ),
    ("plain http", "https://", "http://", "5:11 bad-value", "plain http is allowed for localhost only"),
    ("unknown key of auth", "env:", "auth: {prefix: x}\nenv:", "7:8 unknown-key", '"prefix"'),
]


def test_a_mistake_in_a_connector_is_found_at_its_position() -> None:
    for name, old, new, found, part in CONNECTOR_MISTAKES:
        with cell(name):
            with pytest.raises(SpecError) as caught:
                parse_connector(_with(CONNECTOR, (old, new)), "connector.yaml")
            assert part in str(caught.value)
            assert _findings(caught.value, "connector.yaml") == [found]


LONGEST = "d" * 64
WITHIN = {
    "title": [("title: Make key", "title: " + "x" * 500)],
    "statuses": [("ok: [200]", "ok: [200, 299]")],
    "lengths": [("type: number\n", "type: text\n    minLength: 0\n    maxLength: 0\n")],
    "numbers": [("type: number\n", "type: number\n    step: 0.5\n    min: -1\n    max: 1.5\n")],
    "action name": [("action: make_key", "action: " + "a" * 64)],
    "input name": [
        ("{{ days }}", f"{{{{ {LONGEST} }}}}"),
        ("  days:\n", f"  {LONGEST}:\n    info: '{{{{ days }}}}'\n"),
    ],
    "output": [("id: {type: text}", "id: {type: text, nullable: true, fallback_input: owner}")],
    "places": [("ok: [200]", "ok: [200]\n  at: [$, data, data.items, a-b.c_d]")],
    "sum": [('"{{ days }}"', '"{{ days + 1 }}"')],
    "default in the path": [("required: true}", "default: me}")],
}


def test_a_value_at_its_limit_loads() -> None:
    for case, changes in WITHIN.items():
        with cell(case):
            assert CompiledAction(parse_action(_with(ACTION, *changes), "a.yaml")).spec.effect == "create"


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
def test_a_value_beyond_its_limit_does_not_load(old: str, new: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_action(_with(ACTION, (old, new)), "a.yaml")
    assert len(caught.value.findings) == 1


def test_a_misspelt_key_is_reported_with_the_key_that_is_missing() -> None:
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
    assert _findings(caught.value, "a.yaml") == ["5:9 bad-value", "13:9 bad-value", "17:8 bad-value"]


def test_all_wrong_templates_of_a_file_are_found_at_once() -> None:
    text = _with(ACTION, ("{{ owner }}", "{{ a }}"), ('"{{ days }}"', '"{{ b }}"'))
    text = _with(text, ("inputs:\n", 'revoke: {action: x1, inputs: {a: "{{ c }}"}}\ninputs:\n'))
    with pytest.raises(SpecError) as caught:
        CompiledAction(parse_action(text, "a.yaml"))
    assert _findings(caught.value, "a.yaml") == ["6:34 unknown-name", "14:18 unknown-name", "16:11 unknown-name"]


@pytest.mark.parametrize("text", ["", "[1]", "just text", "7"], ids=["nothing", "a list", "text", "a number"])
def test_a_file_that_is_not_an_object_is_one_finding_at_its_start(text: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_action(text, "a.yaml")
    [finding] = caught.value.findings
    assert (finding.line, finding.column) == (1, 1)
    assert finding.message.startswith("the file: ")


def test_names_of_inputs_are_not_mistaken_for_keys() -> None:
    text = _with(
        ACTION, ("  days:\n", "  request:\n"), ('"{{ days }}"', "1"), ("type: number\n", "type: number\n    stepp: 1\n")
    )
    with pytest.raises(SpecError) as caught:
        parse_action(text, "a.yaml")
    [finding] = caught.value.findings
    assert (finding.line, finding.column) == (11, 5)
    assert finding.message.startswith('unknown key "stepp"; did you mean step?')


def test_children_are_validated_like_inputs() -> None:
    child = "type: nested_object\n    children:\n      street: {title: Street, type: text, stepp: 1}\n"
    with pytest.raises(SpecError) as caught:
        parse_action(_with(ACTION, ("type: number\n", child)), "a.yaml")
    [finding] = caught.value.findings
    assert (finding.line, finding.column) == (12, 43)
    assert "did you mean step?" in finding.message


def test_the_shipped_specs_load_without_findings() -> None:
    for file in sorted(path.name for path in SPECS.glob("*.yaml")):
        with cell(file):
            text = (SPECS / file).read_text(encoding="utf-8")
            if file == "connector.yaml":
                assert parse_connector(text, file).connector == "locoia"
            else:
                spec = parse_spec(text, file, lambda: SpecFolder().connector.options)
                assert spec.action == Path(file).stem
                assert isinstance(spec, SuperSpec) or CompiledAction(spec).spec is spec


def test_the_shipped_specs_have_the_right_effects() -> None:
    folder = SpecFolder()
    assert {name: folder.spec(name).effect for name in folder.names} == {
        "audit_pats": "read",
        "create_connector_auth": "create",
        "create_pat": "create",
        "delete_connector_auth": "delete",
        "ensure_pat": "create",
        "get_connector_auth": "read",
        "list_connector_auths": "read",
        "list_pats": "read",
        "regenerate_pat": "rotate",
        "retire_pat": "delete",
        "revoke_pat": "delete",
        "rotate_pat": "rotate",
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


def test_a_spec_knows_the_position_of_its_parts() -> None:
    action = parse_action(ACTION, "a.yaml").document
    assert str(action.finding("yaml", ("request", "body", "days"), "x")) == "a.yaml:15:11: yaml x"
    assert str(action.finding("yaml", ("request", "body", "days"), "x", offset=3)) == "a.yaml:15:11: yaml x"  # quoted
    assert str(action.finding("yaml", ("request", "path"), "x", offset=3)) == "a.yaml:13:12: yaml x"
    assert action.plain >= {("request", "path"), ("title",), ("reply", "output", "id", "type")}
    assert ("request", "body", "days") not in action.plain
    assert action.text == ACTION
    connector = parse_connector(CONNECTOR, "c.yaml").document
    assert str(connector.finding("bad-value", ("hosts",), "x")) == "c.yaml:6:8: bad-value x"


def test_a_rotate_that_names_its_row_loads() -> None:
    spec = parse_action(_with(ACTION, ("effect: create", "effect: rotate\nreplaces: owner")), "a.yaml")
    assert spec.replaces == "owner"


def test_optional_keys_have_the_documented_defaults() -> None:
    spec = parse_action(ACTION, "a.yaml")
    assert spec.reply.at == ["$"]
    assert (spec.verify_with, spec.revoke, spec.docs) == (None, None, None)
    [owner, days] = spec.inputs.values()
    assert (owner.nullable, owner.multiple, owner.allow_create) == (False, False, False)
    assert (days.required, days.default, days.enum) == (False, None, None)
    output = spec.reply.output["id"]
    assert (output.nullable, output.multiple, output.store_with_token, output.secret) == (False, False, False, None)
    connector = parse_connector(CONNECTOR, "c.yaml")
    assert connector.auth.token_prefix == "Bearer {{ token_format }}"
    assert connector.env.base_url is None


def test_the_ui_form_schema_has_no_keys_of_ours() -> None:
    assert ui_form_schema(SpecFolder().action("regenerate_pat").inputs) == {
        "token_id": {
            "title": "Token ID",
            "type": "text",
            "info": "The id that create_pat returned and list_pats shows; not the token itself.",
            "required": True,
            "minLength": 1,
            "maxLength": 255,
        },
        "expiration": {
            "title": "Expires after (days)",
            "type": "number",
            "info": "Whole days until the new token expires; null for a token that never expires.",
            "required": True,
            "min": 1,
            "step": 1,
        },
    }


def test_the_ui_form_schema_has_the_children_of_objects() -> None:
    child = (
        "type: nested_object\n    children:\n"
        "      street: {title: Street, type: select, enum: [a], nullable: true, allowCreate: true}\n"
    )
    assert ui_form_schema(parse_action(_with(ACTION, ("type: number\n", child)), "a.yaml").inputs)["days"] == {
        "title": "Days",
        "type": "nested_object",
        "children": {"street": {"title": "Street", "type": "select", "enum": ["a"], "allowCreate": True}},
    }
