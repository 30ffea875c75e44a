"""Which actions are offered as tools, with which inputs, and where their tokens go.

An operator decides all that when the server starts.  A caller chooses a tool and its inputs only: no credential, no
token store and no secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from locoia_pat.authoring.export.json_schema import data_schema, envelope_schema, inputs_schema
from locoia_pat.bulk.items import StoreTemplate
from locoia_pat.messages import describe_value
from locoia_pat.outcomes import Outcome, invalid
from locoia_pat.request.validation import InputValidator
from locoia_pat.spec.description import sends_file, takes_stores
from locoia_pat.spec.model import SuperSpec
from locoia_pat.stores import read_token

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from locoia_pat.authoring.export.json_schema import Schema
    from locoia_pat.secrets.secret import Secret
    from locoia_pat.spec.load import SpecFolder
    from locoia_pat.spec.model import ActionSpec, Input

_ENDS = {
    "create": "It may revoke an older token of the same name.",
    "rotate": "It revokes the token that it replaces, now or at the end of the overlap.",
    "update": "It overwrites what is stored.",
    "delete": "It cannot be undone.",
}


@dataclass(frozen=True)
class ActionTool:
    """One action as a tool."""

    spec: ActionSpec | SuperSpec
    stores: tuple[StoreTemplate, ...] = ()
    """Where its tokens go; a template has inputs of the call in it."""
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    """The REF of each secret input that the operator gives."""

    @property
    def name(self) -> str:
        """The name of the action."""
        return self.spec.action

    @cached_property
    def inputs(self) -> dict[str, Input]:
        """The inputs that a caller may give."""
        return {name: spec for name, spec in self.spec.inputs.items() if not _holds_secret(spec)}

    @property
    def is_read(self) -> bool:
        """Whether it changes nothing."""
        return self.spec.effect == "read"

    @property
    def is_destructive(self) -> bool:
        """Whether it may end or overwrite something; a super action may revoke what it replaces."""
        return self.spec.effect in {"rotate", "update", "delete"} or (
            isinstance(self.spec, SuperSpec) and not self.is_read
        )

    @property
    def is_idempotent(self) -> bool:
        """Whether a second call with the same inputs changes nothing more."""
        if isinstance(self.spec, SuperSpec):
            return self.spec.effect != "rotate"
        return self.is_read or self.spec.request.method in {"PUT", "DELETE"}

    @property
    def description(self) -> str:
        """What it does, for a model."""
        sentences = [self.spec.summary]
        if self.is_destructive:
            sentences.append(_ENDS[self.spec.effect])
            sentences.append("Where the client can ask, a person sees its name, note and last use, and confirms.")
        if self.stores:
            sentences.append("The token goes into a token store of the operator and is never shown here.")
        return " ".join(sentence if sentence.endswith(".") else f"{sentence}." for sentence in sentences)

    @cached_property
    def input_schema(self) -> Schema:
        """The JSON Schema of its arguments."""
        return inputs_schema(self.inputs)

    @cached_property
    def output_schema(self) -> Schema:
        """The JSON Schema of the envelope that it returns, for every outcome."""
        return envelope_schema([*Outcome], data=data_schema(self.spec))

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return *arguments* complete and typed, as the action uses them.

        Raises:
            InvalidError: one is unknown, missing or not of its type.

        """
        return InputValidator(self.inputs).check(arguments)

    def token_to(self, inputs: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the references of the stores for the token of a call with checked *inputs*.

        Raises:
            InvalidError: an input cannot be part of the name of a store.

        """
        return tuple(template.render(inputs) for template in self.stores)

    def secret_inputs(self) -> dict[str, Secret]:
        """Read the secret inputs that the operator gives.

        Raises:
            InvalidError: one cannot be read.

        """
        return {name: read_token(ref, field=name) for name, ref in self.secrets.items()}


def offer_tools(
    specs: SpecFolder, *, allow: Sequence[str] = (), token_to: Sequence[str] = (), secrets: Sequence[str] = ()
) -> tuple[dict[str, ActionTool], list[str]]:
    """Return the tools by name, and a message for each allowed action that cannot be offered.

    Args:
        specs: the actions.
        allow: names of actions, or patterns such as ``list_*``; by default every action that only reads.
        token_to: ``REF`` or ``ACTION=REF``: the token stores.
        secrets: ``ACTION.INPUT=REF``: the secret inputs.

    Raises:
        InvalidError: a name, a REF or a spec is wrong, or an action that is named cannot be offered.

    """
    stores = _Stores(specs, token_to)
    given = _secret_references(specs, secrets)
    tools: dict[str, ActionTool] = {}
    left_out: list[str] = []
    for name, is_named in _allowed(specs, allow):
        tool = ActionTool(specs.spec(name), secrets=given.get(name, {}))
        tool = ActionTool(tool.spec, stores.of(tool), tool.secrets)
        reason = _reason_to_leave_out(tool)
        if reason is None:
            tools[name] = tool
        elif is_named:
            raise invalid(f"{name} cannot be a tool: {reason[0]}", field="allow", hint=reason[1])
        else:
            left_out.append(f"{name} is left out: {reason[0]}. {reason[1]}")
    return tools, left_out


def _allowed(specs: SpecFolder, allow: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Yield each allowed action, and whether it is allowed by its name and not by a pattern."""
    names = specs.matching(allow, field="allow") or (name for name in specs.names if specs.spec(name).effect == "read")
    for name in names:
        yield name, name in allow


def _reason_to_leave_out(tool: ActionTool) -> tuple[str, str] | None:
    """Return why *tool* cannot be offered and what to do, or None if it can."""
    if takes_stores(tool.spec) and not tool.stores:
        return "it has no token store", f"Name one with --token-to {tool.name}=REF."
    if sends_file(tool.spec):
        return "it sends a file of this machine, which a caller must not choose", "Run it with locoia-pat run."
    for name, spec in tool.spec.inputs.items():
        if spec.required and name not in tool.inputs and name not in tool.secrets:
            return f"a caller cannot give the secret {name}", f"Give it with --secret {tool.name}.{name}=REF."
    return None


def _holds_secret(spec: Input) -> bool:
    return spec.type == "password" or any(map(_holds_secret, (spec.children or {}).values()))


class _Stores:
    """The token stores of the operator, for each action or for all that fit."""

    def __init__(self, specs: SpecFolder, token_to: Sequence[str]) -> None:
        self._for_all: list[StoreTemplate] = []
        self._for_action: dict[str, list[StoreTemplate]] = {}
        for text in token_to:
            name, equals, ref = text.partition("=")
            if not (equals and name.isidentifier()):
                self._for_all.append(StoreTemplate(text))
                continue
            spec, template = specs.spec(name), StoreTemplate(ref)
            if not takes_stores(spec):
                raise invalid(f"{name} returns no token to store", field="token_to")
            if unknown := template.fields - ActionTool(spec).inputs.keys():
                raise invalid(
                    f"{name} has no input {', '.join(sorted(unknown))} to name a token store by",
                    field="token_to",
                    hint=f"Its inputs: {', '.join(spec.inputs)}.",
                )
            self._for_action.setdefault(name, []).append(template)

    def of(self, tool: ActionTool) -> tuple[StoreTemplate, ...]:
        """Return the stores of *tool*: its own, else those for all whose fields are inputs of it."""
        if not takes_stores(tool.spec):
            return ()
        fitting = [template for template in self._for_all if template.fields <= tool.inputs.keys()]
        return tuple(self._for_action.get(tool.name, fitting))


def _secret_references(specs: SpecFolder, secrets: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the REF of each secret input, by action and input."""
    references: dict[str, dict[str, str]] = {}
    for text in secrets:
        target, equals, ref = text.partition("=")
        action, dot, name = target.partition(".")
        if not (equals and dot):
            raise invalid("expected ACTION.INPUT=REF", field="secret", hint="A secret itself is never an argument.")
        spec = specs.spec(action).inputs.get(name)
        if spec is None or spec.type != "password":
            raise invalid(f"{action} has no secret input {describe_value(name)}", field="secret")
        references.setdefault(action, {})[name] = ref
    return references
