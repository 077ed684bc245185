"""``lockml verify``: a lock in; every wheel of it fetched once and hashed, and the lock marked as verified, out."""

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
    short_help="Hold a lock against the bytes of its wheels.",
    examples=(
        ("lockml verify", "Hold pylock.toml against all bytes of its wheels."),
        ("lockml verify locks/gpu.toml --offline", "Only with what an earlier run found."),
    ),
)
@click.argument("lock", default="pylock.toml", shell_complete=complete_files)
@option("--index-url", "-i", metavar="URL", show_default="the lock's, pip's", help="The package index, with a login.")
@option(
    "--cert", type=click.Path(path_type=Path), show_default="pip's, the system's", help="Authorities to trust (PEM)."
)
@option(
    "--client-cert", type=click.Path(path_type=Path), show_default="pip's", help="Certificate and key to show (PEM)."
)
@insecure_host_option
@option("--offline", is_flag=True, help="Use nothing but what an earlier run found.")
@cache_option
def command(lock: str, index_url: str | None, **given: Any) -> int:
    """Fetch every wheel of LOCK once, hash it whole, and hold what the lock says that it installs against its bytes.

    Marks what holds with `verified = true` in LOCK, pylock.toml unless named. No wheel is kept, only what was found:
    a run that was ended goes on where it stopped. Exit codes: 0 all hold, 1 the lock does not hold, 4 a wheel could not
    be fetched or has another hash.
    """
    before = read_lock(lock)
    if before.format:
        problem = f"is a {before.format}, which does not say what its wheels install"
        raise InputError(lock, problem, hint=f"make a lock of it that does: `lockml adopt {lock}`")
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
    """Write *text* where the file *lock* is still the one that was read, by its hash; say what became of it."""
    if not Path(lock).is_file():
        return "not written: it is no file"
    now = parse_lock(read_file(lock), lock).sha256
    if now != sha256:
        raise InputError(lock, "was changed while it was verified, and is not written", hint="run it again")
    return "written" if write_files({lock: text}) else "unchanged"
