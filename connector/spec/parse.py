"""Parse YAML text into the models of the spec language, or into findings: what is wrong, and where.

Pure.  Templates are parsed later, when an action is compiled.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from locoia_pat.spec import yaml
from locoia_pat.spec.action_rules import action_findings, super_findings
from locoia_pat.spec.connector_rules import connector_findings
from locoia_pat.spec.located_model import parse
from locoia_pat.spec.model import ActionSpec, ConnectorSpec, OptionList, SuperSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OPTION_KEYS = frozenset(OptionList.model_fields)


def parse_spec(
    text: str, file: str, shared_options: Callable[[], Mapping[str, OptionList]] = dict
) -> ActionSpec | SuperSpec:
    """Return the action or super action in the YAML *text* of *file*.

    Args:
        text: the text.
        file: its name, for findings.
        shared_options: returns the ``options`` of the connector; called only if an input uses them.

    Raises:
        SpecError: the text is invalid; the error has all mistakes, with line and column.

    """
    source = yaml.load(text, file)
    if isinstance(source.value, dict):
        source = replace(source, value=_insert_options(source.value, "inputs", shared_options))
        if "super" in source.value:
            return parse(SuperSpec, source, super_findings)
    return parse(ActionSpec, source, action_findings)


def _insert_options(
    parent: dict[str, Any], key: str, shared_options: Callable[[], Mapping[str, OptionList]]
) -> dict[str, Any]:
    """Return *parent* with the inputs under *key* as if each had the list that it names under ``options``.

    What cannot be inserted is left as it is, for the rules to report.
    """
    if not isinstance(fields := parent.get(key), dict):
        return parent
    inserted: dict[str, Any] = {}
    for name, field in fields.items():
        inserted[name] = _insert_options(field, "children", shared_options) if isinstance(field, dict) else field
        if isinstance(field, dict) and isinstance(field.get("options"), str) and not field.keys() & _OPTION_KEYS:
            options = shared_options().get(field["options"])
            if options is not None:
                rest = {part: value for part, value in inserted[name].items() if part != "options"}
                inserted[name] = rest | options.model_dump(exclude_none=True)
    return parent | {key: inserted}


def parse_action(text: str, file: str) -> ActionSpec:
    """Return the action in the YAML *text* of *file*; its templates are not parsed yet.

    Raises:
        SpecError: the text is invalid; the error has all mistakes, with line and column.

    """
    return parse(ActionSpec, yaml.load(text, file), action_findings)


def parse_connector(text: str, file: str) -> ConnectorSpec:
    """Return the connector in the YAML *text* of *file*; its templates are not parsed yet.

    Raises:
        SpecError: the text is invalid; the error has all mistakes, with line and column.

    """
    return parse(ConnectorSpec, yaml.load(text, file), connector_findings)
