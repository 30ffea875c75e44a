"""Installing, upgrading and removing: shown first, asked for, pinned, and whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Connector, InvalidError
from locoia_pat.authoring.packs.installed_packs import Packs
from locoia_pat.authoring.packs.pack import open_pack
from tests.support.command import on_terminal, spawn
from tests.support.packs import CONNECTOR, LIST, PURGE, built, changed, hash_of, installed, written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.support.packs import Call, Spec

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def packs(tmp_path: Path) -> Path:
    """The folder of packs, which is not there yet."""
    folder = tmp_path / "packs"
    os.environ["LOCOIA_PAT_PACKS"] = str(folder)
    return folder


@pytest.fixture
def make(call: Call, tmp_path: Path) -> Callable[..., Path]:
    """Makes a pack."""

    def make(name: str, *actions: Spec, connector: Spec | None = None, pages: Mapping[str, str] | None = None) -> Path:
        return built(
            call, written(tmp_path / name, *actions, connector=connector, pages=pages), tmp_path / f"{name}.zip"
        )

    return make


def version(text: str, **more: Any) -> Spec:
    return CONNECTOR | {"version": text} | more


def state(packs: Path) -> list[str]:
    return sorted(path.name for path in packs.iterdir()) if packs.exists() else []


# Consent


def test_without_a_terminal_it_says_what_there_is_to_accept_and_installs_nothing(
    call: Call, make: Callable[..., Path], packs: Path
) -> None:
    file = make("acme", LIST, PURGE)
    done = call("pack", "install", str(file))
    assert (done.code, packs.exists()) == (2, False)
    for part in ("api.acme.example", "ACME_TOKEN", "ACME_TOKEN_FILE", "delete by purge_keys", "DELETE", hash_of(file)):
        assert part in done.out
    assert f"locoia-pat pack install {file} --accept {hash_of(file)}" in done.err
    as_json = call("pack", "install", str(file), "--json")
    assert (as_json.code, as_json.envelope["done"], as_json.envelope["hash"]) == (2, None, hash_of(file))
    assert {"kind": "effect", "value": "delete by purge_keys"} in as_json.envelope["gained"]
    assert not packs.exists()


def test_the_hash_that_is_accepted_is_that_of_the_pack(call: Call, make: Callable[..., Path], packs: Path) -> None:
    file = make("acme")
    wrong = call("pack", "install", str(file), "--accept", "sha256:" + "0" * 64)
    assert (wrong.code, packs.exists()) == (2, False)
    assert f"{hash_of(file)}, not the accepted one" in wrong.err
    done = installed(call, file)
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("acme 1.2.0 is installed: locoia-pat run acme.ACTION\n")
    lock = json.loads((packs / "lock.json").read_text())
    assert lock["packs"] == {"acme": {"version": "1.2.0", "hash": hash_of(file)}}
    place = f"acme-1.2.0-{hash_of(file).removeprefix('sha256:')[:16]}"
    assert state(packs) == [place, "lock.json"]
    assert sorted(path.name for path in (packs / place).iterdir()) == [
        "connector.yaml",
        "list_keys.yaml",
        "manifest.json",
    ]


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("n\n", 2), ("\n", 2)])
def test_on_a_terminal_it_asks(make: Callable[..., Path], packs: Path, typed: str, code: int) -> None:
    done = on_terminal("pack", "install", str(make("acme")), typed=typed)
    assert (done.code, packs.exists()) == (code, code == 0)
    assert "api.acme.example" in done.out
    assert "Install acme 1.2.0. Continue?" in done.err


def test_a_variable_that_is_set_and_a_login_are_told_before_they_are_used(
    call: Call, make: Callable[..., Path], own_home: Path
) -> None:
    file = make("acme")
    os.environ["ACME_TOKEN"] = "fake-acme-0123456789"
    place = own_home / "config" / "locoia-pat"
    place.mkdir(parents=True)
    (place / "logins.json").write_text(json.dumps({"acme": "file:/somewhere"}))
    done = call("pack", "install", str(file))
    warning = "warning: ACME_TOKEN is set in the environment; the actions of this pack read it"
    assert f"{warning} and send requests to api.acme.example" in done.err
    assert "login stored a credential for acme at file:/somewhere" in done.err
    assert "fake-acme" not in done.out + done.err
    assert installed(call, file).code == 0
    assert "the credential that login stored for acme remains at file:/somewhere" in call("pack", "remove", "acme").err


# Upgrades

UPGRADES: dict[str, tuple[tuple[Spec, ...], Spec, list[str]]] = {
    "a host": ((LIST,), {"hosts": ["api.acme.example", "evil.example"]}, ["+ sends to evil.example"]),
    "an address": (
        (LIST,),
        {"base_url": "https://api.acme.example/v2"},
        ["+ by default to https://api.acme.example/v2", "- by default to https://api.acme.example/v1"],
    ),
    "an effect": ((LIST, PURGE), {}, ["+ does delete by purge_keys", "+ uses DELETE"]),
    "a variable": (
        (LIST,),
        {"env": {**CONNECTOR["env"], "identifier": "ACME_USER"}},
        ["+ reads ACME_USER"],
    ),
    "another variable": (
        (LIST,),
        {"env": {"token": "ACME_ROOT", "base_url": "ACME_BASE_URL"}},
        ["+ reads ACME_ROOT", "+ reads ACME_ROOT_FILE", "- reads ACME_TOKEN", "- reads ACME_TOKEN_FILE"],
    ),
    "another header": (
        (LIST,),
        {"auth": {"header_key": "X-Key"}},
        ["+ sends the credential as X-Key", "- sends the credential as Authorization"],
    ),
}


@pytest.mark.parametrize(("actions", "more", "told"), UPGRADES.values(), ids=UPGRADES)
def test_an_upgrade_that_may_do_more_says_so_before_it_is_installed(
    actions: tuple[Spec, ...],
    more: Spec,
    told: list[str],
    *,
    call: Call,
    make: Callable[..., Path],
    packs: Path,
) -> None:
    assert installed(call, make("old")).code == 0
    before = state(packs)
    file = make("new", *actions, connector=version("2.0.0", **more))
    done = call("pack", "upgrade", str(file))
    assert done.code == 2
    assert "It gains permissions over the installed version:" in done.out
    assert [line.strip() for line in done.out.splitlines() if line.startswith(("  + ", "  - "))] == told
    assert ("Breaking changes, check the flows that use it:" in done.out) == ("base_url" not in more)
    assert state(packs) == before
    assert "Upgrade acme 2.0.0. Continue?" in on_terminal("pack", "upgrade", str(file), typed="n\n").err
    assert state(packs) == before
    done = installed(call, file, "upgrade", "--json")
    assert (done.code, done.envelope["done"], done.envelope["before"]) == (0, "upgraded", "1.2.0")
    assert len(done.envelope["gained"]) + len(done.envelope["lost"]) == len(told)
    assert bool(done.envelope["breaking"]) == ("base_url" not in more)
    assert (len(state(packs)), "acme-2.0.0" in state(packs)[0]) == (2, True)


def test_an_upgrade_that_may_do_no_more_says_so(call: Call, make: Callable[..., Path]) -> None:
    assert installed(call, make("old", LIST, PURGE)).code == 0
    file = make("new", changed(LIST, "title", "List all keys"), PURGE, connector=version("1.2.1"))
    assert "It gains no permissions over the installed version." in call("pack", "upgrade", str(file)).out
    narrower = call("pack", "upgrade", str(make("less", LIST, connector=version("2.0.0"))))
    assert "  - does delete by purge_keys" in narrower.out
    assert "  removed-action  purge_keys: removed" in narrower.out


def test_an_older_version_is_a_downgrade(call: Call, make: Callable[..., Path]) -> None:
    old = make("old", connector=version("1.9.0"))
    assert installed(call, make("new", connector=version("1.10.0"))).code == 0
    done = installed(call, old, "upgrade")
    assert (done.code, "acme 1.9.0 is older than the installed version 1.10.0" in done.err) == (2, True)
    assert installed(call, old, "upgrade", "--downgrade").code == 0
    assert call("pack", "list", "--json").envelope["packs"][0]["version"] == "1.9.0"


def test_what_is_not_installed_is_not_upgraded(call: Call, make: Callable[..., Path], packs: Path) -> None:
    done = installed(call, make("acme"), "upgrade")
    assert (done.code, "acme is not installed" in done.err, packs.exists()) == (2, True, False)


# Names, versions and hashes


def test_a_name_that_is_taken_is_refused(call: Call, make: Callable[..., Path], packs: Path) -> None:
    assert installed(call, make("one")).code == 0
    before = state(packs)
    done = installed(call, make("two", connector=version("1.3.0")))
    assert (done.code, "the name acme is taken: acme 1.2.0 is installed" in done.err) == (2, True)
    assert state(packs) == before


def test_a_version_has_one_content_even_once_it_is_gone(call: Call, make: Callable[..., Path], packs: Path) -> None:
    one, other = make("one"), make("two", pages={"README.md": "# Another\n"})
    assert installed(call, one).code == 0
    for verb in ("install", "upgrade"):
        done = installed(call, other, verb)
        assert (done.code, f"{hash_of(one)}, now {hash_of(other)}" in done.err) == (2, True)
    assert call("pack", "remove", "acme").out == "removed acme 1.2.0\n"
    assert state(packs) == ["lock.json"]
    assert (installed(call, other).code, installed(call, one).code) == (2, 0)
    assert call("pack", "remove", "acme", "--forget", "--json").envelope["forgotten"] is True
    assert installed(call, other).code == 0
    assert call("pack", "remove", "acme").code == 0
    assert call("pack", "remove", "acme", "--forget").out == "forgot acme\n"
    assert call("pack", "remove", "acme").code == 2


def test_the_same_pack_again_is_nothing_to_do(call: Call, make: Callable[..., Path], packs: Path) -> None:
    file = make("acme")
    assert installed(call, file).code == 0
    before = state(packs)
    for verb in ("install", "upgrade"):
        done = call("pack", verb, str(file), "--json")
        assert (done.code, done.envelope["done"]) == (0, "unchanged")
    assert state(packs) == before


def test_a_variable_belongs_to_one_pack(call: Call, make: Callable[..., Path]) -> None:
    assert (
        installed(call, make("one", connector=version("1.0.0", connector="ac", env={"token": "AC_ME_TOKEN"}))).code == 0
    )
    file = make("two", connector=version("1.0.0", connector="ac_me", env={"token": "AC_ME_TOKEN"}))
    done = installed(call, file)
    assert (done.code, "reads AC_ME_TOKEN, AC_ME_TOKEN_FILE, which belongs to the pack ac" in done.err) == (2, True)
    assert installed(call, make("three")).code == 0


# What is there is what was accepted


def damage(packs: Path, how: str) -> None:
    place = next(path for path in packs.iterdir() if path.is_dir())
    match how:
        case "a host is added":
            file = place / "connector.yaml"
            file.write_text(file.read_text().replace("- api.acme.example", "- api.acme.example\n- evil.example"))
        case "a page is added":
            (place / "docs").mkdir()
            (place / "docs" / "evil.md").write_text("evil")
        case "a file is a link":
            (place / "list_keys.yaml").unlink()
            (place / "list_keys.yaml").symlink_to("/etc/passwd")
        case "the manifest is gone":
            (place / "manifest.json").unlink()
        case "all is gone":
            shutil.rmtree(place)


DAMAGE = ["a host is added", "a page is added", "a file is a link", "the manifest is gone", "all is gone"]


@pytest.mark.parametrize("how", DAMAGE)
def test_a_pack_that_was_changed_does_not_run_until_it_is_restored(
    how: str, call: Call, make: Callable[..., Path], packs: Path
) -> None:
    file = make("acme")
    assert installed(call, file).code == 0
    damage(packs, how)
    done = call("run", "acme.list_keys")
    assert (done.code, done.envelope["outcome"]) == (2, "invalid")
    assert "acme" in done.envelope["error"]["message"] or "is a link" in done.envelope["error"]["message"]
    assert call("pack", "list", "--json").envelope["packs"][0]["state"] == "damaged"
    assert "acme" not in call("actions").out
    upgrade = call("pack", "upgrade", str(make("new", connector=version("1.3.0"))))
    assert "cannot be compared" in upgrade.out
    restored = call("pack", "install", str(file), "--json")  # its hash was accepted before
    assert (restored.code, restored.envelope["done"]) == (0, "restored")
    assert call("pack", "list", "--json").envelope["packs"][0]["state"] == "installed"
    assert len(state(packs)) == 2


def test_a_lock_file_pins_what_others_install(call: Call, make: Callable[..., Path], packs: Path) -> None:
    """It may be kept with a project: there the pack that it names is installed without a question, and no other."""
    file = make("acme")
    assert installed(call, file).code == 0
    shutil.rmtree(next(path for path in packs.iterdir() if path.is_dir()))
    assert installed(call, make("other", pages={"README.md": "# Another\n"})).code == 2
    assert call("pack", "install", str(file)).code == 0


LOCKS = ["", "[]", "{", '{"lock": 1}', '{"lock": 0, "packs": {}, "hashes": {}}', "\ud800", "[" * 100_000] + [
    json.dumps({"lock": 1, "packs": {name: {"version": number, "hash": sha}}, "hashes": {}})
    for name, number, sha in (
        ("../../etc", "1.0.0", "sha256:" + "0" * 64),
        ("acme", "../..", "sha256:" + "0" * 64),
        ("acme", "1.0.0", "../../etc"),
        ("acme", 1, "sha256:" + "0" * 64),
    )
]


@pytest.mark.parametrize("text", LOCKS, ids=range(len(LOCKS)))
def test_a_lock_file_that_is_none_is_told_and_left_alone(
    text: str, call: Call, make: Callable[..., Path], packs: Path
) -> None:
    packs.mkdir()
    (packs / "lock.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    for arguments in (["list"], ["install", str(make("acme"))], ["remove", "acme"]):
        done = call("pack", *arguments)
        assert (done.code, "lock.json" in done.err) == (2, True)
    assert state(packs) == ["lock.json"]
    assert call("actions").code == 0  # ours are there all the same
    assert call("run", "acme.list_keys").code == 2


def test_a_newer_lock_file_is_told(call: Call, packs: Path) -> None:
    packs.mkdir()
    (packs / "lock.json").write_text('{"lock": 2}')
    assert "newer version of locoia-pat" in call("pack", "list").err


# Whole or not at all


@pytest.mark.parametrize("upgraded", [False, True], ids=["install", "upgrade"])
def test_a_process_that_is_killed_leaves_all_or_nothing_and_the_next_one_clears_up(
    upgraded: bool, make: Callable[..., Path]
) -> None:
    old = make("old", pages={"README.md": "# Old\n"})
    new = make("new", LIST, PURGE, connector=version("1.3.0"), pages={"docs/a.md": "A\n"})
    files = [str(old), str(new)] if upgraded else [str(new)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.killed_installs", *files],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=100,
    )  # fmt: skip
    kills = [json.loads(line) for line in done.stdout.splitlines()]
    before: dict[str, Any] = {"acme": ["1.2.0", True]} if upgraded else {}
    after = {"acme": ["1.3.0", True]}
    assert kills.pop()["ended"]
    assert len(kills) >= 15
    assert all(kill["found"] in (before, after) for kill in kills)
    assert [kill["found"] for kill in kills].count(before) >= 10
    assert kills[0]["found"] == before
    assert kills[-1]["found"] == after
    assert {tuple(kill["left"]) for kill in kills} == {(kills[0]["left"][0], "lock.json")}


def test_what_is_not_ours_is_not_cleared_away(call: Call, make: Callable[..., Path], packs: Path) -> None:
    (packs / "mine").mkdir(parents=True)
    (packs / "acme-1.0.0").write_text("mine")
    (packs / ".staged-0123456789abcdef").symlink_to(packs / "mine")
    (packs / "acme-1.0.0-0123456789abcdef").mkdir()
    assert installed(call, make("acme")).code == 0
    assert [name for name in state(packs) if not name.startswith("acme-1.2.0")] == ["acme-1.0.0", "lock.json", "mine"]


def test_two_processes_install_one_after_the_other(make: Callable[..., Path], call: Call) -> None:
    files = [
        make(name, connector=version("1.0.0", connector=name, env={"token": f"{name.upper()}_TOKEN"}))
        for name in ("one", "two", "three")
    ]
    processes = [spawn("pack", "install", str(file), "--accept", hash_of(file)) for file in files]
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0, 0, 0]
    told = call("pack", "list", "--json").envelope["packs"]
    assert [(pack["pack"], pack["state"]) for pack in told] == [
        ("one", "installed"), ("three", "installed"), ("two", "installed")
    ]  # fmt: skip


def test_what_another_process_changed_since_is_not_written_over(make: Callable[..., Path]) -> None:
    one, two = (open_pack(make(name, connector=version(number))) for name, number in (("a", "1.0.0"), ("b", "2.0.0")))
    packs = Packs()
    plan = packs.plan(one)
    packs.install(two, packs.plan(two))
    with pytest.raises(InvalidError, match="changed by another process"):
        packs.install(one, plan)
    assert packs.lock().packs["acme"].version == "2.0.0"


def test_a_reader_that_an_upgrade_overtakes_reads_the_new_version(
    make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (open_pack(make(name, connector=version(number))) for name, number in (("a", "1.0.0"), ("b", "2.0.0")))
    packs = Packs()
    packs.install(one, packs.plan(one))
    late = packs.lock()
    packs.install(two, packs.plan(two, upgrade=True))
    now = packs.lock()
    locks = iter([late, now])
    monkeypatch.setattr(packs, "lock", lambda: next(locks))  # the moment between two reads, which no test can hit
    assert packs.specs("acme").connector.version == "2.0.0"


@pytest.mark.parametrize("place", ["a file", "below a file", "nobody's home", "no disk"])
def test_a_folder_that_cannot_be_used_is_told(
    place: str, call: Call, make: Callable[..., Path], tmp_path: Path
) -> None:
    file = make("acme")
    (tmp_path / "file").write_text("")
    os.environ["LOCOIA_PAT_PACKS"] = {
        "a file": str(tmp_path / "file"),
        "below a file": str(tmp_path / "file" / "packs"),
        "nobody's home": "~nobody_at_all/packs",
        "no disk": "/proc/packs",
    }[place]
    done = installed(call, file)
    assert (done.code, "packs" in done.err) == (2, True)


def test_a_full_disk_leaves_nothing(make: Callable[..., Path], packs: Path, call: Call) -> None:
    """A limit on the size of files stands for it: the first file that does not fit ends the install."""
    file = make("acme", pages={"README.md": "a" * 100_000})
    script = "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    script += "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
    script += "from locoia_pat.cli import main; main(sys.argv[1:])"
    arguments = ["pack", "install", str(file), "--accept", hash_of(file)]
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, "File too large" in done.stderr) == (2, True)
    assert state(packs) == []
    assert call("pack", "list").out == f"no packs in {packs}\n"


# Where it is used


def test_by_default_packs_are_in_the_users_data_folder(call: Call, make: Callable[..., Path], own_home: Path) -> None:
    file = make("acme")
    del os.environ["LOCOIA_PAT_PACKS"]
    assert installed(call, file).code == 0
    assert state(own_home / ".local/share/locoia-pat/packs")[-1] == "lock.json"
    os.environ["XDG_DATA_HOME"] = str(own_home / "data")
    assert call("pack", "list").out == f"no packs in {own_home}/data/locoia-pat/packs\n"


def test_the_actions_of_a_pack_have_its_name_in_every_command(
    call: Call, make: Callable[..., Path], tmp_path: Path
) -> None:
    assert installed(call, make("acme", LIST, PURGE)).code == 0
    told = call("actions", "--json").envelope["actions"]
    assert {"action": "acme.purge_keys", "effect": "delete", "summary": "Delete all keys."} in told
    assert told[0]["action"] == "audit_pats"
    assert "acme." not in call("actions", "--specs", str(tmp_path / "acme")).out
    assert [row["action"] for row in call("actions", "--specs", "pack:acme", "--json").envelope["actions"]] == [
        "acme.list_keys", "acme.purge_keys"
    ]  # fmt: skip
    assert call("show", "acme.list_keys").out.startswith("acme.list_keys  List the keys")
    assert call("show", "acme.list_keys", "--json").envelope["action"] == "acme.list_keys"
    assert call("plan", "acme.list_keys", "--json").envelope["url"] == "https://api.acme.example/v1/keys"
    assert call("test", "acme.list_keys").out == "ok      list_keys: one key\n1 passed, 0 failed\n"
    assert call("test", "pack:acme").out.endswith("2 passed, 0 failed\n")
    assert call("check", "acme.purge_keys", "pack:acme").code == 0
    assert call("eject", "acme.purge_keys", "--out", str(tmp_path / "mine")).code == 0
    assert call("test", str(tmp_path / "mine")).code == 0
    recorded = call("test", "--record", "acme.list_keys")
    assert (recorded.code, "is an installed pack and cannot be changed" in recorded.err) == (2, True)
    table = call("pack", "list").out.splitlines()
    assert table[1].split() == ["acme", "1.2.0", "installed", "2", *table[1].split()[4:5], "api.acme.example"]


@pytest.mark.parametrize("words", [["run", "nobody.list"], ["show", "nobody.list"], ["test", "nobody.list"],
                                   ["actions", "--specs", "pack:nobody"], ["run", "acme.lst_keys"]])  # fmt: skip
def test_a_pack_or_an_action_that_is_not_there_is_told(words: list[str], call: Call, make: Callable[..., Path]) -> None:
    assert installed(call, make("acme")).code == 0
    done = call(*words)
    assert done.code == 2
    assert "there is no pack" in done.err or "did you mean list_keys?" in done.err


def test_names_of_packs_are_completed(make: Callable[..., Path], call: Call) -> None:
    assert installed(call, make("acme")).code == 0
    process = spawn(_LOCOIA_PAT_COMPLETE="bash_complete", COMP_WORDS="locoia-pat run acme.", COMP_CWORD="2")
    out, _ = process.communicate(timeout=60)
    assert out == "plain,acme.list_keys\n"


def test_in_python_a_pack_is_a_folder_of_specs(make: Callable[..., Path], call: Call) -> None:
    assert installed(call, make("acme")).code == 0
    with Connector(specs=Packs().specs("acme")) as connector:
        assert connector.plan("list_keys").url == "https://api.acme.example/v1/keys"
