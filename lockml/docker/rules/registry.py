"""The rules by code: the severity of each, and what it reports in one sentence."""

from typing import Final

from lockml.docker.model import Rule, Severity

__all__ = ["RULES"]


def _rule(code: str, name: str, severity: Severity, sentence: str, *, fixable: bool = False) -> Rule:
    return Rule(code=code, name=name, severity=severity, sentence=sentence, fixable=fixable)


_ALL: Final = (
    _rule("LK101", "unlocked-install", "error", "An installed package is not pinned by a lock.", fixable=True),
    _rule(
        "LK102",
        "requirements-not-locked",
        "error",
        "The requirement file is not a lock: versions or hashes are missing.",
        fixable=True,
    ),
    _rule("LK103", "requirements-not-of-lock", "error", "The requirement file does not match the lock."),
    _rule(
        "LK104",
        "install-after-lock",
        "error",
        "An unlocked package is installed after the locked ones.",
        fixable=True,
    ),
    _rule(
        "LK105",
        "label-of-another-lock",
        "warning",
        "The label names another lock.",
        fixable=True,
    ),
    _rule(
        "LK201",
        "code-before-install",
        "warning",
        "Code is copied before the dependencies are installed, so each change reinstalls them.",
        fixable=True,
    ),
    _rule("LK202", "cache-in-layer", "warning", "The installer's cache remains in the layer.", fixable=True),
    _rule(
        "LK203",
        "cache-mount-unused",
        "warning",
        "A cache is mounted, but the installer does not use it.",
        fixable=True,
    ),
    _rule("LK301", "no-require-hashes", "warning", "The installer accepts files without a hash.", fixable=True),
    _rule("LK302", "merged-indexes", "warning", "Without hashes, any of several indexes may serve any package."),
    _rule("LK303", "credentials", "error", "A secret remains in the image or its history."),
    _rule(
        "LK401",
        "base-without-digest",
        "warning",
        "The base image has no digest, so it can change between builds.",
        fixable=True,
    ),
    _rule("LK402", "base-not-of-lock", "error", "The base image is not the locked one."),
    _rule("LK403", "python-not-of-lock", "error", "The lock does not support the Python of the base image."),
    _rule(
        "LK404", "cuda-not-of-lock", "warning", "The CUDA version of the base image does not match the locked packages."
    ),
    _rule("LK501", "unpinned-installer", "warning", "An installer is upgraded to whatever is newest at build time."),
    _rule(
        "LK502",
        "venv-of-another-python",
        "error",
        "A virtual environment is copied to a Python or a path that it was not made for.",
    ),
    _rule("LK601", "dockerignore-hides-lock", "error", ".dockerignore excludes a file that is copied."),
    _rule(
        "LK602",
        "dockerignore-lacks",
        "warning",
        "The entire context is copied, including environments, caches or the git history.",
        fixable=True,
    ),
    _rule("LK701", "compose-image", "error", "A service runs an image that is not the audited one."),
    _rule("LK900", "not-understood", "error", "BuildKit refuses this line."),
    _rule("LK901", "ignore-comment", "warning", "An ignore comment gives no reason, or names no rule."),
)
RULES: Final = {rule.code: rule for rule in _ALL}
