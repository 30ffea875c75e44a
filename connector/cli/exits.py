"""Exit codes that no outcome has."""

from __future__ import annotations

BUG = 70
"""A bug of ours (``EX_SOFTWARE`` of sysexits.h)."""
INTERRUPTED = 130
"""Ctrl-C, as shells tell it."""
