"""The version of the installed package, read when it is asked for."""

from __future__ import annotations

VERSION = "0.1.0"
"""Kept equal to ``pyproject.toml`` by a test: reading the installed metadata costs more than a whole action."""
