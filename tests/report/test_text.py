import re

from lockml.drift.compare import compare
from lockml.inventory.pip_freeze import parse_frozen
from lockml.report.text import format_text
from tests.drift.subjects import in_order, make_lock, report_on, without
from tests.made.trees import SITE
from tests.made.wheels import installed_files, make_wheel


def test_report_in_order_says_how_far_the_proof_goes() -> None:
    assert format_text([report_on(in_order())]) == (
        "container trainer: matches pylock.toml\n"
        "\n"
        "Checked /opt/venv: Python 3.11.2 on x86_64, glibc-2.36\n"
        "  base image not compared: the lock names none\n"
        "  names      2 of 2 locked packages are installed at their locked version\n"
        "  artifacts  RECORD matches the lock (2), 0 of them verified\n"
        "Not counted as drift:\n"
        "  pip 99.0: not locked; base images and virtual environments include it, and this release of lockml "
        "does not know the version\n"
        "Limits of this check, not counted as drift (see --strict):\n"
        "  unlocked-tools: 1 unlocked tool at a version that this release of lockml does not know (pip 99.0)\n"
    )


def test_level_that_was_not_asked_for_is_not_claimed() -> None:
    assert "artifacts" not in format_text([report_on(in_order(), level="names")])


def test_drift_is_told_with_place_and_remedy() -> None:
    text = format_text([report_on({**in_order(), **installed_files(make_wheel("six", "1.0"), SITE)})])
    assert text.startswith(
        "container trainer: drift from pylock.toml: recreate the container from its image; if the image has the drift "
        "too, rebuild it without the unlocked packages and files\n"
        "1 difference: 1 unexpected\n"
        "\n"
        "  unexpected six: not locked, found 1.0\n"
        "    no locked package requires it\n"
        f"    at     {SITE}/six-1.0.dist-info\n"
        "    by     written 2023-11-14 22:13 UTC\n"
        "    fix    recreate the container from its image, or run `docker exec trainer /opt/venv/bin/python3 -m pip "
        "uninstall -y six`; if the image has the drift too, rebuild it without it; or add six to the inputs and "
        "compile again\n"
        "    accept [[tool.lockml.ignore]]  # in pyproject.toml; use [[ignore]] in lockml.toml\n"
        '           kind = "unexpected"\n'
        '           name = "six"\n'
        '           reason = "…"\n'
        "\n"
    )


def test_incomplete_report_is_never_in_order() -> None:
    text = format_text([report_on(without(in_order(), "numpy-1.26.4.dist-info/RECORD"))])
    assert text.startswith("container trainer: check incomplete: cannot confirm a match\n\nCould not be checked:\n")
    assert f"  {SITE}/numpy-1.26.4.dist-info: it has no RECORD\n" in text


def test_foreign_text_cannot_forge_a_line() -> None:
    files = in_order()
    evil = b"Metadata-Version: 2.1\nName: six\nVersion: 1.0\x1b[2K\rcontainer trainer: in order\xe2\x80\xae\n"
    files[f"{SITE}/six-1.0.dist-info/METADATA"] = evil
    text = format_text([report_on(files)])
    assert "\x1b" not in text
    assert "\r" not in text
    assert "\u202e" not in text
    assert "1.0\\x1b[2K\\rcontainer trainer: in order\\u202e" in text


def test_colours_are_added_only_when_asked_for() -> None:
    report = report_on(in_order())
    coloured = format_text([report], colour=True)
    assert "\x1b[32;1m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == format_text([report])


def test_drift_of_the_locked_version_does_not_contradict_itself() -> None:
    files = {**without(in_order(), "numpy"), **installed_files(make_wheel("numpy", "1.26.4"), SITE)}
    assert "  artifact numpy: locked 1.26.4, found 1.26.4 with different bytes\n" in format_text([report_on(files)])
    text = format_text([report_on(without(in_order(), "numpy/core.so"), level="files")])
    assert "  removed-file numpy: locked 1.26.4, file missing\n    a file that it installs is missing\n" in text


def test_list_of_packages_is_not_called_a_python() -> None:
    frozen = parse_frozen(b"model==1.0\nnumpy==1.26.4\n", "freeze.txt")
    text = format_text([compare(make_lock(), frozen, level="names", file="pylock.toml")])
    assert (
        "Checked freeze.txt: a list of packages, compared with the lock's target Python 3.11 on linux/amd64\n" in text
    )
    assert "unknown" not in text
