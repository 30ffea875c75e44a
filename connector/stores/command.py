"""``command:ARGV``: a program that is given the token on its standard input, or prints one.

As a place it can only be written: the program is never run to try it, and once for each token it is given.  As a
credential its standard output is read.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

from locoia_pat.messages import describe_value
from locoia_pat.outcomes import invalid
from locoia_pat.secrets.detect import suspects
from locoia_pat.secrets.secret import Secret, credential, redact
from locoia_pat.stores.record import Record
from locoia_pat.stores.store import Credential

if TYPE_CHECKING:
    from locoia_pat.stores.store import Entry, Keeps

SECONDS = 60.0
"""How long the program may take."""
_MAX_WORDS = 200
_GROUPS = hasattr(os, "killpg")


class CommandSink:
    """One program with its arguments."""

    keeps: Keeps = "nothing"

    def __init__(self, place: str, *, field: str = "token_to") -> None:
        """The command *place*: words as a shell splits them, or a JSON list of texts.  No shell runs it.

        Raises:
            InvalidError: *place* is neither.
        """
        self._field = field
        self._words = _words(place)
        self.ref = f"command:{shlex.join(self._words)}"
        if not self._words:
            raise invalid(
                "a command is words as a shell splits them, or a JSON list of texts",
                field=field,
                hint="For example command:'vault kv put -mount=kv ci token=-'.",
            )

    def read(self) -> Credential:
        """The token that the program prints, on one line.

        Raises:
            InvalidError: it fails, or prints none.
        """
        printed, problem = self._run(None)
        found = credential(printed)
        if problem or found is None:
            raise invalid(f"{self._words[0]} {problem or 'printed no token on one line'}", field=self._field)
        return Credential(found)

    def probe(self) -> None:
        """Look whether there is such a program; it is not run.

        Raises:
            InvalidError: there is none.
        """
        if shutil.which(self._words[0]) is None:
            name = self._words[0]
            told = describe_value(name) if any(suspects(name)) else name
            raise invalid(f"there is no program {told} that can be run", field=self._field)

    def store(self, entry: Entry, *, api: str, dead: str | None = None) -> tuple[str, ...]:  # noqa: ARG002  # no record
        """Give the program the token.

        Raises:
            OSError: it failed.
        """
        _, problem = self._run(entry.token)
        if problem:
            raise OSError(f"{self._words[0]} {redact(problem, [entry.token])}")
        return ()

    def record(self) -> Record:
        """Nothing: it cannot be read."""
        return Record()

    def keep(self, record: Record) -> tuple[str, ...]:
        """Give the program the current token; where there is none it is not run.

        Raises:
            OSError: it failed.
        """
        if record.current is None:
            return (f"{self.ref} cannot be emptied: what it was given works no more",)
        return self.store(record.current, api=record.api or "")

    def remove(self) -> bool:
        """Nothing can be taken away."""
        return False

    def _run(self, token: Secret | None) -> tuple[Secret, str]:
        """Run it with *token* on its standard input; what it printed, and why it failed, or nothing."""
        try:
            with subprocess.Popen(  # noqa: S603  # the user's own; no shell
                self._words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0 if _GROUPS else None,
            ) as program:
                try:
                    given = f"{token.reveal()}\n".encode() if token else b""
                    printed, said = map(Secret, map(_text, program.communicate(given, timeout=SECONDS)))
                except BaseException:
                    _end(program)
                    raise
        except subprocess.TimeoutExpired:
            return Secret(""), f"did not end within {SECONDS:.0f} s"
        except OSError as error:
            return Secret(""), f"could not be run: {(error.strerror or '').lower()}"
        if program.returncode == 0:
            return printed, ""
        why = said.reveal().strip().rpartition("\n")[2][:_MAX_WORDS]
        return Secret(""), f"ended with {program.returncode}: {why}" if why else f"ended with {program.returncode}"


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _end(program: subprocess.Popen[bytes]) -> None:
    """End a program with all that it started: what it leaves behind would hold its output open."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL) if _GROUPS else program.kill()


def _words(place: str) -> list[str]:
    try:
        found = json.loads(place) if place.startswith("[") else shlex.split(place)
    except ValueError:
        return []
    if not all(isinstance(word, str) and "\0" not in word for word in found) or not "".join(found[:1]):
        return []
    name, *rest = found
    return [os.path.abspath(name) if os.sep in name else name, *rest]  # noqa: PTH100  # resolve() would follow links
