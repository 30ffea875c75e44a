"""A page for each action, in Markdown: what it takes, sends and gives, for people."""

from __future__ import annotations

import html
import json
import re
import shlex
from typing import TYPE_CHECKING, Any

from locoia_pat.authoring import recipes
from locoia_pat.http.retry import describe_policy
from locoia_pat.request.allowed import allowed
from locoia_pat.spec.model import ActionSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from locoia_pat.spec.form import Input
    from locoia_pat.spec.load import SpecFolder
    from locoia_pat.spec.model import Example, Output, SuperSpec

INDEX = "README.md"

_SIGNS = re.compile(r"([\\`*\[\]|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
_START = re.compile(r"^(\d*)([-+=#.)])")


def files(folder: SpecFolder) -> dict[str, str]:
    """``README.md``, ``ACTION.md`` for each action of *folder*, and the pages of its recipes.

    Raises:
        InvalidError: a spec is wrong, or a recipe cannot be read.

    """
    pages = {f"{name}.md": _joined(_page(folder.spec(name))) for name in folder.names}
    told = recipes.texts(folder, recipes.PAGE)
    return {INDEX: _joined(_index(folder, told)), **pages, **told}


def _joined(blocks: Iterable[str]) -> str:
    return "\n\n".join(blocks) + "\n"


def _index(folder: SpecFolder, told: dict[str, str]) -> Iterator[str]:
    connector = folder.connector
    yield f"# {_text(connector.title)}"
    yield f"Connector {_code(connector.connector)}, version {connector.version}."
    if connector.docs:
        yield f"Documentation of the API: {_address(connector.docs)}"
    hosts = ", ".join(map(_code, connector.hosts))
    yield f"It calls {_code(connector.base_url)}; its credential goes to {hosts} and to no other host."
    if connector.auth.info:
        yield _text(connector.auth.info)
    rows = [
        (f"[{_text(name)}]({name}.md)", spec.effect, _text(spec.summary))
        for name in folder.names
        for spec in [folder.spec(name)]
    ]
    yield _table(("action", "effect", "what it does"), rows)
    if told:
        yield "## Recipes"
        yield "\n".join(f"- [{_text(_title(text))}]({file})" for file, text in told.items())


def _title(page: str) -> str:
    return page.split("\n", 1)[0].lstrip("# ")


def _page(spec: ActionSpec | SuperSpec) -> Iterator[str]:
    yield f"# {_text(spec.title)}"
    yield _text(spec.summary)
    if isinstance(spec, ActionSpec):
        request = spec.request
        sends = _code(f"{request.method} {request.path}")
        again = describe_policy(spec.effect, request.method)
        yield f"Action {_code(spec.action)}; effect: {spec.effect}; {sends}; {again}."
    else:
        yield f"Super action {_code(spec.action)}; effect: {spec.effect}. It works through other actions."
    if spec.docs:
        yield f"Documentation of the API: {_address(spec.docs)}"
    yield "## Inputs"
    yield _inputs(spec.inputs) if spec.inputs else "None."
    yield "## Outputs"
    rows = spec.reply.rows if isinstance(spec, ActionSpec) else None
    if rows:
        yield f"A list, {_code(rows)}; each of its rows has:"
    outputs = spec.reply.output if isinstance(spec, ActionSpec) else spec.output
    yield _table(("output", "type", "meaning"), list(_outputs(outputs))) if outputs else "None."
    if isinstance(spec, ActionSpec):
        yield from _rest(spec)


def _rest(spec: ActionSpec) -> Iterator[str]:
    if spec.reply.errors:
        yield "## Errors"
        rows = [(status, _text(words)) for status, words in sorted(spec.reply.errors.items())]
        yield _table(("status", "what to do"), rows)
    if spec.examples:
        yield "## Examples"
        for example in spec.examples:
            yield from _example(spec, example)


def _inputs(fields: dict[str, Input]) -> str:
    rows = []
    for name, field in _all("", fields):
        words = [f"{field.title}: {field.info}" if field.info else f"{field.title}."]
        words += [] if field.default is None else [f"Default: {json.dumps(field.default, ensure_ascii=False)}."]
        words += [f"{option}: {remark}." for option, remark in (field.remarks or {}).items()]
        rows.append((_code(name), "yes" if field.required else "no", _text(allowed(field)), _text(" ".join(words))))
    return _table(("input", "required", "takes", "meaning"), rows)


def _all(above: str, fields: dict[str, Input]) -> Iterator[tuple[str, Input]]:
    """All inputs, those in objects too, each by its dotted name."""
    for name, field in fields.items():
        yield above + name, field
        yield from _all(f"{above}{name}.", field.children or {})


def _outputs(outputs: dict[str, Output], above: str = "") -> Iterator[tuple[str, str, str]]:
    for name, output in outputs.items():
        kind = f"list of {output.type}" if output.multiple else output.type
        meaning = output.title or ""
        meaning += "; shown once, and it goes into a place for tokens and nowhere else" if output.secret else ""
        yield _code(above + name), f"{kind} or null" if output.nullable else kind, _text(meaning)
        yield from _outputs(output.children or {}, f"{above}{name}.")


def _example(spec: ActionSpec, example: Example) -> Iterator[str]:
    yield f"### {_text(example.name)}"
    secret = {name for name, field in spec.inputs.items() if field.type == "password"}
    words = [
        f"{name}=@ref:file:{name}.txt" if name in secret else f"{name}={_typed(value, spec.inputs.get(name))}"
        for name, value in example.inputs.items()
    ]
    words += ["--token-to", "file:token.json"] if spec.secrets else []
    yield _block("sh", shlex.join(["locoia-pat", "run", spec.action, *words]))
    result = example.result
    if result is None:
        return
    told = f" {_code(result.code)}" if result.code else ""
    yield f"Outcome: {_code(result.outcome)}{told}."
    if result.data:
        yield _block("json", json.dumps(result.data, indent=2, ensure_ascii=False))


def _typed(value: Any, field: Input | None) -> str:
    """*Value* as it is typed behind the name of an input."""
    if isinstance(value, str) and not (field and field.type == "json"):
        return value
    return json.dumps(value, ensure_ascii=False)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(words: str) -> str:
    """*Words* as words: no markup, no HTML, and one line."""
    line = _SIGNS.sub(r"\\\1", " ".join(words.split()))
    return html.escape(_START.sub(r"\1\\\2", line), quote=False)


def _code(words: str) -> str:
    """*Words* as code, in a table too."""
    line = " ".join(words.split())
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    inner = line.replace("|", "\\|")
    return f"{fence} {inner} {fence}" if longest else f"{fence}{inner}{fence}"


def _address(address: str) -> str:
    """A link, where *address* is one; a stranger's spec may say anything."""
    if re.fullmatch(r"https?://[!#-;=?-~]+", address):
        return f"<{address}>"
    return _text(address)


def _block(language: str, text: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
