"""Imports go down only: the engine knows no token API, the actions know no HTTP, and httpx stays at the edge."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FLOORS = [
    {"errors", "suspect", "version"},
    {"encodings"},
    {"secret", "wire"},
    {"result", "document", "retry", "address", "require", "pattern", "form", "words", "body", "deadline"},
    {"rules", "template", "spec"},
    {"parse", "allowed", "answer", "compose"},
    {"folder", "inputs", "verdict"},
    {"pages"},
    {"exchange"},
    {"plan", "examples"},
    {"executor", "sinks", "state", "check"},
    {"auth", "steps", "supers"},
    {"run"},
    {"bulk"},
    {"connector"},
    {"witness"},
    {"cassettes"},
    {"library"},
    {"actions"},
    {"sandbox"},
    {"cli"},
    {"__main__"},
]
"""From the ground up.  A folder is one room; inside it imports are free."""

FACE = {"__init__"}
"""The lazy public face names rooms as texts; it imports nothing when it is loaded."""

ONLY = {
    "httpx": {"executor"},
    "truststore": {"executor"},
    "httpcore": {"deadline"},
    "jinja2": {"template"},
    "yaml": {"document"},
    "click": {"cli"},
    "pytest": {"cassettes"},
    "vcr": {"cassettes"},
    "sqlite3": {"sandbox", "state"},
    "starlette": {"sandbox"},
    "uvicorn": {"sandbox"},
    "pydantic": {"form", "spec", "parse", "inputs", "library", "actions"},
    "pydantic_core": {"pattern", "spec", "inputs"},
}
"""Which rooms know a library."""

PURE = {
    *("errors", "secret", "wire", "result", "document", "retry", "address", "rules", "template", "spec", "parse"),
    *("allowed", "answer", "compose", "inputs", "verdict", "pages", "exchange", "plan", "examples"),
    *("pattern", "form", "words", "suspect", "encodings", "body"),
}
IMPURE_MODULES = {"os", "sys", "socket", "time", "random", "secrets", "subprocess", "threading", "pathlib", "logging"}


def floor_of(room: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def modules() -> list[tuple[str, Path]]:
    found = [(path.stem, path) for path in (ROOT / "connector").glob("*.py")]
    found += [(path.relative_to(ROOT / "connector").parts[0], path) for path in (ROOT / "connector").glob("*/**/*.py")]
    found += [("actions", path) for path in (ROOT / "actions").rglob("*.py")]
    return sorted(found)


def imports(path: Path) -> set[str]:
    """Absolute names of what *path* imports, wherever in it; what only types need is left out."""
    package = ["locoia_pat", *path.relative_to(ROOT).parent.parts]
    package = ["locoia_pat", *package[2:]] if package[1:2] == ["connector"] else package
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    names: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = [*base, *(node.module or "").split(".")] if node.module else base
            names |= {".".join([*origin, alias.name]) for alias in node.names}
    return names


def rooms(path: Path) -> set[str]:
    """The rooms of ours that *path* imports."""
    found = set()
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "locoia_pat" and len(parts) > 1:
            known = parts[1] if any(parts[1] in floor for floor in FLOORS) else "connector"
            found.add(known)
    return found


MODULES = modules()
IDS = [str(path.relative_to(ROOT)) for _, path in MODULES]


def test_every_room_has_a_floor() -> None:
    known = set().union(*FLOORS) | FACE
    assert {room for room, _ in MODULES} == known


@pytest.mark.parametrize(("room", "path"), MODULES, ids=IDS)
def test_imports_go_down(room: str, path: Path) -> None:
    if room in FACE:
        assert rooms(path) == set()
        return
    upward = {other for other in rooms(path) - {room} if floor_of(other) >= floor_of(room)}
    assert not upward, f"{path} is on floor {floor_of(room)} and imports {upward}"


@pytest.mark.parametrize(("room", "path"), MODULES, ids=IDS)
def test_a_library_is_known_by_its_rooms_alone(room: str, path: Path) -> None:
    known = {name.split(".")[0] for name in imports(path)}
    assert {library for library in known & ONLY.keys() if room not in ONLY[library]} == set()


@pytest.mark.parametrize("room", sorted(PURE))
def test_the_core_is_pure(room: str) -> None:
    files = [path for name, path in MODULES if name == room]
    assert files
    for path in files:
        assert {name.split(".")[0] for name in imports(path)} & IMPURE_MODULES == set()


@pytest.mark.parametrize(("room", "path"), MODULES, ids=IDS)
def test_a_file_is_short_enough_to_be_read(room: str, path: Path) -> None:
    assert room
    assert len(path.read_text().splitlines()) <= 350
