import json

import pytest

from lockml.common.errors import InputError, RequirementError
from lockml.requirements.notebook import read_notebook


def notebook(*cells: tuple[str, str]) -> bytes:
    made = [{"cell_type": kind, "source": source.splitlines(keepends=True)} for kind, source in cells]
    return json.dumps({"cells": made, "nbformat": 4}).encode()


def test_install_lines_of_code_cells_are_read() -> None:
    content = notebook(
        ("markdown", "%pip install not-this"),
        ("code", "# first\n%pip install -q 'numpy>=1' pandas==2.0.3  # both\nprint('pip install no')"),
        ("code", "!{sys.executable} -m pip install torch\n!uv pip install six\n# %pip install nor-this"),
    )
    found = read_notebook(content, "train.ipynb").requirements
    assert [f"{requirement.origin}: {requirement}" for requirement in found] == [
        "train.ipynb:2: numpy>=1",
        "train.ipynb:2: pandas==2.0.3",
        "train.ipynb:4: torch",
        "train.ipynb:5: six",
    ]


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("!pip install six && pip3.11 install -qU numpy; echo pip install done", "six numpy"),
        (
            "!apt-get install -y git || true; sudo -H pip install 'six; python_version>\"3\"'",
            'six ; python_version > "3"',
        ),
        ("!CUDA=1 python3 -m pip -q install six > /dev/null 2>&1", "six"),
        ("!pip install six numpy>=1 | tail -1", "six numpy>=1"),
        ('!"{sys.executable}" -m pip install --progress-bar off --root-user-action=ignore six', "six"),
        ("!pip install \\\n  six \\\n  numpy\nprint(1)", "six numpy"),
        ("%%bash\n# pip install not-this\npip install six\n", "six"),
        ("%timeit pip install x\n!echo a; pip uninstall -y six", ""),
    ],
)
def test_install_line_is_read_as_its_shell_reads_it(line: str, asked: str) -> None:
    found = read_notebook(notebook(("code", line)), "x.ipynb").requirements
    assert " ".join(map(str, found)) == asked


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("%pip install --target /x numpy", "option '--target' of an install line is not supported"),
        ("%pip install numpy>>1", "'numpy>>1' is not a requirement"),
        ("%pip install 'open", "cannot be read"),
    ],
)
def test_line_that_cannot_be_used_is_told(line: str, problem: str) -> None:
    with pytest.raises(RequirementError, match=problem):
        read_notebook(notebook(("code", line)), "x.ipynb")


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"cells": 1}', b'{"cells": [{}]}'])
def test_what_is_no_notebook_is_refused(content: bytes) -> None:
    with pytest.raises(InputError, match="is not a notebook"):
        read_notebook(content, "x.ipynb")


def test_options_of_install_lines_count() -> None:
    content = notebook(
        ("code", "%pip install torch -i https://gpu.example -r req.txt\n!pip install --pre six -e ./lib")
    )
    found = read_notebook(content, "a/x.ipynb", read={"a/req.txt": b"numpy"}.__getitem__)
    assert [f"{each} {each.origin}" for each in found.requirements] == [
        "torch a/x.ipynb:1",
        "numpy a/req.txt:1",
        "six a/x.ipynb:2",
    ]
    assert (found.options.index_url, found.options.prereleases) == (None, True)
    assert found.options.extra_index_urls == ("https://gpu.example",), "the other line asks the usual index"
    assert [str(each) for each in found.unnamed] == ["./lib"]


def test_index_that_all_install_lines_name_is_the_index() -> None:
    content = notebook(("code", "%pip install a --index-url=https://x.example\n%pip install b -i https://x.example"))
    asked = read_notebook(content, "x.ipynb").options
    assert (asked.index_url, asked.extra_index_urls) == ("https://x.example", ())
