"""The ``locoia-pat`` command."""

from __future__ import annotations

from locoia_pat.cli.program import group, main

__all__ = ["group", "main"]
