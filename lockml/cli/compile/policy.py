"""The policy of the resolution, from the options."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path, PurePath

from packaging.utils import canonicalize_name

from lockml.cli.common.files import relative_location
from lockml.cli.compile.options import PolicyOptions
from lockml.common.durations import parse_age
from lockml.common.errors import InputError
from lockml.index.accelerators.choice import is_accelerator
from lockml.index.locations import NamedIndexes
from lockml.lock.model import BaseImage
from lockml.requirements.model import RequirementSet
from lockml.resolution.model import Exemptions, Policy, parse_exemptions, parse_selection

__all__ = ["make_policy", "newer_text", "with_accelerator_of_image"]


def make_policy(options: PolicyOptions, asked: RequirementSet, folder: Path, indexes: NamedIndexes) -> Policy:
    """Return the policy of *options* and of the files of *asked*, for *indexes*, with paths relative to *folder*.

    Raises InputError.
    """
    age = parse_age(options.exclude_newer) if options.exclude_newer else None
    moment = datetime.now(UTC) - age if age else None
    if options.exclude_newer and age is None:
        moment = _parse_moment(options.exclude_newer)
    exempt = parse_exemptions(_without_names(options.exclude_newer_except, indexes))
    named = asked.options
    return Policy(
        prereleases=named.prereleases if options.pre is None else options.pre,
        stable_only=options.pre is False,
        exclude_newer=moment,
        exclude_newer_age=options.exclude_newer if age else None,
        exempt=exempt if moment else Exemptions(),
        strategy=options.resolution or "highest",
        as_is=options.as_is,
        accelerator=options.accelerator or "",
        no_binary=parse_selection([*named.no_binary, *options.no_binary]),
        only_binary=parse_selection([*named.only_binary, *options.only_binary]),
        excludes=frozenset(map(canonicalize_name, options.exclude)),
        allow_build=parse_selection(
            name for each in options.allow_build for name in (each, _source_tree(each, folder))
        ),
    )


def _without_names(words: Sequence[str], indexes: NamedIndexes) -> Iterator[str]:
    """Yield *words* of exemptions, with the URL of each index that they name; raises InputError."""
    urls = {index.name: index.url for index in indexes.named}
    for word in words:
        name = word.removeprefix("index:")
        if word == name or "://" in name:
            yield word
        elif name in urls:
            yield f"index:{urls[name]}"
        else:
            raise InputError(
                f"--exclude-newer-except {word!r}",
                f"there is no --index {name}",
                hint=f"named indexes: {', '.join(urls) or 'none'}; "
                "write an index without a name as index:https://index.example/simple",
            )


def with_accelerator_of_image(options: PolicyOptions, image: BaseImage | None) -> PolicyOptions:
    """Return *options* with the accelerator of the base *image* for ``from-image``.

    Raises InputError if there is none, or for an unknown accelerator.
    """
    named = options.accelerator
    if named is None or is_accelerator(named):
        return options
    if named != "from-image":
        hint = "such as cpu, cu128, rocm6.4 or xpu; from-image uses that of --base-image, none removes that of the lock"
        raise InputError(f"--accelerator {named!r}", "is not an accelerator", hint=hint)
    if image is None:
        raise InputError("--accelerator from-image", "needs an image", hint="name it with --base-image")
    if not image.accelerator:
        problem = f"{image.reference} does not mention CUDA or ROCm, and has no torch"
        raise InputError("--accelerator from-image", problem, hint="name one, such as --accelerator cpu or cu128")
    return options._replace(accelerator=image.accelerator)


def newer_text(policy: Policy) -> str | None:
    """Return the value of ``--exclude-newer`` in *policy*, in one form however it was written."""
    moment = policy.exclude_newer
    if policy.exclude_newer_age is not None or moment is None:
        return policy.exclude_newer_age
    whole_day = moment.astimezone(UTC) - timedelta(days=1)
    return whole_day.date().isoformat() if whole_day.timetz() == time(tzinfo=UTC) else moment.isoformat()


def _parse_moment(text: str) -> datetime:
    """Return the time in *text* (RFC 3339); a date alone includes the whole day, UTC. Raises InputError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InputError(
            f"--exclude-newer {text!r}", "not a date or an age", hint="write 2026-11-01, 2026-11-01T12:00:00Z or 7d"
        ) from error
    if len(text) <= len("2026-11-01"):
        return moment.replace(tzinfo=UTC) + timedelta(days=1)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _source_tree(named: str, folder: Path) -> str:
    """Return *named*, a source tree or a file in it, as the lock names the tree; a project name stays."""
    path = PurePath(named)
    if path.name in ("setup.py", "setup.cfg", "pyproject.toml"):
        return relative_location(str(path.parent), folder)
    return relative_location(named, folder) if "/" in named or named == "." else named
