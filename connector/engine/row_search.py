"""The row of a token that no store took, where the response to its create does not say which it is.

Pure, but for the mark: it is random.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from locoia_pat.engine.compiled_specs import ready_action
from locoia_pat.secrets.secret import MASK, redacted
from locoia_pat.spec.compiled_form import is_super
from locoia_pat.spec.description import inputs_of_same_names
from locoia_pat.spec.row_mark import add_mark, find_mark, mark_inputs, new_mark, required_inputs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from locoia_pat.response.classify import ParsedResponse
    from locoia_pat.secrets.secret import Secret
    from locoia_pat.spec.load import SpecFolder
    from locoia_pat.spec.model import ActionSpec, SuperSpec

_NO_ROOM = "If no token store takes the new token, its row is found by the mark and revoked. Use a shorter text."


@dataclass(frozen=True, slots=True)
class RowSearch:
    """What was found of a row."""

    outputs: Mapping[str, Any]
    """The outputs of the response, and those of the row that the revoke needs."""
    remark: str | None = None
    """Why the row was not found, or what is not certain, as a sentence."""


def with_mark(spec: ActionSpec, inputs: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return checked *inputs* with a new mark, unless they have one, as in a bulk run; and the mark.

    Raises:
        InvalidError: the input has no room for it.

    """
    sent = find_mark(inputs.get(spec.tag_input or ""))
    mark = sent or new_mark()
    return inputs if sent else dict(mark_inputs(spec, inputs, mark, _NO_ROOM)), mark


def row_inputs(verifier: ActionSpec, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what *verifier*, the action that lists the rows, requires of the *inputs* of a create: those of the names.

    Its other inputs are left out: they might leave out the row.
    """
    given = inputs_of_same_names(verifier, inputs)
    return {name: given[name] for name in required_inputs(verifier) if name in given}


def can_list_later(specs: SpecFolder, spec: ActionSpec | SuperSpec) -> bool:
    """Return whether a later run finds the rows that *spec* creates by their marks: without the inputs of their call.

    Raises:
        InvalidError: the spec of the action that lists them is invalid.

    """
    if is_super(spec) or spec.tag_input is None:
        return False
    return not required_inputs(ready_action(specs, spec.verify_with or ""))


def choose_row(
    spec: ActionSpec,
    data: Mapping[str, Any],
    mark: str,
    listed: ParsedResponse | None,
    secrets: Sequence[Secret],
) -> RowSearch:
    """Return the only row with *mark* that *listed*, the result of ``verify_with``, has.

    Args:
        spec: the create.
        data: the outputs of its response.
        mark: of the row, in ``tag_input``.
        listed: the rows; None if they were not requested.
        secrets: what a row must not show.

    """
    reader, shown = spec.verify_with, f"the mark {add_mark('', mark)} in {spec.tag_input}"
    if listed is None or listed.data is None:
        problem = listed.problem if listed is not None else None
        why = "" if problem is None else f" ({problem.status or problem.code})"
        return RowSearch(data, f"Its row has {shown}, but {reader} failed{why}.")
    rows = next(iter(listed.data.values()))
    found = [row for row in rows if find_mark(row.get(spec.tag_input or "")) == mark]
    cut = "" if listed.is_whole else f" {reader} was not read to its end: look there for another row."
    if len(found) != 1:
        count = f"{len(found)} rows with {shown}, so none was revoked" if found else f"no row with {shown}"
        return RowSearch(data, f"{reader} has {count}.{cut}")
    row = redacted(found[0], secrets)
    needed = {name: row.get(name) for name in (spec.revoke.from_row if spec.revoke else ())}
    outputs = {**needed, **{name: value for name, value in data.items() if value is not None}}
    if lacking := [name for name in needed if outputs[name] in (None, "") or MASK in str(outputs[name])]:
        return RowSearch(data, f"The row with {shown} has no usable {lacking[0]}.{cut}")
    return RowSearch(outputs, cut.strip() or None)
