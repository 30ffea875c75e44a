"""The part of the guide about rights, safety, and who can read tokens.

The facts are those of Locoia's pages on retries, error handling, permissions and the debugger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_RIGHTS = """\
## Who can do this

The right to create and edit Actions is granted for each Connector; seeing an Action does not include editing it.
If the settings of the Connector have no button to add an Action, ask Locoia for access.
Until then use `rest-helper/`: a step in a flow of your own needs no such right.
The Connector starts as a `draft`, which only you and Locoia's administrators can see; set it to `active` once you have
tried it.
"""

_SAFETY = """\
## Safety features of this package that do not apply here

Inside Locoia these are plain HTTP steps.
They have none of what `locoia-pat` adds to a request: no check of inputs beyond the form's, no journal, no lock, no
probe of the token store before a token is created, and no outcome `unknown`.

- **Locoia retries steps by itself**, and no page says that it excludes POST.
  After a status 5xx or a lost connection the step is sent again one second later; after 429, 503 or a `Retry-After`
  once more, later.
  The first request may have succeeded."""

_RETRIES = """\
  So turn **automatic retries** off in the settings of each flow that uses {}.
  A create that is sent twice leaves a row that no one knows of; a rotate that is sent twice revokes the token that the
  first one returned."""

_ERRORS = """\
- **"Continue flow" makes a failure look successful**: the step is an `error`, the flow a `success`.
  Leave such steps at "Terminate flow", or branch on the step and let the flow fail.
- **An error can have status 200**, as an object with `error` in it.
  Check that the output has what you need before the next step.
- **"Retrieve all data" ends after 100 pages.**
- **A paused Connector stops every flow that uses it.**
"""

_DEBUGGER = """\
## Keep tokens out of the debugger

The debugger shows the times, response code, request URL, input and output of each step to everyone who can see the
flow, and no page says that anything is masked.
Headers are not in that list, and the header is built from the credential in the Connector Auth: keep it there.
Never put a token into a field of a step, into a form or into a variable of a flow.
"""

_RETURNED = """\
{} a secret, which is then in the output of the step.
From the safest option to the least safe:

1. Do not run it in a flow.
   Run it outside Locoia (`locoia-pat run`), where the secret goes straight to its token store, and let flows use the
   Connector Auth that holds it.
2. Otherwise, give that step a flow of its own, with reading set to **private** (the permissions of a flow are those of
   its debugger), the lowest data retention, and **log all flow run steps** off.
   Retention 0 is not enough: the contents of a failed step are stored, and shown, while it waits for its retry.
3. Put the secret into its Connector Auth in the very next step, and let no later step use it.
   Each step that takes it shows it again as its input, and a triggered flow can read the variables of the flow that
   triggered it.
4. Regenerate a token that was in a debugger which others could open.
"""

_TAKEN = """\
{} a secret as input, which the debugger shows in the same way, whatever the type of its field: run it outside Locoia
as well.
"""

_SUPERS = """\
## Super actions, which run outside Locoia

They run code over several requests, with a journal, a lock and a probe of each token store.
An Action or a flow cannot do that, so they are not exported.
Run them on a schedule, from the command line or from Python:
"""

_CONNECTOR_AUTH = """
Flows use the tokens they store through a Connector Auth, which can be a token store; the token is in no argument and in
no flow:

- `locoia-pat run rotate_pat name=… expiration=30 --token-to connector-auth:ID --token-to file:token.json`"""


def opening_lines(specs: Mapping[str, Any], supers: Mapping[str, Any]) -> Iterator[str]:
    """Yield the opening of the guide to the actions *specs* and the super actions *supers*."""
    yield _RIGHTS
    yield _SAFETY
    if unsafe := [name for name, spec in specs.items() if spec["effect"] in ("create", "rotate")]:
        yield _RETRIES.format(_join(unsafe))
    yield _ERRORS
    yield _DEBUGGER
    if returning := [name for name, spec in specs.items() if _returns_secret(spec)]:
        yield _RETURNED.format(f"{_join(returning)} {'return' if returning[1:] else 'returns'}")
    if taking := [name for name, spec in specs.items() if _takes_secret(spec.get("inputs", {}))]:
        yield _TAKEN.format(f"{_join(taking)} {'take' if taking[1:] else 'takes'}")
    if supers:
        yield "The super actions below run outside Locoia, so their tokens are in no step.\n"


def warnings(spec: Mapping[str, Any]) -> Iterator[str]:
    """Yield the warnings about one action."""
    if spec["effect"] in ("create", "rotate"):
        harm = "leaves a row that no one knows of" if spec["effect"] == "create" else "revokes the first one's token"
        yield f"**Turn automatic retries off in flows that use it**: a second request {harm}."
    if _returns_secret(spec):
        yield "**Its output holds a secret**, which everyone who can see the flow can read."
    if _takes_secret(spec.get("inputs", {})):
        yield "**Its input holds a secret**, which everyone who can see the flow can read."


def super_action_lines(supers: Mapping[str, Any]) -> Iterator[str]:
    """Yield the section on the super actions."""
    yield _SUPERS
    for name, spec in supers.items():
        inputs = spec.get("inputs", {})
        required = [f"{key}=…" for key, field in inputs.items() if field.get("required")]
        store = ["--token-to", "file:token.json"] if "name" in inputs else []
        yield f"- **{name}**: {spec['summary']}"
        yield f"  `{' '.join(['locoia-pat', 'run', name, *required, *store])}`"
    yield _CONNECTOR_AUTH


def _returns_secret(spec: Mapping[str, Any]) -> bool:
    return any(output.get("secret") for output in spec["reply"]["output"].values())


def _takes_secret(inputs: Mapping[str, Any]) -> bool:
    return any(f["type"] == "password" or _takes_secret(f.get("children", {})) for f in inputs.values())


def _join(names: Iterable[str]) -> str:
    *first, last = [f"`{name}`" for name in names]
    return f"{', '.join(first)} and {last}" if first else last
