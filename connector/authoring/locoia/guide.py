"""``GUIDE.md``: what to copy into which field; and the page of an action for a REST Helper step.

Such a step needs no right to edit a Connector.  Its inputs come from a Form Helper step, whose reference precedes their
names, as documented.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from locoia_pat.authoring.locoia import action_file, base_connector, guide_safety, ui_form, unverified
from locoia_pat.authoring.locoia.documented_fields import CONNECTOR, DIALOG, READ_ONLY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_MARK = " *(unverified)*"
"""The mark after the label of a field that no page documents."""


def _field_lines(label: str, value: Any) -> Iterator[str]:
    """Yield the line for one field; a value of more than a word follows in a block to copy."""
    if isinstance(value, bool):
        yield f"- Set {label} to `{str(value).lower()}`."
    elif value in (None, "", [], {}):
        yield f"- Leave {label} empty."
    elif isinstance(value, dict | list):
        yield f"- Copy this into {label}:"
        yield from _block("json", json.dumps(value, indent=2, ensure_ascii=False))
    elif isinstance(value, str) and ("\n" in value or "`" in value or "{" in value):
        yield f"- Copy this into {label}:"
        yield from _block("text", value)
    else:
        yield f"- Copy `{value}` into {label}."


def _request_lines(parts: Mapping[str, Any], labels: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines for the *parts* of a request, whose fields likely have these *labels*."""
    for slot, label in labels.items():
        if slot in parts:
            yield from _field_lines(f"**{label}**{_MARK}", parts[slot])
    if "form" in parts:
        yield f"- Choose `application/x-www-form-urlencoded` as the type of the body{_MARK}."


def _block(language: str, value: str) -> Iterator[str]:
    """Yield *value* as a code block below a list item, in a fence longer than any in it."""
    fence = "```"
    while fence in value:
        fence += "`"
    yield ""
    yield f"  {fence}{language}"
    yield from (f"  {line}".rstrip() for line in value.split("\n"))
    yield f"  {fence}"
    yield ""


def guide(
    connector: Mapping[str, Any],
    base: Mapping[str, Any],
    specs: Mapping[str, Any],
    actions: Mapping[str, Any],
    supers: Mapping[str, Any],
    *,
    opening: Iterable[str] | None = None,
    warnings: Callable[[Mapping[str, Any]], Iterable[str]] = guide_safety.warnings,
) -> str:
    """Return the guide to the files of an export.

    Args:
        connector: the value of ``connector.yaml``.
        base: its base connector.
        specs: the value of each action's spec, by name.
        actions: the file of each action, by name.
        supers: the value of each super action's spec, by name.
        opening: the part about rights and safety, instead of that of steps that call the API themselves.
        warnings: returns the warnings about the spec of an action.

    """
    lines = [
        f"# {connector['title']} in Locoia",
        "",
        f"How to enter this connector, version {connector['version']}, into Locoia, field by field.",
        "Fields marked *(unverified)* are on no public page of Locoia's documentation: check them with care.",
        "Each action has a page in `rest-helper/` as well, for those who may not edit Connectors.",
        "",
        *(guide_safety.opening_lines(specs, supers) if opening is None else opening),
        "## The Connector",
        "",
        "The complete JSON is [connector.json](connector.json); field by field:",
        "",
        *(line for key in CONNECTOR for line in _field_lines(f"**{key}**", base[key])),
        *(line for key in base if key not in CONNECTOR for line in _field_lines(f"**{key}**{_MARK}", base[key])),
        "",
        *_pagination_lines(base, specs),
        *_credential_lines(connector, base),
        "",
        "Create each of the following Actions in the settings of the Connector, under **Actions**.",
    ]
    for name, spec in specs.items():
        lines += ["", f"## Action `{name}`", "", spec["summary"], "", *_action_lines(spec, actions[name], warnings)]
    lines += ["", *guide_safety.super_action_lines(supers)] if supers else []
    lines += ["", *_trial_lines(connector, base, actions)]
    return "\n".join([*lines, "", "## What is not documented", "", unverified.NOTE, "", unverified.MORE]) + "\n"


def _action_lines(
    spec: Mapping[str, Any], values: Mapping[str, Any], warnings: Callable[[Mapping[str, Any]], Iterable[str]]
) -> Iterator[str]:
    yield f"Its file is [actions/{spec['action']}.json](actions/{spec['action']}.json)."
    yield from warnings(spec)
    yield ""
    for key, (label, _) in DIALOG.items():
        if key in READ_ONLY:
            yield f"- Leave **{label}** as it is: Locoia fills it in."
        else:
            yield from _field_lines(f"**{label}**", values[key])
    parts = values[unverified.KEY]
    yield from _request_lines(parts, unverified.SLOTS)
    if parts.get(unverified.RETRIEVE_ALL):
        yield f'- Allow **Retrieve all data**{_MARK}; it reads the pages as the Connector\'s "pagination_config" says.'
    yield from _input_notes(spec.get("inputs", {}))


def _input_notes(inputs: Mapping[str, Any]) -> Iterator[str]:
    for remark in ui_form.undocumented_uses(ui_form.to_form(inputs)):
        yield f"- Note: {remark}."
    for name, field in inputs.items():
        if field["type"] == "json":
            yield (
                f"- Note: forms have no field for JSON. The text in `{name}` is copied into the request unchanged, so "
                "enter JSON only, or a reference with `| jsonify`."
            )
        elif (switch := ui_form.null_switch(name, inputs)) is not None:
            yield (
                f"- Note: only the switch `{switch}` sends `null` for `{name}`. A field that is empty sends a message "
                "instead of a value, so that the API refuses the request."
            )


def _pagination_lines(base: Mapping[str, Any], specs: Mapping[str, Any]) -> Iterator[str]:
    paginated = {name: pages for name, spec in specs.items() if (pages := action_file.pages_of(spec))}
    if not paginated:
        return
    yield "### Pages"
    yield ""
    if base["pagination_config"] is not None:
        yield (
            '"Retrieve all data" reads 100 pages at most. The first request is sent without the pagination parameters; '
            "for the second one, `page` is 1."
        )
    for name, pages in paginated.items():
        if base_connector.to_pagination(pages) is None:
            yield (
                f"- `{name}` has pages by {pages[0]['by']}, and the documentation does not show how to declare them: "
                "its step reads the first page only."
            )
        elif base["pagination_config"] is None:
            yield f"- `{name}` has other pages than another action, and a Connector has one pagination."
    yield ""


def _credential_lines(connector: Mapping[str, Any], base: Mapping[str, Any]) -> Iterator[str]:
    info = connector.get("auth", {}).get("info", "")
    yield "## The Connector Auth"
    yield ""
    yield f"Use a separate token for this; it is stored once. {info}".rstrip()
    yield ""
    yield f"- Choose `{base['name']}` under **Connector**."
    yield "- Copy a name that includes the environment, such as `production`, into **Name**."
    yield "- Leave **API Endpoint** empty; it is for another host or version of the API."
    yield "- Choose `basic_auth` under **Auth Type**: it covers Basic, Bearer and API keys."
    if "identifier" in connector.get("auth", {}).get("token_format", ""):
        yield f"- Copy the user name into **Auth details**{_MARK}."
    yield "- Copy the token, without a prefix, into **Auth token**: the header's template adds the prefix."
    yield "- Set reading and updating it to private, or to those who need it."


def _trial_lines(connector: Mapping[str, Any], base: Mapping[str, Any], actions: Mapping[str, Any]) -> Iterator[str]:
    yield "## Try it, then make it active"
    yield ""
    check = connector.get("check", "")
    if check in actions:
        url = f"{base['base_domain']}{actions[check][unverified.KEY]['endpoint']}"
        yield f"1. Run a flow of one step with the Connector, its Connector Auth and `{check}`, which only reads."
        yield f"   Its **Response Code** in the debugger should be 200, and its **Request URL** `{url}`."
        yield "   A 401 or 403 points to the credential or to **header**."
        yield f"   A 404 points to **base_domain** or **Endpoint**{_MARK}."
    else:
        yield "1. Run a flow of one step with an Action that only reads, and check its **Response Code**."
    yield "2. Run each of the Actions that write once, on something that no one needs."
    yield "3. Set the **status** of the Connector to `active`."


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
            *_field_lines("**UI Form Schema**", fields),
            f"To use a value of an earlier step, replace `{unverified.FORM}.…` below with its reference.",
            "",
        ]
    lines += [
        f"## {2 if fields else 1}. A REST Helper step",
        "",
        _credential_line(header),
        *_request_lines({"method": spec["request"]["method"], "url": url, **parts}, unverified.REST_LABELS),
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
        f"Connector Auth is documented for `Authorization` only, so look there for another header{_MARK}; in a field "
        "of the step, everyone who can see the flow could read it."
    )
