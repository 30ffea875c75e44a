"""``locoia-pat run ACTION --each FILE``."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.bulk_shop import Shop, wish, wishes
from tests.support.command import call as once
from tests.support.command import on_terminal, spawn
from tests.support.loopback import answer, serving
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.support.command import Done

__all__ = ["once"]
TO = ("--token-to", "file:out/{name}.json")
CREATE = ("run", "create_pat", "--each", "in.jsonl", *TO)
CREDENTIAL = "fake-credential-0123456789abcdef"


@pytest.fixture
def working_folder(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOCOIA_PAT_STATE", str(tmp_path / "state"))


@pytest.fixture
def call(shop: Shop, once: Callable[..., Done]) -> Callable[..., Done]:
    """The command, which takes the credential out of its environment each time."""

    def call(*arguments: str) -> Done:
        os.environ["LOCOIA_TOKEN"] = shop.token.reveal()
        return once(*arguments)

    return call


def write(items: Iterable[object], name: str = "in.jsonl") -> None:
    with open(name, "w", encoding="utf-8") as file:  # noqa: PTH123  # in the working folder
        file.writelines(f"{json.dumps(item)}\n" for item in items)


def lines(out: str) -> list[Any]:
    return [json.loads(line) for line in out.splitlines()]


def test_each_line_of_a_file_has_a_line_of_the_output(shop: Shop, call: Callable[..., Done]) -> None:
    write([wish("n1"), {"note": "x"}, "what", wish("n4")])
    done = call(*CREATE, "--ordered", "--concurrency", "2")
    told = lines(done.out)
    assert [(line["line"], line["outcome"]) for line in told] == [
        (1, "done"),
        (2, "invalid"),
        (3, "invalid"),
        (4, "done"),
    ]
    assert list(told[0]) == ["v", "line", "action", "api", "outcome", "attempts", "warnings", "data", "token_ref"]
    assert told[0]["token_ref"] == f"file:{shop.folder}/out/n1.json#current"
    assert done.code == 2
    assert done.err == "4 items: 2 done, 2 invalid\n"
    assert {told[0]["data"]["id"], told[3]["data"]["id"]} == {shop.holds("n1"), shop.holds("n4")}


def test_a_second_call_goes_on_with_what_is_left(shop: Shop, call: Callable[..., Done]) -> None:
    write([wish("n1"), wish("n2", expiration=0)])
    assert call(*CREATE, "--quiet").err == ""
    write([wish("n1"), wish("n2")])
    done = call(*CREATE)
    assert [line.get("earlier", False) for line in sorted(lines(done.out), key=lambda line: line["line"])] == [
        True,
        False,
    ]
    assert "resuming the run that was started at" in done.err
    assert done.code == 0
    assert "already" in call(*CREATE).out
    assert call(*CREATE, "--replace").code == 0
    assert len(shop.rows()) == 4


def test_anew_and_no_journal(shop: Shop, call: Callable[..., Done]) -> None:
    write([wish("n1"), wish("n2", expiration=0)])
    assert call(*CREATE, "--no-journal").code == 2
    assert shop.journals() == 0
    assert "~lpb/" not in shop.rows()[0]["note"]
    assert call(*CREATE, "--replace").code == 2
    assert shop.journals() == 1
    assert len(shop.rows()) == 2
    assert call(*CREATE, "--replace", "--restart").code == 2
    assert len(shop.rows()) == 3


def test_what_may_have_been_done_is_repeated_where_that_is_asked_for(shop: Shop, call: Callable[..., Done]) -> None:
    write([{"connector_id": "c", "auth_type": "basic_auth", "name": "a"}])
    shop.fail("lost")
    create = ("run", "create_connector_auth", "--each", "in.jsonl")
    assert call(*create).code == 5
    assert call(*create).code == 5
    assert call(*create, "--retry-unknown").code == 0


def test_what_is_to_be_known_about_the_run_as_a_whole_is_told_at_its_end(shop: Shop, call: Callable[..., Done]) -> None:
    write(wishes(1))
    shop.fail("lost")
    assert call(*CREATE).code == 5
    write([wish("n2")])
    done = call(*CREATE)
    assert done.code == 0
    assert "created by an interrupted run" in done.err
    assert len(shop.live()) == 1


def test_csv_from_standard_input_and_inputs_for_all(shop: Shop) -> None:
    command = [
        sys.executable,
        "-m",
        "locoia_pat",
        "run",
        "create_pat",
        "--each",
        "-",
        "expiration=7",
        "scopes=embed",
        *TO,
    ]
    text = "name,note,token_to\nn1,One,\nn2,Two,file:out/two.json\n"
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True, timeout=60)
    assert [line["outcome"] for line in lines(done.stdout)] == ["done", "done"]
    assert {row["expires_in_days"] for row in shop.rows()} == {7}
    assert shop.holds("n1") != shop.holds("two")


def test_standard_input_is_known_again_by_what_stands_in_it(shop: Shop) -> None:
    command = [sys.executable, "-m", "locoia_pat", "run", "create_pat", "--each", "/dev/stdin", *TO]
    text = f"{json.dumps(wish('n1'))}\n{json.dumps(wish('n2', expiration=0))}\n"
    told = [subprocess.run(command, input=text, capture_output=True, text=True, check=False) for _ in range(2)]
    assert [done.returncode for done in told] == [2, 2]
    assert [sum("earlier" in line for line in lines(done.stdout)) for done in told] == [0, 1]
    assert len(shop.rows()) == 1


def test_super_actions_run_for_each_line(shop: Shop, call: Callable[..., Done]) -> None:
    write([{"name": f"n{number}", "scopes": ["embed"], "expiration": 30, "note": "CI"} for number in range(3)])
    ensure = ("run", "ensure_pat", "--each", "in.jsonl", *TO)
    assert {line["data"]["change"] for line in lines(call(*ensure).out)} == {"created"}
    assert {line["data"]["change"] for line in lines(call(*ensure).out)} == {"none"}
    assert shop.holds("n2")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--reveal", *TO), "--reveal cannot be combined with --each"),
        (("--table", *TO), "--table cannot be combined with --each"),
        (("--inputs", "x.json", *TO), "--inputs cannot be combined with --each"),
        ((*TO, *TO), "--token-to can be given only once"),
        (("--token-to", "file:{a b}"), "invalid token store template"),
        (("--token-to", "file:out/x.json"), "have the same token store"),
        (("--each", "nowhere.jsonl"), "cannot be read"),
        (("--each", "out"), "cannot be read"),
        (("--each", "list.json"), "is a JSON list"),
        (("--each", "-", "--auth", "-"), "standard input"),
        (("--concurrency", "0"), '"0" is not allowed'),
    ],
)
def test_a_call_that_is_wrong_sends_nothing(
    arguments: tuple[str, ...], why: str, shop: Shop, call: Callable[..., Done]
) -> None:
    write(wishes(2))
    (shop.folder / "list.json").write_text("[]")
    done = call("run", "create_pat", "--each", "in.jsonl", *arguments)
    assert done.code == 2
    assert why in done.envelope["error"]["message"]
    assert shop.rows() == []


def test_an_action_that_gives_no_token_takes_no_place(shop: Shop, call: Callable[..., Done]) -> None:
    write([{}])
    done = call("run", "delete_connector_auth", "--each", "in.jsonl", *TO)
    assert "returns no token" in done.envelope["error"]["message"]
    assert shop.rows() == []


def test_where_another_process_is_at_work_on_it_nothing_is_done(shop: Shop, call: Callable[..., Done]) -> None:
    write(wishes(2))
    shop.fail("slow", seconds=5, times=2)
    with spawn(*CREATE) as process:
        eventually(shop.journals)
        time.sleep(0.3)
        done = call(*CREATE)
        assert (done.code, done.envelope["error"]["code"]) == (4, "busy")
        process.communicate(timeout=20)
    assert process.returncode == 0


def test_a_stopped_run_says_so_and_tells_of_each_line(shop: Shop, call: Callable[..., Done]) -> None:
    write([{"token_id": f"t{number}", "expiration": 1, "token_to": f"file:out/{number}.json"} for number in range(20)])
    done = call(
        "run", "regenerate_pat", "--each", "in.jsonl", "--max-failures", "1", "--concurrency", "1", "--rate", "100"
    )
    assert len(lines(done.out)) == 20
    assert done.code == 4
    assert "20 items: 1 refused, 19 not_done\nstopped: 1 items failed; run the same command again" in done.err
    assert shop.rows() == []


def test_a_file_without_items(shop: Shop, call: Callable[..., Done]) -> None:
    write([])
    done = call(*CREATE)
    assert (done.code, done.out, done.err) == (0, "", "0 items: none\n")
    assert shop.rows() == []


@pytest.mark.parametrize(("typed", "rows"), [("n\n", 0), ("y\n", 2)])
def test_on_a_terminal_it_asks_once(typed: str, rows: int, shop: Shop) -> None:
    write(wishes(2))
    done = on_terminal(*CREATE, typed=typed)
    assert f"Create personal access token at {shop.url}, for each line of in.jsonl. Continue?" in done.err
    assert done.code == (0 if rows else 2)
    assert len(shop.rows()) == rows


def with_bar(*arguments: str) -> tuple[int, str, str]:
    """The command, whose standard error is a terminal and whose output goes elsewhere."""
    ours, theirs = pty.openpty()
    shown: list[bytes] = []

    def read() -> None:
        try:
            while data := os.read(ours, 4096):
                shown.append(data)
        except OSError:  # the terminal is closed
            return

    reader = threading.Thread(target=read)
    reader.start()
    command = [sys.executable, "-m", "locoia_pat", *arguments]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs, check=False, timeout=60
    )
    os.close(theirs)
    reader.join(5)
    os.close(ours)
    return done.returncode, done.stdout.decode(), b"".join(shown).decode()


def test_a_terminal_shows_how_far_it_is(shop: Shop) -> None:
    write([*wishes(40), {}])
    code, out, err = with_bar(*CREATE)
    assert (code, len(lines(out))) == (2, 41)
    assert "%" in err
    assert "40 done, 1 not" in err
    assert "41 items" in err
    assert "%" not in with_bar(*CREATE, "--quiet")[2]
    assert shop.rows()


@pytest.mark.usefixtures("working_folder")
def test_a_terminal_shows_that_it_waits() -> None:
    limited = answer(429, {"message": "later"}, {"Retry-After": "2"})
    with serving(*[answer(200, [])] * 3, *[limited] * 2, answer(200, [])) as server:
        write([{}] * 30, "reads.jsonl")
        os.environ.update({"LOCOIA_BASE_URL": server.url, "LOCOIA_TOKEN": CREDENTIAL})
        code, out, err = with_bar("run", "list_pats", "--each", "reads.jsonl", "--concurrency", "2")
    assert (code, len(lines(out))) == (0, 30)
    assert "waiting" in err


@pytest.mark.usefixtures("working_folder")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_lets_what_is_being_sent_end(number: signal.Signals) -> None:
    def slow(connection: Any) -> bool:
        time.sleep(0.4)
        return bool(answer(404, {"message": "no"})(connection))

    write([{"token_id": f"t{index}", "expiration": 1, "token_to": f"file:{index}.json"} for index in range(50)])
    regenerate = ("run", "regenerate_pat", "--each", "in.jsonl", "--concurrency", "2")
    with serving(slow) as server, spawn(*regenerate, LOCOIA_BASE_URL=server.url, LOCOIA_TOKEN=CREDENTIAL) as process:
        eventually(lambda: len(server.got) >= 2)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    told = lines(out)
    assert 2 <= len(told) <= 20  # of all that were taken there is a result
    assert 2 <= sum(line["attempts"] for line in told) == len(server.got) <= 6
    assert "stopped: it was interrupted; run the same command again" in err


@pytest.mark.usefixtures("working_folder")
def test_a_second_interrupt_waits_for_nothing() -> None:
    def stuck(_: Any) -> bool:
        over.wait(60)
        return False

    over = threading.Event()
    write([{"token_id": "t", "expiration": 1, "token_to": "file:t.json"}])
    regenerate = ("run", "regenerate_pat", "--each", "in.jsonl")
    with serving(stuck) as server, spawn(*regenerate, LOCOIA_BASE_URL=server.url, LOCOIA_TOKEN=CREDENTIAL) as process:
        eventually(lambda: server.got)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=50)
        assert time.monotonic() - began < 50
        over.set()
    assert process.returncode == 130
    assert "interrupted; run the same command again to resume" in err
