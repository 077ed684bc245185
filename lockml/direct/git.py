"""Finds the commit of a revision of a repository, and checks it out, with git.

Addresses reach git by its configuration, not as arguments, so that a login in one is in no list of processes.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from lockml.common.display import redact
from lockml.common.errors import PackageIndexError
from lockml.common.references import RepositoryReference
from lockml.index.model import MetadataError

__all__ = ["check_out", "find_commit"]

_COMMIT: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_NAME: Final = "lockml-source"  # not origin: the folder that lockml runs in may be a repository with one
_PATIENCE: Final = 600  # seconds that a fetch may take
_SETTINGS: Final = {
    "core.hooksPath": os.devnull,
    "protocol.allow": "never",
    **{f"protocol.{name}.allow": "always" for name in ("https", "http", "ssh", "git")},
    "protocol.file.allow": "user",  # not for submodules: a repository could name a folder of this machine
}
_LOCAL_SUBMODULE: Final = (
    "GIT_ALLOW_PROTOCOL=file:https:ssh allows submodules on this machine, for repositories that you trust"
)


def find_commit(reference: RepositoryReference) -> str | None:
    """Return the commit that *reference* names where that costs no fetch: it is one, or the repository lists it.

    Raises PackageIndexError where the repository does not answer.
    """
    revision = reference.revision or "HEAD"
    if _COMMIT.fullmatch(revision):
        return revision
    rows = (line.partition("\t") for line in _git(reference, "ls-remote", _NAME).splitlines())
    listed = {name: commit for commit, _, name in rows}
    for name in (f"refs/tags/{revision}^{{}}", f"refs/tags/{revision}", f"refs/heads/{revision}", revision):
        if name in listed:
            return listed[name]
    return None


def check_out(reference: RepositoryReference, commit: str | None, folder: Path) -> str:
    """Put *commit*, or what *reference* names, with its submodules into the empty *folder*; return the commit.

    Raises MetadataError where the repository has no such revision, PackageIndexError where it does not answer.
    """
    _git(reference, "init", "--quiet", str(folder))
    quoted = reference.url.replace("\\", "\\\\").replace('"', '\\"')
    with (folder / ".git" / "config").open("a", encoding="utf-8") as config:
        config.write(f'[remote "origin"]\n\turl = "{quoted}"\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n')
    wanted = commit or reference.revision or "HEAD"
    if _run(reference, "fetch", "--quiet", "--depth=1", "origin", wanted, folder=folder).returncode == 0:
        fetched = _find_revision(reference, "FETCH_HEAD^{commit}", folder)
    else:
        _git(reference, "fetch", "--quiet", "--tags", "origin", folder=folder)
        names = (wanted, f"refs/remotes/origin/{wanted}")
        fetched = next(filter(None, (_find_revision(reference, f"{name}^{{commit}}", folder) for name in names)), "")
    if not fetched or commit not in (None, fetched):
        raise MetadataError(f"the repository has no revision {wanted!r}")
    _git(reference, "checkout", "--quiet", "--detach", fetched, folder=folder)
    if (folder / ".gitmodules").is_file():
        _git(reference, "submodule", "--quiet", "update", "--init", "--recursive", "--depth=1", folder=folder)
    return fetched


def _find_revision(reference: RepositoryReference, revision: str, folder: Path) -> str:
    done = _run(reference, "rev-parse", "--verify", "--quiet", "--end-of-options", revision, folder=folder)
    return done.stdout.strip().splitlines()[-1] if done.returncode == 0 and done.stdout.strip() else ""


def _git(reference: RepositoryReference, *arguments: str, folder: Path | None = None) -> str:
    done = _run(reference, *arguments, folder=folder)
    if done.returncode != 0:
        said = [line for line in redact(done.stderr).splitlines() if line.strip()]
        reason = next((line for line in said if line.startswith(("fatal:", "error:"))), said[-1] if said else "")
        raise PackageIndexError(
            str(reference),
            f"git cannot read it ({reason or 'no reason given'})",
            hint=_LOCAL_SUBMODULE if "transport 'file' not allowed" in reason else "check the address and your login",
        )
    return done.stdout


def _run(
    reference: RepositoryReference, *arguments: str, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    command = ["git", *(("-C", str(folder)) if folder is not None else ()), *arguments]
    try:
        return subprocess.run(  # noqa: S603 - no shell; revisions cannot begin with a hyphen
            command,
            env=_environment(reference, in_folder=folder is not None),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except FileNotFoundError as error:
        raise PackageIndexError(str(reference), "git is not installed", hint="install git") from error
    except subprocess.TimeoutExpired as error:
        raise PackageIndexError(str(reference), f"git did not finish within {_PATIENCE} s") from error


def _environment(reference: RepositoryReference, *, in_folder: bool) -> Mapping[str, str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_CONFIG_")}
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        variables.pop(name, None)
    settings = {**_SETTINGS, **({} if in_folder else {f"remote.{_NAME}.url": reference.url})}
    for number, (key, value) in enumerate(settings.items()):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return {**variables, "GIT_CONFIG_COUNT": str(len(settings)), "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1"}
