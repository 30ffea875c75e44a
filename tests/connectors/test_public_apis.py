"""GitHub, Stripe, Slack and Microsoft Graph by YAML alone: the life of a token or key, and errors, as documented."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from locoia_pat import Connector, ConnectorAuth, Outcome, Result, Secret
from locoia_pat.stores import TokenEntry, read_token
from tests.support.connectors import EXAMPLES
from tests.support.stores import FakeStore
from tests.support.token_apis import Api, GitHub, MicrosoftGraph, Slack, Stripe, serving_api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Run = Callable[..., Result]

pytestmark = pytest.mark.usefixtures("locoia")


class Full(FakeStore):
    """A store that is proven to take a token, and then takes none."""

    ref = "full:1"

    def store(self, entry: TokenEntry, *, api: str, replaced_id: str | None = None) -> tuple[str, ...]:
        raise OSError(f"no room for {entry.id} of {api} and {replaced_id}")


@contextmanager
def running(api: Api, name: str, credential: str, identifier: str | None = None) -> Iterator[Run]:
    """Run actions of the connector *name* against *api*, by its *credential* or by another one."""
    with serving_api(api):

        def run(
            action: str, inputs: dict[str, Any] | None = None, *, by: str | Secret | None = None, **options: Any
        ) -> Result:
            token = by if isinstance(by, Secret) else Secret(by or credential)
            auth = ConnectorAuth(token, identifier=identifier)
            with Connector(auth, specs=EXAMPLES / name, base_url=api.url) as connector:
                return connector.run(action, inputs, **options)

        yield run


def data(result: Result) -> Any:
    """The outputs of what must be done."""
    assert result.outcome is Outcome.DONE, result.to_dict()
    return result.data


def code(result: Result) -> tuple[Outcome, str | None]:
    """How it ended."""
    return result.outcome, result.problem.code if result.problem else None


REFUSED = Outcome.REFUSED


def test_an_installation_token_of_github_is_created_used_and_revoked_by_itself(tmp_path: Path) -> None:
    api, store = GitHub(), f"file:{tmp_path}/token.json"
    with running(api, "github", api.app) as run:
        created = run(
            "create_installation_token", {"installation_id": 12, "permissions": {"contents": "read"}}, token_to=[store]
        )
        assert data(created) == {
            "expires_at": "2027-01-01T01:00:00Z", "permissions": {"contents": "read"}, "repository_selection": "all",
        }  # fmt: skip
        token = read_token(store)
        repositories = data(run("list_repositories", by=token))["repositories"]
        assert [row["id"] for row in repositories] == ["1", "2", "3"]
        second = run("create_installation_token", {"installation_id": 12}, token_to=[store], replace=True)
        assert data(second)["permissions"] == {"contents": "write"}
        assert data(run("revoke_installation_token", {"token": token})) == {}
        assert code(run("list_repositories", by=token)) == (REFUSED, "unauthorized")
        assert data(run("list_repositories", by=read_token(store)))
        assert code(run("revoke_installation_token", {"token": token})) == (REFUSED, "unauthorized")
        lost = run("create_installation_token", {"installation_id": 12}, token_to=[Full()])
        assert lost.outcome is Outcome.NOT_STORED
        assert (api.calls[-1].path, api.calls[-1].bearer in api.live) == ("/installation/token", False)
        assert code(run("create_installation_token", {"installation_id": 12}, by=api.user)) == (REFUSED, "unauthorized")


def test_keys_and_tokens_of_github_are_listed_page_by_page_and_its_limit_is_not_a_refusal() -> None:
    api = GitHub()
    repository = {"owner": "acme", "repository": "shop"}
    with running(api, "github", api.user) as run:
        assert data(run("get_user")) == {"login": "ann", "id": "7", "expires_at": "2027-01-01T00:00:00Z"}
        assert data(run("list_deploy_keys", repository)) == {"keys": []}
        keys = [{"title": f"CI {n}", "key": f"ssh-ed25519 AAA{n}"} for n in range(5)]
        ids = [data(run("create_deploy_key", repository | key))["id"] for key in keys]
        assert [row["id"] for row in data(run("list_deploy_keys", repository))["keys"]] == ids
        again = run("create_deploy_key", repository | keys[0])
        assert code(again) == (REFUSED, "validation")
        assert again.problem is not None
        assert (again.problem.field, "key is already in use" in again.problem.message) == ("key", True)
        assert data(run("delete_deploy_key", repository | {"key_id": int(ids[0])})) == {}
        assert code(run("delete_deploy_key", repository | {"key_id": int(ids[0])})) == (REFUSED, "not_found")
        assert code(run("list_deploy_keys", {"owner": "acme", "repository": "vault"})) == (REFUSED, "not_found")

        tokens = data(run("list_org_tokens", {"org": "acme"}))["tokens"]
        assert [(row["id"], row["name"], row["expires_at"]) for row in tokens[:1]] == [("1", "CI 1", None)]
        assert len(tokens) == 5
        assert data(run("revoke_org_token", {"org": "acme", "token_id": 1})) == {}
        assert code(run("revoke_org_token", {"org": "acme", "token_id": 1})) == (REFUSED, "not_found")

        limited = {"message": "API rate limit exceeded for user ID 7.", "documentation_url": "https://docs.github.com"}
        headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "4102444800"}
        api.faults = [(403, limited, headers)] * 3
        wait = run("list_deploy_keys", repository)
        assert code(wait) == (Outcome.NOT_DONE, "rate_limited")
        assert wait.problem is not None
        assert "It asks to wait" in str(wait.problem.hint)
        secondary = {"message": "You have exceeded a secondary rate limit."}
        api.faults = [(403, secondary, {"retry-after": "0"})]
        assert len(data(run("list_deploy_keys", repository))["keys"]) == 4

        assert data(run("revoke_exposed_token", {"token": Secret(api.user)}, by="fake-other-0123456789abcdef")) == {}
        assert "authorization" not in api.calls[-1].headers
        assert code(run("get_user")) == (REFUSED, "unauthorized")


def test_a_webhook_secret_of_stripe_lives_its_whole_life(tmp_path: Path) -> None:
    api, store = Stripe(), f"file:{tmp_path}/token.json"
    new = {"url": "https://acme.example/hook", "events": ["charge.failed", "charge.succeeded"]}
    with running(api, "stripe", api.secret_key) as run:
        created = run("create_webhook", new | {"description": "CI"}, token_to=[store])
        assert data(created)["events"] == ["charge.failed", "charge.succeeded"]
        first, secret = data(created)["id"], read_token(store)
        assert api.calls[-1].form["enabled_events[]"] == new["events"]
        second = data(run("create_webhook", new, token_to=[store], replace=True))["id"]
        assert read_token(store) != secret
        third = data(run("create_webhook", new, token_to=[f"{store}-3"]))["id"]
        rows = data(run("list_webhooks"))["webhooks"]
        assert [(row["id"], row["description"]) for row in rows] == [(first, "CI"), (second, None), (third, None)]
        assert [call.query for call in api.calls[-2:]] == [{"limit": "100"}, {"limit": "100", "starting_after": second}]
        assert data(run("update_webhook", {"webhook_id": first, "disabled": True}))["status"] == "disabled"
        assert data(run("delete_webhook", {"webhook_id": first})) == {}
        assert code(run("delete_webhook", {"webhook_id": first})) == (REFUSED, "not_found")
        lost = run("create_webhook", new, token_to=[Full()])
        assert (lost.outcome, api.calls[-1].method, list(api.hooks)) == (Outcome.NOT_STORED, "DELETE", [second, third])

        refused = run("create_webhook", new | {"events": ["charge.vanished"]}, token_to=[f"{store}-4"])
        assert code(refused) == (REFUSED, "validation")
        assert refused.problem is not None
        assert refused.problem.field == "events"
        assert code(run("list_webhooks", by="fake-sk-of-no-one-0123456789")) == (REFUSED, "unauthorized")


def test_a_lost_create_of_stripe_is_retried_with_its_idempotency_key(tmp_path: Path) -> None:
    api = Stripe()
    new = {"url": "https://acme.example/hook", "events": ["*"]}
    with running(api, "stripe", api.secret_key) as run:
        api.faults = [None]
        created = run("create_webhook", new, token_to=[f"file:{tmp_path}/token.json"])
        assert (data(created)["id"], created.attempts, len(api.hooks)) == (next(iter(api.hooks)), 2, 1)
        keys = [call.headers["idempotency-key"] for call in api.calls]
        assert (len(keys), len(set(keys))) == (2, 1)
        api.faults = [(429, {"error": {"code": "lock_timeout", "message": "busy"}}, {"retry-after": "0"})]
        assert data(run("update_webhook", {"webhook_id": next(iter(api.hooks)), "disabled": False}))
        busy = {"error": {"code": "idempotency_key_in_use", "message": "in use", "type": "invalid_request_error"}}
        api.faults = [(409, busy, {})]
        result = run("create_webhook", new, token_to=[f"file:{tmp_path}/2.json"])
        assert code(result) == (REFUSED, "conflict")
        assert result.problem is not None
        assert str(result.problem.hint).startswith("The same request is still being processed")


def test_an_ephemeral_key_of_stripe_works_until_it_is_deleted(tmp_path: Path) -> None:
    api, store = Stripe(), f"file:{tmp_path}/token.json"
    with running(api, "stripe", api.secret_key) as run:
        created = run("create_ephemeral_key", {"customer": "cus_1"}, token_to=[store])
        assert data(created)["expires_at"] == "2027-01-01T08:00:00Z"
        key = read_token(store)
        assert data(run("get_customer", {"customer": "cus_1"}, by=key))["id"] == "cus_1"
        assert data(run("delete_ephemeral_key", {"key_id": data(created)["id"]})) == {}
        assert code(run("get_customer", {"customer": "cus_1"}, by=key)) == (REFUSED, "unauthorized")
        assert code(run("create_ephemeral_key", {"customer": "cus_9"}, token_to=[f"{store}-2"])) == (
            REFUSED,
            "not_found",
        )


def test_a_bot_token_of_slack_lives_its_whole_life_though_every_response_is_200(tmp_path: Path) -> None:
    api, store = Slack(), f"file:{tmp_path}/token.json"
    codes = {
        "client_id": "1.2",
        "client_secret": Secret(api.client_secret),
        "oauth_code": Secret(next(iter(api.codes))),
    }
    with running(api, "slack", api.bot) as run:
        assert data(run("auth_test")) == {
            "user_id": "U1", "user": "ci", "team_id": "T1", "team": "Acme", "url": "https://acme.slack.com/",
            "bot_id": None, "scopes": "chat:write",
        }  # fmt: skip
        created = run("create_token", codes, token_to=[store])
        assert data(created) == {"id": "U9", "scope": "chat:write", "app_id": "A1", "team_id": "T1"}
        assert "authorization" not in api.calls[-1].headers
        assert code(run("create_token", codes, token_to=[f"{store}-2"])) == (REFUSED, "validation")
        wrong = codes | {"client_secret": Secret("fake-wrong-0123456789abcdef")}
        assert code(run("create_token", wrong, token_to=[f"{store}-2"])) == (REFUSED, "unauthorized")
        token = read_token(store)
        teams = data(run("list_teams", by=token))["teams"]
        assert [row["id"] for row in teams] == ["T1", "T2", "T3", "T4", "T5"]
        assert data(run("revoke_token", {"token": token})) == {"revoked": True}
        for action, inputs in (("auth_test", {}), ("list_teams", {}), ("revoke_token", {"token": token})):
            assert code(run(action, inputs, by=token)) == (REFUSED, "unauthorized"), action
        assert code(run("auth_test", by="fake-xoxb-of-no-one-0123456789")) == (REFUSED, "unauthorized")
        api.codes.add("fake-code-0002-0123456789abcdef")
        lost = run("create_token", codes | {"oauth_code": Secret("fake-code-0002-0123456789abcdef")}, token_to=[Full()])
        assert (lost.outcome, api.calls[-1].path, api.live) == (
            Outcome.NOT_STORED,
            "/api/auth.revoke",
            {api.bot, api.config},
        )
        api.faults = [(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "0"})]
        assert data(run("auth_test"))


def test_an_app_of_slack_is_created_from_a_manifest_by_a_configuration_token(tmp_path: Path) -> None:
    api, store = Slack(), f"file:{tmp_path}/token.json"
    manifest = {"display_information": {"name": 'C"I'}}
    with running(api, "slack", api.config) as run:
        created = run("create_app", {"manifest": manifest}, token_to=[store])
        assert data(created) == {"id": "A3", "client_id": "1.2", "install_url": "https://slack.com/oauth"}
        assert read_token(store).reveal() in api.live
        assert code(run("create_app", {"manifest": {}}, token_to=[f"{store}-2"])) == (REFUSED, "validation")
        by_bot = run("create_app", {"manifest": manifest}, by=api.bot, token_to=[f"{store}-2"])
        assert code(by_bot) == (REFUSED, "forbidden")
        assert run("create_app", {"manifest": manifest}, token_to=[Full()]).outcome is Outcome.NOT_STORED
        assert api.apps == {"A3"}
        assert data(run("delete_app", {"app_id": "A3"})) == {}
        assert code(run("delete_app", {"app_id": "A3"})) == (REFUSED, "not_found")


def test_a_client_secret_of_an_application_is_exchanged_at_another_host_and_lives_its_whole_life(
    tmp_path: Path,
) -> None:
    api, store = MicrosoftGraph(), f"file:{tmp_path}/token.json"
    app = {"application_id": "app-1"}
    with running(api, "microsoft_graph", api.secret, "app-1") as run:
        os.environ["MICROSOFT_GRAPH_BASE_URL_LOGIN"] = f"{api.host}/acme"
        rows = data(run("list_applications"))["applications"]
        assert [row["id"] for row in rows] == ["app-1", "app-2", "app-3"]
        assert [call.path for call in api.calls] == ["/acme/oauth2/v2.0/token", *["/v1.0/applications"] * 2]
        created = run("create_password", app | {"name": "CI", "expires_at": "2027-01-01T00:00:00Z"}, token_to=[store])
        assert data(created)["application_id"] == "app-1"
        secret = read_token(store)
        passwords = data(run("list_passwords", app, by=secret))["passwords"]
        assert [(row["name"], row["hint"]) for row in passwords] == [("first", "fak"), ("CI", "fak")]
        second = run("create_password", app | {"name": "CD"}, token_to=[store], replace=True)
        assert data(second)["expires_at"] == "2028-01-01T00:00:00Z"
        gone = app | {"password_id": data(created)["id"]}
        assert data(run("delete_password", gone)) == {}
        dead = run("list_passwords", app, by=secret)
        assert code(dead) == (REFUSED, "unauthorized")
        assert "AADSTS7000215" in str(dead.problem and dead.problem.message)
        assert data(run("list_passwords", app, by=read_token(store)))
        again = run("delete_password", gone)
        assert code(again) == (REFUSED, "validation")
        assert again.problem is not None
        assert again.problem.hint == "The application has no client secret with this key id."
        assert code(run("list_passwords", {"application_id": "app-9"})) == (REFUSED, "not_found")
        lost = run("create_password", app | {"name": "lost"}, token_to=[Full()])
        assert (lost.outcome, api.calls[-1].path) == (Outcome.NOT_STORED, "/v1.0/applications/app-1/removePassword")
        assert [row["displayName"] for row in api.passwords["app-1"].values()] == ["first", "CD"]
