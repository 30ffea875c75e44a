"""The facts about an API that its documentation leaves open, and what each is about.

Pure.
"""

from __future__ import annotations

from typing import Any, NamedTuple

UNKNOWN = "unknown"
"""The value of what was not measured, or could not be told."""

QUESTIONS = {
    "create_status": "HTTP status of a create",
    "regenerate_status": "HTTP status of a regenerate",
    "list_status": "HTTP status of a list",
    "list_shape": "where the rows stand in the answer to a list",
    "list_pages": "signs that a list has pages",
    "list_whole": "whether a list has all rows there are",
    "list_rows": "rows of the longest list that was seen to be whole",
    "list_lag": "seconds until a new row is in the list",
    "regenerate_keeps_id": "whether a row's id survives a regenerate",
    "regenerate_answer": "what a regenerate answers: the row, a part of it, or the token alone",
    "old_secret_dies": "whether the secret before a regenerate is refused after it",
    "dead_token_status": "what a replaced secret is answered",
    "narrow_token_status": "what a token is answered that may not call",
    "unknown_row_status": "what a regenerate of a row is answered that is not there",
    "errors_in_200": "whether an error comes with a status of success",
    "error_shape": "what an error looks like",
    "time_format": "how times are written",
    "time_precision": "how exact they are",
    "time_zone": "the zone they are in",
    "expiration_rounding": "whether an expiry is so many days from now, or moved to an hour or a day",
    "last_used_lag": "seconds until a use is told by last_used",
    "note_kept": "whether a note with a marker comes back as it was sent",
    "note_spaces_kept": "whether spaces around a note come back",
    "note_signs_kept": "whether signs such as < & and letters beyond ASCII come back",
    "note_length_kept": "whether a note of 255 characters comes back whole",
    "may_list": "which scopes may list",
    "may_create": "which scopes may create",
    "may_regenerate": "which scopes may regenerate",
    "may_create_wider": "whether a token may create one that can do more than itself",
    "may_regenerate_wider": "whether a token may regenerate one that can do more than itself",
    "expired_listed": "whether expired rows are listed",
    "expired_renewable": "whether an expired row can be regenerated",
}
"""Each fact by its name, and what it tells."""

LATER = ("expired_listed", "expired_renewable")
"""What can be told only after the rows have expired."""


class Fact(NamedTuple):
    """One fact as it was measured."""

    name: str
    value: Any
    """A JSON value, or :data:`UNKNOWN`."""
    how: str
    """What was done and seen, for people."""
