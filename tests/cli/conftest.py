"""The command for the tests of this folder."""

from __future__ import annotations

from tests.support.command import call

__all__ = ["call"]
