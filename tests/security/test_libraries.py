"""No library that prints or keeps what it sends is used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import locoia_pat
from locoia_pat import actions
from tests.support.canaries import ODD, leaks, minted
from tests.support.loopback import answer, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDERS = [Path(str(module.__file__)).parent for module in (locoia_pat, actions)]
SOURCES = sorted({path for folder in FOLDERS for path in folder.rglob("*.py")})
TALKATIVE = {"requests", "urllib3", "aiohttp", "http.client", "urllib.request", "pycurl", "websockets"}
"""``http.client`` prints the credential once somebody sets its debug level, and so does all that is built on it."""


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (str(node.module), *(f"{node.module}.{name.name}" for name in node.names))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_module_imports_a_talkative_library(path: Path) -> None:
    names = set(imported(path))
    if {"urllib.request.getproxies", "urllib.request.proxy_bypass"} <= names:
        names.remove("urllib.request")  # it is asked which proxies there are, as httpx asks it, and sends nothing
    assert [name for name in names if name in TALKATIVE or name.split(".")[0] in TALKATIVE] == []


def test_only_the_network_edge_imports_httpx() -> None:
    assert [path.name for path in SOURCES if "httpx" in {name.split(".")[0] for name in imported(path)}] == [
        "transport.py"
    ]


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
