"""The spec language: one YAML file says everything about one action, ``connector.yaml`` what its folder shares.

Pure.  The pydantic models below, and that of an input in ``form.py``, *are* the language.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PrivateAttr
from pydantic_core import PydanticCustomError

from locoia_pat.spec.form import Input, Line, Model, Name
from locoia_pat.spec.yaml import Document


def _flat(value: Any) -> Any:
    """*Value*, if an address or a form can say it."""
    items = value if isinstance(value, list) else [value]
    if any(isinstance(item, dict | list) for item in items):
        raise PydanticCustomError("flat", "a text, a number, true, false, or a list of them")
    return value


Effect = Literal["read", "create", "rotate", "update", "delete"]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
OutputType = Literal["text", "number", "switch", "datetime", "nested_object", "json"]
PageKind = Literal["page", "offset", "cursor", "link"]
Visible = Annotated[str, Field(pattern=r"^[!-~]{1,200}$")]
Dotted = Annotated[str, Field(pattern=r"^[A-Za-z0-9_@$-]+(\.[A-Za-z0-9_@$-]+)*$")]
Place = Annotated[str, Field(pattern=r"^(\$|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)$")]
Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,100}$")]
ErrorStatus = Annotated[str, Field(pattern=r"^[45][0-9][0-9]$")]
Fields = dict[Visible, Annotated[Any, AfterValidator(_flat)]]
"""Names and their values, each a template or a constant; a list is the name repeated."""
_BASE_URL = r"^https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~:@%+-]+)*/?$"
_PARTS = r"^[^\s{}]+\{[a-z0-9_]*\}([^\s{}]+\{[a-z0-9_]*\}){0,20}[^\s{}]*$"
_PATH = r"^/(?:\{\{[^\r\n{}]*\}\}|[^\s?#{}\\])+$"


class RequestSpec(Model):
    """The request an action sends; its texts are templates."""

    method: Method
    path: Annotated[str, Field(pattern=_PATH)]
    """Each value is quoted into its own segment."""
    query: Fields = {}
    headers: dict[HeaderName, str] = {}
    body: Any = None
    """A YAML structure, sent as JSON; a lone ``{{ expression }}`` keeps its type."""
    form: Fields | None = None
    """Sent as ``application/x-www-form-urlencoded``, instead of a body."""
    omit_null: bool = False
    """Leave out what is ``null``: parts of the query, headers, fields of the form, keys of the body."""


class PagesSpec(Model):
    """How a read gets the rows that follow; what it sends overrides the same part of the first request's query."""

    by: PageKind
    """``page`` counts pages and ``offset`` rows, until a page is empty; ``cursor`` is in the answer, until it is not
    there or null; ``link`` is the next address, in the ``Link`` header (RFC 8288) or in the answer."""
    query: Visible | None = None
    """The part of the query that says where to go on."""
    at: Dotted | None = None
    """Where the cursor or the next address stands in the answer."""
    first: Annotated[int, Field(ge=0, le=1)] = 1
    """The number of the first page, which is read without saying it."""
    most: Annotated[int, Field(ge=1, le=1000)] = 100
    """Pages that are read at most; a list that is cut there says so."""


class Output(Model):
    """One value an action gives back."""

    title: Line | None = None
    type: OutputType
    nullable: bool = False
    """Its absence, or ``null``, is in order."""
    multiple: bool = False
    secret: Literal["once"] | None = None
    """Shown by the API this one time; it goes into a place for tokens and nowhere else."""
    source: Dotted | None = Field(None, alias="from")
    """Where it stands in the payload, as a dotted path; by default under its own name."""
    keep: bool = False
    """Stored beside the token."""
    days_until: Name | None = None
    """Not in the answer: whole days from the server's now until that datetime output."""
    parts: Annotated[str, Field(pattern=_PARTS)] | None = None
    """Not in the answer as such: what stands in braces in the word that ends the text there, such as ``~m/{name}``."""
    or_input: Name | None = None
    """The input that stands in, with a warning, where the answer leaves it out."""
    children: dict[Name, Output] | None = None


class ReplySpec(Model):
    """What an answer means."""

    ok: list[Annotated[int, Field(ge=200, le=299)]] = Field(min_length=1)
    """The documented statuses of success; a whole answer under another 2xx counts, with a warning."""
    at: list[Place] = Field(["$"], min_length=1)
    """Where the payload may stand, first fit: ``$`` is the whole answer, else a dotted path."""
    rows: Name | None = None
    """The payload is a list; ``data`` holds its rows under this name, each shaped as ``output``."""
    output: dict[Name, Output]
    """Empty where the answer says nothing that is needed: any success is whole then."""
    errors: dict[ErrorStatus, Line] = {}
    """What to do about an error, by its status; the API's own words are told beside it."""


class ExampleRequest(Model):
    """What must be sent, constants only."""

    method: Method
    path: Annotated[str, Field(pattern=r"^/[!-~]*$")]
    query: dict[str, str | list[str]] = {}
    headers: dict[HeaderName, str] = {}
    """Those that the spec adds."""
    body: Any = None
    form: dict[str, str | list[str]] | None = None


class ExampleReply(Model):
    """What the API answers."""

    status: Annotated[int, Field(ge=200, le=599)]
    headers: dict[HeaderName, str] = {}
    body: Any = None
    """A JSON value; a text is sent as it is."""


class ExampleResult(Model):
    """What comes of it."""

    outcome: Literal["done", "refused", "not_done", "unknown"]
    data: dict[str, Any] | None = None
    """The outputs, where it is ``done``."""
    code: str | None = None
    """``error.code``, where it is not."""


class Example(Model):
    """One run: what goes in, what is sent, what is answered, what comes out.  ``test`` compares, ``sandbox`` serves."""

    name: Line
    inputs: dict[str, Any] = {}
    """A secret input is a fake one, in clear."""
    request: ExampleRequest | None = None
    reply: ExampleReply | None = None
    pages: Annotated[list[ExampleReply], Field(max_length=20)] = []
    """The answers to the requests for the pages that follow."""
    result: ExampleResult | None = None


class RevokeSpec(Model):
    """How a fresh token is made useless when no place took it."""

    action: Name
    inputs: dict[Name, Any]


class Located(Model):
    """A file, of which each part remembers where it stands."""

    _document: Document = PrivateAttr()

    @cached_property
    def document(self) -> Document:
        """The YAML document, which knows the line and column of each part."""
        return self._document


class _File(Located):
    """What every file of specs has: the version of its language."""

    spec: Annotated[int, Field(ge=1, le=1)]


class _Head(_File):
    """What an action says of itself, whatever runs it."""

    action: Name
    title: Line
    summary: Line
    docs: Line | None = None
    effect: Effect
    inputs: dict[Name, Input] = {}


class ActionSpec(_Head):
    """One action."""

    replaces: Name | None = None
    """For ``rotate``: the input that names the row whose token dies."""
    look: Name | None = None
    """The action that shows whether this one happened."""
    revoke: RevokeSpec | None = None
    mark: Name | None = None
    """For ``create``: the text input that may carry a mark, by which ``look`` tells the row that a killed run made."""
    request: RequestSpec
    pages: PagesSpec | None = None
    reply: ReplySpec
    examples: Annotated[list[Example], Field(max_length=20)] = []

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """The names of the outputs that are shown once."""
        return tuple(name for name, output in self.reply.output.items() if output.secret)

    @cached_property
    def sealed(self) -> tuple[str, ...]:
        """The keys of an answer under which a text is a secret from birth."""
        return tuple((self.reply.output[name].source or name).rpartition(".")[2] for name in self.secrets)


class SuperSpec(_Head):
    """A super action: code that runs other actions, with inputs and outputs like any."""

    super_: Annotated[Name, Field(alias="super")]
    """What runs it, by name: one of those that this package has."""
    output: dict[Name, Output]


class Env(Model):
    """The environment variables of one connector, which begin with its name; no other connector reads them."""

    token: Variable
    base_url: Variable | None = None
    identifier: Variable | None = None
    """The user name, or what else stands beside the token in ``token_format``; it is no secret."""


class Auth(Model):
    """Locoia's two-stage form: ``token_format`` is rendered, then ``token_prefix`` around it.

    (https://docs.locoia.com/connectors/authentication/basic-auth-and-other-simple-authentication-methods)
    """

    header_key: HeaderName = "Authorization"
    token_format: str = "{{ token }}"  # noqa: S105  # a template
    """Over ``token`` and ``identifier``."""
    encode: Literal["base64", False] = False
    """How what ``token_format`` gives is encoded."""
    token_prefix: str = "Bearer {{ token_format }}"  # noqa: S105  # a template
    info: Line | None = None
    """Where a first credential comes from, in words."""


class ConnectorSpec(_File):
    """What the actions of one folder share."""

    connector: Name
    title: Line
    version: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")]
    docs: Line | None = None
    base_url: Annotated[str, Field(pattern=_BASE_URL)]
    hosts: Annotated[list[Annotated[str, Field(pattern=r"^[a-z0-9.-]+$")]], Field(min_length=1, max_length=50)]
    """The hosts that may see the credential; loopback may always."""
    env: Env
    check: Name | None = None
    """The read that shows whether a credential is accepted."""
    auth: Auth = Auth()
