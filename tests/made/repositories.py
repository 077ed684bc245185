"""Git repositories in folders."""

import os
import subprocess
from pathlib import Path

__all__ = ["git"]

_NAMES = dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "somebody")
_ADDRESSES = dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "somebody@x.example")


def git(folder: Path, *arguments: str) -> str:
    """Run git in *folder* and return what it prints."""
    environment = {**os.environ, **_NAMES, **_ADDRESSES, "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.strip()
