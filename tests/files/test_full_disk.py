"""A full disk is reported as one, whatever is written: state, journals, token stores, packs and exports."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.store_machine import mounted

if TYPE_CHECKING:
    from pathlib import Path

CREATE = ("run", "create_pat", "scopes=embed", "expiration=30", "note=CI")
COMMANDS = {
    "state": ("run", "ensure_pat", "name=ci", *CREATE[2:], "--token-to", "file:outside.json"),
    "journal of a bulk run": (*CREATE[:2], "--each", "items.jsonl", "--token-to", "file:{note}.json"),
    "token store": (*CREATE, "--token-to", "file:small/t.json"),
    "export": ("export", "docs", "--out", "small/docs"),
    "pack": ("pack", "build", "acme", "--out", "small/acme.zip"),
}
FILLED = 'head -c 200000 /dev/zero > small/filler 2>/dev/null; exec "$@"'


def run(folder: Path, size: str, *arguments: str, script: str = FILLED, **variables: str) -> tuple[int, str]:
    """Run the command where the folder "small" is a disk of *size*; return its exit code and output."""
    mount = mounted("-t", "tmpfs", "-o", f"size={size}", "none", folder / "small")
    environment = {
        **os.environ, "LOCOIA_TOKEN": "fake-credential-0123456789abcdef", "LOCOIA_BASE_URL": "http://127.0.0.1:9",
        "LOCOIA_PAT_STATE": str(folder / "small/state"), **variables,
    }  # fmt: skip
    command = [*mount, "sh", "-c", script, "sh", sys.executable, "-m", "locoia_pat", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_a_full_disk_is_named_by_whatever_writes_to_it_and_nothing_is_sent(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    (tmp_path / "items.jsonl").write_text(json.dumps({"note": "a", "scopes": ["embed"], "expiration": 3}))
    subprocess.run([sys.executable, "-m", "locoia_pat", "new", "acme"], cwd=tmp_path, check=True, capture_output=True)
    for name, arguments in COMMANDS.items():
        variables = {} if name in ("state", "journal of a bulk run") else {"LOCOIA_PAT_STATE": "state"}
        code, output = run(tmp_path, "16k", *arguments, **variables)
        assert code == 2, (name, output)
        assert "no space left on device" in output.lower(), (name, output)
        assert "Traceback" not in output, name


def test_a_disk_that_fills_up_during_a_bulk_run_ends_it_as_not_done_and_it_can_be_resumed(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    items = ({"note": f"n{number}", "scopes": ["embed"], "expiration": 3} for number in range(5_000))
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, items)))
    refs = "file:missing/{note}.json"  # each line is invalid once it was journalled, so that no server is needed
    code, output = run(tmp_path, "400k", *CREATE[:2], "--each", "items.jsonl", "--token-to", refs, script='exec "$@"')
    assert code == 4, output[-2_000:]
    assert "cannot be written: no space left on device" in output
    assert "run the same command again to resume" in output
