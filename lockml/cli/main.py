"""The command ``lockml``: run the subcommand, and turn errors into one clear message and an exit code.

Exit codes: 0 success, 1 drift or an outdated lock, 2 wrong usage or input, 3 no resolution, 4 unreachable or
incomplete, 70 internal error.
"""

import contextlib
import errno
import gc
import importlib
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lockml import __version__
from lockml.cli.common.command import loudness_options
from lockml.cli.common.completion import item as completion_item
from lockml.cli.common.config import configured_options
from lockml.cli.common.terminal import tell_error
from lockml.common.display import escape, redact
from lockml.common.errors import InputError, LockmlError, UnreachableError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["cli", "main"]

_DEBUG: Final = "LOCKML_DEBUG"
_COMPLETE: Final = "_LOCKML_COMPLETE"  # set by a shell that asks for completions
_DEFECT: Final = 70  # EX_SOFTWARE of sysexits.h
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})  # errors of a write, no defect

_MODULES: Final = {
    "adopt": "adopt.command",
    "check": "check.command",
    "compile": "compile.command",
    "diff": "inspect.diff",
    "completion": "shells.completion",
    "dockerfile": "dockerfile.command",
    "init": "init.command",
    "inventory": "inspect.inventory",
    "man": "shells.man",
    "outdated": "inspect.outdated",
    "record": "check.record",
    "tree": "inspect.tree",
    "verify": "verify.command",
    "why": "inspect.why",
}
_COMMANDS: Final = {
    "adopt": "Turn the lock of another tool into a lock that proves installed bytes.",
    "audit": "Check a fleet on a schedule, and report changes.",
    "cache": "Show and prune the cache.",
    "check": "Compare a container, image or folder with the lock.",
    "compile": "Pin requirements for a target: write a lock and a requirements.txt.",
    "completion": "Print the completion script of a shell.",
    "diff": "Compare two locks, two git revisions of a lock, or two images.",
    "dockerfile": "Write Docker files for the lock; lint and fix existing ones.",
    "init": "Set up a folder: lock, Dockerfile, compose file, CI job, settings.",
    "inventory": "List what is installed in a container, image or folder.",
    "lock": "Start a lock from an existing image, container or folder.",
    "man": "Write the manual pages.",
    "outdated": "List pins with newer releases, and what holds them back.",
    "record": "Record in the lock what an image built, so that check can prove it.",
    "tree": "Show the packages of a lock as a tree.",
    "verify": "Download every wheel of a lock once and compare it with the lock.",
    "why": "Show which requirements lead to a package.",
}


_ALIASES: Final = {  # names in other tools
    "diagnose": "check",
    "export": "compile",
    "freeze": "inventory",
    "import": "adopt",
    "install": "compile",
    "list": "inventory",
    "scan": "check",
    "status": "check",
    "update": "compile",
    "upgrade": "compile",
}


def _debug(wanted: bool) -> None:
    """Set it for this process and those that it starts."""
    if wanted:
        os.environ[_DEBUG] = "1"
    else:
        os.environ.pop(_DEBUG, None)


class _Lazy(click.Group):
    """A group that imports a subcommand only when it runs, so that --help and --version stay quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(_COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; raise UsageError with the nearest name for an unknown one."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in _COMMANDS:
            import difflib  # not for --version

            near = difflib.get_close_matches(_ALIASES.get(name, name), _COMMANDS, n=1)
            raise click.UsageError(f"No such command {name!r}.{f' Did you mean {near[0]!r}?' if near else ''}", ctx)
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        gc.disable()  # loading makes no garbage cycles; looking for some would take a twentieth of a short check
        command: click.Command = importlib.import_module(f"lockml.cli.{_MODULES.get(cmd_name, cmd_name)}").command
        gc.enable()
        from lockml.cli.common.options import name_variables  # not for --version

        name_variables(command, cmd_name)
        if not isinstance(command, click.Group):  # [audit] names a fleet, and no options
            ctx.default_map = {cmd_name: configured_options(command, cmd_name)}
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Propose commands without loading them, and options after a hyphen."""
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        return [completion_item(name, text) for name, text in sorted(_COMMANDS.items()) if name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the same
        with formatter.section("Commands"):
            formatter.write_dl(sorted(_COMMANDS.items()))


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog="Exit codes: 0 success, 1 drift, 2 wrong usage or input, 3 no resolution, 4 unreachable or incomplete, "
    "70 internal error.",
)
@click.version_option(__version__, "-V", "--version", prog_name="lockml", message="%(prog)s %(version)s")
@click.option(
    "--debug",
    is_flag=True,
    envvar=_DEBUG,
    show_envvar=True,
    expose_value=False,
    callback=lambda _, __, debug: _debug(debug),
    help="Print the traceback of an internal error.",
)
def cli() -> None:
    """Lock the Python environment of an ML container, and prove that it still matches the lock."""


cli.params += loudness_options()


def main() -> None:
    """Run the command line and exit with the documented exit code."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed before lockml started
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if _COMPLETE in os.environ:
        from lockml.cli.shells.completion import answer

        answer(cli, os.environ)
        code = 0
    else:
        code = _run()
    words = (word for word in sys.argv[1:] if not word.startswith("-"))
    if next(words, None) == "audit":  # may have threads and processes to end
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # a stream without a reader
            stream.flush()
    os._exit(code)  # all is written; freeing every object would take a sixth of the time of a compile


def _run() -> int:
    """Run the command line, print any error, and return the exit code."""
    code: object = 0
    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.Abort:
        click.echo("lockml: interrupted", err=True)
        code = 130
    except click.UsageError as error:
        code = _tell_usage(error)
    except click.ClickException as error:
        error.show()
        code = 2
    except LockmlError as error:
        tell_error(error)
        code = error.exit_code
    except BrokenPipeError:
        sys.stderr.close()  # the reader of the output has gone: nothing more to print
        code = 141
    except Exception as error:
        code = _tell_defect(error)
    return code if isinstance(code, int) else 0


def _tell_usage(error: click.UsageError) -> int:
    """Print what is wrong with the command line, and return the exit code."""
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
        error.show()  # the help itself
        return InputError.exit_code
    path = error.ctx.command_path if error.ctx is not None else "lockml"
    problem = " ".join(map(str.strip, error.format_message().splitlines())).rstrip(".")
    tell_error(InputError(path, problem, hint=f"run `{path} --help` for usage"))
    return InputError.exit_code


def _tell_defect(error: Exception) -> int:
    """Print an internal error, with its traceback if the user wants it, and return the exit code."""
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:  # only a user gives such a name
        tell_error(InputError(f"{str(error.filename)[:40]}…", "is too long for a file name", hint="use a shorter one"))
        return InputError.exit_code
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        tell_error(UnreachableError(str(error.filename or "the output"), f"cannot be written ({error.strerror})"))
        return UnreachableError.exit_code
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    advice = "please report it with the traceback, which LOCKML_DEBUG=1 or --debug prints"
    if _DEBUG in os.environ:
        import traceback

        lines = redact("".join(traceback.format_exception(error))).splitlines()
        click.echo("\n".join(map(escape, lines)), err=True)
        advice = "please report it with this traceback"
    tell_error(LockmlError("lockml", f"internal error ({reason}); {advice}"))
    return _DEFECT
