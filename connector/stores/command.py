"""``command:ARGV``: a program that gets the token on standard input, or prints one.

As a token store it is write-only: the program is never run as a probe, and runs once for each token it is given.
As a credential its standard output is read.
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
from locoia_pat.secrets.detect import find_secrets
from locoia_pat.secrets.secret import Secret, redact
from locoia_pat.stores.record import Credential
from locoia_pat.stores.store import WriteOnlyStore
from locoia_pat.stores.token_text import decode_text, read_bare_token

if TYPE_CHECKING:
    from locoia_pat.stores.record import TokenEntry

TIMEOUT = 60.0
"""Seconds the program may take."""
_MAX_MESSAGE = 200
"""Characters of the program's last line of standard error that an error repeats."""
_HAS_GROUPS = hasattr(os, "killpg")


class CommandStore(WriteOnlyStore):
    """One program with its arguments."""

    def __init__(self, place: str, *, field: str = "token_to") -> None:
        """Parse the command in *place*: words as a shell splits them, or a JSON list of strings. No shell runs it.

        Raises:
            InvalidError: *place* is neither.
        """
        self._field = field
        self._argv = _parse_argv(place)
        self.ref = f"command:{shlex.join(self._argv)}"
        if not self._argv:
            raise invalid(
                "expected words as a shell splits them, or a JSON list of strings",
                field=field,
                hint="For example command:'vault kv put -mount=kv ci token=-'.",
            )

    def read(self) -> Credential:
        """Return the token that the program prints, on one line.

        Raises:
            InvalidError: the program fails, or prints no token.
        """
        printed, problem = self._run(None)
        token = read_bare_token(printed)
        if problem or isinstance(token, str):
            reason = problem or f"printed no token on one line: it {token}"
            raise invalid(f"{self._argv[0]} {reason}", field=self._field)
        return Credential(token)

    def check(self) -> None:
        """Check that the program exists, as :meth:`probe` does."""
        self.probe()

    def probe(self) -> None:
        """Check that the program exists; it is not run.

        Raises:
            InvalidError: there is no such program.
        """
        if shutil.which(self._argv[0]) is None:
            name = self._argv[0]
            raise invalid(
                f"command not found: {describe_value(name) if any(find_secrets(name)) else name}", field=self._field
            )

    def store(
        self,
        entry: TokenEntry,
        *,
        api: str,  # noqa: ARG002  # the program gets no record
        replaced_id: str | None = None,  # noqa: ARG002  # as above
    ) -> tuple[str, ...]:
        """Give the program the token.

        Raises:
            OSError: the program failed.
        """
        _, problem = self._run(entry.token)
        if problem:
            raise OSError(f"{self._argv[0]} {redact(problem, [entry.token])}")
        return ()

    def _run(self, token: Secret | None) -> tuple[Secret, str]:
        """Run the program with *token* on standard input; return what it printed, and why it failed or ""."""
        try:
            with subprocess.Popen(  # noqa: S603  # the user's own program; no shell
                self._argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0 if _HAS_GROUPS else None,
            ) as program:
                try:
                    stdin = f"{token.reveal()}\n".encode() if token else b""
                    printed, errors = map(decode_text, program.communicate(stdin, timeout=TIMEOUT))
                except BaseException:
                    _kill(program)
                    raise
        except subprocess.TimeoutExpired:
            return Secret(""), f"did not end within {TIMEOUT:.0f} s"
        except OSError as error:
            return Secret(""), f"could not be run: {(error.strerror or '').lower()}"
        if program.returncode == 0:
            return printed, ""
        reason = errors.reveal().strip().rpartition("\n")[2][:_MAX_MESSAGE].encode(errors="replace").decode()
        exited = f"exited with {program.returncode}"
        return Secret(""), f"{exited}: {reason}" if reason else exited


def _kill(program: subprocess.Popen[bytes]) -> None:
    """Kill a program with everything it started, which would otherwise hold its output open."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL) if _HAS_GROUPS else program.kill()


def _parse_argv(place: str) -> list[str]:
    try:
        words = json.loads(place) if place.startswith("[") else shlex.split(place)
    except ValueError:
        return []
    if not all(isinstance(word, str) and "\0" not in word for word in words) or not "".join(words[:1]):
        return []
    name, *rest = words
    return [os.path.abspath(name) if os.sep in name else name, *rest]  # noqa: PTH100  # resolve() would follow links
