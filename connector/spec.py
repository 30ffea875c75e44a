"""The spec language: one YAML file says everything about one action, ``connector.yaml`` what its folder shares.

Pure: text in, models out.  The pydantic models below *are* the language.  Inputs
speak Locoia's UI Form Schema vocabulary (https://docs.locoia.com/connectors/helpers/form-helper); what is ours beside
it is ``nullable``, ``unit``, ``covers`` and ``remarks``.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from . import document
from .errors import Finding, SpecError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Effect = Literal["read", "create", "rotate", "update", "delete"]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
InputType = Literal[
    "text", "email", "password", "number", "date", "daterange", "datetime", "select", "switch", "nested_object"
]
OutputType = Literal["text", "number", "switch", "datetime", "nested_object"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Line = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\r\n]+$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Input(_Model):
    """One input of an action: a descriptor of Locoia's UI Form Schema."""

    title: Line
    type: InputType
    required: bool = False
    nullable: bool = False
    """Ours: ``null`` is a value that means something, and must be said aloud."""
    unit: Literal["days", "hours"] | None = None
    """Ours: what a number counts; a date given instead is answered with the number it stands for."""
    default: Any = None
    placeholder: str | None = None
    info: str | None = None
    min_length: int | None = Field(None, alias="minLength", ge=0)
    max_length: int | None = Field(None, alias="maxLength", ge=0)
    rows: int | None = None
    min: int | float | None = None
    max: int | float | None = None
    step: Annotated[int | float, Field(gt=0)] | None = None
    enum: list[str] | None = None
    multiple: bool = False
    allow_create: bool = Field(False, alias="allowCreate")
    covers: dict[str, list[str]] | None = None
    """Ours: options that include others; naming both is a warning."""
    remarks: dict[str, Line] | None = None
    """Ours: what to know about an option; it comes as a warning where the option is used."""
    children: dict[Name, Input] | None = None


class RequestSpec(_Model):
    """The request an action sends; its texts are templates."""

    method: Method
    path: Annotated[str, Field(pattern=r"^/(?:\{\{[^\r\n{}]*\}\}|[^\s?#{}])+$")]
    body: Any = None
    """A YAML structure, sent as JSON; a lone ``{{ expression }}`` keeps its type."""
    omit_null: bool = False
    """Leave out the keys of the body that are ``null``, for a change of a part."""


class Output(_Model):
    """One value an action gives back."""

    title: Line | None = None
    type: OutputType
    nullable: bool = False
    """Its absence, or ``null``, is in order."""
    multiple: bool = False
    secret: Literal["once"] | None = None
    """Shown by the API this one time; it goes into a place for tokens and nowhere else."""
    keep: bool = False
    """Stored beside the token."""
    days_until: Name | None = None
    """Not in the answer: whole days from the server's now until that datetime output."""
    or_input: Name | None = None
    """The input that stands in, with a warning, where the answer leaves it out."""
    children: dict[Name, Output] | None = None


class ReplySpec(_Model):
    """What an answer means."""

    ok: list[Annotated[int, Field(ge=200, le=299)]] = Field(min_length=1)
    """The documented statuses of success; a whole answer under another 2xx counts, with a warning."""
    at: list[Annotated[str, Field(pattern=r"^(\$|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)$")]] = Field(["$"], min_length=1)
    """Where the payload may stand, first fit: ``$`` is the whole answer, else a dotted path."""
    rows: Name | None = None
    """The payload is a list; ``data`` holds its rows under this name, each shaped as ``output``."""
    output: dict[Name, Output]
    """Empty where the answer says nothing that is needed: any success is whole then."""


class RevokeSpec(_Model):
    """How a fresh token is made useless when no place took it."""

    action: Name
    inputs: dict[Name, Any]


class ActionSpec(_Model):
    """One action."""

    spec: Annotated[int, Field(ge=1, le=1)]
    action: Name
    title: Line
    summary: Line
    docs: Line | None = None
    effect: Effect
    replaces: Name | None = None
    """For ``rotate``: the input that names the row whose token dies."""
    look: Name | None = None
    """The action that shows whether this one happened."""
    revoke: RevokeSpec | None = None
    inputs: dict[Name, Input] = {}
    request: RequestSpec
    reply: ReplySpec

    _document: document.Document = PrivateAttr()

    @property
    def document(self) -> document.Document:
        """Where everything stands."""
        return self._document

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """The names of the outputs that are shown once."""
        return tuple(name for name, output in self.reply.output.items() if output.secret)


class Env(_Model):
    """The environment variables of one connector; no other connector reads them."""

    token: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    base_url: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] | None = None


class Auth(_Model):
    """Locoia's two-stage form: ``token_format`` is rendered, then ``token_prefix`` around it."""

    header_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] = "Authorization"
    token_format: str = "{{ token }}"  # noqa: S105  # a template
    token_prefix: str = "Bearer {{ token_format }}"  # noqa: S105  # a template


class ConnectorSpec(_Model):
    """What the actions of one folder share."""

    spec: Annotated[int, Field(ge=1, le=1)]
    connector: Name
    title: Line
    version: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")]
    docs: Line | None = None
    base_url: Annotated[str, Field(pattern=r"^https?://[^\s@?#]+$")]
    hosts: list[Annotated[str, Field(pattern=r"^[a-z0-9.-]+$")]] = Field(min_length=1)
    """The hosts that may see the credential; loopback may always."""
    env: Env
    check: Name | None = None
    """The read that shows whether a credential is accepted."""
    auth: Auth = Auth()

    _document: document.Document = PrivateAttr()

    @property
    def document(self) -> document.Document:
        """Where everything stands."""
        return self._document


_Spec = TypeVar("_Spec", ActionSpec, ConnectorSpec)


def parse_action(text: str, file: str) -> ActionSpec:
    """The action that the YAML *text* of *file* describes.

    Raises:
        SpecError: with every mistake found, each with line and column.

    """
    spec = _parse(ActionSpec, text, file)
    findings = list(_action_findings(spec))
    if findings:
        raise SpecError(findings)
    return spec


def parse_connector(text: str, file: str) -> ConnectorSpec:
    """The connector that the YAML *text* of *file* describes.

    Raises:
        SpecError: with every mistake found, each with line and column.

    """
    return _parse(ConnectorSpec, text, file)


def _parse(model: type[_Spec], text: str, file: str) -> _Spec:
    source = document.read(text, file)
    try:
        spec = model.model_validate(source.value)
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_input=False, include_context=False)
    else:
        spec._document = source  # noqa: SLF001  # the model's own private attribute, set once, here
        return spec
    raise SpecError(_finding(model, source, mistake["loc"], mistake["type"], mistake["msg"]) for mistake in mistakes)


def _finding(model: type[BaseModel], source: document.Document, loc: document.Path, kind: str, message: str) -> Finding:
    if kind == "extra_forbidden":
        known = _known_keys(model, loc)
        hint = did_you_mean(str(loc[-1]), known)
        return source.finding(
            loc, f'unknown key "{loc[-1]}"{hint} (known here: {", ".join(sorted(known))})', at_key=True
        )
    if kind == "missing":
        return source.finding(loc[:-1], f'the key "{loc[-1]}" is missing')
    if loc and loc[-1] == "[key]":
        return source.finding(loc[:-1], f'"{loc[-2]}" is no name: a name is lower_snake_case', at_key=True)
    return source.finding(loc, f"{'.'.join(map(str, loc)) or 'the file'}: {message}")


def _known_keys(model: type[BaseModel], loc: document.Path) -> list[str]:
    """The keys that may stand beside ``loc[-1]``."""
    for part in loc[:-1]:
        if (field := _field(model, part)) is not None:
            model = field
    return [info.alias or name for name, info in model.model_fields.items()]


def _field(model: type[BaseModel], key: str | int) -> type[BaseModel] | None:
    """The model of the values under *key*; None where *key* is the name of an item, which has its parent's model."""
    for name, info in model.model_fields.items():
        if key in (name, info.alias):
            return next((found for found in _models(info.annotation)), None)
    return None


def _models(annotation: Any) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models(inner)


def _action_findings(spec: ActionSpec) -> Iterable[Finding]:
    """What no single part of an action can see."""
    at = spec.document.finding
    if spec.effect == "rotate" and spec.replaces is None:
        yield at((), 'an action with effect: rotate says with "replaces" which input names the row')
    if spec.replaces is not None and spec.replaces not in spec.inputs:
        yield at(("replaces",), f'there is no input "{spec.replaces}"{did_you_mean(spec.replaces, spec.inputs)}')
    yield from _input_findings(spec, ("inputs",), spec.inputs)
    yield from _output_findings(spec, ("reply", "output"), spec.reply.output)
    for name in spec.secrets[1:]:
        yield at(("reply", "output", name), "an action gives one secret", at_key=True)
    for name in spec.secrets[:1]:
        if spec.reply.rows or spec.effect == "read":
            yield at(("reply", "output", name), "only an action that changes one row gives a secret", at_key=True)


# What a template reads as something else than a name.
_RESERVED = frozenset(["and", "else", "false", "if", "in", "is", "none", "not", "or", "self", "true"])


def _input_findings(spec: ActionSpec, path: document.Path, inputs: Mapping[str, Input]) -> Iterable[Finding]:
    at = spec.document.finding
    for name, field in inputs.items():
        if name in _RESERVED:
            yield at((*path, name), f'"{name}" means something in a template; choose another name', at_key=True)
        if field.type == "select" and not field.enum:
            yield at((*path, name), 'a select needs "enum", the list of its options')
        if (field.type == "nested_object") != bool(field.children):
            yield at((*path, name), 'a nested_object, and only that, has "children"')
        for option in {*(field.covers or {}), *(field.remarks or {})} - {*(field.enum or ())}:
            yield at((*path, name), f'"{option}" is no option of "enum"{did_you_mean(option, field.enum or ())}')
        if field.min is not None and field.max is not None and field.min > field.max:
            yield at((*path, name, "max"), "max is less than min")
        if (field.min_length or 0) > (field.max_length if field.max_length is not None else field.min_length or 0):
            yield at((*path, name, "maxLength"), "maxLength is less than minLength")
        yield from _input_findings(spec, (*path, name, "children"), field.children or {})


def _output_findings(spec: ActionSpec, path: document.Path, outputs: Mapping[str, Output]) -> Iterable[Finding]:
    at = spec.document.finding
    times = [key for key, output in outputs.items() if output.type == "datetime"]
    for name, output in outputs.items():
        here = (*path, name)
        if output.or_input is not None and output.or_input not in spec.inputs:
            message = f'there is no input "{output.or_input}"{did_you_mean(output.or_input, spec.inputs)}'
            yield at((*here, "or_input"), message)
        if output.days_until is not None and (output.days_until not in times or output.type != "number"):
            message = f'there is no datetime output "{output.days_until}"{did_you_mean(output.days_until, times)}'
            yield at((*here, "days_until"), message)
        if (output.type == "nested_object") != bool(output.children):
            yield at(here, 'a nested_object, and only that, has "children"')
        if output.type == "datetime" and output.multiple:
            yield at((*here, "multiple"), "a datetime output is one time")
        if output.secret and (len(path) > 2 or output.type != "text" or output.multiple or output.keep):
            yield at(here, "a secret is one text at the top of the output, and is kept without saying so", at_key=True)
        yield from _output_findings(spec, (*here, "children"), output.children or {})


def form(inputs: Mapping[str, Input]) -> dict[str, Any]:
    """*Inputs* as Locoia's UI Form Schema, without the keys that are ours."""
    return {
        name: field.model_dump(
            by_alias=True,
            exclude_none=True,
            exclude_defaults=True,
            exclude={"nullable", "unit", "covers", "remarks", "children"},
        )
        | ({"children": form(field.children)} if field.children else {})
        for name, field in inputs.items()
    }
