"""How the command calls the actions of other specs than Locoia's, where a result speaks of them."""

from __future__ import annotations

import dataclasses
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locoia_pat.outcomes import Result
    from locoia_pat.spec.load import SpecFolder


def named(result: Result, specs: SpecFolder) -> Result:
    """*Result* of an action of *specs*, as the command calls it; and so the command to try next."""
    if specs.is_own:
        return result
    problem = result.problem
    if problem is not None and problem.next is not None:
        problem = dataclasses.replace(problem, next=_command(problem.next, specs))
    action = f"{specs.pack}.{result.action}" if specs.pack and result.action else result.action
    return dataclasses.replace(result, action=action, problem=problem)


def _command(line: str, specs: SpecFolder) -> str:
    match line.split(" ", 3):
        case ["locoia-pat", "run" | "show" as verb, action, *rest]:
            words = [f"{specs.pack}.{action}"] if specs.pack else [action, "--specs", shlex.quote(str(specs.folder))]
            return " ".join(["locoia-pat", verb, *words, *rest])
        case _:
            return line
