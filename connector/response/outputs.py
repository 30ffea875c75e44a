"""Reads the outputs that a spec declares from a JSON response.

Pure.  What the API's documentation leaves open is read in every plausible form; each assumption is a warning.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from dataclasses import dataclass
from functools import cache
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from locoia_pat.http.json_document import MAX_VALUES
from locoia_pat.response.timestamp import MAX_LENGTH, read_time, rfc3339
from locoia_pat.secrets.encodings import packed_cores
from locoia_pat.secrets.secret import MASK, Secret, is_plausible_token, iter_secrets, redacted
from locoia_pat.spec.input_types import UNIT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.spec.model import ActionSpec, Input, Output, ReplySpec


MAX_STRING = 256 * 1024
"""The most characters of one string in an output; a longer one is null."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of one response."""

    data: Mapping[str, Any]
    secrets: Mapping[str, Secret]
    warnings: tuple[str, ...]
    is_whole: bool = True
    """Whether all rows were certainly there, where the action reads rows."""


def extract_outputs(
    spec: ActionSpec,
    body: object,
    inputs: Mapping[str, Any],
    now: dt.datetime,
    headers: Mapping[str, str] = MappingProxyType({}),
    *,
    declared: DeclaredOutputs | None = None,
    credential: Secret | None = None,
) -> Outputs | str:
    """Return the outputs that *spec* declares, or the reason why *body* does not have them.

    Args:
        spec: the action.
        body: the JSON body; each value under a secret name is a :class:`Secret`.
        inputs: the inputs of the request, used where the spec declares them as a fallback.
        now: when the response was received, for outputs that count days.
        headers: the headers of the response, with names in lower case.
        declared: the outputs of *spec*, if they were prepared before.
        credential: what the request was authorized with.

    """
    reader = _Reader(inputs, now, headers, declared or DeclaredOutputs(spec))
    reply = spec.reply
    if reply.rows:
        return _row_outputs(spec, reply.rows, body, reader)
    payloads = [payload for path in reply.at if (payload := get_path(body, path)) is not None]
    if not reply.output:
        return Outputs({}, {}, ())
    objects = [payload for payload in payloads if isinstance(payload, dict)] if spec.reads_body else [{}]
    if not objects:
        return "the response has no object"
    found: list[tuple[dict[str, Any], dict[str, Secret]]] = []
    for payload in objects:
        values = {name: reader.secret(reply.output[name], name, payload) for name in spec.secrets}
        secrets = {name: value for name, value in values.items() if isinstance(value, Secret) and _is_usable(value)}
        if len(secrets) == len(spec.secrets):
            found.append((payload, secrets))
        elif all(_may_be_empty(reply.output[name], value) for name, value in values.items()):
            found.append((payload, {}))
    if not found:
        return f"the response has no usable {spec.secrets[0]}"
    payload, secrets = found[0]
    if any(others != secrets for _, others in found):
        return f"the response has two different usable values of {spec.secrets[0]}"
    sent = [*iter_secrets(inputs), *([] if credential is None else [credential])]
    known = known_strings(spec, inputs if len(sent) <= 1 else {})  # inputs were searched for the credential alone
    data = reader.outputs(reply.output, payload)
    # An API may repeat secrets elsewhere.  If it repeats one that was sent, all are redacted at once: masking the new
    # one first could mask what the other has in common with it, and its rest would not be found.
    repeated = sent if redacted(data, sent, known) is not data else ()
    new = [*secrets.values(), *reader.unused_secrets, *repeated]
    data = redacted(data, new, known if repeated else known_strings(spec, inputs))
    if lacking := _lacks(data, spec.required_outputs):
        return f"the response has no {lacking}"
    return Outputs(data, secrets, tuple(reader.warnings))


def _row_outputs(spec: ActionSpec, name: str, body: object, reader: _Reader) -> Outputs | str:
    try:
        given = find_rows(spec.reply, body)
    except ValueError as error:
        return str(error)
    null = None if given else _null_before_rows(spec.reply, body)
    if null is not None:
        reader.warn(f'"{null}" is null in the response, which is taken as a list without rows')
    rows = reader.rows(spec.reply.output, given)
    if spec.secret_keys:
        known = known_strings(spec, {})
        rows = [_without_repeated(read, row, known) for read, row in zip(rows, given, strict=True)]
    if spec.required_outputs and any((lacking := _lacks(row, spec.required_outputs)) for row in rows):
        return f"a row of the response has no {lacking}"
    return Outputs({name: rows}, {}, tuple(reader.warnings), is_whole=null is None)


def _without_repeated(read: dict[str, Any], row: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
    """Return the outputs *read* of a *row* without its secrets, which an API may repeat, as in a URL.

    Only secrets whose longest run of letters and digits, plain, in base64 or in hexadecimal, is in the outputs are
    looked for: to look for all of them would take too long in a long list.
    """
    text = str(read)
    secrets = [secret for secret in iter_secrets(row) if len(secret.reveal()) >= _SHORTEST_REDACTED]
    found = [secret for secret in secrets if _may_be_in(text, secret)]
    return redacted(read, found, known) if found else read


def _may_be_in(text: str, secret: Secret) -> bool:
    forms = (secret.reveal(), *packed_cores(secret.reveal()))
    return any(max(_RUN.findall(form), key=len, default="") in text for form in forms)


def _lacks(data: Mapping[str, Any], required: tuple[str, ...]) -> str | None:
    """Return the first of the *required* outputs that *data* lacks or has as an empty string, or None."""
    return next((name for name in required if data[name] in (None, "")), None)


def known_strings(spec: ActionSpec, inputs: Mapping[str, Any]) -> set[str]:
    """Return the names of the outputs, and the strings of the inputs at the top level and in lists."""
    known = {*spec.reply.output}
    for value in inputs.values():
        if isinstance(value, str):
            known.add(value)
        elif isinstance(value, list):
            known.update(item for item in value if isinstance(item, str))
    return known


def find_rows(reply: ReplySpec, body: object) -> list[dict[str, Any]]:
    """Return the rows in *body*, as the API sent them; ``null`` where the list is expected is an empty list.

    Raises:
        ValueError: there is no list of rows.

    """
    if body == []:
        return []
    for payload in [_listed(reply, get_path(body, path)) for path in reply.at]:
        if isinstance(payload, list) and all(isinstance(row, dict) for row in payload):
            if len(payload) * len(reply.output) > MAX_VALUES:
                raise ValueError(f"the response has more than {MAX_VALUES} values of {reply.rows}")
            return payload
    if any(_is_null(body, path) for path in reply.at) or _null_before_rows(reply, body) is not None:
        return []
    raise ValueError(f"the response has no list of {reply.rows}")


def _null_before_rows(reply: ReplySpec, body: object) -> str | None:
    """Return the first path on the way to the rows at which *body* has null, unless it has rows, or null, there too.

    Some APIs write null for an object without rows, and others, such as GraphQL's, for one that does not exist or may
    not be seen.
    """
    places = [path for path in reply.at if path != "$"]
    if body == [] or any(get_path(body, path) is not None or _is_null(body, path) for path in places):
        return None
    ways = (path[: dot.start()] for path in places for dot in re.finditer(r"\.", path))
    return next((way for way in ways if _is_null(body, way)), None)


def _listed(reply: ReplySpec, payload: object) -> object:
    """Return *payload*; if it is an object keyed by id, its rows, each with its key as the output of that name."""
    key_output = reply.rows_by_key
    if key_output is None or payload == []:  # PHP writes an empty object like that
        return payload
    if not isinstance(payload, dict):
        return None
    return [{**row, key_output: key} if isinstance(row, dict) else row for key, row in payload.items()]


def _is_null(body: object, path: str) -> bool:
    """Return whether *path* exists in *body* and is null."""
    parent, _, name = path.rpartition(".")
    place = get_path(body, parent or "$")
    return isinstance(place, dict) and name in place and place[name] is None


def _may_be_empty(output: Output, value: object) -> bool:
    """Return whether *value* is empty and *output* is a stored secret, which may be missing."""
    return output.is_stored_secret and output.nullable and (value is None or value == Secret(""))


def _is_usable(value: Secret) -> bool:
    return is_plausible_token(value.reveal())


def get_path(body: object, path: str) -> object:
    """Return the value at the *path* of *body* (``$`` is the whole body), or None.

    A key that has a dot itself, such as ``@odata.nextLink``, is found too.
    """
    if path == "$":
        return body
    if "[" in path:
        return _get_item(body, path)
    if not isinstance(body, dict):
        return None
    if path in body:
        return body[path]
    key, dot, rest = path.partition(".")
    while dot:
        if key in body and (value := get_path(body[key], rest)) is not None:
            return value
        head, dot, rest = rest.partition(".")
        key = f"{key}.{head}"
    return None


def _get_item(body: object, path: str) -> object:
    """Return the value at *path*, which has items of lists: by index, ``[0]``, or by a value, ``[rel=next]``."""
    value = body
    for position, part in enumerate(re.split(r"\[([^\[\]]+)\]\.?", path)):
        if position % 2 == 0:
            value = get_path(value, part) if part else value
        elif not isinstance(value, list):
            return None
        elif part.isdigit():
            value = value[int(part)] if int(part) < len(value) else None
        else:
            key, _, text = part.partition("=")
            value = next((item for item in value if _is_text(get_path(item, key), text)), None)
    return value


def _is_text(value: object, text: str) -> bool:
    """Return whether *value* is written as *text* in a path: a string without quotes, else as in JSON."""
    if isinstance(value, bool | int):
        return json.dumps(value) == text
    return value == text


_DAY = dt.timedelta(days=1)
_RUN = re.compile("[A-Za-z0-9]+")
_SHORTEST_REDACTED = 8
"""The least characters of a secret that is not used, for it to be looked for in the outputs."""
_MANY_ROWS = 20
"""The least rows that are read column by column, which takes a third of the time for many and longer for a few."""
_TEXT_OR_NONE = {str, type(None)}
_NUMBER = r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?"
"""A number in a header."""
_FORMAT_PIECE = re.compile(r"(\{[a-z0-9_]*\})|([^{}\s]+)")
_MAX_TAIL = 400
"""How many characters at the end of a string are searched for its last word."""
_NO_OUTPUTS: Mapping[str, Output] = {}


_Fields = tuple[list[tuple[str, "Output", list[str], str | None]], list[tuple[str, str]]]
"""Outputs with their paths, and the key of each that has only that; and outputs that count the days until another."""


class DeclaredOutputs:
    """The outputs that an action declares, prepared once for all its responses and their rows."""

    def __init__(self, spec: ActionSpec) -> None:
        """Prepare the outputs of *spec*."""
        self.requests: dict[str, tuple[str, Input]] = {}
        """The outputs that are times, each with the input that asked for it."""
        self._has_rows = spec.reply.rows is not None
        self._fields: dict[int, _Fields] = {}
        """By the identity of declared outputs, which the spec keeps."""
        for name, output in spec.reply.output.items() if spec.effect != "read" else ():  # there an input is a filter
            source = output.requested_by or name
            if output.type == "datetime" and source in spec.inputs:
                self.requests[name] = source, spec.inputs[source]

    def fields(self, declared: Mapping[str, Output]) -> _Fields:
        """Return those of the outputs *declared* that are not secret, and those that count days."""
        fields = self._fields.get(id(declared))
        if fields is None:
            visible = [(name, output) for name, output in declared.items() if self._has_rows or not output.secret]
            fields = (
                [(name, output, output.sources or [name], _plain_key(name, output)) for name, output in visible],
                [(name, output.days_until) for name, output in declared.items() if output.days_until],
            )
            self._fields[id(declared)] = fields
        return fields


def _plain_key(name: str, output: Output) -> str | None:
    """Return the key of the output *name*, or None if it is not the string under one key of the body."""
    key, *others = output.sources or [name]
    return key if output.is_in_body and not (output.secret or others or {*key} & {*"$.["}) else None


class _Reader:
    """Reads declared outputs, and warns once of each assumption."""

    def __init__(
        self,
        inputs: Mapping[str, Any],
        now: dt.datetime,
        headers: Mapping[str, str],
        declared: DeclaredOutputs,
    ) -> None:
        self._inputs = inputs
        self._now = now
        self._headers = headers
        self._declared = declared
        self.unused_secrets: list[Secret] = []
        """What is under the other names of a secret, and is not that secret."""
        self.warnings: dict[str, None] = {}

    def secret(self, output: Output, name: str, given: object) -> object:
        """Return the value of the secret *output* of the object *given*: of several names, the first usable one."""
        if output.header is not None:
            text = self._headers.get(output.header.lower())
            return None if text is None else Secret(text)
        first, *more = output.sources or [name]
        if not more:
            return get_path(given, first)
        values = [value for path in output.sources if (value := get_path(given, path)) is not None]
        hidden = [value for value in values if isinstance(value, Secret) and len(value.reveal()) >= _SHORTEST_REDACTED]
        used = next(iter([*filter(_is_usable, hidden), *values]), None)
        if unused := [value for value in hidden if value != used]:
            self.unused_secrets += unused
            self.warn(f'the response has different values of "{name}"; the first is used')
        return used

    def rows(self, declared: Mapping[str, Output], given: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the outputs of each of the objects *given*, as :meth:`outputs` does."""
        columns = self._columns(declared, given) if len(given) >= _MANY_ROWS else None
        if columns is None:
            return [self.outputs(declared, row) for row in given]
        names = tuple(columns)
        return [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]

    def _columns(self, declared: Mapping[str, Output], given: list[dict[str, Any]]) -> dict[str, list[Any]] | None:
        """Return all values of each output; None if one of them needs more than its type, such as a warning."""
        visible, counted = self._declared.fields(declared)
        if any(key is None for *_, key in visible):
            return None
        columns: dict[str, list[Any]] = {}
        times: dict[str, tuple[list[Any], dict[Any, dt.datetime]]] = {}
        for name, output, (key,), _ in visible:
            values = [row.get(key) for row in given]
            column = values
            if output.days_until:
                column = [None] * len(given)
            elif output.last_word and set(map(type, values)) <= _TEXT_OR_NONE:
                found = {value: _last_word(output.last_word, value) for value in set(values)}
                column = [None if (parts := found[value]) is None else {**parts} for value in values]
            elif output.last_word or (None in values and not (output.nullable and output.fallback_input is None)):
                return None
            elif output.type == "datetime" and set(map(type, values)) <= _TEXT_OR_NONE:
                read = {value: read_time(value) for value in set(values) - {None}}
                if name in self._declared.requests or any(
                    time is None or note is not None for time, note in read.values()
                ):
                    return None
                times[name] = values, {value: time for value, (time, _) in read.items() if time is not None}
                texts = {None: None} | {value: rfc3339(time) for value, time in times[name][1].items()}
                column = [texts[value] for value in values]
            elif not _has_plain_values(output, values):
                return None
            columns[name] = column
        for name, until in counted:
            values, by_value = times[until]
            days = {None: None} | {value: round((time - self._now) / _DAY) for value, time in by_value.items()}
            columns[name] = [days[value] for value in values]
        return columns

    def outputs(self, declared: Mapping[str, Output], given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the outputs of the object *given*, without secrets."""
        data: dict[str, Any] = {}
        times: dict[str, dt.datetime] = {}
        visible, counted = self._declared.fields(declared)
        for name, output, sources, key in visible:
            value = given.get(key) if key is not None else self._value(given, sources, output)
            if output.days_until:
                data[name] = None  # keeps the order of the outputs
            elif output.last_word:
                data[name] = _last_word(output.last_word, value)
            elif value is None:
                data[name] = self._absent(name, output)
            elif output.type == "datetime":
                self._time(name, value, data, times)
            elif output.multiple:
                data[name] = self._list(name, output, value)
            else:
                data[name] = self._one(name, output, value)
        for name, until in counted:
            if (time := times.get(until)) is not None:
                data[name] = round((time - self._now) / _DAY)
        for name in times.keys() & self._declared.requests:
            self._compare(name, times[name])
        return data

    def _value(self, given: Mapping[str, Any], sources: list[str], output: Output) -> object:
        """Return the value of *output* in its header or its input, or the first at its paths; a secret is masked."""
        if output.from_input:
            return self._inputs[output.from_input]
        if output.header is not None:
            value = self._headers.get(output.header.lower())
            is_number = output.type == "number" and value is not None and re.fullmatch(_NUMBER, value)
            return json.loads(value) if value is not None and is_number else value
        found: object = None
        for source in sources:
            before, every, rest = source.partition("[]")
            found = get_path(given, before)
            if output.secret:
                found = MASK if isinstance(found, Secret) and found.reveal() else None
            elif every and isinstance(found, list):
                found = [get_path(item, rest[1:] or "$") for item in found]
                if found and source != sources[-1] and all(item is None for item in found):
                    continue  # the key is in none of the objects
            if found is not None:
                break
        return found

    def _compare(self, name: str, time: dt.datetime) -> None:
        """Warn if *time* is not the one that the input behind the output *name* asked for."""
        source, field = self._declared.requests[name]
        given = self._inputs[source]
        requested: float  # seconds from now: the time itself may be beyond the calendar
        if field.unit is not None and isinstance(given, int | float):
            requested, what = given * UNIT_SECONDS[field.unit], f"the {given} {field.unit} that were asked for"
        elif field.type == "datetime" and isinstance(given, str):
            requested, what = (_in_utc(given) - self._now).total_seconds(), f"{given}, which was asked for"
        else:
            return
        away = (time - self._now).total_seconds() - requested
        if abs(away) > min(UNIT_SECONDS["hours"], max(abs(requested) / 2, UNIT_SECONDS["minutes"])):
            self.warn(f'"{name}" is {_amount(abs(away))} {"earlier" if away < 0 else "later"} than {what}')

    def _absent(self, name: str, output: Output) -> Any:
        if output.fallback_input is not None:
            self.warn(f'the response has no "{name}"; the input {output.fallback_input} is used instead')
            return self._inputs[output.fallback_input]
        if not output.nullable:
            self.warn(f'the response has no "{name}"')
        return None

    def _list(self, name: str, output: Output, value: object) -> list[Any]:
        if not isinstance(value, list):
            self.warn(f'"{name}" is not a list in the response')
            value = [value]
        read = [self._one(name, output, item) for item in value]
        return [item for item in read if item is not None]

    def _one(self, name: str, output: Output, value: object) -> Any:
        if isinstance(value, str):
            if len(value) > MAX_STRING:
                self.warn(f'"{name}" has more than {MAX_STRING} characters')
                return None
            if output.type == "text":  # most of them
                return value
        match output.type, value:
            case "nested_object", dict():
                return self.outputs(output.children or _NO_OUTPUTS, value)
            case "switch", bool():
                return value
            case "number", int() | float() if math.isfinite(value) and not isinstance(value, bool):
                return value
            case "text", int() | float() if math.isfinite(value) and not isinstance(value, bool):
                return str(value)
            case "json", _:
                return _masked(value)
            case _:
                self.warn(f'"{name}" is not a {output.type} in the response')
                return None

    def _time(self, name: str, value: object, data: dict[str, Any], times: dict[str, dt.datetime]) -> None:
        time, note = read_time(value)
        data[name] = None if time is None else rfc3339(time)
        if time is not None:
            times[name] = time
            if note is None:
                return
        raw = value if isinstance(value, str) else json.dumps(value) if isinstance(value, bool | int | float) else None
        data[f"{name}_raw"] = None if raw is None else raw[:MAX_LENGTH]
        if time is not None:
            self.warn(f'"{name}" {note}, and {name}_raw has the original text')
        else:
            where = "" if raw is None else f"; {name}_raw has it"
            self.warn(f'"{name}" {note or "is not a readable time"}{where}')

    def warn(self, message: str) -> None:
        """Remember a warning."""
        self.warnings[message] = None


def _last_word(format_: str, text: object) -> dict[str, str] | None:
    """Return the named parts of the last word of *text*, or None if it does not have that format."""
    match = _last_word_regex(format_).search(text[-_MAX_TAIL:]) if isinstance(text, str) else None
    return match.groupdict() if match else None


@cache
def _last_word_regex(format_: str) -> re.Pattern[str]:
    pieces = _FORMAT_PIECE.findall(format_)
    regex = r"(?:\A|\s)"
    for (part, literal), following in zip(pieces, [*pieces[1:], ("", "")], strict=True):
        # A part ends where the next literal begins, so there is only one way to match and no backtracking.
        inner = rf"[^\s{re.escape(following[1][:1])}]{{1,100}}"
        name = part[1:-1]
        regex += re.escape(literal) or (f"(?P<{name}>{inner})" if name else inner)
    return re.compile(rf"{regex}\s*\Z")


def _in_utc(text: str) -> dt.datetime:
    """Return the time that an input gives; one without a zone is in UTC."""
    time = dt.datetime.fromisoformat(text)
    return time.replace(tzinfo=dt.UTC) if time.tzinfo is None else time


def _amount(seconds: float) -> str:
    """Return *seconds* in the unit that fits them."""
    days, hours = UNIT_SECONDS["days"], UNIT_SECONDS["hours"]
    if seconds >= 2 * days:
        return f"{seconds / days:.0f} days"
    return f"{seconds / hours:.0f} hours" if seconds >= hours else f"{seconds / UNIT_SECONDS['minutes']:.0f} minutes"


def _has_plain_values(output: Output, values: list[Any]) -> bool:
    """Return whether *values* are outputs as they are: strings or switches, or lists of them, or None."""
    kinds = set(map(type, values))
    if output.multiple:
        if not kinds <= {list, type(None)}:
            return False
        values = [*chain.from_iterable(filter(None, values))]
        kinds = set(map(type, values))
        if None in values:
            return False
    if output.type == "text" and kinds <= _TEXT_OR_NONE:
        return max(map(len, filter(None, values)), default=0) <= MAX_STRING
    return output.type == "switch" and kinds <= {bool, type(None)}


def _masked(value: Any, depth: int = 64) -> Any:
    """Return *value* with secrets masked, and without infinities and levels below *depth*, which JSON cannot hold."""
    match value:
        case Secret():
            return MASK
        case list() | dict() if depth == 0:
            return None
        case float() if not math.isfinite(value):
            return None
        case str() if len(value) > MAX_STRING:
            return None
        case list():
            return [_masked(item, depth - 1) for item in value]
        case dict():
            return {key: _masked(item, depth - 1) for key, item in value.items() if len(key) <= MAX_STRING}
        case _:
            return value
