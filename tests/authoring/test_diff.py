"""What changed between two versions of specs: each change by its class, and the version that it asks for."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locoia_pat.authoring.diff.compare import Change, ChangeClass
from locoia_pat.authoring.diff.comparison import compare
from locoia_pat.authoring.diff.spec_set import SpecSet, load_specs
from locoia_pat.authoring.semver import Bump, Version
from locoia_pat.outcomes import InvalidError
from locoia_pat.spec.parse import parse_spec
from locoia_pat.spec.yaml import dump
from tests.support.cells import cell
from tests.support.packs import CONNECTOR, LIST, PURGE, SUPER, built, changed, installed, written

if TYPE_CHECKING:
    from tests.support.packs import Call, Spec

CREATE: Spec = {
    "spec": 1,
    "action": "create_key",
    "title": "Create key",
    "summary": "Create a key.",
    "effect": "create",
    "verify_with": "list_keys",
    "revoke": {"action": "purge_keys", "inputs": {}},
    "inputs": {
        "name": {"title": "Name", "type": "text", "required": True, "minLength": 1, "maxLength": 100},
        "mail": {"title": "Mail", "type": "email", "required": True},
        "days": {
            "title": "Days",
            "type": "number",
            "min": 0,
            "max": 100,
            "step": 2,
            "required": True,
            "nullable": True,
        },
        "kind": {"title": "Kind", "type": "select", "enum": ["a", "b"], "default": "a"},
        "open": {"title": "Open", "type": "select", "enum": ["a", "b"], "allowCreate": True, "default": "a"},
        "code": {"title": "Code", "type": "text", "pattern": "^[a-z]+$", "default": "x"},
        "when": {"title": "When", "type": "number", "unit": "days", "default": 1},
        "memo": {"title": "T", "type": "text"},
        "pin": {"title": "PIN", "type": "password", "required": True},
        "more": {
            "title": "More",
            "type": "nested_object",
            "required": True,
            "children": {"size": {"title": "Size", "type": "number"}},
        },
    },
    "request": {"method": "POST", "path": "/keys", "body": {"name": "{{ name }}"}},
    "reply": {
        "ok": [201],
        "output": {
            "id": {"title": "ID", "type": "text", "store_with_token": True},
            "secret": {"title": "Secret", "type": "text", "secret": "once"},
            "note": {"title": "Note", "type": "text", "nullable": True},
            "until": {"title": "Until", "type": "datetime"},
            "left": {"title": "Left", "type": "number", "days_until": "until"},
            "name": {"title": "Name", "type": "text", "fallback_input": "name"},
            "user": {
                "title": "User",
                "type": "nested_object",
                "children": {"age": {"title": "Age", "type": "number"}},
            },
        },
        "errors": {"409": "Choose another name."},
    },
    "examples": [],
}
POLLED = LIST | {"poll": {}}
PAGED = LIST | {"pages": {"by": "page", "query": "page"}}

Row = tuple[str, Any, set[str], str]
TEXT = {"title": "T", "type": "text"}
SECRET = {"title": "T", "type": "password"}

ACTION_CHANGES: list[Row] = [
    # inputs that break
    ("inputs.mail", ..., {"breaking-input"}, "2.0.0"),
    ("inputs.owner", TEXT | {"required": True}, {"breaking-input"}, "2.0.0"),
    ("inputs.memo.required", True, {"breaking-input"}, "2.0.0"),
    ("inputs.days.nullable", ..., {"breaking-input"}, "2.0.0"),
    ("inputs.mail.type", "number", {"breaking-input"}, "2.0.0"),
    ("inputs.name.multiple", True, {"breaking-input"}, "2.0.0"),
    ("inputs.name.maxLength", 50, {"breaking-input"}, "2.0.0"),
    ("inputs.name.minLength", 2, {"breaking-input"}, "2.0.0"),
    ("inputs.days.max", 50, {"breaking-input"}, "2.0.0"),
    ("inputs.days.min", 2, {"breaking-input"}, "2.0.0"),
    ("inputs.days.min", -1, {"breaking-input", "relaxed-input"}, "2.0.0"),
    ("inputs.days.step", 4, {"breaking-input"}, "2.0.0"),
    ("inputs.when.step", 1, {"breaking-input"}, "2.0.0"),
    ("inputs.when.unit", "hours", {"breaking-input"}, "2.0.0"),
    ("inputs.kind.enum", ["a"], {"breaking-input"}, "2.0.0"),
    ("inputs.kind.default", "b", {"breaking-input"}, "2.0.0"),
    ("inputs.kind.default", ..., {"breaking-input"}, "2.0.0"),
    ("inputs.open.allowCreate", ..., {"breaking-input"}, "2.0.0"),
    ("inputs.code.pattern", "^[a-f]+$", {"breaking-input"}, "2.0.0"),
    ("inputs.name.pattern", "^[a-z]+$", {"breaking-input"}, "2.0.0"),
    ("inputs.more.children", {"other": TEXT}, {"breaking-input", "relaxed-input"}, "2.0.0"),
    ("inputs.more.children.size.max", 5, {"breaking-input"}, "2.0.0"),
    # inputs that take more
    ("inputs.owner", TEXT, {"relaxed-input"}, "1.3.0"),
    ("inputs.name.required", ..., {"relaxed-input"}, "1.3.0"),
    ("inputs.name.nullable", True, {"relaxed-input"}, "1.3.0"),
    ("inputs.name.maxLength", ..., {"relaxed-input"}, "1.3.0"),
    ("inputs.name.minLength", 0, {"relaxed-input"}, "1.3.0"),
    ("inputs.days.max", 101, {"relaxed-input"}, "1.3.0"),
    ("inputs.days.min", -2, {"relaxed-input"}, "1.3.0"),
    ("inputs.days.step", 1, {"relaxed-input"}, "1.3.0"),
    ("inputs.days.step", ..., {"relaxed-input"}, "1.3.0"),
    ("inputs.mail.type", "text", {"relaxed-input"}, "1.3.0"),
    ("inputs.more", {"title": "More", "type": "json", "required": True}, {"relaxed-input"}, "1.3.0"),
    ("inputs.kind.enum", ["a", "b", "c"], {"relaxed-input"}, "1.3.0"),
    ("inputs.kind.allowCreate", True, {"relaxed-input"}, "1.3.0"),
    ("inputs.code.pattern", ..., {"relaxed-input"}, "1.3.0"),
    # inputs for people
    ("inputs.name.title", "The name", {"changed-text"}, "1.2.1"),
    ("inputs.name.info", "What it is for.", {"changed-text"}, "1.2.1"),
    ("inputs.kind.enum", ["b", "a"], {"changed-text"}, "1.2.1"),
    ("inputs.kind.includes", {"a": ["b"]}, {"changed-text"}, "1.2.1"),
    ("inputs.open.enum", ["a", "c"], {"changed-text"}, "1.2.1"),
    ("inputs.when.unit", ..., {"changed-text"}, "1.2.1"),
    # secrets
    ("inputs.word", SECRET | {"required": True}, {"breaking-input", "new-secret"}, "2.0.0"),
    ("inputs.word", SECRET, {"relaxed-input", "new-secret"}, "2.0.0"),
    ("inputs.memo", SECRET, {"breaking-input", "new-secret"}, "2.0.0"),
    ("inputs.pin", TEXT | {"required": True}, {"breaking-input", "changed-text", "exposed-secret"}, "2.0.0"),
    ("inputs.more.children.word", SECRET, {"relaxed-input", "new-secret"}, "2.0.0"),
    (
        "inputs.deep",
        {"title": "Deep", "type": "nested_object", "children": {"word": SECRET}},
        {"relaxed-input", "new-secret"},
        "2.0.0",
    ),
    # outputs that promise less
    ("reply.output.note", ..., {"weakened-output"}, "2.0.0"),
    ("reply.output.id.nullable", True, {"weakened-output"}, "2.0.0"),
    ("reply.output.id.type", "number", {"weakened-output"}, "2.0.0"),
    ("reply.output.id.multiple", True, {"weakened-output"}, "2.0.0"),
    ("reply.output.id.store_with_token", ..., {"weakened-output"}, "2.0.0"),
    ("reply.output.name.fallback_input", ..., {"weakened-output"}, "2.0.0"),
    ("reply.output.user.children.age.nullable", True, {"weakened-output"}, "2.0.0"),
    # outputs that promise more, or the same
    ("reply.output.size", {"type": "number"}, {"strengthened-output"}, "1.3.0"),
    ("reply.output.note.nullable", ..., {"strengthened-output"}, "1.3.0"),
    ("reply.output.note.store_with_token", True, {"strengthened-output"}, "1.3.0"),
    ("reply.output.note.from", "remark", {"changed-response"}, "1.3.0"),
    ("reply.output.left.days_until", ..., {"changed-response"}, "1.3.0"),
    ("reply.output.note.fallback_input", "name", {"changed-response"}, "1.3.0"),
    ("reply.output.note.title", "Remark", {"changed-text"}, "1.2.1"),
    ("reply.ok", [200, 201], {"changed-response"}, "1.3.0"),
    ("reply.at", ["data"], {"changed-response"}, "1.3.0"),
    ("reply.output.id.from", "uid", {"changed-response"}, "1.3.0"),
    ("reply.output.secret.from", ["secret", "data.key"], {"changed-response"}, "1.3.0"),
    ("reply.errors", {"409": "Taken."}, {"changed-text"}, "1.2.1"),
    # effects
    ("effect", "update", {"wider-effect"}, "2.0.0"),
    # requests
    ("request.path", "/v2/keys", {"changed-request"}, "1.3.0"),
    ("request.method", "PUT", {"changed-request"}, "1.3.0"),
    ("request.body", {"key": "{{ name }}"}, {"changed-request"}, "1.3.0"),
    ("request.query", {"q": 1}, {"changed-request"}, "1.3.0"),
    ("request.headers", {"X-A": "1"}, {"changed-request"}, "1.3.0"),
    ("request.base_url", "eu", {"changed-request"}, "1.3.0"),
    ("request.omit_null", True, {"changed-request"}, "1.3.0"),
    # safety
    ("verify_with", ..., {"removed-safeguard"}, "2.0.0"),
    ("verify_with", "purge_keys", {"changed-response"}, "1.3.0"),
    ("revoke", ..., {"removed-safeguard"}, "2.0.0"),
    # for people
    ("title", "Make key", {"changed-text"}, "1.2.1"),
    ("summary", "Make a key.", {"changed-text"}, "1.2.1"),
    ("docs", "https://docs.acme.example", {"changed-text"}, "1.2.1"),
    ("examples", [{"name": "one"}], {"changed-examples"}, "1.2.1"),
]

CONNECTOR_CHANGES: list[Row] = [
    ("hosts", ["api.acme.example", "evil.example"], {"new-host"}, "2.0.0"),
    ("env.token", "ACME_ROOT", {"new-secret", "removed-variable"}, "2.0.0"),
    ("env.identifier", "ACME_USER", {"new-secret"}, "2.0.0"),
    ("env.base_url", ..., {"removed-variable"}, "2.0.0"),
    ("auth.header_key", "X-Key", {"changed-auth"}, "2.0.0"),
    ("auth.token_prefix", "Token {{ token_format }}", {"changed-auth"}, "2.0.0"),
    ("auth.info", "Ask your admin.", {"changed-text"}, "1.2.1"),
    ("base_url", "https://api.acme.example/v2", {"changed-request"}, "1.3.0"),
    ("check", ..., {"changed-response"}, "1.3.0"),
    ("base_urls", {"eu": "https://api.acme.example/eu"}, {"changed-request", "new-secret"}, "2.0.0"),
    ("title", "Acme CRM", {"changed-text"}, "1.2.1"),
    ("version", "1.2.5", set(), "1.2.0"),
]


def kinds(old: Path, new: Path) -> tuple[set[str], str]:
    found = compare(load_specs(str(old)), load_specs(str(new)))
    assert found.bump == max((change.bump for change in found.changes), key=list(get_args(Bump)).index, default="none")
    return {change.kind for change in found.changes}, str(found.proposed)


def test_the_table_is_large_enough() -> None:
    assert len(ACTION_CHANGES) + len(CONNECTOR_CHANGES) >= 30


@pytest.mark.parametrize(
    ("path", "new", "classes", "version"),
    ACTION_CHANGES,
    ids=[f"{path} {'gone' if new is ... else new}"[:60] for path, new, _, _ in ACTION_CHANGES],
)
def test_a_change_of_an_action_has_its_class_and_version(
    path: str, new: Any, classes: set[str], version: str, tmp_path: Path
) -> None:
    old = written(tmp_path / "old", CREATE, LIST, PURGE)
    after = written(tmp_path / "new", changed(CREATE, path, new), LIST, PURGE)
    assert kinds(old, after) == (classes, version)


@pytest.mark.parametrize(("path", "new", "classes", "version"), CONNECTOR_CHANGES)
def test_a_change_of_a_connector_has_its_class_and_version(
    path: str, new: Any, classes: set[str], version: str, tmp_path: Path
) -> None:
    old = written(tmp_path / "old", LIST)
    after = written(tmp_path / "new", LIST, connector=changed(CONNECTOR, path, new))
    assert kinds(old, after) == (classes, version)


MINTS = changed(CREATE, "revoke", ...)
PLAIN = changed(MINTS, "reply.output.secret.secret", ...)
ROTATE = PURGE | {
    "effect": "rotate",
    "request": {"method": "POST", "path": "/x"},
    "inputs": {"id": TEXT, "key": TEXT},
    "replaces": "id",
}
FIND = changed(PURGE | {"effect": "update"}, "request.method", "POST")

HEADED = {"ok": [200], "output": {"a": {"type": "text", "header": "X-A"}}}
MINTED = PURGE | {
    "effect": "update",
    "request": {"method": "POST", "path": "/x", "body": {"days": "{{ days }}"}},
    "inputs": {"days": {"title": "Days", "type": "number", "unit": "days", "required": True}},
    "reply": {"ok": [200], "output": {"ends": {"type": "datetime"}}},
}
SENDING = PURGE | {
    "effect": "update",
    "request": {"method": "POST", "path": "/x", "file": {"input": "path"}},
    "inputs": {"path": {"title": "Path", "type": "text", "required": True}},
    "reply": {"ok": [200], "output": {}},
}

FOLDERS: dict[str, tuple[list[Spec], list[Spec], set[str], str]] = {
    "nothing": ([LIST], [LIST], set(), "1.2.0"),
    "a read is added": ([LIST], [LIST, PAGED | {"action": "list_all"}], {"new-action"}, "1.3.0"),
    "a second delete is added": ([PURGE], [PURGE, PURGE | {"action": "purge_more"}], {"new-action"}, "1.3.0"),
    "the first delete is added": ([LIST], [LIST, PURGE], {"new-action", "wider-effect"}, "2.0.0"),
    "one that asks for a secret is added": (
        [CREATE, LIST],
        [CREATE, LIST, CREATE | {"action": "create_more"}],
        {"new-action", "new-secret"},
        "2.0.0",
    ),
    "an action is gone": ([LIST, PURGE], [LIST], {"removed-action"}, "2.0.0"),
    "a header is another": (
        [LIST | {"reply": HEADED}],
        [LIST | {"reply": {**HEADED, "output": {"a": {"type": "text", "header": "X-B"}}}}],
        {"changed-response"},
        "1.3.0",
    ),
    "another input asked for a time": (
        [MINTED],
        [changed(MINTED, "reply.output.ends.requested_by", "days")],
        {"changed-response"},
        "1.3.0",
    ),
    "a file is of another type": (
        [SENDING],
        [changed(SENDING, "request.file.content_type", "text/plain")],
        {"changed-request"},
        "1.3.0",
    ),
    "pages are gone": ([PAGED], [LIST], {"weakened-output"}, "2.0.0"),
    "polls are gone": ([POLLED], [LIST], {"weakened-output"}, "2.0.0"),
    "polls are new": ([LIST], [POLLED], {"changed-request"}, "1.3.0"),
    "pages are read": ([LIST], [PAGED], {"changed-request"}, "1.3.0"),
    "a form takes the place of a body": (
        [CREATE],
        [changed(changed(CREATE, "request.form", {"name": "{{ name }}"}), "request.body", ...)],
        {"changed-request"},
        "1.3.0",
    ),
    "a super action is made of a request": (
        [ROTATE | {"action": "rotate_pat", "title": "Rotate", "summary": "Rotate a token."}],
        [SUPER],
        {"breaking-input", "changed-request"},
        "2.0.0",
    ),
    "a super action stays": ([SUPER], [SUPER | {"title": "Renew"}], {"changed-text"}, "1.2.1"),
    "another row is replaced": ([ROTATE], [ROTATE | {"replaces": "key"}], {"changed-response"}, "1.3.0"),
    "a secret is shown in data": ([MINTS], [PLAIN], {"exposed-secret"}, "2.0.0"),
    "an output becomes a secret": ([PLAIN], [MINTS], {"new-secret"}, "2.0.0"),
    "a secret is given": (
        [changed(PLAIN, "reply.output.secret", ...)], [MINTS], {"strengthened-output", "new-secret"}, "2.0.0"
    ),
    "rows have another name": ([LIST], [changed(LIST, "reply.rows", "items")], {"weakened-output"}, "2.0.0"),
    "rows become one": ([LIST], [changed(LIST, "reply.rows", ...)], {"weakened-output"}, "2.0.0"),
    "an update is a read": ([FIND], [FIND | {"effect": "read"}], {"narrower-effect"}, "1.3.0"),
    "a read is an update": ([FIND | {"effect": "read"}], [FIND], {"wider-effect"}, "2.0.0"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "classes", "version"), FOLDERS.values(), ids=FOLDERS)
def test_a_change_of_a_folder_has_its_class_and_version(
    old: list[Spec], new: list[Spec], classes: set[str], version: str, tmp_path: Path
) -> None:
    assert kinds(written(tmp_path / "old", *old), written(tmp_path / "new", *new)) == (classes, version)


def test_a_host_and_a_name_that_go_break(tmp_path: Path) -> None:
    two = CONNECTOR | {"hosts": ["api.acme.example", "eu.acme.example"]}
    old, new = written(tmp_path / "old", connector=two), written(tmp_path / "new")
    assert kinds(old, new) == ({"removed-host"}, "2.0.0")
    other = written(tmp_path / "other", connector=CONNECTOR | {"connector": "acm", "env": {"token": "ACM_TOKEN"}})
    assert kinds(new, other) == ({"renamed-connector", "new-secret", "removed-variable"}, "2.0.0")


def test_pages_and_recipes_are_of_no_consequence(tmp_path: Path) -> None:
    old = written(tmp_path / "old", pages={"README.md": "a", "docs/a.md": "a", "recipes/a.md": "a"})
    new = written(tmp_path / "new", pages={"README.md": "b", "docs/a.md": "a", "docs/b.md": "b"})
    found = compare(load_specs(str(old)), load_specs(str(new)))
    assert [change.message for change in found.changes] == [
        "README.md changed",
        "docs/b.md added",
        "recipes/a.md removed",
    ]
    assert str(found.proposed) == "1.2.1"


def test_every_class_is_in_the_tables() -> None:
    rows = [*ACTION_CHANGES, *CONNECTOR_CHANGES]
    told = {kind for _, _, classes, _ in rows for kind in classes}
    told |= {kind for _, _, classes, _ in FOLDERS.values() for kind in classes}
    assert told | {"removed-host", "renamed-connector", "changed-files"} == set(get_args(ChangeClass))


# The command


def test_the_command_shows_a_table_a_version_and_a_changelog_line(call: Call, tmp_path: Path) -> None:
    old = written(tmp_path / "old", LIST)
    new = written(tmp_path / "new", changed(LIST, "title", "List"), PURGE, connector=CONNECTOR | {"version": "1.3.0"})
    done = call("diff", str(old), str(new))
    assert done.code == 1
    assert done.out.splitlines()[:-1] == [
        "change        version  action      description",
        "wider-effect  major    purge_keys  first action with effect delete",
        "new-action    minor    purge_keys  new action with effect delete",
        "changed-text  patch    list_keys   title changed from List keys to List",
        "",
        "version: 2.0.0 after 1.2.0 (major); 1.3.0, the version of NEW, is too low",
    ]
    assert done.out.splitlines()[-1] == (
        "changelog: 2.0.0 - Breaking: purge_keys: first action with effect delete. Changed: purge_keys: new "
        "action with effect delete. Other: list_keys: title changed from List keys to List."
    )
    assert call("diff", str(old), str(new), "--exit-zero").code == 0
    assert call("diff", str(old), str(old)).out == "no change\n"


def test_json_says_the_same(call: Call, tmp_path: Path) -> None:
    old = written(tmp_path / "old", LIST)
    new = written(tmp_path / "new", changed(LIST, "title", "List"), connector=CONNECTOR | {"version": "1.2.1"})
    done = call("diff", str(old), str(new), "--json")
    message = "title changed from List keys to List"
    assert (done.code, done.envelope) == (
        0,
        {
            "breaking": False,
            "bump": "patch",
            "version": {"old": "1.2.0", "new": "1.2.1", "proposed": "1.2.1"},
            "enough": True,
            "changelog": "1.2.1 - Other: list_keys: title changed from List keys to List.",
            "changes": [{"class": "changed-text", "bump": "patch", "action": "list_keys", "message": message}],
        },
    )
    assert call("diff", str(old), str(old), "--json").envelope["changelog"] == ""


def test_many_changes_are_one_line_all_the_same(call: Call, tmp_path: Path) -> None:
    inputs = {f"input_{number}": TEXT | {"title": "T" * 400} for number in range(9)}
    new = written(tmp_path / "new", changed(LIST, "inputs", inputs))
    line = call("diff", str(written(tmp_path / "old")), str(new), "--json").envelope["changelog"]
    assert (line.count("\n"), line.endswith("; and 4 more."), len(line) < 500) == (0, True, True)


def test_files_are_compared_whatever_they_are_called(call: Call, tmp_path: Path) -> None:
    (tmp_path / "before.yaml").write_text(dump(LIST))
    (tmp_path / "after.yaml").write_text(dump(changed(LIST, "reply.output.id.nullable", True)))
    done = call("diff", str(tmp_path / "before.yaml"), str(tmp_path / "after.yaml"))
    assert (done.code, "version: major\n" in done.out) == (1, True)
    (tmp_path / "before.yaml").write_text(dump(CONNECTOR))
    (tmp_path / "after.yaml").write_text(dump(CONNECTOR | {"hosts": ["api.acme.example", "x.example"]}))
    done = call("diff", str(tmp_path / "before.yaml"), str(tmp_path / "after.yaml"))
    assert "new-host" in done.out
    (tmp_path / "after.yaml").write_text(dump(PURGE))
    (tmp_path / "before.yaml").write_text(dump(LIST))
    done = call("diff", str(tmp_path / "before.yaml"), str(tmp_path / "after.yaml"), "--json")
    assert [change["class"] for change in done.envelope["changes"]] == ["removed-action", "new-action"]


def test_folders_archives_and_installed_packs_are_compared(call: Call, tmp_path: Path) -> None:
    os.environ["LOCOIA_PAT_PACKS"] = str(tmp_path / "packs")
    old = built(call, written(tmp_path / "old", pages={"README.md": "a"}), tmp_path / "old.zip")
    new = written(tmp_path / "new", LIST, PURGE, pages={"README.md": "a"})
    assert installed(call, old).code == 0
    outs = {call("diff", one, str(new)).out for one in (str(old), str(tmp_path / "old"), "pack:acme")}
    assert len(outs) == 1
    assert "wider-effect" in outs.pop()
    assert call("diff", str(old), "pack:acme").out == "no change\n"


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("old", "old/list_keys.yaml", "these cannot be compared"),
        ("old/connector.yaml", "old", "these cannot be compared"),
        ("old/connector.yaml", "old/list_keys.yaml", "these cannot be compared"),
        ("old", "nowhere", "nowhere cannot be read"),
        ("old", "nowhere.yaml", "nowhere.yaml cannot be read"),
        ("old", "empty", "is not a folder of specs"),
        ("old", "wrong/list_keys.yaml", "bad-value"),
        ("old", "wrong", "bad-value"),
        ("old", "pack:nobody", "there is no pack"),
        ("old", "old/README.md", "not a complete zip archive"),
        ("zero", "old", "is not a semantic version"),
        ("odd.yaml", "old", "yaml-feature"),
    ],
)
def test_what_cannot_be_compared_is_told(
    old: str, new: str, why: str, *, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "old", pages={"README.md": "a"})
    written(tmp_path / "wrong", LIST | {"effect": "make"})
    written(tmp_path / "zero", connector=CONNECTOR | {"version": "01.0.0"})
    (tmp_path / "empty").mkdir()
    (tmp_path / "odd.yaml").write_text("a: &a 1")
    done = call("diff", old, new)
    assert (done.code, done.out) == (2, "")
    assert why in done.err


# Versions


@pytest.mark.parametrize(
    ("version", "bump", "after"),
    [
        ("1.2.3", "none", "1.2.3"),
        ("1.2.3", "patch", "1.2.4"),
        ("1.2.3", "minor", "1.3.0"),
        ("1.2.3", "major", "2.0.0"),
        ("0.2.3", "none", "0.2.3"),
        ("0.2.3", "patch", "0.2.4"),
        ("0.2.3", "minor", "0.2.4"),
        ("0.2.3", "major", "0.3.0"),
        ("0.0.0", "major", "0.1.0"),
    ],
)
def test_the_next_version(version: str, bump: Bump, after: str) -> None:
    assert str(Version.parse(version).bump(bump)) == after


def test_what_is_no_version() -> None:
    for text in ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.02.3", "1.2.-3", "1.2.3-a", "v1.2.3", "1.2.\uff13"]:
        with cell(text), pytest.raises(InvalidError, match="not a semantic version"):
            Version.parse(text)


@given(one=st.tuples(*[st.integers(0, 30)] * 3), bump=st.sampled_from(["patch", "minor", "major"]))
def test_a_next_version_is_a_later_one(one: tuple[int, int, int], bump: Bump) -> None:
    version = Version(*one)
    assert version.bump(bump) > version
    assert Version.parse(str(version)) == version


@given(st.data())
def test_a_change_and_its_reverse_are_both_told(data: st.DataObject) -> None:
    """What changes is never told as no change, whichever way it goes."""
    path, new, _, _ = data.draw(st.sampled_from(ACTION_CHANGES))
    after = changed(copy.deepcopy(CREATE), path, new)
    sides = [_action(spec) for spec in (CREATE, after)]
    assert compare(*sides).changes
    assert compare(*reversed(sides)).changes


def _action(spec: Spec) -> Any:
    return SpecSet(None, {"create_key": parse_spec(dump(spec), "create_key.yaml")}, is_file=True)


def test_every_class_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "packs.md").read_text()
    for kind in get_args(ChangeClass):
        assert f"| `{kind}` | {Change(kind, None, '').bump} |" in page
