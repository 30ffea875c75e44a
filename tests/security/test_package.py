"""The package contains no recorded response, and no token in an example that could be a real one."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import locoia_pat
from locoia_pat import actions, specs

ROOT = Path(__file__).parents[2]
FOLDERS = [Path(str(module.__file__)).parent for module in (locoia_pat, actions, specs)]
INSTALLED = sorted(
    {path for folder in FOLDERS for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
)
KINDS = {".css", ".html", ".js", ".json", ".md", ".py", ".svg", ".typed", ".yaml"}


def test_only_code_and_specs_are_installed() -> None:
    assert {path.suffix for path in INSTALLED} == KINDS
    recorded = [path for path in INSTALLED if path.suffix == ".yaml" and "interactions:" in path.read_text()]
    assert recorded == []


def test_nothing_but_the_packages_is_installed() -> None:
    """An sdist takes what MANIFEST.in names, a wheel what package-data names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert not (ROOT / "MANIFEST.in").exists()
    assert "include-package-data" not in project
    taken = {pattern for patterns in project["package-data"].values() for pattern in patterns}
    texts = {"py.typed", "*.yaml", "*.json", "*.md", "templates/*.yaml", "templates/*.html"}
    assert taken == texts | {"static/*", "compiled/*"}  # the files of the token page, and the compiled specs
    assert {root.split("/")[0] for root in project["package-dir"].values()} == {"connector", "actions", "specs"}


@pytest.mark.parametrize(
    "path", [path for path in INSTALLED if path.suffix == ".yaml"], ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_secrets_in_specs_are_fakes(path: Path) -> None:
    values = re.findall(r"(?:token|password|secret|auth_token): \"?((?=\S*[0-9])[\w/+=.-]{12,})", path.read_text())
    assert [value for value in values if not value.startswith("fake-")] == []
