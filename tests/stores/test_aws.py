"""``aws:``: a secret in AWS Secrets Manager, on moto's server, and on a scripted one for what moto cannot do."""

from __future__ import annotations

import http.client
import json
import logging
import subprocess
import sys
import traceback
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from locoia_pat import Connector, ConnectorAuth, InvalidError, Outcome, Secret
from locoia_pat.actions import ensure_pat, retire_pat, rotate_pat
from locoia_pat.actions.sandbox.server import first_token, running
from locoia_pat.extras import install_command
from locoia_pat.stores import TokenEntry, canonical_location, open_store, read_token
from tests.support.aws_secrets import VARIABLES, secrets_client, use_endpoint
from tests.support.loopback import TOKEN, answer, created, drop, free_port, serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.loopback import Server

CREATE = {"expiration": 30, "scopes": ["automation:view"], "note": "CI"}
DATE = 1_790_000_000


@pytest.fixture
def name(moto: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a secret that does not exist yet."""
    use_endpoint(monkeypatch, moto)
    return f"locoia/{uuid4()}"


def create(ref: str, **options: Any) -> tuple[Any, int]:
    """A create whose token goes to *ref*: its result, and how many requests the API got."""
    with serving(answer(201, created())) as server:
        auth = ConnectorAuth(Secret("fake-credential-0123456789abcdef"))
        with Connector(auth, base_url=server.url) as connector:
            return connector.run("create_pat", CREATE, token_to=[ref], **options), len(server.got)


def error(status: int, code: str, message: str = "") -> Any:
    return answer(status, {"__type": code, "message": message}, {"x-amzn-errortype": code})


def version(number: int, text: str = "") -> Any:
    """What Secrets Manager answers for a version, read or written."""
    body = {"Name": "x", "VersionId": f"{number:032}", "SecretString": text, "CreatedDate": DATE}
    return answer(200, body)


def calls(server: Server) -> list[tuple[str, Any]]:
    """The operations that *server* was asked for, each with its parameters."""
    return [(got.headers["x-amz-target"].partition(".")[2], got.json) for got in server.got]


def test_a_managed_name_lives_in_one_field_and_programs_that_read_the_previous_version_find_its_token(
    name: str, moto: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOCOIA_PAT_STATE", str(tmp_path))
    client, ref = secrets_client(moto), f"aws:{name}#LOCOIA_TOKEN"
    client.create_secret(Name=name, SecretString='{"DB": "\N{SNOWMAN}", "LOCOIA_TOKEN": "", "port": 5432}')
    desired: dict[str, Any] = {"name": "ci", "scopes": ["embed"], "expiration": 30, "note": "CI", "token_to": [ref]}

    def stored(stage: str = "AWSCURRENT") -> Any:
        return json.loads(client.get_secret_value(SecretId=name, VersionStage=stage)["SecretString"])

    with running() as (url, sandbox):
        token = first_token(sandbox)
        assert token is not None
        with Connector(ConnectorAuth(token), base_url=url) as connector:
            assert ensure_pat(connector, **desired).change == "created"
            first = stored()
            assert list(first) == ["DB", "LOCOIA_TOKEN", "port"]
            assert (first["DB"], first["port"]) == ("\N{SNOWMAN}", 5432)
            assert ensure_pat(connector, **desired).change == "none"
            rotate_pat(connector, name="ci", expiration=30, overlap=24, token_to=[ref])
            assert stored("AWSPREVIOUS") == first != stored()
            with Connector(ConnectorAuth.from_ref(ref), base_url=url) as its_own:
                assert its_own.run("list_pats").outcome is Outcome.DONE
            retire_pat(connector, name="ci", token_to=[ref])
            assert stored() == {"DB": "\N{SNOWMAN}", "port": 5432}


def test_a_bare_token_is_the_whole_secret_and_a_record_has_its_previous_token(name: str, moto: str) -> None:
    assert create(f"aws:{name}")[0].token_refs == (f"aws:{name}",)
    current = secrets_client(moto).get_secret_value(
        SecretId=name, VersionStage="AWSCURRENT"
    )  # moto's default is another
    assert current["SecretString"] == TOKEN
    again, sent = create(f"aws:{name}")
    assert (again.outcome, again.problem.field, sent) == ("invalid", "token_to", 0)
    for number in (1, 2):
        store = open_store(f"aws:{name}r#current")
        store.probe()
        store.store(TokenEntry(Secret(f"{TOKEN}{number}")), api="https://x")
    assert [read_token(f"aws:{name}r#{key}") for key in ("current", "previous")] == [
        Secret(f"{TOKEN}2"),
        Secret(f"{TOKEN}1"),
    ]
    assert canonical_location(f"aws:{name}#current") == canonical_location(f"aws:{name}")
    assert canonical_location(f"aws:{name}#A") != canonical_location(f"aws:{name}#B")


WRONG = {
    "aws:a b": "expected aws:NAME",
    "aws:a:b": "expected aws:NAME",
    "aws:a#": "expected aws:NAME",
    "aws:#a": "expected aws:NAME",
    "aws:x#previous": "a new token becomes #current",
}
FAILURES = (
    (error(400, "AccessDeniedException", "User: arn:aws:iam::1:user/a is not authorized"), "user/a", "PutSecretValue"),
    (error(400, "DecryptionFailure", "x"), "KMS key", "enabled"),
    (error(400, "InvalidRequestException", "it was marked for deletion"), "scheduled for deletion", "restore-secret"),
    (error(400, "InvalidRequestException", "something else"), "InvalidRequestException", "get-caller-identity"),
    (error(400, "InvalidParameterException", "x"), "InvalidParameterException", "get-caller-identity"),
    (error(400, "UnrecognizedClientException", "x"), "does not accept the credential", "get-caller-identity"),
    (error(403, "InvalidSignatureException", f"should be {VARIABLES['AWS_SESSION_TOKEN']}"), "credential", "profile"),
    (version(1, "two words"), "not hold a single token", "for the token only"),
    (answer(200, {"Name": "x", "VersionId": f"{1:032}", "SecretBinary": "eHg="}), "binary", "a field"),
    (answer(302, "", {"Location": "http://127.0.0.1:1/"}), "302", "get-caller-identity"),
)


def test_each_natural_mistake_is_invalid_and_costs_no_token(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for ref, message in WRONG.items():
        result, sent = create(ref)
        assert (result.outcome, sent) == (Outcome.INVALID, 0), ref
        assert message in result.problem.message, (ref, result.problem)
    for script, message, hint in FAILURES:
        with serving(script) as server:
            use_endpoint(monkeypatch, server.url)
            result, sent = create("aws:x")
            assert (result.outcome, sent, len(server.got)) == (Outcome.INVALID, 0, 1), message
            assert message in result.problem.message, (message, result.problem)
            assert hint in result.problem.hint, (message, result.problem)
            assert VARIABLES["AWS_SESSION_TOKEN"] not in str(result.to_dict()), message
    with serving(version(1, "[]")) as server:
        use_endpoint(monkeypatch, server.url)
        assert "not a JSON object" in create("aws:x#A")[0].problem.message
    with serving(version(1, '{"A": 1}')) as server:
        use_endpoint(monkeypatch, server.url)
        assert "field A does not hold a token: it is not a string" in create("aws:x#A")[0].problem.message
    use_endpoint(monkeypatch, "http://127.0.0.1:1")
    for variable, value, message, hint in (
        ("AWS_DEFAULT_REGION", None, "no AWS region", "AWS_DEFAULT_REGION"),
        ("AWS_SECRET_ACCESS_KEY", None, "no AWS credential (PartialCredentialsError)", "AWS_PROFILE"),
        ("AWS_ACCESS_KEY_ID", None, "no AWS credential (NoCredentialsError)", "AWS_PROFILE"),
        ("AWS_PROFILE", "nothing", "no AWS credential (ProfileNotFound)", "AWS_PROFILE"),
        ("AWS_ENDPOINT_URL", "http://secrets.example.com", "plain http", "https"),
        ("AWS_ENDPOINT_URL", "nothing", "ValueError", "get-caller-identity"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(variable, value) if value else patch.delenv(variable)
            result, sent = create(f"aws:{name}")
            assert (result.outcome, sent) == (Outcome.INVALID, 0), variable
            assert message in result.problem.message, (variable, result.problem)
            assert hint in result.problem.hint, (variable, result.problem)


def test_a_plan_finds_a_missing_region_without_a_request(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(f"aws:{name}")
    store.check()
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(InvalidError) as caught:
        store.check()
    assert caught.value.problem.message.endswith("no AWS region is set")


def test_without_the_extra_it_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['boto3'] = None\n"
        "from locoia_pat.stores import open_store\n"
        "try:\n open_store('aws:x').probe()\n"
        "except Exception as e: print(e.problem.next)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == f"{install_command('aws')}\n"


def test_a_server_that_is_away_or_busy_is_not_done(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(error(400, "ThrottlingException", "Rate exceeded")) as server:
        use_endpoint(monkeypatch, server.url)
        result, sent = create(f"aws:{name}")
        assert (result.outcome, result.problem.code, sent, len(server.got)) == ("not_done", "unavailable", 0, 3)
    use_endpoint(monkeypatch, f"http://127.0.0.1:{free_port()}")
    result, sent = create(f"aws:{name}")
    assert (result.outcome, result.problem.code, sent) == ("not_done", "unavailable", 0)


def test_a_field_is_written_again_on_top_of_what_another_writer_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = error(400, "InvalidParameterException", "AWSCURRENT is currently attached to another version")
    script = (
        *[version(1, '{"A": "a1"}')] * 2,
        *[version(2), moved],
        *[version(3, '{"A": "a3"}')] * 2,
        *[version(4), answer(200, {"Name": "x"}), version(4, json.dumps({"A": "a3", "B": TOKEN}))],
    )
    with serving(*script) as server:
        use_endpoint(monkeypatch, server.url)
        open_store("aws:x#B").store(TokenEntry(Secret(TOKEN)), api="https://x")
        sent = calls(server)
    puts = [json.loads(body["SecretString"]) for operation, body in sent if operation == "PutSecretValue"]
    assert puts == [{"A": "a1", "B": TOKEN}, {"A": "a3", "B": TOKEN}]
    moves = [body for operation, body in sent if operation == "UpdateSecretVersionStage"]
    assert [(move["RemoveFromVersionId"], move["MoveToVersionId"]) for move in moves] == [
        (f"{1:032}", f"{2:032}"),
        (f"{3:032}", f"{4:032}"),
    ]


def test_a_token_that_another_process_stored_meanwhile_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = error(400, "InvalidParameterException", "AWSCURRENT is currently attached to another version")
    probe = (version(1, "first-0123456789"), version(2), answer(200, {"Name": "x"}))
    script = (*probe, *[version(2, "first-0123456789")] * 2, version(3), moved, version(4, "another-0123456789"))
    with serving(*script) as server:
        use_endpoint(monkeypatch, server.url)
        store = open_store("aws:x")
        store.probe()
        with pytest.raises(OSError, match="another process has stored a different token"):
            store.store(TokenEntry(Secret(TOKEN)), api="https://x")
        assert [operation for operation, _ in calls(server)].count("UpdateSecretVersionStage") == 2


def test_names_that_share_a_secret_are_probed_by_one_version_for_each_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, moved = version(1, '{"A": "first-0123456789"}'), answer(200, {"Name": "x"})
    write = (version(1, "{}"), version(2), moved)
    denied = error(400, "AccessDeniedException", "no")
    script = (*write, found, error(404, "ResourceNotFoundException", "gone"), found, version(3), moved)
    with serving(*script, found, denied, *write, *write) as server:
        use_endpoint(monkeypatch, server.url)
        operations: list[list[str]] = []

        def probe(field: str) -> Any:
            before = len(server.got)
            try:
                return open_store(f"aws:x#{field}").probe()
            finally:
                operations.append([operation for operation, _ in calls(server)[before:]])

        assert probe("A") is None
        assert probe("A").token == Secret("first-0123456789")
        probe("C")  # it is gone: a write is needed to know
        with pytest.raises(InvalidError, match="access denied"):
            open_store("aws:x#A").store(TokenEntry(Secret(TOKEN)), api="https://x")
        probe("A")
        monkeypatch.setattr("locoia_pat.stores.aws._PROVEN_SECONDS", 0)
        probe("A")
    written = ["GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage"]
    assert operations == [written, ["GetSecretValue"], ["GetSecretValue", *written], written, written]


def test_a_writer_that_is_never_first_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = error(400, "InvalidParameterException", "AWSCURRENT is currently attached to another version")
    with serving(*[version(1, "{}"), version(2), moved] * 8) as server:
        use_endpoint(monkeypatch, server.url)
        with pytest.raises(InvalidError, match="another process has changed the secret"):
            open_store("aws:x#A").probe()
        assert len(server.got) == 24


def test_a_read_that_does_not_see_the_last_write_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = version(1, "first-0123456789")
    with serving(*[before] * 2, version(2), answer(200, {"Name": "x"}), before, version(2, TOKEN)) as server:
        use_endpoint(monkeypatch, server.url)
        assert open_store("aws:x").store(TokenEntry(Secret(TOKEN)), api="https://x") == ()
        assert len(server.got) == 6
    with serving(*[before] * 2, version(2), answer(200, {"Name": "x"}), before) as server:
        use_endpoint(monkeypatch, server.url)
        with pytest.raises(OSError, match="does not hold what was written to it"):
            open_store("aws:x").store(TokenEntry(Secret(TOKEN)), api="https://x")


def test_a_secret_without_a_value_gets_its_first_one(monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        *[error(404, "ResourceNotFoundException", "no value for AWSCURRENT")] * 2,
        error(400, "ResourceExistsException", "exists"),
        error(404, "ResourceNotFoundException", "no value for AWSCURRENT"),
        *[version(1), version(1, TOKEN)],
    )
    with serving(*script) as server:
        use_endpoint(monkeypatch, server.url)
        assert open_store("aws:x").store(TokenEntry(Secret(TOKEN)), api="https://x") == ()


def test_a_secret_that_another_writer_created_meanwhile_keeps_its_other_fields(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = version(1, '{"A": "a1"}')
    script = (
        *[error(404, "ResourceNotFoundException", "no such secret")] * 2,
        error(400, "ResourceExistsException", "exists"),
        *[found] * 3,
        *[version(2), answer(200, {"Name": "x"}), version(2, json.dumps({"A": "a1", "B": TOKEN}))],
    )
    with serving(*script) as server:
        use_endpoint(monkeypatch, server.url)
        open_store("aws:x#B").store(TokenEntry(Secret(TOKEN)), api="https://x")
        puts = [json.loads(body["SecretString"]) for operation, body in calls(server) if operation == "PutSecretValue"]
    assert puts == [{"A": "a1", "B": TOKEN}]


def test_no_log_and_no_traceback_shows_the_token(
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    with caplog.at_level(logging.DEBUG, logger="botocore"), caplog.at_level(logging.DEBUG, logger="urllib3"):
        assert create(f"aws:{name}")[0].outcome is Outcome.DONE
        assert read_token(f"aws:{name}") == Secret(TOKEN)
        assert all(TOKEN not in str(vars(record)) for record in caplog.records)
        with serving(*[error(400, "InternalServiceError", TOKEN), drop] * 3) as server:
            use_endpoint(monkeypatch, server.url)
            with pytest.raises(OSError, match=r"InternalServiceError|ConnectionClosedError") as failure:
                open_store("aws:x").store(TokenEntry(Secret(TOKEN)), api="https://x")
        shown = traceback.TracebackException.from_exception(failure.value, capture_locals=True)
        assert TOKEN not in "".join(shown.format())
    assert TOKEN not in capfd.readouterr().out
