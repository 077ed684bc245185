"""``lockml lock --from``: a subject in; a lock of what is installed in it out, for the target that it is."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from lockml.cli.common.config import configured_options
from lockml.cli.common.environment_target import EnvironmentTarget, target_of
from lockml.cli.common.files import write_files
from lockml.cli.common.options import name_variables, option
from lockml.cli.common.subject_options import parse_subject
from lockml.cli.common.terminal import note, warn
from lockml.cli.compile.command import command as compile_command
from lockml.cli.compile.command import compile_files
from lockml.cli.compile.options import CompileOptions, TargetOptions, compile_options
from lockml.common.errors import InputError
from lockml.inventory.collect import take_inventory
from lockml.inventory.model import InstalledDistribution, Inventory
from lockml.subjects.model import ReadOptions
from lockml.subjects.open import open_subject

__all__ = ["command"]

_TOOLS = frozenset({"pip", "setuptools", "wheel"})


@click.command("lock", short_help="Start a lock from an image, a container or a folder that exists.")
@option("--from", "subject", metavar="KIND:NAME", required=True, help="As image:trainer:1 or path:/opt/venv.")
@option("--environment", metavar="PREFIX", show_default="that of its python", help="The Python environment in it.")
@option("--input", "source", metavar="FILE", default="requirements.in", show_default=True, help="Where the pins go.")
@option("-o", "--output", default="requirements.txt", show_default=True, help="The requirements file.")
@option("--lock", default="pylock.toml", show_default=True, help="The lock (PEP 751).")
@option("--index-url", "-i", metavar="URL", show_default="pip's", help="The package index.")
@option("--extra-index-url", multiple=True, metavar="URL", help="Asked before the index.")
@option("--allow-build", multiple=True, metavar="NAME", help="Build this project to learn what it needs.")
@option("--platform", metavar="OS/ARCH", default="linux/amd64", show_default=True, help="Which of several images.")
def command(subject: str, environment: str | None, source: str, platform: str, **options: object) -> int:
    """Write down what is installed as exact pins, and lock them for the Python and the platform that are there.

    From then on loosen the pins in the input file to ranges and compile it as any other. What has no release of that
    version on the index stops it; what is editable or of the system is left out and told.
    """
    if Path(source).exists():
        raise InputError(source, "is already there", hint="name another file with --input")
    with open_subject(parse_subject(subject), ReadOptions(platforms=(platform,))) as opened:
        prefix = environment or opened.prefix
        inventory = take_inventory(opened.tree, opened.subject, opened.runtime, prefix=prefix)
    target = target_of(inventory.environment, str(inventory.subject))
    lines = [f"# What {inventory.subject} had in {inventory.environment.prefix}.", *_pins(inventory)]
    write_files({source: "\n".join(lines) + "\n"})
    note(f"Wrote {len(lines) - 1} pins to {source}; if they do not resolve, mend and compile that")
    return compile_files(_compile_options(source, target, options))


def _compile_options(source: str, target: EnvironmentTarget, given: Mapping[str, Any]) -> CompileOptions:
    """Return what compile is told of *source*: *given*, else what its own configuration and variables say."""
    name_variables(compile_command, "compile")
    defaults = configured_options(compile_command, "compile")
    with compile_command.make_context("compile", [], default_map=defaults) as context:
        options = compile_options(context.params)
    indexes, policy = options.indexes, options.policy
    return CompileOptions(
        inputs=options.inputs._replace(files=(source,)),
        target=TargetOptions(
            base_image=None, python=target.python, platform=target.platform, libc=target.libc, target=()
        ),
        indexes=indexes._replace(
            index_url=given["index_url"] or indexes.index_url,
            extra_index_url=given["extra_index_url"] or indexes.extra_index_url,
        ),
        policy=policy._replace(allow_build=given["allow_build"] or policy.allow_build),
        output=options.output._replace(output=given["output"], lock=given["lock"], check=False),
    )


def _pins(inventory: Inventory) -> Iterator[str]:
    seen: set[str] = set()
    for each in inventory.environment.distributions:
        if each.name in seen or each.name in _TOOLS or each.dist_info.startswith("~"):
            continue
        seen.add(each.name)
        if each.owner is not None:
            warn(f"{each.name} {each.version} is of the {each.owner}, and left out")
        elif each.editable:
            warn(f"{each.name} {each.version} is editable, and left out")
        else:
            yield _pin(each)


def _pin(each: InstalledDistribution) -> str:
    source = each.source
    if source is None or source.url.startswith("file:"):
        return f"{each.name}=={each.version}"
    if source.commit is not None:
        return f"{each.name} @ git+{source.url.removeprefix('git+')}@{source.commit}"
    return f"{each.name} @ {source.url}"
