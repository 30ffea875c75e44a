"""Airbyte's CDK: its HttpRequester, with the same body as templates."""

from __future__ import annotations

import logging
import os

os.environ["DO_NOT_TRACK"] = "1"  # before it is imported

from airbyte_cdk.sources.declarative.auth.token import BearerAuthenticator
from airbyte_cdk.sources.declarative.auth.token_provider import InterpolatedStringTokenProvider
from airbyte_cdk.sources.declarative.interpolation.interpolated_nested_mapping import InterpolatedNestedMapping
from airbyte_cdk.sources.declarative.requesters import HttpRequester
from airbyte_cdk.sources.declarative.requesters.request_options.interpolated_request_options_provider import (
    InterpolatedRequestOptionsProvider,
)
from work import CREDENTIAL, INPUTS, PATH, URL, begin, each

logging.disable(logging.CRITICAL)
config = {**INPUTS, "token": CREDENTIAL}


def requester(method: str, body: dict[str, object]) -> HttpRequester:
    """What sends one kind of request."""
    provider = InterpolatedStringTokenProvider(config, "{{ config['token'] }}", {})
    return HttpRequester(
        name="pats",
        config=config,
        parameters={},
        url_base=URL,
        path=PATH,
        http_method=method,
        authenticator=BearerAuthenticator(provider, config=config, parameters={}),
        request_options_provider=InterpolatedRequestOptionsProvider(
            config=config, parameters={}, request_body_json=body
        ),
    )


creating = requester("POST", {name: f"{{{{ config['{name}'] }}}}" for name in INPUTS})
reading = requester("GET", {})


def create() -> object:
    """One token."""
    return creating.send_request().json()


def read() -> object:
    """The tokens there are."""
    return reading.send_request().json()


body = InterpolatedNestedMapping({name: f"{{{{ config['{name}'] }}}}" for name in INPUTS}, parameters={})


def render() -> object:
    """The body of one token, from its templates."""
    return body.eval(config)


begin(create=each(create), read=each(read), render=each(render))
