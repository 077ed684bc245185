"""Tables of locks, and the cells that they stand for, in order."""

import tomllib
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockml.cli.compile.locks.matrix import expand
from lockml.cli.compile.locks.model import Cell
from lockml.cli.compile.locks.order import arrange, with_needed
from lockml.cli.compile.locks.parse import parse_lock_tables
from lockml.common.errors import InputError

OPTIONS = frozenset(
    {
        *("lock", "output", "python", "platform", "libc", "target", "index", "accelerator", "group", "extra"),
        *("constraint", "override", "prefer", "on", "subset-of", "relax", "all", "only", "check", "resolution"),
    }
)


def cells_of(text: str) -> tuple[Cell, ...]:
    value: Any = tomllib.loads(text).get("lock", [])
    return arrange(expand(parse_lock_tables(value, "lockml.toml", OPTIONS), OPTIONS))


def by_name(text: str) -> dict[str, Cell]:
    return {cell.name: cell for cell in cells_of(text)}


def refused(text: str) -> str:
    with pytest.raises(InputError) as caught:
        cells_of(text)
    return f"{caught.value} [{caught.value.hint}]"


BASE = """
[[lock]]
name = "base"
files = ["base.in"]
matrix.python = ["3.11", "3.12"]
matrix.accelerator = ["cpu", "cu128"]
"""
TEST = '\n[[lock]]\nname = "test"\nfiles = ["test.in"]\n'


def test_table_without_a_matrix_is_one_lock() -> None:
    (cell,) = cells_of('[[lock]]\nname = "train"\nextra = ["gpu"]\n')
    assert cell.options == {"lock": "pylock.train.toml", "output": "requirements-train.txt", "extra": ["gpu"]}


def test_axis_called_like_an_option_gives_it_its_values() -> None:
    cells = by_name(BASE)
    assert list(cells) == ["base-3.11-cpu", "base-3.11-cu128", "base-3.12-cpu", "base-3.12-cu128"]
    assert cells["base-3.12-cpu"].options == {
        "files": ["base.in"],
        "python": "3.12",
        "accelerator": "cpu",
        "lock": "pylock.base-312-cpu.toml",
        "output": "requirements-base-3.12-cpu.txt",
    }


def test_values_stand_in_every_text_and_in_paths_as_in_names() -> None:
    text = """
    [[lock]]
    name = "{variant}-{platform}"
    files = ["{variant}.in"]
    lock = "locks/{platform}/pylock.{variant}.toml"
    output = "locks/{platform}/{variant}-{target}.txt"
    constraint = ["for/{platform}.txt"]
    index = ["all=https://all.example/"]
    matrix.platform = ["linux/amd64"]
    matrix.variant = [{name = "gpu", index = ["{variant}=https://gpu.example/"], accelerator = "cu128"}]
    """
    (cell,) = cells_of(text)
    assert cell.name == "gpu-linux-amd64"
    assert cell.options == {
        "files": ["gpu.in"],
        "lock": "locks/linux-amd64/pylock.gpu.toml",
        "output": "locks/linux-amd64/gpu-{target}.txt",
        "constraint": ["for/linux/amd64.txt"],
        "index": ["all=https://all.example/", "gpu=https://gpu.example/"],
        "accelerator": "cu128",
        "platform": "linux/amd64",
    }


def test_lock_on_a_table_has_its_matrix_and_stands_on_the_cell_of_the_same_values() -> None:
    cells = by_name(TEST + 'on = "base"\n' + BASE)
    assert [*cells][:2] == ["base-3.11-cpu", "test-3.11-cpu"]
    test = cells["test-3.12-cu128"]
    assert (test.options["on"], test.needs) == (["pylock.base-312-cu128.toml"], ("base-3.12-cu128",))
    assert (test.options["python"], test.options["accelerator"]) == ("3.12", "cu128")


def test_skipped_cells_are_left_out_of_the_locks_that_stand_on_them_too() -> None:
    cells = by_name(BASE + 'skip = [{python = "3.11", accelerator = "cu128"}]\n' + TEST + 'on = "base"\n')
    assert len(cells) == 6
    assert not any(name.endswith("3.11-cu128") for name in cells)


def test_more_axes_than_the_base_has_share_it() -> None:
    more = 'on = "base"\nmatrix.python = ["3.11"]\nmatrix.accelerator = ["cpu"]\nmatrix.group = ["dev", "docs"]\n'
    cells = by_name(BASE + TEST + more)
    assert cells["test-3.11-cpu-dev"].needs == cells["test-3.11-cpu-docs"].needs == ("base-3.11-cpu",)


def test_cell_or_file_may_be_the_base_and_brings_no_matrix() -> None:
    cells = by_name(BASE + TEST + 'on = ["base-3.11-cpu", "../other/pylock.toml"]\n')
    assert cells["test"].options["on"] == ["pylock.base-311-cpu.toml", "../other/pylock.toml"]
    assert cells["test"].needs == ("base-3.11-cpu",)


def test_lock_that_reads_what_another_writes_comes_after_it() -> None:
    text = '[[lock]]\nname = "b"\nconstraint = ["./requirements-a.txt"]\n[[lock]]\nname = "a"\n'
    assert [cell.name for cell in cells_of(text)] == ["a", "b"]


def test_selected_cells_bring_what_they_need_and_nothing_else() -> None:
    cells = cells_of(BASE + TEST + 'on = "base"\n')
    assert [cell.name for cell in with_needed(cells, {"test-3.12-cpu"})] == ["base-3.12-cpu", "test-3.12-cpu"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[lock]\noutput = "a"\n', "for the options of `lockml lock`"),
        ("lock = 3\n", "'lock' is not a list of tables"),
        ("[[lock]]\nfiles = []\n", "lockml.toml: [[lock]] number 1: has no name"),
        ('[[lock]]\nname = "a/b"\n', "name 'a/b': is not a valid name"),
        ('[[lock]]\nname = "a"\npyhton = "3.11"\n', "lock 'a': pyhton: is unknown [did you mean 'python'?]"),
        ('[[lock]]\nname = "a"\ncheck = true\n', "lock 'a': check: is unknown [use --check on the command line]"),
        ('[[lock]]\nname = "a"\n[[lock]]\nname = "a"\n', "is used twice"),
        ('[[lock]]\nname = "a"\nmatrix.python = "3.11"\n', "matrix.python: is not a list of values"),
        ('[[lock]]\nname = "a"\nmatrix.python = []\n', "matrix.python: is not a list of values"),
        ('[[lock]]\nname = "a"\nmatrix.python = [3.11]\n', "has 3.11, which is neither a string nor a table"),
        ('[[lock]]\nname = "a"\nmatrix.python = ["3.11", "3.11"]\n', "has '3.11' twice"),
        ('[[lock]]\nname = "a"\nmatrix.target = ["x"]\n', "is not a valid axis name"),
        ('[[lock]]\nname = "a"\nmatrix.flavour = ["x"]\n', "matrix.flavour: is unused: 'x' changes no option"),
        ('[[lock]]\nname = "a"\nfiles = ["{flavour}.in"]\n', "files: has {flavour}, but there is no such axis"),
        (
            '[[lock]]\nname = "a"\npython = "3.1"\nmatrix.v = [{name = "x", python = "3"}]\n',
            "sets 'python', which is",
        ),
        ('[[lock]]\nname = "a"\nskip = [{python = "3.11"}]\n', "skip: names the axis 'python', which its matrix"),
        ('[[lock]]\nname = "a"\non = "b"\nsubset-of = "c"\n', "subset-of: cannot be used with on"),
        ('[[lock]]\nname = "a"\nsubset-of = []\n', "subset-of: does not name a lock"),
        ('[[lock]]\nname = "a"\nsubset-of = ["b", "c"]\n', "subset-of: does not name a lock"),
        ('[[lock]]\nname = "a"\nmatrix.v = [{name = "x", subset-of = []}]\n', "subset-of: does not name a lock"),
        ('[[lock]]\nname = "a"\non = "b"\nmatrix.v = [{name = "x", subset-of = "c"}]\n', "cannot be used with on"),
        ('[[lock]]\nname = "a"\nmatrix.v = [{name = "x", check = true}]\n', "lock 'a': matrix.v: check: is unknown"),
        ('[[lock]]\nname = "a"\nmatrix.v = [{name = "x", extar = "y"}]\n', "is unknown [did you mean 'extra'?]"),
        ('[[lock]]\nname = "a"\nmatrix.only = ["x"]\n', "matrix.only: is not a valid axis name"),
        ('[[lock]]\nname = "a"\nskip = [{v = ["x"]}]\nmatrix.v = ["x"]\n', "skip: names ['x'], which the axis 'v'"),
        ('[[lock]]\nname = "a"\non = "gone"\n', "on: names 'gone', but there is no such lock [there are a;"),
        ('[[lock]]\nname = "a"\non = "a"\n', "based on each other in a circle: a -> a"),
        (
            '[[lock]]\nname = "a"\non = "b"\n[[lock]]\nname = "b"\non = "c"\n[[lock]]\nname = "c"\non = "a"\n',
            "in a circle: a -> b -> c -> a",
        ),
        (
            BASE + TEST + 'on = "base"\nmatrix.python = ["3.11"]\n',
            "'base' means 2 locks for python 3.11: base-3.11-cpu,",
        ),
        (BASE + TEST + 'on = "base"\nmatrix.python = ["3.9"]\n', "'base' has no lock for python 3.9"),
        (
            '[[lock]]\nname = "a"\nlock = "x"\n[[lock]]\nname = "b"\nlock = "X"\n',
            "'b' and 'a' would both write 'X'",
        ),
        (
            '[[lock]]\nname = "a"\nlock = "\u00e9"\n[[lock]]\nname = "b"\nlock = "d/../e\u0301"\n',
            "'b' and 'a' would both write",
        ),
        ('[[lock]]\nname = "a"\nlock = "x"\noutput = "./x"\n', "'a' and 'a' would both write"),
        ('[[lock]]\nname = "a"\n[[lock]]\nname = "a-build"\n', "would both write 'requirements-a-build.txt'"),
        ('[[lock]]\nname = "a"\n[[lock]]\nname = "A"\n', "two locks have the name 'A', the other from 'a'"),
        ('[[lock]]\nname = "a"\nlock = "../x"\n', "lock: '../x' is outside the folder of the configuration"),
        ('[[lock]]\nname = "a"\nlock = "a/../../x"\n', "is outside the folder"),
        ('[[lock]]\nname = "a"\noutput = "/etc/x"\n', "output: '/etc/x' is outside the folder"),
        ('[[lock]]\nname = "a"\noutput = "~/x"\n', "is outside the folder"),
        ('[[lock]]\nname = "a"\noutput = "-"\n', "output: '-' is not a file name"),
        ('[[lock]]\nname = "{python}"\nmatrix.python = ["\\u202e"]\n', "makes '\\u202e', which is not a valid name"),
    ],
)
def test_table_that_cannot_be_meant_is_refused_with_its_place(text: str, told: str) -> None:
    assert told in refused(text)


def test_matrix_of_ten_thousand_is_refused_before_it_is_made() -> None:
    values = ", ".join(f'"{number}"' for number in range(100))
    text = f'[[lock]]\nname = "a"\nmatrix.python = [{values}]\nmatrix.group = [{values}]\nmatrix.extra = [{values}]\n'
    assert "lock 'a': matrix: makes too many locks: 1,000,000 in total, more than 1,000" in refused(text)


@pytest.mark.slow
def test_thousand_locks_that_stand_on_each_other_are_put_in_order() -> None:
    text = "".join(f'[[lock]]\nname = "l{number}"\non = "l{number + 1}"\n' for number in range(999))
    assert [cell.name for cell in cells_of(text + '[[lock]]\nname = "l999"\n')] == [f"l{999 - n}" for n in range(1000)]


@pytest.mark.slow
@given(st.lists(st.sets(st.integers(0, 9)), min_size=10, max_size=10))
def test_nothing_comes_before_what_it_needs_or_there_is_a_circle(needs: list[set[int]]) -> None:
    tables = [
        {"name": f"l{number}", "on": [f"l{each}" for each in sorted(needed)]} for number, needed in enumerate(needs)
    ]
    parsed = parse_lock_tables(tables, "lockml.toml", OPTIONS)
    try:
        names = [cell.name for cell in arrange(expand(parsed, OPTIONS))]
    except InputError as error:
        links = error.problem.rpartition(": ")[2].split(" -> ")
        assert links[0] == links[-1]
        assert all(int(other[1:]) in needs[int(one[1:])] for one, other in pairwise(links))
        return
    assert sorted(names) == sorted(f"l{number}" for number in range(10))
    assert all(names.index(f"l{each}") < names.index(f"l{number}") for number in range(10) for each in needs[number])
