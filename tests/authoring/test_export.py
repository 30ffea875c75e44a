"""``export``: the command, and the pages it writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from markdown_it import MarkdownIt

from locoia_pat.authoring.export import markdown, openapi
from locoia_pat.spec.load import SpecFolder
from tests.support.connectors import GITLAB, TWILIO

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.command import Done

    Call = Callable[..., Done]

KINDS = ["openapi", "jsonschema", "docs"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_are_written_and_named(kind: str, call: Call, tmp_path: Path) -> None:
    for specs in ([], ["--specs", str(GITLAB)], ["--specs", str(TWILIO)]):
        out = tmp_path / str(len(specs)) / kind / (specs[-1][-6:] if specs else "locoia")
        done = call("export", kind, "--out", str(out), *specs)
        assert done.code == 0
        assert sorted(done.err.splitlines()) == sorted(str(file) for file in out.rglob("[!.]*") if file.is_file())


def test_the_folder_is_called_as_the_kind(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("export", "openapi", "--json").envelope["files"][0] == "openapi/openapi.json"
    assert {path.name for path in (tmp_path / "openapi").glob("*.arazzo.yaml")} == {
        "alert_on_expiring_tokens.arazzo.yaml",
        "create_token_for_customer.arazzo.yaml",
        "rotate_connector_auth.arazzo.yaml",
    }


def test_what_stands_there_is_not_written_over(call: Call, tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text("mine")
    done = call("export", "openapi", "--out", str(tmp_path))
    assert done.code == 2
    assert "is not empty" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["openapi.json"]


def test_a_folder_that_cannot_be_written_is_told(call: Call, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = call("export", "docs", "--out", str(tmp_path / "file" / "deeper"))
    assert done.code == 2
    assert not (tmp_path / "file").is_dir()


def test_a_wrong_kind_is_told(call: Call) -> None:
    done = call("export", "word")
    assert done.code == 2
    assert "jsonschema" in done.err


@pytest.mark.parametrize("folder", [None, GITLAB, TWILIO], ids=str)
def test_each_action_has_a_page_and_the_links_lead_there(folder: Any) -> None:
    specs = SpecFolder(folder)
    pages = markdown.files(specs)
    assert {f"{name}.md" for name in specs.names} < pages.keys()
    for target in re.findall(r"\]\(([^)]+)\)", pages["README.md"]):
        assert target in pages
    for name in specs.names:
        spec, page = specs.spec(name), pages[f"{name}.md"]
        assert spec.summary in page.replace("\\", "").replace("&gt;", ">")
        assert all(f"`{part}`" in page for part in spec.inputs)


def test_the_recipes_stand_beside_the_pages() -> None:
    pages = markdown.files(SpecFolder())
    told = {name for name in pages if name.startswith("recipes/")}
    documents = {name for name in openapi.files(SpecFolder()) if name.endswith(".arazzo.yaml")}
    assert told == {f"recipes/{name.removesuffix('.arazzo.yaml')}.md" for name in documents}
    assert all(f"]({name})" in pages["README.md"] for name in told)


CONNECTOR = """\
spec: 1
connector: acme
title: "<img src=x onerror=alert(1)> [x](javascript:alert(1))"
version: 1.0.0
docs: "javascript:alert(1)"
base_url: https://api.acme.example
hosts: [api.acme.example]
env: {token: ACME_TOKEN}
"""
ACTION = """\
spec: 1
action: get_a
title: "# No | heading"
summary: "- <script>alert(1)</script> ![i](http://evil.example/x.png)"
docs: "https://docs.acme.example/> <script>"
effect: read
inputs:
  a: {title: "a | b ``` x", type: text, info: "**bold** _it_ 1. <b>", pattern: "a|`b``"}
  o: {title: O, type: nested_object, children: {c: {title: C, type: json, default: {x: 1}}}}
request: {method: GET, path: /a, query: {a: "{{ a }}", c: "{{ o.c }}"}, omit_null: true}
reply:
  ok: [200]
  output: {n: {type: nested_object, title: N, children: {t: {type: text, title: "1. x"}}}}
  errors: {403: "a | b"}
examples:
  - name: "a `b` | c"
    inputs: {a: "x'; rm -rf ~ ``` y", o: {c: "1"}}
  - name: refused
    reply: {status: 403, body: {}}
    result: {outcome: refused, code: forbidden}
"""


def test_a_page_of_a_strangers_spec_holds_no_markup_of_theirs(tmp_path: Path) -> None:
    (tmp_path / "connector.yaml").write_text(CONNECTOR)
    (tmp_path / "get_a.yaml").write_text(ACTION)
    pages = markdown.files(SpecFolder(tmp_path))
    for page in pages.values():
        html = MarkdownIt("commonmark").enable("table").render(page)
        assert not re.search(r"<(script|img|b|em|strong)\b", html)
        assert re.findall(r'href="([^"]*)"', html) in ([], ["get_a.md"])
        assert html.count("<h1>") == 1
        assert "<ul>" not in html
        assert "<ol>" not in html
    html = MarkdownIt("commonmark").enable("table").render(pages["get_a.md"])
    assert html.count("<table>") == 3
    assert "<code>o.c</code>" in html
    assert "<code>n.t</code>" in html
    assert "rm -rf" in html


def test_a_page_says_no_more_than_the_spec(tmp_path: Path) -> None:
    (tmp_path / "connector.yaml").write_text(CONNECTOR.replace('docs: "javascript:alert(1)"\n', ""))
    (tmp_path / "get_a.yaml").write_text(
        "spec: 1\naction: get_a\ntitle: Get a\nsummary: It gets a.\neffect: read\n"
        "request: {method: GET, path: /a}\nreply: {ok: [200], output: {}}\n"
    )
    pages = markdown.files(SpecFolder(tmp_path))
    assert "Documentation" not in "".join(pages.values())
    assert pages["get_a.md"].split("\n\n")[3:] == ["## Inputs", "None.", "## Outputs", "None.\n"]
