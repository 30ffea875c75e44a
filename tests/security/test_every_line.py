"""A run that ends at any of its lines leaves no token in what comes out of it.

What is raised there may be Ctrl-C or a bug of ours.  Tools that print local variables show each frame on the way, so
none of them may hold a token in clear once the error is outside.
"""

from __future__ import annotations

import asyncio
import gc
import linecache
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import locoia_pat
from locoia_pat import AsyncConnector, Connector, ConnectorAuth, Result
from tests.support.canaries import CREATE, ODD, chained, files_with_canaries, headers, leaks, minted, shown, with_locals
from tests.support.loopback import answer, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

OURS = str(Path(str(locoia_pat.__file__)).parent) + os.sep
CHUNKS = 6
SPREAD = 40
ERRORS = {"interrupt": KeyboardInterrupt, "bug": RuntimeError}


class Stopper:
    """Counts the lines of ours, and raises at one of them."""

    def __init__(self, stop: int, error: type[BaseException]) -> None:
        self.lines: list[tuple[CodeType, int]] = []
        self._stop = stop
        self._error = error

    def __call__(self, frame: FrameType, _: str, __: object) -> Any:
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        entered: set[int] = set()

        def trace(frame: FrameType, event: str, _: object) -> Any:
            if event == "line":
                source = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
                if source.lstrip().startswith("with "):
                    if (
                        frame.f_lineno in entered
                    ):  # on the way out; a signal acts after the exit, which gives a lock back
                        return trace
                    entered.add(frame.f_lineno)
                self.lines.append((frame.f_code, frame.f_lineno))
                if len(self.lines) == self._stop:
                    raise self._error
            return trace

        return trace


def chosen(lines: list[tuple[CodeType, int]]) -> list[int]:
    """The last line of each function, where it holds the most, each ``except``, and a spread of all."""
    last = {code: number for number, (code, _) in enumerate(lines, 1)}
    handlers = {
        where: number
        for number, where in enumerate(lines, 1)
        if linecache.getline(where[0].co_filename, where[1]).lstrip().startswith("except")
    }
    step = max(1, len(lines) // SPREAD)
    return sorted({*last.values(), *handlers.values(), *range(1, len(lines) + 1, step)})


def ends(work: Callable[[], object], stopper: Stopper) -> object:
    """What comes out of *work*, returned or raised."""
    before = sys.gettrace()
    sys.settrace(stopper)
    try:
        return work()
    except BaseException as error:  # noqa: BLE001  # that is what is looked at
        return error
    finally:
        sys.settrace(before)


def in_a_thread(work: Callable[[], object]) -> object:
    """What *work* returns, run in a thread of its own.

    An error that a trace function raises in an ``except`` clause leaves the error that was handled there as the current
    one of its thread (CPython 3.11 to 3.13), and it would be the context of each later error.  Context variables that
    were not reset end with the thread as well.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def leaking(output: str) -> str:
    """Return the variables that hold a canary, with their lines of code."""
    found: dict[str, None] = {}
    code = ""
    for line in output.splitlines():
        if line.startswith('  File "'):
            code = line.strip().replace(OURS, "")
        elif leaks(line):
            found[f"{code}: {line.strip().split(' = ')[0][:30]}"] = None
    return "; ".join(found)


def why_wrong(ended_with: object, folder: Path) -> str | None:
    """Return why *ended_with*, a result or an error, is wrong, or None."""
    parts = [shown(ended_with)]
    if isinstance(ended_with, BaseException):
        parts += [with_locals(error) for error in chained(ended_with)]
    text = "\n".join(parts)
    if leaks(text):
        return leaking(text) or "outside of the local variables"
    others = {name: mode for name, mode in files_with_canaries(folder).items() if (name, mode) != ("t", 0o600)}
    return f"files {others}" if others else None


def run(auth: ConnectorAuth, url: str, folder: Path, stopper: Stopper) -> object:
    folder.mkdir()
    with Connector(auth, base_url=url, timeout=5) as api:
        api.plan("create_pat", CREATE)  # compiled before, for no secret is there yet
        return ends(lambda: api.run("create_pat", CREATE, token_to=[f"file:{folder}/t"]), stopper)


def run_async(auth: ConnectorAuth, url: str, folder: Path, stopper: Stopper) -> object:
    folder.mkdir()

    async def main() -> object:
        async with AsyncConnector(auth, base_url=url, timeout=5) as api:
            await api.plan("create_pat", CREATE)
            before = sys.gettrace()
            sys.settrace(stopper)
            try:
                return await api.run("create_pat", CREATE, token_to=[f"file:{folder}/t"])
            except BaseException as error:  # noqa: BLE001  # that is what is looked at
                return error
            finally:
                sys.settrace(before)

    others = {*threading.enumerate()}
    ended_with = asyncio.run(main())
    for thread in {*threading.enumerate()} - others:  # the run goes on in its thread, and stores its token
        thread.join(10)
    return ended_with


WAYS: dict[str, tuple[Callable[[ConnectorAuth, str, Path, Stopper], object], int]] = {
    "sync": (run, CHUNKS),
    "async": (run_async, 3 * CHUNKS),  # most of its lines are those of the other
}


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
@pytest.mark.parametrize("way", WAYS)
def test_a_run_that_ends_at_any_line_shows_no_token(
    way: str, error: type[BaseException], chunk: int, tmp_path: Path
) -> None:
    work, step = WAYS[way]
    os.environ["LOCOIA_TOKEN"] = ODD.credential
    wrong: dict[str, str] = {}
    with serving(answer(201, minted(ODD), headers(ODD))) as server:
        auth = ConnectorAuth.from_env()
        whole = Stopper(0, error)
        work(auth, server.url, tmp_path / "first", Stopper(0, error))  # what is loaded or compiled once is done
        assert isinstance(work(auth, server.url, tmp_path / "whole", whole), Result)
        assert files_with_canaries(tmp_path) == {"first/t": 0o600, "whole/t": 0o600}
        for number in chosen(whole.lines)[chunk::step]:
            stopper = Stopper(number, error)
            folder = tmp_path / str(number)  # a lock that is not given back must not stop the next one
            ended_with = in_a_thread(lambda: work(auth, server.url, folder, stopper))  # noqa: B023  # it has ended by then
            if why := why_wrong(ended_with, folder):
                code, line = stopper.lines[number - 1]
                wrong[f"{Path(code.co_filename).name}:{line} in {code.co_name}"] = why
    gc.collect()  # connections that were cut short end here, where their warnings are expected, and in no later test
    assert wrong == {}
