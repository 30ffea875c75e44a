"""AWS Secrets Manager on loopback: moto's server, and the variables by which boto3 finds it."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3  # type: ignore[import-untyped]  # it has no types
from moto.server import ThreadedMotoServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

VARIABLES = {
    "AWS_ACCESS_KEY_ID": "AKIAFAKE0123456789AB",
    "AWS_SECRET_ACCESS_KEY": "fake-aws-secret-access-key-0123456789",
    "AWS_SESSION_TOKEN": "fake-aws-session-token-0123456789",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def use_endpoint(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Let boto3 find a region, a credential, and *url* as the endpoint."""
    for name, value in {**VARIABLES, "AWS_ENDPOINT_URL": url}.items():
        monkeypatch.setenv(name, value)


@contextmanager
def running_moto() -> Iterator[str]:
    """Run moto's server; yield its URL."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@cache
def secrets_client(url: str) -> Any:
    """Return boto3's client for the endpoint *url*; :func:`use_endpoint` must have been called."""
    return boto3.Session().client("secretsmanager", endpoint_url=url)
