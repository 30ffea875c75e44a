"""A folder of specs as Locoia's configuration, and back.

``files`` writes it, ``reading.imported`` reads it.  What Locoia's documentation shows is in ``vocabulary``; what it
does not show, and an Action needs, is in ``unverified`` alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from locoia_pat.authoring.locoia import connection, guide, platform, rest_helper, sidecar, steps
from locoia_pat.authoring.locoia.patch import merged
from locoia_pat.authoring.locoia.vocabulary import MOST
from locoia_pat.engine.checker import check_specs
from locoia_pat.outcomes import SpecError, invalid
from locoia_pat.spec.model import SuperSpec

if TYPE_CHECKING:
    from locoia_pat.spec.load import SpecFolder

__all__ = ["files", "notes"]


def files(folder: SpecFolder) -> dict[str, str]:
    """The configuration of *folder*: the text of each file by its path.

    Raises:
        InvalidError: a spec is wrong, or ``locoia.json`` is.

    """
    if found := check_specs(folder):
        raise SpecError(found)
    connector: dict[str, Any] = folder.connector.document.value
    specs = {name: folder.spec(name) for name in folder.names}
    supers = {name: spec.document.value for name, spec in specs.items() if isinstance(spec, SuperSpec)}
    requests = {name: spec.document.value for name, spec in specs.items() if name not in supers}
    more = platform.read(folder)
    base = merged(
        connection.base(connector, [paged for spec in requests.values() if (paged := steps.pages(spec))]),
        more["connector"],
    )
    _limited(base)
    made = {
        name: merged(steps.action(spec, base["name"], rank), more["actions"].get(name, {}))
        for rank, (name, spec) in enumerate(requests.items(), 1)
    }
    return {
        "GUIDE.md": guide.text(connector, base, requests, made, supers),
        "connector.json": _json(base),
        **{f"actions/{name}.json": _json(action) for name, action in made.items()},
        **{f"rest-helper/{name}.md": rest_helper.page(connector, spec) for name, spec in requests.items()},
        "sidecar.json": _json(sidecar.text(connector, base, requests, made, supers)),
    }


def notes(folder: SpecFolder) -> list[str]:
    """What to know at once about the export of *folder*."""
    supers = [name for name in folder.names if isinstance(folder.spec(name), SuperSpec)]
    if not supers:
        return []
    return [
        f"{', '.join(supers)}: super actions send no request of their own; GUIDE.md says how they run beside Locoia"
    ]


def _limited(base: dict[str, Any]) -> None:
    for key, most in MOST.items():
        if isinstance(base[key], str) and len(base[key]) > most:
            raise invalid(f'"{key}" has {len(base[key])} characters; Locoia takes {most}', field="specs")


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
