"""The sandbox in which the tests manage tokens."""

from tests.support.command import call
from tests.support.lifecycle_sandbox import sandbox

__all__ = ["call", "sandbox"]
