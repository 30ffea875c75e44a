"""How programs read env files: a shell and python-dotenv themselves, and models of docker and systemd."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from dotenv import dotenv_values

if TYPE_CHECKING:
    from pathlib import Path

Variables = dict[str, "str | None"]


def read_by_shell(file: Path) -> Variables | None:
    """Return what ``set -a; . FILE`` sets; None if the shell does not get to its end."""
    script = 'set -a; . "$1" >/dev/null 2>&1; exec /usr/bin/env -0'
    command = ["/usr/bin/env", "-i", "PATH=/nowhere", "/bin/sh", "-c", script, "sh", str(file)]
    done = subprocess.run(command, capture_output=True, check=False, timeout=20)
    if done.returncode:
        return None
    lines = done.stdout.decode("utf-8", "surrogateescape").split("\0")
    return {name: value for name, _, value in (line.partition("=") for line in lines) if name not in ("PWD", "", "_")}


def read_by_dotenv(file: Path) -> Variables:
    """Return what python-dotenv reads."""
    return dict(dotenv_values(file, interpolate=True))


def read_as_docker(file: Path) -> Variables | None:
    """Return what ``docker run --env-file`` reads: each line as it is; None if it refuses the file."""
    variables: Variables = {}
    for line in file.read_bytes().decode("utf-8", "replace").split("\n"):
        stripped = line.removesuffix("\r").lstrip()
        name, _, value = stripped.partition("=")
        if not stripped or stripped.startswith("#"):
            continue
        if not name or any(map(str.isspace, name)):
            return None
        variables[name] = value
    return variables


def read_as_systemd(file: Path, *, comments_continue: bool) -> Variables:
    """Return what ``EnvironmentFile=`` reads; before version 254 a backslash continues a comment."""
    text = file.read_text(encoding="utf-8", errors="replace") + "\n"
    variables: Variables = {}
    at = 0
    while at < len(text):
        if text[at] in " \t\r\n":
            at += 1
        elif text[at] in "#;":
            while text[at] not in "\r\n":
                at += 2 if text[at] == "\\" and comments_continue and at + 2 < len(text) else 1
        else:
            name, value, at = _systemd_assignment(text, at)
            if name.isidentifier():
                variables[name] = value
    return variables


def _systemd_assignment(text: str, at: int) -> tuple[str, str, int]:
    name = ""
    while text[at] not in "=\r\n":
        name, at = name + text[at], at + 1
    if text[at] != "=":
        return "", "", at
    value, quote, begun, at = "", "", False, at + 1
    while at < len(text) and (quote or text[at] not in "\r\n"):
        char = text[at]
        if quote and char == quote:
            quote, begun = "", False
        elif quote == "'":
            value += char
        elif not quote and not begun and char in "'\"":
            quote = char
        elif char == "\\" and at + 1 < len(text):
            at += 1
            kept = quote and text[at] not in '"\\`$\n'
            value += ("\\" if kept else "") + ("" if text[at] == "\n" else text[at])
            begun = begun or not quote
        elif quote or begun or char not in " \t":
            value, begun = value + char, begun or not quote
        at += 1
    return name.strip(), value.rstrip() if begun else value, at
