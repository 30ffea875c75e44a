"""What exists is documented, and what the documentation shows runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, get_args

import click
import pytest
import yaml
from pydantic import BaseModel

from locoia_pat.actions.lifecycle.capabilities import QUESTIONS
from locoia_pat.actions.sandbox.behaviour import SWITCHES
from locoia_pat.actions.sandbox.faults import KINDS
from locoia_pat.actions.sandbox.server import first_token, running
from locoia_pat.authoring import spec_schema as schema
from locoia_pat.cli import group
from locoia_pat.engine.checker import check_specs
from locoia_pat.http.body import MAX_RESPONSE_BYTES, MAX_TEXT_BYTES
from locoia_pat.http.json_document import MAX_VALUES
from locoia_pat.outcomes import Code, FindingCode, Outcome
from locoia_pat.request.builder import MAX_BODY
from locoia_pat.request.template.compiler import MAX_EXPRESSIONS, MAX_NODES
from locoia_pat.request.template.dialect import FILTERS, MAX_ITEMS
from locoia_pat.request.template.evaluate import MAX_TEXT
from locoia_pat.request.template.source import MAX_SOURCE
from locoia_pat.response.outputs import MAX_STRING
from locoia_pat.response.pagination import MAX_ALL_BYTES
from locoia_pat.spec import yaml as spec_yaml
from locoia_pat.spec.input_types import InputType
from locoia_pat.spec.load import SpecFolder
from locoia_pat.spec.model import (
    ActionSpec,
    Auth,
    Condition,
    ConnectorSpec,
    Effect,
    Env,
    Example,
    ExampleReply,
    ExampleRequest,
    ExampleResult,
    ExchangeSpec,
    FileSpec,
    Input,
    Instead,
    OptionList,
    Output,
    OutputType,
    PageKind,
    PagesSpec,
    PollSpec,
    ReplySpec,
    RequestSpec,
    RevokeSpec,
    SuperSpec,
)
from locoia_pat.spec.pattern import MAX_COMPLEXITY
from tests.support.cells import cell

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ALL = "\n".join(page.read_text() for page in PAGES)
FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, *languages: str) -> list[tuple[str, str]]:
    """The fenced examples of *page* in these *languages*, those in a numbered step too."""
    return [(language, dedent(text)) for _, language, text in FENCE.findall(page.read_text()) if language in languages]


RUNNABLE = [page for page in PAGES[1:] if blocks(page, "sh", "python")]


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.stem)
def test_the_examples_of_a_page_run_one_after_another(page: Path, tmp_path: Path) -> None:
    with running() as (url, store):
        token = first_token(store)
        assert token is not None
        environment = {
            **os.environ,
            "LOCOIA_BASE_URL": url,
            "LOCOIA_TOKEN": token.reveal(),
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
            "LOCOIA_PAT_STATE": str(tmp_path / "state"),
            "LOCOIA_PAT_PACKS": str(tmp_path / "packs"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        for language, text in blocks(page, "sh", "python"):
            command = ["bash", "-euo", "pipefail", "-c", text] if language == "sh" else [sys.executable, "-c", text]
            done = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
            )
            assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"


def test_yaml_and_json_of_the_pages_can_be_read() -> None:
    for page in PAGES:
        for language, text in blocks(page, "yaml", "json"):
            with cell(page.stem, text):
                assert yaml.safe_load(text) if language == "yaml" else json.loads(text)


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.stem}: {target}"


SPECS = SpecFolder()


def test_every_action_its_inputs_and_outputs_are_documented() -> None:
    for name in SPECS.names:
        spec = SPECS.spec(name)
        assert f"## `{name}`" in ALL, f"no page has the section ## `{name}`"
        section = ALL.split(f"## `{name}`")[1].split("\n## ")[0]
        for part in [*spec.inputs, *(spec.output if isinstance(spec, SuperSpec) else spec.reply.output)]:
            assert f"`{part}`" in section, f"{name}: {part}"
        assert spec.summary in section


def test_every_command_and_option_is_documented() -> None:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        assert f"## `locoia-pat {name}`" in ALL, f"no page has the section ## `locoia-pat {name}`"
        section = ALL.split(f"## `locoia-pat {name}`")[1].split("\n## ")[0]
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert any(f"`{option}" in section for option in parameter.opts), f"{name}: {parameter.opts}"


def test_every_outcome_exit_and_error_code_is_documented() -> None:
    text = (ROOT / "docs" / "outcomes.md").read_text()
    for outcome in Outcome:
        retry = "" if outcome is Outcome.DONE else " yes" if outcome.safe_to_retry else " no"
        assert f"| `{outcome}` | {outcome.exit_code} |{retry} |" in text
    for code in get_args(Code):
        assert f"`{code}`" in text
    for exit_code in (1, 70, 130):
        assert f"| {exit_code} |" in text


def test_every_switch_and_fault_of_the_sandbox_is_documented() -> None:
    text = (ROOT / "docs" / "sandbox.md").read_text()
    for name in (*SWITCHES, *KINDS):
        assert f"| `{name}` |" in text


def test_every_fact_that_doctor_measures_is_documented() -> None:
    text = (ROOT / "docs" / "doctor.md").read_text()
    assert [name for name in QUESTIONS if f"`{name}`" not in text] == []


REFERENCE = (ROOT / "docs" / "spec.md").read_text()
SECTIONS: dict[str, type[BaseModel]] = {
    "An action file": ActionSpec,
    "A super action": SuperSpec,
    "`revoke`": RevokeSpec,
    "`inputs`": Input,
    "`request`": RequestSpec,
    "`reply`": ReplySpec,
    "`reply.ok_when`": Condition,
    "`reply.output`": Output,
    "`pages`": PagesSpec,
    "`poll`": PollSpec,
    "`request.file`": FileSpec,
    "`examples`": Example,
    "`examples.request`": ExampleRequest,
    "`examples.reply`": ExampleReply,
    "`examples.result`": ExampleResult,
    "`connector.yaml`": ConnectorSpec,
    "`env`": Env,
    "`auth`": Auth,
    "`auth.exchange`": ExchangeSpec,
    "`options`": OptionList,
    "`instead`": Instead,
}


def section(heading: str) -> str:
    """What stands under *heading* in the reference, up to the next one."""
    (found,) = re.findall(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##|\Z)", REFERENCE, re.MULTILINE | re.DOTALL)
    assert isinstance(found, str)
    return found


def documented(heading: str) -> set[str]:
    """The first cells of the tables under *heading*."""
    return set(re.findall(r"^\| `([^`]+)` \|", section(heading), re.MULTILINE))


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """*Model*, and those of its parts."""
    yield model
    for field in model.model_fields.values():
        for inner in parts(field.annotation):
            if inner is not model:
                yield from models(inner)


def parts(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from parts(inner)


def test_every_key_of_the_spec_language_is_documented_and_no_other() -> None:
    kinds = {*get_args(InputType), *get_args(OutputType), *get_args(PageKind)}
    for heading, model in SECTIONS.items():
        keys = {field.alias or name for name, field in model.model_fields.items()}
        with cell(heading):
            assert keys <= documented(heading), keys - documented(heading)
            assert documented(heading) - keys <= kinds, documented(heading) - keys - kinds


def test_every_part_of_the_spec_language_has_its_section() -> None:
    assert {part for model in schema.FILES.values() for part in models(model)} == set(SECTIONS.values())


def test_every_finding_is_documented_and_no_other() -> None:
    assert documented("Findings") == set(get_args(FindingCode))
    for row in re.findall(r"^\| `.*", section("Findings"), re.MULTILINE):
        assert re.fullmatch(r"\| `[a-z-]+` \| .+ \| .+ \|", row), row


def test_the_limits_of_the_spec_language_are_documented() -> None:
    limits = {
        "a file": (spec_yaml.MAX_CHARACTERS, spec_yaml.MAX_PARTS, spec_yaml.MAX_DEPTH, spec_yaml.MAX_FINDINGS),
        "a string with templates": (MAX_SOURCE, 24),
        "templates in one structure": (MAX_EXPRESSIONS, MAX_NODES),
        "a string that a template evaluates to": (MAX_TEXT,),
        "a list that a template evaluates to": (MAX_ITEMS,),
        "a pattern": (200, MAX_COMPLEXITY),
        "a request body": (MAX_BODY,),
        "a response": (MAX_RESPONSE_BYTES, MAX_TEXT_BYTES, MAX_VALUES),
        "a string in an output": (MAX_STRING,),
        "the values of all rows": (MAX_VALUES,),
        "all pages": (1000, MAX_ALL_BYTES, MAX_VALUES),
    }
    for what, numbers in limits.items():
        (row,) = re.findall(rf"^\| {what} \| (.*) \|$", section("Limits"), re.MULTILINE)
        assert tuple(map(int, re.findall(r"\d+", row))) == numbers, what


def test_every_filter_type_paging_kind_and_effect_is_documented() -> None:
    assert set(FILTERS) <= documented("Templates")
    assert set(get_args(InputType)) <= documented("`inputs`")
    assert set(get_args(OutputType)) <= documented("`reply.output`")
    assert set(get_args(PageKind)) <= documented("`pages`")
    assert set(get_args(Effect)) == documented("Effect and method")


CONNECTORS = sorted(file.parent for file in (ROOT / "docs" / "examples").glob("*/connector.yaml"))


def test_the_connectors_shown_are_right_and_their_examples_come_true() -> None:
    for folder in CONNECTORS:
        with cell(folder):
            specs = SpecFolder(folder)
            assert check_specs(specs, whole=True) == []
            assert all(specs.action(name).examples for name in specs.names)
