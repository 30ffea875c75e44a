"""The README's lines start the sandbox and the server, and the token is minted once."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_the_lines_of_the_readme_mint_once(tmp_path: Path) -> None:
    (block,) = [
        block for block in re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL) if "serve key" in block
    ]
    install, _, lines = block.partition("\n")
    assert "pip install" in install
    lines = lines.replace("locoia-pat sandbox >", "locoia-pat sandbox --port 0 >")
    lines = lines.replace("locoia-pat serve >", "locoia-pat serve --port 0 >")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-m", "-c", lines],
        cwd=tmp_path, env={**os.environ, "PATH": path, "TMPDIR": str(tmp_path)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, second = map(json.loads, done.stdout.split())
    assert (first["data"]["change"], second["data"]["change"]) == ("created", "none")
    file = Path(first["token_ref"].removeprefix("file:").removesuffix("#current"))
    assert json.loads(file.read_text())["current"]["token"] not in done.stdout
