"""``lockml audit serve``: scheduled runs, the pages and the API, until the process is stopped."""

import os
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click
import uvicorn

from lockml.audit.config.model import AuditTarget, NotifyRule
from lockml.audit.delivery import check_addresses
from lockml.audit.heartbeat import Heartbeat, HeartbeatSettings
from lockml.audit.log import Log
from lockml.audit.runs.auditor import Auditor, Reload
from lockml.audit.runs.host import HostContext, utc_now
from lockml.audit.runs.process_pool import OnResult, OnWorkerLost, ProcessPool
from lockml.audit.runs.scheduler import Scheduler, Submit
from lockml.audit.store.workers import Role
from lockml.audit.web.app import build_app
from lockml.audit.web.security import is_loopback
from lockml.cli.audit.fleet import (
    FleetFile,
    FleetOptions,
    fleet_options,
    host_context,
    host_options,
    open_store,
    processes_option,
)
from lockml.cli.common.command import declare
from lockml.cli.common.options import option
from lockml.cli.common.terminal import note
from lockml.common.errors import InputError, StoreError

__all__ = ["read_token", "serve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """The options of one run, as given."""

    fleet: str
    store: str | None
    bind: str
    port: int
    token_file: Path | None
    processes: int | None
    schedule: bool
    log_format: str
    host: str
    cache_dir: Path | None
    state_dir: Path


@declare(
    "serve",
    short_help="Check every target on its schedule, and serve the pages.",
    examples=(
        ("lockml audit serve", "Check on schedule, and serve the pages."),
        ("lockml audit serve --bind 127.0.0.1:9000", "Serve at another address."),
    ),
)
@fleet_options
@option("--bind", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="The address of the pages.")
@option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="The port; 0 chooses a free one.",
)
@option(
    "--token-file",
    type=click.Path(path_type=Path),
    show_default="LOCKML_TOKEN",
    help="The file with the token of the pages; required if other machines can reach ADDRESS.",
)
@processes_option
@option(
    "--schedule/--no-schedule",
    default=True,
    show_default=True,
    help="--no-schedule serves the pages only: workers do the runs.",
)
@option("--log-format", type=click.Choice(["json", "text"]), default="json", show_default=True, help="Log format.")
@host_options
def serve(**options: object) -> int:
    """Check every target of this host on its schedule, send notifications, and serve the pages.

    The process may be killed at any time: the next start repeats unfinished runs. It reads the fleet file again when
    the file changes.
    """
    return _serve(_Settings(**options))  # type: ignore[arg-type] # click checked each of them


def read_token(file: Path | None) -> str | None:
    """Return the token of *file* or of LOCKML_TOKEN, None without either; raises InputError."""
    text = os.environ.get("LOCKML_TOKEN", "")
    if file is not None:
        try:
            text = file.read_text("utf-8")
        except OSError as error:
            hint = "`openssl rand -hex 32` generates a token"
            raise InputError(f"--token-file {str(file)!r}", f"cannot be read ({error.strerror})", hint=hint) from error
        except UnicodeDecodeError as error:
            raise InputError(f"--token-file {str(file)!r}", "is not UTF-8") from error
    token = text.strip()
    if token and (len(token) < 16 or not token.isascii() or not token.isprintable()):
        raise InputError(
            f"--token-file {str(file)!r}" if file is not None else "LOCKML_TOKEN",
            "must be at least 16 printable ASCII characters",
            hint="openssl rand -hex 32",
        )
    if file is not None and not token:
        raise InputError(f"--token-file {str(file)!r}", "is empty")
    return token or None


def _serve(settings: _Settings) -> int:
    token = read_token(settings.token_file)
    if token is None and not is_loopback(settings.bind):
        hint = "set LOCKML_TOKEN or use --token-file, or bind to 127.0.0.1"
        raise InputError(f"--bind {settings.bind}", "other machines can reach it, and no token is set", hint=hint)
    options = FleetOptions(fleet=settings.fleet, store=settings.store)
    file = FleetFile(options)
    check_addresses(file.fleet.notify)
    log = Log.standard(settings.log_format, utc_now)
    log.capture()
    with open_store(options, file.fleet) as store:
        with suppress(StoreError):  # try again later if it does not respond; an invalid store is an error
            store.history.waiting_messages()
        context = host_context(settings.host, settings.cache_dir, settings.state_dir, store)
        auditor = Auditor(file.fleet, store, context, log)
        processes = settings.processes or file.fleet.processes or len(os.sched_getaffinity(0))
        with ProcessPool(processes, settings.cache_dir) as pool:
            scheduler = Scheduler(auditor, _submit_to(pool, auditor), file.reload)
            app = _pages(auditor, scheduler, settings, token)
            with _listening(settings.bind, settings.port) as listener:
                name = f"[{settings.bind}]" if ":" in settings.bind else settings.bind
                address = f"http://{name}:{listener.getsockname()[1]}"
                log("serving", address=address, store=store.database.name, host=settings.host, processes=processes)
                if sys.stderr.isatty():
                    note(f"lockml audit: {address}")
                heartbeat = _heartbeat(auditor, context, settings, file.reload)
                heartbeat.start()
                if settings.schedule:
                    scheduler.start()
                for number in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(number, _noted)
                try:
                    _web_server(app).run(sockets=[listener])
                finally:
                    scheduler.stop()
                    heartbeat.stop()
    log("ended")
    return 0


def _pages(auditor: Auditor, scheduler: Scheduler, settings: _Settings, token: str | None) -> object:
    return build_app(
        auditor.store,
        token=token,
        hosts=() if token is not None else {"localhost", "127.0.0.1", "[::1]", settings.bind},
        actions=lambda: auditor.fleet.actions,
        alive=lambda: scheduler.alive or not settings.schedule,
    )


def _heartbeat(auditor: Auditor, context: HostContext, settings: _Settings, reload: Reload) -> Heartbeat:
    role: Role = "serve" if settings.schedule else "pages"
    if settings.schedule:  # the scheduler reads the fleet file again, and has a thread for deliveries
        given = HeartbeatSettings(context=context, role=role, rules=lambda: auditor.fleet.notify)
        return Heartbeat(auditor.store, given, auditor.log)

    def rules() -> tuple[NotifyRule, ...]:
        auditor.reload_fleet(reload)
        return auditor.fleet.notify

    given = HeartbeatSettings(context=context, role=role, rules=rules)
    return Heartbeat(auditor.store, given, auditor.log, auditor.deliver)


def _submit_to(pool: ProcessPool, auditor: Auditor) -> Submit:
    def submit(target: AuditTarget, tick: datetime, on_result: OnResult, on_worker_lost: OnWorkerLost) -> None:
        pool.submit(auditor.work(target, tick, "schedule"), on_result, on_worker_lost)

    return submit


def _listening(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        hint = "choose another port with --port, or another address with --bind"
        raise InputError(
            f"--bind {address} --port {port}", f"cannot listen there ({error.strerror})", hint=hint
        ) from error
    listener.listen(128)
    return listener


def _noted(*_: object) -> None:
    """Let the server stop on its own: it passes the signal on."""


def _web_server(app: object) -> uvicorn.Server:
    config = uvicorn.Config(
        app,  # type: ignore[arg-type] # uvicorn's own type of an application is private
        log_config=None,  # its warnings go to the common log
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=5,
    )
    return uvicorn.Server(config)
