"""The exit codes of the command that are not those of an outcome."""

from __future__ import annotations

FOUND = 1
"""Exit code of a command that checks something and has findings."""
EXIT_ZERO = "--exit-zero"
"""The option that makes a command exit with 0 whatever its outcome."""
BUG = 70
"""Exit code of an unexpected error in this package (``EX_SOFTWARE`` of sysexits.h)."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells report it."""
