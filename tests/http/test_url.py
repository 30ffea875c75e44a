"""Base addresses: which may be called, and by whose credential."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locoia_pat.http.url import is_loopback, resolve_url, validate_base_url
from locoia_pat.outcomes import InvalidError
from tests.support.cells import cell

HOSTS = ["api.locoia.com", "eu.locoia.com"]


def test_an_address_of_the_connector_or_of_this_computer_may_be_called() -> None:
    for url, address in [
        ("https://api.locoia.com/v1", "https://api.locoia.com/v1"),
        ("https://api.locoia.com/v1//", "https://api.locoia.com/v1"),
        (" https://eu.locoia.com\n", "https://eu.locoia.com"),
        ("https://api.locoia.com:8443/v1", "https://api.locoia.com:8443/v1"),
        ("https://API.Locoia.com/v1", "https://API.Locoia.com/v1"),
        ("http://localhost:8000/", "http://localhost:8000"),
        ("http://LOCALHOST/v1", "http://LOCALHOST/v1"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:8/v1", "http://[::1]:8/v1"),
        ("https://localhost", "https://localhost"),
        ("https://api.locoia.com?#", "https://api.locoia.com"),
    ]:
        with cell(url, address):
            assert validate_base_url(url, HOSTS, source="base_url") == address


def test_no_other_address_sees_the_credential() -> None:
    for url, part in [
        ("", "not an http or https URL"),
        ("api.locoia.com", "not an http or https URL"),
        ("//api.locoia.com", "not an http or https URL"),
        ("ftp://api.locoia.com", "not an http or https URL"),
        ("file:///etc/passwd", "not an http or https URL"),
        ("https://", "not an http or https URL"),
        ("https:///v1", "not an http or https URL"),
        ("http://[::1", "is not a valid URL"),
        ("https://api.locoia.com:99999", "is not a valid URL"),
        ("https://api.locoia.com:x", "is not a valid URL"),
        ("https://api.locoia.com\u2100", "is not a valid URL"),
        ("https://user:pass@api.locoia.com", "contains a credential"),
        ("https://hunter2@api.locoia.com", "contains a credential"),
        ("https://:@api.locoia.com", "contains a credential"),
        ("https://api.locoia.com\\@evil.example", "contains a credential"),
        ("https://user@localhost", "contains a credential"),
        ("https://api.locoia.com/v1?token=hunter2", "has a query"),
        ("https://api.locoia.com/v1#hunter2", "has a query"),
        ("http://localhost?x", "has a query"),
        ("http://api.locoia.com/v1", "plain http to api.locoia.com"),
        ("http://0.0.0.0", "plain http to 0.0.0.0"),
        ("http://localhost.", "plain http to localhost."),
        ("http://localhost.evil.example", "plain http to localhost.evil.example"),
        ("http://127.0.0.1.evil.example", "plain http to 127.0.0.1.evil.example"),
        ("http://[::2]", "plain http to ::2"),
        ("https://evil.example", "evil.example is not a host of this connector"),
        ("https://api.locoia.com.evil.example", "is not a host of this connector"),
        ("https://evil-api.locoia.com", "is not a host of this connector"),
        ("https://api.locoia.com\n.evil.example", "is not a host of this connector"),
        ("https://10.0.0.1", "10.0.0.1 is not a host of this connector"),
    ]:
        with cell(url, part):
            with pytest.raises(InvalidError, match=r"\ALOCOIA_BASE_URL: ") as caught:
                validate_base_url(url, HOSTS, source="LOCOIA_BASE_URL")
            assert part in caught.value.problem.message
            assert caught.value.problem.field == "LOCOIA_BASE_URL"
            assert caught.value.problem.hint
            assert "hunter2" not in str(caught.value)
            assert caught.value.__cause__ is None


def test_the_hosts_of_the_connector_are_told() -> None:
    with pytest.raises(InvalidError, match=r"api\.locoia\.com, eu\.locoia\.com"):
        validate_base_url("https://evil.example", HOSTS[::-1], source="base_url")


@given(host=st.from_regex(r"[a-z0-9.-]{1,30}", fullmatch=True), scheme=st.sampled_from(["http", "https"]))
def test_whatever_the_host_an_address_is_refused_or_leads_there(host: str, scheme: str) -> None:
    url = f"{scheme}://{host}/v1"
    try:
        address = validate_base_url(url, HOSTS, source="base_url")
    except InvalidError:
        assert not is_loopback(host)
        assert scheme == "http" or host not in HOSTS
    else:
        assert address == url
        assert is_loopback(host) or host in HOSTS


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.255.255.254", "::1"])
def test_this_computer_is_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", [None, "", "0.0.0.0", "10.0.0.1", "::", "localhost.com", "128.0.0.1", "\ud800"])  # noqa: S104  # the address of no one
def test_other_computers_are_not(host: str | None) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("path", ["/a b", "/\x00", "/../..", "/v1/.."])
def test_a_base_url_has_a_plain_path(path: str) -> None:
    with pytest.raises(InvalidError):
        validate_base_url(f"https://api.example{path}", ["api.example"], source="x")


@pytest.mark.parametrize(
    ("url", "resolved"),
    [
        ("https://api.acme.example/v1/rows?page=2", "https://api.acme.example/v1/rows?page=2"),
        ("https://api.acme.example:443/rows", "https://api.acme.example/rows"),
        ("HTTPS://API.Acme.example/rows#top", "https://api.acme.example/rows"),
        ("//api.acme.example:/rows", "https://api.acme.example/rows"),
        ("https://jobs.acme.example:443/j", "https://jobs.acme.example/j"),
        ("https://api.acme.example:8443/rows", None),
        ("https://jobs.acme.example:8443/j", None),
        ("http://jobs.acme.example/j", None),
        ("http://api.acme.example:443/rows", None),
        ("https://me@api.acme.example/rows", None),
        ("https://:pw@jobs.acme.example/j", None),
        ("https://api.acme.example:99999/rows", None),
        ("https://api.acme.example.evil.example/rows", None),
    ],
)
def test_a_url_in_a_response_is_on_a_host_however_that_is_written(url: str, resolved: str | None) -> None:
    start = "https://api.acme.example/v1/rows"
    hosts = ["api.acme.example", "jobs.acme.example"]
    if resolved is None:
        with pytest.raises(ValueError, match="and was not followed"):
            resolve_url(url, start, start, what="the URL", hosts=hosts)
        return
    assert resolve_url(url, start, start, what="the URL", hosts=hosts) == resolved
    explicit = start.replace("example/", "example:443/", 1)
    assert resolve_url(url, explicit, explicit, what="the URL", hosts=hosts).replace(":443", "") == resolved
