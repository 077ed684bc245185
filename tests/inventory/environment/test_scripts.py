"""Scripts that installers write for entry points, and first lines that lead to a Python (PyPA's entry points)."""

import hashlib

import pytest

from lockml.inventory.environment.scripts import entry_points, interpreter_of, is_generated, originals
from tests.drift.checks import check, found, notes, start
from tests.drift.subjects import WHEELS, in_order, make_lock
from tests.made.trees import ELF_X86_64, SITE, MemoryTree
from tests.made.wheels import generated_script, installed_files, make_wheel, wheel_name

POINT = "model:main"
SCRIPT = "/opt/venv/bin/model-cli"
PYTHON = b"#!/opt/venv/bin/python3\n"
BODIES = {
    "pip": b"# -*- coding: utf-8 -*-\nimport re\nimport sys\nfrom model import main\nif __name__ == '__main__':\n"
    b"    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])\n    sys.exit(main())\n",
    "pip 25": b"import sys\nfrom model import main\nif __name__ == '__main__':\n"
    b"    sys.argv[0] = sys.argv[0].removesuffix('.exe')\n    sys.exit(main())\n",
    "uv": b'# -*- coding: utf-8 -*-\nimport sys\nfrom model import main\nif __name__ == "__main__":\n'
    b'    if sys.argv[0].endswith("-script.pyw"):\n        sys.argv[0] = sys.argv[0][:-11]\n'
    b'    elif sys.argv[0].endswith(".exe"):\n        sys.argv[0] = sys.argv[0][:-4]\n    sys.exit(main())\n',
    "installer": b"# -*- coding: utf-8 -*-\nimport re\nimport sys\nfrom model import main\n"
    b'if __name__ == "__main__":\n    sys.argv[0] = re.sub(r"(-script\\.pyw|\\.exe)?$", "", sys.argv[0])\n'
    b"    sys.exit(main())\n",
    "CRLF": b"import sys\r\nfrom model import main\r\nif __name__ == '__main__':\r\n    sys.exit(main())\r\n",
}
BODY = BODIES["pip 25"]


@pytest.mark.parametrize("installer", BODIES)
def test_script_of_every_installer_is_generated(installer: str) -> None:
    assert is_generated(PYTHON + BODIES[installer], POINT)


@pytest.mark.parametrize(
    "changed",
    [
        BODY + b"evil()\n",
        b"import evil\n" + BODY,
        BODY.replace(b"import sys\n", b"import sys, evil\n"),
        BODY.replace(b"import sys\n", b"import sys; import evil\n"),
        BODY.replace(b"from model", b"from evil"),
        BODY.replace(b"from model import main", b"from model import main as evil, main"),
        BODY.replace(b"sys.exit(main())", b"sys.exit(evil())"),
        BODY.replace(b"    sys.exit(main())\n", b""),
        BODY.replace(b"'__main__'", b"'__evil__'"),
        BODY.replace(b"'.exe'", b"'.exe' + evil()"),
        BODY.replace(b"\n", b"\x0cimport evil\n", 1),
        BODY + b"\x00",
        BODY + b"# coding: evil\n",
        BODY + "\u2028import evil\n".encode(),
        b"# -*- coding: utf-7 -*-\n" + BODY,
        b"",
    ],
)
def test_script_that_does_more_is_not_generated(changed: bytes) -> None:
    assert not is_generated(PYTHON + changed, POINT)


def test_script_without_a_first_line_is_not_generated() -> None:
    assert not is_generated(BODY, POINT)


def test_attribute_of_an_attribute_is_called() -> None:
    body = BODY.replace(b"sys.exit(main())", b"sys.exit(main.run())")
    assert is_generated(PYTHON + body, "model:main.run")
    assert not is_generated(PYTHON + body, "model:main.other")


PEX = (
    b"import importlib\nimport sys\nentry_point = importlib.import_module('model')\nfor attr in ('main',):\n"
    b"    entry_point = getattr(entry_point, attr)\nif __name__ == '__main__':\n    sys.exit(entry_point())\n"
)


def test_script_of_pex_is_generated() -> None:
    assert is_generated(PYTHON + PEX, POINT)
    assert not is_generated(PYTHON + PEX.replace(b"'main'", b"'evil'"), POINT)


TRAMPOLINES = {
    "pip, a long line": b"#!/bin/sh\n'''exec' /opt/venv/bin/python3 \"$0\" \"$@\"\n' '''\n",
    "pip, a space": b"#!/bin/sh\n'''exec' \"/opt/venv/bin/python3\" \"$0\" \"$@\"\n' '''\n",
    "uv": b"#!/bin/sh\n'''exec' '/opt/venv/bin/python3' \"$0\" \"$@\"\n' '''\n",
    "pipx": b"#!/bin/sh\n'''exec' /opt/venv/bin/python3 -sE \"$0\" \"$@\"\n' '''\n",
    "relocatable": b"#!/bin/sh\n'''exec' \"$(dirname -- \"$(realpath -- \"$0\")\")\"/'python3' \"$0\" \"$@\"\n' '''\n",
}


@pytest.mark.parametrize("kind", TRAMPOLINES)
def test_trampoline_leads_to_its_python(kind: str) -> None:
    assert interpreter_of(TRAMPOLINES[kind] + BODY, "/opt/venv/bin") == "/opt/venv/bin/python3"
    assert is_generated(TRAMPOLINES[kind] + BODY, POINT)


@pytest.mark.parametrize("kind", TRAMPOLINES)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"'''exec'", b"'''exec' /srv/evil;"),
        (b'"$0" "$@"', b'"/srv/evil.py" "$@"'),
        (b"#!/bin/sh\n", b"#!/bin/sh\n/srv/evil\n"),
        (b"#!/bin/sh\n", b"#!/bin/sh -c evil\n"),
        (b"' '''\n", b"' '''\nevil()\n"),
        (b'"$@"\n', b'"$@"; /srv/evil\n'),
    ],
)
def test_changed_trampoline_is_not_generated(kind: str, old: bytes, new: bytes) -> None:
    content = TRAMPOLINES[kind].replace(old, new) + BODY
    assert interpreter_of(content, "/opt/venv/bin") != "/opt/venv/bin/python3" or not is_generated(content, POINT)


@pytest.mark.parametrize(
    ("first", "program"),
    [
        (b"#!/opt/venv/bin/python3\n", "/opt/venv/bin/python3"),
        (b"#!/opt/venv/bin/python3 -E\n", "/opt/venv/bin/python3"),
        (b"#!/opt/venv/bin/python3 -sE\r\n", "/opt/venv/bin/python3"),
        (b"#!/opt/venv/bin/python3 -I\n", "/opt/venv/bin/python3"),
        (b"#!/usr/bin/env python3\n", "python3"),
        (b"#!/usr/bin/env python3.11\n", "python3.11"),
        (b"#!/opt/venv/bin/python3 -c evil\n", None),
        (b"#!/opt/venv/bin/python3 -m evil\n", None),
        (b"#!/opt/venv/bin/python3 -W error::evil.X\n", None),
        (b"#!/opt/venv/bin/python3 -X importtime\n", None),
        (b"#!/opt/venv/bin/python3 /srv/evil.py\n", None),
        (b"#!/opt/venv/bin/python3 -i\n", None),
        (b"#!/usr/bin/env -S python3 -c evil\n", None),
        (b"#!/usr/bin/env A=1 python3\n", None),
        (b"#! /opt/venv/bin/python3\n", None),
        (b"#!/opt/venv/bin/python3", None),
        (b"", None),
    ],
)
def test_first_line_leads_to_a_program_unless_its_options_do_more(first: bytes, program: str | None) -> None:
    assert interpreter_of(first + BODY if first.endswith(b"\n") else first, "/opt/venv/bin") == program


def test_entry_points_of_both_kinds_of_scripts_are_read() -> None:
    """PyPA's entry points specification."""
    text = b"[other]\nx = a:b\n[console_scripts]\n one = a:b.c [extra]\n# two = a:b\n[gui_scripts]\nthree=d : e\n"
    assert entry_points(text) == {"one": "a:b.c", "three": "d : e"}


@pytest.mark.parametrize("first", [b"#!python\n", b"#!pythonw\n", b"#!python\r\n"])
def test_first_line_that_the_wheel_had_is_tried(first: bytes) -> None:
    digest = hashlib.sha256(first + b"import sys\n").digest()
    assert digest in set(originals(b"#!/opt/venv/bin/python3\nimport sys\n", "sha256"))


def test_first_line_of_a_trampoline_is_taken_for_one() -> None:
    digest = hashlib.sha256(b"#!python\nimport sys\n").digest()
    for trampoline in TRAMPOLINES.values():
        assert digest in set(originals(trampoline + b"import sys\n", "sha256"))


@pytest.mark.parametrize(
    "first",
    [
        *TRAMPOLINES.values(),
        b"#!/opt/venv/bin/python\n",
        b"#!/opt/venv/bin/python3.11\n",
        b"#!/opt/venv/bin/python3 -E\n",
        b"#!/usr/bin/env python3\n",
    ],
)
def test_generated_script_of_the_environment_s_python_is_in_order(first: bytes) -> None:
    assert found(check({**in_order(), SCRIPT: first + BODY})) == []


@pytest.mark.parametrize(
    "first",
    [
        b"#!/srv/py/bin/python3\n",
        b"#!/opt/venv/bin/../../../srv/py/bin/python3\n",
        b"#!/opt/venv/bin/evil\n",
        b"#!/bin/sh\n'''exec' /srv/py/bin/python3 \"$0\" \"$@\"\n' '''\n",
        b"#!/opt/venv/bin/python3 -c evil\n",
        b"#!/usr/bin/env evil\n",
    ],
)
def test_generated_script_of_another_program_is_drift(first: bytes) -> None:
    files = {**in_order(), SCRIPT: first + BODY, "/srv/py/bin/python3": ELF_X86_64, "/opt/venv/bin/evil": b""}
    assert ("modified", SCRIPT) in found(check(files))


def test_generated_script_by_a_link_to_the_environment_is_in_order() -> None:
    tree = MemoryTree({**in_order(), SCRIPT: generated_script("model", "/srv/current/bin/python3")})
    linked = MemoryTree(
        {**in_order(), SCRIPT: generated_script("model", "/srv/current/bin/python3")},
        links={"/srv/current": "/opt/venv"},
    )
    assert found(check(linked)) == []
    assert found(check(tree)) == []  # a note: its interpreter is not there


def test_script_that_is_started_by_the_path_is_in_order() -> None:
    files = {**in_order(), SCRIPT: generated_script("model", "/usr/bin/env python3")}
    assert found(check(files, start(SCRIPT))) == []


def test_script_that_is_not_there_is_removed() -> None:
    files = {path: content for path, content in in_order().items() if path != SCRIPT}
    assert found(check(files)) == [("removed-file", SCRIPT)]


def test_scripts_of_a_project_that_has_none_at_all_are_a_note() -> None:
    """Images copy library folders alone; the scripts of entry points are the installer's, and of no wheel."""
    wheel = make_wheel(
        "tool", "1.0", files={"tool-1.0.dist-info/entry_points.txt": b"[console_scripts]\ntool = tool:main\n"}
    )
    files = {**in_order(), **installed_files(wheel, SITE, entry_points=("tool",))}
    lock = make_lock({**WHEELS, wheel_name("tool", "1.0"): wheel})
    without = {path: content for path, content in files.items() if path != "/opt/venv/bin/tool"}
    report = check(without, lock=lock)
    assert found(report) == []
    assert "1 entry point script is missing" in notes(report)
    since = MemoryTree(without, image={"/opt/venv/bin/tool": b"#!"})
    assert found(check(since, lock=lock)) == [("removed-file", "/opt/venv/bin/tool")]


@pytest.mark.parametrize("options", [b"", b" -u", b" -E", b" -Es", b" -sE", b" -u -B"])
def test_options_that_installers_drop_from_a_first_line_are_known(options: bytes) -> None:
    """As of dulwich, whose scripts begin with ``#!python -u``: pip and uv leave the options out."""
    before = hashlib.sha256(b"#!python" + options + b"\nimport sys\n").digest()
    assert before in set(originals(b"#!/opt/venv/bin/python\nimport sys\n", "sha256"))
    assert before not in set(originals(b"#!/opt/venv/bin/python\nimport evil\n", "sha256"))
