"""No library that prints or keeps what it sends is loaded by a run; the linters hold that none is imported."""

from __future__ import annotations

import subprocess
import sys

from tests.support.canaries import ODD, leaks, minted
from tests.support.loopback import answer, serving

RUN = """
import http.client, sys
http.client.HTTPConnection.debuglevel = 9
from locoia_pat import Connector, ConnectorAuth
with Connector(ConnectorAuth.from_ref("-"), base_url=sys.argv[1]) as connector:
    result = connector.run("create_pat", {"expiration": 1, "scopes": ["embed"], "note": "CI"})
print(result.outcome.value, "requests" in sys.modules, "urllib3" in sys.modules)
"""


def test_a_run_loads_no_talkative_library_and_prints_nothing_at_the_debug_level_of_http() -> None:
    with serving(answer(201, minted(ODD))) as server:
        done = subprocess.run(
            [sys.executable, "-c", RUN, server.url],
            input=ODD.credential,
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
        )
    assert done.stdout == "done False False\n"
    assert leaks(done.stdout + done.stderr) == []
