"""The server of the benchmarks, seen from those that measure: where it is, and what it was sent."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import urlopen

import certifi

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SERVER = Path(__file__).parent / "server.py"
_MARK = " ~lpb/"
"""What a journalled run adds to a note, so that it finds the token again."""


@dataclass(frozen=True)
class Api:
    """A server that runs."""

    url: str
    trust: Path | None = None
    """The certificates by which it is known, among those of the world; None where it speaks http."""

    def sent(self) -> Counter[str]:
        """All requests since the last time, by what they mean, and how often each came."""
        tls = ssl.create_default_context(cafile=self.trust) if self.trust else None
        with urlopen(self.url.removesuffix("/v1") + "/seen", context=tls) as told:  # noqa: S310  # loopback
            return meant(json.load(told))

    @property
    def trusting(self) -> dict[str, str]:
        """Variables that have a process of any contender trust it."""
        return {"SSL_CERT_FILE": str(self.trust), "REQUESTS_CA_BUNDLE": str(self.trust)} if self.trust else {}


def meant(requests: Iterable[tuple[str, str, str, int]]) -> Counter[str]:
    """Requests by their line, their credential and what their JSON says, however it is spaced; without our marks."""
    found: Counter[str] = Counter()
    for line, credential, text, times in requests:
        body = json.loads(text) if text else None
        if body and "note" in body:
            body["note"] = body["note"].partition(_MARK)[0]
        found[json.dumps([line, credential, body], sort_keys=True)] += times
    return found


@contextmanager
def api(rows: int | Path = 1, *, python: str = sys.executable, folder: Path | None = None) -> Iterator[Api]:
    """A server of its own whose list has so many rows, or those in a file of that name for each credential.

    With a *folder* it speaks https, by a certificate made there.

    The *python* that makes the certificate has trustme.
    """
    certificate: list[str] = []
    trust = None
    if folder:
        subprocess.run([python, "-m", "trustme", "--quiet", "--dir", str(folder), "-i", "127.0.0.1"], check=True)
        certificate = [str(folder / "server.key"), str(folder / "server.pem")]
        trust = folder / "trusted.pem"
        world = Path(certifi.where()).read_text(encoding="utf-8")
        trust.write_text(world + (folder / "client.pem").read_text(encoding="utf-8"), encoding="utf-8")
    command = [sys.executable, str(SERVER), str(rows), *certificate]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            yield Api(f"{'https' if trust else 'http'}://127.0.0.1:{port}/v1", trust)
        finally:
            server.terminate()
