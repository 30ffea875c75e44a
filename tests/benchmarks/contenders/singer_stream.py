"""Singer's SDK: its REST streams, with the body passed in whole; each row is a record of the stream."""

from __future__ import annotations

import logging
import os
from typing import Any

from singer_sdk import Stream, Tap
from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.streams import RESTStream
from work import CREDENTIAL, INPUTS, PATH, URL, begin, each

logging.disable(logging.CRITICAL)


class Reading(RESTStream[int]):
    """The tokens there are."""

    name = "pats"
    path = PATH
    url_base = URL
    schema = {"type": "object", "properties": {}}  # noqa: RUF012  # as its users write it

    @property
    def authenticator(self) -> BearerTokenAuthenticator:
        """The credential."""
        return BearerTokenAuthenticator(token=CREDENTIAL)


class Creating(Reading):
    """One token."""

    name = "created"
    http_method = "POST"
    records_jsonpath = "$"

    def prepare_request_payload(self, context: Any, next_page_token: Any) -> dict[str, Any]:  # noqa: ARG002  # its hook
        """The body."""
        return INPUTS


class Pats(Tap):
    """What has the streams."""

    name = "tap-pats"
    config_jsonschema = {"properties": {}}  # noqa: RUF012  # as its users write it

    def discover_streams(self) -> list[Stream]:
        """Both."""
        return [Reading(self), Creating(self)]


tap = Pats(config={})
reading, creating = tap.streams["pats"], tap.streams["created"]
for stream in (reading, creating):  # it looks at no variable of the environment
    stream.requests_session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True


def create() -> object:
    """One token."""
    return list(creating.request_records(None))


def read() -> object:
    """The tokens there are."""
    return list(reading.request_records(None))


begin(create=each(create), read=each(read))
