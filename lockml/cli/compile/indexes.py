"""The indexes that the options and inputs name."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec.structs import replace
from packaging.utils import canonicalize_name

from lockml.cli.common.files import relative_location
from lockml.cli.common.values import require_index_address
from lockml.cli.compile.options import IndexOptions
from lockml.common.display import redact
from lockml.common.errors import InputError
from lockml.index.accelerators.choice import accelerator_of_index, of_family
from lockml.index.locations import IndexLocation, NamedIndexes, with_login
from lockml.lock.inputs import LockInputs
from lockml.requirements.model import RequirementSet

__all__ = ["choose_indexes", "hint_of_accelerator"]


def choose_indexes(
    options: IndexOptions,
    asked: RequirementSet,
    folder: Path,
    environment: Mapping[str, str],
    accelerator: str | None = None,
) -> NamedIndexes:
    """Return the indexes that *options* and the files of *asked* name, with paths relative to *folder*.

    Indexes for another *accelerator* are excluded, and the torch family comes from the index for this one. Credentials
    may be in the *environment*: LOCKML_INDEX_<NAME>_USERNAME and _PASSWORD. Raises InputError.
    """
    if asked.options.index_url:
        require_index_address("--index-url of the requirements", asked.options.index_url)
    for url in asked.options.extra_index_urls:
        require_index_address("--extra-index-url of the requirements", url)
    links = (*options.find_links, *asked.options.find_links)
    return NamedIndexes(
        url=options.index_url or asked.options.index_url,
        extra_urls=(*options.extra_index_url, *asked.options.extra_index_urls),
        named=_of_accelerator(_parse_indexes(options.named_index, options.index_only, environment), accelerator),
        find_links=tuple(relative_location(link, folder) for link in links),
        no_index=options.no_index or asked.options.no_index,
    )


def _parse_indexes(
    named: Sequence[str], only: Sequence[str], environment: Mapping[str, str]
) -> tuple[IndexLocation, ...]:
    """Return the indexes of ``--index NAME=URL``, with the projects of ``--index-only NAME=PROJECT,…``."""
    indexes: dict[str, IndexLocation] = {}
    for text in named:
        name, equals, url = text.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
            raise InputError(
                f"--index {redact(text)!r}", "is not NAME=URL", hint="for example pytorch=https://index.example/cu121"
            )
        if name in indexes:
            raise InputError(f"--index {name}", "is given twice")
        indexes[name] = IndexLocation(url=with_login(url, name, environment), name=name)
    for text in only:
        name, equals, projects = text.partition("=")
        patterns = tuple(_pattern(part) for part in projects.split(",") if part.strip())
        if not equals or not patterns:
            raise InputError(f"--index-only {text!r}", "is not NAME=PROJECT,…", hint="such as pytorch=torch,nvidia-*")
        if name not in indexes:
            known = ", ".join(indexes) or "none"
            raise InputError(f"--index-only {text!r}", f"there is no --index {name}", hint=f"named indexes: {known}")
        indexes[name] = replace(indexes[name], only=(*indexes[name].only, *patterns))
    return tuple(indexes.values())


def _of_accelerator(indexes: Sequence[IndexLocation], accelerator: str | None) -> tuple[IndexLocation, ...]:
    """Return *indexes* for an *accelerator*; projects that the user assigned to an index stay there."""
    if not accelerator:
        return tuple(indexes)
    chosen: list[IndexLocation] = []
    for index in indexes:
        serves = accelerator_of_index(index.name, index.url)
        if serves == accelerator and not index.only:
            chosen.append(replace(index, only=of_family(accelerator)))
        elif serves in ("", accelerator):
            chosen.append(index)
    return tuple(chosen)


def hint_of_accelerator(explanation: str, inputs: LockInputs) -> str | None:
    """Return a hint to name an index for the accelerator, if *explanation* lacks its builds and there is none."""
    accelerator = inputs.policy.accelerator
    if not accelerator or f"the lock is for {accelerator}" not in explanation:
        return None
    if any(accelerator_of_index(index.name, index.url) == accelerator for index in inputs.indexes.named):
        return None
    return f"name the index with its builds: --index {accelerator}=URL"


def _pattern(text: str) -> str:
    """Return *text* normalized like a project name, with its ``*``."""
    return "*".join(canonicalize_name(part) for part in text.strip().split("*"))
