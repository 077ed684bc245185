"""Stages of a Dockerfile: what each begins with, and what its instructions see."""

from collections.abc import Sequence

from lockml.docker.dockerfile.parse import parse_dockerfile
from lockml.docker.dockerfile.source import Source
from lockml.docker.dockerfile.stages import Stage, build_stages


def stages(*lines: str) -> Sequence[Stage]:
    return build_stages(parse_dockerfile(Source(name="Dockerfile", text="\n".join(lines) + "\n")))


def test_from_sees_the_args_in_front_of_it() -> None:
    (stage,) = stages("ARG V=3.11", "ARG B=python:${V}-slim", "FROM ${B} AS Final")
    assert (stage.base.value, stage.name) == ("python:3.11-slim", "final")


def test_base_is_unknown_where_only_the_build_knows_it() -> None:
    assert [each.base.value for each in stages("ARG B", "FROM $B", "FROM ${C:-debian}")] == [None, "debian"]


def test_stage_inherits_variables_and_no_arguments() -> None:
    below, above = stages(
        *("ARG V=1", "FROM a AS base", "ARG V", "ENV W=$V", "WORKDIR /x", "WORKDIR y", "USER me"),
        *("FROM base", "RUN true"),
    )
    assert below.values == {"V": "1", "W": "1"}
    assert above.base.stage == 0
    assert (above.values, above.workdir, above.user) == ({"W": "1"}, "/x/y", "me")


def test_env_hides_an_arg_of_its_name() -> None:
    (stage,) = stages("FROM a", "ENV V=env", "ARG V=arg", "RUN true")
    assert stage.values == {"V": "env"}


def test_instruction_sees_what_stands_before_it() -> None:
    (stage,) = stages("FROM a", "RUN one", "ENV A=b", "RUN two")
    assert [step.values for step in stage.steps if step.instruction.keyword == "RUN"] == [{}, {"A": "b"}]
