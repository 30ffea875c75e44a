"""``SpecFolder``: a folder of specs; each file is read when it is first needed."""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from locoia_pat.files import similar_file
from locoia_pat.messages import describe_value, did_you_mean
from locoia_pat.outcomes import Finding, InvalidError, SpecError, invalid
from locoia_pat.spec.compiled_form import require_request

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.resources.abc import Traversable

    from locoia_pat.spec.compiled_form import CompiledSpec
    from locoia_pat.spec.model import ActionSpec, ConnectorSpec, SuperSpec

CONNECTOR_FILE = "connector.yaml"
_MAX_BYTES = 512 * 1024
_MAX_NAME = 64
_TYPO = 0.85
"""How much alike two names are, of which one is a misspelling of the other."""
_NOT_ACTIONS = (CONNECTOR_FILE, ".yaml")


class SpecFolder:
    """``connector.yaml``, and a file named like the action for each action."""

    pack: str | None = None
    """The name of the installed pack that the specs belong to; its actions are named ``pack.action``."""

    def __init__(self, folder: Traversable | str | os.PathLike[str] | None = None) -> None:
        """Use *folder*, by default Locoia's own specs; nothing is read yet."""
        self.is_own = folder is None
        if folder is None:
            from importlib.resources import files  # noqa: PLC0415  # not needed with other specs

            folder = files("locoia_pat.specs")
        self.folder = _expand(folder) if isinstance(folder, (str, os.PathLike)) else folder
        self._actions: dict[str, ActionSpec | SuperSpec] = {}
        self.compiled: dict[str, CompiledSpec] = {}
        """By file: the specs that were compiled for runs."""

    @cached_property
    def connector(self) -> ConnectorSpec:
        """What the actions share.

        Raises:
            InvalidError: the folder has no ``connector.yaml``, or it is invalid.

        """
        from locoia_pat.spec.parse import parse_connector  # noqa: PLC0415  # listing names needs no pydantic

        return parse_connector(*self.text(CONNECTOR_FILE))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of all actions, sorted.

        Raises:
            InvalidError: it is not a folder of specs.

        """
        files = self._files
        if CONNECTOR_FILE not in files:
            reason, hint = f"it has no {CONNECTOR_FILE}", "Name a folder that has one, and a YAML file for each action."
            if CONNECTOR_FILE.replace(".yaml", ".yml") in files:
                hint = "Rename connector.yml to connector.yaml: the name of a spec ends in .yaml."
            elif not (isinstance(self.folder, Path) and not self.folder.exists()):
                hint += " To begin a connector: locoia-pat new NAME."
            else:
                reason = f"it does not exist{similar_file(self.folder)}"
            raise invalid(f"{self.folder} is not a folder of specs: {reason}", field="specs", hint=hint)
        return tuple(
            sorted(file.removesuffix(".yaml") for file in files if file.endswith(".yaml") and file not in _NOT_ACTIONS)
        )

    def matching(self, patterns: Iterable[str], *, field: str) -> tuple[str, ...]:
        """Return the names of the actions that *patterns* allow; ``*`` matches any characters.

        Raises:
            InvalidError: for *field*; a pattern matches no action.

        """
        from fnmatch import fnmatchcase  # noqa: PLC0415  # a run does not need it

        patterns = tuple(patterns)
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in self.names):
                raise self._no_such_action(pattern, field)
        return tuple(name for name in self.names if any(fnmatchcase(name, pattern) for pattern in patterns))

    @property
    def misnamed(self) -> tuple[str, ...]:
        """The files whose names end in ``.yml``, sorted; they are not read."""
        return tuple(sorted(file for file in self._files if file.endswith(".yml")))

    @cached_property
    def _files(self) -> list[str]:
        try:
            return [entry.name for entry in self.folder.iterdir()]
        except (OSError, ValueError):
            return []

    def action(self, name: str) -> ActionSpec:
        """Return the action *name*, which sends a request of its own.

        Raises:
            InvalidError: there is no such action, its spec is invalid, or it is a super action.

        """
        return require_request(self.spec(name))

    def spec(self, name: str) -> ActionSpec | SuperSpec:
        """Return the action or super action *name*.

        Raises:
            InvalidError: there is no such action, or its spec is invalid.

        """
        if not isinstance(name, str):
            hint = f'Give its name, such as "{next(iter(self.names), "list_pats")}".'
            raise invalid(f"the name of an action is a string, not {describe_value(name)}", field="action", hint=hint)
        if name not in self._actions:
            if name not in self.names:
                raise self._no_such_action(name, "action")
            self._actions[name] = self._parse(name)
        return self._actions[name]

    def _no_such_action(self, name: str, field: str) -> InvalidError:
        instead = self.instead_of(name)
        suggestion = "" if instead else did_you_mean(name, self.names)
        return invalid(
            f"there is no action {describe_value(name)}{suggestion}",
            field=field,
            hint=instead or f"Actions: {', '.join(self.names)}.",
            next="locoia-pat actions",
        )

    def instead_of(self, name: str) -> str | None:
        """Return what the connector says to use instead of an action *name*, unless one has almost that name."""
        import difflib  # noqa: PLC0415  # needed for a mistake only

        if difflib.get_close_matches(name[:_MAX_NAME].lower(), self.names, n=1, cutoff=_TYPO):
            return None
        verb = re.split(r"[^a-z]|(?=[A-Z])", name[:_MAX_NAME], maxsplit=1)[0]
        try:
            hints = self.connector.instead
        except InvalidError:  # of the connector, which is reported where it is used
            return None
        return next((instead.hint for instead in hints if verb in instead.verbs), None)

    def _parse(self, name: str) -> ActionSpec | SuperSpec:
        from locoia_pat.spec.parse import parse_spec  # noqa: PLC0415  # listing names needs no pydantic

        spec = parse_spec(*self.text(f"{name}.yaml"), lambda: self.connector.options)
        if spec.action != name:
            message = f'the action must be named "{name}", as its file is'
            raise SpecError([spec.document.finding("file-name", ("action",), message)])
        return spec

    def text(self, file: str) -> tuple[str, str]:
        """Return the text of *file*, and its path for messages.

        Raises:
            InvalidError: it cannot be read, or is not text.

        """
        path = self.folder / file
        try:
            with path.open("rb") as source:  # at most the size that a spec may have
                return source.read(_MAX_BYTES).decode("utf-8"), str(path)
        except UnicodeDecodeError:
            raise SpecError([Finding(str(path), 1, 1, "yaml", "the file is not UTF-8 text")]) from None
        except OSError as error:
            raise invalid(f"{path} cannot be read: {error.strerror}", field="specs") from None


def _expand(folder: str | os.PathLike[str]) -> Path:
    try:
        return Path(folder).expanduser()
    except RuntimeError:  # ~USER of a user that does not exist
        return Path(folder)
