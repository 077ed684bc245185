"""LK302: several indexes, any of which may serve any package."""

from collections.abc import Iterator

from lockml.docker.analysis import Analysis, Run, requires_hashes
from lockml.docker.installs.model import Install
from lockml.docker.model import Finding
from lockml.docker.rules.registry import RULES

__all__ = ["find_merged_indexes"]


def find_merged_indexes(analysis: Analysis) -> Iterator[Finding]:
    """Yield a warning for each installation that uses whichever index has the highest version.

    pip searches all indexes. uv searches them in order and uses the first with the package, unless an option differs.
    """
    known: set[str] = set()
    for run, install in analysis.installs:
        if not (install.is_pip or install.tool in ("uv sync", "uv add")) or install.has("--no-index", "--dry-run"):
            continue
        if requires_hashes(install) or _hashed(analysis, run, install) or install.frozen:
            continue
        message = _merged(install)
        option = install.option("--extra-index-url", "--index-strategy")
        if message is None or (option is None and message in known):
            continue
        known.add(message)
        yield Finding(
            code="LK302",
            severity=RULES["LK302"].severity,
            message=message,
            source=analysis.source,
            start=option.start if option else install.command.start,
            stop=option.stop if option else install.command.stop,
            hint="lock with `lockml compile --index NAME=URL --index-only NAME=PROJECT`, install with --require-hashes",
        )


def _hashed(analysis: Analysis, run: Run, install: Install) -> bool:
    if install.named or install.archives or not install.files:
        return False
    found = [analysis.pins_of(run, install, option) for option in install.files]
    return all(each is not None and each[1].is_lock for each in found)


def _merged(install: Install) -> str | None:
    """Return how indexes are merged, None if they are not."""
    if install.tool == "pip":
        if install.has("--extra-index-url"):
            return "pip takes each package from whichever index has the highest version of it"
        if install.is_set("PIP_EXTRA_INDEX_URL"):
            return "PIP_EXTRA_INDEX_URL: pip takes each package from whichever index has the highest version of it"
        return None
    option = install.option("--index-strategy")
    several = install.has("--extra-index-url", "--index") or any(
        map(install.is_set, ("UV_EXTRA_INDEX_URL", "UV_INDEX"))
    )
    if install.tool == "uv pip" and not several:
        return None
    strategy = option.value if option else install.variables.get("UV_INDEX_STRATEGY")
    if strategy and strategy.startswith("unsafe"):
        return f"{strategy}: uv takes each package from any of its indexes"
    return None
