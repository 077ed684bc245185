"""The command that adopts a lock without known inputs again, for the head of requirements.txt.

If the inputs are known, the head has ``lockml compile`` with them instead.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from lockml.cli.compile.options import CompileOptions, PolicyOptions
from lockml.cli.compile.outputs import command_words
from lockml.common.target import Target
from lockml.lock.model import BaseImage, Choice

__all__ = ["adopt_words"]

_NO_POLICY: Final = PolicyOptions(
    prefer=(),
    upgrade=False,
    upgrade_package=(),
    pre=None,
    exclude=(),
    exclude_newer=None,
    exclude_newer_except=(),
    resolution=None,
    no_binary=(),
    only_binary=(),
    allow_build=(),
    accept_older=(),
    deny=(),
    as_is=False,
)


def adopt_words(
    file: str, choice: Choice, options: CompileOptions, targets: Sequence[Target], base_image: BaseImage | None
) -> tuple[str, ...]:
    """Return the command that adopts the lock *file* with *choice* and *options* for *targets*."""
    output = options.output
    shared = command_words(
        options._replace(
            inputs=options.inputs._replace(files=(file,), constraint=(), override=(), extra=(), group=()),
            indexes=options.indexes._replace(no_index=False),
            policy=_NO_POLICY,
            output=output._replace(output="-", lock="-"),
        ),
        targets,
        base_image,
    )
    own = ("--output", output.lock) if output.lock not in ("pylock.toml", "-") else ()
    return ("lockml", "adopt", *shared[2:], *_choice_words(choice), *own, "--requirements", output.output)


def _choice_words(choice: Choice) -> Iterator[str]:
    for option, names in (
        ("--extra", choice.extras),
        ("--group", choice.groups),
        ("--no-group", choice.without_groups),
    ):
        for name in sorted(names):
            yield from (option, name)
    yield from ("--all-extras",) if choice.all_extras else ()
    yield from ("--all-groups",) if choice.all_groups else ()
    yield from () if choice.default_groups else ("--no-default-groups",)
