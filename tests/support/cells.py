"""Tables of values that one test goes through."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def cell(*values: object) -> Iterator[None]:
    """Name the cell of a table in the report of what fails within it."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"in the cell {', '.join(map(ascii, values))}")
        raise
