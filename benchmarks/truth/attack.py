"""Change clean environments at random, from a seed, and list the changes that `lockml check` judges wrongly."""

import argparse
import fnmatch
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from benchmarks.truth import changes, forgeries
from benchmarks.truth.checking import Checked, check
from benchmarks.truth.installers import TOOLS, Cell, build
from benchmarks.truth.victim import Victim, normalized
from benchmarks.truth.wheels import GROUPS, fetch, lock

__all__ = ["KINDS", "attack"]

_VICTIMS = ("pip-seeded", "uv-copy", "debian")

CHANGES_WHAT_RUNS, HARMLESS = frozenset({1}), frozenset({0})
_REFUSED = frozenset({1, 4})

KINDS: dict[str, tuple[Callable[[Victim], str | None], frozenset[int]]] = {
    **{name: (change, CHANGES_WHAT_RUNS) for name, change in {**changes.HARMFUL, **forgeries.HARMFUL}.items()},
    **{name: (change, HARMLESS) for name, change in {**changes.HARMLESS, **forgeries.HARMLESS}.items()},
    "interpreter-is-a-script": (changes.interpreter_is_a_script, _REFUSED),
    "record-deleted": (forgeries.record_deleted, _REFUSED),
}
"""Each kind of change, and the exit codes that are right for it."""


class Arena:
    """One environment, kept as it was built beside the place that changes are made in."""

    def __init__(self, arguments: argparse.Namespace, installer: str, chance: random.Random) -> None:
        self.name, work, group = installer, arguments.work, GROUPS["small"]
        self.prefix = build(work, Cell("small", installer), (arguments.python, arguments.debian))
        self.kept = self.prefix.with_name(self.prefix.name + ".kept")
        if not self.kept.exists():
            self._copy(self.prefix, self.kept)
        self.lock, self.cache = lock(work, group), work / "cache"
        locked = frozenset(normalized(pin.partition("==")[0]) for pin in group.pins)
        self.victim = Victim(self.prefix, locked, installer == "debian", chance)
        shutil.rmtree(self.prefix)
        self._copy(self.kept, self.prefix)
        self.seen = self._states()
        self.clean = check(self.prefix, self.lock, self.cache)

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(target)], check=True)

    def _states(self) -> dict[str, tuple[int, int]]:
        """Return what shows a change of each file or link: the change time of an inode cannot be set."""
        found = {}
        for folder, folders, names in os.walk(self.prefix):
            linked = [name for name in folders if Path(folder, name).is_symlink()]
            for name in [*names, *linked]:
                path = Path(folder, name)
                status = path.lstat()
                found[str(path.relative_to(self.prefix))] = (status.st_ino, status.st_ctime_ns)
        return found

    def restore(self) -> None:
        """Put back what was changed."""
        now = self._states()
        wrong = {path for path in now if now[path] != self.seen.get(path)}
        for path in wrong:
            (self.prefix / path).unlink()
        for path in sorted(wrong | set(self.seen) - set(now)):
            if path in self.seen:
                (self.prefix / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.kept / path, self.prefix / path, follow_symlinks=False)
        for folder, _, _ in sorted(os.walk(self.prefix), reverse=True):
            if not (self.kept / Path(folder).relative_to(self.prefix)).is_dir():
                Path(folder).rmdir()
        self.seen = self._states()

    def judged(self, found: Checked) -> int:
        """Return the exit code, of an environment that alarms when it is clean that of what is new."""
        if self.clean.code == 0 or found.code not in (0, 1):
            return found.code
        before = dict(self.clean.drifts)
        return int(any(count > before.get(name, 0) for name, count in found.drifts))


def attack(arguments: argparse.Namespace) -> int:
    """Make *count* changes of kinds in turn, each of a random environment; return 1 if one was judged wrongly."""
    chance = random.Random(arguments.seed)
    fetch(arguments.work, TOOLS)
    arenas = [Arena(arguments, installer, chance) for installer in _VICTIMS]
    for arena in arenas:
        if arena.clean.code:
            print(f"{arena.name}: not in order when clean: {arena.clean.drifts} {arena.clean.problems}")
    kinds = [name for name in KINDS if any(fnmatch.fnmatch(name, each) for each in arguments.only.split(","))]
    made, missed = 0, []
    while made < arguments.count:
        chance.shuffle(kinds)
        for name in kinds[: arguments.count - made]:
            fault = _once(name, chance.sample(arenas, len(arenas)))
            made += 1
            if fault:
                missed.append(fault)
                print(fault, flush=True)
    print(f"{made} changes of {len(kinds)} kinds with seed {arguments.seed}: {len(missed)} judged wrongly")
    return int(bool(missed))


def _once(name: str, arenas: list[Arena]) -> str | None:
    """Make a change of one kind in the first environment that it fits; return what is wrong with its judgement."""
    change, right = KINDS[name]
    for arena in arenas:
        what = change(arena.victim)
        if what is not None:
            found = check(arena.prefix, arena.lock, arena.cache)
            arena.restore()
            code = arena.judged(found)
            if code in right:
                return None
            wanted = " or ".join(map(str, sorted(right)))
            said = found.details[:2] or found.problems[:1]
            return f"{name} in {arena.name} ({what}): {code} where {wanted} is right; {said}"
    return f"{name}: fits none of the environments"
