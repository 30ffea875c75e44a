"""``sidecar.json``: what specs say and Locoia's configuration cannot, so that an import gives them back as they were.

Pure.  It is the difference between a spec and what the configuration alone gives, so it holds nothing that the
configuration says, and what is changed there is what an import takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat.authoring.locoia import connection, steps
from locoia_pat.authoring.locoia.patch import difference
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = "locoia-pat sidecar "
FORMAT = f"{_NAME}1"
ABOUT = (
    "What the specs say and Locoia's configuration cannot, as JSON Patches (RFC 6902) of what it says. Locoia does not "
    "need this file; locoia-pat import locoia does."
)


def text(
    connector: Mapping[str, Any],
    base: Mapping[str, Any],
    specs: Mapping[str, Any],
    actions: Mapping[str, Any],
    supers: Mapping[str, Any],
) -> dict[str, Any]:
    """The sidecar of *connector* and *specs*, which are exported as *base* and *actions*; super actions are in it."""
    paging = base["pagination_config"]
    return {
        "format": FORMAT,
        "about": ABOUT,
        "connector": list(difference(connection.spec(base), connector)),
        "actions": {name: list(difference(steps.spec(actions[name], paging)[0], spec)) for name, spec in specs.items()},
        "supers": dict(supers),
    }


def checked(found: Mapping[str, Any], file: str) -> dict[str, Any]:
    """The sidecar *found* in *file*.

    Raises:
        InvalidError: it is of another version, or damaged.

    """
    if found["format"] != FORMAT:
        raise invalid(
            f"{file} has the format {describe_value(found['format'])}; this version reads {describe_value(FORMAT)}",
            field="file",
            hint="Import it with the version of locoia-pat that wrote it, or a newer one.",
        )
    actions, supers = found.get("actions"), found.get("supers")
    whole = isinstance(actions, dict) and isinstance(supers, dict) and isinstance(found.get("connector"), list)
    if not whole or not all(isinstance(one, list) for one in (actions or {}).values()):
        raise invalid(f"{file} is damaged: a sidecar has connector, actions and supers", field="file")
    return dict(found)
