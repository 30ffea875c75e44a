"""Keep one token of a name, created once and renewed in time; then list the rows.

Set the placeholders below, save a key of ``locoia-pat serve`` in a Secret block, and start it::

    python -c 'from prefect.blocks.system import Secret; Secret(value=open("flows.key").read().strip()).save("locoia-pat-key")'
    python prefect_flow.py
"""  # noqa: E501  # a command is one line

from __future__ import annotations

import json
from typing import Any

import httpx
from prefect import flow, get_run_logger, task
from prefect.blocks.system import Secret
from prefect.runtime import flow_run

PLACEHOLDERS = {
    "url": "http://127.0.0.1:8320",
    "name": "billing-ci",
    "scopes": ["automation:view"],
    "expiration": 30,
    "note": "CI",
    "token_to": "file:/srv/tokens/ci.json",
    "retry_seconds": 60,
}


class LaterError(Exception):
    """Nothing happened, or no envelope arrived; the same key makes a retry safe."""


class LookError(Exception):
    """It may have happened: look before you start another run."""


class ChangeError(Exception):
    """Nothing happened, and it fails again until the request or the permissions are changed."""


def is_safe_to_retry(_task: object, _task_run: object, state: Any) -> bool:
    """Return whether a call that ended in this state may be sent again."""
    try:
        state.result()
    except LaterError:
        return True
    except Exception:  # noqa: BLE001  # whatever else it is, it is not safe
        return False
    return False


@task(retries=4, retry_condition_fn=is_safe_to_retry, persist_result=False)
def call(url: str, action: str, inputs: dict[str, Any], idempotency_key: str | None = None) -> dict[str, Any]:
    """Call an action and return its envelope, or raise the error of its branch."""
    headers = {"Authorization": f"Bearer {Secret.load('locoia-pat-key').get()}"}
    if idempotency_key is not None:
        headers["Idempotency-Key"] = idempotency_key
    try:
        envelope = httpx.post(f"{url}/v1/actions/{action}", json=inputs, headers=headers, timeout=180).json()
        outcome = envelope["outcome"]
    except (httpx.TransportError, ValueError, KeyError, TypeError) as error:
        raise LaterError(f"no envelope: {error!r}") from None
    if outcome == "done":
        return envelope
    message = f"{outcome}: {envelope['error']['message']} {envelope['error']['hint'] or ''}"
    if outcome == "not_done":
        raise LaterError(message)
    if outcome in ("unknown", "not_stored"):
        raise LookError(message)
    raise ChangeError(message)  # refused, invalid


@flow(name="locoia-token")
def locoia_token(
    *, url: str, name: str, scopes: list[str], expiration: int, note: str, token_to: str, retry_seconds: float = 60
) -> None:
    """Call ``ensure_pat`` with the run's own ID as its key, then ``list_pats``."""
    step = call.with_options(retry_delay_seconds=retry_seconds)
    inputs = {"name": name, "scopes": scopes, "expiration": expiration, "note": note, "token_to": token_to}
    ensured = step(url, "ensure_pat", inputs, idempotency_key=f"prefect-{flow_run.id}")
    listed = step(url, "list_pats", {})
    summary = {"outcome": "done", "change": ensured["data"]["change"], "rows": len(listed["data"]["tokens"])}
    get_run_logger().info("ended: %s", json.dumps(summary))


if __name__ == "__main__":
    locoia_token.serve(name="weekly", cron="0 5 * * 1", parameters=PLACEHOLDERS)
