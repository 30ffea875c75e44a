"""dlt: its REST client, with the body passed in whole."""

from __future__ import annotations

import os

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"  # before it is imported

from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.auth import BearerTokenAuth
from work import CREDENTIAL, INPUTS, PATH, URL, begin, each

client = RESTClient(URL, auth=BearerTokenAuth(CREDENTIAL))


def create() -> object:
    """One token."""
    return client.post(PATH, json=INPUTS).json()


def read() -> object:
    """The tokens there are."""
    return client.get(PATH).json()


begin(create=each(create), read=each(read))
