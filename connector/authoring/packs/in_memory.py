"""Files that are held in memory, as a folder that specs can be read from.

Pure.
"""

from __future__ import annotations

import io
from importlib.resources.abc import Traversable
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Held(Traversable):
    """A file, or a folder of files, of a pack."""

    def __init__(self, files: Mapping[str, bytes], place: str, at: str = "") -> None:
        """Hold *files*, which messages call by *place*; *at* is the name of one, or nothing for all of them."""
        self._files = files
        self._place = place
        self._at = at

    @property
    def name(self) -> str:
        """Its own name."""
        return self._at.rpartition("/")[2]

    def iterdir(self) -> Iterator[Held]:
        """The files at the top."""
        return (Held(self._files, self._place, name) for name in self._files if "/" not in name)

    def joinpath(self, *parts: str) -> Held:  # type: ignore[override]  # a text is all that is joined
        """The file of that name."""
        return Held(self._files, self._place, "/".join([*filter(None, [self._at]), *parts]))

    def __truediv__(self, part: str) -> Held:  # type: ignore[override]  # as above
        return self.joinpath(part)

    def is_dir(self) -> bool:
        """Whether it is the folder."""
        return not self._at

    def is_file(self) -> bool:
        """Whether it is a file that there is."""
        return self._at in self._files

    def read_bytes(self) -> bytes:
        """Its bytes.

        Raises:
            FileNotFoundError: there is no such file.

        """
        if not self.is_file():
            raise FileNotFoundError(2, "there is no such file")
        return self._files[self._at]

    def read_text(self, encoding: str | None = None) -> str:
        """Its text.

        Raises:
            FileNotFoundError: there is no such file.

        """
        return self.read_bytes().decode(encoding or "utf-8")

    def open(self, mode: str = "r", *_: Any, **__: Any) -> IO[Any]:
        """Its text, or its bytes where *mode* says so.

        Raises:
            FileNotFoundError: there is no such file.

        """
        return io.BytesIO(self.read_bytes()) if "b" in mode else io.StringIO(self.read_text())

    def __str__(self) -> str:
        """Where it is held, for messages."""
        return f"{self._place}/{self._at}" if self._at else self._place
