"""The files of a `Lock` that pip installs: one with hashes, one for source trees, which have none.

The first is for ``pip install --require-hashes -r``. That refuses repositories and folders, so they are in the second,
for ``pip install --no-deps -r``. Neither has what the image builds: its sources are in a file for ``pip wheel``, and
what the builds need is in another, with hashes.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from urllib.parse import quote

from msgspec import Struct
from packaging.markers import Marker
from packaging.pylock import Package, PackageSdist, PackageWheel
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from lockml.common.errors import LockError
from lockml.common.references import RepositoryReference, as_path, encode_url
from lockml.common.target import Target
from lockml.index.locations import NamedIndexes, normalize_url
from lockml.lock.checks.passed_over import newer_of
from lockml.lock.formats.safe_text import safe_comment, safe_digest, safe_line
from lockml.lock.markers import marker_for, same_to_markers
from lockml.lock.model import Lock
from lockml.lock.references import commit_requirement, index_files, source_of
from lockml.lock.select import serves, usable_files

__all__ = ["HEADER", "format_build", "format_requirements", "format_sources", "format_unhashed"]

HEADER = "# Locked by lockml"


def format_requirements(lock: Lock, target: Target | None = None) -> str:
    """Return the pins with every allowed hash and, as comments, what requires each; sorted, for the same bytes.

    With a *target*, only its pins and files, without markers. A package of an index that is only for some projects
    becomes a direct URL, because no option of pip could express that. Raises LockError if markers cannot say which URL
    a target needs.
    """
    lines = _Lines(lock, target)
    texts = list(_head(lock, target))
    texts += _index_options(lock.indexes)
    for package in lines.packages():
        texts += lines.hashed(package)
    return "\n".join(texts) + "\n"


def format_unhashed(lock: Lock, target: Target | None = None) -> str | None:
    """Return the repositories, by commit, and the folders of *lock*; None if there are none."""
    lines = _Lines(lock, target)
    packages = [package for package in lines.packages() if package.vcs or package.directory]
    packages = [package for package in packages if not lock.is_built(package.name)]
    if not packages:
        return None
    texts = list(_head(lock, target))
    texts.append("# pip cannot hash source trees: install these with --no-deps, after the file beside this one.")
    for package in packages:
        texts += lines.unhashed(package)
    return "\n".join(texts) + "\n"


def format_sources(lock: Lock, target: Target | None = None) -> str | None:
    """Return the sources of what the image builds, for ``pip wheel``; None if it builds nothing."""
    lines = _Lines(lock, target)
    packages = [package for package in lines.packages() if lock.is_built(package.name)]
    if not packages:
        return None
    texts = list(_head(lock, target))
    texts += [
        "# The image builds these, and no index knows what comes of it. Install the file named -build first, then:",
        "#     pip wheel --no-deps --no-build-isolation --wheel-dir wheels -r this file",
        "#     pip install --no-deps --no-index wheels/*.whl",
    ]
    for package in packages:
        texts += lines.source(package)
    return "\n".join(texts) + "\n"


def format_build(lock: Lock, target: Target | None = None) -> str | None:
    """Return what the builds of the image need, with hashes; None if they need nothing."""
    if lock.build is None:
        return None
    lines = _Lines(lock.build, target, asking="")
    texts = [*_head(lock.build, target), *_index_options(lock.indexes)]
    for package in lines.packages():
        texts += lines.hashed(package)
    return "\n".join(texts) + "\n"


def _head(lock: Lock, target: Target | None) -> Iterator[str]:
    named = [target] if target is not None else lock.targets
    targets = f" for {'; '.join(map(str, named))}" if named else ""
    provided = len(lock.left_to_base)
    origins = ", ".join(sorted({asked.origin for asked in lock.requirements}))
    yield safe_comment(f"{HEADER}{f' from {origins}' if origins else ''}{targets}.")
    if provided:
        yield f"# Install this with --no-deps: {provided} packages that the base image has are not in it."
    if not lock.made_with.command:
        yield "# Do not edit: change the inputs and run `lockml compile` again."
        return
    yield "# Do not edit: change the inputs and run this again:"
    yield safe_comment(f"#     {shlex.join(lock.made_with.command)}")


def _index_options(indexes: NamedIndexes) -> Iterator[str]:
    if indexes.no_index:
        yield "--no-index"
    elif indexes.url:
        yield f"--index-url {_option(indexes.url)}"
    named = [index.url for index in indexes.named if not index.only]
    yield from (f"--extra-index-url {_option(url)}" for url in (*named, *indexes.extra_urls) if not indexes.no_index)
    yield from (safe_line(f"--find-links {_option(location)}", "--find-links") for location in indexes.find_links)


class _Lines(Struct, frozen=True, dict=True):
    """The lines of a lock, for all of its targets or for one."""

    lock: Lock
    target: Target | None
    asking: str = "-r "

    @cached_property
    def _claiming(self) -> frozenset[str]:
        """The URLs, with a final slash, of indexes that are only for some projects."""
        return frozenset(index.folder for index in self.lock.indexes.named if index.only)

    def packages(self) -> Iterator[Package]:
        """Yield the packages that the target needs."""
        for package in self.lock.pylock.packages:
            if self.target is None or serves(package, self.target):
                yield package

    def hashed(self, package: Package) -> Iterator[str]:
        """Yield the lines of a package that has hashes."""
        if package.vcs is not None or package.directory is not None or self.lock.is_built(package.name):
            return
        if package.archive is not None:
            archive = package.archive
            fragment = f"#subdirectory={quote(archive.subdirectory)}" if archive.subdirectory else ""
            if archive.url:
                head = f"{self._named(package)} @ {_without_fragment(archive.url)}{fragment}"
            else:
                head = as_path(archive.path or "") + fragment
            hashes = [f"--hash={safe_digest(*each, package.name)}" for each in sorted(archive.hashes.items())]
            yield from self._pinned(package, head, self._marker(package), hashes)
        elif package.index and normalize_url(package.index) in self._claiming:
            for file, marker in self._by_url(package):
                head = f"{self._named(package)} @ {_without_fragment(file.url or '')}"
                yield from self._pinned(package, head, marker, _hashes(package, [file]))
        else:
            hashes = _hashes(package, self._files(package))
            yield from self._pinned(package, f"{package.name}=={package.version}", self._marker(package), hashes)
            if self._named(package) != package.name:  # pip before 23.3 requires both pins in hash mode
                head = f"{self._named(package)}=={package.version}"
                yield from self._pinned(package, head, self._marker(package), hashes, again=True)

    def unhashed(self, package: Package) -> Iterator[str]:
        """Yield the lines of a repository or a folder."""
        marker = self._marker(package)
        head = ""
        if package.vcs is not None:
            editable = isinstance(source := source_of(package), RepositoryReference) and source.editable
            head = commit_requirement(package.name, package.vcs, editable=editable)
        elif package.directory is not None:
            path = as_path(package.directory.path)
            head = f"-e {shlex.quote(path)}" if package.directory.editable else path
        yield safe_line(f"{head} ; {marker}" if marker else head, package.name)
        yield from _via(self._askers(package))

    def source(self, package: Package) -> Iterator[str]:
        """Yield the lines of built projects: a commit, or an archive with its hash, which pip reads after ``#``."""
        if package.archive is None:
            yield from self.unhashed(package)
            return
        archive, marker = package.archive, self._marker(package)
        inside = f"subdirectory={quote(archive.subdirectory)}" if archive.subdirectory else ""
        if archive.url:
            digest = f"sha256={safe_digest('sha256', archive.hashes['sha256'], package.name).partition(':')[2]}"
            address = _without_fragment(archive.url)
            head = f"{package.name} @ {address}#{'&'.join(filter(None, (digest, inside)))}"
        else:
            head = as_path(archive.path or "") + (f"#{inside}" if inside else "")
        yield safe_line(f"{head} ; {marker}" if marker else head, package.name)
        yield from _via(self._askers(package))

    def _named(self, package: Package) -> str:
        """Return the name with its required extras."""
        extras = self.lock.extras.get(package.name, ())
        return f"{package.name}[{','.join(extras)}]" if extras else package.name

    def _marker(self, package: Package) -> str | None:
        return str(package.marker) if package.marker is not None and self.target is None else None

    def _files(self, package: Package) -> list[PackageWheel | PackageSdist]:
        """Return the files that may be installed; with a target, those for it."""
        if self.target is not None:
            return list(usable_files(package, self.target))
        return index_files(package)

    def _by_url(self, package: Package) -> Iterator[tuple[PackageWheel | PackageSdist, str | None]]:
        """Yield the file that each target prefers, with the marker of those targets."""
        targets = [self.target] if self.target is not None else list(self.lock.targets)
        preferred = {target: _preferred(package, target) for target in targets if serves(package, target)}
        for one, file in preferred.items():
            for other, another in preferred.items():
                if same_to_markers(one, other) and file != another:
                    raise LockError(
                        package.name,
                        f"{one} and {other} need different files of an index that is only for some projects, and no "
                        "marker can distinguish the two",
                        hint="write a file for each target: -o 'requirements-{target}.txt'",
                    )
        for name in dict.fromkeys(str(file.url) for file in preferred.values()):
            chosen = [target for target, file in preferred.items() if str(file.url) == name]
            marker = marker_for(chosen, targets)
            yield preferred[chosen[0]], str(Marker(marker)) if marker else None

    def _pinned(
        self, package: Package, head: str, marker: str | None, hashes: Sequence[str], *, again: bool = False
    ) -> Iterator[str]:
        yield safe_line(f"{head}{f' ; {marker}' if marker else ''}", package.name) + " \\"
        for number, option in enumerate(hashes, 1):
            yield f"    {option}{' ' + chr(92) if number < len(hashes) else ''}"
        if newer_of(package) and not again:
            said = safe_comment(f"    # passed over: {package.name} {newer_of(package)}")
            yield said.rstrip("\\ ")  # no reader may continue on the next line
        yield from _via(self._askers(package))

    def _askers(self, package: Package) -> list[str]:
        """Return what requires *package*: the user's files first, then packages."""
        return [*sorted(self._inputs.get(package.name, ())), *sorted(self._parents.get(package.name, ()))]

    @cached_property
    def _inputs(self) -> Mapping[str, set[str]]:
        """The user's files that require each project."""
        asking: dict[str, set[str]] = {}
        for asked in self.lock.requirements:
            name = canonicalize_name(Requirement(asked.requirement).name)
            asking.setdefault(name, set()).add(safe_comment(f"{self.asking}{asked.origin}"))
        return asking

    @cached_property
    def _parents(self) -> Mapping[str, set[str]]:
        """The packages that need each project."""
        parents: dict[str, set[str]] = {}
        for provided in self.lock.provided.packages:
            for name in provided.needs:
                parents.setdefault(name, set()).add(safe_comment(f"{provided.name} of the base image"))
        for package in self.packages():
            for needed in package.dependencies or ():
                parents.setdefault(needed["name"], set()).add(package.name)
        return parents


def _preferred(package: Package, target: Target) -> PackageWheel | PackageSdist:
    """Return the file of *package* that installers choose on *target*."""
    ranked = [(rank, wheel) for wheel in package.wheels or () if (rank := _rank(wheel, target)) is not None]
    if not ranked and package.sdist is not None:
        return package.sdist
    return min(ranked, key=lambda item: item[0])[1]


def _rank(wheel: PackageWheel, target: Target) -> tuple[int, int, str] | None:
    """Return the sort key of *wheel* on *target*: by its best tag, then the highest build (PEP 427)."""
    number, text = parse_wheel_filename(wheel.filename)[2] or (0, "")
    rank = target.rank_of_wheel(wheel.filename)
    return (rank, -number, text) if rank is not None else None


def _via(askers: Sequence[str]) -> Iterator[str]:
    if len(askers) == 1:
        yield f"    # via {askers[0]}"
    elif askers:
        yield "    # via"
        yield from (f"    #   {asker}" for asker in askers)


def _hashes(package: Package, files: Sequence[PackageWheel | PackageSdist]) -> list[str]:
    chosen = {each for file in files for each in _strongest(file)}
    return sorted(f"--hash={safe_digest(*each, package.name)}" for each in chosen)


def _without_fragment(url: str) -> str:
    """Return *url* for a requirement file, without the fragment, which comes from the index page.

    A semicolon would start a marker.
    """
    return encode_url(url.partition("#")[0]).replace(";", "%3B")


def _option(location: str) -> str:
    """Return *location*, a URL or a path, as the value of an option, which pip splits like a shell."""
    return encode_url(location).replace("'", "%27") if "://" in location else shlex.quote(location)


def _strongest(file: PackageWheel | PackageSdist) -> list[tuple[str, str]]:
    """Return the strongest hash of *file* that pip accepts for requirements."""
    for algorithm in ("sha512", "sha384", "sha256"):
        if algorithm in file.hashes and (algorithm == "sha256" or "sha256" not in file.hashes):
            return [(algorithm, file.hashes[algorithm])]
    return sorted(file.hashes.items())[:1]
