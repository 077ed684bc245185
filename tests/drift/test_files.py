"""Level files: what a check finds when single files differ, and what it must not find."""

import base64
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from lockml.drift.compare import compare
from lockml.drift.model import Drift, DriftReport
from lockml.drift.proof import proof_of
from lockml.inventory.collect import take_inventory
from lockml.inventory.file_tree import AFTER_START, Origin
from lockml.inventory.model import Runtime, Subject
from lockml.inventory.reading import bytes_wanted
from lockml.subjects.model import ReadOptions
from lockml.subjects.oci.archive import open_archive
from tests.drift.subjects import MODEL, NUMPY, in_order, make_lock, report_on, without
from tests.made.trees import SITE, MemoryTree
from tests.made.wheels import compiled_module, installed_files, make_wheel, record_digest

CACHE = f"{SITE}/model/__pycache__/__init__.cpython-311.pyc"
LIBRARY = "/usr/lib/python3.11"


def files_report(
    files: Mapping[str, bytes],
    *,
    links: Mapping[str, str] | None = None,
    modified: Mapping[str, int] | None = None,
    origins: Mapping[str, Origin] | None = None,
    variables: Mapping[str, str] | None = None,
) -> DriftReport:
    tree = MemoryTree(files, links=links, modified=modified, origins=origins)
    runtime = Runtime(environment={"PATH": "/opt/venv/bin:/usr/bin", **(variables or {})})
    lock = make_lock()
    subject = Subject(kind="container", name="trainer")
    inventory = take_inventory(tree, subject, runtime, files=True, proof=proof_of(lock, "pylock.toml"))
    return compare(lock, inventory, level="files", file="pylock.toml")


def only(report: DriftReport) -> Drift:
    (drift,) = report.drifts
    return drift


def test_clean_install_is_in_order_and_every_file_accounted_for() -> None:
    report = report_on(in_order(), level="files")
    assert (report.drifts, report.problems, report.exit_code) == ((), (), 0)
    assert report.levels[-1].matched == report.levels[-1].total == 2
    assert report.files is not None
    assert report.files.as_owned == report.files.total > 10


def test_changed_byte_is_modified() -> None:
    drift = only(report_on({**in_order(), f"{SITE}/numpy/core.so": b"machine codE"}, level="files"))
    assert (drift.kind, drift.name, drift.path) == ("modified", "numpy", f"{SITE}/numpy/core.so")
    assert drift.locked == f"sha256:{hashlib.sha256(b'machine code').hexdigest()}"
    assert drift.found == f"sha256:{hashlib.sha256(b'machine codE').hexdigest()}"


def test_changed_size_is_modified_without_reading() -> None:
    drift = only(report_on({**in_order(), f"{SITE}/numpy/core.so": b"machine code, more"}, level="files"))
    assert drift.detail == "it has 18 bytes instead of 12"


def test_changed_source_is_told_once_and_not_by_its_compiled_module_too() -> None:
    drift = only(report_on({**in_order(), f"{SITE}/model/__init__.py": b"evil = 1\n"}, level="files"))
    assert (drift.kind, drift.path) == ("modified", f"{SITE}/model/__init__.py")


def test_level_counts_no_package_with_a_changed_file() -> None:
    report = report_on({**in_order(), f"{SITE}/numpy/core.so": b"machine codE"}, level="files")
    assert [(each.level, each.matched) for each in report.levels] == [("names", 2), ("artifacts", 2), ("files", 1)]


def test_removed_file_is_told_and_a_removed_folder_once() -> None:
    wheel = make_wheel("model", "1.0", files={f"model/tests/test_{n}.py": b"" for n in range(3)})
    files = installed_files(wheel, SITE)
    lock = make_lock({"model-1.0-py3-none-any.whl": wheel})
    report = report_on(
        {**without(in_order(), "/model", "numpy"), **without(files, "/tests/")}, lock=lock, level="files"
    )
    drift = only(report)
    assert (drift.kind, drift.path, drift.detail) == (
        "removed-file",
        f"{SITE}/model",
        "3 files that it installs are missing",
    )


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (f"{SITE}/evil.pth", "Python runs this at every start: import os"),
        (f"{SITE}/sitecustomize.py", "Python runs it at every start"),
        (f"{SITE}/model/more.py", "no installed package accounts for it"),
        (f"{SITE}/loose/__init__.py", "this folder of 1 file"),
        (f"{SITE}/model/__pycache__/evil.so", "no installed package accounts for it"),
    ],
)
def test_added_file_is_unattributed(path: str, told: str) -> None:
    drift = only(report_on({**in_order(), path: b"import os\n"}, level="files"))
    assert drift.kind == "unattributed-file"
    assert told in drift.detail


def test_row_without_a_hash_accounts_for_nothing() -> None:
    """Whoever adds a file may add its row, too."""
    files = {**in_order(), f"{SITE}/evil.pth": b"import os\n"}
    files[f"{SITE}/numpy-1.26.4.dist-info/RECORD"] += b"evil.pth,,\n"
    report = report_on(files, level="files")
    assert [(drift.kind, drift.name) for drift in report.drifts] == [
        ("artifact", "numpy"),
        ("unattributed-file", "evil.pth"),
    ]


def test_compiled_module_that_is_never_checked_is_drift() -> None:
    """PEP 552: Python loads it whatever its source says."""
    drift = only(report_on({**in_order(), CACHE: compiled_module(b"", flags=1)}, level="files"))
    assert (drift.kind, drift.name, drift.path) == ("bytecode", "model", CACHE)
    assert "marked as unchecked" in drift.detail


@pytest.mark.parametrize(
    "content",
    [
        compiled_module(b"", modified=999),
        compiled_module(b"", size=5),
        compiled_module(b"", flags=3),
        compiled_module(b"", flags=8),
        compiled_module(b"", magic=3420),
        b"short",
    ],
)
def test_compiled_module_that_python_does_not_load_is_counted_and_no_drift(content: bytes) -> None:
    """PEP 552: of another time or size, source or Python, it is compiled anew instead."""
    report = report_on({**in_order(), CACHE: content}, level="files")
    assert (report.exit_code, report.drifts) == (0, ())
    assert report.files is not None
    assert report.files.remarks == (
        "1 compiled modules do not match the sources next to them, but Python does not load them",
    )


def test_compiled_module_without_its_source_is_drift_where_python_loads_it() -> None:
    """PEP 3147: beside its package it is loaded; in ``__pycache__`` it is not."""
    files = {**in_order(), f"{SITE}/model/__pycache__/gone.cpython-311.pyc": compiled_module(b"")}
    files[f"{SITE}/model/legacy.pyc"] = compiled_module(b"")
    drift = only(report_on(files, level="files"))
    assert (drift.kind, drift.path) == ("bytecode", f"{SITE}/model/legacy.pyc")


def test_compiled_module_of_a_source_that_was_removed_is_not_told_beside_it() -> None:
    files = in_order()
    del files[f"{SITE}/model/__init__.py"]
    assert [drift.kind for drift in report_on(files, level="files").drifts] == ["removed-file"]


def test_compiled_modules_of_another_python_are_not_looked_at() -> None:
    files = {**in_order(), CACHE.replace("-311", "-39"): b"whatever", CACHE.replace(".pyc", "-pytest-8.2.0.pyc"): b"x"}
    assert report_on(files, level="files").drifts == ()


def test_sources_that_all_have_one_time_are_a_reproducible_build() -> None:
    """Builds that set every time to one moment make compiled modules stale, and Python leaves them alone."""
    files = in_order()
    times = {path: 315532800 for path in files if path.endswith(".py")}
    report = files_report(files, modified=times)
    assert report.drifts == ()
    assert report.files is not None
    assert "compiled modules do not match the sources next to them" in report.files.remarks[0]


def test_script_with_a_new_first_line_is_the_wheels_own() -> None:
    """Older pips left the hash that the script had in the wheel."""
    files = in_order()
    record = files[f"{SITE}/model-1.0.dist-info/RECORD"].decode()
    digest = "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(b"#!python\n").digest()).decode()[:-1]
    rows = [f"{row.partition(',')[0]},{digest},9" if "/run," in row else row for row in record.splitlines()]
    files[f"{SITE}/model-1.0.dist-info/RECORD"] = "\n".join(rows).encode()
    assert report_on(files, level="files").drifts == ()
    files["/opt/venv/bin/run"] += b"evil()\n"
    assert only(report_on(files, level="files")).path == "/opt/venv/bin/run"


def test_script_whose_record_was_mended_is_not_the_wheels_own() -> None:
    """Its hash in RECORD is the installer's, and so anybody's; what was in the wheel, the lock knows."""
    files = in_order()
    files["/opt/venv/bin/run"] += b"evil()\n"
    digest = record_digest(files["/opt/venv/bin/run"])
    record = files[f"{SITE}/model-1.0.dist-info/RECORD"].decode().splitlines()
    rows = [
        f"{row.partition(',')[0]},{digest},{len(files['/opt/venv/bin/run'])}" if "/run," in row else row
        for row in record
    ]
    files[f"{SITE}/model-1.0.dist-info/RECORD"] = "\n".join(rows).encode()
    drift = only(report_on(files, level="files"))
    assert (drift.kind, drift.name, drift.path) == ("modified", "model", "/opt/venv/bin/run")
    assert "RECORD was changed to match" in drift.detail


def test_links_to_the_cache_of_an_installer_are_followed() -> None:
    """uv's --link-mode symlink."""
    files = in_order()
    content = files.pop(f"{SITE}/numpy/core.so")
    link = {f"{SITE}/numpy/core.so": "/cache/core.so"}
    assert files_report({**files, "/cache/core.so": content}, links=link).drifts == ()
    assert only(files_report({**files, "/cache/core.so": b"other"}, links=link)).kind == "modified"
    drifts = files_report(files, links={f"{SITE}/numpy/core.so": "/gone"}).drifts
    assert {drift.kind for drift in drifts} == {"unattributed-file", "removed-file"}


def test_link_to_a_folder_is_unattributed() -> None:
    files = {**in_order(), "/srv/evil/__init__.py": b""}
    assert only(files_report(files, links={f"{SITE}/evil": "/srv/evil"})).path == f"{SITE}/evil"


def test_module_on_pythonpath_that_hides_a_locked_one_is_shadowed() -> None:
    files = {**in_order(), "/app/numpy.py": b"", "/app/tool.py": b""}
    report = files_report(files, variables={"PYTHONPATH": "/app"})
    drift = only(report)
    assert (drift.kind, drift.name, drift.path) == ("shadowed", "numpy", "/app/numpy.py")
    assert report.files is not None
    assert report.files.application == ("/app",)


def test_folder_without_an_init_hides_nothing() -> None:
    """PEP 420: a regular package further down comes before a namespace."""
    files = {**in_order(), "/app/numpy/notes.txt": b""}
    assert files_report(files, variables={"PYTHONPATH": "/app"}).drifts == ()


def test_sitecustomize_on_pythonpath_is_told() -> None:
    files = {**in_order(), "/app/sitecustomize.py": b""}
    drift = only(files_report(files, variables={"PYTHONPATH": "/app"}))
    assert (drift.kind, drift.path) == ("unattributed-file", "/app/sitecustomize.py")


def test_two_projects_may_own_one_file() -> None:
    shared = {"google/__init__.py": b"# namespace\n"}
    wheels = {name: make_wheel(name, "1.0", files={**shared, f"google/{name}.py": b""}) for name in ("model", "other")}
    lock = make_lock({f"{name}-1.0-py3-none-any.whl": wheel for name, wheel in wheels.items()})
    files = without(in_order(), "/model", "numpy")
    for wheel in wheels.values():
        files |= installed_files(wheel, SITE)
    assert report_on(files, lock=lock, level="files").drifts == ()


def test_file_that_cannot_be_read_makes_it_incomplete() -> None:
    report = report_on(in_order(), level="files", locked=(f"{SITE}/numpy/core.so",))
    assert (report.drifts, report.exit_code) == ((), 4)
    assert report.problems[0].path == f"{SITE}/numpy/core.so"


def debian(**changes: bytes) -> dict[str, bytes]:
    """Return the same environment on Debian's Python, whose library has these files, some changed."""
    library = {
        "os.py": b"import sys\n",
        "json/__init__.py": b"\n",
    }
    sums = "".join(f"{hashlib.md5(text).hexdigest()}  usr/lib/python3.11/{name}\n" for name, text in library.items())
    found = {f"{LIBRARY}/{name}": text for name, text in library.items()}
    found |= {"/usr/bin/python3": in_order()["/opt/venv/bin/python3"]}
    found["/var/lib/dpkg/info/libpython3.11-stdlib:amd64.md5sums"] = sums.encode()
    return {**in_order(), **found, **{f"{LIBRARY}/{name}": text for name, text in changes.items()}}


def test_standard_library_is_held_against_the_list_of_its_package() -> None:
    report = files_report(debian())
    assert report.drifts == ()
    assert report.coverage["dpkg"] == 2
    drift = only(files_report(debian(**{"os.py": b"import evil\n"})))
    assert (drift.kind, drift.name) == ("modified", "python")
    assert "what dpkg says about libpython3.11-stdlib" in drift.detail
    added = only(files_report(debian(**{"json/evil.py": b""})))
    assert (added.kind, added.name) == ("unattributed-file", "evil.py")


def test_standard_library_without_a_list_is_held_against_its_layer() -> None:
    files = {path: text for path, text in debian(**{"more.py": b""}).items() if "md5sums" not in path}
    layer = Origin(3, "layer 3 of 9", replaces=False)
    assert files_report(files, origins={LIBRARY: layer}).drifts == ()
    late = Origin(7, "layer 7 of 9 (RUN curl …)", replaces=True)
    drift = only(files_report(files, origins={LIBRARY: layer, f"{LIBRARY}/json": late}))
    assert (drift.kind, drift.path, drift.origin) == ("modified", f"{LIBRARY}/json/__init__.py", late.text)
    added = Origin(7, "layer 7 of 9", replaces=False)
    drift = only(files_report(files, origins={LIBRARY: layer, f"{LIBRARY}/more": added}))
    assert (drift.kind, drift.name) == ("unattributed-file", "more.py")


def test_standard_library_that_nothing_tells_of_is_not_claimed() -> None:
    files = {path: text for path, text in debian().items() if "md5sums" not in path}
    report = files_report(files)
    assert report.drifts == ()
    assert report.files is not None
    assert report.files.unproven == ((LIBRARY, "nothing says what the standard library must contain"),)


def test_standard_library_changed_after_the_start_is_drift_whatever_a_list_says() -> None:
    origin = Origin(AFTER_START, "changed after the container was made", replaces=True)
    drift = only(files_report(debian(), origins={f"{LIBRARY}/os.py": origin}))
    assert (drift.kind, drift.origin) == ("modified", origin.text)


def test_distributions_of_the_system_are_attributed_and_not_alarmed() -> None:
    files = debian()
    dist = "/usr/lib/python3/dist-packages"
    files |= {f"{dist}/six.py": b"x = 1\n", f"{dist}/six-1.0.egg-info": b"Name: six\nVersion: 1.0\n"}
    files["/var/lib/dpkg/info/python3-six.md5sums"] = "".join(
        f"{hashlib.md5(files[path]).hexdigest()}  {path[1:]}\n"
        for path in (f"{dist}/six.py", f"{dist}/six-1.0.egg-info")
    ).encode()
    files["/opt/venv/pyvenv.cfg"] = files["/opt/venv/pyvenv.cfg"].replace(b"= false", b"= true")
    report = files_report(files)
    assert report.drifts == ()
    assert "not locked; it belongs to the Debian package python3-six" in [remark.text for remark in report.remarks]
    assert only(files_report({**files, f"{dist}/six.py": b"x = 2\n"})).kind == "modified"


def test_distributions_of_conda_are_attributed_and_held_against_its_lists() -> None:
    prefix = "/opt/conda"
    site = f"{prefix}/lib/python3.11/site-packages"
    installed = {**installed_files(MODEL, site), **installed_files(NUMPY, site)}
    own = {**installed_files(make_wheel("tqdm", "4.0"), site, installer="conda")}
    own |= {f"{prefix}/lib/python3.11/os.py": b"", f"{prefix}/bin/python3.11": in_order()["/opt/venv/bin/python3"]}
    paths = [
        {"_path": path.removeprefix(f"{prefix}/"), "path_type": "hardlink", "sha256": hashlib.sha256(text).hexdigest()}
        for path, text in own.items()
    ]
    meta = {
        "name": "tqdm",
        "version": "4.0",
        "files": [each["_path"] for each in paths],
        "paths_data": {"paths": paths},
    }
    files = {
        **installed,
        **own,
        f"{prefix}/conda-meta/tqdm-4.0.json": json.dumps(meta).encode(),
        f"{prefix}/include/python3.11/patchlevel.h": b'#define PY_VERSION "3.11.2"\n',
        "/lib/x86_64-linux-gnu/libc.so.6": in_order()["/lib/x86_64-linux-gnu/libc.so.6"],
    }
    links = {f"{prefix}/bin/python3": "python3.11", f"{prefix}/bin/python": "python3.11"}
    path = {"PATH": f"{prefix}/bin"}
    report = files_report(files, links=links, variables=path)
    assert report.drifts == ()
    assert "not locked; it belongs to the conda package tqdm" in [remark.text for remark in report.remarks]
    changed = files_report({**files, f"{site}/tqdm.py": b"evil"}, links=links, variables=path)
    assert [(drift.kind, drift.path) for drift in changed.drifts] == [("modified", f"{site}/tqdm.py")]


def test_compiled_module_of_a_loose_source_is_told_with_it() -> None:
    files = {**in_order(), f"{SITE}/evil.py": b"", f"{SITE}/__pycache__/evil.cpython-311.pyc": compiled_module(b"")}
    assert only(report_on(files, level="files")).path == f"{SITE}/evil.py"


def test_naming_the_library_folder_on_pythonpath_hides_nothing_in_it() -> None:
    files = {**in_order(), f"{SITE}/evil.pth": b"import os\n"}
    assert only(files_report(files, variables={"PYTHONPATH": f"/app:{SITE}"})).path == f"{SITE}/evil.pth"


def test_files_of_distributions_on_pythonpath_are_held_against_their_record() -> None:
    """As `pip install --target` leaves them: with scripts in a folder of their own, and rows that do not say so."""
    target = "/opt/python"
    files = {path.replace(SITE, target): text for path, text in in_order().items() if "README" not in path}
    files |= {f"{target}/bin/{name}": files.pop(f"/opt/venv/bin/{name}") for name in ("run", "model-cli")}
    files[f"{target}/model-1.0.dist-info/RECORD"] = files[f"{target}/model-1.0.dist-info/RECORD"].replace(
        b"../../../bin", b"../../bin"
    )
    files |= {
        f"{SITE}/README.txt": in_order()[f"{SITE}/README.txt"],
        f"{target}/handler.py": b"# the application's own",
    }
    path = {"PYTHONPATH": target}
    assert files_report(files, variables=path).drifts == ()
    changed = files_report({**files, f"{target}/numpy/core.so": b"machine codE"}, variables=path)
    assert [(drift.kind, drift.path) for drift in changed.drifts] == [("modified", f"{target}/numpy/core.so")]
    compiled = {CACHE.replace(SITE, target): compiled_module(b"", flags=1)}
    assert only(files_report({**files, **compiled}, variables=path)).kind == "bytecode"


def test_program_that_a_wheel_brings_is_read_from_a_stream_too(tmp_path: Path) -> None:
    """Of a stream only the beginning of a large program is kept, and no more of it is asked for."""
    wheel = make_wheel("model", "1.0", files={"model-1.0.data/scripts/tool": b"\x7fELF" + bytes(100_000)})
    files = {**without(in_order(), "/model", "numpy", "/bin/run"), **installed_files(wheel, SITE)}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name.lstrip("/"))
            member.size, member.mtime = len(content), 1_700_000_000
            archive.addfile(member, io.BytesIO(content))
    (tmp_path / "root.tar.gz").write_bytes(out.getvalue())
    lock = make_lock({"model-1.0-py3-none-any.whl": wheel})
    with open_archive(str(tmp_path / "root.tar.gz"), ReadOptions(hashed=True)) as opened:
        runtime = Runtime(environment={"PATH": "/opt/venv/bin"})
        proof = proof_of(make_lock(), "pylock.toml")
        inventory = take_inventory(opened.tree, opened.subject, runtime, files=True, proof=proof)
    report = compare(lock, inventory, level="files", file="pylock.toml")
    assert (report.drifts, report.problems) == ((), ())


class RecordingTree(MemoryTree):
    """Remembers what was read."""

    reads: list[tuple[str, int]]

    def read(self, path: str, limit: int) -> bytes | None:
        content = super().read(path, limit)
        if content is not None:
            self.reads.append((self.resolve(path), len(content)))
        return content


def test_whatever_is_read_is_kept_of_a_stream() -> None:
    """What passes by in a stream cannot be asked for again: `wanted.py` must name it beforehand."""
    files = {**debian(), f"{SITE}/_virtualenv.py": b"x", f"{SITE}/a.virtualenv": b"x", f"{SITE}/evil.pth": b"import os"}
    files |= {f"{SITE}/sub-1.0.egg-info/PKG-INFO": b"Name: sub\nVersion: 1.0\n", "/etc/passwd": b"root:x:0:0::/root:"}
    files |= {f"{SITE}/sub-1.0.egg-info/installed-files.txt": b"../sub.py\n", f"{SITE}/sub.py": b""}
    files |= installed_files(make_wheel("gone", "1.0"), SITE, direct_url='{"url": "https://x.example/a.whl"}')
    files["/opt/venv/bin/model-cli"] = b"#!/opt/venv/bin/python3\n" + bytes(100_000)
    files[f"{SITE}/model-1.0.dist-info/entry_points.txt"] = b"[console_scripts]\nmodel-cli = model:main\n"
    tree = RecordingTree(files, origins={"/": Origin(1, "layer 1 of 1", replaces=False)})
    tree.reads = []
    runtime = Runtime(environment={"PATH": "/opt/venv/bin:/usr/bin"})
    take_inventory(tree, Subject(kind="container", name="trainer"), runtime, files=True)
    assert len(tree.reads) > 20
    assert [read for read in tree.reads if read[1] > bytes_wanted(read[0])] == []


def test_standard_library_is_held_against_alpines_list() -> None:
    """apk: ``Z`` is a SHA-1 in base64 behind Q1."""
    files = {path: text for path, text in debian().items() if "md5sums" not in path}
    digest = base64.b64encode(hashlib.sha1(files[f"{LIBRARY}/os.py"]).digest()).decode()
    lines = f"P:python3\nV:3.11.2-r0\nF:usr/lib/python3.11\nR:os.py\na:0:0:644\nZ:Q1{digest}\n"
    files["/lib/apk/db/installed"] = lines.encode()
    del files[f"{LIBRARY}/json/__init__.py"]
    report = files_report(files)
    assert (report.drifts, report.coverage["apk"]) == ((), 1)
    drift = only(files_report({**files, f"{LIBRARY}/os.py": b"import evil\n"}))
    assert "what apk says about python3" in drift.detail
