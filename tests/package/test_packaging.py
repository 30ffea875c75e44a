"""What is installed is what stands here, under one import name."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import distribution, version
from pathlib import Path

import pytest

import locoia_pat
from locoia_pat import actions
from locoia_pat.actions import scopes
from locoia_pat.spec.load import SpecFolder

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS = PROJECT["tool"]["setuptools"]


def test_every_folder_with_code_is_a_package_of_the_distribution() -> None:
    roots = {name: ROOT / folder for name, folder in SETUPTOOLS["package-dir"].items()}
    found = {
        ".".join([name, *path.parent.relative_to(folder).parts])
        for name, folder in roots.items()
        for path in folder.rglob("__init__.py")
    }
    assert found | set(SETUPTOOLS["package-data"]) == set(SETUPTOOLS["packages"])


def test_the_top_level_is_the_one_that_was_asked_for() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    if not tracked:
        pytest.skip("not a Git checkout")
    asked = {"pyproject.toml", "connector", "actions", "specs", "cassettes", "tests", "README.md"}
    convention = {"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "SECURITY.md", "docs", "findings", ".ci", ".gitignore"}
    assert {name.split("/")[0] for name in tracked.splitlines()} <= asked | convention


def test_only_our_own_name_is_installed() -> None:
    top = distribution("locoia-pat").read_text("top_level.txt")
    assert top is None or top.split() == ["locoia_pat"]


def test_the_version_is_told_once() -> None:
    assert locoia_pat.__version__ == version("locoia-pat") == PROJECT["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"## {locoia_pat.__version__}" in changelog


def test_the_public_names_are_real_and_sorted() -> None:
    assert locoia_pat.__all__ == sorted(locoia_pat.__all__, key=str)
    for module in (locoia_pat, actions):
        for name in module.__all__:
            assert getattr(module, name) is not None
        with pytest.raises(AttributeError, match="no attribute"):
            module.nothing  # noqa: B018  # reading it is the test
    assert set(locoia_pat.__all__) <= set(dir(locoia_pat))


def test_importing_the_package_loads_none_of_its_libraries() -> None:
    heavy = ["httpx", "pydantic", "jinja2", "yaml", "click", "starlette"]
    script = f"import sys, locoia_pat; print([name for name in {heavy!r} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "[]\n"


def test_the_folder_cannot_be_imported_by_its_own_name() -> None:
    """Two copies of one class would make ``except InvalidError`` miss."""
    done = subprocess.run(
        [sys.executable, "-c", "import connector"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "this folder is installed as locoia_pat" in done.stderr


def test_a_missing_extra_is_named_with_the_line_that_installs_it() -> None:
    script = "import sys; sys.modules['uvicorn'] = None\nfrom locoia_pat.cli import main\nmain(['sandbox'])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'locoia-pat[sandbox]'" in done.stderr


def test_every_spec_loads_and_every_typed_function_is_an_action() -> None:
    folder = SpecFolder()
    assert [folder.spec(name).action for name in folder.names] == list(folder.names)
    assert {name for name in actions.__all__ if name.islower()} <= set(folder.names)


def test_the_scopes_of_the_spec_are_those_of_the_table() -> None:
    assert set(SpecFolder().action("create_pat").inputs["scopes"].enum or ()) == set(scopes.ALL)


def test_what_the_spec_says_a_scope_covers_is_what_the_table_says() -> None:
    covers = SpecFolder().action("create_pat").inputs["scopes"].covers or {}
    pairs = {(wide, narrow) for wide, narrows in covers.items() for narrow in narrows}
    assert pairs == set(scopes.redundant(scopes.ALL))
