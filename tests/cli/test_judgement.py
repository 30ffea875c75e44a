"""A response means the same to every command: to run, a bulk run, whoami, login and doctor."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from tests.support.loopback import answer, serving
from tests.support.spec_folders import TOKEN, action, connector, folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.command import Done

SLACK: dict[str, Any] = {
    "ok_when": {"ok": True},
    "code_at": "error",
    "codes": {"invalid_auth": "unauthorized", "missing_scope": "forbidden", "ratelimited": "rate_limited"},
}
VERDACCIO: dict[str, Any] = {"ok_when": {"username": {"not": None, "code": "unauthorized"}}}
GRAPH: dict[str, Any] = {"code_at": "error.code", "codes": {"InvalidAuthenticationToken": "unauthorized"}}
RESPONSES: list[tuple[dict[str, Any], int, object, str | None]] = [
    ({}, 200, {"username": "ann"}, None),
    ({}, 401, {}, "unauthorized"),
    ({}, 403, {}, "forbidden"),
    ({"codes": {"403": "unauthorized"}}, 403, {}, "unauthorized"),
    (VERDACCIO, 200, {}, "unauthorized"),
    (VERDACCIO, 200, {"username": "ann"}, None),
    (
        {"ok_when": {"status[0]": {"is": ["ok", "new"], "code": "unauthorized"}}},
        200,
        {"status": ["no"]},
        "unauthorized",
    ),
    ({"ok_when": {"status[0]": {"is": ["ok", "new"], "code": "unauthorized"}}}, 200, {"status": ["new"]}, None),
    (SLACK, 200, {"ok": True}, None),
    (SLACK, 200, {"ok": False, "error": "invalid_auth"}, "unauthorized"),
    (SLACK, 200, {"ok": False, "error": "missing_scope"}, "forbidden"),
    (SLACK, 200, {"ok": False, "error": "ratelimited"}, "rate_limited"),
    (SLACK, 200, {"ok": False, "error": "no_such_thing"}, "validation"),
    (GRAPH, 400, {"error": {"code": "InvalidAuthenticationToken", "message": "expired"}}, "unauthorized"),
]
EXITS = {None: 0, "rate_limited": 4}


def test_each_command_judges_a_response_as_the_spec_says(tmp_path: Path, call: Callable[..., Done]) -> None:
    (tmp_path / "items.jsonl").write_text("{}\n")

    def run(*arguments: str, stdin: str = "") -> Done:
        os.environ["ACME_TOKEN"] = TOKEN  # a command takes it out of its environment
        return call(*arguments, "--specs", specs, stdin=stdin)

    for number, (reply, status, body, code) in enumerate(RESPONSES):
        cell = (reply, status, body)
        user = {"username": {"type": "text", "nullable": True}}
        read = action(effect="read", request={"method": "GET"}, reply={"ok": [200], "output": user, **reply})
        shared = connector(check="act", env={"token": "ACME_TOKEN", "base_url": "ACME_BASE_URL"})
        specs = str(folder(tmp_path / str(number), shared, read))
        with serving(answer(status, body)) as server:
            os.environ["ACME_BASE_URL"] = server.url
            single = run("run", "act")
            if code == "rate_limited":  # a bulk run waits, and runs the item again
                server.scripts[:] = [answer(status, body), answer(200, {"ok": True})]
            bulk = run("run", "act", "--each", str(tmp_path / "items.jsonl"))
            server.scripts[:] = [answer(status, body)]
            who = run("whoami", "--json")
            place = tmp_path / f"{number}.json"
            login = run("login", "--with-token", "--to", f"file:{place}", stdin=TOKEN)
            doctor = run("doctor", "--json")
        exit_code = EXITS.get(code, 3)
        assert single.code == exit_code, cell
        assert single.envelope.get("error", {}).get("code") == code, cell
        (row,) = (json.loads(line) for line in bulk.out.splitlines()[:1])
        expected = (2, None) if code == "rate_limited" else (1, code)
        assert (row["attempts"], row.get("error", {}).get("code")) == expected, cell
        assert ("the credential was not accepted" in bulk.err) is (code == "unauthorized"), (cell, bulk.err)
        assert (who.code, who.envelope["accepted"]) == (exit_code, code is None), cell
        assert login.code == (0 if code == "forbidden" else exit_code), (cell, login.err)
        assert place.exists() is (code in (None, "forbidden")), cell
        credential = [row for row in doctor.envelope["findings"] if row["check"] in ("credential", "API")][-1]
        levels = {None: "ok", "unauthorized": "problem", "forbidden": "note"}
        if code in levels:
            assert (credential["check"], credential["level"]) == ("credential", levels[code]), cell
        else:
            assert (credential["check"], credential["level"]) == ("API", "problem"), cell
