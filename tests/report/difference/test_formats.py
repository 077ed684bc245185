"""What differs, told as text, JSON and Markdown, with what is hostile in it."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from lockml.drift.differences.model import Difference, PackageChange, Side
from lockml.drift.differences.of_drift import difference_of
from lockml.inventory.file_tree import AFTER_START, CHANGED, Origin
from lockml.inventory.model import HistoryStep, Subject
from lockml.report.difference.json import format_json
from lockml.report.difference.markdown import format_markdown
from lockml.report.difference.text import format_text
from tests.drift.subjects import in_order, report_on, without
from tests.made.differences import compared, difference, environment
from tests.made.trees import SITE
from tests.made.wheels import installed_files, make_wheel

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "diff-report.schema.json").read_text())
HOSTILE = "evil\x1b[2J</details><script>|`[x](http://x)``\u202e\n# forged"
SIX, NEWER = (installed_files(make_wheel("six", version), SITE) for version in ("1.16.0", "1.17.0"))


def image(name: str, *layers: str) -> Subject:
    steps = tuple(HistoryStep(f"RUN {layer}", number) for number, layer in enumerate(layers, 1))
    return Subject(kind="image", name=name, layers=layers, history=steps)


def two_images(*, many: int = 0) -> Difference:
    run = Origin(2, "layer 2 of 2 (RUN pip install six==1.17.0)", replaces=True)
    files = {**NEWER, **{f"{SITE}/gen/m{number:05}.py": b"" for number in range(many)}}
    before = compared(environment(SIX), subject=image("train:6", "base", "old"))
    after = compared(
        environment(files, {f"{SITE}/numpy/core.so": b"other machine code"}),
        subject=image("train:7", "base", "pip install six==1.17.0"),
        runtime={"PYTHONPATH": "/app"},
        origins={f"{SITE}/six": run, f"{SITE}/numpy/core": run, f"{SITE}/gen": run},
    )
    return difference(before, after)


def hostile() -> Difference:
    path = f"{SITE}/{HOSTILE.replace('/', '-')}.py"
    origin = Origin(AFTER_START, f"{CHANGED}{HOSTILE}", replaces=False)
    after = compared(environment({path: b""}), name=HOSTILE, runtime={"PYTHONPATH": HOSTILE}, origins={path: origin})
    return difference(environment(), after)


def incomplete() -> Difference:
    return difference(environment(), compared(environment(), name="b", locked=(f"{SITE}/numpy/core.so",)))


DIFFERENCES = {
    "two images": two_images(),
    "the same": difference(environment(), environment()),
    "names": difference(environment(SIX), environment(NEWER), level="names"),
    "incomplete": incomplete(),
    "hostile": hostile(),
    "a lock": difference_of(report_on(without(in_order(), "numpy"))),
    "locks": Difference(
        before=Side(name="lock a"),
        after=Side(name="lock b"),
        level="names",
        packages=(PackageChange(kind="files", name="six", before="1.0", after="1.0"),),
    ),
}
FORMATTERS: dict[str, Callable[[Difference], str]] = {
    "text": format_text,
    "json": format_json,
    "markdown": format_markdown,
}


@pytest.mark.parametrize("form", FORMATTERS)
def test_no_format_lets_a_control_character_through(form: str) -> None:
    text = FORMATTERS[form](DIFFERENCES["hostile"])
    assert not [letter for letter in text if (ord(letter) < 32 and letter != "\n") or letter == "\u202e"]
    assert "\n# forged" not in text
    assert "evil" in text


@pytest.mark.parametrize("name", DIFFERENCES)
def test_document_keeps_to_its_schema(name: str) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(format_json(DIFFERENCES[name])))


def test_schema_refuses_what_is_no_difference() -> None:
    document: Any = json.loads(format_json(DIFFERENCES["two images"]))
    del document["changes"][0]["kind"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(document)


def test_text_tells_settings_packages_files_and_layers() -> None:
    assert (
        format_text(DIFFERENCES["two images"])
        == f"""\
image train:6 -> image train:7: 1 setting, 2 packages, 12 files differ

Settings:
  variable PYTHONPATH not there -> /app

Packages:
  files      numpy 1.26.4: same version, different files (its RECORD is the same)
             layer 2 of 2
  upgraded   six 1.16.0 -> 1.17.0
             layer 2 of 2, written 2023-11-14 22:13 UTC

Files:
  numpy: 1 file changed, +6 bytes
    layer 2 of 2
    changed  {SITE}/numpy/core.so (12 -> 18 bytes)
  six: 1 file changed, 5 files added, 5 files removed
    layer 2 of 2: 6
    cause unknown: 5

Layers:
  1 of 2 layers before, and of 2 after, are the same
  - layer 2 of 2  RUN old
  + layer 2 of 2  RUN pip install six==1.17.0
"""
    )


def test_two_locks_are_told_as_ever() -> None:
    assert format_text(DIFFERENCES["locks"]) == "files      six 1.0: same version, different files\n"
    document = json.loads(format_json(DIFFERENCES["locks"]))
    assert document["schema"] == "lockml/diff/1"
    assert document["changes"] == [{"kind": "files", "name": "six", "before": "1.0", "after": "1.0"}]


def test_what_could_not_be_read_is_told_and_leaves_no_difference_open() -> None:
    text = format_text(DIFFERENCES["incomplete"])
    assert "no difference in any file, as far as it could be read" in text
    assert f"image b: {SITE}/numpy/core.so: Permission denied" in text
    assert json.loads(format_json(DIFFERENCES["incomplete"]))["complete"] is False


@pytest.mark.slow
@pytest.mark.parametrize("form", ["text", "markdown"])
def test_many_files_are_a_few_with_a_count(form: str) -> None:
    text = FORMATTERS[form](two_images(many=5000))
    assert len(text.splitlines()) < 60
    assert "and 4,995 more" in text
    assert json.loads(format_json(two_images(many=5000)))["files"][-1]["left_out"] == 4995


def test_markdown_folds_and_makes_nothing_of_foreign_text() -> None:
    text = re.sub("(`{3}) .*? \\1", "", format_markdown(DIFFERENCES["hostile"]))
    assert "](http" not in text
    assert text.count("<details>") == text.count("</details>") == text.count("<summary>")
    assert re.search(r"(?<!\\)<script", text) is None


def test_markdown_keeps_foreign_text_in_code_that_it_cannot_end() -> None:
    line = next(each for each in format_markdown(DIFFERENCES["hostile"]).splitlines() if each.startswith("- added"))
    assert line.startswith("- added ``` /opt/venv")
    assert line.count("```") == 2
