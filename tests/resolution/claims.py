"""What an explanation claims, line by line, checked against the files, the universe and the resolver.

No line is passed over: one of a kind that is not known here cannot be verified, and fails.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations

from msgspec import structs
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.common.target import Target
from tests.made.indexes import INDEX_URL
from tests.resolution.questions import Location, Question

__all__ = ["verify"]

_PLACED = r"(?P<shown>\S.*?) +\((?P<kind>constraint, |override, )?(?P<file>[\w./-]+):(?P<line>\d+)\)"
_SPAN = r"(?P<project>\S+) (?P<span>\S+(?: and \S+| to \S+ \(\d+ releases\))?)"


@dataclass
class _Section:
    """What is said of one project."""

    name: str
    bounds: list[SpecifierSet] = field(default_factory=list)
    needed: list[tuple[tuple[str, str], SpecifierSet]] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    further: int = 0
    alike: bool = False
    deeper: bool = False


@dataclass
class _Claims:
    """The explanation of *question* as far as it is read."""

    question: Question
    target: Target | None = None
    sections: list[_Section] = field(default_factory=list)
    core: list[Location] = field(default_factory=list)
    others_remain: bool = False
    elsewhere: bool = True
    together: dict[Location, str] | None = None
    overridden: list[Location] = field(default_factory=list)
    fatal: set[str] = field(default_factory=set)
    changes: int = 0
    reasons: list[str] = field(default_factory=list)
    told: list[Location] = field(default_factory=list)

    def head(self, match: re.Match[str]) -> None:
        (self.target,) = [target for target in self.question.targets if str(target) == match[1]]
        assert match[2] in (None, f" (target {self.target.name})")
        assert self.question.explanation(targets=[self.target]) is not None

    def section(self, match: re.Match[str]) -> None:
        self.sections.append(_Section(match[1], deeper=match[1] in self.fatal))

    def another(self, _: re.Match[str]) -> None:
        """Begin anew: what was fatal in one conflict may be asked for by the user in the next."""
        self.fatal.clear()

    def own(self, match: re.Match[str]) -> None:
        self._ask(self.placed(match).specifier)

    def replaced(self, match: re.Match[str]) -> None:
        """Check ``REQUIREMENT  (override, PLACE, in place of what is needed by …)``: who is named needs the project."""
        shown, location = Requirement(match[1]), (match[2], int(match[3]))
        self._holds(location, shown)
        assert location[0] == "overrides.txt"
        first, *_ = match[4].split(" <- ")
        for release in self._span(first):
            assert any(required.name == shown.name for required in self._required(release))
        self._ask(shown.specifier)

    def needed(self, match: re.Match[str]) -> None:
        """Check ``REQUIREMENT  (needed by NAME VERSIONS <- NAME VERSION <- REQUIREMENT (PLACE))``, link by link."""
        alike = match[1].endswith(" or the like")
        asked, (first, *links) = Requirement(match[1].removesuffix(" or the like")), match[2].split(" <- ")
        root = self.placed(_matched(_PLACED, links.pop()))
        assert canonicalize_name(asked.name) == self.sections[-1].name
        for release in self._span(first):
            needs = self._required(release)
            same = any(required.name == asked.name for required in needs) if alike else asked in needs
            assert same, f"{release} does not need {asked}"
            below = release
            for link in links:
                name, version = _bare(below)
                required = [requirement for requirement in self._required(link) if requirement.name == name]
                assert any(
                    requirement.specifier.contains(version) or self._overriding(name) for requirement in required
                )
                below = link
            assert _bare(below)[0] == canonicalize_name(root.name)
            assert root.specifier.contains(_bare(below)[1], prereleases=True)
        self.sections[-1].alike |= alike
        if not alike:
            self.sections[-1].needed += [(_bare(release), asked.specifier) for release in self._span(first)]

    def rejected(self, match: re.Match[str]) -> None:
        """Check that the releases are within the bounds and of no use, which the case says, or what they need."""
        assert match["project"] == self.sections[-1].name
        within = self._within()
        releases = [release for release in self._span(f"{match['project']} {match['span']}") if release in within]
        assert releases
        self.reasons.append(match["reason"])
        needed = re.fullmatch(r"it needs (.+), which no release satisfies", match["reason"])
        for release in releases:
            if needed:
                self.fatal.add(Requirement(needed[1]).name)
                files = {**self.question.only(self.question.constrained), "requirements.in": [needed[1]]}
                assert Requirement(needed[1]) in self._required(release)
                assert not self.question.satisfiable(files, self._known_target())
            elif not self.question.usable(release, self._known_target()):
                continue
            elif match["reason"].startswith("it needs "):
                files = {
                    **self.question.only(self.question.constrained),
                    "requirements.in": [release.replace(" ", "==")],
                }
                assert not self.question.satisfiable(files, self._known_target())
            else:
                assert "to" in match["span"], f"{release} can be used"
        self.sections[-1].rejected += releases

    def further(self, match: re.Match[str]) -> None:
        self.sections[-1].further = int(match[1])

    def offered(self, match: re.Match[str]) -> None:
        """Check what the index is said to have, and that nothing of it is within the bounds."""
        versions = self._releases()
        stable = [version for version in versions if not version.is_prerelease] or versions
        expected = {
            0: "no releases",
            1: f"one release, {versions[0] if versions else ''}",
        }.get(len(versions), f"{len(versions)} releases, from {min(stable)} to {max(stable)}" if stable else "")
        if 1 < len(versions) <= 5:
            expected = f"{len(versions)} releases: {', '.join(map(str, sorted(versions)))}"
        assert match[1] == expected
        assert self.sections[-1].alike or self._within() == []
        if match[2]:
            assert Version(match[2]) not in versions
            assert any(f"=={match[2]}" in str(bound) for bound in (*self.sections[-1].bounds, *self._needed_bounds()))
        for near in match[3].split(" and ") if match[3] else ():
            assert Version(near) in versions

    def _needed_bounds(self) -> list[SpecifierSet]:
        return [bound for _, bound in self.sections[-1].needed]

    def unknown(self, _: re.Match[str]) -> None:
        assert self._releases() == []

    def conflicting(self, match: re.Match[str]) -> None:
        """Check that the lines named conflict alone, and that no fewer of them do."""
        self.core, self.others_remain, self.elsewhere, self.together = [], False, True, None
        beside = list(re.finditer(rf"{_PLACED}(?:, |$)", match[2] or ""))
        for override in beside:
            self.overridden.append((override["file"], int(override["line"])))
        named = list(re.finditer(rf"{_PLACED}(?:, |$)", match[3]))
        assert "".join(line[0] for line in named) == match[3]
        assert (len(named) == 1) == match[1].startswith("this line")
        for line in named:
            self.placed(line)
            self.core.append((line["file"], int(line["line"])))
        self.told += self.core
        assert not self._resolves(self.core)
        for size in range(len(self.core)):
            for fewer in combinations(self.core, size):
                assert self._resolves(fewer), f"{fewer} conflict too"

    def announced(self, match: re.Match[str]) -> None:
        self.others_remain = "but not others" in match[0]
        self.elsewhere = "this target, but" not in match[0]
        self.together = {} if "with all of these" in match[0] else None

    def nothing(self, match: re.Match[str]) -> None:
        """Check that no line of the core, freed, makes everything resolve."""
        for location in self.core:
            line = self.question.line(location)
            extras = f"[{','.join(sorted(line.extras))}]" if line.extras else ""
            free = f"{line.name}{extras}"
            files = {**self.question.files, location[0]: self._with(self.question.files[location[0]], {location: free})}
            assert not self.question.resolves(files, self._known_target())

        if match[1]:
            assert any("--" in reason for reason in self.reasons)

    def other_target(self, match: re.Match[str]) -> None:
        """Check that no line of the core, freed, does, and that a release has wheels for other targets alone."""
        self.nothing(re.fullmatch("()", "") or match)
        assert any(reason.startswith("no wheel fits ") for reason in self.reasons)

    def ended_above(self, _: re.Match[str]) -> None:
        """Check that a change was told before: each was tried on all lines."""
        assert self.changes

    def others_conflict(self, _: re.Match[str]) -> None:
        """Check that the lines of no conflict that was told conflict too."""
        every = [
            (file, number)
            for file, lines in self.question.files.items()
            for number, line in enumerate(lines, 1)
            if line
        ]
        assert not self._resolves([location for location in every if location not in self.told])

    def excluding(self, _: re.Match[str]) -> None:
        assert any(self.question.line(location).specifier.is_unsatisfiable() for location in self.core)

    def built(self, match: re.Match[str]) -> None:
        """Check that a line pins such a build, and that no index has it."""
        pins = [str(self.question.line(location)) for location in self.core]
        pinned = [pin for pin in pins if pin.startswith(f"{match[1]}==") and pin.endswith(f"+{match[2]}")]
        assert pinned
        assert not any(pin.replace("==", " ") in self.question.universe for pin in pinned)

    def left_out(self, match: re.Match[str]) -> None:
        """Check that everything resolves without the override."""
        location = match[1], int(match[2])
        self._holds(location, Requirement(match[3]))
        changed = self._with(self.question.files[location[0]], {location: ""})
        assert self.question.resolves({**self.question.files, location[0]: changed}, self._known_target())
        self.changes += 1

    def other_hashes(self, match: re.Match[str]) -> None:
        """Check that everything resolves without the hashes of the line."""
        location = match[1], int(match[2])
        shown = Requirement(match[3])
        self._holds(location, shown)
        changed = {
            **self.question.files,
            location[0]: self._with(self.question.files[location[0]], {location: str(shown)}),
        }
        assert "--hash" in self.question.files[location[0]][location[1] - 1]
        assert self.question.explanation(changed) is None
        self.changes += 1

    def option(self, match: re.Match[str]) -> None:
        """Check that everything resolves with the option, or the line, that is named."""
        case = {**self.question.case}
        asked = list(case["asked"])
        match match[1].split(" "):
            case ["omit", "--no-pre,", *_]:
                case["stable_only"] = False
            case ["--exclude-newer-except", word, *_]:
                case["exempt"] = [word.rstrip(",")]
            case ["--exclude-newer", moment, *_]:
                case["exclude_newer"] = datetime.fromisoformat(moment.rstrip(","))
            case [("--only-binary" | "--no-binary") as option, "without", name]:
                key = option.removeprefix("--").replace("-", "_")
                case[key] = [project for project in case.get(key, []) if project not in (name, ":all:")]
                asked = [line for line in asked if not line.startswith(option)]
            case ["--allow-build", names, *_]:
                built = set(names.rstrip(",").split(","))
                case["universe"] = {
                    key: {**table, "sdist": "2.2", "requires": []}
                    if isinstance(table, dict) and "sdist" in table and key.split()[0] in built
                    else table
                    for key, table in case["universe"].items()
                }
            case ["--python", python, *_]:
                assert len(self.question.targets) == 1
                other = structs.replace(self._known_target(), python=Version(f"{python.rstrip(',')}.0"))
                assert self.question.explanation(targets=[other]) is None
                self.changes += 1
                return
            case ["add", "the", "line", pin, *_]:
                asked.append(pin.rstrip(","))
            case _:
                raise AssertionError(match[1])
        assert Question(self.question.path, self.question.number, {**case, "asked": asked}).explanation() is None
        self.changes += 1

    def _with(self, lines: Sequence[str], changed: Mapping[Location, str]) -> list[str]:
        by_number = {number: text for (_, number), text in changed.items()}
        return [by_number.get(number, line) for number, line in enumerate(lines, 1)]

    def change(self, match: re.Match[str]) -> None:
        """Check that everything resolves, for every target, once the line lets the version in."""
        location = match["file"], int(match["line"])
        self._holds(location, Requirement(match["shown"]))
        name, version = match["name"], match["version"]
        before = self.question.line(location)
        extras = f"[{','.join(sorted(before.extras))}]" if before.extras else ""
        pin = f"{before.name}{extras}=={version}"
        after = f"{pin} ; {before.marker}" if before.marker else pin
        assert canonicalize_name(before.name) == name
        files = self.question.only(self.core) if self.others_remain else self.question.files
        assert location in self.core or self.together is not None
        self.changes += 1
        if self.together is not None:
            self.together[location] = after
            return
        changed = self._with(files[location[0]], {location: after})
        after_all = {**files, location[0]: changed}
        does = {target: self.question.resolves(after_all, target) for target in self.question.targets}

        assert does[self._known_target()], f"{after} does not do"
        if not self.others_remain:
            assert all(does.values()) == self.elsewhere, f"{after}: {does}"

    def _overriding(self, name: str) -> bool:
        return any(line and Requirement(line).name == name for line in self.question.files["overrides.txt"])

    def _all_changed(self, changes: Mapping[Location, str]) -> dict[str, Sequence[str]]:
        files: dict[str, Sequence[str]] = dict(self.question.files)
        for location, after in changes.items():
            files[location[0]] = self._with(files[location[0]], {location: after})
        return files

    def placed(self, match: re.Match[str]) -> Requirement:
        """Return the requirement that is shown with its location, once it is certain that it stands there."""
        shown, location = Requirement(match["shown"].strip()), (match["file"], int(match["line"]))
        self._holds(location, shown)
        kind = "constraint, " if location in self.question.constrained else None
        assert match["kind"] == ("override, " if location[0] == "overrides.txt" else kind)
        return shown

    def settle(self) -> None:
        """Check that the changes to make together do."""
        if self.together:
            assert len(self.together) > 1
            assert self.question.resolves(self._all_changed(self.together), self._known_target())
        self.together = None

    def finish(self) -> None:
        """Check what only the whole text shows: no release of any project that it names does."""
        assert self.target is not None
        assert self.sections
        assert self.core
        for section in self.sections:
            if section.alike:
                continue
            within = self._within(section)
            assert len(within) <= len(section.rejected) + section.further
            for release in set(within) - set(section.rejected):
                assert not self.question.usable(release, self._known_target())

    def _holds(self, location: Location, shown: Requirement) -> None:
        line = self.question.line(location)
        assert canonicalize_name(line.name) == canonicalize_name(shown.name)
        assert line.specifier == shown.specifier
        assert shown.extras <= line.extras
        assert shown.marker is None or shown.marker == line.marker

    def _ask(self, bound: SpecifierSet) -> None:
        self.sections[-1].bounds.append(bound)

    def _within(self, section: _Section | None = None) -> list[str]:
        """Return the releases of the section's project within all of its bounds, whether they can be used or not."""
        section = section or self.sections[-1]
        meets = any if section.deeper else all
        asked: dict[str, dict[str, SpecifierSet]] = {}  # by project, by release of it: each is an alternative
        for (project, release), bound in section.needed:
            by_release = asked.setdefault(project, {})
            by_release[str(release)] = by_release.get(str(release), SpecifierSet()) & bound
        return [
            f"{section.name} {version}"
            for version in self._releases(section)
            if all(bound.contains(version, prereleases=True) for bound in section.bounds)
            and meets(
                any(bound.contains(version, prereleases=True) for bound in by_release.values())
                for by_release in asked.values()
            )
        ]

    def _releases(self, section: _Section | None = None) -> list[Version]:
        name = (section or self.sections[-1]).name
        return [Version(release.split()[1]) for release in self.question.universe if release.split()[0] == name]

    def _span(self, text: str) -> Iterator[str]:
        """Yield each release of ``NAME A``, ``NAME A and B`` or the first and last of ``NAME A to B (N releases)``."""
        many = re.fullmatch(r"(\S+) (\S+) to (\S+) \((\d+) releases\)", text)
        if many:
            first, last = Version(many[2]), Version(many[3])
            name = many[1].partition("[")[0]
            listed = [release.split() for release in self.question.universe]
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
        environments = [{**self._known_target().environment, "extra": name} for name in ("", extra)]
        applying = [line for line in required if not line.marker or any(map(line.marker.evaluate, environments))]
        return [Requirement(str(line).partition(";")[0]) for line in applying]

    def _resolves(self, locations: Sequence[Location]) -> bool:
        return self.question.resolves(self.question.only(locations), self._known_target())

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
        (r"nothing satisfies all requirements for (.+?)( \(target \S+\))?", claims.head),
        (r"  (\S+): no release satisfies", claims.section),
        (r"    (\S.*?)  \(needed by (.+)\)", claims.needed),
        (r"    (\S.*?)  \(override, ([\w./-]+):(\d+), in place of what is needed by (.+)\)", claims.replaced),
        (rf"    {_PLACED}", claims.own),
        (rf"    {INDEX_URL} has (.+?)(?:, and no ([\w.+!-]+?)(?:; near it: (.+))?)?", claims.offered),
        (r"    no index has a project with this name", claims.unknown),
        (r"    releases within these bounds that cannot be used:", lambda _: None),
        (r"      and (\d+) more", claims.further),
        (rf"      {_SPAN}: (?P<reason>[^;]+)(?:; .+)?", claims.rejected),
        (
            r"  (these lines alone conflict|this line alone cannot be met)(?:, with the override (.+?\)))?: (.+)",
            claims.conflicting,
        ),
        (r"  its bounds exclude each other", claims.excluding),
        (
            r"  builds of (\S+) with \+(\S+) come from PyTorch's index '\2': --index \2=URL --index-only \2=\1",
            claims.built,
        ),
        (r"  any of these changes makes everything resolve:|  this change would resolve it:", claims.announced),
        (
            r"  for this target, but not for the others, (this change|any of these changes) would resolve it:",
            claims.announced,
        ),
        (r"  everything resolves only with all of these changes:", claims.announced),
        (
            r"  no change of (?:this line|one of these lines) alone would resolve it"
            r"(, nor does any option named above alone)?",
            claims.nothing,
        ),
        (
            r"  only another target \(--python, --platform, --libc\), or a marker that excludes this one, "
            r"would resolve it",
            claims.other_target,
        ),
        (r"  a change listed above also resolves this", claims.ended_above),
        (r"  other lines conflict too; resolve these first to see them", claims.others_conflict),
        (r"  there is another conflict:", claims.another),
        (r"    ([\w./-]+):(\d+): remove the override (.+)", claims.left_out),
        (
            r"    ([\w./-]+):(\d+): replace the hashes of (.+) with those of the file, if you trust it",
            claims.other_hashes,
        ),
        (r"    (--\S+ .+|omit --no-pre.+|add the line .+)", claims.option),
        (r"  (this change|any of these changes) would resolve this conflict, but not others:", claims.announced),
        (
            r"    (?P<file>[\w./-]+):(?P<line>\d+): change (?P<shown>.+) to allow (?P<name>\S+) (?P<version>\S+)",
            claims.change,
        ),
    ]
    for line in text.splitlines():
        match, check = next(
            ((match, check) for pattern, check in kinds if (match := re.fullmatch(pattern, line))), (None, None)
        )
        assert match is not None, f"no check knows this kind of line: {line!r}"
        assert check is not None
        if check != claims.change:
            claims.settle()
        check(match)
    claims.settle()
    claims.finish()
