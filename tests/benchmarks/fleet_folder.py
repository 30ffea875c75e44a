"""The files of a fleet with nothing due: tokens, credentials, state, fleet file, and the lists that the API returns."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

from locoia_pat import Secret
from locoia_pat.actions.lifecycle.effects import JournalEntry
from locoia_pat.actions.lifecycle.marker import Marker, append_marker
from locoia_pat.actions.lifecycle.settled import ProvenTokens
from locoia_pat.response.timestamp import rfc3339
from locoia_pat.state.journal import State
from locoia_pat.stores import TokenEntry, open_store
from locoia_pat.stores.record import Record

if TYPE_CHECKING:
    from pathlib import Path


def write_fleet(folder: Path, api: str, names: int, credentials: int) -> None:
    """Write a fleet of so many *names* into *folder*, as if each token had been created and proven an hour ago.

    ``fleet.yaml`` is the fleet, ``state`` its state, ``credentials`` has a file for each credential, and
    ``lists.json`` the rows that each credential lists.
    """
    state, lists = State(folder / "state"), dict[str, list[object]]()
    proven = ProvenTokens(state)
    minted = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(hours=1)
    expiration = rfc3339(minted + dt.timedelta(days=30))
    state.require_home()
    for part in ("credentials", "tokens"):
        (folder / part).mkdir()
    secrets = [f"fake_credential_{number:016}" for number in range(credentials)]
    for number, secret in enumerate(secrets):
        (folder / "credentials" / f"c{number}").write_text(f"{secret}\n")
    lines = ["fleet: 1", "defaults: {expiration: 30}", "tokens:"]
    for number in range(names):
        name, id_, op = f"name-{number}", f"8f14e45f-ceea-467f-a9e6-{number:012}", "A" * 16
        credential, store = number % credentials, open_store(f"file:{folder}/tokens/{name}.json")
        metadata = {
            "id": id_, "scopes": ["embed"], "slot": "a", "op": op, "expiration": expiration, "listed": expiration,
            "days": 30, "minted_at": rfc3339(minted), "minted_at_local": rfc3339(minted),
        }  # fmt: skip
        store.write_record(Record(api, name, TokenEntry(Secret(f"fake_token_{number:016}"), metadata)))
        entry = JournalEntry(name, state.owner, scopes=("embed",), note="CI", rows={"a": id_})
        state.save(api, name, {**entry.to_json(), "stores": [store.ref]})
        proven.add(api, name, op)
        note = append_marker("CI", Marker(name, "a", op, state.owner))
        row = {"id": id_, "scopes": ["embed"], "note": note, "expiration": expiration, "last_used": None}
        lists.setdefault(secrets[credential], []).append(row)
        auth = f"file:{folder}/credentials/c{credential}"
        lines.append(f"  - {{name: {name}, scopes: [embed], note: CI, auth: '{auth}', to: ['{store.ref}']}}")
    proven.save()
    (folder / "fleet.yaml").write_text("\n".join([*lines, ""]))
    (folder / "lists.json").write_text(json.dumps(lists))
