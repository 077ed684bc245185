"""What no look can know: one sentence for each limit in every format, and exit 4 where a limit must not be."""

import json
from collections.abc import Callable, Sequence
from html import unescape
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import jsonschema
import pytest
from msgspec.structs import replace

from lockml.drift.model import DriftReport
from lockml.inventory.model import Limit, LimitCode
from lockml.inventory.results import Limits
from lockml.report.cyclonedx import format_cyclonedx
from lockml.report.html import format_html
from lockml.report.json import format_json
from lockml.report.junit import format_junit
from lockml.report.markdown import format_markdown
from lockml.report.sarif import format_sarif
from lockml.report.text import format_text
from lockml.report.words import LIMITS, headline, limit_lines
from tests.drift.checks import check, start
from tests.drift.subjects import in_order, without
from tests.made.trees import SITE

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "check-report.schema.json").read_text())
CODES = get_args(LimitCode)
FORMATTERS: dict[str, Callable[[Sequence[DriftReport]], str]] = {
    "text": format_text,
    "json": format_json,
    "sarif": lambda reports: format_sarif(reports, {}),
    "junit": format_junit,
    "markdown": format_markdown,
    "html": format_html,
    "cyclonedx": format_cyclonedx,
}


def limited(*codes: LimitCode, strict: Sequence[LimitCode] = ()) -> DriftReport:
    """Return a report in order with the limits of these *codes*, 3 of each."""
    found = tuple(Limit(code=code, count=3, examples=("/a", "/b", "/c")) for code in codes)
    return replace(check(in_order()), limits=found, strict=frozenset(strict))


def test_every_code_has_its_words() -> None:
    assert tuple(LIMITS) == CODES


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATTERS)
@pytest.mark.parametrize("code", CODES)
def test_every_format_tells_every_limit(form: str, code: LimitCode) -> None:
    text = FORMATTERS[form]([limited(code)])
    assert code in text
    if form not in ("json", "cyclonedx"):
        assert LIMITS[code][1] in unescape(text)


@pytest.mark.parametrize("form", [form for form in FORMATTERS if form not in ("json", "cyclonedx")])
def test_limit_is_one_sentence_with_its_count_and_first_examples(form: str) -> None:
    plain = FORMATTERS[form]([limited("bytecode-body")]).replace("\\u2026", "…").replace("\\", "")
    assert f"bytecode-body: 3 {LIMITS['bytecode-body'][1]} (/a, /b, …)" in plain
    assert plain.count(LIMITS["bytecode-body"][1]) == 1


def test_limit_of_one_is_written_in_the_singular() -> None:
    one = Limit(code="other-pythons", count=1, examples=("/usr",))
    (line,) = limit_lines(replace(limited(), limits=(one,)))
    assert line == "other-pythons: 1 other Python environment, not checked; check it with --environment (/usr)"


@pytest.mark.parametrize("form", FORMATTERS)
def test_report_without_limits_tells_none(form: str) -> None:
    text = FORMATTERS[form]([limited()])
    assert not [code for code in CODES if code in text]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_line_shows_that_there_are_more(count: int) -> None:
    examples = tuple(f"/{number}" for number in range(count))
    report = replace(limited(), limits=(Limit(code="other-pythons", count=count, examples=examples),))
    (line,) = limit_lines(report)
    assert ("…" in line) is (count > 2)


def document(report: DriftReport) -> Any:
    loaded = json.loads(format_json([report]))
    jsonschema.Draft202012Validator(SCHEMA).validate(loaded)
    return loaded


def test_json_has_code_count_and_examples() -> None:
    assert document(limited("stdlib-unproven", "process-memory"))["limits"] == [
        {"code": "stdlib-unproven", "count": 3, "examples": ["/a", "/b", "/c"]},
        {"code": "process-memory", "count": 3, "examples": ["/a", "/b", "/c"]},
    ]


def test_json_counts_a_limit_of_several_environments_once() -> None:
    loaded = json.loads(format_json([limited("other-pythons"), limited("other-pythons", "bytecode-body")]))
    assert [(each["code"], each["count"]) for each in loaded["limits"]] == [("other-pythons", 6), ("bytecode-body", 3)]


def test_schema_closes_the_list_of_codes() -> None:
    loaded = document(limited("bytecode-body"))
    loaded["limits"][0]["code"] = "whatever"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(loaded)
    for code in CODES:
        document(limited(code))


def test_schema_knows_drifts_of_settings() -> None:
    report = check(in_order(), start(PYTHONHOME="/srv/fake"))
    (drift,) = document(report)["drifts"]
    assert (drift["kind"], drift["name"], drift["found"], drift["path"]) == (
        "environment",
        "PYTHONHOME",
        "/srv/fake",
        None,
    )


@pytest.mark.parametrize("form", [form for form in FORMATTERS if form != "cyclonedx"])
def test_every_format_tells_a_setting(form: str) -> None:
    report = check({**in_order(), "/srv/evil.so": b"", "/etc/ld.so.preload": b"/srv/evil.so"})
    text = FORMATTERS[form]([report])
    assert "environment" in text
    assert "/etc/ld.so.preload" in text.replace("\\", "")


def test_limits_are_in_order_unless_they_are_strict() -> None:
    report = limited("bytecode-body", "other-pythons")
    assert (report.exit_code, report.complete, report.exceeded) == (0, True, ())
    assert (replace(report, strict=frozenset({"native-libraries"}))).exit_code == 0
    strict = replace(report, strict=frozenset({"other-pythons"}))
    assert (strict.exit_code, strict.complete, [each.code for each in strict.exceeded]) == (4, False, ["other-pythons"])
    assert headline(strict) == "container trainer: check incomplete under --strict: other-pythons"


def test_drift_comes_before_what_is_strict() -> None:
    report = check(without(in_order(), "numpy"))
    assert replace(report, strict=frozenset(CODES)).exit_code == 1


def test_junit_has_a_test_for_each_limit_that_fails_where_it_is_strict() -> None:
    (suite,) = ElementTree.fromstring(format_junit([limited("other-pythons", strict=["other-pythons"])]))
    (case,) = [each for each in suite.iter("testcase") if each.attrib["classname"] == "limit"]
    assert case.attrib["name"] == "other-pythons"
    assert [each.attrib.get("type") for each in case] == ["limit", None]
    assert suite.attrib["errors"] == "1"


def test_sarif_notifies_of_each_limit() -> None:
    run = json.loads(format_sarif([limited("other-pythons", "bytecode-body", strict=["other-pythons"])], {}))["runs"][0]
    (invocation,) = run["invocations"]
    told = {each["descriptor"]["id"]: each["level"] for each in invocation["toolExecutionNotifications"]}
    assert told == {"other-pythons": "error", "bytecode-body": "note"}
    assert invocation["executionSuccessful"] is False


def test_limits_are_counted_by_code_with_the_first_examples() -> None:
    limits = Limits()
    for number in range(9):
        limits.add("bytecode-body", f"/{number}")
    limits.add("native-libraries", "/lib", 40)
    assert limits.all() == (
        Limit(code="bytecode-body", count=9, examples=("/0", "/1", "/2", "/3", "/4")),
        Limit(code="native-libraries", count=40, examples=("/lib",)),
    )


def test_limits_of_a_report_are_in_the_order_of_their_codes() -> None:
    report = check({**in_order(), "/app/x.py": b"", "/lib/libx.so": b""}, start(PYTHONPATH="/app"))
    codes = [limit.code for limit in report.limits]
    assert codes == sorted(codes, key=CODES.index)
    assert len(codes) == len(set(codes)) >= 4


@pytest.mark.parametrize("form", FORMATTERS)
def test_example_with_a_hostile_name_forges_nothing(form: str) -> None:
    hostile = f"{SITE}/evil\x1b[2J</b><script>\n# forged\u202e"
    report = replace(limited(), limits=(Limit(code="bytecode-body", count=1, examples=(hostile,)),))
    text = FORMATTERS[form]([report])
    assert not [letter for letter in text if (ord(letter) < 32 and letter != "\n") or letter == "\u202e"]
    assert "\n# forged" not in text
    assert form not in ("html", "junit", "markdown") or "b><script>" not in text
