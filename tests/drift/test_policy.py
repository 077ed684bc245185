import hashlib
import json
from datetime import date

import pytest
from msgspec.structs import replace

from lockml.drift.model import Drift, DriftReport, Level
from lockml.drift.policy import IgnoreRule, accept_baseline, apply_rules, fingerprint
from lockml.report.json import format_json
from tests.drift.checks import with_rows
from tests.drift.subjects import in_order, report_on, without
from tests.made.trees import SITE
from tests.made.wheels import installed_files, make_wheel, record_digest

TODAY = date(2026, 11, 25)


def report() -> DriftReport:
    """Return a report on numpy missing and a loose module."""
    return report_on({**without(in_order(), "numpy"), f"{SITE}/loose.py": b""}, level="files")


def rule(**fields: object) -> IgnoreRule:
    return IgnoreRule(**{"reason": "agreed", "stated_in": "lockml.toml: ignore 1", **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "accepted"),
    [
        ({"kind": "missing"}, ["numpy"]),
        ({"name": "NumPy"}, ["numpy"]),
        ({"name": "num*", "kind": "version"}, []),
        ({"path": "*/loose.py"}, ["loose.py"]),
        ({"path": "*.pth"}, []),
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
    again: Drift = replace(drift, detail="other words", fix="other", origin="layer 2")
    assert fingerprint(again, "/opt/venv") == fingerprint(drift, "/opt/venv")
    assert fingerprint(replace(drift, locked="2"), "/opt/venv") != fingerprint(drift, "/opt/venv")
    assert fingerprint(drift, "/usr") != fingerprint(drift, "/opt/venv")
