"""Add the extras and project names that an accelerator needs to requirements."""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from lockml.common.target import Target
from lockml.index.accelerators.choice import extra_for, name_for
from lockml.requirements.model import Requirement, RequirementSet

__all__ = ["with_accelerator"]

_ON_LINUX = "sys_platform == 'linux'"


def with_accelerator(asked: RequirementSet, accelerator: str, targets: Iterable[Target]) -> RequirementSet:
    """Return *asked* with ``jax[cuda12]`` beside ``jax`` for ``cu128``, and ``onnxruntime-gpu`` for ``onnxruntime``.

    Extras apply only on Linux, the only system that they have wheels for. Another name is used if all *targets* are
    Linux, unless the inputs name it too; a direct reference stays. Each change is a note.
    """
    if not accelerator:
        return asked
    on_linux = all(target.platform.system == "linux" for target in targets)
    named = {requirement.name for requirement in asked.requirements}
    changed: list[Requirement] = []
    notes: list[str] = []
    for requirement in asked.requirements:
        other = canonicalize_name(name_for(requirement.name, accelerator))
        if other and on_linux and requirement.reference is None and not requirement.hashes:
            changed += [replace(requirement, name=other)] if other not in named else []
            notes.append(f"{requirement.origin}: locking {other} instead of {requirement.name} for {accelerator}")
            continue
        changed.append(requirement)
        for each in _with_extra(requirement, accelerator):
            changed.append(each)
            notes.append(f"{requirement.origin}: locking {each.versioned} for {accelerator}")
    return replace(asked, requirements=tuple(changed), notes=(*asked.notes, *dict.fromkeys(notes)))


def _with_extra(requirement: Requirement, accelerator: str) -> Iterator[Requirement]:
    extra = extra_for(requirement.name, requirement.extras, accelerator)
    if extra and requirement.reference is None and not requirement.hashes:
        marker = f"({requirement.marker}) and {_ON_LINUX}" if requirement.marker is not None else _ON_LINUX
        yield replace(requirement, extras=(canonicalize_name(extra),), specifier=SpecifierSet(), marker=Marker(marker))
