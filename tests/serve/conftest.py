"""The fixtures of this room."""

from tests.support.lifecycle_sandbox import sandbox
from tests.support.served import served

__all__ = ["sandbox", "served"]
