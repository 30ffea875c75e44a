"""Machines that lack something: each works, or says what to set, and sends nothing by accident."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.command import spawn
from tests.support.loopback import answer, created, serving

if TYPE_CHECKING:
    from pathlib import Path

CREDENTIAL = "fake-credential-0123456789abcdef"
CREATE = ("run", "create_pat", "expiration=30", "scopes=embed", "note=CI")
COVERAGE = tuple(name for name in os.environ if name.startswith("COV"))
"""Where nothing can be written, or the clock is wrong, coverage is not measured."""


def run(
    *arguments: str, variables: dict[str, str], before: tuple[str, ...] = (), without: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """The command on such a machine."""
    environment = {name: value for name, value in {**os.environ, **variables}.items() if name not in without}
    command = [*before, sys.executable, "-m", "locoia_pat", *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False
    )


def test_without_a_home_an_action_runs(tmp_path: Path) -> None:
    with serving(answer(201, created())) as server:
        variables = {"LOCOIA_BASE_URL": server.url, "LOCOIA_TOKEN": CREDENTIAL}
        done = run(
            *CREATE, "--token-to", f"file:{tmp_path}/t", without=("HOME", "XDG_CONFIG_HOME"), variables=variables
        )
    assert done.returncode == 0, done.stderr


def test_with_a_read_only_root_an_action_runs_and_a_login_says_what_to_set(tmp_path: Path) -> None:
    if shutil.which("unshare") is None or os.geteuid() != 0:
        pytest.skip("a read-only root needs unshare, and root")
    secret_keys = "mount --bind / / && mount -o remount,ro,bind / || exit 77"
    before = ("unshare", "--mount", "sh", "-c", f'{secret_keys}; exec "$@"', "sh")
    with serving(answer(200, [])) as server:
        variables = {"LOCOIA_BASE_URL": server.url, "LOCOIA_TOKEN": CREDENTIAL, "PYTHONDONTWRITEBYTECODE": "1"}
        done = run("run", "list_pats", before=before, without=COVERAGE, variables=variables)
        if done.returncode == 77:
            pytest.skip(f"the root cannot be secret_keys here: {done.stderr}")
        assert done.returncode == 0, done.stdout + done.stderr
        place = run(*CREATE, "--token-to", "file:/root/t", before=before, without=COVERAGE, variables=variables)
        assert (place.returncode, len(server.got)) == (2, 1)
        assert "is not writable" in place.stdout
    assert tmp_path.exists()


def test_behind_a_proxy_this_computer_is_reached_directly_and_others_through_it(tmp_path: Path) -> None:
    with serving(answer(502)) as proxy, serving(answer(200, [])) as server:
        through = f"http://127.0.0.1:{proxy.port}"
        variables = {"HTTPS_PROXY": through, "HTTP_PROXY": through, "LOCOIA_TOKEN": CREDENTIAL}
        near = run("run", "list_pats", variables={**variables, "LOCOIA_BASE_URL": server.url})
        assert (near.returncode, proxy.got) == (0, [])
        far = run(*CREATE, "--token-to", f"file:{tmp_path}/t", variables=variables)
    assert far.returncode == 4
    assert proxy.got[0].method == "CONNECT"
    assert CREDENTIAL not in str(proxy.got)


@pytest.mark.parametrize("clock", ["1999-01-01 00:00:00", "2079-01-01 00:00:00"])
def test_a_broken_clock_changes_no_count_of_days(tmp_path: Path, clock: str) -> None:
    if shutil.which("faketime") is None:
        pytest.skip("faketime is needed for a clock that is wrong")
    headers = {"Date": "Mon, 01 Jan 2035 00:00:00 GMT"}
    with serving(answer(201, created(expiration="2035-01-31T00:00:00Z"), headers)) as server:
        variables = {"LOCOIA_BASE_URL": server.url, "LOCOIA_TOKEN": CREDENTIAL}
        done = run(
            *CREATE,
            "--token-to",
            f"file:{tmp_path}/t",
            before=("faketime", clock),
            without=COVERAGE,
            variables=variables,
        )
    assert done.returncode == 0, done.stderr
    assert '"expires_in_days": 30' in done.stdout


def test_the_process_can_be_ended_before_it_sends() -> None:
    process = spawn("run", "list_pats", LOCOIA_TOKEN=CREDENTIAL, LOCOIA_BASE_URL="http://127.0.0.1:9/v1")
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 4
    assert '"not_done"' in out
