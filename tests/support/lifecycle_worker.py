"""A process that manages a name, to be killed."""

from __future__ import annotations

import sys

from locoia_pat import Connector, ConnectorAuth
from locoia_pat.actions import ensure_pat, rotate_pat
from locoia_pat.state.journal import State


def main(what: str, url: str, rotator: str, folder: str, *stores: str) -> None:
    """Do it once, as soon as a line comes in."""
    with Connector(ConnectorAuth.from_ref(rotator), base_url=url, timeout=5) as connector:
        connector.plan("list_pats")
        state = State(folder)
        print("ready", flush=True)  # noqa: T201  # the test waits for it
        sys.stdin.readline()
        if what == "rotate":
            rotate_pat(connector, name="ci", expiration=30, overlap=0, token_to=stores, state=state, settle=0)
        else:
            wishes = {"scopes": ["embed"], "expiration": 30, "note": "CI", "overlap": 0}
            ensure_pat(connector, name="ci", token_to=stores, state=state, settle=0, **wishes)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(*sys.argv[1:])
