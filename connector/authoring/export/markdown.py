"""A page in Markdown for each action: inputs, request, outputs and examples."""

from __future__ import annotations

import html
import json
import re
import shlex
from typing import TYPE_CHECKING, Any

from locoia_pat.authoring import recipes
from locoia_pat.http.retry import describe_policy
from locoia_pat.spec.input_types import describe_allowed
from locoia_pat.spec.model import ActionSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from locoia_pat.spec.load import SpecFolder
    from locoia_pat.spec.model import Example, Input, Output, SuperSpec

INDEX = "README.md"

_MARKUP = re.compile(r"([\\`*\[\]|~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
_LINE_START = re.compile(r"^(\d*)([-+=#.)])")


def files(folder: SpecFolder) -> dict[str, str]:
    """Return ``README.md``, ``ACTION.md`` for each action of *folder*, and the pages of its recipes.

    Raises:
        InvalidError: a spec is invalid, or a recipe cannot be read.

    """
    pages = {f"{name}.md": _join(_page(folder.spec(name))) for name in folder.names}
    recipe_pages = recipes.texts(folder, recipes.PAGE)
    return {INDEX: _join(_index(folder, recipe_pages)), **pages, **recipe_pages}


def _join(blocks: Iterable[str]) -> str:
    return "\n\n".join(blocks) + "\n"


def _index(folder: SpecFolder, recipe_pages: dict[str, str]) -> Iterator[str]:
    connector = folder.connector
    yield f"# {_text(connector.title)}"
    yield f"Connector {_code(connector.connector)}, version {connector.version}."
    if connector.docs:
        yield f"Documentation of the API: {_link(connector.docs)}"
    hosts = ", ".join(map(_code, connector.hosts))
    yield f"It calls {_code(connector.base_url)}; its credential is sent to {hosts} only."
    if connector.auth.info:
        yield _text(connector.auth.info)
    rows = [
        (f"[{_text(name)}]({name}.md)", spec.effect, _text(spec.summary))
        for name in folder.names
        for spec in [folder.spec(name)]
    ]
    yield _table(("action", "effect", "description"), rows)
    if recipe_pages:
        yield "## Recipes"
        yield "\n".join(f"- [{_text(_title(text))}]({file})" for file, text in recipe_pages.items())


def _title(page: str) -> str:
    return page.split("\n", 1)[0].lstrip("# ")


def _page(spec: ActionSpec | SuperSpec) -> Iterator[str]:
    yield f"# {_text(spec.title)}"
    yield _text(spec.summary)
    if isinstance(spec, ActionSpec):
        request = spec.request
        sends = _code(f"{request.method} {request.path}")
        retries = describe_policy(spec)
        yield f"Action {_code(spec.action)}; effect: {spec.effect}; {sends}; {retries}."
    else:
        yield f"Super action {_code(spec.action)}; effect: {spec.effect}. It runs other actions."
    if spec.docs:
        yield f"Documentation of the API: {_link(spec.docs)}"
    yield "## Inputs"
    yield _inputs(spec.inputs) if spec.inputs else "None."
    yield "## Outputs"
    rows = spec.reply.rows if isinstance(spec, ActionSpec) else None
    if rows:
        yield f"A list, {_code(rows)}; each row has:"
    outputs = spec.reply.output if isinstance(spec, ActionSpec) else spec.output
    yield _table(("output", "type", "description"), list(_outputs(outputs))) if outputs else "None."
    if isinstance(spec, ActionSpec):
        yield from _rest(spec)


def _rest(spec: ActionSpec) -> Iterator[str]:
    if spec.reply.errors:
        yield "## Errors"
        rows = [(status, _text(advice)) for status, advice in sorted(spec.reply.errors.items())]
        yield _table(("status or code", "what to do"), rows)
    if spec.examples:
        yield "## Examples"
        for example in spec.examples:
            yield from _example(spec, example)


def _inputs(fields: dict[str, Input]) -> str:
    rows = []
    for name, field in _all("", fields):
        sentences = [f"{field.title}: {field.info}" if field.info else f"{field.title}."]
        sentences += [] if field.default is None else [f"Default: {json.dumps(field.default, ensure_ascii=False)}."]
        sentences += [f"{option}: {note}." for option, note in (field.option_notes or {}).items()]
        rows.append(
            (_code(name), "yes" if field.required else "no", _text(describe_allowed(field)), _text(" ".join(sentences)))
        )
    return _table(("input", "required", "accepts", "description"), rows)


def _all(above: str, fields: dict[str, Input]) -> Iterator[tuple[str, Input]]:
    """Yield all inputs with their dotted names, those inside objects as well."""
    for name, field in fields.items():
        yield above + name, field
        yield from _all(f"{above}{name}.", field.children or {})


def _outputs(outputs: dict[str, Output], above: str = "") -> Iterator[tuple[str, str, str]]:
    for name, output in outputs.items():
        kind = f"list of {output.type}" if output.multiple else output.type
        meaning = output.title or ""
        meaning += "; shown once, and written to a token store only" if output.secret else ""
        yield _code(above + name), f"{kind} or null" if output.nullable else kind, _text(meaning)
        yield from _outputs(output.children or {}, f"{above}{name}.")


def _example(spec: ActionSpec, example: Example) -> Iterator[str]:
    yield f"### {_text(example.name)}"
    secret = {name for name, field in spec.inputs.items() if field.type == "password"}
    arguments = [
        f"{name}=@ref:file:{name}.txt" if name in secret else f"{name}={_argument(value, spec.inputs.get(name))}"
        for name, value in example.inputs.items()
    ]
    arguments += ["--token-to", "file:token.json"] if spec.secrets else []
    yield _block("sh", shlex.join(["locoia-pat", "run", spec.action, *arguments]))
    result = example.result
    if result is None:
        return
    code = f" {_code(result.code)}" if result.code else ""
    yield f"Outcome: {_code(result.outcome)}{code}."
    if result.data:
        yield _block("json", json.dumps(result.data, indent=2, ensure_ascii=False))


def _argument(value: Any, field: Input | None) -> str:
    """Return *value* as an argument of the command has it."""
    if isinstance(value, str) and not (field and field.type == "json"):
        return value
    return json.dumps(value, ensure_ascii=False)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(text: str) -> str:
    """Return *text* on one line, with markup and HTML escaped."""
    line = _MARKUP.sub(r"\\\1", " ".join(text.split()))
    return html.escape(_LINE_START.sub(r"\1\\\2", line), quote=False)


def _code(text: str) -> str:
    """Return *text* as inline code that is valid in a table as well."""
    line = " ".join(text.split())
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    inner = line.replace("|", "\\|")
    return f"{fence} {inner} {fence}" if longest else f"{fence}{inner}{fence}"


def _link(url: str) -> str:
    """Return a link to *url*, or escaped text if it is not a URL, as anything may be in a spec."""
    if re.fullmatch(r"https?://[!#-;=?-~]+", url):
        return f"<{url}>"
    return _text(url)


def _block(language: str, text: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
