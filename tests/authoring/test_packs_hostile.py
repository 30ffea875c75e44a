"""A stranger's pack is safe to open: whatever is in it, it is refused with a word, and nothing is written."""

from __future__ import annotations

import io
import json
import stat
import struct
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locoia_pat.authoring.packs import archive
from locoia_pat.authoring.packs.pack import build_pack, verify_pack
from locoia_pat.outcomes import InvalidError
from locoia_pat.spec.yaml import dump
from tests.support.packs import CONNECTOR, LIST, SUPER, changed, files_of, hash_of, sealed, written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.command import Done

Files = dict[str, bytes]


def forged(files: Files, *entries: tuple[zipfile.ZipInfo | str, bytes], comment: bytes = b"", **more: Any) -> bytes:
    """An archive as anybody can write one: *files*, and *entries* after them."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", **more) as zipped:
        zipped.comment = comment
        for name, data in (*files.items(), *entries):
            entry = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name)
            entry.compress_type = more.get("compression", zipfile.ZIP_STORED)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a name that is there twice, on purpose
                zipped.writestr(entry, data)
    return target.getvalue()


def entry(name: str, mode: int) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo(name)
    found.create_system, found.external_attr = 3, mode << 16
    return found


def patched(data: bytes, old: bytes, new: bytes, *, count: int) -> bytes:
    assert len(old) == len(new)
    assert data.count(old) == count
    return data.replace(old, new)


def encrypted(files: Files) -> bytes:
    """The flags of the first entry in the directory at the end, set to encrypted."""
    data = bytearray(archive.write_archive(files))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def overlapping(files: Files) -> bytes:
    """Many entries over the bytes of one: small to send, and large once it is unpacked."""
    data = archive.write_archive({**files, "docs/aaa.md": b"a" * 200_000})
    start, end = data.rindex(b"PK\x01\x02", 0, data.index(b"PK\x05\x06")), data.index(b"PK\x05\x06")
    begin = data.index(b"PK\x01\x02")
    directory = data[begin:end]
    name_at = directory.index(b"docs/aaa.md") - 46
    one = directory[name_at : name_at + 46 + len(b"docs/aaa.md")]
    assert start >= begin
    assert one.startswith(b"PK\x01\x02")
    for number in range(100):
        directory += one.replace(b"aaa", b"%03d" % number)
    count = len(files) + 1 + 100
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), begin, 0)
    return data[:begin] + directory + tail


def other_head(files: Files) -> bytes:
    """A name before the bytes of a file that is not the one in the directory."""
    data = archive.write_archive(files)
    at = data.index(b"README.md")
    return data[:at] + b"README.sh" + data[at + 9 :]


def with_extra(files: Files) -> bytes:
    """Bytes in a field of an entry that no reader shows."""
    hidden = zipfile.ZipInfo("README.md")
    hidden.extra = struct.pack("<HH4s", 0x7777, 4, b"evil")
    return forged({name: data for name, data in files.items() if name != "README.md"}, (hidden, files["README.md"]))


def manifest(files: Files, text: bytes) -> bytes:
    return archive.write_archive({**files, "manifest.json": text})


def spec(files: Files, name: str, value: dict[str, Any] | bytes) -> bytes:
    return sealed({**files, name: value if isinstance(value, bytes) else dump(value).encode()})


def arazzo(url: str) -> bytes:
    recipe = {"arazzo": "1.0.1", "sourceDescriptions": [{"name": "acme", "url": url}]}
    return dump(recipe).encode()


NO_EXAMPLE = changed(LIST, "examples", ...)
BOMB = b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n"

HOSTILE: dict[str, tuple[Callable[[Files], bytes], str]] = {
    # names
    "it climbs out": (lambda f: forged(f, ("../evil.yaml", b"")), "with an invalid name"),
    "it climbs out from within": (lambda f: forged(f, ("docs/../../evil.md", b"")), "with an invalid name"),
    "it begins at the root": (lambda f: forged(f, ("/etc/cron.d/evil", b"")), "with an invalid name"),
    "it names a drive": (lambda f: forged(f, ("C:/evil.yaml", b"")), "with an invalid name"),
    "it climbs out by backslashes": (lambda f: forged(f, ("docs\\..\\evil.md", b"")), "with an invalid name"),
    "it has a control character": (lambda f: forged(f, ("docs/\x1b[2Jevil.md", b"")), "some not printable"),
    "it has a zero byte": (
        lambda f: patched(forged(f, ("docs/aXevil.md", b"")), b"aXevil", b"a\0evil", count=2),
        "some not printable",
    ),
    "its letters are none of ours": (lambda f: forged(f, ("docs/\u0430cme.md", b"")), "with an invalid name"),
    "it is there twice": (lambda f: forged(f, ("README.md", b"evil")), "holds README.md twice"),
    "it differs by capitals": (lambda f: forged(f, ("readme.MD", b"evil")), "one file on some computers"),
    "it is a device of Windows": (lambda f: spec(f, "docs/CON.md", b"x"), "a device on Windows"),
    # kinds of entries
    "it is a link": (lambda f: forged(f, (entry("docs/a.md", stat.S_IFLNK | 0o777), b"/etc/passwd")), "is a link"),
    "it is a pipe": (lambda f: forged(f, (entry("docs/a.md", stat.S_IFIFO | 0o644), b"")), "is not a regular file"),
    "it is a folder": (lambda f: forged(f, ("docs/", b"")), "with an invalid name"),
    "it may be run": (lambda f: forged(f, (entry("docs/a.md", stat.S_IFREG | 0o755), b"")), "marked as executable"),
    "it is encrypted": (encrypted, "is encrypted"),
    # sizes
    "it is compressed": (
        lambda f: forged(f, ("docs/a.md", bytes(5_000_000)), compression=zipfile.ZIP_DEFLATED),
        "is compressed",
    ),
    "its files lie over each other": (overlapping, "larger than the archive"),
    "it has too many files": (lambda f: forged(f, *((f"docs/{n}.md", b"") for n in range(301))), "at most 300"),
    "it has a large file": (lambda f: forged(f, ("docs/a.md", bytes(300_000))), "more than 262144 bytes"),
    "it is large": (lambda f: forged(f, *((f"docs/{n}.md", bytes(260_000)) for n in range(18))), "bytes"),
    "its manifest is large": (lambda f: manifest(f, b" " * 300_000 + f["manifest.json"]), "more than 262144 bytes"),
    # what lies between and behind
    "something stands before it": (lambda f: b"#!/bin/sh\n" + archive.write_archive(f), "something besides its files"),
    "something stands behind it": (lambda f: archive.write_archive(f) + b"evil", "zip"),
    "it has a comment": (lambda f: forged(f, comment=b"evil"), "something besides its files"),
    "it has hidden fields": (with_extra, "something besides its files"),
    "its heads say other names": (other_head, "zip"),
    "it is cut": (lambda f: archive.write_archive(f)[:-30], "not a complete zip archive"),
    "its bytes are changed": (
        lambda f: patched(archive.write_archive(f), b"Read me", b"Read us", count=1),
        "not a complete zip archive",
    ),
    "it is no archive": (lambda _: b"\x7fELF" + bytes(1000), "not a complete zip archive"),
    "it is empty": (lambda _: b"", "not a complete zip archive"),
    # the manifest
    "it has no manifest": (
        lambda f: archive.write_archive({n: d for n, d in f.items() if n != "manifest.json"}),
        "has no manifest.json",
    ),
    "its manifest is no JSON": (lambda f: manifest(f, b"{"), "not valid JSON"),
    "its manifest is deep": (lambda f: manifest(f, b"[" * 200_000), "not valid JSON"),
    "its manifest is a list": (lambda f: manifest(f, b"[]"), "without the version of the format"),
    "its manifest is newer": (lambda f: sealed(f, pack=2), "version 2 of the pack format"),
    "its manifest is of no version": (
        lambda f: sealed(f, pack="1"),
        "this program reads version 1",
    ),
    "its manifest has more": (lambda f: sealed(f, hooks=["setup.py"]), "missing, unknown or invalid keys: hooks"),
    "its manifest hides a host": (lambda f: sealed(f, hosts=[]), "differs from its specs: hosts"),
    "its manifest hides effects": (
        lambda f: sealed(f, effects=[], actions={}),
        "its specs: actions, effects",
    ),
    "its manifest hides a variable": (
        lambda f: sealed(f, variables=["ACME_TOKEN"]),
        "its specs: variables",
    ),
    "its manifest says another name": (lambda f: sealed(f, name="github"), "differs from its specs: name"),
    "its manifest says nothing of files": (lambda f: sealed(f, files=None), "missing, unknown or invalid keys: files"),
    "its manifest says a key twice": (
        lambda f: manifest(f, f["manifest.json"].replace(b'"name"', b'"name": "evil",\n "name"')),
        "not formatted as packs have it",
    ),
    "its checksum is another": (
        lambda f: archive.write_archive({**f, "README.md": b"evil"}),
        "match the checksums in manifest.json: README.md",
    ),
    "a file is not in its manifest": (
        lambda f: archive.write_archive({**f, "docs/a.md": b""}),
        "match the checksums in manifest.json: docs/a.md",
    ),
    "a file of its manifest is not there": (
        lambda f: archive.write_archive({n: d for n, d in f.items() if n != "README.md"}),
        "match the checksums in manifest.json: README.md",
    ),
    # what the files are
    "it holds code": (lambda f: spec(f, "setup.py", b"import os"), "which a pack may not hold"),
    "it holds an archive": (lambda f: spec(f, "docs/more.zip", b"PK"), "which a pack may not hold"),
    "its page is a program": (lambda f: spec(f, "docs/a.md", b"#!/bin/sh\nevil"), "begins as a program"),
    "its page is no text": (lambda f: spec(f, "docs/a.md", b"\xff\xfe"), "not UTF-8 text"),
    "its page commands the terminal": (
        lambda f: spec(f, "docs/a.md", b"\x1b]0;evil\a"),
        "in line 1 (U+001B)",
    ),
    "its page turns its letters round": (
        lambda f: spec(f, "docs/a.md", "a\u202eb".encode()),
        "in line 1 (U+202E)",
    ),
    "its recipe is a bomb": (lambda f: spec(f, "recipes/a.yaml", BOMB), "which cannot be read, line 1"),
    "its recipe fetches elsewhere": (
        lambda f: spec(f, "recipes/a.yaml", arazzo("https://evil.example/x")),
        "neither a file next to it nor at a host",
    ),
    "its recipe reads other files": (
        lambda f: spec(f, "recipes/a.yaml", arazzo("../../etc/passwd")),
        "neither a file next to it nor",
    ),
    "its recipe reads a root": (
        lambda f: spec(f, "recipes/a.yaml", arazzo("/etc/passwd")),
        "neither a file next to it nor",
    ),
    "its recipe reads by another way": (
        lambda f: spec(f, "recipes/a.yaml", arazzo("file:///etc/passwd")),
        "neither a file next to it nor",
    ),
    "its recipe's address is none": (
        lambda f: spec(f, "recipes/a.yaml", arazzo("https://[")),
        "neither a file next to it nor",
    ),
    "its spec is a bomb": (lambda f: spec(f, "list_keys.yaml", BOMB), "yaml-feature"),
    "its spec is wrong": (lambda f: spec(f, "list_keys.yaml", changed(LIST, "effect", "evil")), "bad-value"),
    "its spec writes to the terminal": (
        lambda f: spec(f, "list_keys.yaml", dump(LIST).encode() + b'"\\e[2J": 1\n'),
        'unknown key "?[2J"',
    ),
    "its spec is newer": (lambda f: spec(f, "connector.yaml", changed(CONNECTOR, "spec", 2)), "bad-value"),
    "an action has no example": (lambda f: spec(f, "list_keys.yaml", NO_EXAMPLE), "needs an example"),
    "it runs our code": (lambda f: spec(f, "rotate_pat.yaml", SUPER), "code of locoia-pat"),
    "it reads our variable": (
        lambda f: spec(f, "connector.yaml", changed(CONNECTOR, "env.token", "LOCOIA_TOKEN")),
        "foreign-variable",
    ),
    "it calls itself as we do": (
        lambda f: spec(
            f,
            "connector.yaml",
            CONNECTOR | {"connector": "locoia", "env": {"token": "LOCOIA_TOKEN"}, "hosts": ["api.acme.example"]},
        ),
        "foreign-host",
    ),
    "its variables begin as ours": (
        lambda f: spec(
            f, "connector.yaml", CONNECTOR | {"connector": "locoia_pat", "env": {"token": "LOCOIA_PAT_SPECS"}}
        ),
        'begins with "locoia"',
    ),
    "its version is none": (lambda f: spec(f, "connector.yaml", changed(CONNECTOR, "version", "01.2.0")), "semantic"),
    "it has no connector": (
        lambda f: sealed({n: d for n, d in f.items() if n != "connector.yaml"}),
        "has no connector.yaml",
    ),
    "it has no action": (
        lambda f: spec(
            {n: d for n, d in f.items() if n != "list_keys.yaml"}, "connector.yaml", changed(CONNECTOR, "check", ...)
        ),
        "at least one action",
    ),
}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A pack that nothing is wrong with."""
    folder = written(tmp_path_factory.mktemp("good") / "acme", pages={"README.md": "# Read me\n"})
    return build_pack(folder)[0].archive


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 20


@pytest.mark.parametrize(("make", "why"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_pack_is_refused_and_nothing_is_written(
    make: Callable[[Files], bytes],
    why: str,
    *,
    good: bytes,
    call: Callable[..., Done],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packs = tmp_path / "packs"
    monkeypatch.setenv("LOCOIA_PAT_PACKS", str(packs))
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "evil.zip"
    file.write_bytes(make(files_of(good)))
    verify = call("pack", "verify", "evil.zip")
    assert (verify.code, verify.out) == (2, "")
    assert why in verify.err
    assert "evil.zip" in verify.err
    assert "\x1b" not in verify.err.replace("\x1b[31merror\x1b[0m", "")
    install = call("pack", "install", "evil.zip", "--accept", hash_of(file))
    assert (install.code, install.err) == (2, verify.err)
    assert not packs.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["evil.zip"]


def test_the_pack_that_they_were_made_of_is_right(good: bytes) -> None:
    assert verify_pack(good, "good.zip").archive == good
    assert verify_pack(sealed(files_of(good)), "good.zip").archive == good


def test_no_byte_of_a_pack_can_be_another(good: bytes) -> None:
    """Each byte is covered: one that is changed is told."""
    for at in range(0, len(good), 3):
        data = bytearray(good)
        data[at] ^= 0x20
        with pytest.raises(InvalidError):
            verify_pack(bytes(data), "changed.zip")


@given(data=st.data())
def test_no_bytes_bring_the_reader_down(good: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, min(len(good), start + 60)))
    changed_ = good[:start] + data.draw(st.binary(max_size=60)) + good[end:]
    if changed_ != good:
        with pytest.raises(InvalidError):
            verify_pack(changed_, "changed.zip")


@pytest.mark.parametrize("kind", ["a folder", "a pipe", "nothing"])
def test_a_file_that_is_none_is_refused(kind: str, call: Callable[..., Done], tmp_path: Path) -> None:
    import os  # noqa: PLC0415  # for the pipe alone

    place = tmp_path / "pack.zip"
    match kind:
        case "a folder":
            place.mkdir()
        case "a pipe":
            os.mkfifo(place)
    done = call("pack", "verify", str(place))
    assert (done.code, done.out) == (2, "")
    assert "cannot be read" in done.err or "is not a regular file" in done.err


def test_json_says_what_a_pack_is(good: bytes, call: Callable[..., Done], tmp_path: Path) -> None:
    (tmp_path / "good.zip").write_bytes(good)
    done = call("pack", "verify", str(tmp_path / "good.zip"), "--json")
    told = done.envelope
    assert (done.code, told["pack"], told["version"]) == (0, "acme", "1.2.0")
    assert told["hash"] == hash_of(tmp_path / "good.zip")
    assert told["may"] == [
        {"kind": "host", "value": "api.acme.example"},
        {"kind": "base_url", "value": "https://api.acme.example/v1"},
        {"kind": "header", "value": "Authorization"},
        {"kind": "variable", "value": "ACME_BASE_URL"},
        {"kind": "variable", "value": "ACME_TOKEN"},
        {"kind": "variable", "value": "ACME_TOKEN_FILE"},
        {"kind": "effect", "value": "read"},
        {"kind": "method", "value": "GET"},
    ]
    assert json.loads(files_of(good)["manifest.json"])["actions"] == told["actions"]
