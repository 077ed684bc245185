"""docs/artifact-identity.md is complete: an implementation of the page alone finds what lockml finds."""

import base64
import csv
import hashlib
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockml import api
from lockml.common.digest import RecordError, identify_wheel, in_target_folder, installed_digest, parse_record

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "artifact-identity.md").read_text()
VECTORS: dict[str, list[dict[str, Any]]] = json.loads((DOCS / "artifact-identity.json").read_text())
FIRST = VECTORS["wheels"][0]


def block(mark: str) -> str:
    found = re.search(rf"<!-- {mark} -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def made_by_the_recipe() -> bytes:
    names: dict[str, Any] = {}
    exec(block("recipe"), names)
    wheel: bytes = names["wheel"]
    return wheel


# The second implementation, written from the page; nothing of lockml is in it.

OWN = {"RECORD", "RECORD.jws", "RECORD.p7s", "INSTALLER", "REQUESTED", "REFER_TO", "direct_url.json", "uv_cache.json"}
OWN |= {"uv_build.json", "provenance_url.json"}
BITS = {"md5": 128, "sha1": 160, "sha224": 224, "sha256": 256, "sha384": 384, "sha512": 512}


class RefusedError(Exception):
    pass


def in_prefix(path: str) -> str:
    for pattern, scheme in (
        (r"lib(64)?/python\d+\.\d+t?/(site|dist)-packages/", ""),
        (r"(bin|Scripts)/", "<scripts>/"),
        (r"include/(site/)?python\d+(\.\d+)?t?/[^/]+/", "<headers>/"),
    ):
        if found := re.match(pattern, path):
            return scheme + path[found.end() :]
    return f"<data>/{path}"


def place(path: str, site: str | None, flat: bool) -> str:
    ups = re.match(r"(\.\./)*", path)[0]  # type: ignore[index]
    if re.search(r"[\\\x00-\x1f\x7f]", path) or any(
        part in ("", ".", "..") or part[0] == "<" for part in path[len(ups) :].split("/")
    ):
        raise RefusedError(path)
    if site is None:
        if ups:
            raise RefusedError(path)
        top, _, rest = path.partition("/")
        scheme, _, rest = rest.partition("/")
        if not top.endswith(".data"):
            return path
        return (
            rest if scheme in ("purelib", "platlib") else in_prefix(rest) if scheme == "data" else f"<{scheme}>/{rest}"
        )
    usual = re.search(r"(?:^|/)lib(?:64)?/(python3(?:\.\d+t?)?/(?:site|dist)-packages)$", site)
    if not ups:
        data = ("bin/", "share/", "etc/", "include/", "man/", "var/")
        return in_prefix(path) if flat and not usual and path.startswith(data) else path
    if ups not in (("../../../",) if usual else ("../../", "../../../")):
        raise RefusedError(path)
    inside = path[len(ups) :]
    below = re.match(f"lib(64)?/{re.escape(usual[1])}/", inside) if usual else None
    return inside[below.end() :] if below else in_prefix(inside)


def lines(
    record: str, dist_info: str, rewritten: set[str], scripts: set[str] | None, site: str | None, flat: bool
) -> list[str]:
    rows = [row for row in csv.reader(io.StringIO(record, newline=""), strict=True) if row]
    if any(len(row) != 3 or not row[0] for row in rows):
        raise RefusedError("columns")
    found = set()
    for where, digest, size in [(place(path, site, flat), digest.rstrip("="), size) for path, digest, size in rows]:
        folder, _, name = where.rpartition("/")
        compiled = name.endswith(".pyc") and folder.rpartition("/")[2] == "__pycache__"
        if compiled or re.search(r"\.cpython-\d+(\.opt-[12])?\.pyc$", name) or (name == "__pycache__" and not digest):
            continue
        if folder == dist_info and name in OWN:
            continue
        if site and (
            (name.endswith(".virtualenv") and not folder and not digest)
            or re.fullmatch(r"[^/]*\.pex-info/original-whl-info\.json", where)
            or (folder == "<scripts>" and name not in (scripts or ()))
        ):
            continue
        algorithm, _, text = digest.partition("=")
        if where.startswith("<scripts>/") and where.removeprefix("<scripts>/") in rewritten:
            found.add(f"{where},,")
            continue
        if not algorithm or not text:
            raise RefusedError(where)
        if len(text) * 4 == BITS.get(algorithm) and re.fullmatch("[0-9a-fA-F]+", text):
            text = base64.urlsafe_b64encode(bytes.fromhex(text)).rstrip(b"=").decode()
        found.add(f"{where},{algorithm}={text},{size}")
    if not found:
        raise RefusedError("nothing")
    return sorted(found)


def digest(*arguments: Any) -> str:
    return hashlib.sha256("\n".join(lines(*arguments)).encode()).hexdigest()


# The vectors, against both.


@pytest.mark.parametrize("vector", VECTORS["wheels"], ids=lambda vector: vector["name"])
def test_record_of_a_wheel_has_the_identity_that_the_page_gives_it(vector: dict[str, Any]) -> None:
    arguments = (vector["record"], vector["dist_info"], set(vector["rewritten"]), None, None, False)

    def by_lockml() -> str:
        rows = parse_record(vector["record"])
        return identify_wheel(rows, dist_info=vector["dist_info"], rewritten=vector["rewritten"]).digest

    if "refused" in vector:
        with pytest.raises((RefusedError, csv.Error)):
            digest(*arguments)
        with pytest.raises(RecordError):
            by_lockml()
    else:
        assert (digest(*arguments), by_lockml()) == (vector["digest"], vector["digest"])


@pytest.mark.parametrize("vector", VECTORS["installed"], ids=lambda vector: vector["name"])
def test_installed_record_has_the_digest_that_the_page_gives_it(vector: dict[str, Any]) -> None:
    scripts, rewritten, site, flat = FIRST["scripts"], FIRST["rewritten"], vector["site_folder"], vector["flat"]
    arguments = (vector["record"], FIRST["dist_info"], set(rewritten), set(scripts), site, flat)

    def by_lockml() -> str:
        rows = parse_record(vector["record"])
        named = {"dist_info": FIRST["dist_info"], "scripts": scripts, "rewritten": rewritten}
        return installed_digest(rows, site_folder=site, flat=flat, **named)

    assert in_target_folder(site) or not flat
    if "refused" in vector:
        with pytest.raises((RefusedError, csv.Error)):
            digest(*arguments)
        with pytest.raises(RecordError):
            by_lockml()
    else:
        assert (digest(*arguments), by_lockml()) == (vector["digest"], vector["digest"])


def test_recipe_makes_the_wheel_of_the_page() -> None:
    wheel = made_by_the_recipe()
    identity = api.identify_wheel("demo-1.0-py3-none-any.whl", wheel)
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        record = archive.read("demo-1.0.dist-info/RECORD").decode()
    assert record == FIRST["record"]
    assert f"Its SHA-256 is `{hashlib.sha256(wheel).hexdigest()}`." in " ".join(PAGE.split())
    assert f"Its identity is `{identity.digest}`." in " ".join(PAGE.split())
    assert identity.digest == FIRST["digest"]
    assert (list(identity.scripts), list(identity.rewritten)) == (FIRST["scripts"], FIRST["rewritten"])
    found = lines(record, "demo-1.0.dist-info", set(FIRST["rewritten"]), None, None, False)
    assert block("lines") == "\n".join(found) + "\n"


def test_vectors_have_each_outcome() -> None:
    """As many copies are the wheel's as are not, and both kinds are refused somewhere."""
    digests = {vector.get("digest") for vector in VECTORS["installed"]}
    assert FIRST["digest"] in digests
    assert None in digests
    assert len(digests) > 2
    assert any("refused" in vector for vector in VECTORS["wheels"])


_FOLDERS = ["lib", "lib64", "python3.11", "site-packages", "bin", "share", "include", "site", "__pycache__", "..", "."]
_WHEELS = ["d-1.dist-info", "RECORD", "INSTALLER", "d-1.data", "scripts", "data", "purelib", "headers", "<scripts>"]
_NAMES = ["a", "s", "b.py", "x.pyc", "x.cpython-311.pyc", "p.virtualenv", "q.pex-info", "original-whl-info.json"]
_PARTS = st.sampled_from([*_FOLDERS, *_WHEELS, *_NAMES])
_PATHS = st.builds(
    lambda ups, parts: "../" * ups + "/".join(parts), st.integers(0, 4), st.lists(_PARTS, min_size=1, max_size=5)
)
_HASHES = st.sampled_from(["", "sha256=RBNv", "sha256=RBNv=", f"md5={'aB' * 16}", f"sha256={'0' * 64}", "md5=", "=x"])
_RECORDS = st.lists(st.builds(lambda *row: ",".join(row), _PATHS, _HASHES, st.sampled_from(["", "7"])), max_size=3)


@pytest.mark.slow
@given(_RECORDS, st.sampled_from([None, "/v/lib/python3.11/site-packages", "/usr/lib/python3/dist-packages", "/t"]))
def test_page_and_lockml_agree_on_any_record(rows: list[str], site: str | None) -> None:
    record, flat = "\n".join(rows), site == "/t"
    named: dict[str, Any] = {"dist_info": "d-1.dist-info", "rewritten": {"s"}}
    try:
        by_page = digest(record, named["dist_info"], named["rewritten"], {"s", "a"}, site, flat)
    except RefusedError:
        by_page = "refused"
    try:
        parsed = parse_record(record)
        if site is None:
            by_lockml = identify_wheel(parsed, **named).digest
        else:
            by_lockml = installed_digest(parsed, site_folder=site, scripts=("s", "a"), flat=flat, **named)
    except RecordError:
        by_lockml = "refused"
    assert by_page == by_lockml
