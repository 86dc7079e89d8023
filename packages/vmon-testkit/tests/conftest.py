"""Helpers for tests that talk to a stand-in."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Any

import attrs
import pytest


@attrs.frozen
class Answer:
    """What an HTTP request got."""

    status: int
    text: str

    @property
    def data(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


@attrs.frozen
class Client:
    """Sends requests to one server."""

    url: str
    headers: dict[str, str] = attrs.field(factory=dict)

    def send(self, method: str, path: str, body: object = None, *, timeout: float = 10.0) -> Answer:
        """Send a request; a status that means an error is an answer, too."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, self.headers, method=method)  # noqa: S310 (loopback)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310 (likewise)
                return Answer(answer.status, answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read().decode())

    def get(self, path: str, *, timeout: float = 10.0) -> Answer:
        """Send a GET."""
        return self.send("GET", path, timeout=timeout)

    def post(self, path: str, body: object = None, *, timeout: float = 10.0) -> Answer:
        """Send a POST."""
        return self.send("POST", path, {} if body is None else body, timeout=timeout)

    def metric(self, name: str, labels: str = "") -> float | None:
        """The first sample of a scrape with that name, and with that text among its labels."""
        scrape = self.get("/metrics")
        assert scrape.status == HTTPStatus.OK
        for line in scrape.text.splitlines():
            head, _, value = line.rpartition(" ")
            if head.partition("{")[0] == name and labels in head:
                return float(value)
        return None

    def complete(self, max_tokens: int = 4, *, patience: float = 10.0, **more: object) -> Answer:
        """Ask for a completion, and wait `patience` seconds for it."""
        body = {"prompt": "one two three", "max_tokens": max_tokens, **more}
        return self.post("/v1/completions", body, timeout=patience)


@pytest.fixture
def client() -> type[Client]:
    """The client's class: test folders are no packages, so tests get it here."""
    return Client
