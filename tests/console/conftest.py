"""The fixtures of this room."""

from tests.support.console_page import console

__all__ = ["console"]
