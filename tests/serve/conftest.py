"""The fixtures of this room."""

from tests.support.served import served

__all__ = ["served"]
