"""Every rule of the spec language, by a spec that breaks that one alone: its code, and the line and column it is at."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

from locoia_pat.engine.checker import check_specs
from locoia_pat.outcomes import FindingCode, InvalidError, SpecError
from locoia_pat.spec.load import SpecFolder
from tests.support.cells import cell

if TYPE_CHECKING:
    from pathlib import Path

LIST = """\
spec: 1
action: list_keys
title: List keys
summary: List the keys there are.
effect: read
inputs:
  owner: {title: Owner, type: text, required: true}
  state: {title: State, type: select, enum: [on, off]}
request:
  method: GET
  path: /owners/{{ owner }}/keys
  query:
    state: "{{ state }}"
    per_page: 100
  omit_null: true
pages: {by: page, query: page}
reply:
  ok: [200]
  rows: keys
  output:
    id: {type: text}
    name: {type: text, from: profile.name}
  errors:
    404: There is no such owner.
examples:
  - name: no keys
    inputs: {owner: ann}
    request: {method: GET, path: /owners/ann/keys, query: {per_page: "100"}}
    reply: {status: 200, body: []}
    result: {outcome: done, data: {keys: []}}
""".replace("enum: [on, off]", 'enum: ["on", "off"]')

ROTATE = """\
spec: 1
action: rotate_key
title: Rotate key
summary: Give a key a new secret.
effect: rotate
replaces: key_id
verify_with: list_keys
revoke: {action: rotate_key, inputs: {key_id: "{{ id }}"}}
inputs:
  key_id: {title: Key, type: text, required: true}
  note: {title: Note, type: text, default: none}
  size: {title: Size, type: number, min: 1, max: 9}
  code: {title: Code, type: text, pattern: "/^[A-Z]+$/", regexErrorMessage: capital letters}
  key: {title: Old key, type: password}
  tags: {title: Tags, type: text, multiple: true}
  meta: {title: Meta, type: json}
  who: {title: Who, type: nested_object, children: {name: {title: Name, type: text}}}
request:
  method: POST
  path: /keys/{{ key_id }}/rotate
  headers:
    X-Note: "{{ note }}"
  body:
    size: "{{ size }}"
    code: "{{ code }}"
    key: "{{ key }}"
    tags: "{{ tags }}"
    meta: "{{ meta }}"
    who: "{{ who }}"
    text: "rotated: {{ note }}"
reply:
  ok: [200]
  output:
    id: {type: text}
    key: {type: text, secret: once}
    raw: {type: json, nullable: true}
"""

CONNECTOR = """\
spec: 1
connector: acme
title: Acme
version: 1.0.0
base_url: https://api.acme.example/v1
hosts: [api.acme.example]
env: {token: ACME_TOKEN, identifier: ACME_USER}
check: list_all
auth:
  token_format: "{{ identifier }}:{{ token }}"
  encode: base64
  token_prefix: "Basic {{ token_format }}"
"""

LIST_ALL = """\
spec: 1
action: list_all
title: List all
summary: List all keys.
effect: read
request: {method: GET, path: /keys}
reply: {ok: [200], rows: keys, output: {id: {type: text}}}
"""

FILES = {"list_keys": LIST, "rotate_key": ROTATE, "connector": CONNECTOR, "list_all": LIST_ALL}


def folder(at: Path, **changed: str) -> SpecFolder:
    for name, text in (FILES | changed).items():
        (at / f"{name}.yaml").write_text(text)
    return SpecFolder(at)


def broken(file: str, old: str, new: str) -> str:
    assert FILES[file].count(old) == 1, f"{old!r} stands {FILES[file].count(old)} times in {file}"
    return FILES[file].replace(old, new)


def test_the_specs_that_the_broken_ones_are_made_from_are_valid(tmp_path: Path) -> None:
    assert check_specs(folder(tmp_path)) == []


Row = tuple[str, str, tuple[str, str], str, str, str]

ROWS: list[Row] = [
    # What an action may do, and by which method.
    ("read by DELETE", "list_all", ("method: GET", "method: DELETE"), "DELETE", "effect-method", "use GET or POST"),
    ("rotate by DELETE", "rotate_key", ("POST", "DELETE"), "DELETE", "effect-method", "cannot use DELETE"),
    ("rotate without its row", "rotate_key", ("replaces: key_id\n", ""), "spec: 1", "missing-key", '"replaces"'),
    ("a row that is no input", "rotate_key", ("replaces: key_id", "replaces: key_ld"), "key_ld", "unknown-reference", "key_id?"),
    ("replaces in a read", "list_keys", ("read", "read\nreplaces: owner"), "replaces", "contradiction", "effect: rotate"),
    ("verify_with in a read", "list_keys", ("read", "read\nverify_with: list_all"), "verify_with", "contradiction", "not allowed with effect: read"),
    ("a stored secret of a rotation", "rotate_key", ("secret: once", "secret: stored"), "key: {type: text, secret", "contradiction", 'with "secret: once"'),
    ("a secret of a read", "list_all", ("rows: keys, output: {id: {type: text}", "output: {id: {type: text, secret: once}"), "id: {type: text, secret", "contradiction", 'a read needs "secret: stored"'),
    ("create_with in a rotation", "rotate_key", ("verify_with:", "create_with: rotate_key\nverify_with:"), "create_with", "contradiction", "effect: update only"),
    ("delete_with in a read", "list_all", ("effect: read", "effect: read\ndelete_with: list_keys"), "delete_with", "contradiction", "create or update only"),
    ("revoke without a secret", "rotate_key", (", secret: once", ""), "revoke:", "contradiction", "needs a secret output"),
    ("a tag in a rotate", "rotate_key", ("verify_with:", "tag_input: note\nverify_with:"), "tag_input:", "contradiction", "effect: create"),
    ("a tag in no input", "rotate_key", ("verify_with:", "tag_input: nota\nverify_with:"), "nota", "unknown-reference", "note?"),
    ("a tag in a number", "rotate_key", ("verify_with:", "tag_input: size\nverify_with:"), "size\nverify_with", "contradiction", "cannot carry a tag"),
    ("two secrets", "rotate_key", ("raw: {type: json, nullable: true}", "raw: {type: text, secret: once}"), "raw", "contradiction", "only one secret"),
    ("a secret in a read", "list_keys", ("id: {type: text}", "id: {type: text, secret: once}"), "id:", "contradiction", "changes one row"),
    ("a list as a secret", "rotate_key", ("secret: once", "secret: once, multiple: true"), "key: {type: text, secret", "contradiction", "must be a top-level output"),
    # The request.
    ("a body and a form", "rotate_key", ("  headers:", "  form: {a: 1}\n  headers:"), "form:", "contradiction", "not both"),
    ("a GET with a body", "list_keys", ("  query:\n", "  body: {a: 1}\n  query:\n"), "body: {", "contradiction", "a GET cannot have a"),
    ("nothing to leave out", "list_all", ("/keys", "/keys, omit_null: true"), "omit_null", "contradiction", "no keys to omit"),
    ("a header of ours", "rotate_key", ("X-Note", "Host"), "Host", "contradiction", "the connection or the body"),
    ("a header that is none", "rotate_key", ("X-Note", "X Note"), "X Note", "bad-name", "X Note"),
    ("an object in the query", "list_keys", ('"{{ state }}"', "{a: 1}"), "{a: 1}", "bad-value", "a list of them"),
    ("a name that no query has", "list_keys", ("per_page: 100\n", '"per page": 100\n'), '"per page"', "bad-name", "per page"),
    # Pages.
    ("pages of no rows", "list_keys", ("  rows: keys\n", ""), "pages:", "contradiction", "can have"),
    ("pages without their query", "list_keys", ("by: page, query: page", "by: page"), "{by", "missing-key", 'need "query"'),
    ("a link with a query", "list_keys", ("by: page", "by: link"), "query: page", "contradiction", 'by link cannot have "query"'),
    ("a cursor from nowhere", "list_keys", ("by: page", "by: cursor"), "{by", "missing-key", 'need "at"'),
    ("a first cursor", "list_keys", ("by: page", "by: cursor, at: a, first: 0"), "first", "contradiction", 'cannot have "first"'),
    ("an unknown kind of pages", "list_keys", ("by: page", "by: pages"), "pages,", "bad-value", "pages.by"),
    ("no page at most", "list_keys", ("by: page", "by: page, max_pages: 0"), "0, query", "bad-value", "pages.max_pages"),
    # Inputs.
    ("a title for a null that is not allowed", "rotate_key", ("type: json}", "type: json, null_title: None}"), "null_title", "contradiction", "is for an input that is required and nullable"),
    ("a limit of another type", "rotate_key", ("type: json}", "type: json, maxLength: 3}"), "maxLength", "contradiction", "an input of type json cannot have"),
    ("options of a text", "rotate_key", ("default: none", "default: none, enum: [a]"), "enum", "contradiction", "only select can"),
    ("a select without options", "list_keys", (', enum: ["on", "off"]', ""), "{title: State", "missing-key", 'needs "enum"'),
    ("options from no list", "list_keys", ('enum: ["on", "off"]', "options: states"), "states", "unknown-reference", 'no list "states"'),
    ("options and a list of them", "list_keys", ('enum: ["on", "off"]', 'enum: ["on"], options: states'), "options", "contradiction", "remove either"),
    ("a list of options for a text", "rotate_key", ("default: none", "default: none, options: states"), "options", "contradiction", "only select can"),
    ("a note on no option of a list", "connector", ("check: list_all", "check: list_all\noptions: {states: {enum: [a], option_notes: {b: new}}}"), "b: new", "unknown-reference", '"b" is not an option'),
    ("an object without children", "rotate_key", (", children: {name: {title: Name, type: text}}", ""), "{title: Who", "missing-key", '"children"'),
    ("a default that is required", "rotate_key", ("none}", "none, required: true}"), "default", "contradiction", "cannot have a default"),
    ("a default that is refused", "rotate_key", ("max: 9", "max: 9, default: 0"), "0}", "bad-value", "0 is not allowed"),
    ("a limit that is no number", "rotate_key", ("min: 1", "min: a"), "a, max", "bad-value", "inputs.size.min"),
    ("limits the wrong way round", "rotate_key", ("min: 1, max: 9", "min: 10, max: 9"), "9}", "contradiction", "less than min"),
    ("lengths the wrong way round", "rotate_key", ("none}", "none, minLength: 5, maxLength: 4}"), "4}", "contradiction", "less than minLength"),
    ("a pattern that is none", "rotate_key", ("/^[A-Z]+$/", "/^[A-Z+$/"), '"/^', "bad-value", "invalid pattern"),
    ("a pattern that looks around", "rotate_key", ("/^[A-Z]+$/", "(?=A)B"), '"(?=', "bad-value", "look-around"),
    ("a pattern that repeats too often", "rotate_key", ("/^[A-Z]+$/", "(a{99}){99}"), '"(a{', "bad-value", "are too complex"),
    ("a message without a pattern", "rotate_key", ('pattern: "/^[A-Z]+$/", ', ""), "{title: Code", "missing-key", 'needs "pattern"'),
    # Templates: at the token in a plain text, else at the start.
    ("an undeclared input in a plain text", "list_keys", ("/{{ owner }}/", "/{{ ownr }}/"), "ownr", "unknown-name", "mean owner?"),
    ("an undeclared input in quotes", "list_keys", ("{{ state }}", "{{ stat }}"), '"{{ stat', "unknown-name", "mean state?"),
    ("an unknown filter", "list_keys", ("{{ owner }}", "{{ owner|uper }}"), "uper", "unknown-filter", "did you mean upper?"),
    ("an expression cut short", "list_keys", ("{{ owner }}", "{{ owner| }}"), "}}/keys", "template-syntax", "invalid template"),
    ("half a template", "rotate_key", ('"{{ size }}"', '"{{ size"'), '"{{ size', "template-syntax", "invalid template"),
    ("a statement", "rotate_key", ("{{ size }}", "{% if size %}{% endif %}"), '"{% if', "template-language", "not {% statements %}"),
    ("a call", "list_keys", ("{{ owner }}", "{{ owner() }}"), "() }}", "template-language", "Call is not allowed"),
    ("a test", "list_keys", ("{{ owner }}", "{{ owner is defined }}"), "is defined", "template-language", "Test is not allowed"),
    ("a power", "list_keys", ("{{ owner }}", "{{ 2 ** owner }}"), "** owner", "template-language", "Pow is not allowed"),
    ("JSONPath", "list_keys", ("{{ owner }}", "{{ owner[*].id }}"), "[*]", "template-language", "JSONPath"),
    ("the secret of an answer", "rotate_key", ("{{ id }}", "{{ key }}"), '"{{ key }}"}}', "contradiction", "input of type password"),
    ("a secret in the path", "rotate_key", ("/keys/{{ key_id }}", "/keys/{{ key_id }}{{ key }}"), "key }}/", "secret-in-address", "are logged"),
    ("a secret in a text in the path", "rotate_key", ("/keys/{{ key_id }}", "/keys/{{ key_id ~ key }}"), "key }}/", "secret-in-address", "are logged"),
    ("a secret of an object in the path", "rotate_key", ("children: {name: {title: Name, type: text}}}\nrequest:\n  method: POST\n  path: /keys", "children: {name: {title: Name, type: password}}}\nrequest:\n  method: POST\n  path: /{{ who.name ~ 1 }}"), "who.name", "secret-in-address", "contains a secret"),
    ("an object in the path", "rotate_key", ("path: /keys", "path: /{{ who }}"), "who }}/", "template-type", "is an object"),
    ("a list in a header", "rotate_key", ('X-Note: "{{ note }}"', 'X-Note: "{{ tags }}"'), '"{{ tags }}"\n  body', "template-type", "is a list"),
    ("a list among text", "rotate_key", ("rotated: {{ note }}", "rotated: {{ tags }}"), '"rotated', "template-type", "is a list"),
    ("null among text", "rotate_key", ("rotated: {{ note }}", "rotated: {{ size }}"), '"rotated', "template-type", "may be null"),
    ("null in the path", "list_keys", (", required: true}", "}"), "owner }}/", "template-type", "may be null"),
    ("null in the query", "list_keys", ("  omit_null: true\n", ""), '"{{ state', "template-type", "omit_null: true"),
    # The answer.
    ("days until no time", "list_keys", ("id: {type: text}", "id: {type: number, days_until: name}"), "name}\n    name", "unknown-reference", "no datetime"),
    ("parts that are no children", "list_keys", ("id: {type: text}", 'id: {type: nested_object, last_word: "~m/{name}/{slot}", children: {name: {type: text}}}'), '"~m', "contradiction", "names in braces"),
    ("a part that stands twice", "list_keys", ("id: {type: text}", 'id: {type: nested_object, last_word: "~m/{name}/{name}", children: {name: {type: text}}}'), '"~m', "contradiction", "names in braces"),
    ("parts in a list", "list_keys", ("id: {type: text}", 'id: {type: nested_object, multiple: true, last_word: "~m/{name}", children: {name: {type: text}}}'), '"~m', "contradiction", "names in braces"),
    ("parts that touch", "list_keys", ("id: {type: text}", 'id: {type: nested_object, last_word: "~m/{name}{}", children: {name: {type: text}}}'), '"~m', "bad-value", "last_word"),
    ("an input that cannot stand in", "list_keys", ("id: {type: text}", "id: {type: text, fallback_input: own}"), "own}", "unknown-reference", "owner?"),
    ("a place that is no path", "list_keys", ("profile.name", "profile..name"), "profile..name", "bad-value", "from"),
    ("an error that is a success", "list_keys", ("404: There", "204: There"), "204", "missing-key", "is no status from 400"),
    # Between files.
    ("a verify_with that is nowhere", "rotate_key", ("verify_with: list_keys", "verify_with: list_key"), "list_key", "unknown-reference", "list_keys?"),
    ("a verify_with that changes", "rotate_key", ("verify_with: list_keys", "verify_with: rotate_key"), "rotate_key\nrevoke", "contradiction", "needs an action with effect: read"),
    ("a delete_with that reads", "rotate_key", ("rotate\nreplaces: key_id", "update\ndelete_with: list_all"), "list_all", "contradiction", "needs an action with effect: delete"),
    ("a tag that no row shows", "rotate_key", ("rotate\nreplaces: key_id", "create\ntag_input: note"), "note\nverify_with", "unknown-reference", "have no output"),
    ("a revoke that is nowhere", "rotate_key", ("{action: rotate_key", "{action: revoke"), "revoke,", "unknown-reference", "revoke"),
    ("a revoke with an unknown input", "rotate_key", ("inputs: {key_id: ", "inputs: {key_id: 1, id: "), 'id: "{{ id', "unknown-reference", 'input "id"'),
    ("a revoke that leaves an input out", "rotate_key", ('{key_id: "{{ id }}"}', "{}"), "{}}", "missing-key", "key_id"),
    ("a check that is nowhere", "connector", ("check: list_all", "check: list_al"), "list_al", "unknown-reference", "list_all?"),
    ("a file of another name", "list_all", ("action: list_all", "action: list_al"), "list_al", "file-name", '"list_all"'),
    # The connector.
    ("an address of no host of its", "connector", ("https://api.acme", "https://api.acne"), "https", "foreign-host", "is not in"),
    ("plain http", "connector", ("https://api", "http://api"), "http:", "bad-value", "use https"),
    ("another's variable", "connector", ("ACME_TOKEN", "OTHER_TOKEN"), "OTHER", "foreign-variable", "begin with ACME_"),
    ("Locoia's variable", "connector", ("ACME_TOKEN", "LOCOIA_TOKEN"), "LOCOIA", "foreign-variable", "begin with ACME_"),
    ("an unknown name in auth", "connector", ("{{ identifier }}:", "{{ user }}:"), '"{{ user', "unknown-name", 'unknown name "user"'),
    ("an identifier from nowhere", "connector", (", identifier: ACME_USER", ""), '"{{ identifier', "unknown-name", 'unknown name "identifier"'),
    ("an unknown encoding", "connector", ("base64", "base32"), "base32", "bad-value", "auth.encode"),
    # Examples.
    ("an example with a wrong input", "list_keys", ("inputs: {owner: ann}", "inputs: {owner: 7}"), "7}", "bad-example", "7 is not allowed"),
    ("an example of an unknown input", "list_keys", ("{owner: ann}", "{owner: ann, x: 1}"), "1}", "bad-example", "unknown input"),
    ("an example without an input", "list_keys", ("    inputs: {owner: ann}\n", ""), "name: no keys", "bad-example", "is missing"),
    ("another address", "list_keys", ("path: /owners/ann/keys", "path: /owners/bob/keys"), "/owners/bob", "bad-example", '"/owners/ann/keys"'),
    ("another method", "list_keys", ("{method: GET", "{method: POST"), "POST", "bad-example", 'is "GET"'),
    ("another query", "list_keys", ('per_page: "100"', 'per_page: "10"'), '{per_page: "10"', "bad-example", '"per_page": "100"'),
    ("another result", "list_keys", ("data: {keys: []}", "data: {keys: [1]}"), "{keys: [1]}", "bad-example", "the data is"),
    ("a page that is missing", "list_keys", ("body: []", "body: [{id: a, profile: {name: n}}]"), "name: no keys", "bad-example", "is missing"),
    ("a page too many", "list_keys", ("body: []}", "body: []}\n    pages: [{status: 200, body: []}]"), "[{status", "bad-example", "1 requests"),
]  # fmt: skip


def place(text: str, part: str) -> tuple[int, int]:
    """Line and column, from 1, of the one place where *part* stands in *text*."""
    assert text.count(part) == 1, f"{part!r} stands {text.count(part)} times"
    before = text[: text.index(part)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def test_a_mistake_is_found_at_its_position(tmp_path: Path) -> None:
    for row in ROWS:
        with cell(row[0]):
            _, file, (old, new), at, code, part = row
            wrong = broken(file, old, new)
            found = check_specs(folder(tmp_path, **{file: wrong}))
            assert [(f.line, f.column, f.code) for f in found] == [(*place(wrong, at), code)], "\n".join(
                map(str, found)
            )
            assert found[0].file == str(tmp_path / f"{file}.yaml")
            assert part in found[0].message
            assert str(found[0]).startswith(f"{found[0].file}:{found[0].line}:{found[0].column}: {code} ")


def test_an_unused_input_is_found(tmp_path: Path) -> None:
    wrong = broken("list_keys", '    state: "{{ state }}"\n', "").replace("  omit_null: true\n", "")
    (found,) = check_specs(folder(tmp_path, list_keys=wrong))
    assert ((found.line, found.column), found.code) == (place(wrong, "state: {title"), "unused-input")


def test_an_input_cannot_have_a_reserved_name(tmp_path: Path) -> None:
    wrong = (
        LIST.replace("  owner: {", "  not: {")
        .replace("/{{ owner }}", "")
        .replace("/ann", "")
        .replace("owner: ann", "not: x")
    )
    found = check_specs(folder(tmp_path, list_keys=wrong))
    assert ((found[0].line, found[0].column), found[0].code) == (place(wrong, "not: {title"), "bad-name")


def test_no_action_can_set_the_header_of_the_credential(tmp_path: Path) -> None:
    wrong = broken("rotate_key", "X-Note", "x-api-key")
    keyed = broken("connector", "auth:\n", "auth:\n  header_key: X-Api-Key\n")
    (found,) = check_specs(folder(tmp_path, rotate_key=wrong, connector=keyed))
    assert ((found.line, found.column), found.code) == (place(wrong, "x-api-key"), "contradiction")


def test_every_code_is_found_by_some_test() -> None:
    elsewhere = {"unused-input", "unknown-key"}
    of_yaml = {"yaml", "yaml-limit", "yaml-feature", "duplicate-key", "ambiguous-scalar"}
    assert {row[4] for row in ROWS} | elsewhere | of_yaml == set(get_args(FindingCode))


def test_mistakes_of_all_kinds_in_all_files_are_found_in_one_pass(tmp_path: Path) -> None:
    listing = LIST.replace("titel", "title").replace("summary:", "sumary:").replace("{{ owner }}", "{{ ownr }}")
    found = check_specs(
        folder(
            tmp_path,
            list_keys=listing.replace('"{{ state }}"', '"{{ stat }}"'),
            rotate_key=ROTATE.replace("method: POST", "method: GET").replace('"{{ size }}"', '"{{ size"'),
            connector=CONNECTOR.replace("ACME_USER", "USER"),
        )
    )
    assert [(f.file.rpartition("/")[2], f.line, f.code) for f in found] == [
        ("connector.yaml", 7, "foreign-variable"),
        ("list_keys.yaml", 1, "missing-key"),
        ("list_keys.yaml", 4, "unknown-key"),
        ("list_keys.yaml", 11, "unknown-name"),
        ("list_keys.yaml", 13, "unknown-name"),
        ("rotate_key.yaml", 19, "effect-method"),
        ("rotate_key.yaml", 23, "contradiction"),
        ("rotate_key.yaml", 24, "template-syntax"),
    ]


def test_check_also_finds_the_template_mistakes_of_a_file_that_cannot_be_loaded(tmp_path: Path) -> None:
    wrong = LIST.replace("summary:", "sumary:").replace("{{ owner }}", "{{ ownr }}")
    specs = folder(tmp_path, list_keys=wrong)
    with pytest.raises(SpecError) as caught:
        specs.action("list_keys")
    assert [finding.code for finding in caught.value.findings] == ["missing-key", "unknown-key"]
    assert [finding.code for finding in check_specs(specs)] == ["missing-key", "unknown-key", "unknown-name"]


def test_checking_a_folder_without_a_connector_is_invalid(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="not a folder of specs"):
        check_specs(SpecFolder(tmp_path))


def test_a_connector_named_locoia_can_only_have_the_host_of_locoia(tmp_path: Path) -> None:
    own = CONNECTOR.replace("connector: acme", "connector: locoia").replace("ACME_", "LOCOIA_")
    (found,) = check_specs(folder(tmp_path, connector=own))
    assert (found.line, found.column, found.code) == (6, 9, "foreign-host")
    right = own.replace("api.acme.example", "api.locoia.com")
    assert check_specs(folder(tmp_path, connector=right)) == []


def test_templates_are_not_checked_if_the_inputs_are_invalid(tmp_path: Path) -> None:
    (found,) = check_specs(folder(tmp_path, list_all=LIST_ALL + "inputs: [owner]\n"))
    assert (found.line, found.code) == (8, "bad-value")


def test_a_connector_on_localhost_can_use_plain_http(tmp_path: Path) -> None:
    local = CONNECTOR.replace("https://api.acme.example/v1", "http://127.0.0.1:8000/v1")
    assert check_specs(folder(tmp_path, connector=local)) == []


def test_an_example_states_headers_and_a_form(tmp_path: Path) -> None:
    sent = ROTATE[: ROTATE.index("  body:")] + '  form: {old: "{{ key }}", n: "{{ tags }}"}\n'
    kept = sent.replace("  size: {title: Size, type: number, min: 1, max: 9}\n", "")
    for name in ("code", "meta", "who"):
        kept = "".join(line for line in kept.splitlines(True) if not line.startswith(f"  {name}: "))
    whole = kept + "  omit_null: true\n" + ROTATE[ROTATE.index("reply:") :]
    example = """\
examples:
  - name: a form
    inputs: {key_id: k, key: fake-old-key, tags: [a, b]}
    request:
      method: POST
      path: /keys/k/rotate
      headers: {X-Note: none}
      form: {old: fake-old-key, n: [a, b]}
    reply: {status: 200, body: {id: k, key: fake-new-key-0123456789, raw: {a: [1]}}}
"""
    assert check_specs(folder(tmp_path, rotate_key=whole + example)) == []
    (found,) = check_specs(folder(tmp_path, rotate_key=whole + example.replace("X-Note: none", "X-Note: some")))
    assert (found.code, "headers" in found.message) == ("bad-example", True)


def test_a_title_cannot_contain_control_characters(tmp_path: Path) -> None:
    (found,) = check_specs(folder(tmp_path, list_all=LIST_ALL.replace("title: List all", 'title: "List\\e[31mall"')))
    assert (found.line, found.code) == (3, "bad-value")


def test_the_number_of_inputs_is_limited(tmp_path: Path) -> None:
    many = "".join(f"  x{n}: {{title: X, type: text, required: true}}\n" for n in range(101))
    body = "".join(f'    x{n}: "{{{{ x{n} }}}}"\n' for n in range(99))
    text = LIST_ALL.replace("effect: read", "effect: update").replace(
        "request: {method: GET, path: /keys}", f"inputs:\n{many}request:\n  method: POST\n  path: /a\n  body:\n{body}"
    )
    found = check_specs(folder(tmp_path, list_all=text, connector=CONNECTOR.replace("check: list_all\n", "")))
    assert [(f.code, f.message) for f in found] == [
        ("yaml-limit", "an action has at most 100 inputs; this one has 101")
    ]


@pytest.mark.parametrize("header", ["Host", "content-length", "Accept"])
def test_a_credential_cannot_be_in_a_header_of_the_connection(tmp_path: Path, header: str) -> None:
    (found,) = check_specs(folder(tmp_path, connector=CONNECTOR.replace("auth:\n", f"auth:\n  header_key: {header}\n")))
    assert (found.line, found.code) == (10, "contradiction")


def test_the_built_in_specs_have_no_findings() -> None:
    assert check_specs(SpecFolder(), whole=True) == []
