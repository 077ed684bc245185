"""Wheels made in memory, and what pip makes of them when it installs."""

import base64
import csv
import hashlib
import io
import struct
import zipfile
from collections.abc import Mapping, Sequence

__all__ = [
    "UNHASHED",
    "compiled_module",
    "generated_script",
    "installed_files",
    "make_wheel",
    "metadata_text",
    "record_digest",
    "wheel_name",
]

UNHASHED = "pkg.py,,\npkg-1.0.dist-info/METADATA,,\npkg-1.0.dist-info/WHEEL,,\n"
"""The RECORD of a wheel `pkg` that has no hashes."""

PURE_TAG = "py3-none-any"


def wheel_name(name: str, version: str, tag: str = PURE_TAG) -> str:
    return f"{name.replace('-', '_')}-{version}-{tag}.whl"


def metadata_text(
    name: str,
    version: str,
    requires: Sequence[str] = (),
    *,
    extras: Sequence[str] = (),
    requires_python: str | None = None,
    metadata_version: str = "2.1",
    dynamic: Sequence[str] = (),
) -> str:
    lines = [f"Metadata-Version: {metadata_version}", f"Name: {name}", f"Version: {version}"]
    lines += [f"Dynamic: {field}" for field in dynamic]
    lines += [f"Requires-Python: {requires_python}"] if requires_python else []
    lines += [f"Provides-Extra: {extra}" for extra in extras]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    return "\n".join(lines) + "\n"


def record_digest(content: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def record_text(files: Mapping[str, bytes], record: str) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for path, content in files.items():
        writer.writerow((path, record_digest(content), len(content)))
    writer.writerow((record, "", ""))
    return out.getvalue()


def make_wheel(
    name: str,
    version: str,
    requires: Sequence[str] = (),
    *,
    files: Mapping[str, bytes] | None = None,
    record: str | None = None,
    metadata: str | None = None,
) -> bytes:
    """Return a wheel with *files* (one module by default); *record* replaces the RECORD that they have."""
    stem = f"{name.replace('-', '_')}-{version}"
    members = {
        **(files if files is not None else {f"{name.replace('-', '_')}.py": f"version = {version!r}\n".encode()}),
        f"{stem}.dist-info/METADATA": (metadata or metadata_text(name, version, requires)).encode(),
        f"{stem}.dist-info/WHEEL": f"Wheel-Version: 1.0\nTag: {PURE_TAG}\n".encode(),
    }
    path = f"{stem}.dist-info/RECORD"
    members[path] = (record if record is not None else record_text(members, path)).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for member, content in members.items():
            archive.writestr(zipfile.ZipInfo(member), content)
    return out.getvalue()


def compiled_module(
    source: bytes, *, flags: int = 0, modified: int = 1_700_000_000, size: int | None = None, magic: int = 3495
) -> bytes:
    """Return what CPython 3.11 makes of a module that was changed at *modified* (PEP 552); its code is not that."""
    fields = (modified, len(source) if size is None else size)
    return struct.pack("<HHIII", magic, 0x0A0D, flags, *fields) + b"code"


def generated_script(module: str, python: str = "/opt/venv/bin/python3") -> bytes:
    """Return what pip writes for an entry point ``MODULE:main``."""
    lines = [
        f"#!{python}",
        "import sys",
        f"from {module} import main",
        "if __name__ == '__main__':",
        "    sys.argv[0] = sys.argv[0].removesuffix('.exe')",
        "    sys.exit(main())",
    ]
    return ("\n".join(lines) + "\n").encode()


def installed_files(
    wheel: bytes,
    site: str,
    *,
    installer: str = "pip",
    compiled: bool = True,
    entry_points: Sequence[str] = (),
    direct_url: str | None = None,
) -> dict[str, bytes]:
    """Return the files that pip leaves of *wheel* in the library folder *site* of an environment, by absolute path.

    As pip does it: ``.data`` folders go to their places, ``#!python`` scripts get a new first line and hash, modules
    are compiled and listed without a hash, entry points and the installer's own files are added to RECORD.
    """
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    dist_info = next(name.partition("/")[0] for name in members if ".dist-info/" in name)
    data = dist_info.replace(".dist-info", ".data")
    del members[f"{dist_info}/RECORD"]
    python = f"{site.split('/lib/', maxsplit=1)[0]}/bin/python3"
    placed: dict[str, bytes] = {}
    for name, content in members.items():
        placed[_installed_path(name, data)] = _rewritten(name, content, data, python)
    for script in entry_points:
        module = dist_info.partition("-")[0]
        placed[f"../../../bin/{script}"] = generated_script(module, python)
    placed[f"{dist_info}/INSTALLER"] = f"{installer}\n".encode()
    placed[f"{dist_info}/REQUESTED"] = b""
    if direct_url is not None:
        placed[f"{dist_info}/direct_url.json"] = direct_url.encode()
    rows = [(path, record_digest(content), str(len(content))) for path, content in placed.items()]
    for path in [path for path in placed if path.endswith(".py") and compiled]:
        folder, _, module = path.rpartition("/")
        cached = f"{folder}/__pycache__/".removeprefix("/") + module.replace(".py", ".cpython-311.pyc")
        placed[cached] = compiled_module(placed[path])
        rows.append((cached, "", ""))
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([*rows, (f"{dist_info}/RECORD", "", "")])
    placed[f"{dist_info}/RECORD"] = out.getvalue().encode()
    prefix = site.split("/lib/", maxsplit=1)[0]
    return {
        path.replace("../../..", prefix) if path.startswith("..") else f"{site}/{path}": c for path, c in placed.items()
    }


def _installed_path(name: str, data: str) -> str:
    if not name.startswith(f"{data}/"):
        return name
    scheme, _, rest = name.removeprefix(f"{data}/").partition("/")
    places = {"purelib": "", "platlib": "", "scripts": "../../../bin/", "data": "../../../"}
    headers = f"../../../include/site/python3.11/{data.split('-', maxsplit=1)[0]}/"
    return f"{places.get(scheme, headers)}{rest}"


def _rewritten(name: str, content: bytes, data: str, python: str) -> bytes:
    if name.startswith(f"{data}/scripts/") and content.startswith(b"#!python"):
        return f"#!{python}".encode() + content.removeprefix(b"#!python")
    return content
