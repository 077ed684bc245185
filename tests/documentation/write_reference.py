"""Write the pages of docs/reference/ and docs/config.schema.json from the code.

Run python -m tests.documentation.write_reference. docs/reference.md, the command line, has a writer of its own:
python -m tests.cli.write_reference.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, get_args

from lockml.audit.model import FINDING_KINDS, LockFindingKind
from lockml.cli.common.config import TABLES
from lockml.common import errors
from lockml.common.errors import LockmlError
from lockml.docker.model import SEVERITIES
from lockml.drift.model import LEVELS, DriftKind
from lockml.inventory.model import LimitCode
from lockml.lock.formats import pipfile_lock, pylock, uv_lock
from lockml.report.sarif import HELP, KIND_TEXTS, WARNINGS
from lockml.report.words import LIMITS
from tests.documentation.config_schema import IGNORE_KEYS, LOCK_KEYS, config_schema, configurable
from tests.documentation.limits import BOUNDS, shown

__all__ = ["FILES"]

DOCS: Final = Path(__file__).parents[2] / "docs"
_MADE: Final = "<!-- Generated: python -m tests.documentation.write_reference -->"


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
    return "\n".join(lines).replace("| --- ", "|---").replace("|--- |", "|---|") + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _drift_kinds() -> str:
    of_locks = {
        "lock-outdated": "The requirement files beside the lock ask for what it does not meet.",
        "newer-release": "There is a newer release that every requirement allows.",
        "yanked": "A pin was yanked (PEP 592).",
        "withdrawn": "The project of a pin was quarantined or archived (PEP 792).",
        "file-gone": "The index no longer offers the hashes of a pin.",
        "base-image-moved": "The base image has other layers than the lock was made for.",
        "vulnerability": "The index lists a vulnerability for a locked version.",
    }
    assert set(of_locks) == set(get_args(LockFindingKind))
    return f"""# Kinds of drift

{_MADE}

The first word of each difference in a report is its kind. [`[[ignore]]`](configuration.md#ignore) accepts some of
a kind; [what check proves](../check.md) says at which level (`{"`, `".join(LEVELS)}`) each shows.

{_table(("kind", "what it means", "what to do", "in SARIF"), _kind_rows())}
## Findings about a lock

`lockml audit` also reports what is to be known of the lock itself:

{_table(("kind", "what it means"), ((f"`{kind}`", of_locks[kind]) for kind in get_args(LockFindingKind)))}
## Limits of a proof

A report counts under `limits` what no look at the files of a subject can know. They are no drift; `--strict` makes
them exit code 4. The [threat model](../threat-model.md) says what makes each smaller.

{_table(("code", "what it counts"), ((f"`{code}`", _cell(LIMITS[code][1])) for code in get_args(LimitCode)))}"""


def _kind_rows() -> Iterator[Sequence[str]]:
    for kind in get_args(DriftKind):
        yield f"`{kind}`", _cell(KIND_TEXTS[kind]), _cell(HELP[kind]), "warning" if kind in WARNINGS else "error"


_EXIT_CODES: Final = {
    0: ("in order", ""),
    1: (
        "a difference: drift, a lock that is out of date (`compile --check`), findings of `dockerfile lint`, "
        "or with `--exit-code` what `diff` and `outdated` list",
        "",
    ),
    2: ("wrong usage or input", "InputError"),
    3: ("nothing satisfies the requirements", "NoResolutionError"),
    4: ("not reachable or incomplete", "UnreachableError"),
    70: ("a defect of lockml: `--debug` prints the traceback to report", ""),
    130: ("interrupted with Ctrl+C", ""),
    141: ("the reader of the output has gone, such as `head`", ""),
}


def _exit_codes() -> str:
    raised = {each.exit_code: each for each in _errors()}
    rows: list[Sequence[str]] = []
    for code, (meaning, error) in _EXIT_CODES.items():
        if error:
            assert raised[code] is getattr(errors, error)
        rows.append((f"{code}", meaning, f"`{error}`" if error else ""))
    assert set(raised) <= set(_EXIT_CODES)
    return f"""# Exit codes

{_MADE}

All commands end with one of these. A program that uses [the API](../api.md) gets the errors.

{_table(("exit code", "means", "error of the API"), iter(rows))}
Drift counts before what could not be read: a check that finds drift and could not read a file exits 1.
[Versions and compatibility](../compatibility.md#exit-codes) promises that they keep their meaning.
"""


def _errors() -> list[type[LockmlError]]:
    """Return the errors right below LockmlError, each with an exit code of its own."""
    return [each for each in LockmlError.__subclasses__() if each.__module__ == errors.__name__]


def _lock_formats() -> str:
    rows = [
        (
            "`pylock.toml` with `[tool.lockml]`",
            f"lock-version 1.0, schema {pylock._SCHEMA}",
            ", ".join(LEVELS),
            "yes",
        ),
        ("`pylock.toml` of another tool (PEP 751)", "lock-version 1.0", "names", ""),
        ("`uv.lock`", f"version {uv_lock._VERSION}, revisions up to {uv_lock._REVISION}", "names", ""),
        ("`poetry.lock`", "lock-version 1.0 to 2.1", "names", ""),
        ("`pdm.lock`", "lock version 4.0 to 4.5", "names", ""),
        ("`Pipfile.lock`", f"spec {pipfile_lock._SPEC}", "names", ""),
        ("`conda-lock.yml`, what pip installs", "version 1 and 2", "names", ""),
        ("`pixi.lock`, what pip installs", "version 4 to 7", "names", ""),
        ("`requirements.txt` of exact pins", "with hashes or without", "names", "yes"),
    ]
    return f"""# Formats of locks

{_MADE}

`lockml compile` writes two files: `pylock.toml`, which `lockml check` proves, and `requirements.txt`, which pip and
uv install. Commands that read a lock read all of these; the content of a file, and not its name, says what it is.

{_table(("lock", "versions", "levels that `check` proves", "written by `compile`"), iter(rows))}
`lockml adopt` makes a lock of lockml from each of the others, and moves no pin.
[Locks of other tools](../other-locks.md)
says which extras and groups count, and [artifact identity](../artifact-identity.md) what a lock of lockml has beside
hashes.
"""


def _limits() -> str:
    sections = [
        f"## {title}\n\n" + _table(("at most", "what"), ((shown(each), each.what) for each in bounds))
        for title, bounds in BOUNDS.items()
    ]
    return f"""# Limits

{_MADE}

What lockml reads may come from anyone, so sizes, counts and times have bounds. What goes beyond one is refused
or makes the report incomplete (exit code 2 or 4). It never counts as in order. Reports show less, and say how much
more there is.

{chr(10).join(sections)}"""


def _configuration() -> str:
    commands = sorted(TABLES - {"built", "dockerfile", "ignore"})
    options = [f"### {name}\n\n{_options(name)}.\n" for name in commands]
    keys = {"ignore": IGNORE_KEYS, "lock": LOCK_KEYS}
    return f"""# Configuration

{_MADE}

`[tool.lockml]` of pyproject.toml configures lockml for a folder, or the same tables without that prefix in lockml.toml.
Where both are there, lockml.toml counts. The command line comes first, then variables, then the configuration.

- Each command has a table of its options, by their long names: `[tool.lockml.check]`, or `[check]` in lockml.toml.
- A flag is `true` or `false`; all else is a string, or a list of strings for what can be repeated.
- A table or a key that no command reads is an error (exit code 2).
- [config.schema.json](../config.schema.json) describes it all to editors. The fleet of `lockml audit` is in lockml.toml
  too, in `[audit]`: [fleet.schema.json](../fleet.schema.json) describes that.

```toml
[tool.lockml.compile]
python = "3.11"
platform = "linux/amd64"
libc = "glibc-2.36"
deny = ["opencv-python"]

[tool.lockml.check]
level = "files"
require-verified = true

[[tool.lockml.ignore]]
kind = "unattributed-file"
path = "*/site-packages/_company_hooks.pth"
reason = "our tracing, TICKET-123"
until = 2027-03-31

[tool.lockml.dockerfile]
ignore = ["LK403"]
severity = {{ LK401 = "note" }}
```

## ignore

`[[tool.lockml.ignore]]`: what may differ. `reason` is required, and one of `kind`, `name`, `path` and `sha256`.
[Reports](../reports.md#rules) says how rules fit.

{_table(("key", "value"), ((f"`{key}`", _cell(text)) for key, text in keys["ignore"].items()))}
The kinds are {", ".join(f"`{kind}`" for kind in FINDING_KINDS)}.

## lock

`[[tool.lockml.lock]]`, with two brackets: the locks of `lockml compile --all`. Besides these keys, a table has
[options of compile](#compile). [Many locks of one project](../locks.md) explains them. With one bracket,
`[tool.lockml.lock]` holds the options of `lockml lock`.

{_table(("key", "value"), ((f"`{key}`", _cell(text)) for key, text in keys["lock"].items()))}
## built

`[[tool.lockml.built]]`: wheels that your image builds. [Built in the image](../built.md) explains the keys.

## dockerfile

`[tool.lockml.dockerfile]`: `ignore` lists [rules](../dockerfile-rules.md) that `lockml dockerfile lint` does not look
for, and `severity` says how others count: {", ".join(f"`{each}`" for each in SEVERITIES)}.

## Options by command

[The command line](../reference.md) says what each does.

{chr(10).join(options)}"""


def _options(name: str) -> str:
    return ", ".join(f"`{key}`" for key in configurable(name))


FILES: Final[Mapping[str, Callable[[], str]]] = {
    "config.schema.json": lambda: json.dumps(config_schema(), indent=2) + "\n",
    "reference/configuration.md": _configuration,
    "reference/drift-kinds.md": _drift_kinds,
    "reference/exit-codes.md": _exit_codes,
    "reference/limits.md": _limits,
    "reference/lock-formats.md": _lock_formats,
}
"""What is generated, seen from docs/, and how."""


if __name__ == "__main__":
    for name, text in FILES.items():
        (DOCS / name).write_text(text())
