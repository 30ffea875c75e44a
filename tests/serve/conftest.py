"""The fixtures of this room."""

from tests.support.lifecycle_sandbox import new_database, sandbox
from tests.support.served import served

__all__ = ["new_database", "sandbox", "served"]
