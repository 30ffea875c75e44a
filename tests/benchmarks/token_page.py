"""``python -m tests.benchmarks.token_page``: 10,000 rows in the token page, and its memory over 1,000 views."""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.console_page import serving_console
from tests.support.lifecycle_sandbox import open_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 10_000


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    views = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    with (
        tempfile.TemporaryDirectory() as folder,
        open_sandbox(Path(folder)) as sandbox,
        serving_console(sandbox) as console,
        sandbox.connector() as connector,
    ):
        browser = console.open()
        for _ in range(20):
            sandbox.store.create(owner="sandbox", days=30, scopes=["embed"], note="CI")
        browser.get("/")
        tracemalloc.start()
        sizes = []
        for number in range(views):
            browser.get(("/", "/new", "/?q=CI", console.review(), "/no-such-page")[number % 5])
            if number in (views // 5, views - 1):
                sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        print(f"memory after {views // 5} and {views} views: {sizes[0] / 1e6:.2f} and {sizes[1] / 1e6:.2f} MB")
        for number in range(ROWS):
            sandbox.store.create(owner="sandbox", days=number % 400 + 1, scopes=["embed"], note=f"Job {number}")
        listed, pages = [], []
        for _ in range(9):  # in turns, so that both meet the same load
            listed.append(seconds(lambda: connector.run("list_pats").raise_for_outcome()))
            pages.append(seconds(lambda: browser.get("/")))
        action, page = statistics.median(listed), statistics.median(pages)
        size = len(browser.get("/").content)
        print(f"{ROWS} rows: list_pats {action:.3f} s, page {page:.3f} s, {page / action:.2f} times; {size} bytes")
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
