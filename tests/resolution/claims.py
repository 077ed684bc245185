"""What an explanation claims, line by line, checked against the files, the universe and the resolver.

No line is passed over: one of a kind that is not known here cannot be verified, and fails.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.target import Target
from tests.resolution.questions import Place, Question

__all__ = ["verify"]

_PLACED = r"(?P<shown>\S.*?) +\((?P<kind>constraint, )?(?P<file>[\w./-]+):(?P<line>\d+)\)"


@dataclass
class _Section:
    """What is told of one project."""

    name: str
    bounds: list[SpecifierSet] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    further: int = 0


@dataclass
class _Claims:
    """The explanation of *question* as far as it is read."""

    question: Question
    target: Target | None = None
    sections: list[_Section] = field(default_factory=list)
    core: list[Place] = field(default_factory=list)
    others_remain: bool = False
    changes: int = 0

    def head(self, match: re.Match[str]) -> None:
        (self.target,) = [target for target in self.question.targets if str(target) == match[1]]
        assert self.question.told(targets=[self.target]) is not None

    def section(self, match: re.Match[str]) -> None:
        self.sections.append(_Section(match[1]))

    def own(self, match: re.Match[str]) -> None:
        self._ask(self.placed(match).specifier)

    def needed(self, match: re.Match[str]) -> None:
        """Check ``REQUIREMENT  (needed by NAME VERSIONS <- NAME VERSION <- REQUIREMENT (PLACE))``, link by link."""
        asked, (first, *links) = Requirement(match[1]), match[2].split(" <- ")
        root = self.placed(_matched(_PLACED, links.pop()))
        assert canonicalize_name(asked.name) == self.sections[-1].name
        for release in self._span(first):
            assert asked in self._required(release), f"{release} does not need {asked}"
            below = release
            for link in links:
                name, version = _bare(below)
                assert any(each.name == name and each.specifier.contains(version) for each in self._required(link))
                below = link
            assert _bare(below)[0] == canonicalize_name(root.name)
            assert root.specifier.contains(_bare(below)[1], prereleases=True)
        self._ask(asked.specifier)

    def rejected(self, match: re.Match[str]) -> None:
        """Check that the release is within the bounds and of no use, which the case says, or what it needs."""
        release, reason = f"{match[1]} {match[2]}", match[3]
        assert match[1] == self.sections[-1].name
        assert release in self._within()
        needed = re.fullmatch(r"it needs (.+), which no release satisfies", reason)
        if needed:
            files = {**self.question.only(self.question.constrained), "requirements.in": [needed[1]]}
            assert Requirement(needed[1]) in self._required(release)
            assert not self.question.satisfiable(files, self._known_target())
        else:
            assert not self.question.usable(release, self._known_target())
        self.sections[-1].rejected.append(release)

    def further(self, match: re.Match[str]) -> None:
        self.sections[-1].further = int(match[1])

    def offered(self, match: re.Match[str]) -> None:
        """Check what the index is said to have, and that nothing of it is within the bounds."""
        versions = self._releases()
        stable = [version for version in versions if not version.is_prerelease] or versions
        told = {
            0: "no releases",
            1: f"one release, {versions[0] if versions else ''}",
        }.get(len(versions), f"{len(versions)} releases, from {min(stable)} to {max(stable)}")
        assert match[1] == told
        assert self._within() == []

    def unknown(self, _: re.Match[str]) -> None:
        assert self._releases() == []

    def conflicting(self, match: re.Match[str]) -> None:
        """Check that the lines named conflict alone, and that no fewer of them do."""
        named = list(re.finditer(rf"{_PLACED}(?:, |$)", match[2]))
        assert "".join(each[0] for each in named) == match[2]
        assert (len(named) == 1) == match[1].startswith("this line")
        for each in named:
            self.placed(each)
            self.core.append((each["file"], int(each["line"])))
        assert not self._resolves(self.core)
        for size in range(len(self.core)):
            for fewer in combinations(self.core, size):
                assert self._resolves(fewer), f"{fewer} conflict too"

    def announced(self, match: re.Match[str]) -> None:
        self.others_remain = "not the only one" in match[0]

    def change(self, match: re.Match[str]) -> None:
        """Check that everything resolves, for every target, once the line lets the version in."""
        place = match["file"], int(match["line"])
        self._holds(place, Requirement(match["shown"]))
        name, version = match["name"], match["version"]
        before = self.question.line(place)
        extras = f"[{','.join(sorted(before.extras))}]" if before.extras else ""
        pin = f"{before.name}{extras}=={version}"
        after = f"{pin} ; {before.marker}" if before.marker else pin
        assert canonicalize_name(before.name) == name
        files = self.question.only(self.core) if self.others_remain else self.question.files
        changed = [after if number == place[1] else line for number, line in enumerate(files[place[0]], 1)]
        targets = [self._known_target()] if self.others_remain else self.question.targets
        for target in targets:
            assert self.question.resolves({**files, place[0]: changed}, target), f"{after} does not do for {target}"
        assert place in self.core
        self.changes += 1

    def placed(self, match: re.Match[str]) -> Requirement:
        """Return the requirement that is shown with its place, once it is certain that it stands there."""
        shown, place = Requirement(match["shown"].strip()), (match["file"], int(match["line"]))
        self._holds(place, shown)
        assert (place in self.question.constrained) == bool(match["kind"])
        return shown

    def finish(self) -> None:
        """Check what only the whole text can tell: each project told of has no release that does."""
        assert self.target is not None
        assert self.sections
        assert self.core
        for section in self.sections:
            within = self._within(section)
            assert len(within) == len(section.rejected) + section.further
            for release in set(within) - set(section.rejected):
                assert not self.question.usable(release, self._known_target())

    def _holds(self, place: Place, shown: Requirement) -> None:
        line = self.question.line(place)
        assert canonicalize_name(line.name) == canonicalize_name(shown.name)
        assert line.specifier == shown.specifier
        assert shown.extras <= line.extras
        assert shown.marker is None or shown.marker == line.marker

    def _ask(self, bound: SpecifierSet) -> None:
        self.sections[-1].bounds.append(bound)

    def _within(self, section: _Section | None = None) -> list[str]:
        """Return the releases of the section's project within all of its bounds, whether they can be used or not."""
        section = section or self.sections[-1]
        return [
            f"{section.name} {version}"
            for version in self._releases(section)
            if all(bound.contains(version, prereleases=True) for bound in section.bounds)
        ]

    def _releases(self, section: _Section | None = None) -> list[Version]:
        name = (section or self.sections[-1]).name
        return [Version(each.split()[1]) for each in self.question.universe if each.split()[0] == name]

    def _span(self, text: str) -> Iterator[str]:
        """Yield each release of ``NAME A``, ``NAME A and B`` or the first and last of ``NAME A to B (N releases)``."""
        many = re.fullmatch(r"(\S+) (\S+) to (\S+) \((\d+) releases\)", text)
        if many:
            first, last = Version(many[2]), Version(many[3])
            name = many[1].partition("[")[0]
            listed = [each.split() for each in self.question.universe]
            between = [v for other, v in listed if other == name and first <= Version(v) <= last]
            assert len(between) == int(many[4])
            yield from (f"{many[1]} {version}" for version in between)
        else:
            name, *versions = text.replace(" and ", " ").split()
            yield from (f"{name} {version}" for version in versions)

    def _required(self, release: str) -> list[Requirement]:
        """Return what the release requires on the target, with the extra that it is shown with."""
        name, _, version = release.partition(" ")
        extra = name.partition("[")[2].rstrip("]")
        required = map(Requirement, self.question.universe[f"{name.partition('[')[0]} {version}"]["requires"])
        environments = [{**self._known_target().environment, "extra": each} for each in ("", extra)]
        applying = [each for each in required if not each.marker or any(map(each.marker.evaluate, environments))]
        return [Requirement(str(each).partition(";")[0]) for each in applying]

    def _resolves(self, places: Sequence[Place]) -> bool:
        return self.question.resolves(self.question.only(places), self._known_target())

    def _known_target(self) -> Target:
        assert self.target is not None
        return self.target


def _matched(pattern: str, text: str) -> re.Match[str]:
    match = re.fullmatch(pattern, text)
    assert match is not None, text
    return match


def _bare(release: str) -> tuple[str, str]:
    """Return name and version of ``NAME[EXTRA] VERSION``."""
    name, _, version = release.partition(" ")
    return name.partition("[")[0], version


def verify(question: Question, text: str) -> None:
    """Fail at the first claim of *text* that is not true of *question*."""
    claims = _Claims(question)
    kinds: list[tuple[str, Callable[[re.Match[str]], None]]] = [
        (r"nothing satisfies all requirements for (.+)", claims.head),
        (r"  (\S+): no release satisfies", claims.section),
        (r"    (\S.*?)  \(needed by (.+)\)", claims.needed),
        (rf"    {_PLACED}", claims.own),
        (r"    the index has (.+)", claims.offered),
        (r"    no index has a project of this name", claims.unknown),
        (r"    releases within these bounds that cannot be used:", lambda _: None),
        (r"      and (\d+) more", claims.further),
        (r"      (\S+) (\S+): (.+)", claims.rejected),
        (r"  (these lines alone conflict|this line alone cannot be met): (.+)", claims.conflicting),
        (r"  any of these changes makes everything resolve:|  this would resolve:", claims.announced),
        (r"  to end this conflict, which is not the only one:", claims.announced),
        (
            r"    (?P<file>[\w./-]+):(?P<line>\d+): let (?P<name>\S+) (?P<version>\S+) in, where it says (?P<shown>.+)",
            claims.change,
        ),
    ]
    for line in text.splitlines():
        match, check = next(
            ((match, check) for pattern, check in kinds if (match := re.fullmatch(pattern, line))), (None, None)
        )
        assert match is not None, f"no check knows this kind of line: {line!r}"
        assert check is not None
        check(match)
    claims.finish()
