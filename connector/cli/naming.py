"""The full names of a pack's actions, where a result speaks of them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..result import Result


def named(result: Result, pack: str | None) -> Result:
    """*Result* with the names by which the command knows the actions of *pack*; None where they are of no pack."""
    if pack is None:
        return result
    problem = result.problem
    if problem is not None and problem.next is not None:
        problem = dataclasses.replace(problem, next=_command(problem.next, pack))
    return dataclasses.replace(result, action=f"{pack}.{result.action}" if result.action else None, problem=problem)


def _command(line: str, pack: str) -> str:
    match line.split(" ", 3):
        case ["locoia-pat", "run" | "show" as verb, action, *rest]:
            return " ".join(["locoia-pat", verb, f"{pack}.{action}", *rest])
        case _:
            return line
