"""The sandbox in which the tests manage tokens."""

from tests.support.command import call
from tests.support.lifecycle_sandbox import new_database, sandbox
from tests.support.postgres_server import postgres

__all__ = ["call", "new_database", "postgres", "sandbox"]
