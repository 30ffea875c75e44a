"""The sandbox's store: which tokens are live, for how long, and what is on disk."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import sqlite3
import stat
import string
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locoia_pat.actions.sandbox.sandbox_store import PREFIX, SandboxStore, is_well_formed
from locoia_pat.secrets.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from locoia_pat.actions.sandbox.sandbox_store import Row

NOON = dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)


class Clock:
    """A clock that moves only when a test moves it."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self) -> dt.datetime:
        return self.time

    def advance(self, **span: float) -> None:
        self.time += dt.timedelta(**span)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Iterator[SandboxStore]:
    store = SandboxStore(now=clock)
    yield store
    store.close()


def create(
    store: SandboxStore, *, owner: str = "anna", days: int | None = None, note: str = "CI"
) -> tuple[Row, Secret]:
    return store.create(owner=owner, days=days, scopes=["automation:view"], note=note)


# Tokens


def test_a_token_has_a_prefix_thirty_random_characters_and_a_checksum(store: SandboxStore) -> None:
    tokens = [create(store)[1] for _ in range(50)]
    assert all(is_well_formed(token) for token in tokens)
    assert all(token.reveal().startswith(PREFIX) for token in tokens)
    bodies = [token.reveal().removeprefix(PREFIX) for token in tokens]
    assert {len(body) for body in bodies} == {36}
    assert set("".join(bodies)) <= set(string.ascii_letters + string.digits)
    assert len(set(bodies)) == 50


with closing(SandboxStore()) as _store:
    MINTED = create(_store)[1]


@given(st.integers(0, len(MINTED.reveal()) - 1), st.characters(min_codepoint=0x20, max_codepoint=0xFF))
def test_one_wrong_character_makes_a_token_malformed(at: int, character: str) -> None:
    value = MINTED.reveal()
    changed = Secret(value[:at] + character + value[at + 1 :])
    assert is_well_formed(changed) == (changed == MINTED)


MALFORMED = {
    "empty": Secret(""),
    "the prefix alone": Secret(PREFIX),
    "without its prefix": Secret(MINTED.reveal().removeprefix(PREFIX)),
    "cut": Secret(MINTED.reveal()[:-1]),
    "one more": Secret(MINTED.reveal() + "0"),
    "in capitals": Secret(MINTED.reveal().upper()),
    "another checksum": Secret(MINTED.reveal()[:-6] + "000000"),
    "a surrogate": Secret(f"{PREFIX}\udcff{'0' * 35}"),
    "another service's": Secret("ghp_0123456789abcdefghijklmnopqrstuvwxyzAB"),
}


def test_a_malformed_token_is_refused_without_a_look_up() -> None:
    closed = SandboxStore()
    closed.close()
    for case, token in MALFORMED.items():
        assert closed.authenticate(token) is None, case
    with pytest.raises(sqlite3.ProgrammingError):  # so a look-up would have failed
        closed.authenticate(MINTED)


def test_a_well_formed_token_of_another_store_is_refused(store: SandboxStore) -> None:
    create(store)
    assert store.authenticate(MINTED) is None


# Rows


def test_a_new_row_has_the_given_values_and_is_unused(store: SandboxStore) -> None:
    row, _ = store.create(owner="anna", days=30, scopes=["embed", "company:view"], note="Für CI")
    assert (row.owner, row.note, row.scopes, row.last_used) == ("anna", "Für CI", ["embed", "company:view"], None)
    assert row.expiration == NOON + dt.timedelta(days=30)
    assert store.owned_by("anna") == [row]


def test_rows_are_listed_by_owner_the_oldest_first(store: SandboxStore) -> None:
    mine = [create(store, note=str(number))[0] for number in range(5)]
    theirs = create(store, owner="ben")[0]
    store.regenerate(mine[1].id, owner="anna", days=None)
    assert [row.note for row in store.owned_by("anna")] == ["0", "1", "2", "3", "4"]
    assert store.owned_by("ben") == [theirs]
    assert store.owned_by("nobody") == []


def test_authenticating_a_live_token_returns_its_row_and_marks_it_as_used(store: SandboxStore, clock: Clock) -> None:
    row, token = create(store)
    other, _ = create(store)
    clock.advance(hours=1)
    found = store.authenticate(token)
    assert found is not None
    assert (found.id, found.owner) == (row.id, "anna")
    assert {row.id: row.last_used for row in store.owned_by("anna")} == {
        row.id: NOON + dt.timedelta(hours=1),
        other.id: None,
    }
    clock.advance(hours=1)
    store.authenticate(token)
    assert store.owned_by("anna")[0].last_used == NOON + dt.timedelta(hours=2)


# Expiry


@pytest.mark.parametrize("days", [1, 30, 36_500])
def test_a_token_is_refused_from_its_expiration_on_and_its_row_stays_listed(
    store: SandboxStore, clock: Clock, days: int
) -> None:
    row, token = create(store, days=days)
    clock.advance(days=days, microseconds=-1)
    assert store.authenticate(token) is not None
    clock.advance(microseconds=1)
    used = store.owned_by("anna")[0].last_used
    assert store.authenticate(token) is None
    (listed,) = store.owned_by("anna")
    assert (listed.id, listed.expiration, listed.last_used) == (row.id, row.expiration, used)


def test_a_token_without_expiration_never_expires(store: SandboxStore, clock: Clock) -> None:
    row, token = create(store, days=None)
    clock.advance(days=365 * 1000)
    assert row.expiration is None
    assert store.authenticate(token) is not None


# Regenerating


def test_a_regenerate_revokes_the_old_token(store: SandboxStore) -> None:
    row, old = create(store)
    found = store.regenerate(row.id, owner="anna", days=None)
    assert found is not None
    regenerated, new = found
    assert new != old
    assert store.authenticate(old) is None
    assert (live := store.authenticate(new)) is not None
    assert live.id == regenerated.id == row.id


def test_a_regenerated_row_keeps_id_note_and_scopes_and_gets_a_new_expiry(store: SandboxStore, clock: Clock) -> None:
    row, old = create(store, days=10)
    store.authenticate(old)
    clock.advance(days=5)
    found = store.regenerate(row.id, owner="anna", days=10)
    assert found is not None
    regenerated, _ = found
    assert (regenerated.id, regenerated.note, regenerated.scopes) == (row.id, row.note, row.scopes)
    assert regenerated.expiration == NOON + dt.timedelta(days=15)
    assert regenerated.last_used is None
    assert store.owned_by("anna") == [regenerated]


def test_an_expired_row_can_be_regenerated(store: SandboxStore, clock: Clock) -> None:
    row, _ = create(store, days=1)
    clock.advance(days=2)
    found = store.regenerate(row.id, owner="anna", days=None)
    assert found is not None
    assert found[0].expiration is None
    assert store.authenticate(found[1]) is not None


def test_only_the_owner_can_regenerate_a_row(store: SandboxStore) -> None:
    row, token = create(store)
    assert store.regenerate(row.id, owner="ben", days=1) is None
    assert store.regenerate("no-such-row", owner="anna", days=1) is None
    assert store.owned_by("anna") == [row]
    assert store.authenticate(token) is not None


# Threads


def test_tokens_minted_by_many_threads_are_all_live(store: SandboxStore) -> None:
    with ThreadPoolExecutor(16) as threads:
        minted = list(threads.map(lambda _: create(store), range(200)))
        found = list(threads.map(lambda made: store.authenticate(made[1]), minted))
    assert [row.id for row, _ in minted] == [row.id for row in found if row is not None]
    assert len({row.id for row, _ in minted}) == len(store.owned_by("anna")) == 200


def test_of_concurrent_regenerates_one_token_stays_live(store: SandboxStore) -> None:
    row, first = create(store)
    with ThreadPoolExecutor(16) as threads:
        made = list(threads.map(lambda _: store.regenerate(row.id, owner="anna", days=None), range(100)))
    tokens = [found[1] for found in made if found is not None]
    assert len(tokens) == 100
    assert [store.authenticate(token) is not None for token in tokens].count(True) == 1
    assert store.authenticate(first) is None


# The file


def test_a_file_keeps_tokens_over_a_restart(tmp_path: Path, clock: Clock) -> None:
    store = SandboxStore(tmp_path / "sandbox.sqlite3", now=clock)
    row, token = create(store, days=3)
    store.authenticate(token)
    rows = store.owned_by("anna")
    store.close()
    again = SandboxStore(tmp_path / "sandbox.sqlite3", now=clock)
    assert again.owned_by("anna") == rows
    assert (found := again.authenticate(token)) is not None
    assert (found.id, found.expiration, found.last_used) == (row.id, NOON + dt.timedelta(days=3), NOON)
    again.close()


def test_a_store_in_memory_keeps_nothing(tmp_path: Path) -> None:
    os.environ["SQLITE_TMPDIR"] = str(tmp_path)
    store = SandboxStore()
    create(store)
    store.close()
    again = SandboxStore()
    assert again.owned_by("anna") == []
    again.close()


def test_two_stores_share_a_file(tmp_path: Path) -> None:
    one, two = SandboxStore(tmp_path / "s"), SandboxStore(tmp_path / "s")
    row, token = create(one)
    assert two.owned_by("anna") == [row]
    two.regenerate(row.id, owner="anna", days=1)
    assert one.authenticate(token) is None
    one.close()
    two.close()


def test_a_file_has_hashes_instead_of_tokens(tmp_path: Path) -> None:
    store = SandboxStore(tmp_path / "sandbox.sqlite3")
    row, first = create(store)
    found = store.regenerate(row.id, owner="anna", days=None)
    assert found is not None
    tokens = [first, found[1], create(store)[1]]
    assert store.authenticate(tokens[1]) is not None
    assert store.authenticate(tokens[0]) is None
    open_files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    store.close()
    closed_files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for content in (open_files, closed_files):
        for token in tokens:
            random_part = token.reveal().removeprefix(PREFIX).encode()
            assert content.find(random_part[:12]) == -1
            assert content.find(random_part[-12:]) == -1
        for token in tokens[1:]:
            assert content.find(hashlib.sha256(token.reveal().encode()).digest()) >= 0


def test_its_files_are_private_even_under_umask_0(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = SandboxStore(tmp_path / "sandbox.sqlite3")
        create(store)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    store.close()
    assert modes.pop("sandbox.sqlite3") == 0o600
    assert set(modes.values()) <= {0o600}


def test_a_file_that_others_could_read_becomes_private(tmp_path: Path) -> None:
    (tmp_path / "s").touch(0o644)
    SandboxStore(tmp_path / "s").close()
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o600


def test_a_file_that_is_not_a_database_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("not a database" * 100)
    with pytest.raises(OSError, match="cannot be opened"):
        SandboxStore(tmp_path / "s")
