"""The sandbox in which the tests manage tokens."""

from tests.support.lifecycle_sandbox import new_database, sandbox

__all__ = ["new_database", "sandbox"]
