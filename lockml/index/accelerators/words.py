"""Words of findings: several packages, builds and the driver, in a phrase."""

from collections.abc import Sequence
from typing import Final

from lockml.common.settings import setting
from lockml.index.accelerators.builds import Build
from lockml.index.accelerators.drivers import number, parse_driver, spoken_cuda
from lockml.index.accelerators.facts import facts
from lockml.index.accelerators.model import Finding, Stack

__all__ = [
    "CPU_REMEDY",
    "another_build",
    "built_for",
    "driver_text",
    "finding",
    "joined",
    "library_count",
    "titles",
    "with_article",
]


_DENY: Final = setting("deny", "'nvidia-*'")
CPU_REMEDY: Final = f"compile with {setting('accelerator', 'cpu')}; {_DENY} keeps CUDA out"
"""How to get to an environment for CPU."""


def finding(rule: str, about: Build | str, text: str, remedy: str) -> Finding:
    """Return the finding of *rule*, which refuses where the facts say so, *about* a package or something else."""
    name, version = (about, "") if isinstance(about, str) else (about.part.name, about.part.version)
    refuses = rule in facts().verdicts.refuse
    return Finding(rule=rule, name=name, version=version, text=text, remedy=remedy, refuses=refuses)


def titles(builds: Sequence[Build]) -> str:
    """Return the first of *builds* by name, and how many others there are."""
    more = len(builds) - 1
    return builds[0].title + (f" and {more} more" if more else "")


def built_for(builds: Sequence[Build], major: int) -> str:
    """Return that *builds* are for CUDA *major*."""
    return f"{titles(builds)} {'are' if len(builds) > 1 else 'is'} built for CUDA {major}"


def joined(names: Sequence[str]) -> str:
    """Return *names* as a list in a sentence."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def with_article(accelerator: str) -> str:
    """Return *accelerator* as what a build is called."""
    return "a CPU build" if accelerator == "cpu" else f"a {accelerator} build"


def library_count(count: int) -> str:
    """Return how many packages of CUDA libraries there are."""
    return f"{count} package{'s' if count > 1 else ''} of CUDA libraries"


def driver_text(stack: Stack) -> str:
    """Return the driver with the CUDA that it speaks."""
    parsed = parse_driver(stack.driver)
    spoken = spoken_cuda(parsed) if parsed is not None else ()
    return f"{stack.driver} (CUDA {spoken[0]}.{spoken[1]})" if spoken else stack.driver


def another_build(build: Build, major: int) -> str:
    """Return a version of torch of the same release for CUDA *major*, "" where there is none that is known."""
    if build.part.name != "torch":
        return ""
    release = build.part.version.partition("+")[0]
    builds = next((each.builds for each in facts().torch.releases if number(each.version) == number(release)[:2]), ())
    fitting = [each for each in builds if each.startswith(f"cu{major}")]
    return f"torch {release}+{fitting[-1]}" if fitting else ""
