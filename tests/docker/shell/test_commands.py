"""The commands of a script, through control flow, quotes and what starts others."""

import pytest

from lockml.docker.dockerfile.parse import parse_dockerfile
from lockml.docker.dockerfile.source import MappedText, Source
from lockml.docker.dockerfile.stages import build_stages
from lockml.docker.shell.commands import commands_of
from lockml.docker.shell.scripts import run_commands


def told(script: str, **values: str | None) -> list[str]:
    return [" ".join(word.text for word in each.words) for each in commands_of(MappedText(text=script), values, "/")]


def of_run(text: str) -> list[str]:
    (stage,) = build_stages(parse_dockerfile(Source(name="Dockerfile", text=f"FROM a\n{text}")))
    return [
        " ".join(word.text for word in command.words)
        for step in stage.steps
        if step.instruction.keyword == "RUN"
        for command in run_commands(step)
    ]


@pytest.mark.parametrize(
    ("script", "commands"),
    [
        ("a && b || c; d | e & f", ["a", "b", "c", "d", "e", "f"]),
        ("if a; then b; elif c; then d; else e; fi", ["a", "b", "c", "d", "e"]),
        ("while a; do b; done; until c; do d; done", ["a", "b", "c", "d"]),
        ("for x in 1 2; do a $x; done", ["a 1 2"]),
        ("case $x in 1|2) a;; *) b ;; esac; c", ["a", "b", "c"]),
        ("(a; { b; }) && ! c", ["a", "b", "c"]),
        ("f() { a; }; function g { b; }; f", ["a", "b", "f"]),
        ("a > out 2>&1 < in && b &> log", ["a", "b"]),
        ("a numpy>=1", ["a numpy"]),
        ("a 'b c' \"d  e\" f\\ g", ["a b c d  e f g"]),
        ("a # b && c\nd", ["a", "d"]),
        ("a \\\n  b", ["a b"]),
        ('x=1 && a $x ${x} "$x"', ["a 1 1 1"]),
        ("x='1 2' && a $x", ["a 1 2"]),
        ("export x=1; a $x", ["export x=1", "a 1"]),
        ("a $(b c) `d`", ["b c", "d", "a $(b c) `d`"]),
        ("a $((1 << 2)) && b", ["a $((1 << 2))", "b"]),
        ("bash -c 'a && b'", ["bash -c a && b", "a", "b"]),
        ('bash -euxo pipefail -c "a $x"', ["bash -euxo pipefail -c a $x", "a $x"]),
        ("eval 'a; b'", ["eval a; b", "a", "b"]),
        ("cat <<E | sh\na\nE\nb", ["cat", "sh", "b"]),
        ("bash -ex <<'E'\na\nE\nb", ["bash -ex", "a", "b"]),
        ("sudo -H -u me env A=b a", ["a"]),
        ("timeout 60 nice -n 5 a b", ["a b"]),
        ("cat f | xargs -n 1 a", ["cat f", "a $(xargs)"]),
        ("conda run -n x --no-capture-output a b", ["a b"]),
        ("uv run --with y a b", ["a b"]),
        ("[[ -f x && ! -f y ]] && a", ["[[ -f x", "-f y ]]", "a"]),
    ],
)
def test_script_has_commands(script: str, commands: list[str]) -> None:
    assert told(script) == commands


def test_variable_that_is_not_known_stands_as_it_is() -> None:
    (command,) = commands_of(MappedText(text="a ${X}b"), {"X": None}, "/")
    assert (command.words[1].text, command.words[1].known) == ("${X}b", False)


def test_unquoted_value_makes_several_words() -> None:
    assert told('a $P "$P"', P="x y") == ["a x y x y"]
    (command,) = commands_of(MappedText(text='a $P "$P"'), {"P": "x y"}, "/")
    assert [word.text for word in command.words] == ["a", "x", "y", "x y"]


def test_prefix_is_a_variable_of_its_command_alone() -> None:
    first, second = commands_of(MappedText(text="A=b one; two"), {}, "/")
    assert (first.variables, second.variables) == ({"A": "b"}, {})


def test_folder_is_that_of_cd_and_ends_with_its_subshell() -> None:
    commands = commands_of(MappedText(text="(cd x && a) && b && cd /y && c"), {}, "/w")
    assert [(each.words[0].text, each.workdir) for each in commands] == [
        ("cd", "/w"),
        ("a", "/w/x"),
        ("b", "/w"),
        ("cd", "/w"),
        ("c", "/y"),
    ]


def test_scripts_within_scripts_end() -> None:
    script = "a"
    for _ in range(40):
        script = f"bash -c {script!r}" if "'" not in script else f'$(echo "{script}")'
    assert told(script)


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ('RUN ["pip", "install", "a"]\n', ["pip install a"]),
        ('RUN ["/bin/sh", "-c", "a && b"]\n', ["/bin/sh -c a && b", "a", "b"]),
        ("RUN <<EOF\na\nb\nEOF\n", ["a", "b"]),
        ("RUN <<EOF\n#!/usr/bin/env python3\na\nEOF\n", []),
        ("RUN <<EOF\n#!/usr/bin/env bash\na\nEOF\n", ["a"]),
        ("RUN python3 <<EOF && b\na\nEOF\n", ["python3", "b"]),
        ("RUN bash <<EOF\na\nEOF\n", ["bash", "a"]),
        ('SHELL ["powershell", "-Command"]\nRUN a\n', []),
        ('SHELL ["/bin/bash", "-o", "pipefail", "-c"]\nRUN a\n', ["a"]),
    ],
)
def test_run_has_commands(text: str, commands: list[str]) -> None:
    assert of_run(text) == commands
