"""``lockml verify``: download and hash every wheel of a lock once, and mark the lock as verified."""

from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from lockml.cli.common.command import declare
from lockml.cli.common.completion import complete_files
from lockml.cli.common.files import read_file, write_files
from lockml.cli.common.options import cache_option, insecure_host_option, option
from lockml.cli.common.read_lock import read_lock
from lockml.cli.common.terminal import note, warn
from lockml.cli.verify.verification import print_deviations, verify_lock
from lockml.common.display import redact
from lockml.common.errors import InputError
from lockml.index.open import IndexOptions
from lockml.lock.formats.pylock import format_lock, parse_lock

__all__ = ["command"]


@declare(
    "verify",
    short_help="Download the wheels of a lock and compare them with it.",
    examples=(
        ("lockml verify", "Verify pylock.toml."),
        ("lockml verify locks/gpu.toml --offline", "Verify with the results of earlier runs only."),
    ),
)
@click.argument("lock", default="pylock.toml", shell_complete=complete_files)
@option("--index-url", "-i", metavar="URL", show_default="the lock's, pip's", help="Package index, with credentials.")
@option(
    "--cert",
    type=click.Path(path_type=Path),
    show_default="pip's, the system's",
    help="CA certificates to trust (PEM).",
)
@option(
    "--client-cert", type=click.Path(path_type=Path), show_default="pip's", help="Client certificate and key (PEM)."
)
@insecure_host_option
@option("--offline", is_flag=True, help="Use only the results of earlier runs; make no network requests.")
@cache_option
def command(lock: str, index_url: str | None, **given: Any) -> int:
    """Download every wheel of LOCK once, hash it, and compare what it installs with the lock.

    Marks each wheel that matches with `verified = true` in LOCK. Default: pylock.toml. lockml keeps the results but not
    the wheels; an interrupted run continues where it stopped. Exit codes: 0 everything matches, 1 the lock does not
    match, 4 a wheel could not be downloaded or has another hash.
    """
    before = read_lock(lock)
    if before.format:
        problem = f"is a {before.format}, which does not record what its wheels install"
        raise InputError(lock, problem, hint=f"run `lockml adopt {lock}` to make a lock that does")
    indexes = replace(before.indexes, url=index_url) if index_url else before.indexes
    access = IndexOptions(
        cache_dir=given["cache_dir"],
        offline=given["offline"],
        certificates=given["cert"],
        client_certificate=given["client_cert"],
        insecure_hosts=given["allow_insecure_host"],
    )
    found = verify_lock(before, lock, indexes, access)
    for error in found.errors:
        warn(redact(f"{error}{f' ({error.hint})' if error.hint else ''}"))
    if found.deviations:
        print_deviations(lock, found)
        return 1
    state = _written(lock, format_lock(found.lock), before.sha256)
    note(f"Verified {found.wheels}: {lock} ({state})")
    return 4 if found.errors else 0


def _written(lock: str, text: str, sha256: str) -> str:
    """Write *text* if the file *lock* still has the hash that was read; return the result in words."""
    if not Path(lock).is_file():
        return "not written: not a file"
    now = parse_lock(read_file(lock), lock).sha256
    if now != sha256:
        raise InputError(lock, "changed while lockml verified it, so nothing was written", hint="run it again")
    return "written" if write_files({lock: text}) else "unchanged"
