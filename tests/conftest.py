"""Which tests are quick: those without a marker open no socket, start no process and are marked `unit`."""

import os
import socket
import subprocess

import pytest
from hypothesis import HealthCheck, settings

_WITH_SOCKETS = ("engine", "online", "loopback")
_WITH_PROCESSES = (*_WITH_SOCKETS, "process")
_NOT_QUICK = (*_WITH_PROCESSES, "slow")

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")  # a machine that has much else to do is no fault of what is tested


def _has(item: pytest.Item, markers: tuple[str, ...]) -> bool:
    return any(item.get_closest_marker(marker) for marker in markers)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not _has(item, _NOT_QUICK):
            item.add_marker("unit")


@pytest.fixture(autouse=True)
def _marked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse what a test has no marker for."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("this test opens a socket or starts a process, and has no marker that says so")

    if not _has(request.node, _WITH_SOCKETS):
        monkeypatch.setattr(socket.socket, "connect", refuse)
        monkeypatch.setattr(socket.socket, "bind", refuse)
    if not _has(request.node, _WITH_PROCESSES):
        monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
        monkeypatch.setattr(os, "fork", refuse)
        monkeypatch.setattr(os, "posix_spawn", refuse)
