"""The rows of each credential in a folder, read by httpx and no more."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx

client = httpx.Client()
for file in sorted(Path(sys.argv[2]).iterdir()):
    headers = {"Authorization": f"Bearer {file.read_text().strip()}"}
    client.get(f"{sys.argv[1]}/personal-access-tokens", headers=headers).raise_for_status().json()
