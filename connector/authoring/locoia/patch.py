"""What one value has that another has not, as a JSON Patch (RFC 6902), and a patch applied.

Pure.  Objects are compared key by key, everything else as a whole.  What stands in the place of another value is
preceded by a ``test`` of that value, so a change made since on the other side is seen and wins.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Operation = dict[str, Any]
_EMPTY: tuple[Any, ...] = (None, "", [], {})


def difference(made: Mapping[str, Any], wanted: Mapping[str, Any], at: str = "") -> Iterator[Operation]:
    """The operations that make *wanted* of *made*, in the order of their paths."""
    for key, value in sorted(wanted.items()):
        path = f"{at}/{_escaped(key)}"
        if key not in made:
            yield {"op": "add", "path": path, "value": value}
        elif isinstance(value, dict) and isinstance(made[key], dict):
            yield from difference(made[key], value, path)
        elif not same(made[key], value):
            yield {"op": "test", "path": path, "value": made[key]}
            yield {"op": "replace", "path": path, "value": value}
    for key in sorted(made):
        if key not in wanted:
            path = f"{at}/{_escaped(key)}"
            yield {"op": "test", "path": path, "value": made[key]}
            yield {"op": "remove", "path": path}


def applied(value: Mapping[str, Any], operations: list[Operation]) -> tuple[dict[str, Any], list[str]]:
    """*Value* after *operations*, and the paths of those that no longer fit: their tests fail, or their place is gone.

    Raises:
        ValueError: one is no operation that :func:`difference` makes.

    """
    made: dict[str, Any] = copy.deepcopy(dict(value))
    misfits: list[str] = []
    failed = ""
    for operation in operations:
        kind, path, wanted = _checked(operation)
        parts = [_plain(part) for part in path.split("/")[1:]]
        holder = _holder(made, parts)
        if kind == "test":
            held = holder is not None and parts[-1] in holder and same(holder[parts[-1]], wanted)
            failed = "" if held else path
            misfits += [] if held else [path]
        elif holder is None:
            misfits.append(path)
        elif path == failed:
            continue
        elif kind == "remove":
            holder.pop(parts[-1], None)
        else:
            holder[parts[-1]] = wanted
    return made, misfits


def _checked(operation: Any) -> tuple[str, str, Any]:
    match operation:
        case {"op": "test" | "add" | "replace" as kind, "path": str(path), "value": value, **rest}:
            pass
        case {"op": "remove" as kind, "path": str(path), **rest}:
            value = None
        case _:
            raise ValueError("is no operation")
    if rest or not path.startswith("/"):
        raise ValueError("is no operation")
    return kind, path, value


def _holder(value: Any, parts: list[str]) -> dict[str, Any] | None:
    for part in parts[:-1]:
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else None


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same, to the type of each and the order of a list."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


def beyond(given: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    """What *given* says and *made* does not; what is empty says nothing."""
    found: dict[str, Any] = {}
    for key, value in given.items():
        beside = made.get(key)
        if isinstance(value, dict) and isinstance(beside, dict):
            if inner := beyond(value, beside):
                found[key] = inner
        elif not same(value, beside) and value not in _EMPTY and (beside or value is not False):
            found[key] = value
    return found


def merged(made: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """*Made* with *more* in its objects."""
    return {
        **made,
        **{
            key: merged(made[key], value) if isinstance(value, dict) and isinstance(made.get(key), dict) else value
            for key, value in more.items()
        },
    }


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _plain(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
