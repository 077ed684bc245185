"""Text of a conda environment.yml in, the requirements of its ``pip:`` section out."""

from collections.abc import Iterator, Mapping
from typing import Final

import yaml
from msgspec.structs import replace

from lockml.common.errors import InputError
from lockml.common.yaml.errors import not_yaml
from lockml.requirements.model import RequirementSet
from lockml.requirements.requirements_txt import EMPTY, ReadFile, no_other_file, read_requirement_lines

__all__ = ["read_environment"]

_FROM_CONDA: Final = frozenset({"python", "pip"})


def read_environment(
    content: bytes, file: str, *, read: ReadFile = no_other_file, environment: Mapping[str, str] = EMPTY
) -> RequirementSet:
    """Return what the ``pip:`` sections list, with a note on what conda is to install beside it.

    A section is a requirement file, as conda hands it to pip, options and all. Raises InputError for what is no
    environment.yml, RequirementError with every line that cannot be used.
    """
    dependencies = _dependencies(content, file)
    lines = [(node.start_mark.line + 1, str(node.value)) for node in _pip_lines(dependencies)]
    asked = read_requirement_lines(lines, file, read=read, environment=environment)
    names = [str(node.value).split("=")[0].strip() for node in dependencies.value if isinstance(node, yaml.ScalarNode)]
    unlocked = ", ".join(name for name in names if name.split("::")[-1].split(" ")[0] not in _FROM_CONDA)
    notes = (f"{file}: {unlocked} come from conda and are not locked; only its pip section is",) if unlocked else ()
    return replace(asked, notes=(*asked.notes, *notes))


def _dependencies(content: bytes, file: str) -> yaml.SequenceNode:
    try:
        document = yaml.compose(content.decode("utf-8"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        raise InputError(file, f"is not UTF-8 ({error.reason} at byte {error.start})") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise not_yaml(file, error) from error
    if isinstance(document, yaml.MappingNode):
        for key, value in document.value:
            if key.value == "dependencies" and isinstance(value, yaml.SequenceNode):
                return value
    raise InputError(file, "is no conda environment: it has no list of dependencies")


def _pip_lines(dependencies: yaml.SequenceNode) -> Iterator[yaml.ScalarNode]:
    for node in dependencies.value:
        for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
            if key.value == "pip" and isinstance(value, yaml.SequenceNode):
                yield from (line for line in value.value if isinstance(line, yaml.ScalarNode) and line.value.strip())
