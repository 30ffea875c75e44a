"""``pack``: connectors of others, as archives of data that say what they may do."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from locoia_pat.authoring.diff.comparison import compare
from locoia_pat.authoring.diff.spec_set import specs_of
from locoia_pat.authoring.packs.content import collect_files
from locoia_pat.authoring.packs.pack import Pack, build_pack, open_pack
from locoia_pat.authoring.packs.permissions import KINDS, permissions
from locoia_pat.authoring.packs.registry import InstallPlan, Packs
from locoia_pat.cli import render
from locoia_pat.cli.options import json_option, stored_login
from locoia_pat.files import write_atomic
from locoia_pat.outcomes import InvalidError, Problem, invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from locoia_pat.authoring.diff.comparison import Comparison
    from locoia_pat.authoring.packs.permissions import Permission
    from locoia_pat.authoring.packs.registry import PackSpecs


_ACCEPT = click.option("--accept", metavar="HASH", help="Accept the pack that is sha256:…, and do not ask.")


@click.group("pack")
def pack_command() -> None:
    """Make, install and look after packs.

    A pack is a connector to give away: an archive of specs, examples, recipes and pages, and no code.  It says which
    hosts it sends to, what it does there and which secrets it reads, and that is made from its specs, not believed.
    Actions of an installed pack are called PACK.ACTION, for example "locoia-pat run gitlab.get_self".
    """


@pack_command.command("build")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="By default NAME-VERSION.zip, here.")
@click.option("--harmless", multiple=True, metavar="NAME", help="Texts of this name look random and are no secrets.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def build_command(folder: Path, out: Path | None, harmless: tuple[str, ...], *, as_json: bool) -> None:
    """Make a pack of the connector in DIR: the same bytes wherever and whenever it is made.

    What check would find, an action without a whole example, and what looks like a secret are refused.
    """
    pack, left_out = build_pack(folder, harmless=harmless)
    name = f"{pack.manifest.name}-{pack.manifest.version}.zip"
    file = Path(name) if out is None else out / name if out.is_dir() else out
    _write(file, pack.archive)
    if as_json:
        render.print_json({"file": str(file), **_to_json(pack), "left_out": left_out})
    else:
        click.echo(file)
        click.echo(pack.hash)
    for path in left_out:
        render.say(f"left out: {render.one_line(path)}")


def _write(file: Path, data: bytes) -> None:
    """Put *data* into *file*, all or nothing."""
    try:
        write_atomic(file, data, mode=0o644)
    except OSError as error:
        raise invalid(f"{file} cannot be written: {error.strerror}", field="out") from None


@pack_command.command("verify")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def verify_command(file: Path, *, as_json: bool) -> None:
    """Hold the pack in FILE against what it says of itself, and show what it may do.  Nothing is installed."""
    pack = open_pack(file)
    if as_json:
        render.print_json({"file": str(file), **_to_json(pack)})
    else:
        _show_pack(pack)
        click.echo("\nIt is what it says of itself.")


@pack_command.command("install")
@click.argument("file", type=click.Path(path_type=Path))
@_ACCEPT
@json_option
def install_command(file: Path, *, accept: str | None, as_json: bool) -> None:
    """Install the pack in FILE, once you have seen and accepted what it may do.

    On a terminal it asks.  Elsewhere it takes --accept with the hash of the pack, or shows what there is to accept.
    """
    packs, pack = Packs(), open_pack(file)
    _put(packs, pack, packs.plan(pack), accept, file=file, verb="install", as_json=as_json)


@pack_command.command("upgrade")
@click.argument("file", type=click.Path(path_type=Path))
@_ACCEPT
@click.option("--downgrade", is_flag=True, help="FILE may be an older version.")
@json_option
def upgrade_command(file: Path, *, accept: str | None, downgrade: bool, as_json: bool) -> None:
    """Put the version in FILE in the place of the one that is installed, once you have seen what is different.

    It asks as install does, and says first what the new version may do that the old one may not.
    """
    packs, pack = Packs(), open_pack(file)
    plan = packs.plan(pack, upgrade=True, downgrade=downgrade)
    _put(packs, pack, plan, accept, file=file, verb="upgrade", as_json=as_json)


_DONE = {"install": "installed", "upgrade": "upgraded"}


def _put(
    packs: Packs, pack: Pack, plan: InstallPlan, accept: str | None, *, file: Path, verb: str, as_json: bool
) -> None:
    """Show what would change, ask, and change it."""
    comparison = _comparison_of(packs.get_intact(plan.name) if plan.installed else None, pack)
    done = "unchanged" if plan.is_empty else "restored" if plan.is_accepted else _DONE[verb]
    told: dict[str, Any] = {
        **_to_json(pack),
        "before": plan.installed.version if plan.installed else None,
        "gained": _plain(plan.gained),
        "lost": _plain(plan.lost),
        "breaking": [one.to_dict() for one in comparison.changes if one.is_breaking] if comparison else [],
    }
    if not plan.is_accepted:
        if not as_json:
            _show_pack(pack)
            if plan.installed:
                _show_change(plan, comparison)
        for note in _notes(pack):
            render.say(f"{click.style('warning', fg='yellow')}: {note}")
        try:
            _require_accepted(pack, accept, verb=verb, file=shlex.quote(str(file)))
        except InvalidError:
            if as_json:
                render.print_json({**told, "done": None})
            raise
    if plan.is_empty:
        packs.clean_up()
    else:
        packs.install(pack, plan)
    if as_json:
        render.print_json({**told, "done": done})
    else:
        click.echo(f"\n{plan.name} {plan.pin.version} is {done}: locoia-pat run {plan.name}.ACTION")


@pack_command.command("remove")
@click.argument("name")
@click.option("--forget", is_flag=True, help="Forget the hashes of its versions too, so that others are accepted.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def remove_command(name: str, *, forget: bool, as_json: bool) -> None:
    """Take the installed pack NAME away.  The hashes of its versions stay, so that none comes back as another."""
    pin = Packs().remove(name, forget=forget)
    if as_json:
        render.print_json({"pack": name, "version": pin.version if pin else None, "forgotten": forget})
    else:
        click.echo(f"{name} {pin.version} is removed" if pin else f"{name} is forgotten")
    if (place := stored_login(name)) is not None:
        render.say(f"the credential that login stored for {name} stays at {place}")


@pack_command.command("list")
@json_option
def list_command(*, as_json: bool) -> None:
    """List the installed packs, and whether each is there as it was accepted."""
    packs = Packs()
    found: list[dict[str, Any]] = []
    for name, pin in sorted(packs.lock().packs.items()):
        specs = packs.get_intact(name)
        found.append(
            {
                "pack": name,
                "version": pin.version,
                "state": "installed" if specs else "damaged",
                "actions": len(specs.manifest.actions) if specs else None,
                "hosts": list(specs.manifest.hosts) if specs else None,
                "hash": pin.hash,
                "folder": str(packs.folder / pin.folder(name)),
            }
        )
    if as_json:
        render.print_json({"folder": str(packs.folder), "packs": found})
    elif not found:
        click.echo(f"no packs in {packs.folder}")
    else:
        head = ("pack", "version", "state", "actions", "hosts", "hash")
        render.print_table(head, [[one[key] for key in head] for one in found])


def _to_json(pack: Pack) -> dict[str, Any]:
    """What is told of a pack, as JSON values."""
    manifest = pack.manifest
    return {
        "pack": manifest.name,
        "version": manifest.version,
        "title": manifest.title,
        "hash": pack.hash,
        "may": _plain(permissions(manifest)),
        "actions": manifest.to_dict()["actions"],
    }


def _plain(found: Iterable[Permission]) -> list[dict[str, str]]:
    """Permissions as JSON values."""
    return [permission._asdict() for permission in found]


def _show_pack(pack: Pack) -> None:
    """Print what the pack is, what it may do, and its actions."""
    manifest = pack.manifest
    click.echo(render.one_line(f"{manifest.name} {manifest.version}  {manifest.title}"))
    click.echo(f"{pack.hash}\n")
    may = permissions(manifest)
    rows = [(words, [one.value for one in may if one.kind == kind] or ["nothing"]) for kind, words in KINDS.items()]
    rows[0][1].append("localhost")  # which every connector may call
    render.print_table(("it", "may"), [(words, ", ".join(values)) for words, values in rows])
    click.echo()
    actions = [
        (f"{manifest.name}.{name}", action.effect, f"{action.method} {action.path}")
        for name, action in manifest.actions.items()
    ]
    render.print_table(("action", "effect", "sends"), actions)


def _show_change(plan: InstallPlan, comparison: Comparison | None) -> None:
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
            click.echo(render.one_line(f"  {sign} {permission}"))
    breaking = [one for one in comparison.changes if one.is_breaking]
    if breaking:
        click.echo("Flows that use it must look:")
    for one in breaking:
        click.echo(render.one_line(f"  {one.kind}  {one.action or 'the connector'}: {one.message}"))


def _comparison_of(old: PackSpecs | None, pack: Pack) -> Comparison | None:
    """What changed between the installed specs *old* and *pack*; None where there are none."""
    if old is None:
        return None
    files = collect_files(old.path).files
    return compare(specs_of(old, files), specs_of(pack.specs(), pack.files))


def _notes(pack: Pack) -> Iterator[str]:
    """What is on this computer that the pack would get, once one of its actions runs."""
    manifest = pack.manifest
    goes = ", ".join(manifest.hosts)
    for name in manifest.variables:
        if name in os.environ:
            yield f"{name} is set here; the actions of this pack read it, and send to {goes}"
    if (place := stored_login(manifest.name)) is not None:
        yield f"login stored a credential for {manifest.name} at {place}; the actions of this pack use it"


def _require_accepted(pack: Pack, accept: str | None, *, verb: str, file: str) -> None:
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
