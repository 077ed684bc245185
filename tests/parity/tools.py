"""pip-compile and lockml as users start them on the same made index, and what is read back from either's output."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name

from tests.cli.process import Outcome, run_lockml
from tests.made.indexes import Served, make_sdist
from tests.made.wheels import make_wheel, metadata_text, wheel_name

__all__ = ["Both", "Case", "Ran", "Release", "compile_with_both", "serve_case"]

Releases = Mapping[str, "Sequence[str] | Release"]
"""What each release needs, by ``name version`` with the name as its author writes it."""
Run = Callable[[Path, Sequence[str]], Outcome]

# lockml always writes hashes and holds no project back; pip-compile has to be asked for each of these.
_MATCHING: Final = ("--generate-hashes", "--no-strip-extras", "--allow-unsafe", "--resolver=backtracking")
_HERMETIC: Final = ("--no-config", "--no-emit-index-url", "--no-header", "--quiet", "--cache-dir", "cache")
_OUTPUT: Final = "requirements.txt"
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?={2,3}(?P<version>[^\s;]+)")
_HASH = re.compile(r"--hash=(\w+:[0-9a-f]+)")
_ASKER = re.compile(r"^\s+#\s+(?:via\s+)?(?!via$)(?P<asker>\S.*)$")
_PROJECT_FILE = re.compile(r"^\S+ \((?P<file>.+)\)$")


@dataclass(frozen=True, slots=True)
class Release:
    """What a release needs, and what its page says of it; each of *files* is a wheel's tag or ``sdist``."""

    needs: Sequence[str] = ()
    requires_python: str | None = None
    yanked: bool = False
    files: Sequence[str] = ("py3-none-any",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is *asked* in requirements.in and in the files *beside* it, of an index with *releases*.

    *pins* is what pip-compile makes of it, "" where it fails: ``name==version``, sorted, a space between. *named* are
    the files given on the command line. With *earlier*, the exact pins of everything, an output with them is there
    already: pip-compile's as text, lockml's as its lock. *private* are the releases of an extra index.
    """

    releases: Releases
    asked: str
    pins: str
    beside: Mapping[str, str] = field(default_factory=dict)
    named: Sequence[str] = ("requirements.in",)
    options: Sequence[str] = ()
    earlier: str | None = None
    private: Releases | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """What an output says of one project: the files and projects that ask for it, and the files that bound it."""

    version: str
    askers: frozenset[str]
    bounds: frozenset[str]
    hashes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a tool ended, and what stands in its output by project, None where it wrote none."""

    code: int
    err: str
    locked: Mapping[str, Locked] | None

    @property
    def pins(self) -> str:
        """The pins as `Case.pins` has them, "" where the tool failed."""
        locked = self.locked if self.code == 0 and self.locked is not None else {}
        return " ".join(f"{name}=={found.version}" for name, found in sorted(locked.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """What pip-compile and what lockml made of one case."""

    theirs: Ran
    ours: Ran


def serve_case(served: Served, name: str, case: Case) -> None:
    """Add the indexes of *case* below the path *name* to what is *served*."""
    for place, releases in ((f"{name}/public", case.releases), (f"{name}/private", case.private or {})):
        index = Served()
        for title, said in releases.items():
            project, version = title.split()
            _add_release(index, project, version, said if isinstance(said, Release) else Release(said))
        served.answers |= {f"/simple/{place}{path}": answer for path, answer in index.answers.items()}


def _add_release(index: Served, name: str, version: str, release: Release) -> None:
    extras = sorted(set(re.findall(r"extra == '([^']+)'", " ".join(release.needs))))
    text = metadata_text(name, version, release.needs, extras=extras, requires_python=release.requires_python)
    page: dict[str, object] = {"requires_python": release.requires_python, "yanked": release.yanked}
    for kind in release.files:
        if kind == "sdist":
            filename, content = f"{name}-{version}.tar.gz", make_sdist(name, version, text)
        else:
            filename = wheel_name(name, version, kind)
            content = make_wheel(name, version, metadata=text, files={f"{kind}.txt": b""})
        further = {key: value for key, value in page.items() if value}
        index.file(canonicalize_name(name), filename, content, url=f"../../files/{filename}", **further)


def compile_with_both(name: str, case: Case, *, folder: Path, url: str) -> Both:
    """Return what the tools make of *case*, which *url* serves as *name*, each in its own folder below *folder*."""
    indexes = ["--index-url", f"{url}{name}/public/simple/"]
    indexes += ["--extra-index-url", f"{url}{name}/private/simple/"] if case.private is not None else []
    with ThreadPoolExecutor(2) as pool:
        theirs = pool.submit(_compile_with_pip_compile, case, folder / "pip-compile", indexes)
        ours = pool.submit(_compile_with_lockml, case, folder / "lockml", indexes)
        return Both(theirs=theirs.result(), ours=ours.result())


def _compile_with_pip_compile(case: Case, folder: Path, indexes: Sequence[str]) -> Ran:
    folder.mkdir()
    if case.earlier is not None:
        (folder / _OUTPUT).write_text(case.earlier)
    return _compile(case, folder, indexes, _run_pip_compile)


def _compile_with_lockml(case: Case, folder: Path, indexes: Sequence[str]) -> Ran:
    folder.mkdir()
    if case.earlier is not None:
        (folder / "requirements.in").write_text(case.earlier)
        first = _run_lockml(folder, ["requirements.in", *indexes])
        assert first.code == 0, first.err
    return _compile(case, folder, indexes, _run_lockml)


def _compile(case: Case, folder: Path, indexes: Sequence[str], run: Run) -> Ran:
    for name, text in {"requirements.in": case.asked, **case.beside}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    outcome = run(folder, [*case.named, *case.options, *indexes])
    output = folder / _OUTPUT
    locked = dict(_read_output(output.read_text())) if output.exists() else None
    return Ran(code=outcome.code, err=outcome.err, locked=locked)


def _run_lockml(folder: Path, arguments: Sequence[str]) -> Outcome:
    return run_lockml("compile", *arguments, "-o", _OUTPUT, folder=folder)


def _run_pip_compile(folder: Path, arguments: Sequence[str]) -> Outcome:
    """Run pip-compile without any configuration of this machine or its user."""
    done = subprocess.run(
        [sys.executable, "-m", "piptools", "compile", *arguments, "-o", _OUTPUT, *_MATCHING, *_HERMETIC],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder / "home"), "PIP_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Outcome(code=done.returncode, out=done.stdout, err=done.stderr)


def _read_output(text: str) -> Iterator[tuple[str, Locked]]:
    """Yield each pin of a requirements.txt with the lines that belong to it; both tools write the same layout."""
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines) if _PIN.match(line)]
    for start, stop in zip(starts, [*starts[1:], len(lines)], strict=False):
        pin = _PIN.match(lines[start])
        assert pin is not None
        askers = {_asker(match["asker"]) for line in lines[start:stop] if (match := _ASKER.match(line))}
        bounds = {asker for asker in askers if asker.startswith("-c ")}
        yield (
            canonicalize_name(pin["name"]),
            Locked(
                version=pin["version"],
                askers=frozenset(askers - bounds),
                bounds=frozenset(bounds),
                hashes=frozenset(_HASH.findall("\n".join(lines[start:stop]))),
            ),
        )


def _asker(text: str) -> str:
    """Return who asks in lockml's words: pip-compile names a pyproject.toml behind its project's name."""
    project = _PROJECT_FILE.match(text)
    return f"-r {project['file']}" if project else text
