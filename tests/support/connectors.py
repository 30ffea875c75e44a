"""The command and its environment, and the forms in which a credential could be sent."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote, quote_plus

from tests.support.command import Done, spawn

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
GITLAB = EXAMPLES / "gitlab"
TWILIO = EXAMPLES / "twilio"

CANARY = "fake/canary+of=Locoia?0123456789&%"
"""Locoia's credential: its characters are written in another way by each encoding."""


def forms(secret: str) -> set[bytes]:
    """The bytes that *secret* could be sent as; base64 at each of its alignments."""
    raw = secret.encode()
    texts = {secret, json.dumps(secret)[1:-1], quote(secret), quote(secret, safe=""), quote_plus(secret), raw.hex()}
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            texts.add(encode(bytes(before) + raw).decode()[4:-4])  # without what mixes with its neighbours
    return {form.encode() for text in texts for form in (text, text.lower())}


def command(*arguments: str, stdin: str = "", **variables: str) -> Done:
    """The real command, in a process of its own."""
    process = spawn(*arguments, **variables)
    out, err = process.communicate(stdin, timeout=60)
    return Done(process.returncode, out, err)
