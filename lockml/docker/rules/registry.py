"""The rules by code: how each counts, and what it says in one sentence."""

from typing import Final

from lockml.docker.model import Rule, Severity

__all__ = ["RULES"]


def _rule(code: str, name: str, severity: Severity, sentence: str, *, fixable: bool = False) -> Rule:
    return Rule(code=code, name=name, severity=severity, sentence=sentence, fixable=fixable)


_ALL: Final = (
    _rule("LK101", "unlocked-install", "error", "A package is installed that no lock pins.", fixable=True),
    _rule(
        "LK102",
        "requirements-not-locked",
        "error",
        "The requirement file is no lock: versions or hashes are missing.",
        fixable=True,
    ),
    _rule("LK103", "requirements-not-of-lock", "error", "The requirement file is not what the lock says."),
    _rule(
        "LK104",
        "install-after-lock",
        "error",
        "Something unlocked is installed after the locked packages.",
        fixable=True,
    ),
    _rule(
        "LK105",
        "label-of-another-lock",
        "warning",
        "The label says that the image is built from another lock.",
        fixable=True,
    ),
    _rule(
        "LK201",
        "code-before-install",
        "warning",
        "Code is copied before the dependencies are installed: each change installs them again.",
        fixable=True,
    ),
    _rule("LK202", "cache-in-layer", "warning", "The installer's cache stays in the layer.", fixable=True),
    _rule(
        "LK203",
        "cache-mount-unused",
        "warning",
        "A cache is mounted, and the installer does not use it.",
        fixable=True,
    ),
    _rule("LK301", "no-require-hashes", "warning", "The installer takes what has no hash.", fixable=True),
    _rule("LK302", "merged-indexes", "warning", "Any of several indexes may serve any package, as no hash decides."),
    _rule("LK303", "credentials", "error", "A secret stays in the image or in its history."),
    _rule(
        "LK401",
        "base-without-digest",
        "warning",
        "The base image has no digest, so it can be another one tomorrow.",
        fixable=True,
    ),
    _rule("LK402", "base-not-of-lock", "error", "The base image is not the one that was locked for."),
    _rule("LK403", "python-not-of-lock", "error", "The lock does not serve the Python of the base image."),
    _rule("LK404", "cuda-not-of-lock", "warning", "The CUDA of the base image is not that of the locked packages."),
    _rule("LK501", "unpinned-installer", "warning", "An installer is upgraded to whatever is newest."),
    _rule(
        "LK502",
        "venv-of-another-python",
        "error",
        "A virtual environment is copied to a Python or a path that it was not made for.",
    ),
    _rule("LK601", "dockerignore-hides-lock", "error", ".dockerignore leaves out a file that is copied."),
    _rule(
        "LK602",
        "dockerignore-lacks",
        "warning",
        "All of the context is copied, with environments, caches or git's history in it.",
        fixable=True,
    ),
    _rule("LK701", "compose-image", "error", "A service runs another image than the one that is audited."),
    _rule("LK900", "not-understood", "error", "BuildKit refuses this line."),
    _rule("LK901", "ignore-comment", "warning", "An ignore comment gives no reason, or names no rule."),
)
RULES: Final = {rule.code: rule for rule in _ALL}
