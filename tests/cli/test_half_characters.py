"""Half of a surrogate pair, or a byte that is not UTF-8: in an input it is invalid, in a response it ends nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Connector, ConnectorAuth, InvalidError, Outcome, Secret
from locoia_pat.stores import open_store, read_token
from tests.support.loopback import TOKEN, answer, created, serving

if TYPE_CHECKING:
    from pathlib import Path

CREDENTIAL = "fake-credential-0123456789abcdef"
HALF = "Billing \ud83d"
CREATE = {"expiration": 30, "scopes": ["embed"], "note": "CI"}


def run(folder: Path, url: str, *arguments: str | bytes, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    variables = {"LOCOIA_TOKEN": CREDENTIAL, "LOCOIA_BASE_URL": url, "LOCOIA_PAT_STATE": str(folder / "state")}
    return subprocess.run(
        [sys.executable, "-m", "locoia_pat", *arguments],
        env={**os.environ, **variables},
        input=stdin,
        capture_output=True,
        cwd=folder,
        check=False,
        timeout=60,
    )


INPUTS: list[tuple[str, dict[Any, Any]]] = [
    ("create_pat", {**CREATE, "note": HALF}),
    ("create_pat", {**CREATE, "note": "\udfff"}),
    ("create_pat", {**CREATE, "note": "\ude00\ud83d"}),  # both halves, in the wrong order
    ("create_pat", {**CREATE, "note": "a\udcff"}),  # a byte of an argument that is not UTF-8
    ("create_pat", {**CREATE, "scopes": [HALF]}),
    ("create_pat", {**CREATE, HALF: 1}),
    ("regenerate_pat", {"token_id": HALF, "expiration": 30}),
    ("revoke_pat", {"token_id": HALF}),
    ("get_connector_auth", {"connector_auth_id": HALF}),
    ("ensure_pat", {**CREATE, "name": HALF}),
    ("ensure_pat", {**CREATE, "name": "ci", "note": HALF}),
    ("audit_pats", {"needs": [HALF]}),
    (HALF, {}),
]


def test_in_an_input_it_is_invalid_and_nothing_is_sent(tmp_path: Path) -> None:
    os.environ["LOCOIA_PAT_STATE"] = str(tmp_path / "state")
    mints = {"create_pat", "regenerate_pat", "ensure_pat"}
    with (
        serving(answer(201, created())) as server,
        Connector(ConnectorAuth(Secret(CREDENTIAL)), base_url=server.url) as api,
    ):
        for action, inputs in INPUTS:
            refs = (f"file:{tmp_path}/t.json",) if action in mints else ()
            result = api.run(action, inputs, token_to=refs)
            assert (result.outcome, server.got) == (Outcome.INVALID, []), (action, inputs)


def test_in_a_reference_it_is_invalid_and_nothing_is_sent() -> None:
    for ref in (f"file:{HALF}", f"text:{HALF}", f"keyring:a/{HALF}", f"command:cat {HALF}", f"env-file:x#{HALF}"):
        with pytest.raises(InvalidError, match="half of a surrogate pair"):
            open_store(ref)
        with pytest.raises(InvalidError, match="half of a surrogate pair"):
            read_token(ref)
    with pytest.raises(InvalidError, match="half of a surrogate pair"):
        read_token(f"env:{HALF}")


def test_in_what_the_command_reads_it_is_invalid_and_only_the_other_lines_are_sent(tmp_path: Path) -> None:
    pairs = ("expiration=30", "scopes=embed")
    (tmp_path / "note").write_bytes(b"a\xffb")
    (tmp_path / "half.json").write_text(json.dumps({**CREATE, "note": HALF}))
    (tmp_path / "byte.json").write_bytes(b'{"expiration": 30, "scopes": ["embed"], "note": "\xff"}')
    (tmp_path / "lines.jsonl").write_text("\n".join(json.dumps({**CREATE, "note": note}) for note in ("a", HALF, "c")))
    (tmp_path / "rows.csv").write_bytes(b"expiration,scopes,note\n30,embed,\xff\n30,embed,b\n")
    create, each = ("run", "create_pat"), ("--token-to", "file:{note}.json", "--no-journal", "--each")
    cases: dict[tuple[str | bytes, ...], int] = {
        (*create, *pairs, b"note=a\xff", "--reveal"): 0,
        (*create, *pairs, "note=@note", "--reveal"): 0,
        (*create, "--inputs", "half.json", "--reveal"): 0,
        (*create, "--inputs", "byte.json", "--reveal"): 0,
        (*create, *each, "lines.jsonl"): 2,
        (*create, *each, "rows.csv"): 1,
        ("run", b"a\xff"): 0,
        ("show", b"a\xff"): 0,
        (b"a\xff",): 0,
        ("token", b"env:\xff"): 0,
        ("run", "list_pats", "--auth", "-"): 0,
        ("fleet", "apply", b"\xff.yaml"): 0,
    }
    for arguments, sent in cases.items():
        with serving(answer(201, created())) as server:
            done = run(tmp_path, server.url, *arguments, stdin=b"\xff\xfe\n")
        assert (done.returncode, len(server.got)) == (2, sent), (arguments, done)


def test_in_a_response_it_ends_no_action_no_list_and_no_bulk_run(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("\n".join(json.dumps({**CREATE, "note": note}) for note in "abc"))
    pairs = ("run", "create_pat", "expiration=30", "scopes=embed", "note=CI")
    row = created(note=HALF, id="r\udc00", scopes=[HALF])
    listed = {name: value for name, value in row.items() if name != "token"}
    cases: list[tuple[tuple[str, ...], Any, int]] = [
        ((*pairs, "--token-to", "file:1.json"), answer(201, row), 0),
        ((*pairs, "--token-to", "text:2"), answer(201, row), 0),
        ((*pairs, "--token-to", "env-file:3#NAME"), answer(201, row), 0),
        ((*pairs, "--token-to", "command:sh -c 'cat > 4'"), answer(201, row), 0),
        ((*pairs, "--reveal", "--table"), answer(201, row), 0),
        (("run", "create_pat", "--each", "in.jsonl", "--token-to", "file:{note}.json"), answer(201, row), 0),
        (("run", "list_pats", "--table"), answer(200, [listed]), 0),
        (("run", "audit_pats"), answer(200, [listed]), 0),
        (("reconcile", "--plan"), answer(200, [listed]), 0),
        (("whoami",), answer(200, [listed]), 0),
        (("whoami", "--json"), answer(401, {"message": HALF}), 3),
        ((*pairs, "--token-to", "file:5.json"), answer(422, {"message": HALF}), 3),
    ]
    for arguments, script, code in cases:
        with serving(script) as server:
            done = run(tmp_path, server.url, *arguments)
        assert done.returncode == code, (arguments, done)
        assert b"Traceback" not in done.stderr, arguments
    for ref in ("file:1.json", "text:2", "env-file:3#NAME", "text:4", "file:a.json", "file:b.json", "file:c.json"):
        scheme, _, path = ref.partition(":")
        assert read_token(f"{scheme}:{tmp_path}/{path}") == Secret(TOKEN), ref
