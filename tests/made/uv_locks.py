"""uv.lock files of wheels that a test makes."""

import hashlib
from collections.abc import Mapping, Sequence

__all__ = ["uv_lock"]


def uv_lock(
    packages: Mapping[tuple[str, str], bytes | str],
    *,
    needs: Mapping[str, Sequence[str]] | None = None,
    requires_python: str = ">=3.9",
    registry: str = "https://index.example/simple",
    extras: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """Return the uv.lock of a project ``app`` that needs all *packages*, by name and version, but those of *needs*.

    Each is the wheel itself or the SHA-256 that the lock has of it; *needs* says what packages need, *extras* what
    those of the project bring.
    """
    needs, extras = needs or {}, extras or {}
    under = {name for each in (*needs.values(), *extras.values()) for name in each}
    top = [name for name, _ in packages if name not in under]
    parts = [f'version = 1\nrevision = 3\nrequires-python = "{requires_python}"\n']
    parts.append('[[package]]\nname = "app"\nversion = "0.1"\nsource = { virtual = "." }\n' + _needs(top))
    if extras:
        parts.append(
            "[package.optional-dependencies]\n" + "".join(f"{name} = {_list(of)}" for name, of in extras.items())
        )
    for (name, version), wheel in packages.items():
        digest = wheel if isinstance(wheel, str) else hashlib.sha256(wheel).hexdigest()
        url = f"https://files.example/{name}-{version}-py3-none-any.whl"
        parts.append(
            f'[[package]]\nname = "{name}"\nversion = "{version}"\nsource = {{ registry = "{registry}" }}\n'
            f"{_needs(needs.get(name, ()))}"
            f'wheels = [\n    {{ url = "{url}", hash = "sha256:{digest}", size = 1 }},\n]\n'
        )
    return "\n".join(parts)


def _needs(names: Sequence[str]) -> str:
    return f"dependencies = {_list(names)}" if names else ""


def _list(names: Sequence[str]) -> str:
    return "[" + ", ".join(f'{{ name = "{name}" }}' for name in names) + "]\n"
