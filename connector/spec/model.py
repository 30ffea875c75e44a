"""The spec language: one YAML file for each action, and ``connector.yaml`` for what a folder of them shares.

Pure.  The pydantic models below define the language; the rules that no single part of a spec can see are in
``action_rules.py``, ``connector_rules.py`` and ``value_rules.py``.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from locoia_pat.spec.input_types import InputType
from locoia_pat.spec.located_model import PATTERN_WORDS, Line, LocatedModel, Model

if TYPE_CHECKING:
    from collections.abc import Mapping


def _flat(value: Any) -> Any:
    """Return *value* if it can be part of a URL or a form."""
    items = value if isinstance(value, list) else [value]
    if any(isinstance(item, dict | list) for item in items):
        raise PydanticCustomError("flat", "a string, a number, true, false, or a list of them")
    return value


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


_NAME = r"^[a-z][a-z0-9_]{0,63}$"
_PRINTABLE_ASCII = r"^[!-~]{1,200}$"
_ITEM = r"\[([0-9]{1,4}|[A-Za-z0-9_@$.-]{1,100}=[^\[\]=\x00-\x1f\x7f-\x9f]{1,100})\]"
_PLAIN_KEY = r"(?:[A-Za-z0-9_@-][A-Za-z0-9_@$-]*|\$[A-Za-z0-9_@$-]+)"
"""Not ``$`` alone: it is the whole response, and no key leads away from it."""
_KEY = rf"{_PLAIN_KEY}(?:{_ITEM})*"
_ANY_PATH = rf"(?:\$|(?:\$(?:{_ITEM})+|{_KEY})(?:\.{_KEY})*)"
_OUTPUT_PATH = rf"^{_PLAIN_KEY}(\.{_PLAIN_KEY})*$"
_VALUE_PATH = rf"^{_ANY_PATH}$"
_SOURCE_PATH = rf"^{_ANY_PATH}(\[\](\.{_KEY})*)?$"
_ENV_VARIABLE = r"^[A-Z][A-Z0-9_]*$"
_HEADER_NAME = r"^[A-Za-z0-9-]{1,100}$"
_ERROR_KEY = r"^([A-Za-z_][A-Za-z0-9_.:/-]{0,99}|[0-9]{1,20})$"
_CONTENT_TYPE = r"^[a-z0-9][a-z0-9!#$&^_.+-]{0,99}/[a-z0-9][a-z0-9!#$&^_.+-]{0,99}$"
_VERSION = r"^[0-9]+\.[0-9]+\.[0-9]+$"
_HOST = r"^[a-z0-9.-]+$"
_EXAMPLE_PATH = r"^/[!-~]*$"
_EXCHANGE_PATH = r"^/[^\s?#{}\\]*$"
_BASE_URL = r"^https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~:@%+-]+)*/?$"
_LAST_WORD = r"^[^\s{}]+\{[a-z0-9_]*\}([^\s{}]+\{[a-z0-9_]*\}){0,20}[^\s{}]*$"
_PATH = r"^/(?:\{\{[^\r\n{}]*\}\}|[^\s?#{}\\])+$"
PATTERN_WORDS |= {
    _NAME: "lowercase letters, digits and underscores, beginning with a letter",
    _PRINTABLE_ASCII: "1 to 200 ASCII characters without spaces",
    _OUTPUT_PATH: "keys with dots between them, such as data.items, without $. before them",
    _VALUE_PATH: "keys with dots between them and items of lists, such as data.items, s[0] or links[rel=next].href; "
    "or $, without $. before keys",
    _SOURCE_PATH: "keys with dots between them and items of lists, such as data.items, s[0] or scopes[].name; "
    "or $, without $. before keys",
    _ENV_VARIABLE: "the name of a variable in capital letters, such as ACME_TOKEN",
    _HEADER_NAME: "the name of a header: letters, digits and hyphens",
    _ERROR_KEY: 'a status from 400 to 599 in quotes, such as "404", or one of the API\'s own codes',
    _CONTENT_TYPE: "a content type in lowercase letters, such as application/zip",
    _VERSION: "three numbers with dots between them, such as 1.0.0",
    _HOST: "a host in lowercase letters, such as api.example.com",
    _EXAMPLE_PATH: "a path that begins with /, without spaces",
    _EXCHANGE_PATH: "a path that begins with /, without spaces, ?, # and templates",
    _BASE_URL: "a URL such as https://api.example.com/v1",
    _LAST_WORD: "text with {name} in it, such as /keys/{id}",
    _PATH: "a path that begins with /, without spaces, ? and # (parameters go under query)",
}

Name = Annotated[str, Field(pattern=_NAME)]
Effect = Literal["read", "create", "rotate", "update", "delete"]
RefusalCode = Literal["unauthorized", "forbidden", "not_found", "conflict", "validation", "rate_limited"]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
OutputType = Literal["text", "number", "switch", "datetime", "nested_object", "json"]
PageKind = Literal["page", "offset", "cursor", "link"]
PrintableAscii = Annotated[str, Field(pattern=_PRINTABLE_ASCII)]
OutputPath = Annotated[str, Field(pattern=_OUTPUT_PATH)]
ValuePath = Annotated[str, Field(pattern=_VALUE_PATH)]
SourcePath = Annotated[str, Field(pattern=_SOURCE_PATH)]
EnvVariable = Annotated[str, Field(pattern=_ENV_VARIABLE)]
HeaderName = Annotated[str, Field(pattern=_HEADER_NAME)]
BaseUrl = Annotated[str, Field(pattern=_BASE_URL)]
ErrorKey = Annotated[str, Field(pattern=_ERROR_KEY)]
Scalar = bool | int | str
Constant = Scalar | None
Constants = Annotated[list[Constant], BeforeValidator(_as_list, json_schema_input_type=Constant | list[Constant])]
SourcePaths = Annotated[
    list[SourcePath],
    BeforeValidator(_as_list, json_schema_input_type=SourcePath | list[SourcePath]),
    Field(min_length=1),
]
"""One path, or several of one meaning."""
Fields = dict[PrintableAscii, Annotated[Any, AfterValidator(_flat)]]
"""Names and values; a value is a template or a constant, and a list repeats the name."""


class Input(Model):
    """One input of an action: a descriptor of Locoia's UI Form Schema, with some keys of our own."""

    # Source: https://docs.locoia.com/connectors/helpers/form-helper.

    title: Line
    type: InputType
    required: bool = False
    nullable: bool = False
    """Ours: ``null`` is a value with a meaning, and must be given explicitly."""
    null_title: Line | None = None
    """Ours: what ``null`` means, such as ``Never expires``; the title of the switch for it in an exported form."""
    unit: Literal["days", "hours", "minutes", "seconds"] | None = None
    """Ours: the unit of a number; a date given instead gets an error with the number it corresponds to."""
    default: Any = None
    placeholder: str | None = None
    info: str | None = None
    min_length: int | None = Field(None, alias="minLength", ge=0)
    max_length: int | None = Field(None, alias="maxLength", ge=0)
    rows: int | None = None
    pattern: Annotated[str, Field(max_length=200)] | None = None
    """A regular expression, with or without slashes around it; the engine is linear and has no look-around."""
    regex_error_message: Line | None = Field(None, alias="regexErrorMessage")
    min: int | float | None = None
    max: int | float | None = None
    step: Annotated[int | float, Field(gt=0)] | None = None
    options: Name | None = None
    """Ours: the name of a list in ``options`` of ``connector.yaml``, instead of ``enum``."""
    enum: list[str] | None = None
    multiple: bool = False
    allow_create: bool = Field(False, alias="allowCreate")
    includes: dict[str, list[str]] | None = None
    """Ours: options that include other options; giving both is a warning."""
    option_notes: dict[str, Line] | None = None
    """Ours: notes on options; each is a warning when its option is used."""
    children: dict[Name, Input] | None = None


class FileSpec(Model):
    """The file that a request sends: as its body, or as a part of its form."""

    input: Name
    """The input with its path: a required text without a default."""
    content_type: Annotated[str, Field(pattern=_CONTENT_TYPE)] = "application/octet-stream"
    part: PrintableAscii | None = None
    """The name of its part of a ``multipart/form-data``, whose other parts are ``form``; without it, it is the body."""
    name: Line | None = None
    """Its name for the API, by default that of the file."""


class RequestSpec(Model):
    """The request of an action; its strings are templates."""

    method: Method
    base_url: Name | None = None
    """The name of one of the connector's ``base_urls``, instead of its ``base_url``."""
    path: Annotated[str, Field(pattern=_PATH)]
    """Each value is percent-encoded into a segment of its own."""
    query: Fields = {}
    headers: dict[HeaderName, str] = {}
    body: Any = None
    """A YAML structure, sent as JSON; a lone ``{{ expression }}`` keeps its type."""
    form: Fields | None = None
    """Sent as ``application/x-www-form-urlencoded`` instead of a body."""
    file: FileSpec | None = None
    """A file instead of a body, or a form with a file."""
    idempotency_key: HeaderName | None = None
    """The header for a key that is made for each run, with which the API lets the same request be sent again."""
    omit_null: bool = False
    """Leave out query parameters, headers, form fields and keys of the body that are ``null``."""


class PagesSpec(Model):
    """How a read gets the next page; its parameter overrides that of the first request."""

    by: PageKind
    """``page`` counts pages and ``offset`` counts rows, until a page is empty; ``cursor`` is in the response, until it
    is missing or null; ``link`` is the next URL, in the ``Link`` header (RFC 8288) or in the response."""
    query: PrintableAscii | None = None
    """The query parameter for the page, offset or cursor."""
    body: OutputPath | None = None
    """The path of the page, offset or cursor in the JSON body of a POST, instead of a query parameter."""
    at: ValuePath | None = None
    """The path of the cursor or the next URL in the response."""
    header: HeaderName | None = None
    """The header of the response that holds the cursor, instead of ``at``."""
    last_row: ValuePath | None = None
    """The path of the cursor in the last row of a page, instead of ``at``."""
    relative_to: Literal["base", "request"] = "request"
    """Whether a next URL that begins with a slash goes on from the base URL, or from the host of the request."""
    first: Annotated[int, Field(ge=0, le=1)] = 1
    """The number of the first page, which is requested without the parameter."""
    more_at: ValuePath | None = None
    """The path of a boolean that says whether there is another page; common names are known without it."""
    total_at: ValuePath | None = None
    """The path of the number of all rows: the list ends when they are read, and a different number is a warning."""
    pages_at: ValuePath | None = None
    """The path of the number of pages."""
    limit_at: ValuePath | None = None
    """The path of the number of rows that a page represents, if the API may leave some out: the step of the offset."""
    page_size: Annotated[int, Field(ge=1)] | None = None
    """The rows of a full page: a page with fewer is the last one."""
    end_status: list[Annotated[int, Field(ge=400, le=499)]] | None = None
    """The statuses that the API answers after its last page."""
    max_pages: Annotated[int, Field(ge=1, le=1000)] = 100
    """The most pages to read; a list that is cut there has a warning."""


class PollSpec(Model):
    """How to learn that a request is done which the API has only accepted: its status is read until then."""

    at: ValuePath | None = None
    """The path of the URL of the status in the response, or of the ``id`` in ``path``."""
    header: HeaderName | None = None
    """The header with it, instead of ``at``; ``Location`` by default."""
    path: Annotated[str, Field(pattern=_PATH)] | None = None
    """The path of the status, a template over the inputs and ``id``, what is in ``at`` or ``header``."""
    pending_when: dict[ValuePath, Scalar | list[Scalar]] = {}
    """What a response has while it is not done, by path; where it has none of it, 202 says so."""
    interval: Annotated[int | float, Field(gt=0, le=3600)] = 2
    """The seconds between polls, if the API does not ask for others by ``Retry-After``."""
    max_polls: Annotated[int, Field(ge=1, le=1000)] = 30
    """The most polls; the time of ``--timeout`` ends them too."""


class Output(Model):
    """One output of an action."""

    title: Line | None = None
    type: OutputType
    nullable: bool = False
    """It may be missing or ``null``."""
    required: bool = False
    """A success that lacks it, or in which it is empty, is not believed."""
    multiple: bool = False
    secret: Literal["once", "stored"] | None = None
    """``once``: the API shows it only this time. ``stored``: a read shows it each time. It goes into a token store.

    In a list of rows, each is only masked.
    """
    sources: SourcePaths = Field([], alias="from")
    """Its path in the payload, by default its own name; ``scopes[].name`` is one key of each object in a list.

    Of several paths, the first that is there and not null gives the value.
    """
    header: HeaderName | None = None
    """The header of the response that holds it, instead of a path in the payload."""
    from_input: Name | None = None
    """The input whose value it is, such as the id of the parent of a new row, which ``revoke`` needs."""
    store_with_token: bool = False
    """Store it with the token, as metadata."""
    days_until: Name | None = None
    """Computed: whole days from the server's time until that datetime output."""
    last_word: Annotated[str, Field(pattern=_LAST_WORD)] | None = None
    """Computed: the format of the last word of that string, such as ``~m/{name}``; children are the parts in braces."""
    requested_by: Name | None = None
    """For a time: the input that asked for it, by default the one of its name; a difference is a warning."""
    fallback_input: Name | None = None
    """The input to use instead, with a warning, if the response leaves it out."""
    children: dict[Name, Output] | None = None

    @property
    def is_in_body(self) -> bool:
        """Whether it is read from the body of the response."""
        return self.header is None and self.from_input is None

    @property
    def is_stored_secret(self) -> bool:
        """Whether it is a secret that a read shows each time."""
        return self.secret == "stored"  # noqa: S105  # a word of the language


class Condition(Model):
    """What the value at a path of a success is, or is not."""

    is_: Constants = Field([], alias="is")
    """It is one of these; ``null`` is missing or empty."""
    not_: Constants = Field([], alias="not")
    """It is none of these."""
    code: RefusalCode | None = None
    """What a response means that does not meet the condition."""


WrittenCondition = Annotated[
    Condition,
    BeforeValidator(
        lambda value: value if isinstance(value, dict) else {"is": value}, json_schema_input_type=Condition | Constant
    ),
]
"""A condition, or a constant for what the value is."""


class ReplySpec(Model):
    """What a response means."""

    ok: list[Annotated[int, Field(ge=200, le=299)]] = Field(min_length=1)
    """The documented statuses of success; a complete response with another 2xx counts too, with a warning."""
    at: list[ValuePath] = Field(["$"], min_length=1)
    """Where the payload may be, tried in order: ``$`` is the whole response."""
    rows: Name | None = None
    """The payload is a list; ``data`` has its rows under this name, each with the outputs below."""
    rows_by_key: Name | None = None
    """The rows are an object, and the key of each is this output."""
    output: dict[Name, Output]
    """Empty if nothing of the response is needed: then any success is complete."""
    ok_when: Annotated[dict[ValuePath, WrittenCondition], Field(min_length=1)] | None = None
    """What a success has, by path, for an API that answers 200 to a failure; a constant is what the value is."""
    error_at: ValuePath | None = None
    """Where the API's own message is, if it is not found by itself."""
    code_at: ValuePath | None = None
    """Where the API's own code of an error is, for ``codes`` and ``errors``."""
    codes: dict[ErrorKey, RefusalCode] = {}
    """What a status of 400 to 499, or the API's own code, means, such as ``403: unauthorized``."""
    errors: dict[ErrorKey, Line] = {}
    """Hints for errors, by status or the API's own code; the API's own message is always shown too."""


class ExampleRequest(Model):
    """The request that must be sent; constants only."""

    method: Method
    path: Annotated[str, Field(pattern=_EXAMPLE_PATH)]
    query: dict[str, str | list[str]] = {}
    headers: dict[HeaderName, str] = {}
    """The headers that the spec adds."""
    body: Any = None
    form: dict[str, str | list[str]] | None = None
    file: str | None = None
    """The path of the file, as the input has it; it is not read."""


class ExampleReply(Model):
    """The response of the API."""

    status: Annotated[int, Field(ge=200, le=599)]
    headers: dict[HeaderName, str] = {}
    body: Any = None
    """A JSON value; a string is sent as it is."""


class ExampleResult(Model):
    """The result."""

    outcome: Literal["done", "refused", "not_done", "unknown"]
    data: dict[str, Any] | None = None
    """The outputs, if it is ``done``."""
    code: str | None = None
    """``error.code``, if it is not."""


class Example(Model):
    """One run: inputs, request, response and result.  ``test`` compares them, ``sandbox`` serves them."""

    name: Line
    inputs: dict[str, Any] = {}
    """Secret inputs are fake, in clear text."""
    request: ExampleRequest | None = None
    reply: ExampleReply | None = None
    pages: Annotated[list[ExampleReply], Field(max_length=20)] = []
    """The responses to the requests after the first one: the next pages, or the polls."""
    result: ExampleResult | None = None


class RevokeSpec(Model):
    """How to revoke a new token that no store took: by its row, or by the token itself (RFC 7009)."""

    action: Name
    inputs: dict[Name, Any]
    from_row: Annotated[list[Name], Field(min_length=1)] = []
    """The outputs that the response lacks, such as ``id``: those of the row of ``verify_with`` that has the mark in
    ``tag_input``, which each create sends then."""


class _VersionedFile(LocatedModel):
    """Every spec file: the version of the language."""

    spec: Annotated[int, Field(ge=1, le=1)]


class _BaseAction(_VersionedFile):
    """Every action: its name, texts, effect and inputs."""

    action: Name
    title: Line
    summary: Line
    docs: Line | None = None
    effect: Effect
    inputs: dict[Name, Input] = {}


class ActionSpec(_BaseAction):
    """One action."""

    repeatable: Literal[False] | None = None
    """``false``: a PUT or DELETE that must not be sent twice, such as one by an id that the API uses again."""
    replaces: Name | None = None
    """For ``rotate``: the input with the id of the row whose token is replaced."""
    verify_with: Name | None = None
    """The action that shows whether this one succeeded, if its outcome is unknown, given inputs of the same names."""
    create_with: Name | None = None
    """For ``action:`` token stores: the action that creates what this one updates, given inputs of the same names."""
    delete_with: Name | None = None
    """For ``action:`` token stores: the action that deletes what this one stored, given inputs of the same names."""
    revoke: RevokeSpec | None = None
    tag_input: Name | None = None
    """For ``create``: the text input that may carry a mark, by which ``verify_with`` finds the row of a killed run."""
    auth: Literal["none"] | None = None
    """``none``: it is sent without the credential, and needs none."""
    request: RequestSpec
    pages: PagesSpec | None = None
    poll: PollSpec | None = None
    reply: ReplySpec
    examples: Annotated[list[Example], Field(max_length=20)] = []

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """The names of the secret outputs; those of rows are only masked."""
        return () if self.reply.rows else self._marked

    @property
    def _marked(self) -> tuple[str, ...]:
        return tuple(name for name, output in self.reply.output.items() if output.secret)

    @cached_property
    def required_outputs(self) -> tuple[str, ...]:
        """The names of the outputs without which a success is not believed."""
        return tuple(name for name, output in self.reply.output.items() if output.required)

    @cached_property
    def reads_body(self) -> bool:
        """Whether an output is read from the body of the response."""
        return any(output.is_in_body for output in self.reply.output.values())

    @cached_property
    def secret_keys(self) -> tuple[str, ...]:
        """The keys of a response whose strings are secrets from the moment it is parsed."""
        paths = (path for name in self._marked for path in self.reply.output[name].sources or [name])
        return tuple(dict.fromkeys(key for path in paths for key in _last_keys(path)))


def _last_keys(path: str) -> list[str]:
    """Return what the last key of *path* may be: a key may have a dot itself."""
    parts = path.split(".")
    return [".".join(parts[position:]) for position in reversed(range(len(parts)))]


class SuperSpec(_BaseAction):
    """A super action: code that runs other actions, with inputs and outputs like any action."""

    super_: Annotated[Name, Field(alias="super")]
    """The name of the super action that this package has for it."""
    output: dict[Name, Output]


class Env(Model):
    """The environment variables of one connector. They begin with its name, and no other connector reads them."""

    token: EnvVariable
    base_url: EnvVariable | None = None
    identifier: EnvVariable | None = None
    """The user name, or whatever ``token_format`` needs besides the token; it is not a secret."""


class ExchangeSpec(Model):
    """How a long-lived credential is exchanged, by a POST, for the short-lived token that requests carry."""

    path: Annotated[str, Field(pattern=_EXCHANGE_PATH)]
    """Appended to the base URL."""
    base_url: Name | None = None
    """The name of one of the connector's ``base_urls``, instead of its ``base_url``."""
    body: Any = None
    """Sent as JSON; templates with ``token``, the long-lived credential, and ``identifier``."""
    form: Fields | None = None
    """Sent as ``application/x-www-form-urlencoded`` instead of a body; templates as in ``body``."""
    basic: bool = False
    """Send ``identifier`` and ``token`` by ``Authorization: Basic``."""
    at: OutputPath = "access_token"
    """The path of the short-lived token in the response."""
    expires_in_at: OutputPath = "expires_in"
    """The path of the seconds that it lives, if the API says so."""
    lifetime: Annotated[int, Field(ge=1, le=31_536_000)] | None = None
    """The seconds that it lives, if the API does not say so; else it is used until the API refuses it."""


class Auth(Model):
    """Locoia's two-stage form: ``token_format`` is rendered first, then ``token_prefix`` around it.

    (https://docs.locoia.com/connectors/authentication/basic-auth-and-other-simple-authentication-methods)
    """

    header_key: HeaderName = "Authorization"
    token_format: str = "{{ token }}"  # noqa: S105  # a template
    """A template with ``token`` and ``identifier``."""
    encode: Literal["base64", False] = False
    """How the rendered ``token_format`` is encoded."""
    token_prefix: str = "Bearer {{ token_format }}"  # noqa: S105  # a template
    exchange: ExchangeSpec | None = None
    """How the credential is exchanged for a short-lived token, which is ``token`` in ``token_format`` then."""
    info: Line | None = None
    """Where to get a first credential, for people."""


class OptionList(Model):
    """Options that several actions share: these keys of a ``select`` are declared once."""

    enum: Annotated[list[str], Field(min_length=1)]
    includes: dict[str, list[str]] | None = None
    """For each option, the options that it includes; giving both is a warning."""
    option_notes: dict[str, Line] | None = None
    """For each option, a note; using the option adds it to the warnings."""


class Instead(Model):
    """What to use instead of actions that people look for and the API does not have."""

    verbs: Annotated[list[Name], Field(min_length=1)]
    """The first words of their names, such as ``delete``."""
    hint: Line
    """Why there is none, and what to use."""


class ConnectorSpec(_VersionedFile):
    """What the actions of one folder share."""

    connector: Name
    title: Line
    version: Annotated[str, Field(pattern=_VERSION)]
    docs: Line | None = None
    base_url: BaseUrl
    base_urls: dict[Name, BaseUrl] = {}
    """Other base URLs, by a name that an action gives under ``request``; their hosts are in ``hosts`` too."""
    hosts: Annotated[list[Annotated[str, Field(pattern=_HOST)]], Field(min_length=1, max_length=50)]
    """The hosts that the credential may be sent to; loopback is always allowed."""
    env: Env
    check: Name | None = None
    """The read that shows whether a credential is accepted; used by login and doctor."""
    auth: Auth = Auth()
    headers: dict[HeaderName, Line] = {}
    """Constant headers of all actions; those of an action replace them."""
    options: dict[Name, OptionList] = {}
    """Lists of options, for the inputs that name one under ``options``."""
    instead: list[Instead] = []
    """Hints for names of actions that do not exist, instead of one that is spelled alike."""


def ui_form_schema(inputs: Mapping[str, Input]) -> dict[str, Any]:
    """Return *inputs* as Locoia's UI Form Schema, without our own keys."""
    return {
        name: field.model_dump(
            by_alias=True,
            exclude_none=True,
            exclude_defaults=True,
            exclude={"nullable", "null_title", "unit", "includes", "option_notes", "children"},
        )
        | ({"children": ui_form_schema(field.children)} if field.children else {})
        for name, field in inputs.items()
    }
