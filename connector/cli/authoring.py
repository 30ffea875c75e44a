"""``new``, ``eject``, ``check``, ``test``, ``cassettes``: write and test connectors."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from locoia_pat.authoring import scaffold
from locoia_pat.cli import output, render
from locoia_pat.cli.options import (
    action_argument,
    auth_option,
    exit_zero_option,
    format_option,
    harmless_option,
    json_option,
    out_option,
    resolve_action,
    resolve_auth,
    resolve_path,
    specs_option,
    token_to_option,
    yes_option,
)
from locoia_pat.cli.other_exit_codes import FOUND
from locoia_pat.files import read_text, similar_file
from locoia_pat.messages import plural
from locoia_pat.outcomes import Finding, SpecError, invalid
from locoia_pat.spec.load import CONNECTOR_FILE, SpecFolder
from locoia_pat.spec.model import ActionSpec, SuperSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from locoia_pat.secrets.secret import Secret


@click.command("new")
@click.argument("name")
@click.option("--base-url", metavar="URL", help="Base URL of the API.")
@click.option(
    "--auth", type=click.Choice(list(scaffold.AUTHS)), default="bearer", show_default=True,
    help="How the API expects the credential.",
)  # fmt: skip
@click.option(
    "--from",
    "source",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Draft the specs from an OpenAPI document (3.0 or 3.1, JSON or YAML).",
)
@click.option(
    "--operation",
    "operations",
    multiple=True,
    metavar="ID",
    help="With --from: this operation, by operationId or 'METHOD /path'; * matches any characters; may repeat.",
)
@out_option("NAME")
@json_option
def new_command(
    name: str,
    base_url: str | None,
    auth: str,
    *,
    source: Path | None,
    operations: tuple[str, ...],
    out: Path | None,
    as_json: bool,
) -> None:
    """Create a folder of specs for a connector NAME: a working example that passes check and test.

    With --from, the specs are drafts that pass check; what a person must decide is listed, and is a comment in each.
    """
    folder = out or Path(name)
    if source is not None:
        _draft(name, source, operations, base_url, folder, as_json=as_json)
        return
    if operations:
        raise invalid("--operation needs --from", field="operation")
    _print_written(scaffold.write_specs(scaffold.new_connector(name, base_url, auth), folder), folder, as_json=as_json)


def _draft(
    name: str, source: Path, operations: tuple[str, ...], base_url: str | None, folder: Path, *, as_json: bool
) -> None:
    from locoia_pat.authoring.openapi_document import MAX_CHARACTERS, OpenApiDocument
    from locoia_pat.authoring.openapi_drafts import draft_connector

    text = read_text(source, field="from", most=MAX_CHARACTERS + 1)
    draft = draft_connector(name, OpenApiDocument(text, str(source)), operations, base_url)
    written = scaffold.write_specs(draft.texts, folder)
    output.set_effect()
    if as_json:
        lists = {"decide": [asdict(each) for each in draft.decide], "skipped": [asdict(each) for each in draft.skipped]}
        render.print_json({"files": [*map(str, written)], **lists})
        return
    for file in written:
        click.echo(file)
    for heading, notes in (("Decide", draft.decide), ("Not drafted", draft.skipped)):
        if notes:
            click.echo(f"\n{heading}:")
        for each in notes:
            click.echo(f"  {each.file}: {each.message}")
    click.echo(f"\nNext: decide the above, then run\n  locoia-pat check {folder}")
    click.echo(f"Then add examples; test --record completes them:\n  locoia-pat test --record {folder}")


def _print_written(written: list[Path], folder: Path, *, as_json: bool) -> None:
    """Print the files that were written and the next steps."""
    output.set_effect()
    if as_json:
        render.print_json({"files": [str(file) for file in written]})
        return
    for file in written:
        click.echo(file)
    click.echo(f"\nNext: edit these files, then run\n  locoia-pat check {folder}\n  locoia-pat test {folder}")
    click.echo(f"  locoia-pat sandbox --specs {folder}")


@click.command("eject")
@action_argument
@out_option("named like the connector")
@json_option
@specs_option
def eject_command(action: str, specs: SpecFolder, out: Path | None, *, as_json: bool) -> None:
    """Copy the spec of ACTION, the specs it refers to and connector.yaml to a folder that you can change.

    Run the changed action with --specs DIR.
    """
    name, source = resolve_action(action, specs)
    folder = out or Path(source.connector.connector)
    _print_written(scaffold.write_specs(scaffold.eject_action(source, name), folder), folder, as_json=as_json)


@click.command("check")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@format_option
@click.option("--json", "as_json", is_flag=True, help="Same as --format json.")
@exit_zero_option
def check_command(paths: tuple[str, ...], form: str, *, as_json: bool, exit_zero: bool) -> int:
    """Find errors in specs: PATH is a folder of specs, one file, pack:NAME, or PACK.ACTION.

    Each finding is FILE:LINE:COLUMN: CODE MESSAGE.  Exit code: 0 no findings, 1 findings.
    """
    findings = [finding for path in paths for finding in _findings_in(resolve_path(path))]
    return _report(findings, "json" if as_json else form, exit_zero=exit_zero, excerpts=True)


def _report(findings: Sequence[Finding], form: str, *, exit_zero: bool, excerpts: bool = False) -> int:
    """Print *findings*, with *excerpts* also the lines they are about, and return the exit code."""
    if form == "json":
        render.print_json({"findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            if form == "github":
                click.echo(_github(finding))
            else:
                _print_finding(finding, excerpt=excerpts)
        render.say(plural(len(findings), "finding"))
    return FOUND if findings and not exit_zero else 0


def _print_finding(finding: Finding, *, excerpt: bool = True) -> None:
    render.print_text(str(finding))
    if excerpt:
        click.echo(_excerpt(finding))


def _findings_in(path: Path, *, whole: bool = False) -> list[Finding]:
    """Return the findings in a folder of specs or in one spec file.

    Args:
        path: the folder or file.
        whole: whether examples must be complete.

    Raises:
        InvalidError: *path* is neither.

    """
    from locoia_pat.engine.checker import check_specs

    if path.is_dir():
        specs = SpecFolder(path)
        findings = check_specs(specs, whole=whole)
        return sorted([*findings, *_unread(specs)])
    if not path.exists():
        raise invalid(f"{path} does not exist{similar_file(path)}", field="path")
    if path.suffix == ".yml":
        hint = f"Rename it: mv {path} {path.with_suffix('.yaml')}"
        raise invalid(f"{path.name} is not read as a spec: the name must end in .yaml", field="path", hint=hint)
    if path.suffix != ".yaml":
        raise invalid(f"{path.name} is not a spec: the name must end in .yaml", field="path", hint=_PATH_HINT)
    folder = SpecFolder(path.parent)
    folder.text(path.name)
    return [finding for finding in check_specs(folder, whole=whole) if Path(finding.file) == path]


def _unread(specs: SpecFolder) -> Iterator[Finding]:
    """Yield a finding for each file of *specs* that is not read, and for a folder without an action."""
    for file in specs.misnamed:
        message = f"this file is not read, for a spec ends in .yaml; rename it to {file.removesuffix('.yml')}.yaml"
        yield Finding(str(Path(str(specs.folder)) / file), 1, 1, "file-name", message)
    if not specs.names and not specs.misnamed:
        message = "there is no action in this folder; write one as NAME.yaml"
        yield Finding(str(Path(str(specs.folder)) / CONNECTOR_FILE), 1, 1, "missing-key", message)


_PATH_HINT = "Name the folder of the specs, or one of its YAML files."


def _excerpt(finding: Finding) -> str:
    """Return the line that *finding* is about, with a caret below its column."""
    try:
        lines = Path(finding.file).read_text(encoding="utf-8").splitlines()
        line = lines[finding.line - 1]
    except (OSError, UnicodeDecodeError, IndexError):
        return ""
    first = max(0, finding.column - 1 - _EXCERPT_BEFORE)
    part = "".join(c if c.isprintable() else " " for c in render.mask_line(line)[first : first + _EXCERPT_WIDTH])
    number = f"{finding.line:>5} | "
    return f"{number}{part}\n{' ' * (len(number) + finding.column - 1 - first)}^"


_EXCERPT_BEFORE, _EXCERPT_WIDTH = 70, 110


def _github(finding: Finding) -> str:
    """Return *finding* as an annotation (https://docs.github.com/actions/reference/workflow-commands-for-github-actions)."""
    properties = {"file": finding.file, "line": finding.line, "col": finding.column, "title": finding.code}
    parameters = ",".join(f"{name}={_escaped(str(value), ',:')}" for name, value in properties.items())
    return f"::error {parameters}::{_escaped(finding.message, '')}"


def _escaped(text: str, more: Iterable[str]) -> str:
    for character in ("%", "\r", "\n", *more):
        text = text.replace(character, f"%{ord(character):02X}")
    return text


@click.command("test")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--record", is_flag=True, help="Complete examples by sending real requests.")
@auth_option
@token_to_option
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="INPUT=REF",
    help="With --record: the real value of a secret input, from its token store; the example keeps its fake.",
)
@harmless_option
@yes_option
@json_option
def test_command(
    paths: tuple[str, ...],
    *,
    record: bool,
    auth: str | None,
    token_to: tuple[str, ...],
    secrets: tuple[str, ...],
    harmless: tuple[str, ...],
    yes: bool,
    as_json: bool,
) -> int:
    """Run the examples of specs: PATH is a folder of specs, one file, pack:NAME, or PACK.ACTION.

    An example gives inputs, the expected request, a response, and the expected result.  Exit code: 0 all examples
    pass, 1 an example fails, an action has none, or there is no action.
    """
    files = [resolve_path(path) for path in paths]
    if record:
        for path, file in zip(paths, files, strict=True):
            if file != Path(path):
                raise invalid(f"{path} is an installed pack and cannot be changed", hint="Copy it with eject first.")
        _record(files, auth, token_to, harmless, _secrets(secrets), yes=yes)
    rows: list[dict[str, Any]] = []
    findings: list[Finding] = []
    for file in files:
        file_findings = _findings_in(file, whole=True)
        findings += file_findings
        rows += [row for spec_file in _spec_files(file) for row in _example_rows(spec_file, file_findings)]
    failed = [row for row in rows if not row["passed"]]
    if as_json:
        render.print_json({"examples": rows, "findings": [str(finding) for finding in findings]})
    else:
        for row in rows:
            status = click.style("ok    ", fg="green") if row["passed"] else click.style("FAILED", fg="red")
            click.echo(f"{status}  {row['action']}: {row['example'] or 'has no example'}")
        for finding in findings:
            click.echo()
            _print_finding(finding)
        click.echo(f"{len(rows) - len(failed)} passed, {len(failed)} failed" if rows else "no examples found")
    return FOUND if failed or findings or not rows else 0


def _secrets(given: Iterable[str]) -> dict[str, Secret]:
    """Return the secrets that ``--secret INPUT=REF`` names."""
    from locoia_pat.stores import read_token

    pairs = [text.partition("=") for text in given]
    for name, _, ref in pairs:
        if not name or not ref:
            raise invalid("expected INPUT=REF", field="secret", hint="Such as --secret password=file:password.txt.")
    return {name: read_token(ref, field=name) for name, _, ref in pairs}


def _spec_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path] if path.name != CONNECTOR_FILE else []
    return [path / f"{name}.yaml" for name in SpecFolder(path).names]


def _example_rows(file: Path, findings: list[Finding]) -> list[dict[str, Any]]:
    """Return each example of *file* and whether it passed; an action without examples fails."""
    own_findings = [finding for finding in findings if Path(finding.file) == file]
    try:
        spec = SpecFolder(file.parent).spec(file.stem)
    except SpecError:
        return [{"action": file.stem, "example": "the spec has errors", "passed": False}]
    if isinstance(spec, SuperSpec):
        return []  # it sends no request of its own, so it has no examples
    starts = [spec.document.values["examples", index] for index in range(len(spec.examples))]
    ends = [*starts[1:], (10**9, 0)]
    return [
        {
            "action": spec.action,
            "example": example.name,
            "passed": not any(start <= (finding.line, finding.column) < end for finding in own_findings),
        }
        for example, start, end in zip(spec.examples, starts, ends, strict=False)
    ] or [{"action": spec.action, "example": None, "passed": False}]


def _record(
    files: Sequence[Path],
    auth: str | None,
    token_to: tuple[str, ...],
    harmless: tuple[str, ...],
    secrets: Mapping[str, Secret],
    *,
    yes: bool,
) -> None:
    """Complete the incomplete examples of *files*, and write each one back as soon as it is recorded.

    All that can be checked is checked, and all that is to be confirmed is confirmed, before the first request.
    """
    from locoia_pat.authoring.example_recorder import Recorder, plan_recordings, record_example, replace_examples
    from locoia_pat.engine.action import CompiledAction

    parents = [path if path.is_dir() else path.parent for path in files]
    folders = {parent: SpecFolder(parent) for parent in parents}
    actions = [
        CompiledAction(spec)
        for path, parent in zip(files, parents, strict=True)
        for file in _spec_files(path)
        for spec in [folders[parent].spec(file.stem)]
        if isinstance(spec, ActionSpec)
    ]
    planned = [
        (Path(recording.action.spec.document.name), recording)
        for recording in plan_recordings(actions, token_to, secrets)
    ]
    specs_of = {file.parent: folders[file.parent] for file, _ in planned}
    by_name = {specs.connector.connector: specs.connector for specs in specs_of.values()}
    auths = {name: resolve_auth(auth, spec).auth for name, spec in by_name.items()}  # standard input is read once
    with ExitStack() as stack:
        connectors = {
            parent: stack.enter_context(Recorder(auths[specs.connector.connector], specs=specs))
            for parent, specs in specs_of.items()
        }
        for file, recording in planned:
            connectors[file.parent].check(recording)
        for file in dict.fromkeys(file for file, _ in planned):
            action_spec = folders[file.parent].action(file.stem)
            host = urlsplit(connectors[file.parent].base_url).netloc
            render.confirm(f"{action_spec.title} at {host}", yes=yes or action_spec.effect == "read")
        for file, recording in planned:
            connector = connectors[file.parent]
            spec = folders[file.parent].connector
            token = auths[spec.connector].credential(spec).token
            source = SpecFolder(file.parent).action(file.stem).document
            examples = list(source.value["examples"])
            examples[recording.index] = record_example(recording, connector, token, harmless=harmless)
            file.write_text(replace_examples(source, examples), encoding="utf-8")
            render.say(f"recorded {file.stem}: {recording.example.name}")


_CASSETTE_FILES = ("*.yaml", "*.yml", "*.json", "*.har")


@click.group("cassettes")
def cassettes_command() -> None:
    """Check recorded exchanges."""


@cassettes_command.command("lint")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@harmless_option
@format_option
@click.option("--json", "as_json", is_flag=True, help="Same as --format json.")
@exit_zero_option
@specs_option
def lint_(
    paths: tuple[str, ...], harmless: tuple[str, ...], form: str, specs: SpecFolder, *, as_json: bool, exit_zero: bool
) -> int:
    """Find possible secrets in recorded exchanges: PATH is a YAML or JSON file of any recorder, or a folder.

    Secret names are the usual ones and those that the specs declare.  A finding never repeats the value.  Exit code: 0
    no findings, 1 findings.
    """
    from locoia_pat.testing.lint import lint
    from locoia_pat.testing.secret_names import SecretNames

    rules = SecretNames.from_specs(specs, harmless)
    findings = [
        finding
        for path in paths
        for file in _cassette_files(Path(path))
        for finding in lint(_cassette_text(file), str(file), rules)
    ]
    return _report(findings, "json" if as_json else form, exit_zero=exit_zero)


def _cassette_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for kind in _CASSETTE_FILES for file in path.rglob(kind))
    if not files:
        raise invalid(f"{path} contains no cassettes", field="path", hint="Cassettes are YAML or JSON files.")
    return files


def _cassette_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise invalid(f"{file} cannot be read: {error.strerror}", field="path") from None
    except UnicodeDecodeError:
        return "\0"  # not valid YAML, which the check reports
