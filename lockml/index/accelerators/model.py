"""The nouns of accelerators: packages, what an image or a host says, what is declared, and findings."""

from typing import Final

from msgspec import Struct

__all__ = ["NOTHING_DECLARED", "NO_GROUND", "Declared", "Finding", "Ground", "Part", "Stack"]


class Part(Struct, frozen=True, kw_only=True):
    """A package: its normalized *name* and its *version* with the local part.

    *built* is the accelerator that its own files name, ``cu128`` or ``cpu``, *torch* the torch that they were built
    for, and *needs* the CUDA majors whose libraries they load; "" and () where they were not read or do not say.
    What is not *plain* came from a package manager, so that its version alone says nothing of its build.
    """

    name: str
    version: str
    built: str = ""
    torch: str = ""
    needs: tuple[int, ...] = ()
    plain: bool = True


class Ground(Struct, frozen=True, kw_only=True):
    """What a subject says of its CUDA, "" where it says nothing.

    *cuda* is the version of its toolkit, *requires* are the values of NVIDIA_REQUIRE_…, () where they are switched off.
    *compat* is the version of a forward-compat libcuda in it, *compat_first* says whether the loader takes that one.
    *rocm* is the version of ROCm, *tegra* the release of L4T of a Jetson. *driver* is that of the host, as seen from
    within, and *gpus* are the models that it drives.
    """

    cuda: str = ""
    requires: tuple[str, ...] = ()
    compat: str = ""
    compat_first: bool = False
    rocm: str = ""
    tegra: str = ""
    driver: str = ""
    gpus: tuple[str, ...] = ()


class Declared(Struct, frozen=True, kw_only=True):
    """What a user says: the *accelerator* that was locked for, the *driver* of the hosts, none for no GPU, and a *gpu*.

    The GPU is an architecture, ``12.0``, or a model; "" where nothing is said.
    """

    accelerator: str = ""
    driver: str = ""
    gpu: str = ""


NO_GROUND: Final = Ground()
"""What says nothing of CUDA."""

NOTHING_DECLARED: Final = Declared()
"""What is said where nothing is said."""


class Stack(Struct, frozen=True, kw_only=True):
    """The *parts* of one environment on one *system* and *machine*, with the ground that they run on.

    *locked* are the packages of the lock where *parts* are those that were found.
    """

    parts: tuple[Part, ...]
    locked: tuple[Part, ...] = ()
    ground: Ground = NO_GROUND
    declared: Declared = NOTHING_DECLARED
    system: str = "linux"
    machine: str = "x86_64"

    @property
    def driver(self) -> str:
        """The driver that counts, "" where none is known."""
        return self.declared.driver or self.ground.driver

    @property
    def gpus(self) -> tuple[str, ...]:
        """The GPUs that count, () where none is known."""
        return (self.declared.gpu,) if self.declared.gpu else self.ground.gpus

    def part(self, name: str) -> Part | None:
        """Return the package *name*, None where it is not there."""
        return next((part for part in self.parts if part.name == name), None)


class Finding(Struct, frozen=True, kw_only=True):
    """What does not fit, in a phrase, with its *remedy*; *rule* names the kind of it.

    It is about the project *name* of that *version*, or about the image; one that *refuses* is drift.
    """

    rule: str
    name: str
    version: str
    text: str
    remedy: str
    refuses: bool

    @property
    def sentence(self) -> str:
        """All of it in one sentence."""
        return f"{self.text}: {self.remedy}"
