"""Which tests are quick: those without a marker open no socket, start no process and are marked `unit`.

Outside CI, a module of tests that imports what only an extra brings is skipped where that is not installed.
"""

import os
import socket
import subprocess
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

_WITH_SOCKETS = ("engine", "online", "loopback")
_WITH_PROCESSES = (*_WITH_SOCKETS, "process")
_NOT_QUICK = (*_WITH_PROCESSES, "slow")
_IN_CI = os.environ.get("LOCKML_REQUIRE_ENGINE") == "1"
_OF_EXTRAS = (
    *("alembic", "apprise", "celery", "cronsim", "jinja2", "kombu", "pebble", "prometheus_client", "psycopg"),
    *("sqlalchemy", "starlette", "uvicorn"),  # of audit and fleet; the rest of dev
    *("axe_playwright_python", "cyclonedx", "httpx2", "isal", "jsonschema", "kubernetes_validate", "playwright"),
    *("schemathesis", "trustme", "uv", "zensical"),
)
"""What modules of tests import and lockml itself can do without."""
_ENGINE = "tests/engine/"
_LONG = 40  # bytes
_FOLDERS = {"audit/store": "sqlalchemy", "engine": "uv"}
"""What the conftest.py of a folder imports of them."""
_LEFT_OUT = {} if _IN_CI else {folder: name for folder, name in _FOLDERS.items() if find_spec(name) is None}
collect_ignore = list(_LEFT_OUT)

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")  # a machine that has much else to do is no fault of what is tested


class _Module(pytest.Module):
    """A module of tests that is skipped, with the reason, where it imports what no extra has brought."""

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        try:
            return super().collect()
        except Exception as error:
            cause: BaseException | None = error
            while cause is not None and not isinstance(cause, ModuleNotFoundError):
                cause = cause.__cause__
            if cause is not None and (cause.name or "").partition(".")[0] in _OF_EXTRAS:
                pytest.skip(f"needs {cause.name}: pip install -e '.[dev]'", allow_module_level=True)
            raise


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Skip what cannot be imported without extras; CI has them all, and fails."""
    if _IN_CI:
        return None
    module: _Module = _Module.from_parent(parent, path=module_path)
    return module


def pytest_report_header() -> list[str]:
    """Name the folders that are left out."""
    return [f"left out: tests/{folder}, which needs {name}" for folder, name in _LEFT_OUT.items()]


def _has(item: pytest.Item, markers: tuple[str, ...]) -> bool:
    return any(item.get_closest_marker(marker) for marker in markers)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a long content by its parameter: some, such as an archive, is other bytes on each worker."""
    return argname if isinstance(val, bytes) and len(val) > _LONG else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if not _has(item, _NOT_QUICK):
            item.add_marker("unit")
    if hasattr(config, "workerinput"):  # of pytest-xdist
        items.sort(key=lambda item: _group(item.nodeid) != _ENGINE)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each worker of ``-n auto`` whole modules, and one worker all that share a Docker engine, to begin with."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415  # tests run without it, too

    class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid)

    config.option.loadscopereorder = False
    return Scheduling(config, log)


def _group(nodeid: str) -> str:
    return _ENGINE if nodeid.startswith(_ENGINE) else nodeid.partition("::")[0]


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
