"""``locoia-pat cassettes lint``, as a CI runs it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.command import Done, call

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Call = Callable[..., Done]

__all__ = ["call"]

LEAKY = '{"interactions": [{"response": {"body": {"string": "{\\"token\\": \\"abc-def-ghi\\"}"}}}]}'


@pytest.fixture
def cassettes(tmp_path: Path) -> Path:
    (tmp_path / "inner").mkdir()
    (tmp_path / "good.yaml").write_text("token: fake-secret-0001\n")
    (tmp_path / "inner" / "leaky.json").write_text(LEAKY)
    (tmp_path / "inner" / "odd.yml").write_bytes(b"\xff\xfe\x00")
    return tmp_path


def test_every_file_of_a_folder_is_read_and_a_leak_is_exit_1(call: Call, cassettes: Path) -> None:
    done = call("cassettes", "lint", str(cassettes))
    assert done.code == 1
    assert "leaky.json:1:52: secret-value token: a value under the name of a secret that is not a fake" in done.out
    assert "odd.yml:1:1: not-text" in done.out
    assert "2 findings" in done.err
    assert "abc-def-ghi" not in done.out + done.err


def test_a_clean_file_is_exit_0(call: Call, cassettes: Path) -> None:
    assert call("cassettes", "lint", str(cassettes / "good.yaml")).code == 0


@pytest.mark.parametrize("form", [["--json"], ["--format", "json"], ["--format", "github"]])
def test_programs_read_the_findings(call: Call, cassettes: Path, form: list[str]) -> None:
    done = call("cassettes", "lint", *form, "--exit-zero", str(cassettes / "inner" / "leaky.json"))
    assert done.code == 0
    if "github" in form:
        assert done.out.startswith("::error file=")
    else:
        assert [one["code"] for one in json.loads(done.out)["findings"]] == ["secret-value"]


def test_a_name_can_be_called_harmless(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("handle: aB3dE5gH7jK9mN1pQ3\n")
    assert call("cassettes", "lint", str(file)).code == 1
    assert call("cassettes", "lint", "--harmless", "handle", str(file)).code == 0


@pytest.mark.parametrize("name", ["missing.yaml", "empty"])
def test_what_cannot_be_read_is_invalid(call: Call, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    done = call("cassettes", "lint", str(tmp_path / name))
    assert done.code == 2
    assert name in done.err
