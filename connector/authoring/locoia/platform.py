"""``locoia.json`` beside specs: what Locoia's configuration has and specs cannot say, such as a logo or tags."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from locoia_pat.authoring.locoia import connection, steps
from locoia_pat.messages import describe_value, did_you_mean
from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from locoia_pat.spec.load import SpecFolder

FILE = "locoia.json"
FORMAT = "locoia-pat platform 1"
_ACTIONS = "actions"


def read(folder: SpecFolder) -> dict[str, Any]:
    """What stands beside the specs of *folder*: for the connector, and for actions by their names.

    Raises:
        InvalidError: it is wrong, or says what the specs say.

    """
    empty: dict[str, Any] = {"connector": {}, _ACTIONS: {}}
    if FILE not in [entry.name for entry in folder.folder.iterdir()]:
        return empty
    text, name = folder.text(FILE)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise invalid(f"{name} is no JSON", field="specs") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise invalid(f'{name} is none that this version reads: its "format" is not "{FORMAT}"', field="specs")
    made = empty | {key: value for key, value in found.items() if key != "format"}
    parts = [made["connector"], made[_ACTIONS], *(made[_ACTIONS].values() if isinstance(made[_ACTIONS], dict) else ())]
    if made.keys() != empty.keys() or not all(isinstance(part, dict) for part in parts):
        raise invalid(f'{name} has "connector", an object, and "actions", objects by their names', field="specs")
    for action, more in made[_ACTIONS].items():
        if action not in folder.names:
            near = did_you_mean(action, folder.names)
            raise invalid(
                f"{name} speaks of {describe_value(action)}, and there is no such action{near}", field="specs"
            )
        _unsaid(name, more, steps.SAID)
    header = made["connector"].get("header", {})
    _unsaid(name, header if isinstance(header, dict) else {"header": header}, (*connection.IN_HEADER, "header"))
    _unsaid(name, {key: value for key, value in made["connector"].items() if key != "header"}, connection.SAID)
    return made


def _unsaid(name: str, found: dict[str, Any], said: tuple[str, ...]) -> None:
    for key in said:
        if key in found:
            raise invalid(f'{name} says "{key}", which is for the specs to say', field="specs")


def text(connector: dict[str, Any], actions: dict[str, dict[str, Any]]) -> str:
    """The text of the file that says *connector* and *actions*; empty where there is nothing to say."""
    said = {name: more for name, more in actions.items() if more}
    if not connector and not said:
        return ""
    return json.dumps({"format": FORMAT, "connector": connector, _ACTIONS: said}, indent=2, ensure_ascii=False) + "\n"
