"""``GUIDE.md``: what to copy, and into which field.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from locoia_pat.authoring.locoia import connection, forms, opening, steps, unverified
from locoia_pat.authoring.locoia.lines import MARK, field_lines
from locoia_pat.authoring.locoia.vocabulary import CONNECTOR, DIALOG, READ_ONLY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def text(
    connector: Mapping[str, Any],
    base: Mapping[str, Any],
    specs: Mapping[str, Any],
    actions: Mapping[str, Any],
    supers: Mapping[str, Any],
) -> str:
    """The guide to all files of an export."""
    lines = [
        f"# {connector['title']} in Locoia",
        "",
        f"How to enter this connector, version {connector['version']}, into Locoia: a line for each field.",
        "What is marked *(unverified)* is in no page of Locoia's documentation that can be read: look twice there.",
        "Each action has a page in `rest-helper/` as well, for those who may not edit Connectors.",
        "",
        *opening.lines(specs, supers),
        "## The Connector",
        "",
        "Its JSON as a whole is [connector.json](connector.json); field by field:",
        "",
        *(line for key in CONNECTOR for line in field_lines(f"**{key}**", base[key])),
        *(line for key in base if key not in CONNECTOR for line in field_lines(f"**{key}**{MARK}", base[key])),
        "",
        *_paging(base, specs),
        *_credential(connector, base),
        "",
        "Each Action that follows is made in the settings of the Connector, under **Actions**.",
    ]
    for name, spec in specs.items():
        lines += ["", f"## Action `{name}`", "", spec["summary"], "", *_action(spec, actions[name])]
    lines += ["", *opening.beside(supers)] if supers else []
    return "\n".join([*lines, "", *_trial(connector, base, actions), "", *_closing()]) + "\n"


def _action(spec: Mapping[str, Any], action: Mapping[str, Any]) -> Iterator[str]:
    yield f"Its file is [actions/{spec['action']}.json](actions/{spec['action']}.json)."
    yield from opening.warnings(spec)
    yield ""
    for key, (label, _) in DIALOG.items():
        if key in READ_ONLY:
            yield f"- Leave **{label}** as it is: Locoia fills it in."
        else:
            yield from field_lines(f"**{label}**", action[key])
    sent = action[unverified.KEY]
    for slot, label in unverified.SLOTS.items():
        if slot in sent:
            yield from field_lines(f"**{label}**{MARK}", sent[slot])
    if "form" in sent:
        yield f"- Choose `application/x-www-form-urlencoded` as the type of the body{MARK}."
    if sent.get(unverified.RETRIEVE_ALL):
        yield f'- Allow **Retrieve all data**{MARK}; it reads the pages as the Connector\'s "pagination_config" says.'
    yield from _remarks(spec)


def _remarks(spec: Mapping[str, Any]) -> Iterator[str]:
    inputs = spec.get("inputs", {})
    for remark in forms.remarks(forms.schema(inputs)):
        yield f"- Note: {remark}."
    for name, field in inputs.items():
        if field["type"] == "json":
            yield (
                f"- Note: forms have no field for JSON. What is typed into `{name}` stands in the request as it is, so "
                "give it JSON alone, or a reference with `| jsonify`."
            )
        elif forms.is_empty(field) and field.get("nullable"):
            yield f"- Note: `{name}` left empty is sent as `null`. {field.get('info', '')}".rstrip()


def _paging(base: Mapping[str, Any], specs: Mapping[str, Any]) -> Iterator[str]:
    paged = {name: found for name, spec in specs.items() if (found := steps.pages(spec))}
    if not paged:
        return
    yield "### Pages"
    yield ""
    if base["pagination_config"] is not None:
        yield (
            '"Retrieve all data" reads 100 pages at most. The first request is sent without the parts of the '
            "pagination, and `page` is 1 then."
        )
    for name, found in paged.items():
        if connection.pagination(found) is None:
            yield (
                f"- `{name}` goes on by {found[0]['by']}, and no page of the documentation shows how to say that here: "
                "its step reads the first page alone."
            )
        elif base["pagination_config"] is None:
            yield f"- `{name}` has pages of another kind than other actions, and a Connector has one pagination."
    yield ""


def _credential(connector: Mapping[str, Any], base: Mapping[str, Any]) -> Iterator[str]:
    info = connector.get("auth", {}).get("info", "")
    yield "## The Connector Auth"
    yield ""
    yield f"A token of its own for this, stored once. {info}".rstrip()
    yield ""
    yield f"- Choose `{base['name']}` under **Connector**."
    yield "- Copy a name that says the environment, such as `production`, into **Name**."
    yield "- Leave **API Endpoint** empty; it is for another host or version of the API."
    yield "- Choose `basic_auth` under **Auth Type**: it stands for Basic, Bearer and API keys alike."
    if "identifier" in connector.get("auth", {}).get("token_format", ""):
        yield f"- Copy the user name into **Auth details**{MARK}."
    yield "- Copy the token, and nothing before it, into **Auth token**: the header's template adds what belongs there."
    yield "- Set reading and updating it to private, or to those who need it."


def _trial(connector: Mapping[str, Any], base: Mapping[str, Any], actions: Mapping[str, Any]) -> Iterator[str]:
    yield "## Try it, then make it active"
    yield ""
    check = connector.get("check", "")
    if check in actions:
        url = f"{base['base_domain']}{actions[check][unverified.KEY]['endpoint']}"
        yield f"1. Run a flow of one step with the Connector, its Connector Auth and `{check}`, which only reads."
        yield f"   Its **Response Code** in the debugger should be 200, and its **Request URL** `{url}`."
        yield "   A 401 or 403 speaks of the credential or of **header**."
        yield f"   A 404 speaks of **base_domain** or **Endpoint**{MARK}."
    else:
        yield "1. Run a flow of one step with an Action that only reads, and look at its **Response Code**."
    yield "2. Run the Actions that write, each once, on something that nobody needs."
    yield "3. Set the **status** of the Connector to `active`."


def _closing() -> list[str]:
    return [
        "## What is not documented",
        "",
        unverified.NOTE,
        "",
        unverified.MORE,
    ]
