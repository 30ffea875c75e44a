"""What Sentry sends with its default options holds no token: not in variables, not in breadcrumbs, not in requests."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.canaries import ODD, headers, leaks, minted, repeated
from tests.support.loopback import Script, answer, serving

if TYPE_CHECKING:
    from pathlib import Path

FLOW = """
import logging
import sys

import sentry_sdk
from sentry_sdk.transport import Transport

from locoia_pat import Connector, ConnectorAuth, ConnectorError
from locoia_pat.actions import create_pat

CREATE = {"expiration": 1, "scopes": ["embed"], "note": "CI"}
sent = []


class Kept(Transport):
    def capture_envelope(self, envelope):
        sent.append(envelope.serialize())


class Interrupted:
    ref = "interrupted:store#current"
    readback = "record"

    def probe(self):
        return None

    def store(self, entry, *, api, replaced_id=None):
        raise KeyboardInterrupt


def flow(url, store):
    auth = ConnectorAuth.from_ref("-")
    with Connector(auth, base_url=url) as connector:
        created = create_pat(connector, **CREATE)
        minted = created.token
        result = connector.run("create_pat", CREATE)
        held = [auth, connector, created, minted, result, result.to_dict()]
        logging.warning("so far: %s", held, extra={"held": held})
        sentry_sdk.add_breadcrumb(message="created", data={"created": created, "result": result})
        sentry_sdk.set_context("flow", {"created": created, "auth": auth})
        create_pat(connector, **CREATE, token_to=[store])


sentry_sdk.init(dsn="http://public@127.0.0.1:1/1", transport=Kept)
logging.basicConfig(level=logging.DEBUG)
try:
    flow(sys.argv[1], Interrupted())
except (ConnectorError, KeyboardInterrupt) as error:
    sentry_sdk.capture_exception(error)
    logging.getLogger("flow").exception("it failed")
sentry_sdk.get_client().close()
sys.stdout.buffer.write(b"\\n".join(sent))
"""


@pytest.mark.parametrize("end", ["refused", "unknown", "interrupted"])
def test_an_envelope_of_sentry_holds_no_token(end: str, tmp_path: Path) -> None:
    ends: dict[str, Script] = {
        "refused": answer(401, {"message": repeated(ODD)}, headers(ODD)),
        "unknown": answer(500, repeated(ODD), headers(ODD)),
        "interrupted": answer(201, minted(ODD), headers(ODD)),
    }
    script = tmp_path / "flow.py"
    script.write_text(FLOW)
    good = answer(201, minted(ODD), headers(ODD))
    with serving(good, good, ends[end]) as server:
        done = subprocess.run(
            [sys.executable, str(script), server.url],
            input=ODD.credential.encode(),
            capture_output=True,
            check=True,
            timeout=60,
        )
    assert b'"connector":"<locoia_pat.connector.Connector' in done.stdout  # it sends variables
    assert done.stdout.count(b'"exception"') > 1
    assert leaks(done.stdout) == []
    assert leaks(done.stderr) == []
