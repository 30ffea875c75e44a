"""Locoia's configuration as specs: whole with a sidecar, and without one as drafts, with what they lack.

Pure: texts in, texts out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from locoia_pat.authoring.locoia import connection, drafts, kinds, sidecar, steps
from locoia_pat.authoring.locoia.patch import applied
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import invalid
from locoia_pat.spec.load import CONNECTOR_FILE
from locoia_pat.spec.model import ActionSpec, ConnectorSpec, SuperSpec
from locoia_pat.spec.yaml import write

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from locoia_pat.authoring.locoia.kinds import File

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_HEAD = "# yaml-language-server: $schema={}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know about one key of one file that was made."""

    file: str
    key: str
    message: str


@dataclass(slots=True)
class Imported:
    """What comes of an import."""

    texts: dict[str, str] = field(default_factory=dict)
    """The files of the folder of specs, by name."""
    name: str | None = None
    """The connector's name."""
    missing: list[Note] = field(default_factory=list)
    """What the specs need and nothing says; to be filled in."""
    chosen: list[Note] = field(default_factory=list)
    """What was decided, for want of a word on it; to be looked at."""
    changed: list[Note] = field(default_factory=list)
    """Where the configuration differs from what the sidecar was made for: it is taken as it is."""


def imported(texts: Mapping[str, str]) -> Imported:
    """The specs that the files *texts*, by their names, say.

    Raises:
        InvalidError: a file is nothing of Locoia's, or of a version that is not known, or files contradict each other.

    """
    parts = _Parts([kinds.read(text, name) for name, text in texts.items()])
    done = Imported()
    values = {} if parts.connector is None else {CONNECTOR_FILE: _connector(parts, done)}
    paging = (parts.connector or {}).get("pagination_config")
    for name in sorted({*parts.actions, *parts.side["actions"]}):
        values[f"{name}.yaml"] = _action(name, parts, paging, done)
    for name, spec in parts.side["supers"].items():
        if not isinstance(spec, dict) or not _NAME.fullmatch(name) or f"{name}.yaml" in values:
            raise invalid(f"the sidecar is damaged: {describe_value(name)} is no super action", field="file")
        values[f"{name}.yaml"] = drafts.ordered(spec, SuperSpec)
    if parts.connector is None:
        done.missing.append(Note(CONNECTOR_FILE, "", "the base connector: its name, its address and its credential"))
    if not parts.sides:
        done.missing.append(Note("sidecar.json", "", drafts.ONLY_OURS))
    found = values.get(CONNECTOR_FILE, {}).get("connector")
    done.name = found if isinstance(found, str) and _NAME.fullmatch(found) else None
    done.texts = {file: _text(file, value, done.missing) for file, value in values.items()}
    if more := drafts.platform(parts.connector or {}, parts.actions, values):
        done.texts["locoia.json"] = more
    return done


class _Parts:
    """The files, put together: one connector, actions by their names, and the sidecar."""

    def __init__(self, files: Iterable[File]) -> None:
        self.connector: dict[str, Any] | None = None
        self.actions: dict[str, dict[str, Any]] = {}
        self.sides: list[str] = []
        self.side: dict[str, Any] = {"connector": [], "actions": {}, "supers": {}}
        for file in files:
            match file.kind:
                case "action" | "form":
                    self._take_action(file)
                case "sidecar":
                    if self.sides:
                        raise invalid(f"{self.sides[0]} and {file.name} are two sidecars", field="file")
                    self.sides.append(file.name)
                    self.side = sidecar.checked(file.value, file.name)
                case "connector":
                    self._take(file, file.value)
                case kind:
                    self._take(file, {kind: file.value})
        if self.connector is not None:
            self.connector["auth_config"] = connection.current(self.connector.get("auth_config"))
            self.connector["search_config"] = connection.current_search(self.connector.get("search_config"))

    def _take(self, file: File, value: Mapping[str, Any]) -> None:
        held = self.connector or {}
        for key, said in value.items():
            if held.get(key) and said and held[key] != said:
                raise invalid(f'{file.name} says another "{key}" than a file before it', field="file")
        self.connector = held | {key: said for key, said in value.items() if said or key not in held}

    def _take_action(self, file: File) -> None:
        stem = re.sub(r"\.json$", "", re.split(r"[/\\]", file.name)[-1])
        value = file.value if file.kind == "action" else {"action_name": stem, "ui_form_schema": file.value}
        called = str(value.get("action_name") or stem)
        name = connection.snake(called)
        if not _NAME.fullmatch(name) or f"{name}.yaml" == CONNECTOR_FILE:
            raise invalid(f"{file.name}: {describe_value(called)} is no name for an action", field="file")
        if name in self.actions:
            raise invalid(f"{file.name} is another action of the name {name}", field="file")
        self.actions[name] = {**value, "action_name": called}


def _connector(parts: _Parts, done: Imported) -> dict[str, Any]:
    given = parts.connector or {}
    made = connection.spec(given)
    if parts.sides:
        made = _patched(CONNECTOR_FILE, made, parts.side["connector"], done)
    else:
        made |= {"version": "0.1.0"}
        done.chosen += [Note(CONNECTOR_FILE, key, why) for key, why in drafts.chosen(made)]
    done.missing += [Note(CONNECTOR_FILE, key, why) for key, why in drafts.lacking(given, made)]
    return drafts.ordered(made, ConnectorSpec)


def _action(name: str, parts: _Parts, paging: Any, done: Imported) -> dict[str, Any]:
    file = f"{name}.yaml"
    if name not in parts.actions:
        if not _NAME.fullmatch(name):
            raise invalid(f"the sidecar is damaged: {describe_value(name)} is no action", field="file")
        done.missing.append(Note(file, "", f"the Action {name}: the sidecar speaks of it, and no file holds it"))
    made, missing, chosen = steps.spec(parts.actions.get(name, {"action_name": name}), paging)
    if name in parts.side["actions"]:
        made = _patched(file, made, parts.side["actions"][name], done)
    else:
        done.chosen += [Note(file, key, why) for key, why in chosen]
    done.missing += [Note(file, key, why) for key, why in missing if not drafts.has(made, key)]
    return drafts.ordered(made, ActionSpec)


def _patched(file: str, made: dict[str, Any], operations: list[Any], done: Imported) -> dict[str, Any]:
    try:
        patched, misfits = applied(made, operations)
    except ValueError:
        raise invalid(f"the sidecar is damaged where it speaks of {file}", field="file") from None
    done.changed += [Note(file, path.strip("/").replace("/", "."), "changed since the export") for path in misfits]
    return patched


def _text(file: str, value: dict[str, Any], missing: Iterable[Note]) -> str:
    """The YAML of *value*, with what it lacks above it."""
    kind = "connector" if file == CONNECTOR_FILE else "super" if "super" in value else "action"
    lacks = [f"# missing: {_line(f'{note.key or file}: {note.message}')}\n" for note in missing if note.file == file]
    try:
        body = write(value)
    except ValueError:
        raise invalid(
            f"what would be {file} cannot be said in a spec",
            field="file",
            hint="It is too large or nested too deeply, or has a number of more than 16 digits.",
        ) from None
    return _HEAD.format(f"{kind}.schema.json") + "".join(lacks) + body


def _line(text: str) -> str:
    """*Text* of a stranger as one line that YAML may hold."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)
