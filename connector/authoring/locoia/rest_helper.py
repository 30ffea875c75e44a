"""The page of an action for a REST Helper step, which needs no right to edit a Connector.

The inputs come from a Form Helper step, whose reference precedes their names, as documented.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat.authoring.locoia import action_file, base_connector, guide_safety, ui_form, unverified
from locoia_pat.authoring.locoia.guide import MARK, field_lines, request_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def rest_helper_page(
    connector: Mapping[str, Any],
    spec: Mapping[str, Any],
    warnings: Callable[[Mapping[str, Any]], Iterable[str]] = guide_safety.warnings,
) -> str:
    """Return the page of the action *spec* of *connector*; *warnings* returns the warnings about the spec."""
    parts = action_file.to_request(spec, f"{unverified.FORM}.")
    header = base_connector.to_base_connector(connector, [])["header"]
    url = connector["base_url"].rstrip("/") + "/" + parts.pop("endpoint")
    fields = ui_form.to_form(spec.get("inputs", {}))
    lines = [
        f"# {spec['title']}, by a REST Helper",
        "",
        spec["summary"],
        "It needs no right to edit Connectors.",
        "Read the beginning of [GUIDE.md](../GUIDE.md) first: it applies here as well.",
        *warnings(spec),
        "",
    ]
    if fields:
        lines += [
            "## 1. A Form Helper step, for the inputs",
            "",
            f"- Copy `{unverified.FORM}` into the step's **reference**.",
            *field_lines("**UI Form Schema**", fields),
            f"To use a value of an earlier step, replace `{unverified.FORM}.…` below with its reference.",
            "",
        ]
    lines += [
        f"## {2 if fields else 1}. A REST Helper step",
        "",
        _credential_line(header),
        *request_lines({"method": spec["request"]["method"], "url": url, **parts}, unverified.REST_LABELS),
        "- Set **Error Handling** to `false`: an error then ends the flow, and does not look like a success.",
    ]
    return "\n".join(lines) + "\n"


def _credential_line(header: Mapping[str, Any]) -> str:
    prefix = header["token_prefix"].partition("{{")[0]
    inner = header["token_format"].replace("{{identifier}}", "USER").replace("{{token}}", "TOKEN")
    value = f"base64 of {inner}" if header["encode"] else inner
    if header["header_key"].lower() == "authorization":
        return (
            f"- Choose a **Connector Auth** of the REST Helper whose **Auth token** is `{prefix}{value}`, with the "
            "prefix; it holds the credential, so that no field of the step does."
        )
    return (
        f"- The credential goes into the header `{header['header_key']}` as `{prefix}{value}`. A REST Helper's "
        f"Connector Auth is documented for `Authorization` only, so look there for another header{MARK}; in a field "
        "of the step, everyone who can see the flow could read it."
    )
