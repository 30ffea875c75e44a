"""How far a reader must go to follow one action: the files that the command enters, and how often it changes between.

    python -m tests.benchmarks.call_path

runs each action by the command against a sandbox and counts the calls of functions in ``connector/`` and ``actions/``,
from the command line to the printed envelope.  Class bodies, modules and lambdas are left out.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from inspect import CO_OPTIMIZED
from pathlib import Path
from typing import TYPE_CHECKING

from locoia_pat.actions.sandbox.sandbox_store import SandboxStore
from locoia_pat.actions.sandbox.server import first_token, running
from locoia_pat.cli import main
from locoia_pat.engine.compiled_specs import ready_spec
from locoia_pat.spec.load import SpecFolder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = tuple(f"{ROOT / folder}{os.sep}" for folder in ("connector", "actions"))
CREATE = ["run", "create_pat", "expiration=30", "scopes=automation:view", "note=CI"]
ENSURE = ["run", "ensure_pat", "name=ci", "expiration=30", "scopes=automation:view", "note=CI"]


@dataclass
class CallPath:
    """The calls of one run."""

    calls: int = 0
    functions: set[object] = field(default_factory=set[object])
    files: dict[str, int] = field(default_factory=dict[str, int])
    """Calls into each file, in the order in which they were entered."""
    changes: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    """How often a call of one file was followed by a call of another."""
    _last: str = ""

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Count a call; for ``sys.setprofile``."""
        code = frame.f_code
        ours = event == "call" and code.co_filename.startswith(FOLDERS)
        if not ours or code.co_name == "<lambda>" or not code.co_flags & CO_OPTIMIZED:
            return
        file = str(Path(code.co_filename).relative_to(ROOT))
        self.calls += 1
        self.functions.add(code)
        self.files[file] = self.files.get(file, 0) + 1
        if self._last and file != self._last:
            self.changes[self._last, file] += 1
        self._last = file


def traced(arguments: Sequence[str]) -> CallPath:
    """Run the command with *arguments* and return what it called."""
    path = CallPath()
    with redirect_stdout(io.StringIO()) as out:
        sys.setprofile(path)
        try:
            main(arguments)
        except SystemExit as end:
            code = end.code
        finally:
            sys.setprofile(None)
    if code != 0:
        raise RuntimeError(out.getvalue())
    return path


def report(title: str, path: CallPath, *, top: int) -> None:
    """Print the figures of *path*, and the *top* changes of file."""
    changes = path.changes.total()
    print(f"{title}: {len(path.files)} files entered, {changes} changes of file, ", end="")
    print(f"{len(path.functions)} functions, {path.calls} calls")
    for (before, after), count in path.changes.most_common(top):
        print(f"  {count:4} {before} -> {after}")


def count(top: int) -> None:
    """Count create_pat, and ensure_pat the first time and when there is nothing to do."""
    store = SandboxStore()
    token = first_token(store)
    assert token is not None
    with tempfile.TemporaryDirectory() as folder, running(store=store) as (url, _):
        os.environ.update(
            LOCOIA_TOKEN=token.reveal(), LOCOIA_BASE_URL=url, XDG_STATE_HOME=folder, LOCOIA_PAT_STATE=f"{folder}/state"
        )
        specs = SpecFolder()
        for name in specs.names:
            ready_spec(specs, name)  # compiled before, as they are in a wheel
        create = [*CREATE, "--token-to", f"file:{folder}/created.json"]
        traced([*CREATE, "--token-to", f"file:{folder}/first.json"])  # imports what a run needs
        os.environ["LOCOIA_TOKEN"] = token.reveal()
        report("create_pat", traced(create), top=top)
        os.environ["LOCOIA_TOKEN"] = token.reveal()  # the command takes it out of its environment
        ensure = [*ENSURE, "--token-to", f"file:{folder}/ensured.json"]
        report("ensure_pat, first time", traced(ensure), top=top)
        os.environ["LOCOIA_TOKEN"] = token.reveal()
        report("ensure_pat, nothing to do", traced(ensure), top=top)


if __name__ == "__main__":
    count(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
