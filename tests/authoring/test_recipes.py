"""The recipes against the sandbox: what they leave behind, whatever fails in between."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml
from jinja2.sandbox import SandboxedEnvironment

from locoia_pat.actions.sandbox.behaviour import Behaviour
from locoia_pat.actions.sandbox.faults import Fault
from locoia_pat.authoring import recipes
from locoia_pat.authoring.packs.pack import build_pack
from locoia_pat.secrets.secret import Secret
from locoia_pat.spec.load import SpecFolder
from locoia_pat.spec.model import ActionSpec
from tests.support.arazzo import Ran, Recipe, exported, exported_pages
from tests.support.sandbox_client import OWNER, Caller, calling

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOTE = "CRM, rotated weekly"
ROTATOR = ("automation", "connector_auth")


class Fails(NamedTuple):
    """A step that fails, and how."""

    step: str
    fault: Fault

    def __str__(self) -> str:
        """Its name in the list of tests."""
        fault = self.fault
        words = [self.step, fault.fault, fault.status, "done" if fault.commit else None]
        return "-".join(str(word) for word in words if word)


def _faults(step: str, method: str, path: str) -> list[Fails]:
    kinds: list[dict[str, Any]] = [
        {"fault": "status", "status": 422},
        {"fault": "status", "status": 500},
        {"fault": "status", "status": 503, "commit": True},
        {"fault": "status", "status": 408, "commit": True},
        {"fault": "status", "status": 429},
        {"fault": "error_in_200", "status": 422},
        {"fault": "html"},
        {"fault": "html", "commit": True},
        {"fault": "lost"},
        {"fault": "dropped"},
        {"fault": "cut"},
        {"fault": "redirect"},
        *([{"fault": "no_token"}] if step == "create" else []),
    ]
    return [Fails(step, Fault(method=method, path=path, times=None, **kind)) for kind in kinds]


TOKENS, AUTHS = "/v1/personal-access-tokens", "/v1/connector-auths"
STEPS = {
    "find": ("GET", f"{AUTHS}/*"),
    "create": ("POST", TOKENS),
    "check": ("GET", TOKENS),
    "store": ("PUT", f"{AUTHS}/*"),
}


@pytest.fixture
def api() -> Iterator[Caller]:
    with calling(scopes=ROTATOR) as caller:
        yield caller


def connector_auth(api: Caller, token: str) -> str:
    made = api.call("POST", "/connector-auths", json={"name": "CRM", "auth_token": token}).json()
    assert isinstance(made["id"], str)
    return made["id"]


class Rotation:
    """A Connector Auth that holds a token, the recipe that rotates it, and what the sandbox knows of both."""

    def __init__(self, api: Caller) -> None:
        self.api = api
        self.tokens = [api.create(note=NOTE).json()["token"]]
        self.held = connector_auth(api, self.tokens[0])
        self.recipe = Recipe("rotate_connector_auth", api.url)

    def run(self, **how: Any) -> Ran:
        inputs = {
            "credential": self.api.token.reveal(),
            "connector_auth_id": self.held,
            "scopes": ["automation:view"],
            "note": NOTE,
            "days": 14,
        }
        ran = self.recipe.run(inputs, **how)
        self.tokens += [ran.token] if ran.token else []
        return ran

    def holds(self, token: str | None) -> bool:
        """Whether the Connector Auth holds *token*, and the API takes it."""
        store = self.api.store
        return (
            token is not None
            and store.connector_auths.has_secret(self.held, "auth_token", Secret(token))
            and store.authenticate(Secret(token)) is not None
        )

    def holds_a_live_token(self) -> bool:
        return any(map(self.holds, self.tokens))


def test_each_rotation_puts_a_live_token_in_its_place_and_the_one_before_works_on(api: Caller) -> None:
    rotation = Rotation(api)
    runs = [rotation.run(), rotation.run()]
    assert [ran.green for ran in runs] == [True, True]
    assert runs[0].steps == ["find", "create", "check", "store", "confirm"]
    assert rotation.holds(runs[1].token)
    assert runs[1].outputs["previous_token_id"] == runs[0].outputs["token_id"]
    assert all(api.store.authenticate(Secret(token)) for token in rotation.tokens)
    assert all(row.expiration for row in api.store.owned_by(OWNER) if row.note == NOTE)  # so it ends by itself


def test_a_token_can_be_retired_before_it_expires(api: Caller) -> None:
    rotation = Rotation(api)
    first, second = rotation.run(), rotation.run()
    inputs = {"credential": api.token.reveal(), "token_id": second.outputs["previous_token_id"]}
    assert rotation.recipe.run(inputs, "retire_token").green
    assert first.token
    assert api.store.authenticate(Secret(first.token)) is None
    assert rotation.holds(second.token)
    assert not rotation.recipe.run({**inputs, "token_id": "unknown"}, "retire_token").green


FAILURES = [fails for step, place in STEPS.items() for fails in _faults(step, *place)]


@pytest.mark.parametrize("fails", FAILURES, ids=str)
def test_a_rotation_that_fails_is_red_and_flows_keep_a_live_token(api: Caller, fails: Fails) -> None:
    rotation = Rotation(api)
    assert rotation.run().green
    api.faults.add(fails.fault)
    ran = rotation.run()
    assert ran.green is (str(fails) == "store-html-200-done")  # which was read back, for it was done
    assert not ran.green or rotation.holds(ran.token)
    assert rotation.holds_a_live_token()
    api.faults.clear()
    last = rotation.run()
    assert last.green
    assert rotation.holds(last.token)


@pytest.mark.parametrize("fails", FAILURES, ids=str)
def test_an_engine_that_goes_on_after_a_failed_step_shows_green_only_where_it_is_true(
    api: Caller, fails: Fails
) -> None:
    rotation = Rotation(api)
    api.faults.add(fails.fault)
    ran = rotation.run(go_on=True)
    assert rotation.holds_a_live_token()
    assert not ran.green or rotation.holds(ran.token)


@pytest.mark.parametrize("status", [400, 403, 404, 422, 429])
def test_a_token_that_was_refused_its_place_is_revoked(api: Caller, status: int) -> None:
    rotation = Rotation(api)
    api.faults.add(Fault("status", "PUT", f"{AUTHS}/*", status=status))
    ran = rotation.run()
    assert (ran.green, ran.steps[-1]) == (False, "revoke")
    assert ran.token
    assert api.store.authenticate(Secret(ran.token)) is None
    assert rotation.holds(rotation.tokens[0])


def test_nothing_is_minted_for_a_connector_auth_that_is_not_there(api: Caller) -> None:
    rotation = Rotation(api)
    rows = len(api.store.owned_by(OWNER))
    rotation.held = "unknown"
    assert rotation.run().steps == ["find"]
    assert len(api.store.owned_by(OWNER)) == rows


CUSTOMER = {"customer": "Ann's GmbH", "connector_id": "c1", "scopes": ["automation:view"], "days": 90}
HAND_OVER = ("POST", AUTHS)


def customer(api: Caller) -> Ran:
    return Recipe("create_token_for_customer", api.url).run({"credential": api.token.reveal(), **CUSTOMER})


def test_a_customer_gets_a_connector_auth_that_holds_a_live_token(api: Caller) -> None:
    ran = customer(api)
    assert (ran.green, ran.steps) == (True, ["create", "check", "hand_over"])
    assert ran.token
    assert api.store.connector_auths.has_secret(ran.outputs["connector_auth_id"], "auth_token", Secret(ran.token))
    row = api.store.authenticate(Secret(ran.token))
    assert row
    assert (row.id, row.note, row.scopes) == (ran.outputs["token_id"], "Customer Ann's GmbH", ["automation:view"])
    assert ran.token not in str(ran.outputs)


CUSTOMER_FAILURES = [
    fails
    for step, place in {"create": STEPS["create"], "check": STEPS["check"], "hand_over": HAND_OVER}.items()
    for fails in _faults(step, *place)
]


@pytest.mark.parametrize("fails", CUSTOMER_FAILURES, ids=str)
def test_a_customer_without_a_connector_auth_is_a_red_run_that_can_be_run_again(api: Caller, fails: Fails) -> None:
    api.faults.add(fails.fault)
    ran = customer(api)
    assert not ran.green
    if ran.steps[-1] == "revoke":  # nothing holds it, so it must not live
        assert ran.token
        assert api.store.authenticate(Secret(ran.token)) is None
    api.faults.clear()
    again = customer(api)
    assert again.green
    assert again.token
    assert api.store.connector_auths.has_secret(again.outputs["connector_auth_id"], "auth_token", Secret(again.token))


def test_a_token_that_was_refused_a_connector_auth_is_revoked(api: Caller) -> None:
    api.faults.add(Fault("status", "POST", AUTHS, status=422))
    ran = customer(api)
    assert (ran.green, ran.steps) == (False, ["create", "check", "hand_over", "revoke"])
    assert ran.token
    assert api.store.authenticate(Secret(ran.token)) is None


def watch(api: Caller, days: int) -> Ran:
    before = (dt.datetime.now(dt.UTC) + dt.timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    inputs = {"credential": api.token.reveal(), "before": before}
    return Recipe("alert_on_expiring_tokens", api.url).run(inputs)


@pytest.mark.parametrize("shape", ["bare", "data", "items", "envelope"])
def test_a_token_that_expires_soon_makes_the_run_red(shape: Any) -> None:
    with calling(Behaviour(list_shape=shape)) as api:
        assert (watch(api, 14).green, watch(api, 14).steps) == (True, ["look"])  # the credential never expires
        api.create(expiration=10, note="soon")
        api.create(expiration=90, note="later")
        seen = watch(api, 14)
        assert (seen.green, seen.steps) == (False, ["look", "alert"])
        assert "soon" in str(seen.outputs["tokens"])
        assert watch(api, 7).green


def test_the_template_of_the_page_names_the_tokens_that_expire_soon(api: Caller) -> None:
    (template,) = re.findall(r"```jinja\n(.*?)```", exported_pages()["recipes/alert_on_expiring_tokens.md"], re.DOTALL)
    api.create(expiration=10, note="soon")
    api.create(expiration=90, note="later")
    before = (dt.datetime.now(dt.UTC) + dt.timedelta(days=14)).strftime("%Y-%m-%dT%H:%M:%SZ")
    told = SandboxedEnvironment().from_string(template).render(look=api.call("GET").json(), before=before)
    assert told.startswith("soon expires ")
    assert "later" not in told
    assert SandboxedEnvironment().from_string(template).render(look=[], before=before).strip() == ""


@pytest.mark.parametrize("name", sorted(path for path in exported() if path.endswith(".arazzo.yaml")))
def test_a_recipe_names_only_what_there_is(name: str) -> None:
    """Operations, their parameters and the keys of their bodies, inputs, steps and outputs."""
    document, api = yaml.safe_load(exported()[name]), json.loads(exported()["openapi.json"])
    operations = {op["operationId"]: op for methods in api["paths"].values() for op in methods.values()}
    for workflow in document["workflows"]:
        steps = {step["stepId"]: step for step in workflow["steps"]}
        assert set(workflow["inputs"]["required"]) == set(workflow["inputs"]["properties"])
        text = json.dumps(workflow)
        assert set(re.findall(r"\$inputs\.([a-z_]+)", text)) == set(workflow["inputs"]["properties"])
        for step, output in re.findall(r"\$steps\.([a-z_]+)\.outputs\.([a-z_]+)", text):
            assert output in steps[step]["outputs"]
        for step in steps.values():
            operation = operations[step["operationId"]]
            known = {(one["in"], one["name"]) for one in operation.get("parameters", [])} | {
                ("header", "Authorization")
            }
            assert {(one["in"], one["name"]) for one in step["parameters"]} == known
            body = step.get("requestBody", {"payload": {}})["payload"]
            content = operation.get("requestBody", {"content": {"application/json": {"schema": {}}}})["content"]
            schema = content["application/json"]["schema"]
            assert set(schema.get("required", [])) <= set(body) <= set(schema.get("properties", []))
            assert "retry" not in [action["type"] for action in step.get("onFailure", [])]
        page = exported_pages()["recipes/" + name.replace(".arazzo.yaml", ".md")]
        told = [name for name in (*steps, *workflow["inputs"]["properties"]) if workflow is document["workflows"][0]]
        assert [name for name in told if f"**{name}**" not in page and f"`{name}`" not in page] in ([], ["stop"])


def test_a_pack_takes_the_recipes(tmp_path: Path) -> None:
    """With the actions that they call, as a connector of somebody else's would have them."""
    names = [name for name in SpecFolder().names if isinstance(SpecFolder().spec(name), ActionSpec)]
    texts = {f"{name}.yaml": SpecFolder().text(f"{name}.yaml")[0] for name in (*names, "connector")}
    texts["connector.yaml"] = texts["connector.yaml"].replace("connector: locoia", "connector: acme")
    for suffix in (recipes.ARAZZO, recipes.PAGE):
        texts |= recipes.texts(SpecFolder(), suffix)
    (tmp_path / "recipes").mkdir()
    for name, text in texts.items():
        (tmp_path / name).write_text(text.replace("LOCOIA_", "ACME_"))
    made, _ = build_pack(tmp_path)
    assert {name for name in made.files if name.startswith("recipes/")} == {
        name for name in texts if name.startswith("recipes/")
    }


@pytest.mark.parametrize("fails", _faults("look", *STEPS["check"]), ids=str)
def test_a_look_that_fails_is_red_and_not_all_clear(api: Caller, fails: Fails) -> None:
    api.faults.add(fails.fault)
    assert not watch(api, 14).green
    api.faults.clear()
    assert watch(api, 14).green
