"""The distribution holds every package of the repository, under one import name."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections import Counter
from importlib.metadata import distribution, version
from pathlib import Path

import pytest

import locoia_pat
from locoia_pat import actions
from locoia_pat.actions import scopes
from locoia_pat.extras import install_command
from locoia_pat.spec.load import SpecFolder

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS = PROJECT["tool"]["setuptools"]


def test_the_packages_in_pyproject_are_the_folders_with_an_init_file() -> None:
    roots = {name: ROOT / folder for name, folder in SETUPTOOLS["package-dir"].items()}
    found = {
        ".".join([name, *path.parent.relative_to(folder).parts])
        for name, folder in roots.items()
        for path in folder.rglob("__init__.py")
    }
    assert found | set(SETUPTOOLS["package-data"]) == set(SETUPTOOLS["packages"])


def test_no_two_modules_have_the_same_file_name() -> None:
    modules = [path for folder in ("connector", "actions") for path in (ROOT / folder).rglob("*.py")]
    counts = Counter(path.name for path in modules if path.name != "__init__.py")
    assert [name for name, count in counts.items() if count > 1] == []
    assert len(counts) > 100


def test_the_repository_has_only_the_agreed_top_level_names() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    if not tracked:
        pytest.skip("not a Git checkout")
    required = {"pyproject.toml", "connector", "actions", "specs", "cassettes", "tests", "README.md"}
    convention = {"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "SECURITY.md", "docs", "findings", ".ci", ".gitignore"}
    assert {name.split("/")[0] for name in tracked.splitlines()} <= required | convention


def test_the_distribution_installs_one_top_level_name() -> None:
    top = distribution("locoia-pat").read_text("top_level.txt")
    assert top is None or top.split() == ["locoia_pat"]


def test_the_version_is_the_same_everywhere() -> None:
    assert locoia_pat.__version__ == version("locoia-pat") == PROJECT["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"## {locoia_pat.__version__}" in changelog


def test_the_public_names_exist_and_are_sorted() -> None:
    assert locoia_pat.__all__ == sorted(locoia_pat.__all__, key=str)
    for module in (locoia_pat, actions):
        for name in module.__all__:
            assert getattr(module, name) is not None
        with pytest.raises(AttributeError, match="no attribute"):
            module.nothing  # noqa: B018  # reading it is the test
    assert set(locoia_pat.__all__) <= set(dir(locoia_pat))


def test_importing_the_package_imports_none_of_its_dependencies() -> None:
    heavy = ["httpx", "pydantic", "jinja2", "yaml", "click", "starlette"]
    script = f"import sys, locoia_pat; print([name for name in {heavy!r} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "[]\n"


def test_the_source_folder_cannot_be_imported_as_connector() -> None:
    """Two copies of one class would make ``except InvalidError`` miss."""
    done = subprocess.run(
        [sys.executable, "-c", "import connector"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "this folder is installed as locoia_pat" in done.stderr


def test_a_missing_extra_is_reported_with_the_command_that_installs_it() -> None:
    script = "import sys; sys.modules['uvicorn'] = None\nfrom locoia_pat.cli import main\nmain(['sandbox'])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert install_command("sandbox") in done.stderr


def test_every_spec_loads_and_every_typed_function_has_a_spec() -> None:
    folder = SpecFolder()
    assert [folder.spec(name).action for name in folder.names] == list(folder.names)
    assert {name for name in actions.__all__ if name.islower()} <= set(folder.names)


def test_the_scopes_in_the_spec_are_those_in_the_table() -> None:
    assert set(SpecFolder().action("create_pat").inputs["scopes"].enum or ()) == set(scopes.ALL)


def test_the_scopes_that_the_spec_says_a_scope_covers_are_those_in_the_table() -> None:
    includes = SpecFolder().action("create_pat").inputs["scopes"].includes or {}
    pairs = {(wide, narrow) for wide, narrows in includes.items() for narrow in narrows}
    assert pairs == set(scopes.redundant(scopes.ALL))
