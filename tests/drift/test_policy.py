import hashlib
import json
from datetime import date
from typing import get_args

import pytest
from msgspec.structs import replace

from lockml.drift.model import Drift, DriftKind, DriftReport, Level
from lockml.drift.policy import IgnoreRule, accept_baseline, apply_rules, fingerprint, parse_rule
from lockml.report.json import format_json
from tests.drift.checks import check, start, with_rows
from tests.drift.subjects import in_order, report_on, without
from tests.made.trees import SITE, MemoryTree
from tests.made.wheels import installed_files, make_wheel, record_digest

TODAY = date(2026, 11, 25)


def report() -> DriftReport:
    """Return a report on numpy missing and a loose module."""
    return report_on({**without(in_order(), "numpy"), f"{SITE}/loose.py": b""}, level="files")


def rule(**fields: object) -> IgnoreRule:
    table = {key: value.isoformat() if isinstance(value, date) else value for key, value in fields.items()}
    return parse_rule({"reason": "agreed", **table}, "lockml.toml: ignore 1", get_args(DriftKind))


@pytest.mark.parametrize(
    ("fields", "accepted"),
    [
        ({"kind": "missing"}, ["numpy"]),
        ({"name": "NumPy"}, ["numpy"]),
        ({"name": "num*", "kind": "version"}, []),
        ({"path": "*/loose.py"}, ["loose.py"]),
        ({"path": "*.pth"}, []),
        ({"name": ["scipy", "NumPy"]}, ["numpy"]),
        ({"path": ["*.pth", "*/loose.py"], "kind": "unattributed-file"}, ["loose.py"]),
        ({"kind": "missing", "until": TODAY}, ["numpy"]),
        ({"kind": "missing", "until": date(2026, 11, 24)}, []),
    ],
)
def test_rule_sets_apart_what_it_names(fields: dict[str, object], accepted: list[str]) -> None:
    found = apply_rules(report(), [rule(**fields)], TODAY)
    assert [each.drift.name for each in found.accepted] == accepted
    assert len(found.drifts) + len(found.accepted) == 2
    assert found.exit_code == 1


def test_report_with_nothing_but_accepted_drift_is_in_order() -> None:
    found = apply_rules(report(), [rule(kind="missing"), rule(path="*/loose.py")], TODAY)
    assert (found.exit_code, len(found.accepted)) == (0, 2)


def test_rule_that_is_over_counts_no_more_and_is_told() -> None:
    found = apply_rules(report(), [rule(kind="missing", until=date(2026, 1, 31))], TODAY)
    assert found.remarks[-1].text == "lockml.toml: ignore 1 allowed this until 2026-01-31: agreed"


def test_baseline_lets_only_new_drift_count() -> None:
    document = json.loads(format_json([report_on(without(in_order(), "numpy"), level="files")]))
    known = frozenset(fingerprint(each, each["environment"]) for each in document["drifts"])
    found = accept_baseline(report(), known, "old.json")
    assert [drift.name for drift in found.drifts] == ["loose.py"]
    assert [each.reason for each in found.accepted] == ["in the baseline old.json"]


def with_other(content: bytes, level: Level = "files") -> DriftReport:
    """Return a report on a project that nothing asks for, whose RECORD has the *content* of its module."""
    extra = make_wheel("extra", "1.0", files={"extra/__init__.py": content})
    return report_on({**in_order(), **installed_files(extra, SITE)}, level=level)


@pytest.mark.parametrize("level", ["names", "artifacts", "files"])
def test_baseline_accepts_of_a_project_the_bytes_that_it_saw(level: Level) -> None:
    """Its name and its version are the same, and its RECORD fits its files."""
    document = json.loads(format_json([with_other(b"seen = 1", level)]))
    known = frozenset(fingerprint(each, each["environment"]) for each in document["drifts"])
    assert accept_baseline(with_other(b"seen = 1", level), known, "old.json").exit_code == 0
    changed = accept_baseline(with_other(b"evil()", level), known, "old.json")
    assert [(drift.kind, drift.name) for drift in changed.drifts] == [("unexpected", "extra")]


def test_baseline_knows_what_is_beside_compiled_modules() -> None:
    """An installer writes modules in ``__pycache__``, and nothing else there."""
    listed = {}
    for name in ("a.cpython-311.pyc", "a.py"):
        files = {**in_order(), **installed_files(make_wheel("extra", "1.0", files={"extra.py": b""}), SITE)}
        (drift,) = report_on(with_rows(files, "extra-1.0", f"__pycache__/{name},,"), level="names").drifts
        listed[name] = drift.record
    (plain,) = report_on(files, level="names").drifts
    assert listed["a.cpython-311.pyc"] == plain.record != listed["a.py"]


def test_rule_accepts_of_a_project_the_bytes_that_it_names() -> None:
    (drift,) = with_other(b"seen = 1").drifts
    assert drift.record is not None
    accepting = [rule(kind="unexpected", sha256=drift.record)]
    assert apply_rules(with_other(b"seen = 1"), accepting, TODAY).exit_code == 0
    assert apply_rules(with_other(b"evil()"), accepting, TODAY).exit_code == 1


def test_every_modified_file_tells_the_sha256_that_was_found() -> None:
    """Whatever hashes its owner has: others can have made two files of one MD5."""
    script = b"#!/opt/venv/bin/python3\nevil()\n"
    digest = f"../../../bin/tool,{record_digest(script)},{len(script)}\n".encode()
    weak = f"numpy/core.so,md5={'0' * 32},12\n".encode()
    files = {**in_order(), "/opt/venv/bin/tool": script}
    record = f"{SITE}/numpy-1.26.4.dist-info/RECORD"
    rows = [line for line in files[record].splitlines(keepends=True) if not line.startswith(b"numpy/core.so")]
    found = [
        *report_on({**files, record: files[record] + digest}, level="files").drifts,
        *report_on({**files, record: b"".join(rows) + weak}, level="files").drifts,
    ]
    modified = {drift.path: drift.found for drift in found if drift.kind == "modified"}
    assert modified == {
        "/opt/venv/bin/tool": f"sha256:{hashlib.sha256(script).hexdigest()}",
        f"{SITE}/numpy/core.so": f"sha256:{hashlib.sha256(b'machine code').hexdigest()}",
    }


def test_drift_is_the_same_whatever_its_words_and_another_where_it_differs() -> None:
    drift = report().drifts[0]
    again: Drift = replace(drift, detail="other words", remedy=replace(drift.remedy, text="other"), origin="layer 2")
    assert fingerprint(again, "/opt/venv") == fingerprint(drift, "/opt/venv")
    assert fingerprint(replace(drift, locked="2"), "/opt/venv") != fingerprint(drift, "/opt/venv")
    assert fingerprint(drift, "/usr") != fingerprint(drift, "/opt/venv")


def with_unhashed(content: bytes, *, listed: bool) -> DriftReport:
    """Return the report on a project that is not locked and states no digest of its module."""
    if listed:
        info = f"{SITE}/other-1.0.egg-info"
        facts = {f"{info}/PKG-INFO": b"Metadata-Version: 2.1\nName: other\nVersion: 1.0\n"}
        facts[f"{info}/installed-files.txt"] = b"../other/__init__.py\nPKG-INFO\n"
    else:
        info = f"{SITE}/other-1.0.dist-info"
        facts = {f"{info}/METADATA": b"Metadata-Version: 2.1\nName: other\nVersion: 1.0\n"}
        facts[f"{info}/RECORD"] = b"other/__init__.py,,\nother-1.0.dist-info/METADATA,,\nother-1.0.dist-info/RECORD,,\n"
    return check({**in_order(), **facts, f"{SITE}/other/__init__.py": content})


@pytest.mark.parametrize("listed", [True, False])
def test_baseline_accepts_of_a_project_without_hashes_the_bytes_that_it_saw(listed: bool) -> None:
    """Its RECORD is the same whatever its files have, and so is the list that a setup.py wrote."""
    seen = with_unhashed(b"seen = 1", listed=listed)
    assert [drift.kind for drift in seen.drifts] == ["unexpected"]
    known = {fingerprint(drift, seen.environment_key) for drift in seen.drifts}
    assert accept_baseline(with_unhashed(b"seen = 1", listed=listed), known, "old.json").exit_code == 0
    assert accept_baseline(with_unhashed(b"evil = 1", listed=listed), known, "old.json").exit_code == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"/usr/lib/x.so": b"jemalloc"}, {"/usr/lib/x.so": b"evil"}),
        ({"/usr/lib/" + "x" * 200 + ".so": b""}, {"/usr/lib/" + "x" * 200 + ".evil.so": b""}),
    ],
)
def test_baseline_accepts_of_a_preloaded_library_the_bytes_that_it_saw(
    before: dict[str, bytes], after: dict[str, bytes]
) -> None:
    def preloading(files: dict[str, bytes]) -> DriftReport:
        return check({**in_order(), **files}, start(LD_PRELOAD=" ".join(files)))

    known = {fingerprint(drift, preloading(before).environment_key) for drift in preloading(before).drifts}
    assert accept_baseline(preloading(before), known, "old.json").exit_code == 0
    assert accept_baseline(preloading(after), known, "old.json").exit_code == 1


def test_baseline_accepts_of_a_folder_what_its_files_are_called_and_where_its_links_lead() -> None:
    def with_folder(name: str, content: bytes) -> DriftReport:
        files = {**in_order(), f"{SITE}/own/{name}": b"x = 1", "/opt/more/a.py": content}
        return check(MemoryTree(files, links={f"{SITE}/own/more": "/opt/more"}))

    seen = with_folder("data.txt", b"a")
    known = {fingerprint(drift, seen.environment_key) for drift in seen.drifts}
    assert accept_baseline(with_folder("data.txt", b"a"), known, "old.json").exit_code == 0
    assert accept_baseline(with_folder("__init__.py", b"a"), known, "old.json").exit_code == 1
    assert accept_baseline(with_folder("data.txt", b"evil"), known, "old.json").exit_code == 1


def test_baseline_accepts_no_file_of_which_nobody_knows_the_bytes() -> None:
    (drift,) = check({**in_order(), f"{SITE}/own.py": b""}).drifts
    unread = replace(drift, found=None)
    left = replace(check(in_order()), drifts=(unread,))
    assert accept_baseline(left, {fingerprint(unread, left.environment_key)}, "old.json").exit_code == 1
