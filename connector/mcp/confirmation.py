"""What a call would revoke or overwrite, in words for the person who confirms it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from locoia_pat.messages import printable
from locoia_pat.spec.model import SuperSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.connector import Connector
    from locoia_pat.mcp.tools import ActionTool
    from locoia_pat.spec.load import SpecFolder

_CONSEQUENCES = {
    "create": "This may revoke or take over:",
    "rotate": "This revokes, now or at the end of the overlap:",
    "update": "This overwrites:",
    "delete": "This ends for good:",
}
_MAX_ROWS, _MAX_LENGTH = 10, 200


@dataclass(frozen=True, slots=True)
class Question:
    """What a person confirms."""

    text: str
    subject: str
    """What the answer is good for: *text* without the last use, which may change while a person reads."""


def question(connector: Connector, specs: SpecFolder, tool: ActionTool, inputs: Mapping[str, Any]) -> Question | None:
    """Return what to confirm before *tool* runs with checked *inputs*, or None if it can end nothing.

    A super action that creates, such as ``ensure_pat``, is asked about only if an optional input hastens the end of an
    older token: with its defaults it renews what is due, and the older token works until the overlap ends.
    """
    if not tool.is_destructive or (tool.spec.effect == "create" and not _has_options(tool, inputs)):
        return None
    rows = _affected_rows(connector, specs, tool, inputs)
    if rows == [] and tool.spec.effect == "create":
        return None
    head = [f"{tool.spec.title} at {urlsplit(connector.base_url).netloc}.", _CONSEQUENCES[tool.spec.effect]]
    if not rows:
        state = "which could not be read" if rows is None else "which no list shows"
        head.append(f"- {_describe_inputs(inputs)}, {state}")
    subjects = [f"- {_describe_row(row)}" for row in (rows or [])[:_MAX_ROWS]]
    lines = [subject + _last_use(row) for subject, row in zip(subjects, rows or (), strict=False)]
    return Question("\n".join(head + lines), "\n".join(head + subjects))


def _has_options(tool: ActionTool, inputs: Mapping[str, Any]) -> bool:
    return any(
        inputs[name] is not None and inputs[name] != spec.default
        for name, spec in tool.inputs.items()
        if not spec.required
    )


def _affected_rows(
    connector: Connector, specs: SpecFolder, tool: ActionTool, inputs: Mapping[str, Any]
) -> list[Mapping[str, Any]] | None:
    """Return the rows that *inputs* name by their id or their managed name, or None if they could not be read."""
    spec = tool.spec
    read = specs.connector.check if isinstance(spec, SuperSpec) else spec.verify_with
    if read is None:
        return None
    given = {name: inputs[name] for name in specs.spec(read).inputs if name in inputs}
    data = connector.run(read, given).data
    if data is None:
        return None
    lists = [value for value in data.values() if isinstance(value, list)]
    rows: list[Mapping[str, Any]] = [row for rows in lists for row in rows if isinstance(row, dict)]
    return [row for row in rows or [data] if _is_named(row, inputs)]


def _is_named(row: Mapping[str, Any], inputs: Mapping[str, Any]) -> bool:
    managed = row.get("managed") or {}
    is_row = row.get("id") is not None and row["id"] in inputs.values()
    return is_row or ("name" in inputs and managed.get("name") == inputs["name"])


def _describe_row(row: Mapping[str, Any]) -> str:
    name = row.get("name") or (row.get("managed") or {}).get("name")
    parts = [str(row.get("id"))]
    parts += [f"name {_quote(name)}"] if name else []
    parts += [f"note {_quote(row['note'] or '-')}"] if "note" in row else []
    return ", ".join(parts)


def _last_use(row: Mapping[str, Any]) -> str:
    return f", last used {row['last_used'] or 'never, or unknown'}" if "last_used" in row else ""


def _describe_inputs(inputs: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_quote(value)}" for name, value in inputs.items() if isinstance(value, str))


def _quote(value: str) -> str:
    """Return *value* on one line: a note is written by whoever created the row."""
    return f'"{printable(value[:_MAX_LENGTH])}"'
