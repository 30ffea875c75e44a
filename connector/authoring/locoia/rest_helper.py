"""The page of an action for a REST Helper step, which needs no right to edit a Connector.

Pure.  The inputs come from a Form Helper step, whose reference stands before their names, as documented.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat.authoring.locoia import connection, forms, opening, steps, unverified
from locoia_pat.authoring.locoia.lines import MARK, field_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def page(connector: Mapping[str, Any], spec: Mapping[str, Any]) -> str:
    """The page of the action *spec* of *connector*."""
    sent = steps.request(spec, f"{unverified.FORM}.")
    auth = connection.base(connector, [])["header"]
    address = connector["base_url"].rstrip("/") + "/" + sent.pop("endpoint")
    form = forms.schema(spec.get("inputs", {}))
    lines = [
        f"# {spec['title']}, by a REST Helper",
        "",
        spec["summary"],
        "It needs no right to edit Connectors.",
        "Read the beginning of [GUIDE.md](../GUIDE.md) first: it holds here as well.",
        *opening.warnings(spec),
        "",
    ]
    if form:
        lines += [
            "## 1. A Form Helper step, for the inputs",
            "",
            f"- Copy `{unverified.FORM}` into the step's **reference**.",
            *field_lines("**UI Form Schema**", form),
            f"For a value of an earlier step, put its reference in the place of `{unverified.FORM}.…` below.",
            "",
        ]
    lines += [
        f"## {2 if form else 1}. A REST Helper step",
        "",
        *_credential_of(auth),
        *field_lines(f"**{unverified.REST_LABELS['method']}**{MARK}", spec["request"]["method"]),
        *field_lines(f"**{unverified.REST_LABELS['url']}**{MARK}", address),
    ]
    for slot in ("query", "headers", "body", "form"):
        if sent.get(slot):
            label = unverified.REST_LABELS.get(slot, unverified.REST_LABELS["body"])
            lines += field_lines(f"**{label}**{MARK}", sent[slot])
    if "form" in sent:
        lines.append(f"- Choose `application/x-www-form-urlencoded` as the type of the body{MARK}.")
    lines.append("- Set **Error Handling** to `false`: an error then ends the flow, and does not look like a success.")
    return "\n".join(lines) + "\n"


def _credential_of(auth: Mapping[str, Any]) -> Iterator[str]:
    prefix = auth["token_prefix"].partition("{{")[0]
    inner = auth["token_format"].replace("{{identifier}}", "USER").replace("{{token}}", "TOKEN")
    value = f"base64 of {inner}" if auth["encode"] else inner
    if auth["header_key"].lower() == "authorization":
        yield (
            f"- Choose a **Connector Auth** of the REST Helper whose **Auth token** is `{prefix}{value}`: here all of "
            "it; it holds the credential, so that no field of the step does."
        )
    else:
        yield (
            f"- The credential goes into the header `{auth['header_key']}` as `{prefix}{value}`. A REST Helper's "
            f"Connector Auth is shown for `Authorization` alone, so look there for another header{MARK}; in a field of "
            "the step it would be readable to all who may see the flow."
        )
