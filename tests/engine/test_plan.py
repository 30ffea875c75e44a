"""What a run would send, without sending it."""

from __future__ import annotations

import json

from locoia_pat.engine.action import CompiledAction
from locoia_pat.engine.request_plan import Plan
from locoia_pat.secrets.secret import MASK
from locoia_pat.spec.load import SpecFolder

FOLDER = SpecFolder()


def test_a_plan_is_the_request_with_its_credential_masked() -> None:
    action = CompiledAction(FOLDER.action("regenerate_pat"))
    request = action.request(action.check({"token_id": "7", "expiration": None}), "https://api.locoia.com/v1")
    plan = Plan.of(action, request, ("Authorization", "Bearer $LOCOIA_TOKEN"), []).to_dict()
    assert plan == {
        "action": "regenerate_pat",
        "effect": "rotate",
        "method": "POST",
        "url": "https://api.locoia.com/v1/personal-access-tokens/7/regenerate",
        "headers": {"accept": "application/json", "content-type": "application/json", "authorization": MASK},
        "body": {"expiration": None},
        "retry": "sent once; up to 3 attempts only if the request provably never left, or after 429",
        "template_uses": [
            {
                "location": "path",
                "template": "/personal-access-tokens/{{ token_id }}/regenerate",
                "inputs": ["token_id"],
            },
            {"location": "body.expiration", "template": "{{ expiration }}", "inputs": ["expiration"]},
        ],
        "curl": (
            "curl --request POST --header 'accept: application/json' --header 'content-type: application/json'"
            ' --header "authorization: Bearer $LOCOIA_TOKEN" --data-raw \'{"expiration": null}\''
            " https://api.locoia.com/v1/personal-access-tokens/7/regenerate"
        ),
    }
    assert json.loads(json.dumps(plan)) == plan


def test_a_plan_of_a_request_without_a_body_has_none() -> None:
    action = CompiledAction(FOLDER.action("list_pats"))
    plan = Plan.of(action, action.request({}, "https://api.locoia.com/v1"), ("X-Key", MASK), [])
    assert plan.body is None
    assert plan.retry == "up to 3 attempts: after a lost response, 408, 429 and 5xx"
    assert plan.template_uses == ()
    assert plan.curl == (
        f"curl --request GET --header 'accept: application/json' --header 'x-key: {MASK}'"
        " https://api.locoia.com/v1/personal-access-tokens"
    )
    assert plan.headers == {"accept": "application/json", "x-key": MASK}
