"""``env-file:``: the token is set for every program that reads the file, and no other variable changes; or an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from locoia_pat.outcomes import InvalidError
from locoia_pat.secrets.secret import Secret
from locoia_pat.stores import TokenEntry, open_store, read_token
from tests.support.env_file_readers import read_as_docker, read_as_systemd, read_by_dotenv, read_by_shell
from tests.support.store_child import API, entry

if TYPE_CHECKING:
    from pathlib import Path

NEW = entry(1).token.reveal()
SCRIPT = 'SCRIPT="#!/bin/sh\nT=none\ncurl -H \\"$T\\" x\n"\n'

WRITTEN = {
    "a quoted value of several lines with the same name in it": (f"A=1\n{SCRIPT}B=2\n", f"A=1\n{SCRIPT}B=2\nT={NEW}\n"),
    "in single quotes": ("A='x\nT=none\n'\n", f"A='x\nT=none\n'\nT={NEW}\n"),
    "before the variable": (f"{SCRIPT}T=old\nB=2\n", f"{SCRIPT}T={NEW}\nB=2\n"),
    "a key of several lines": ('K="-----BEGIN\nMII=\n-----END"\n', f'K="-----BEGIN\nMII=\n-----END"\nT={NEW}\n'),
    "a continued line": ("A=1 \\\n  2\n", f"A=1 \\\n  2\nT={NEW}\n"),
    "quotes in a comment": ("A=1 # it's\n# T=none \"\n", f"A=1 # it's\n# T=none \"\nT={NEW}\n"),
    "quotes within a value": ("A=a'b c'd\nT=old\n", f"A=a'b c'd\nT={NEW}\n"),
    "quotes in quotes": ('A="say \\"T=x\\""\n', f'A="say \\"T=x\\""\nT={NEW}\n'),
    "another variable twice": ("A=1\nA=2\n", f"A=1\nA=2\nT={NEW}\n"),
    "a command on one line": ("A=$(date)\nB=`date`\n", f"A=$(date)\nB=`date`\nT={NEW}\n"),
    "a URL with parameters": ("A=http://x/?a=1&b=2#c\n", f"A=http://x/?a=1&b=2#c\nT={NEW}\n"),
    "lines for a shell or docker": ("set -a\nexport A B\nHOME\nset +o allexport\n",
                                    f"set -a\nexport A B\nHOME\nset +o allexport\nT={NEW}\n"),
    "names in quotes on the line of another": ("A='x T=1'\nB=1'T=2'\n", f"A='x T=1'\nB=1'T=2'\nT={NEW}\n"),
    "a carriage return at its end": ("A=1\r\nT=old\r\n", f"A=1\r\nT={NEW}\n"),
    "a carriage return before it": ("A=1\r\nB=2", f"A=1\r\nB=2\nT={NEW}\n"),
    "a dollar in single quotes": ("T='old$x'\n", f"T={NEW}\n"),
}  # fmt: skip

REFUSED = {
    "a here-document": ("cat <<EOF\nT=none\nEOF\n", "line 1 neither sets a variable nor is a comment"),
    "a here-document in a value": ("A=$(cat <<EOF\nT=none\nEOF\n)\n", "line 1 has a command or a list"),
    "a here-string": ("A=1 <<x\n", "line 1 begins a here-document"),
    "a continued line with its name": ("A=1\\\nT=2\n", "on a line that for some programs is part of another"),
    "a continued comment before it": ("# x\\\nT=old\n", "the line before T ends with a backslash"),
    "a continued comment at the end": ("# x\\\n", "its last line ends with a backslash"),
    "a backslash at the end": ("A=1\\", "line 1 ends with a backslash"),
    "a continued line at the end": ("A=1 \\\n", "its last line ends with a backslash"),
    "an open quote": ("B=1\nA='x\nT=none\n", "line 2 has a quote that is not closed"),
    "an apostrophe": ("A=it's\nB=1\n", "line 1 has a quote that is not closed"),
    "an open quote within a value": ("A=x'a\nT=1\n'\n", "line 1 has a quote that is not closed on the same line"),
    "a backslash before a quote": ("A='C:\\'\nT=none\nB='x'\n", "line 1 has a backslash before a quote"),
    "an escaped backslash before a quote": ('A="C:\\\\"\n', "line 1 has a backslash before a quote"),
    "a command of several lines": ("A=$(x\nT=1\n)\n", "line 1 has a command or a list"),
    "a command of several lines in quotes": ('A="$(x\nT=1\n)"\n', "line 1 has a command in quotes"),
    "a list of several lines": ("A=(\nT=1\n)\n", "line 1 has a command or a list"),
    "an open command": ("A=`x\n", "line 1 has a command or a list"),
    "a function": ("f() {\nT=1\n}\n", "line 1 neither"),
    "a condition": ("A=1\nif true; then\nT=1\nfi\n", "line 2 neither"),
    "a command": ("A=1\n\nsource other.env\n", "line 3 neither"),
    "two commands": ("A=1; T=2\n", "on the line of another variable"),
    "two variables for one command": ("A=1 T=2\n", "on the line of another variable"),
    "twice": ("T=1\nT=2\n", "sets T more than once"),
    "twice, once exported": ("T=1\nA=1\nexport T=2\n", "sets T more than once"),
    "set and named": ("T=1\nexport T\n", "sets T more than once"),
    "named only": ("export A T\n", "line 1 has T without a value of its own"),
    "taken from the caller": ("T\n", "line 1 has T without a value of its own"),
    "added to": ("T+=1\n", "line 1 has T without a value of its own"),
    "a byte order mark": ("\ufeffA=1\n", "byte order mark"),
    "a NUL": ("A=1\0\n", "NUL"),
    "a lone carriage return": ("A=1\rT=2\n", "carriage return"),
}  # fmt: skip


def test_the_token_becomes_a_variable_of_its_own_and_every_other_line_stays(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    for name, (before, after) in WRITTEN.items():
        file.write_bytes(before.encode())
        others = without_token(file)
        store = open_store(f"env-file:{file}#T")
        store.probe()
        assert file.read_bytes().decode() == before, name
        store.store(entry(1), api=API)
        assert file.read_bytes().decode() == after, name
        assert read_token(store.ref) == entry(1).token, name
        assert without_token(file) == others, name
        assert store.remove(), name
        assert not store.remove(), name
        assert without_token(file) == others, name


def without_token(file: Path) -> list[dict[str, str | None]]:
    read = [read_by_shell(file) or {}, read_by_dotenv(file)]
    return [{name: value for name, value in one.items() if name != "T"} for one in read]


def test_a_file_that_programs_read_differently_is_refused_and_unchanged(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    for name, (text, message) in REFUSED.items():
        file.write_bytes(text.encode())
        store = open_store(f"env-file:{file}#T")
        for work in (store.probe, store.read, lambda store=store: store.store(entry(1), api=API)):
            with pytest.raises((InvalidError, ValueError)) as caught:
                work()
            assert message in str(caught.value), (name, str(caught.value))
        assert file.read_bytes().decode() == text, name


quotable = st.text(st.sampled_from("ab T=#'\"$`\\\n<&;~é"), max_size=12)
names = st.sampled_from(["A", "B", "TT", "T_", "PATHS"])
values = st.one_of(
    st.from_regex(r"[\w./:@-]{0,6}", fullmatch=True),
    quotable.map(lambda text: f"'{text.replace(chr(39), '')}'"),
    quotable.map(lambda text: '"' + "".join("\\" + c if c in '"\\$`' else c for c in text) + '"'),
    st.sampled_from(
        ["a \\\n b", "x#y", "x # it's", "$A", "a'b c'd", "http://x?a=1&b=2", "'x\nT=none\ny'", '"\nT=a\n"']
    ),
)
lines = st.one_of(
    st.builds("{}{}={}\n".format, st.sampled_from(["", "", "export ", "  "]), names, values),
    st.sampled_from(["\n", "# T=none\n", "#it's \"\n", "\t\n", "set -a\n", "A=1\r\n", "# x\\\n"]),
)  # fmt: skip
noise = st.text(st.sampled_from("AT=='\"\\#$()`<; \n\r~"), max_size=14)
tokens = st.from_regex(r"[\w.+/=:@%,~-]{16,40}", fullmatch=True)


def check(file: Path, before: str, token: str) -> bool:
    """Store *token* in a file that was *before*, and return whether it was stored; check what each program reads."""
    file.write_bytes(before.encode())
    others, shell_ends = without_token(file), read_by_shell(file) is not None
    store = open_store(f"env-file:{file}#T")
    try:
        store.probe()
        store.store(TokenEntry(Secret(token)), api=API)
    except (InvalidError, ValueError):
        assert file.read_bytes().decode() == before
        return False
    assert without_token(file) == others
    assert read_token(store.ref) == Secret(token)
    assert read_by_dotenv(file)["T"] == token
    if shell_ends:
        assert (read_by_shell(file) or {})["T"] == token
    for comments_continue in (False, True):
        assert read_as_systemd(file, comments_continue=comments_continue).get("T", token) == token
    docker = read_as_docker(file)
    assert (
        docker is None or docker["T"] == token or any(quote in before for quote in "'\"")
    )  # it takes each line as it is
    return True


@settings(max_examples=80, deadline=None)
@given(
    st.lists(lines, max_size=5),
    st.sampled_from(["", "T=old\n", "export T='old'\n", "T="]),
    st.lists(lines, max_size=3),
    tokens,
)
@example([SCRIPT], "", [], NEW)
def test_whatever_the_file_sets_the_token_reads_back_everywhere_and_other_variables_read_the_same(
    tmp_path_factory: pytest.TempPathFactory, above: list[str], own: str, below: list[str], token: str
) -> None:
    own = own if own.endswith("\n") or not below else f"{own}\n"
    check(tmp_path_factory.mktemp("env") / ".env", "".join([*above, own, *below]), token)


@settings(max_examples=150, deadline=None)
@given(noise, st.sampled_from(["", "T=old\n"]), noise)
def test_whatever_is_in_the_file_the_token_is_not_written_into_another_value(
    tmp_path_factory: pytest.TempPathFactory, above: str, own: str, below: str
) -> None:
    check(tmp_path_factory.mktemp("env") / ".env", above + own + below, NEW)


def test_a_file_that_cannot_be_extended_is_refused_before_a_token_is_minted(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# x\\\n")
    with pytest.raises(InvalidError, match="its last line ends with a backslash"):
        open_store(f"env-file:{tmp_path}/.env#T").probe()


def test_usual_files_are_written_and_not_refused(tmp_path: Path) -> None:
    for before in ("", "A=1\nB='x y'\n", f"# hi\n\n{SCRIPT}export T=old\n", "A=1\r\nT=\r\n", 'A="a\\"b"\nT="old"\n'):
        assert check(tmp_path / ".env", before, NEW), before


def test_a_token_that_some_programs_would_read_differently_is_not_stored(tmp_path: Path) -> None:
    for token in (
        "it's",
        'say"x"',
        "a\\b",
        "a$b",
        "a b",
        "a#b",
        "~root",
        "a:~root",
        "a=~root",
        "a;b",
        "a`b`",
        "${A}",
        "a*",
    ):
        store = open_store(f"env-file:{tmp_path}/.env#T")
        with pytest.raises(ValueError, match="programs read differently"):
            store.store(TokenEntry(Secret(f"{token}-fake" if token[0] == "~" else f"fake-{token}")), api=API)
        assert list(tmp_path.iterdir()) == [], token
