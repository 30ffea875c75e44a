"""Write a folder of specs as Locoia's configuration, and draft specs from the parts of it that Locoia documents."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from locoia_pat.authoring.locoia import guide_safety
from locoia_pat.authoring.locoia.action_file import pages_of, to_action
from locoia_pat.authoring.locoia.base_connector import to_base_connector
from locoia_pat.authoring.locoia.documented_fields import MAX_LENGTHS
from locoia_pat.authoring.locoia.extra_keys import merge, read_extra_keys
from locoia_pat.authoring.locoia.guide import guide, rest_helper_page
from locoia_pat.engine.action import CompiledAction
from locoia_pat.engine.checker import check_specs
from locoia_pat.outcomes import SpecError, invalid
from locoia_pat.spec.model import ActionSpec, SuperSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from locoia_pat.authoring.locoia.extra_keys import ExtraKeys
    from locoia_pat.spec.load import SpecFolder

__all__ = ["files", "notes"]


def files(folder: SpecFolder) -> dict[str, str]:
    """Return the configuration of *folder*: the text of each file by its path.

    Raises:
        InvalidError: a spec or ``locoia.json`` is invalid.

    """
    if findings := check_specs(folder):
        raise SpecError(findings)
    connector: dict[str, Any] = folder.connector.document.value
    specs = {name: folder.spec(name) for name in folder.names}
    supers = {name: spec.document.value for name, spec in specs.items() if isinstance(spec, SuperSpec)}
    left_out = _left_out(folder)
    requests = {name: spec.document.value for name, spec in specs.items() if name not in {*supers, *left_out}}
    extra = read_extra_keys(folder)
    pages = [pages for spec in requests.values() if (pages := pages_of(spec))]
    base = merge(to_base_connector(connector, pages), extra.connector)
    for key, maximum in MAX_LENGTHS.items():
        if isinstance(base[key], str) and len(base[key]) > maximum:
            raise invalid(f'"{key}" has {len(base[key])} characters; Locoia allows {maximum}', field="specs")
    return texts_of(connector, base, requests, extra, supers)


def texts_of(
    connector: Mapping[str, Any],
    base: Mapping[str, Any],
    specs: Mapping[str, Any],
    extra: ExtraKeys,
    supers: Mapping[str, Any],
    *,
    opening: Iterable[str] | None = None,
    warnings: Callable[[Mapping[str, Any]], Iterable[str]] = guide_safety.warnings,
) -> dict[str, str]:
    """Return the text of each file of an export; arguments as for :func:`.guide.guide`, with *extra* keys."""
    actions = {
        name: merge(to_action(spec, base["name"], rank), extra.actions.get(name, {}))
        for rank, (name, spec) in enumerate(specs.items(), 1)
    }
    return {
        "GUIDE.md": guide(connector, base, specs, actions, supers, opening=opening, warnings=warnings),
        "connector.json": _json(base),
        **{f"actions/{name}.json": _json(action) for name, action in actions.items()},
        **{f"rest-helper/{name}.md": rest_helper_page(connector, spec, warnings) for name, spec in specs.items()},
    }


def notes(folder: SpecFolder) -> list[str]:
    """Return the notes to print after the export of *folder*."""
    lines = (
        (
            [name for name in folder.names if isinstance(folder.spec(name), SuperSpec)],
            "super actions send no request of their own; GUIDE.md says how to run them outside Locoia",
        ),
        (
            _left_out(folder),
            "not exported, because an Action has one base URL, no polls, no files, and no identifier in its request",
        ),
    )
    return [f"{', '.join(names)}: {why}" for names, why in lines if names]


def _left_out(folder: SpecFolder) -> list[str]:
    """Return the actions that Locoia's Actions cannot express."""
    specs = [spec for name in folder.names if isinstance(spec := folder.spec(name), ActionSpec)]
    return [
        spec.action
        for spec in specs
        if spec.poll or spec.request.base_url or spec.request.file or CompiledAction(spec).is_identified
    ]


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
