"""A package that is locked from a repository in, the requirement that installs its commit out (PEP 508, PEP 751)."""

from packaging.pylock import PackageVcs

__all__ = ["commit_requirement"]


def commit_requirement(name: str, vcs: PackageVcs) -> str:
    """Return the requirement on a commit; older pips take an address without a host only with the name behind it."""
    address = f"git+{vcs.url}@{vcs.commit_id}"
    inside = f"subdirectory={vcs.subdirectory}" if vcs.subdirectory else ""
    if "://" in address and not address.partition("://")[2].startswith("/"):
        return f"{name} @ {address}{f'#{inside}' if inside else ''}"
    return f"{address}#egg={name}{f'&{inside}' if inside else ''}"
