"""``locoia-pat pack``: connectors of others, as archives of data that say what they may do."""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from locoia_pat.authoring.packs.pack import Pack, build_pack, open_pack
from locoia_pat.authoring.packs.registry import InstallPlan, Packs
from locoia_pat.cli import consent, logins, output
from locoia_pat.cli.options import json_option
from locoia_pat.outcomes import InvalidError, invalid

_ACCEPT = click.option("--accept", metavar="HASH", help="Accept the pack that is sha256:…, and do not ask.")


@click.group("pack")
def command() -> None:
    """Make, install and look after packs.

    A pack is a connector to give away: an archive of specs, examples, recipes and pages, and no code.  It says which
    hosts it sends to, what it does there and which secrets it reads, and that is made from its specs, not believed.
    Actions of an installed pack are called PACK.ACTION, for example "locoia-pat run gitlab.get_self".
    """


@command.command("build")
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
        output.print_json({"file": str(file), **consent.told(pack), "left_out": left_out})
    else:
        click.echo(file)
        click.echo(pack.hash)
    for path in left_out:
        output.say(f"left out: {output.line(path)}")


def _write(file: Path, data: bytes) -> None:
    """Put *data* into *file*, all or nothing."""
    temporary = file.with_name(f".{file.name}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(file)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise invalid(f"{file} cannot be written: {error.strerror}", field="out") from None


@command.command("verify")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def verify_command(file: Path, *, as_json: bool) -> None:
    """Hold the pack in FILE against what it says of itself, and show what it may do.  Nothing is installed."""
    pack = open_pack(file)
    if as_json:
        output.print_json({"file": str(file), **consent.told(pack)})
    else:
        consent.show(pack)
        click.echo("\nIt is what it says of itself.")


@command.command("install")
@click.argument("file", type=click.Path(path_type=Path))
@_ACCEPT
@json_option
def install_command(file: Path, *, accept: str | None, as_json: bool) -> None:
    """Install the pack in FILE, once you have seen and accepted what it may do.

    On a terminal it asks.  Elsewhere it takes --accept with the hash of the pack, or shows what there is to accept.
    """
    packs, pack = Packs(), open_pack(file)
    _put(packs, pack, packs.plan(pack), accept, file=file, verb="install", as_json=as_json)


@command.command("upgrade")
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
    comparison = consent.comparison_of(packs.get_intact(plan.name) if plan.installed else None, pack)
    done = "unchanged" if plan.is_empty else "restored" if plan.is_accepted else _DONE[verb]
    told: dict[str, Any] = {
        **consent.told(pack),
        "before": plan.installed.version if plan.installed else None,
        "gained": consent.plain(plan.gained),
        "lost": consent.plain(plan.lost),
        "breaking": [one.to_dict() for one in comparison.changes if one.is_breaking] if comparison else [],
    }
    if not plan.is_accepted:
        if not as_json:
            consent.show(pack)
            if plan.installed:
                consent.show_change(plan, comparison)
        for note in consent.notes(pack):
            output.say(f"{click.style('warning', fg='yellow')}: {note}")
        try:
            consent.accepted(pack, accept, verb=verb, file=shlex.quote(str(file)))
        except InvalidError:
            if as_json:
                output.print_json({**told, "done": None})
            raise
    if plan.is_empty:
        packs.clean_up()
    else:
        packs.install(pack, plan)
    if as_json:
        output.print_json({**told, "done": done})
    else:
        click.echo(f"\n{plan.name} {plan.pin.version} is {done}: locoia-pat run {plan.name}.ACTION")


@command.command("remove")
@click.argument("name")
@click.option("--forget", is_flag=True, help="Forget the hashes of its versions too, so that others are accepted.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def remove_command(name: str, *, forget: bool, as_json: bool) -> None:
    """Take the installed pack NAME away.  The hashes of its versions stay, so that none comes back as another."""
    pin = Packs().remove(name, forget=forget)
    if as_json:
        output.print_json({"pack": name, "version": pin.version if pin else None, "forgotten": forget})
    else:
        click.echo(f"{name} {pin.version} is removed" if pin else f"{name} is forgotten")
    if (place := logins.place_of(name)) is not None:
        output.say(f"the credential that login stored for {name} stays at {place}")


@command.command("list")
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
        output.print_json({"folder": str(packs.folder), "packs": found})
    elif not found:
        click.echo(f"no packs in {packs.folder}")
    else:
        head = ("pack", "version", "state", "actions", "hosts", "hash")
        output.print_table(head, [[one[key] for key in head] for one in found])
