"""URLs, credentials and what is shown of them."""

from __future__ import annotations

import pytest

from vmon_core.errors import ConfigError
from vmon_plugin_vllm.http.endpoint import parse_endpoint


@pytest.mark.parametrize(
    ("url", "shown", "target"),
    [
        ("http://gpu1:8000", "http://gpu1:8000", "/health"),
        ("http://gpu1", "http://gpu1:80", "/health"),
        ("https://gpu1/prefix/", "https://gpu1:443/prefix", "/prefix/health"),
        ("http://[::1]:8000", "http://[::1]:8000", "/health"),
        ("unix:///run/vllm.sock", "unix:///run/vllm.sock", "/health"),
    ],
)
def test_addresses(url: str, shown: str, target: str) -> None:
    """Each form of address is understood and shown in full."""
    endpoint = parse_endpoint(url)
    assert endpoint.url == shown
    assert endpoint.target("/health") == target


@pytest.mark.parametrize(
    "url", ["", "gpu1:8000", "ftp://gpu1", "http://", "http://gpu1:port", "http://[::1", "unix://"]
)
def test_unusable_urls(url: str) -> None:
    """A URL that cannot be used is a mistake of the user's, told in words."""
    with pytest.raises(ConfigError, match="URL"):
        parse_endpoint(url)


def test_credentials_are_sent_but_never_shown() -> None:
    """User and password become basic authentication and appear nowhere else."""
    endpoint = parse_endpoint("http://us%40er:pass%3Aword@gpu1:8000")
    assert endpoint.authorization == "Basic dXNAZXI6cGFzczp3b3Jk"
    assert "pass" not in repr(endpoint) + endpoint.url
    assert "dXN" not in repr(endpoint)


def test_unusable_url_does_not_show_its_password() -> None:
    """The message about a bad URL leaves the URL out."""
    with pytest.raises(ConfigError) as caught:
        parse_endpoint("ftp://user:hunter2@gpu1")
    assert "hunter2" not in str(caught.value)


def test_api_key_goes_before_url_credentials() -> None:
    """There is one Authorization header; a key that was given on purpose wins."""
    assert parse_endpoint("http://user:secret@gpu1", "sk-1").authorization == "Bearer sk-1"
