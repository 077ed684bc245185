import ast
from collections import Counter
from pathlib import Path

import pytest

from lockml.cli.compile.command import command
from lockml.cli.compile.options import CompileOptions, compile_options

PACKAGE = Path(__file__).parents[3] / "lockml" / "cli"
GROUPS = {
    *("InputOptions", "TargetOptions", "IndexOptions", "PolicyOptions", "OutputOptions"),
    *("BaseOptions", "SelectionOptions"),
}


def options_of(*arguments: str) -> CompileOptions:
    """Return the options of a command line."""
    with command.make_context("compile", list(arguments), help_option_names=["-h", "--help"]) as context:
        return compile_options(context.params)


def test_every_option_of_compile_is_in_one_group() -> None:
    given = options_of()
    groups = (given.inputs, given.target, given.indexes, given.policy, given.output, given.bases, given.selection)
    fields = Counter(field for group in groups for field in group._fields)
    assert fields == Counter(parameter.name for parameter in command.params if parameter.expose_value)


def test_option_is_in_its_group_as_given() -> None:
    options = options_of("a.in", "--index", "gpu=https://gpu.example/simple", "--libc", "musl-1.2", "-U", "--check")
    assert options.inputs.files == ("a.in",)
    assert options.indexes.named_index == ("gpu=https://gpu.example/simple",)
    assert options.target.libc == "musl-1.2"
    assert options.policy.upgrade
    assert options.output.check


def test_options_that_decide_nothing_of_a_result_that_holds_are_left_out_of_its_key() -> None:
    plain = options_of("a.in").decisive
    assert options_of("a.in", "--check", "--offline", "-U", "-P", "six", "--prefer", "uv.lock").decisive == plain
    assert options_of("a.in", "--pre").decisive != plain


@pytest.mark.slow
def test_no_function_takes_two_groups_and_only_those_that_run_a_compile_take_all() -> None:
    takers: list[str] = []
    for module in PACKAGE.rglob("*.py"):
        for function in ast.walk(ast.parse(module.read_text())):
            if isinstance(function, ast.FunctionDef):
                taken = [ast.unparse(each.annotation) for each in function.args.args if each.annotation is not None]
                assert len([each for each in taken if each in GROUPS]) <= 1, (module.name, function.name)
                takers += [function.name for each in taken if each == "CompileOptions"]
    assert sorted(takers) == [
        "_bases",
        "_compile_in_brief",
        "_existing_lock",
        "_find_lock",
        "_idle_notes",
        "_inputs",
        "_run",
        "_with_indexes",
        "adopt",
        "adopt_words",
        "command_words",
        "compile_files",
        "lock_inputs",
        "run_compile",
    ]
