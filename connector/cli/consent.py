"""What a pack may do, shown before it is installed, and the question whether it may."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from locoia_pat.authoring.diff.sources import of_folder
from locoia_pat.authoring.diff.summary import compare
from locoia_pat.authoring.packs.content import collect_files
from locoia_pat.authoring.packs.permissions import KINDS, permissions
from locoia_pat.cli import logins, output
from locoia_pat.outcomes import InvalidError, Problem, invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from locoia_pat.authoring.diff.summary import Comparison
    from locoia_pat.authoring.packs.pack import Pack
    from locoia_pat.authoring.packs.permissions import Permission
    from locoia_pat.authoring.packs.registry import InstallPlan, PackSpecs


def told(pack: Pack) -> dict[str, Any]:
    """What is told of a pack, as JSON values."""
    manifest = pack.manifest
    return {
        "pack": manifest.name,
        "version": manifest.version,
        "title": manifest.title,
        "hash": pack.hash,
        "may": plain(permissions(manifest)),
        "actions": manifest.to_dict()["actions"],
    }


def plain(found: Iterable[Permission]) -> list[dict[str, str]]:
    """Permissions as JSON values."""
    return [permission._asdict() for permission in found]


def show(pack: Pack) -> None:
    """Print what the pack is, what it may do, and its actions."""
    manifest = pack.manifest
    click.echo(output.line(f"{manifest.name} {manifest.version}  {manifest.title}"))
    click.echo(f"{pack.hash}\n")
    may = permissions(manifest)
    rows = [(words, [one.value for one in may if one.kind == kind] or ["nothing"]) for kind, words in KINDS.items()]
    rows[0][1].append("this computer")  # which every connector may call
    output.print_table(("it", "may"), [(words, ", ".join(values)) for words, values in rows])
    click.echo()
    actions = [
        (f"{manifest.name}.{name}", action.effect, f"{action.method} {action.path}")
        for name, action in manifest.actions.items()
    ]
    output.print_table(("action", "effect", "sends"), actions)


def show_change(plan: InstallPlan, comparison: Comparison | None) -> None:
    """Print what is different from the version that is installed."""
    click.echo()
    if comparison is None:
        click.echo("What is installed now is not what was accepted, so it cannot be compared.")
        return
    if not plan.gained:
        click.echo("It may do what the installed version may, and no more.")
    else:
        click.echo(click.style("It may do more than the installed version:", bold=True))
    for sign, found in (("+", plan.gained), ("-", plan.lost)):
        for permission in found:
            click.echo(output.line(f"  {sign} {permission}"))
    breaking = [one for one in comparison.changes if one.is_breaking]
    if breaking:
        click.echo("Flows that use it must look:")
    for one in breaking:
        click.echo(output.line(f"  {one.kind}  {one.action or 'the connector'}: {one.message}"))


def comparison_of(old: PackSpecs | None, pack: Pack) -> Comparison | None:
    """What changed between the installed specs *old* and *pack*; None where there are none."""
    if old is None:
        return None
    files = collect_files(old.path).files
    return compare(of_folder(old, files), of_folder(pack.specs(), pack.files))


def notes(pack: Pack) -> Iterator[str]:
    """What is on this computer that the pack would get, once one of its actions runs."""
    manifest = pack.manifest
    goes = ", ".join(manifest.hosts)
    for name in manifest.variables:
        if name in os.environ:
            yield f"{name} is set here; the actions of this pack read it, and send to {goes}"
    if (place := logins.place_of(manifest.name)) is not None:
        yield f"login stored a credential for {manifest.name} at {place}; the actions of this pack use it"


def accepted(pack: Pack, accept: str | None, *, verb: str, file: str) -> None:
    """Return if the pack is accepted: by its hash, or by a person at the terminal.

    Raises:
        InvalidError: it is not.

    """
    if accept is not None:
        if accept != pack.hash:
            raise invalid(
                f"{file} is {pack.hash}, and not what was accepted",
                field="accept",
                hint="Look at what it may do, and accept its own hash if you agree.",
            )
        return
    if not sys.stdin.isatty():
        raise invalid(
            f"{file} is not accepted, and nobody is here to ask",
            field="accept",
            hint="Read what it may do; if you agree, accept it by its hash.",
            next=f"locoia-pat pack {verb} {file} --accept {pack.hash}",
        )
    if not click.confirm(f"{verb.capitalize()} {pack.manifest.name} {pack.manifest.version}?", err=True):
        raise InvalidError(Problem("validation", "not confirmed; nothing was changed"))
