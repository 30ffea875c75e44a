"""What a guide says before anything is copied: rights, safety, and where tokens can be read.

Pure.  The facts are those of Locoia's pages on retries, error handling, permissions and the debugger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_RIGHTS = """\
## Who may do this

Creating and editing Actions is a right that is granted for each Connector; to see an Action is not to be allowed to
edit it.
If the settings of the Connector show you no way to add an Action, ask Locoia for access.
Until then use `rest-helper/`: a step in a flow of your own needs no such right.
The Connector begins as a `draft`, which you and Locoia's administrators alone see; make it `active` once you have
tried it.
"""

_SAFETY = """\
## What the safety of this package does not cover here

Inside Locoia these are plain HTTP steps.
Nothing of what `locoia-pat` does around a request is there: no check of inputs beyond the form's, no journal, no
lease, no place that is tried before a token is minted, and no outcome `unknown`.

- **Locoia repeats steps by itself**, and no page says that it leaves out a POST.
  After a status 5xx or a lost connection the step is sent again one second later; after 429, 503 or a `Retry-After`
  once more later.
  The first request may have been carried out."""

_TWICE = """\
  So switch **automatic retries** off in the settings of each flow that uses {}.
  A create that is sent twice leaves a row that nobody knows of; a rotate that is sent twice kills what the first one
  gave."""

_GREEN = """\
- **"Continue flow" makes a failure look green**: the step is an `error`, the flow a `success`.
  Leave such steps at "Terminate flow", or branch on the step and let the flow fail.
- **An error may come with status 200**, as an object with `error` in it.
  Look whether the output holds what you need before you go on.
- **"Retrieve all data" ends after 100 pages.**
- **A paused Connector stops every flow that uses it.**
"""

_DEBUGGER = """\
## Keep tokens out of the debugger's view

The debugger shows times, response code, request URL, input and output of each step to everyone who may see the flow,
and no page says that anything is masked.
Headers are not in that list, and the credential is in the Connector Auth, of which the header is made: keep it there.
Never put a token into a field of a step, into a form or into a variable of a flow.
"""

_GIVING = """\
{} with a secret, which is then in the output of the step.
In order of safety:

1. Do not run it in a flow.
   Run it beside Locoia (`locoia-pat run`), where the secret goes straight into its place, and let flows use the
   Connector Auth that holds it.
2. Else give that step a flow of its own, with reading set to **private** (the permissions of a flow are those of its
   debugger), data retention at its least, and **log all flow run steps** off.
   Retention 0 is no full cure: what a failed step held is kept, and shown, while it waits for its next try.
3. Put the secret into its Connector Auth in the very next step, and let no later step repeat it.
   Each step that takes it shows it again as its input, and a flow that is triggered reads the variables of the flow
   before.
4. Regenerate a token that stood in a debugger which others could open.
"""

_TAKING = """\
{} a secret as input, which the debugger shows in the same way, whatever the type of its field: run it beside Locoia
as well.
"""

_BESIDE = """\
## Super actions, which run beside Locoia

These are code over several requests, with a journal, a lease and a look at each place.
No Action and no flow has the like, so they are not exported; their specs are kept in `sidecar.json`.
Run them on a schedule, by the command or from Python:
"""

_STORED = """
What they store, flows use by a Connector Auth, which is one of their places; the token is in no argument and in no
flow:

- `locoia-pat run rotate_pat name=… expiration=30 --token-to connector-auth:ID --token-to file:token.json`"""


def lines(specs: Mapping[str, Any], supers: Mapping[str, Any]) -> Iterator[str]:
    """The opening of the guide to *specs* and the super actions *supers*."""
    yield _RIGHTS
    yield _SAFETY
    if twice := [name for name, spec in specs.items() if spec["effect"] in ("create", "rotate")]:
        yield _TWICE.format(_names(twice))
    yield _GREEN
    yield _DEBUGGER
    if giving := [name for name, spec in specs.items() if _gives_secret(spec)]:
        yield _GIVING.format(f"{_names(giving)} {'answer' if giving[1:] else 'answers'}")
    if taking := [name for name, spec in specs.items() if _takes_secret(spec.get("inputs", {}))]:
        yield _TAKING.format(f"{_names(taking)} {'take' if taking[1:] else 'takes'}")
    if supers:
        yield "The super actions below run beside Locoia, so none of their tokens is ever in a step.\n"


def warnings(spec: Mapping[str, Any]) -> Iterator[str]:
    """What to know before one action is used."""
    if spec["effect"] in ("create", "rotate"):
        what = "leaves a row that nobody knows of" if spec["effect"] == "create" else "kills what the first one gave"
        yield f"**Switch automatic retries off in flows that use it**: sent twice, it {what}."
    if _gives_secret(spec):
        yield "**Its output holds a secret**, which everyone sees who may see the flow."
    if _takes_secret(spec.get("inputs", {})):
        yield "**Its input holds a secret**, which everyone sees who may see the flow."


def beside(supers: Mapping[str, Any]) -> Iterator[str]:
    """The super actions: what becomes of them."""
    yield _BESIDE
    for name, spec in supers.items():
        inputs = spec.get("inputs", {})
        needed = [f"{key}=…" for key, field in inputs.items() if field.get("required")]
        place = ["--token-to", "file:token.json"] if "name" in inputs else []
        yield f"- **{name}**: {spec['summary']}"
        yield f"  `{' '.join(['locoia-pat', 'run', name, *needed, *place])}`"
    yield _STORED


def _gives_secret(spec: Mapping[str, Any]) -> bool:
    return any(output.get("secret") for output in spec["reply"]["output"].values())


def _takes_secret(inputs: Mapping[str, Any]) -> bool:
    return any(f["type"] == "password" or _takes_secret(f.get("children", {})) for f in inputs.values())


def _names(names: Iterable[str]) -> str:
    *most, last = [f"`{name}`" for name in names]
    return f"{', '.join(most)} and {last}" if most else last
