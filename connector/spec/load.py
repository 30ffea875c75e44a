"""``SpecFolder``: a folder of specs, each read when it is asked for."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from locoia_pat.messages import describe_value, did_you_mean
from locoia_pat.outcomes import Finding, SpecError, invalid

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from locoia_pat.spec.model import ActionSpec, ConnectorSpec, SuperSpec

CONNECTOR_FILE = "connector.yaml"
_MAX_BYTES = 512 * 1024
_NO_ACTIONS = (CONNECTOR_FILE, ".yaml")


class SpecFolder:
    """``connector.yaml`` and one file for each action, which is called as the file is."""

    pack: str | None = None
    """The installed pack that these are the specs of: its actions are called ``pack.action``."""

    def __init__(self, folder: Traversable | str | os.PathLike[str] | None = None) -> None:
        """Take *folder*, by default Locoia's own specs; nothing is read yet."""
        self.is_own = folder is None
        if folder is None:
            from importlib.resources import files  # noqa: PLC0415  # not needed with other specs

            folder = files("locoia_pat.specs")
        self.folder = _path(folder) if isinstance(folder, (str, os.PathLike)) else folder
        self._actions: dict[str, ActionSpec | SuperSpec] = {}

    @cached_property
    def connector(self) -> ConnectorSpec:
        """What the actions share.

        Raises:
            InvalidError: the folder has no ``connector.yaml``, or a wrong one.

        """
        from locoia_pat.spec.parse import parse_connector  # noqa: PLC0415  # listing names needs no pydantic

        return parse_connector(*self.text(CONNECTOR_FILE))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of all actions, sorted.

        Raises:
            InvalidError: this is no folder of specs.

        """
        try:
            files = [entry.name for entry in self.folder.iterdir()]
        except (OSError, ValueError):
            files = []
        if CONNECTOR_FILE not in files:
            raise invalid(
                f"{self.folder} is no folder of specs: it has no {CONNECTOR_FILE}",
                field="specs",
                hint="Name a folder that holds one, with a YAML file for each action beside it.",
            )
        return tuple(
            sorted(file.removesuffix(".yaml") for file in files if file.endswith(".yaml") and file not in _NO_ACTIONS)
        )

    def action(self, name: str) -> ActionSpec:
        """The action *name*, which sends a request of its own.

        Raises:
            InvalidError: there is none of that name, its spec is wrong, or it is a super action.

        """
        from locoia_pat.spec.model import SuperSpec  # noqa: PLC0415  # listing names needs no pydantic

        spec = self.spec(name)
        if isinstance(spec, SuperSpec):
            raise invalid(
                f"{name} is a super action: it has no request of its own",
                field="action",
                hint=f"Show or run it: it does what it takes through other actions. {spec.summary}",
                next=f"locoia-pat show {name}",
            )
        return spec

    def spec(self, name: str) -> ActionSpec | SuperSpec:
        """The action or super action *name*.

        Raises:
            InvalidError: there is none of that name, or its spec is wrong.

        """
        if name not in self._actions:
            if name not in self.names:
                raise invalid(
                    f"there is no action {describe_value(name)}{did_you_mean(name, self.names)}",
                    field="action",
                    hint=f"Actions: {', '.join(self.names)}.",
                    next="locoia-pat actions",
                )
            self._actions[name] = self._parsed(name)
        return self._actions[name]

    def _parsed(self, name: str) -> ActionSpec | SuperSpec:
        from locoia_pat.spec.parse import parse_spec  # noqa: PLC0415  # listing names needs no pydantic

        source = self.text(f"{name}.yaml")
        try:
            spec = parse_spec(*source)
        except SpecError as error:
            findings = error.findings
        else:
            if spec.action == name:
                return spec
            message = f'the file is called "{name}", so is the action'
            findings = (spec.document.finding("file-name", ("action",), message),)
        from locoia_pat.request.builder import template_findings  # noqa: PLC0415  # only where something is wrong already

        raise SpecError([*findings, *template_findings(*source)])

    def text(self, file: str) -> tuple[str, str]:
        """The text of *file* and its name for errors.

        Raises:
            InvalidError: it is not there, or no text.

        """
        path = self.folder / file
        try:
            with path.open("rb") as source:  # no more is read than a spec may have
                return source.read(_MAX_BYTES).decode("utf-8"), str(path)
        except UnicodeDecodeError:
            raise SpecError([Finding(str(path), 1, 1, "yaml", "a spec is UTF-8 text")]) from None
        except OSError as error:
            raise invalid(f"{path} cannot be read: {error.strerror}", field="specs") from None


def _path(folder: str | os.PathLike[str]) -> Path:
    try:
        return Path(folder).expanduser()
    except RuntimeError:  # the home of nobody
        return Path(folder)
