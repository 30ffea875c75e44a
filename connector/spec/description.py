"""An action described for people and flow engines: as JSON values, and as the command that runs it."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from locoia_pat.secrets.secret import iter_secrets
from locoia_pat.spec.compiled_form import is_super
from locoia_pat.spec.input_types import describe_allowed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from locoia_pat.spec.model import ActionSpec, ConnectorSpec, Output, SuperSpec


STORE_FIELD = "token_to"
"""The field of a call, next to the inputs, that names the token stores."""
MANAGED_NAME = "name"
"""The input of a super action that is a managed name."""


def takes_stores(spec: ActionSpec | SuperSpec) -> bool:
    """Return whether a call of *spec* names token stores: it mints a token, or works on a managed name."""
    return MANAGED_NAME in spec.inputs if is_super(spec) else bool(spec.secrets)


def sends_file(spec: ActionSpec | SuperSpec) -> bool:
    """Return whether a call of *spec* reads a file of the machine that runs it, which only a local caller may name."""
    return not is_super(spec) and spec.request.file is not None


def base_url_variable(connector: ConnectorSpec, name: str) -> str:
    """Return the variable that replaces the base URL *name* of *connector*."""
    return f"{connector.connector.upper()}_BASE_URL_{name.upper()}"


def inputs_of_same_names(spec: ActionSpec | SuperSpec, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the *inputs* of another action, which names *spec* to look at what it did, that *spec* has too.

    Secrets and null are left out.
    """
    return {
        name: inputs[name]
        for name in spec.inputs
        if inputs.get(name) is not None and next(iter_secrets(inputs[name]), None) is None
    }


def run_command(action: str, inputs: Mapping[str, Any], *options: str) -> str | None:
    """Return the command that runs *action*, or None if a shell cannot show it."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in inputs.items()}
    if any(text.startswith("@") or not text.isprintable() for text in texts.values()):  # @ is the name of a file
        return None
    arguments = [f"{name}={text}" for name, text in texts.items()]
    return shlex.join(["locoia-pat", "run", action, *arguments, *options])


def describe_action(spec: ActionSpec | SuperSpec) -> dict[str, Any]:
    """Return *spec*, which is not compiled, with its inputs, its outputs, and its form as Locoia's UI Form Schema."""
    from locoia_pat.spec.model import ui_form_schema  # noqa: PLC0415  # showing an action as text needs no pydantic

    request = None if is_super(spec) else spec.request
    return {
        "action": spec.action,
        "title": spec.title,
        "summary": spec.summary,
        "docs": spec.docs,
        "effect": spec.effect,
        "method": request and request.method,
        "path": request and request.path,
        "inputs": {
            name: {
                "required": field.required,
                "nullable": field.nullable,
                "default": field.default,
                "takes": describe_allowed(field),
            }
            for name, field in spec.inputs.items()
        },
        "outputs": {
            name: output.model_dump(include={"title", "type", "nullable", "multiple", "secret"})
            for name, output in outputs_of(spec).items()
        },
        "poll": spec.poll.model_dump(exclude_none=True) if not is_super(spec) and spec.poll else None,
        "rows": None if is_super(spec) else spec.reply.rows,
        "ui_form_schema": ui_form_schema(spec.inputs),
    }


def outputs_of(spec: ActionSpec | SuperSpec) -> dict[str, Output]:
    """Return the outputs of *spec*."""
    return spec.output if is_super(spec) else spec.reply.output
