"""``TokenStoreTests``: what every token store must do. A new store inherits it and gets all of these tests.

    class TestMyStore(TokenStoreTests):
        @pytest.fixture
        def store(self, tmp_path):
            return MyStore(...)   # empty, writable, and the same store each time it is opened

The tests adapt to what can be read back from the store.
"""

from __future__ import annotations

import pytest

from locoia_pat.outcomes import InvalidError
from locoia_pat.secrets.secret import Secret
from locoia_pat.stores import TokenEntry, TokenStore
from locoia_pat.stores.record import Record

API = "https://api.example.com/v1"


def entry(number: int) -> TokenEntry:
    """Return an entry with a fake token, whose row has the id ``row-NUMBER``."""
    metadata = {"id": f"row-{number}", "expiration": None, "scopes": ["embed"]}
    return TokenEntry(Secret(f"fake-token-{number}-0123456789abcdef"), metadata)


def current_token(store: TokenStore) -> Secret | None:
    """Return the token that is stored now, read through the record."""
    current = store.record().current
    return current.token if current else None


class TokenStoreTests:
    """The contract of :class:`locoia_pat.stores.TokenStore`."""

    @pytest.fixture
    def store(self) -> TokenStore:
        """Return an empty, writable store."""
        raise NotImplementedError("a test class of a store says what its store is")

    def test_an_empty_store_holds_nothing(self, store: TokenStore) -> None:
        assert store.record() == Record()
        assert not store.remove()
        with pytest.raises(InvalidError):
            store.read()

    def test_a_probe_of_an_empty_store_changes_nothing(self, store: TokenStore) -> None:
        assert store.probe() is None
        assert store.record() == Record()

    def test_a_stored_token_is_read_back(self, store: TokenStore) -> None:
        store.probe()
        assert store.store(entry(1), api=API) == ()
        if store.readback != "nothing":
            assert store.read().token == entry(1).token
        if store.readback == "record":
            assert store.record() == Record(API, None, entry(1))

    def test_a_second_token_replaces_the_first_which_becomes_previous(self, store: TokenStore) -> None:
        store.probe()
        store.store(entry(1), api=API)
        store.probe()
        store.store(entry(2), api=API)
        if store.readback != "nothing":
            assert current_token(store) == entry(2).token
        if store.readback == "record":
            assert store.record().previous == entry(1)

    def test_a_token_of_the_replaced_row_does_not_become_previous(self, store: TokenStore) -> None:
        store.probe()
        store.store(entry(1), api=API)
        store.probe()
        store.store(entry(2), api=API, replaced_id="row-1")
        if store.readback == "record":
            assert store.record() == Record(API, None, entry(2))

    def test_a_probe_of_a_store_with_a_token_returns_it_and_keeps_it(self, store: TokenStore) -> None:
        store.probe()
        store.store(entry(1), api=API)
        before = store.record()
        probed = store.probe()
        assert store.record() == before
        assert probed == before.current

    def test_a_whole_record_can_be_written(self, store: TokenStore) -> None:
        record = Record(API, "ci", entry(1), entry(2), entry(3))
        store.probe()
        store.write_record(record)
        if store.readback == "record":
            assert store.record() == record
        elif store.readback == "token":
            assert current_token(store) == entry(1).token

    def test_a_token_stored_by_someone_else_since_the_probe_is_kept(self, store: TokenStore) -> None:
        if store.readback == "nothing":
            return  # nobody can tell
        store.probe()
        someone_else = self.reopen(store)
        someone_else.probe()
        someone_else.store(entry(9), api=API)
        with pytest.raises(OSError, match="another process has stored a different token"):
            store.store(entry(1), api=API)
        assert current_token(store) == entry(9).token

    def test_what_was_removed_is_gone(self, store: TokenStore) -> None:
        store.probe()
        store.store(entry(1), api=API)
        assert store.remove() is (store.readback != "nothing")
        assert store.record() == Record()
        assert not store.remove()

    def test_an_emptied_store_can_be_used_again(self, store: TokenStore) -> None:
        store.probe()
        store.store(entry(1), api=API)
        store.write_record(Record(API))
        assert store.record().current is None
        store.probe()
        store.store(entry(2), api=API)
        if store.readback != "nothing":
            assert current_token(store) == entry(2).token

    def test_its_reference_is_stable_and_holds_no_token(self, store: TokenStore) -> None:
        store.probe()
        store.store(entry(1), api=API)
        assert self.reopen(store).ref == store.ref
        assert entry(1).token.reveal() not in store.ref + repr(store)

    def reopen(self, store: TokenStore) -> TokenStore:
        """Return the same store, opened again by its reference; override for a store without a scheme."""
        from locoia_pat.stores import open_store  # noqa: PLC0415  # a store in its tests need not be registered

        return open_store(store.ref)
