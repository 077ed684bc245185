"""What package managers list of Python's files, and whose a distribution is."""

import base64
import hashlib
import json
from collections.abc import Mapping

import pytest

from lockml.inventory.file_tree import UnreadableError
from lockml.inventory.model import Expected, PythonEnvironment
from lockml.inventory.owners.system_packages import listed_files, lists_digest, owner_of
from tests.drift.checks import STARTED
from tests.made.trees import MemoryTree

OS = "/usr/lib/python3.11/os.py"
SUM = hashlib.md5(b"x").hexdigest()
CONDA = "/opt/conda"


def environment(
    prefix: str = "/usr", program: str = "/usr/bin/python3.11", *, virtual: bool = False
) -> PythonEnvironment:
    return PythonEnvironment(
        prefix=prefix, python="3.11", machine=None, libc=None, site_folders=(), program=program, virtual=virtual
    )


def listed(files: Mapping[str, bytes], used: PythonEnvironment | None = None) -> dict[str, Expected]:
    return listed_files(MemoryTree(files), used or environment())


@pytest.mark.parametrize(
    ("folder", "name", "package"),
    [
        ("info", "libpython3.11-stdlib:amd64", "libpython3.11-stdlib"),
        ("info", "python3-six", "python3-six"),
        ("status.d", "libpython3.11-stdlib", "libpython3.11-stdlib"),
    ],
)
def test_sums_of_dpkg_are_read(folder: str, name: str, package: str) -> None:
    source = f"/var/lib/dpkg/{folder}/{name}.md5sums"
    assert listed({source: f"{SUM}  {OS[1:]}\n".encode()}) == {
        OS: Expected(package, "dpkg", "md5", bytes.fromhex(SUM), None, source)
    }


def test_sums_of_what_is_no_python_s_are_left_out() -> None:
    lines = f"{SUM}  usr/bin/curl\n{SUM}  usr/share/python3/x\n{SUM}  {OS[1:]}\n"
    assert list(listed({"/var/lib/dpkg/info/x.md5sums": lines.encode()})) == [OS]


@pytest.mark.parametrize("digest", ["", "zz", "0" * 31])
def test_sum_that_is_none_fits_nothing(digest: str) -> None:
    found = listed({"/var/lib/dpkg/info/x.md5sums": f"{digest}  {OS[1:]}\n".encode()})
    assert found[OS].digest == b""


def test_configuration_of_a_package_is_read_from_its_status() -> None:
    status = f"Package: python3.11\nConffiles:\n /etc/python3.11/sitecustomize.py {SUM}\n"
    files = {"/var/lib/dpkg/info/x.md5sums": f"{SUM}  {OS[1:]}\n".encode(), "/var/lib/dpkg/status": status.encode()}
    found = listed(files)["/etc/python3.11/sitecustomize.py"]
    assert (found.basis, found.digest) == ("dpkg", bytes.fromhex(SUM))


def apk(*rows: tuple[str, bytes]) -> dict[str, bytes]:
    lines = ["P:python3", "F:usr/lib/python3.11"]
    for name, content in rows:
        digest = base64.b64encode(hashlib.sha1(content).digest()).decode()
        lines += [f"R:{name}", "a:0:0:644", f"Z:Q1{digest}"]
    return {"/lib/apk/db/installed": "\n".join(lines).encode()}


def test_database_of_apk_is_read() -> None:
    found = listed(apk(("os.py", b"x")))[OS]
    assert found[:4] == ("python3", "apk", "sha1", hashlib.sha1(b"x").digest())


def test_database_of_apk_speaks_for_nothing_beside_dpkg_s() -> None:
    dpkg = {"/var/lib/dpkg/info/x.md5sums": f"{SUM}  {OS[1:]}\n".encode()}
    found = listed({**apk(("os.py", b"evil"), ("evil.py", b"evil")), **dpkg})
    assert {path: each.basis for path, each in found.items()} == {OS: "dpkg"}


def conda(prefix: str = CONDA, **more: object) -> dict[str, bytes]:
    meta = {"name": "python", "files": ["bin/python3.11", "lib/python3.11/os.py"], **more}
    return {f"{prefix}/conda-meta/python-3.11.json": json.dumps(meta).encode()}


def test_lists_of_conda_are_read_for_the_environment_whose_python_it_brought() -> None:
    paths = [{"_path": "bin/python3.11", "path_type": "hardlink", "sha256": "ab" * 32, "sha256_in_prefix": "cd" * 32}]
    found = listed(conda(paths_data={"paths": paths}), environment(CONDA, f"{CONDA}/bin/python3.11"))
    assert found[f"{CONDA}/bin/python3.11"].digest == bytes.fromhex("cd" * 32)
    assert found[f"{CONDA}/lib/python3.11/os.py"].digest is None


@pytest.mark.parametrize(
    "used",
    [
        environment("/opt/venv", f"{CONDA}/bin/python3.11", virtual=True),
        environment("/opt/venv", "/usr/bin/python3.11"),
        environment(CONDA, "/usr/bin/python3.11"),
    ],
)
def test_lists_of_conda_speak_for_no_other_environment(used: PythonEnvironment) -> None:
    """conda_meta_claims_locked: a folder conda-meta in a virtual environment."""
    assert listed({**conda("/opt/venv"), **conda()}, used) == {}


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"name": 1}', b'{"files": [1]}', b"\xff"])
def test_list_of_conda_that_cannot_be_read_is_told(content: bytes) -> None:
    files = {f"{CONDA}/conda-meta/x.json": content}
    with pytest.raises(UnreadableError, match="not a conda package list"):
        listed(files, environment(CONDA, f"{CONDA}/bin/python3.11"))


@pytest.mark.parametrize("has", [True, False])
@pytest.mark.parametrize(
    "path", ["/var/lib/dpkg/info/x.md5sums", "/var/lib/dpkg/status.d/x.md5sums", "/lib/apk/db/installed"]
)
def test_list_that_changed_after_the_start_is_read_from_the_image(path: str, has: bool) -> None:
    if path.startswith("/lib"):
        true, forged = apk(("os.py", b"x"))[path], apk(("os.py", b"evil"), ("evil.py", b"evil"))[path]
    else:
        true, forged = (f"{SUM}  {OS[1:]}\n".encode(), f"{'0' * 32}  {OS[1:]}\n{SUM}  {OS[1:]}x\n".encode())
    tree = MemoryTree({path: forged}, origins={path: STARTED}, image={path: true} if has else {})
    found = listed_files(tree, environment())
    assert {place: each.digest for place, each in found.items()} == (
        {OS: hashlib.new(found[OS].algorithm or "", b"x").digest()} if has else {}
    )


@pytest.mark.parametrize("described", ["six-1.0.dist-info/METADATA", "six-1.0.egg-info/PKG-INFO", "six-1.0.egg-info"])
def test_owner_is_who_lists_what_describes_the_distribution(described: str) -> None:
    site = "/usr/lib/python3/dist-packages"
    found = listed({"/var/lib/dpkg/info/python3-six.md5sums": f"{SUM}  {site[1:]}/{described}\n".encode()})
    assert owner_of(found, f"{site}/{described.partition('/')[0]}") == "Debian package python3-six"
    assert owner_of(found, f"{site}/other-1.0.dist-info") is None


def test_digest_of_the_lists_is_of_all_that_they_say_of_the_package_that_owns_it() -> None:
    site, info = "/usr/lib/python3/dist-packages", "/var/lib/dpkg/info"
    lists = {
        f"{info}/python3-six.md5sums": f"{SUM}  {site[1:]}/six-1.0.egg-info\n{SUM}  {site[1:]}/six.py\n".encode(),
        f"{info}/python3-other.md5sums": f"{SUM}  {site[1:]}/other.py\n".encode(),
    }
    digest = lists_digest(listed(lists), f"{site}/six-1.0.egg-info")
    assert digest is not None
    assert digest.startswith("list-sha256:")
    for path, counts in ((f"{info}/python3-six.md5sums", True), (f"{info}/python3-other.md5sums", False)):
        changed = {**lists, path: lists[path].replace(SUM.encode(), b"0" * 32)}
        assert (lists_digest(listed(changed), f"{site}/six-1.0.egg-info") != digest) == counts
    assert lists_digest(listed(lists), f"{site}/other-1.0.dist-info") is None
