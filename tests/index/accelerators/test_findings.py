"""Each case that teams met gives its finding, in one sentence, and nothing more; what is right gives none."""

import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

from lockml.index.accelerators.findings import find_findings
from lockml.index.accelerators.model import Declared, Ground, Part, Stack

DOCUMENT: Final = tomllib.loads((Path(__file__).parents[3] / "fixtures" / "accelerators" / "cases.toml").read_text())


def stack_of(case: dict[str, Any]) -> Stack:
    gpu = case.get("gpu", "")
    return Stack(
        parts=tuple(part_of(text, case) for text in case["parts"]),
        locked=tuple(part_of(text, case) for text in case.get("locked", ())),
        ground=Ground(
            cuda=case.get("cuda", ""),
            requires=tuple(case.get("requires", ())),
            compat=case.get("compat", ""),
            compat_first=case.get("compat_first", False),
            tegra=case.get("tegra", ""),
        ),
        declared=Declared(accelerator=case.get("accelerator", ""), driver=case.get("driver", ""), gpu=gpu),
        system=case.get("system", "linux"),
        machine=case.get("machine", "x86_64"),
    )


def part_of(text: str, case: dict[str, Any]) -> Part:
    name, _, version = text.partition("==")
    needs = case.get("needs", {})
    return Part(
        name=name,
        version=version,
        needs=(needs[name],) if name in needs else (),
        plain=name not in case.get("unplain", ()),
    )


@pytest.mark.parametrize("case", DOCUMENT["case"], ids=lambda case: case["id"])
def test_case_gives_its_verdict_in_one_sentence(case: dict[str, Any]) -> None:
    found = find_findings(stack_of(case))
    assert [(each.rule, each.refuses) for each in found] == [(case["rule"], case["verdict"] == "refuse")], found
    assert [words for words in case["says"] if words not in found[0].sentence] == [], found[0].sentence


@pytest.mark.parametrize("case", DOCUMENT["fine"], ids=lambda case: case["id"])
def test_right_combination_is_silent(case: dict[str, Any]) -> None:
    assert find_findings(stack_of(case)) == ()
