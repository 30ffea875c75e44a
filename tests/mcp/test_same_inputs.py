"""Command, Python, HTTP and MCP accept and refuse the same inputs, with one message; if refused, nothing is sent."""

from __future__ import annotations

import datetime as dt
import json
import os
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from locoia_pat import Connector, ConnectorAuth, Secret
from locoia_pat.serve.http_app import HttpApp
from locoia_pat.serve.service import Service
from locoia_pat.spec.load import SpecFolder
from locoia_pat.state.access_keys import AccessKeys, Permissions
from locoia_pat.state.journal import State
from tests.support.loopback import answer, serving
from tests.support.mcp_client import lines
from tests.support.served import running_app
from tests.support.spec_folders import ACME

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.command import Done

ACTION = """
spec: 1
action: send_all
title: Send all
summary: Send a value of each type
effect: create
inputs:
  days: {title: Days, type: number, min: 1, step: 1, unit: days, required: true, nullable: true}
  note: {title: Note, type: text, required: true, maxLength: 20, pattern: "[a-zA-Z ]*"}
  size: {title: Size, type: number, min: 0, max: 10, step: 0.5}
  kinds: {title: Kinds, type: select, multiple: true, required: true, enum: [a, b, "a:b"]}
  free: {title: Free, type: select, enum: [x], allowCreate: true}
  open: {title: Open, type: switch, default: false}
  mail: {title: Mail, type: email}
  day: {title: Day, type: date}
  span: {title: Span, type: daterange}
  at: {title: At, type: datetime}
  any: {title: Any, type: json}
  tags: {title: Tags, type: text, multiple: true}
  more:
    title: More
    type: nested_object
    children: {n: {title: N, type: number, required: true}, t: {title: T, type: text}}
request:
  method: POST
  path: /all
  body:
    days: "{{ days }}"
    note: "{{ note }}"
    size: "{{ size }}"
    kinds: "{{ kinds }}"
    free: "{{ free }}"
    open: "{{ open }}"
    mail: "{{ mail }}"
    day: "{{ day }}"
    span: "{{ span }}"
    at: "{{ at }}"
    any: "{{ any }}"
    tags: "{{ tags }}"
    more: "{{ more }}"
reply: {ok: [200], output: {}}
"""
VALID: dict[str, list[Any]] = {
    "days": [1, 30, None],
    "note": ["", "CI"],
    "size": [0, 0.5, 10],
    "kinds": [["a"], ["a", "a:b"]],
    "free": ["x", "y"],
    "open": [True, False],
    "mail": ["a@b.example"],
    "day": ["2026-12-31"],
    "span": [["2026-01-01", "2026-12-31"]],
    "at": ["2026-12-31T23:59:00Z"],
    "any": [{"a": [1, None]}],
    "tags": [[], ["a"]],
    "more": [{"n": 1}, {"n": 0.5, "t": "a"}],
}
NEAR = [
    True,
    False,
    0,
    1,
    1.0,
    -1,
    0.3,
    30.5,
    10**19,
    1e300,
    "",
    "30",
    "true",
    "null",
    "2026-13-01",
    "a,b",
    None,
    [],
    {},
]
"""What a lax reader would convert."""
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=24)
ANYTHING = st.recursive(
    st.sampled_from(NEAR) | TEXTS | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS | st.sampled_from(["n", "t"]), inner, max_size=2),
    max_leaves=4,
)


@st.composite
def inputs(draw: st.DrawFn) -> dict[str, Any]:
    """Valid inputs, with at most two changes."""
    values = {name: draw(st.sampled_from(values)) for name, values in VALID.items()}
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from([*VALID, "dry_run", "token_to", "note "]))
        if draw(st.booleans()):
            values[name] = draw(ANYTHING)
        else:
            values.pop(name, None)
    return values


def test_command_python_http_and_mcp_accept_and_refuse_the_same_inputs(
    call: Callable[..., Done], tmp_path: Path
) -> None:
    for name, text in (("connector", ACME), ("send_all", ACTION)):
        (tmp_path / f"{name}.yaml").write_text(text)
    (tmp_path / "credential").write_text("fake-credential-0123456789")
    auth = f"text:{tmp_path}/credential"
    state = State(tmp_path / "state")
    key = AccessKeys(state).create("all", Permissions(allow=("*",)), days=None, now=dt.datetime.now(dt.UTC))
    headers = {"Authorization": f"Bearer {key.reveal()}", "Content-Type": "application/json", "Connection": "close"}
    counts = {"done": 0, "invalid": 0}
    with (
        serving(answer(200, {})) as api,
        Connector(ConnectorAuth(Secret("fake-credential-0123456789")), specs=tmp_path, base_url=api.url) as connector,
        lines(
            tmp_path,
            {**os.environ, "ACME_BASE_URL": api.url},
            "--specs",
            str(tmp_path),
            "--auth",
            auth,
            "--allow",
            "send_all",
        ) as server,
        running_app(HttpApp(Service(connector, SpecFolder(tmp_path), state, wait=1), AccessKeys(state))) as (url, http),
    ):

        @settings(max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
        @given(inputs())
        def check(values: dict[str, Any]) -> None:
            text = json.dumps(values)
            (tmp_path / "inputs.json").write_text(text)
            before = len(api.got)
            by_python = connector.run("send_all", json.loads(text)).to_dict()
            called = server.send("tools/call", {"name": "send_all", "arguments": values})
            by_http = http.post(f"{url}/v1/actions/send_all", content=text, headers=headers).json()
            by_mcp = server.receive(called)["result"]["structuredContent"]
            options = ["--specs", str(tmp_path), "--inputs", str(tmp_path / "inputs.json"), "--auth", auth]
            by_command = call("run", "send_all", *options).envelope
            outcome = by_python["outcome"]
            counts[outcome] += 1
            assert len(api.got) - before == (4 if outcome == "done" else 0)
            for envelope in (by_http, by_mcp, by_command):
                assert envelope["outcome"] == outcome, values
                if "error" in by_python:
                    names = ("code", "message", "field", "hint")
                    assert [envelope["error"][n] for n in names] == [by_python["error"][n] for n in names], values
            if outcome == "done":
                bodies = [request.json for request in api.got[before:]]
                assert all(body == bodies[0] for body in bodies), values

        os.environ["ACME_BASE_URL"] = api.url  # the test's environment is its own
        check()
    assert min(counts.values()) > 10, counts
