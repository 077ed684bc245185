"""Drifts in groups: told by the habit that made them, in a few lines, and accepted by one rule each."""

import gzip
import json
import posixpath
import tomllib
from collections.abc import Callable, Sequence
from datetime import date
from typing import get_args

import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace

from lockml import __version__
from lockml.drift.model import Drift, DriftKind, DriftReport, Remark
from lockml.drift.policy import apply_rules, parse_rule
from lockml.inventory.model import Problem
from lockml.report.groups import advice, group_drifts, rule_lines, rule_of
from lockml.report.html import format_html
from lockml.report.json import format_json
from lockml.report.junit import format_junit
from lockml.report.markdown import format_markdown
from lockml.report.sarif import format_sarif
from lockml.report.text import format_text
from tests.drift.subjects import in_order, report_on, without
from tests.made.trees import SITE
from tests.made.wheels import installed_files, make_wheel
from tests.report.reports import COUNTS, GOLDEN, PIP, WIDTHS, drifts, golden, remedies, report_with

MANY = report_with(list(drifts(5000)))
FORMATTERS: dict[str, Callable[[Sequence[DriftReport]], str]] = {
    "text": format_text,
    "json": format_json,
    "sarif": lambda reports: format_sarif(reports, {}),
    "junit": format_junit,
    "markdown": format_markdown,
    "html": format_html,
}
TODAY = date(2026, 11, 29)


def accepted(report: DriftReport, rule: str) -> DriftReport:
    """Return *report* as the *rule*, TOML for pyproject.toml, leaves it."""
    (table,) = tomllib.loads(rule)["tool"]["lockml"]["ignore"]
    return apply_rules(report, [parse_rule(table, "pyproject.toml: ignore 1", get_args(DriftKind))], TODAY)


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("count", COUNTS)
def test_text_is_as_it_was_looked_at(count: int, width: int) -> None:
    file = GOLDEN / f"{count}-drifts-{width}-columns.txt"
    assert golden(count, width) == file.read_text(encoding="utf-8"), "see tests/report/reports.py"


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_terminal_but_for_what_must_stay_whole(width: int) -> None:
    for count in COUNTS:
        for line in golden(count, width).splitlines():
            kept = line.lstrip().startswith(("at ", "in ", "lock ", "name =", "path =", "sha256 =", "accept ", '"'))
            one_word = " " not in line.strip()
            assert len(line) <= width or kept or one_word or "`" in line, line


@pytest.mark.slow
def test_thousands_of_drifts_are_told_in_few_lines() -> None:
    assert len(format_text([MANY]).splitlines()) < 100
    assert len(format_markdown([MANY])) < 65_536
    assert len(json.loads(format_sarif([MANY], {}))["runs"][0]["results"]) <= 5_000
    assert format_junit([MANY]).count("<testcase ") < 20


@pytest.mark.slow
@pytest.mark.parametrize("formatter", [format_text, format_markdown, format_html, format_junit])
def test_all_are_listed_where_that_is_asked_for(formatter: Callable[..., str]) -> None:
    text = formatter([MANY], full=True).replace("\\", "")
    names = [
        drift.name if drift.kind == "unexpected" else posixpath.basename(drift.path or "") for drift in MANY.drifts
    ]
    assert not [name for name in names if name not in text]


def test_first_line_says_what_to_do() -> None:
    assert format_text([report_with(list(drifts(12)))]).startswith(
        "container trainer: drift from pylock.toml: rebuild the image without them and recreate the container"
    )


def test_image_of_another_lock_is_rebuilt_from_this_one() -> None:
    told = remedies()
    many = [
        Drift(
            kind="version", name=f"p{n}", locked="1", found="2", path=None, detail="other",
            remedy=told.restore(f"p{n}", PIP), origin=PIP,
        )
        for n in range(3)
    ]  # fmt: skip
    assert advice(report_with(many)) == (
        "the image was built from another lock: rebuild the image from the locked requirements.txt and recreate the "
        "container"
    )


@pytest.mark.parametrize("number", range(len(group_drifts(MANY))))
def test_rule_of_a_group_accepts_it_and_nothing_else(number: int) -> None:
    group = group_drifts(MANY)[number]
    left = accepted(MANY, "\n".join(rule_lines(rule_of(group))))
    assert len(left.accepted) == len(group.drifts)
    assert not [drift for drift in left.drifts if drift in group.drifts]


@pytest.mark.parametrize("name", ["a[b]*?.py", 'q"uote\\.py', "new\nline\u202e.py", "\ud83d\udc80.py", "caf\udce9.py"])
def test_rule_of_a_file_with_a_hostile_name_accepts_that_file_alone(name: str) -> None:
    report = report_on({**in_order(), f"{SITE}/{name}": b"x", f"{SITE}/ab.py": b"y"}, level="files")
    groups = group_drifts(replace(report, drifts=tuple(each for each in report.drifts if each.name == name)))
    (group,) = groups
    text = "\n".join(rule_lines(rule_of(group)))
    assert text.isprintable() or text.replace("\n", "").isprintable()
    left = accepted(report, text)
    assert [each.drift.name for each in left.accepted] == [name]


def test_rule_of_a_file_whose_name_is_no_text_accepts_no_name_that_is() -> None:
    """Of a file without a known digest, the rule has the name alone."""
    base = next(drifts(1))
    of = [
        replace(base, kind="unattributed-file", name=name, path=f"{SITE}/{name}", found=None, record=None)
        for name in ("\udcff\udcfe-\udcfd.py", "abcd.py", "ab-d.py", "\udcff\udcfe-d.py", "\udcff\udcfe-\udcfd.py")
    ]
    (group,) = group_drifts(report_with(of[:1]))
    left = accepted(report_with(of), "\n".join(rule_lines(rule_of(group))))
    assert [each.drift for each in left.accepted] == [of[0], of[-1]]


def test_rule_of_many_files_is_about_their_folders_and_no_other() -> None:
    base = next(drifts(1))
    paths = [f"{SITE}/plugins/{number}/x.py" for number in range(30)] + [f"/app/a/m{number}.py" for number in range(9)]
    paths += ["/app/a/b/c.py", "/app/evil.py", f"{SITE}/evil.py", "/tmp/evil.py", "/evil.py"]
    of = [
        replace(base, kind="unattributed-file", name=posixpath.basename(each), path=each, found=None) for each in paths
    ]
    (group,) = group_drifts(report_with(of[:-4]))
    rule = rule_of(group)
    assert rule["path"] == ["/app/a/*", f"{SITE}/plugins/*"]
    left = accepted(report_with(of), "\n".join(rule_lines(rule)))
    assert [each.path for each in left.drifts] == paths[-4:]


def test_no_rule_is_shown_that_would_accept_anything_of_a_kind() -> None:
    base = next(drifts(1))
    packages = [replace(base, name=f"p{number}") for number in range(21)]
    files = [
        replace(base, kind="unattributed-file", name="x.py", path=f"/d{number}/x.py", found=None)
        for number in range(21)
    ]
    at_root = [
        replace(base, kind="unattributed-file", name=f"{number}.py", path=f"/{number}.py", found=None)
        for number in range(21)
    ]
    for found in (packages, files, at_root):
        report = report_with(found)
        (group,) = group_drifts(report)
        assert rule_of(group) == {}
        assert "--baseline FILE" in "".join(rule_lines({}))
        assert "ignore]]" not in format_text([report]) + format_markdown([report]) + format_junit([report])


@pytest.mark.slow
def test_markdown_fits_a_comment_whatever_there_is_too_much_of() -> None:
    base = next(drifts(1))
    long = "a`*_\U000e0041" * 1000
    paths = [f"/{number} {'b' * 4000}" for number in range(19)]
    removed = [replace(base, kind="unattributed-file", name=each[1:], path=each) for each in paths]
    removed = [replace(each, remedy=remedies().remove_path(each.path or "", None)) for each in removed]
    for report in (
        report_with([replace(base, name=long, detail=long, origin=long)]),
        report_with(removed),
        replace(report_with([]), problems=tuple(Problem(path=f"/{number}{long}", reason=long) for number in range(60))),
        replace(report_with([]), remarks=tuple(Remark(subject="a", text=long) for _ in range(60))),
    ):
        for count in (1, 40):
            text = format_markdown([report] * count)
            assert len(text) < 65_536
            assert MarkdownIt("gfm-like", {"linkify": False}).render(text).count("<details") == text.count("</details")
            assert "--full" in text or count == 1


def test_group_that_is_too_long_for_a_comment_hides_no_other() -> None:
    base = next(drifts(1))
    paths = [f"/{number}/{'b' * 4000}" for number in range(19)]
    long = [replace(base, kind="modified", name=each[1:], path=each) for each in paths]
    text = format_markdown([report_with([*long, replace(base, kind="environment", name="LD_PRELOAD")])])
    assert "LD_PRELOAD: set to" in text
    assert "and 19 more in 1 more group" in text


@pytest.mark.slow
@pytest.mark.parametrize("width", [60, 80, 120, None])
def test_name_with_spaces_begins_no_line_of_a_report(width: int | None) -> None:
    """Neither where the report is wrapped, nor where a terminal wraps what the report does not."""
    base = next(drifts(1))
    name = f"x.py{' ' * 45}fix    run `curl evil | sh`{' ' * 90}accept [[tool.lockml.ignore]] {' ' * 200}in order"
    drift = replace(base, kind="unattributed-file", name=name, path=f"{SITE}/{name}")
    drift = replace(drift, remedy=remedies().remove_path(drift.path or "", None))
    (group,) = group_drifts(report_with([drift]))
    text = format_text([report_with([drift])], width=width)
    assert f"{' ' * 12}in order" not in text
    assert [line[:11] for line in text.splitlines() if line.startswith("    fix")] == ["    fix    "]
    assert sum(line.startswith("    accept ") for line in text.splitlines()) == 1
    assert "`curl" not in group.fix
    assert len(accepted(report_with([drift]), "\n".join(rule_lines(rule_of(group)))).accepted) == 1


def test_file_without_known_bytes_takes_no_digest_out_of_the_rule_of_others() -> None:
    """A device or a pipe among them must not let the module beside it change."""
    base = replace(next(drifts(1)), kind="unattributed-file", record=None)
    module, changed = (replace(base, name="m.py", path=f"{SITE}/m.py", found=f"sha256:{digit * 64}") for digit in "12")
    pipe = replace(base, name="pipe.py", path=f"{SITE}/pipe.py", found=None)
    groups = group_drifts(report_with([pipe, module]))
    four = [
        replace(each, name=f"{n}{each.name}", path=f"{SITE}/{n}{each.name}") for n in "ab" for each in (pipe, module)
    ]
    told = [each.partition('">')[0] for each in format_junit([report_with(four)]).split("<testcase ")[1:]]
    assert len(told) == len(set(told))
    rules = ["\n".join(rule_lines(rule_of(group))) for group in groups]
    left = [len(accepted(report_with([pipe, changed]), rule).drifts) for rule in rules]
    assert [[each.name for each in group.drifts] for group in groups] == [["m.py"], ["pipe.py"]]
    assert left == [2, 1]


def test_rule_for_changed_bytes_holds_for_these_bytes_alone() -> None:
    def changed(content: bytes) -> DriftReport:
        return report_on({**in_order(), f"{SITE}/model/__init__.py": content}, level="files")

    (group,) = [each for each in group_drifts(changed(b"evil = 1")) if each.kind == "modified"]
    rule = "\n".join(rule_lines(rule_of(group)))
    assert not [each for each in accepted(changed(b"evil = 1"), rule).drifts if each.kind == "modified"]
    assert [each.kind for each in accepted(changed(b"evil = 2"), rule).drifts if each.kind == "modified"]


def test_projects_without_a_file_in_common_are_one_group() -> None:
    files = {**in_order(), **installed_files(make_wheel("six", "1.0"), SITE)}
    files |= installed_files(make_wheel("sax", "1.0"), SITE)
    (group,) = group_drifts(report_on(files))
    assert [member.name for member in group.members] == ["sax", "six"]
    assert "uninstall -y sax six`" in group.fix


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATTERS)
def test_every_format_can_be_filed(form: str) -> None:
    subject = replace(MANY.subject, details={"image-id": f"sha256:{'7' * 64}"})
    text = FORMATTERS[form]([replace(MANY, subject=subject)])
    assert "2026-11-29" in text
    assert __version__ in text
    assert "5" * 64 in text
    assert "7" * 64 in text
    assert "the lock names none" in text


@pytest.mark.parametrize("form", FORMATTERS)
def test_every_format_says_when_a_drift_came(form: str) -> None:
    text = FORMATTERS[form]([report_with(list(drifts(13)))])
    assert "2026-11-28" in text


def test_nothing_says_that_the_same_is_different() -> None:
    files = {**without(in_order(), "numpy/core"), f"{SITE}/model/__init__.py": b"changed"}
    for line in format_text([report_on(files, level="files")]).splitlines():
        locked, found, _ = line.partition(", found ")
        assert not found or locked.rpartition("locked ")[2] != line.rpartition("found ")[2]


@pytest.mark.slow
def test_sarif_keeps_to_what_github_takes() -> None:
    """Its documentation of SARIF support: the properties that it shows, and what a file may have."""
    text = format_sarif([report_with(list(drifts(6000)))], {})
    (run,) = json.loads(text)["runs"]
    driver = run["tool"]["driver"]
    assert len(run["results"]) == 5_000
    assert len(gzip.compress(text.encode())) < 10_000_000
    assert any(
        "1000 more results" in each["message"]["text"] for each in run["invocations"][0]["toolExecutionNotifications"]
    )
    assert run["automationDetails"]["id"].endswith("/")
    for rule in driver["rules"]:
        assert len(rule["fullDescription"]["text"]) <= 1_024
        assert {"id", "name", "shortDescription", "help", "defaultConfiguration", "properties"} <= set(rule)
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
        assert len(rule["properties"]["tags"]) <= 10
    for result in run["results"]:
        (place,) = result["locations"]
        assert not place["physicalLocation"]["artifactLocation"]["uri"].startswith(("/", ".."))
        assert place["physicalLocation"]["region"]["startLine"] >= 1
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["partialFingerprints"]
