"""A line with several stores: after an interruption all of them get its token, or a message says which did not."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from locoia_pat.bulk import Item
from locoia_pat.bulk.bulk_journal import BulkJournal
from locoia_pat.bulk.items import item_digest
from locoia_pat.spec.row_mark import add_mark, new_mark
from locoia_pat.state.journal import State
from locoia_pat.stores import open_store, read_token
from tests.support.bulk_shop import Shop, wish

if TYPE_CHECKING:
    from locoia_pat.bulk import ItemResult

OTHER = "fake-token-of-someone-else-0123456789"


class Interrupted(NamedTuple):
    """A line that was interrupted between its stores, and how it ends when it is resumed."""

    stores: tuple[str, ...]
    written: int
    """How many of the stores had got the token."""
    outcome: str = "done"
    message: str = "and was given it now"
    """In a warning, or in the error."""
    replace: bool = False
    before: str | None = None
    """What was put into the last store since: text, or a folder."""
    same_row: bool = True
    """Whether the token is that of the interrupted run, and not of a row that was created instead."""


FILE, SECOND = "file:out/a.json", "file:out/b.json"
TEXT, BARE = "text:out/a", "text:out/b"
ENV = "env-file:out/.env#CI_TOKEN"
PROGRAM = "command:sh -c 'cat >> out/program'"

INTERRUPTED = {
    "record, record": Interrupted((FILE, SECOND), 1),
    "record, bare token": Interrupted((FILE, TEXT), 1),
    "bare token, record": Interrupted((TEXT, FILE), 1),
    "bare token, bare token": Interrupted((TEXT, BARE), 1),
    "record, variable": Interrupted((FILE, ENV), 1),
    "variable, bare token": Interrupted((ENV, TEXT), 1),
    "record, program": Interrupted((FILE, PROGRAM), 1, message="it may have been given it before"),
    "first of four": Interrupted((FILE, SECOND, TEXT, ENV), 1),
    "three of four": Interrupted((FILE, SECOND, TEXT, ENV), 3),
    "all of four": Interrupted((FILE, SECOND, TEXT, ENV), 4, message="interrupted before reporting it"),
    "none of two": Interrupted((FILE, TEXT), 0, message="was revoked", same_row=False),
    "tokens may be replaced": Interrupted((FILE, TEXT), 1, replace=True),
    "tokens may be replaced, no ids": Interrupted((TEXT, BARE), 1, message="was revoked", replace=True, same_row=False),
    "another token is replaced": Interrupted((FILE, TEXT), 1, replace=True, before=f"{OTHER}\n"),
    "another token is not": Interrupted((FILE, TEXT), 1, "not_stored", "it holds another token", before=f"{OTHER}\n"),
    "something else is not": Interrupted((FILE, SECOND), 1, "not_stored", "neither a token record", before="two words"),
    "a folder is in the way": Interrupted((FILE, TEXT), 1, "not_stored", "is a directory", before="/"),
    "an unreadable store may hold it": Interrupted((TEXT,), 0, "not_done", "cannot be read", before="/"),
}  # fmt: skip


def interrupt(shop: Shop, item: dict[str, Any], stores: tuple[str, ...], written: int) -> str:
    """Leave behind what a run leaves that is killed once so many *stores* were *written*; return the row's id."""
    mark = new_mark()
    with shop.connector() as connector:
        inputs = {"expiration": 30, "scopes": ["embed"], "note": add_mark(item["note"], mark)}
        created = connector.run("create_pat", inputs, token_to=stores[:written] or ["text:out/lost"])
    assert created.problem is None
    with closing(BulkJournal(State(), f"create_pat\n{shop.url}\nrun")) as journal, journal.transaction():
        journal.begin(journal.next_key(item_digest(Item(1, item), stores)), mark, stores)
    return str((created.data or {})["id"])


def put(ref: str, content: str) -> None:
    path = Path(ref.partition(":")[2])
    path.mkdir() if content == "/" else path.write_text(content)


def messages(result: ItemResult) -> str:
    problem = result.result.problem
    return " | ".join([*result.result.warnings, *([problem.message] if problem else [])])


def test_an_interrupted_line_is_finished_in_every_store_or_says_which_one_has_no_token(shop: Shop) -> None:
    for name, cell in INTERRUPTED.items():
        for path in Path("out").iterdir():
            path.rmdir() if path.is_dir() else path.unlink()
        item = {**wish(name), "token_to": list(cell.stores)}
        del item["name"]
        row_id = interrupt(shop, item, cell.stores, cell.written)
        if cell.before is not None:
            put(cell.stores[-1], cell.before)
        (done,) = shop.run([item], token_to=None, replace=cell.replace)
        assert done.result.outcome.value == cell.outcome, (name, messages(done))
        assert cell.message in messages(done), (name, messages(done))
        assert OTHER not in messages(done), name
        assert (row_id in shop.live()) == cell.same_row, name
        if cell.outcome == "not_done":
            Path(cell.stores[0].partition(":")[2]).rmdir()
            Path("out/lost").rename("out/a")
        elif cell.before is not None and not cell.replace:
            path = Path(cell.stores[-1].partition(":")[2])
            path.rmdir() if path.is_dir() else path.unlink()
        if cell.outcome != "done":  # it stays unfinished until the stores are in order
            assert shop.journals() == 1, name
            (done,) = shop.run([item], token_to=None)
            assert done.result.outcome.value == "done", (name, messages(done))
        readable = [ref for ref in cell.stores if ref != PROGRAM]
        tokens = [read_token(ref) for ref in readable]
        assert all(token == tokens[0] for token in tokens), name
        row = shop.store.authenticate(tokens[0])
        assert row is not None, name
        assert not cell.same_row or row.id == row_id, name
        assert [open_store(ref).ref for ref in readable] == list(done.result.token_refs), name
        for ref in cell.stores:
            if ref.startswith("file:"):
                current = open_store(ref).record().current
                assert current is not None, name
                assert (current.id, current.metadata["scopes"]) == (row.id, ["embed"]), name
        if PROGRAM in cell.stores:
            assert Path("out/program").read_text() == f"{tokens[0].reveal()}\n"
        assert shop.journals() == 0, name


def test_a_store_of_a_finished_line_that_was_emptied_is_reported(shop: Shop) -> None:
    def unlink(ref: str) -> None:
        Path(ref.partition(":")[2].partition("#")[0]).unlink()

    def overwrite(ref: str) -> None:
        Path(ref.partition(":")[2].partition("#")[0]).write_text(f"{OTHER}\n")

    def block(ref: str) -> None:
        unlink(ref)
        put(ref, "/")

    ending = wish("unfinished", expiration=0)
    cells = {
        "record": ((FILE, TEXT), FILE, unlink),
        "bare token": ((FILE, TEXT), TEXT, unlink),
        "variable": ((FILE, ENV), ENV, unlink),
        "one of three": ((FILE, SECOND, TEXT), SECOND, unlink),
        "another token": ((FILE, TEXT), TEXT, overwrite),
        "unreadable": ((FILE, TEXT), TEXT, block),
        "beside a program": ((FILE, PROGRAM), FILE, unlink),
    }
    for name, (stores, emptied, spoil) in cells.items():
        for path in Path("out").iterdir():
            path.rmdir() if path.is_dir() else path.unlink()
        item = {**wish(name), "token_to": list(stores)}
        del item["name"]
        (first, _) = shop.run([item, ending], token_to=None, ordered=True)
        assert first.result.warnings == (), name
        spoil(emptied)
        again, _ = shop.run([item, ending], token_to=None, ordered=True)
        assert (again.result.outcome.value, again.earlier) == ("done", True), name
        (warning,) = again.result.warnings
        assert warning.startswith(f"{open_store(emptied).ref.partition('#')[0]}"), (name, warning)
        assert "no longer holds the token" in warning, (name, warning)
        assert ("cannot be read" in warning) == (name == "unreadable"), (name, warning)


def test_a_line_whose_stores_were_all_emptied_says_that_its_row_is_not_revoked(shop: Shop) -> None:
    items = [{**wish("n1"), "token_to": [FILE, TEXT]}, wish("n2", expiration=0)]
    first, _ = shop.run(items, token_to="file:out/{name}.json", ordered=True)
    for path in Path("out").iterdir():
        path.unlink()
    again, _ = shop.run(items, token_to="file:out/{name}.json", ordered=True)
    assert not again.earlier
    row_id = (first.result.data or {})["id"]
    warning = f"no store of this item holds the token of row {row_id} now; that row was not revoked"
    assert again.result.warnings == (warning,)
    assert len(shop.live()) == 2


def test_a_program_that_fails_when_a_line_is_finished_is_tried_again_by_the_next_run(shop: Shop) -> None:
    program = "command:sh -c 'cat > out/program; test ! -e out/broken'"
    item = {**wish("n1"), "token_to": [FILE, program]}
    row_id = interrupt(shop, item, (FILE, program), 1)
    Path("out/broken").touch()
    (done,) = shop.run([item])
    assert done.result.outcome.value == "not_stored"
    assert "sh exited with 1" in messages(done)
    Path("out/broken").unlink()
    (done,) = shop.run([item])
    assert (done.result.outcome.value, shop.live(), shop.journals()) == ("done", {row_id}, 0)
    assert Path("out/program").read_text() == f"{read_token(FILE).reveal()}\n"


def test_a_row_is_not_revoked_while_a_store_that_may_hold_its_token_cannot_be_opened(shop: Shop) -> None:
    stores = ("file:~no-such-user/token.json", TEXT)
    item = {**wish("n1"), "token_to": list(stores)}
    row_id = interrupt(shop, item, stores, 0)
    (done,) = shop.run([item])
    assert done.result.outcome.value == "not_done"
    assert f"whether the token of row {row_id} is stored is unknown: file:~no-such-user" in messages(done)
    assert shop.live() == {row_id}


def test_a_finished_rotate_whose_stores_were_emptied_runs_again(shop: Shop) -> None:
    with shop.connector() as connector:
        inputs = {"expiration": 30, "scopes": ["embed"], "note": "rotated"}
        ids = [(connector.run("create_pat", inputs, token_to=[ref]).data or {})["id"] for ref in (FILE, SECOND)]
    third = "file:out/c.json"
    items = [
        {"token_id": ids[0], "expiration": 9, "token_to": [FILE, third]},
        {"token_id": ids[1], "expiration": 9, "token_to": SECOND},
    ]
    shop.fail("lost")
    first = shop.run(items, "regenerate_pat", concurrency=1)
    emptied = next(one.number for one in first if one.result.outcome.value == "done")
    for ref in items[emptied - 1]["token_to"] if emptied == 1 else [SECOND]:
        Path(ref.partition(":")[2]).unlink()
    again = shop.run(items, "regenerate_pat")
    assert [(one.result.outcome.value, one.earlier, one.result.warnings) for one in again] == [("done", False, ())] * 2
    assert (shop.holds("a"), shop.holds("b"), shop.holds("c")) == (ids[0], ids[1], ids[0])
