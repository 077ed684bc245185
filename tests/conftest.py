"""Everyday tests open no socket: whoever needs one says so with a marker."""

import socket

import pytest

_WITH_SOCKETS = ("engine", "online", "loopback")


@pytest.fixture(autouse=True)
def _no_sockets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not any(request.node.get_closest_marker(marker) for marker in _WITH_SOCKETS):

        def refuse(*_: object) -> None:
            raise AssertionError("this test opens a socket and has no marker that says so")

        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr(socket.socket, "bind", refuse)
