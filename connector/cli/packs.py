"""``pack``: build, install and manage packs."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from locoia_pat.authoring.diff.comparison import compare
from locoia_pat.authoring.diff.spec_set import specs_of
from locoia_pat.authoring.packs.content import collect_files
from locoia_pat.authoring.packs.installed_packs import InstallPlan, Packs
from locoia_pat.authoring.packs.pack import Pack, build_pack, open_pack
from locoia_pat.authoring.packs.permissions import KINDS, permissions
from locoia_pat.cli import output, render
from locoia_pat.cli.options import harmless_option, json_option, no_trunc_option, stored_login
from locoia_pat.files import write_atomic
from locoia_pat.outcomes import InvalidError, invalid
from locoia_pat.stores.lock import lock_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from locoia_pat.authoring.diff.comparison import Comparison
    from locoia_pat.authoring.packs.installed_packs import PackSpecs
    from locoia_pat.authoring.packs.permissions import Permission


_TEMPLATE = re.compile(r"\{\{ (\w+) \}\}")
_ACCEPT = click.option("--accept", metavar="HASH", help="Accept the pack with the hash sha256:… without asking.")


@click.group("pack")
def pack_command() -> None:
    """Build, install and manage packs.

    A pack is a connector to share: an archive of specs, examples, recipes and documentation, without code.  Its
    manifest declares which hosts it calls, what it does there and which secrets it reads; this is generated from the
    specs and verified.  Actions of an installed pack are named PACK.ACTION, as in "locoia-pat run gitlab.get_self".
    """


@pack_command.command("build")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path), help="Archive to write, by default NAME-VERSION.zip."
)
@harmless_option
@json_option
def build_command(folder: Path, out: Path | None, harmless: tuple[str, ...], *, as_json: bool) -> None:
    """Build a pack of the connector in DIR; the result is reproducible.

    Fails if check has findings, if an action has no complete example, or if something looks like a secret.
    """
    pack, left_out = build_pack(folder, harmless=harmless)
    name = f"{pack.manifest.name}-{pack.manifest.version}.zip"
    file = Path(name) if out is None else out / name if out.is_dir() else out
    _write(file, pack.archive)
    output.set_effect()
    if as_json:
        render.print_json({"file": str(file), **_to_json(pack), "left_out": left_out})
    else:
        click.echo(file)
        click.echo(pack.hash)
    for path in left_out:
        render.say(f"left out: {render.one_line(path)}")


def _write(file: Path, data: bytes) -> None:
    """Write *data* to *file* atomically."""
    try:
        with lock_folder(file.parent):
            write_atomic(file, data, mode=0o644)
    except OSError as error:
        raise invalid(f"{file} cannot be written: {error.strerror}", field="out") from None


@pack_command.command("verify")
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def verify_command(file: Path, *, as_json: bool) -> None:
    """Verify the pack in FILE and show its permissions.  Nothing is installed."""
    pack = open_pack(file)
    if as_json:
        render.print_json({"file": str(file), **_to_json(pack)})
    else:
        _show_pack(pack)
        click.echo("The pack is valid: its manifest matches its content.")


@pack_command.command("install")
@click.argument("file", type=click.Path(path_type=Path))
@_ACCEPT
@json_option
def install_command(file: Path, *, accept: str | None, as_json: bool) -> None:
    """Install the pack in FILE after you have accepted its permissions.

    On a terminal it asks.  Otherwise pass --accept with the hash of the pack; without it, the permissions are shown.
    """
    packs, pack = Packs(), open_pack(file)
    _put(packs, pack, packs.plan(pack), accept, file=file, verb="install", as_json=as_json)


@pack_command.command("upgrade")
@click.argument("file", type=click.Path(path_type=Path))
@_ACCEPT
@click.option("--downgrade", is_flag=True, help="Allow an older version.")
@json_option
def upgrade_command(file: Path, *, accept: str | None, downgrade: bool, as_json: bool) -> None:
    """Replace the installed version by the one in FILE after you have accepted the differences.

    It asks as install does, and first shows the permissions that the new version gains.
    """
    packs, pack = Packs(), open_pack(file)
    plan = packs.plan(pack, upgrade=True, downgrade=downgrade)
    _put(packs, pack, plan, accept, file=file, verb="upgrade", as_json=as_json)


_DONE = {"install": "installed", "upgrade": "upgraded"}


def _put(
    packs: Packs, pack: Pack, plan: InstallPlan, accept: str | None, *, file: Path, verb: str, as_json: bool
) -> None:
    """Show the changes, ask for acceptance, and apply them."""
    comparison = _comparison_of(packs.get_intact(plan.name) if plan.installed else None, pack)
    done = "unchanged" if plan.is_empty else "restored" if plan.is_accepted else _DONE[verb]
    report: dict[str, Any] = {
        **_to_json(pack),
        "before": plan.installed.version if plan.installed else None,
        "gained": _permissions_json(plan.gained),
        "lost": _permissions_json(plan.lost),
        "breaking": [one.to_dict() for one in comparison.changes if one.is_breaking] if comparison else [],
    }
    if not plan.is_accepted:
        if not as_json:
            _show_pack(pack)
            if plan.installed:
                _show_change(plan, comparison)
        for warning in _warnings(pack):
            render.say(f"{click.style('warning', fg='yellow')}: {warning}")
        try:
            _require_accepted(pack, accept, verb=verb, file=shlex.quote(str(file)))
        except InvalidError:
            if as_json:
                render.print_json({**report, "done": None})
            raise
    if plan.is_empty:
        packs.clean_up()
    else:
        packs.install(pack, plan)
    output.set_effect()
    if as_json:
        render.print_json({**report, "done": done})
    else:
        click.echo(f"\n{plan.name} {plan.pin.version} is {done}: locoia-pat run {plan.name}.ACTION")


@pack_command.command("remove")
@click.argument("name")
@click.option("--forget", is_flag=True, help="Also forget the hashes of its versions.")
@json_option
def remove_command(name: str, *, forget: bool, as_json: bool) -> None:
    """Remove the installed pack NAME.  The hashes of its versions are kept, so that they cannot return changed."""
    pin = Packs().remove(name, forget=forget)
    output.set_effect()
    if as_json:
        render.print_json({"pack": name, "version": pin.version if pin else None, "forgotten": forget})
    else:
        click.echo(f"removed {name} {pin.version}" if pin else f"forgot {name}")
    if (ref := stored_login(name)) is not None:
        render.say(f"the credential that login stored for {name} remains at {ref}")


@pack_command.command("list")
@json_option
@no_trunc_option
def list_command(*, as_json: bool) -> None:
    """List the installed packs and whether each is intact."""
    packs = Packs()
    rows: list[dict[str, Any]] = []
    for name, pin in sorted(packs.lock().packs.items()):
        specs = packs.get_intact(name)
        rows.append(
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
        render.print_json({"folder": str(packs.folder), "packs": rows})
    elif not rows:
        click.echo(f"no packs in {packs.folder}")
    else:
        head = ("pack", "version", "state", "actions", "hash", "hosts")
        render.print_table(head, [[row[key] for key in head] for row in rows])


def _to_json(pack: Pack) -> dict[str, Any]:
    """Return the properties and permissions of a pack as JSON values."""
    manifest = pack.manifest
    return {
        "pack": manifest.name,
        "version": manifest.version,
        "title": manifest.title,
        "hash": pack.hash,
        "may": _permissions_json(permissions(manifest)),
        "actions": manifest.to_dict()["actions"],
    }


def _permissions_json(items: Iterable[Permission]) -> list[dict[str, str]]:
    return [permission._asdict() for permission in items]


def _show_pack(pack: Pack) -> None:
    """Print the name, permissions and actions of a pack."""
    manifest = pack.manifest
    click.echo(render.one_line(f"{manifest.name} {manifest.version}  {manifest.title}"))
    click.echo(f"{pack.hash}\n")
    granted = permissions(manifest)
    rows = [(label, [one.value for one in granted if one.kind == kind] or ["nothing"]) for kind, label in KINDS.items()]
    rows[0][1].append("localhost")  # which every connector may call
    render.print_table(("permission", "for"), [(label, ", ".join(values)) for label, values in rows])
    click.echo()
    actions = [
        (f"{manifest.name}.{name}", action.effect, _TEMPLATE.sub(r"{\1}", f"{action.method} {action.path}"))
        for name, action in manifest.actions.items()
    ]
    render.print_table(("action", "effect", "request"), actions)
    click.echo()


def _show_change(plan: InstallPlan, comparison: Comparison | None) -> None:
    """Print the differences from the installed version."""
    if comparison is None:
        click.echo("The installed version was modified after it was accepted, so it cannot be compared.")
        return
    if not plan.gained:
        click.echo("It gains no permissions over the installed version.")
    else:
        click.echo(click.style("It gains permissions over the installed version:", bold=True))
    for sign, changed in (("+", plan.gained), ("-", plan.lost)):
        for permission in changed:
            click.echo(render.one_line(f"  {sign} {permission}"))
    breaking = [one for one in comparison.changes if one.is_breaking]
    if breaking:
        click.echo("Breaking changes, check the flows that use it:")
    for one in breaking:
        click.echo(render.one_line(f"  {one.kind}  {one.action or 'the connector'}: {one.message}"))


def _comparison_of(old: PackSpecs | None, pack: Pack) -> Comparison | None:
    """Return the changes from the installed specs *old* to *pack*, or None if nothing is installed."""
    if old is None:
        return None
    files = collect_files(old.path).files
    return compare(specs_of(old, files), specs_of(pack.specs(), pack.files))


def _warnings(pack: Pack) -> Iterator[str]:
    """Yield which variables and credentials of this user the actions of the pack will use."""
    manifest = pack.manifest
    hosts = ", ".join(manifest.hosts)
    for name in manifest.variables:
        if name in os.environ:
            yield f"{name} is set in the environment; the actions of this pack read it and send requests to {hosts}"
    if (ref := stored_login(manifest.name)) is not None:
        yield f"login stored a credential for {manifest.name} at {ref}; the actions of this pack use it"


def _require_accepted(pack: Pack, accept: str | None, *, verb: str, file: str) -> None:
    """Make sure that the pack is accepted, by its hash or by an answer on the terminal.

    Raises:
        InvalidError: it is not accepted.

    """
    if accept is not None:
        if accept != pack.hash:
            raise invalid(
                f"{file} has the hash {pack.hash}, not the accepted one",
                field="accept",
                hint="Check its permissions, and pass its own hash if you accept them.",
            )
        return
    if not sys.stdin.isatty():
        raise invalid(
            f"{file} is not accepted, and there is no terminal to ask on",
            field="accept",
            hint="Check its permissions; to accept them, pass its hash.",
            next=f"locoia-pat pack {verb} {file} --accept {pack.hash}",
        )
    question = f"{verb.capitalize()} {pack.manifest.name} {pack.manifest.version}"
    render.confirm(question, undone="changed", skip=f"--accept {pack.hash}")
