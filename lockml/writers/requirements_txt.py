"""A `Lock` in, the text of a requirements.txt out that ``pip install --require-hashes -r`` installs."""

from collections.abc import Iterator, Sequence

from packaging.pylock import Package, PackageSdist, PackageWheel
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lockml.lock.model import Lock

__all__ = ["format_requirements"]


def format_requirements(lock: Lock) -> str:
    """Return the pins with every allowed hash and, as comments, who asks for each; sorted, so always the same bytes."""
    targets = f" for {'; '.join(map(str, lock.targets))}" if lock.targets else ""
    origins = ", ".join(sorted({asked.origin for asked in lock.requirements}))
    lines = [
        f"# Locked by lockml{f' from {origins}' if origins else ''}{targets}.",
        "# Do not edit: change the inputs and run `lockml compile` again.",
    ]
    lines += [f"--index-url {lock.index_url}"] if lock.index_url else []
    lines += [f"--extra-index-url {url}" for url in lock.extra_index_urls]
    for package in lock.pylock.packages:
        lines += _package_lines(package, _askers(package, lock))
    return "\n".join(lines) + "\n"


def _package_lines(package: Package, askers: Sequence[str]) -> Iterator[str]:
    marker = f" ; {package.marker}" if package.marker else ""
    hashes = sorted({f"--hash={kind}:{digest}" for file in _files(package) for kind, digest in _strongest(file)})
    yield f"{package.name}=={package.version}{marker} \\"
    for number, option in enumerate(hashes, 1):
        yield f"    {option}{' ' + chr(92) if number < len(hashes) else ''}"
    if len(askers) == 1:
        yield f"    # via {askers[0]}"
    elif askers:
        yield "    # via"
        yield from (f"    #   {asker}" for asker in askers)


def _files(package: Package) -> list[PackageWheel | PackageSdist]:
    files: list[PackageWheel | PackageSdist] = list(package.wheels or ())
    return [*files, package.sdist] if package.sdist else files


def _strongest(file: PackageWheel | PackageSdist) -> list[tuple[str, str]]:
    """Return the one hash of *file* that pip accepts for requirements and that is the strongest."""
    for algorithm in ("sha512", "sha384", "sha256"):
        if algorithm in file.hashes and (algorithm == "sha256" or "sha256" not in file.hashes):
            return [(algorithm, file.hashes[algorithm])]
    return sorted(file.hashes.items())[:1]


def _askers(package: Package, lock: Lock) -> list[str]:
    """Return who asks for *package*: the user's files first, then packages."""
    inputs = {
        f"-r {asked.origin}"
        for asked in lock.requirements
        if canonicalize_name(Requirement(asked.requirement).name) == package.name
    }
    parents = {
        other.name for other in lock.pylock.packages if any(d["name"] == package.name for d in other.dependencies or ())
    }
    return [*sorted(inputs), *sorted(parents)]
