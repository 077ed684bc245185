"""Whatever stands in the files, linting ends, and fixing makes nothing worse."""

from contextlib import suppress
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockml.common.errors import InputError
from lockml.docker.analysis import Analysis
from lockml.docker.compose import lint_compose
from lockml.docker.dockerfile.parse import parse_dockerfile
from lockml.docker.dockerfile.source import Source, decode
from lockml.docker.fix import fix_dockerfile
from lockml.docker.formats.machine import format_github, format_json, format_sarif
from lockml.docker.formats.text import format_text
from lockml.docker.history.alignment import align, instruction_at
from lockml.docker.history.blame import Blamer, LayeredDrift
from lockml.docker.lint import Settings, find_all, lint_dockerfile
from lockml.drift.model import DriftKind
from lockml.inventory.model import HistoryStep
from tests.docker.projects import EMPTY, project

PIECES = st.sampled_from(
    [
        *("FROM python:3.11-slim\n", "FROM a AS b\n", "FROM b\n", "COPY . .\n", "COPY . /app\n", "ADD . .\n"),
        *("COPY requirements.txt ./\n", "COPY requirements.in .\n", "COPY --from=b /x /y\n", "WORKDIR /app\n"),
        *("RUN pip install -r requirements.txt\n", "RUN pip install -r requirements.in \\\n", "  -r pinned.txt\n"),
        *("RUN pip install numpy\n", "RUN pip install 'numpy>=1' && \\\n", "pip install scikit-learn\n", " && \\\n"),
        *("RUN --mount=type=cache,target=/root/.cache/pip pip install --no-cache-dir x\n", "RUN <<EOF\n", "EOF\n"),
        *("# a comment\n", "# lockml: ignore[LK202] why\n", "\n", "\\\n", "`", "\r\n", "\t", "  ", "# escape=`\n"),
        *(
            "ENV A=b PIP_NO_CACHE_DIR=1\n",
            "ARG TOKEN\n",
            "RUN pip install https://u:p@x/y\n",
            "${A:-b}",
            "$(",
            "'",
            '"',
        ),
        *(
            "RUN for p in a b; do pip install $p; done\n",
            "case x in y) pip install z;; esac\n",
            "ONBUILD ",
            "USER me\n",
        ),
        *("conda install numpy ; ", "uv sync ; ", "uv pip install . ; ", "cat <<E | sh\n", "pip install k\n", "E\n"),
        *("\ufeff", "\udc80", "\x00", 'SHELL ["cmd"]\n', 'RUN ["sh", "-c", "pip install q"]\n', "|", "&", ")"),
        *("$(", "ONBUILD ", "}"),
    ]
)
TEXTS = st.lists(PIECES, max_size=25).map("".join)
CONTEXTS = st.sampled_from([EMPTY, project(), project(None), project("*.txt\n"), project(locked=False)])


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_are_linted_and_fixed(content: bytes) -> None:
    source = decode(content, "Dockerfile")
    made = fix_dockerfile(source, EMPTY, Settings())
    assert made.source.text.encode("utf-8", "surrogateescape") is not None
    with suppress(InputError):
        lint_compose(source, ("a:1",), Settings())


@pytest.mark.slow
@given(TEXTS, CONTEXTS)
@settings(max_examples=400, deadline=None)
def test_fixing_ends_and_makes_nothing_worse(text: str, context: object) -> None:
    source = Source(name="Dockerfile", text=text)
    before = lint_dockerfile(source, context, Settings())  # type: ignore[arg-type]
    made = fix_dockerfile(source, context, Settings())  # type: ignore[arg-type]
    assert not any(finding.fix for finding in made.findings)
    assert len(made.findings) <= len(before)
    assert len(parse_dockerfile(made.source).faults) <= len(parse_dockerfile(source).faults)
    again = fix_dockerfile(made.source, context, Settings())  # type: ignore[arg-type]
    assert again.source == made.source


@pytest.mark.slow
@given(TEXTS)
@settings(max_examples=200, deadline=None)
def test_fixing_keeps_every_comment(text: str) -> None:
    source = Source(name="Dockerfile", text=text)
    made = fix_dockerfile(source, project(), Settings())
    comments = [comment.text for comment in parse_dockerfile(source).comments]
    assert sorted(comment.text for comment in parse_dockerfile(made.source).comments) == sorted(comments)


@pytest.mark.slow
@given(TEXTS)
@settings(max_examples=200, deadline=None)
def test_findings_lie_in_the_text_and_are_shown(text: str) -> None:
    findings = lint_dockerfile(Source(name="Dockerfile", text=text), project(), Settings())
    for finding in findings:
        assert 0 <= finding.start <= finding.stop <= len(finding.source.text), finding
    shown = format_text(findings) + format_json(findings, ["Dockerfile"]) + format_github(findings)
    assert "\x00" not in shown
    assert "u:p@" not in shown + format_sarif(findings)


@given(TEXTS)
@settings(max_examples=100, deadline=None)
def test_positions_of_instructions_are_where_they_stand(text: str) -> None:
    for each in parse_dockerfile(Source(name="Dockerfile", text=text)).instructions:
        word = "ONBUILD" if each.trigger else each.keyword
        assert text[each.start : each.start + len(word)].upper() == word
        for flag in each.flags:
            assert text[flag.start : flag.start + 2] == "--"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["", "/bin/sh -c ", "RUN ", "RUN /bin/sh -c ", "/bin/sh -c #(nop) ", "|1 A=b /bin/sh -c "]),
        PIECES,
        st.one_of(st.none(), st.integers(1, 9)),
    ).map(lambda step: HistoryStep(f"{step[0]}{step[1]}", step[2])),
    max_size=20,
)
FOUND = st.builds(
    LayeredDrift,
    kind=st.sampled_from(get_args(DriftKind)),
    name=st.sampled_from(["numpy", "x", "PIP_NO_CACHE_DIR", "lockml.lock", "", "\udc80"]),
    path=st.sampled_from([None, "", "/", "/app/x.py", "/y/z", "relative"]),
    origin=st.sampled_from([None, "layer 1 of 9", "changed"]),
    layer=st.one_of(st.none(), st.integers(1, 9)),
)


@pytest.mark.slow
@given(TEXTS, CONTEXTS, STEPS, FOUND)
@settings(max_examples=300, deadline=None)
def test_drift_is_traced_or_has_a_reason(
    text: str, context: object, steps: list[HistoryStep], found: LayeredDrift
) -> None:
    analysis = Analysis(parse_dockerfile(Source(name="Dockerfile", text=text)), context)  # type: ignore[arg-type]
    for stage in analysis.stages:
        blamer = Blamer(analysis, align(analysis, stage.number, steps), stage.number, find_all(analysis))
        blame = blamer.blame(found)
        assert blame.places or blame.reason
        for place in (*blame.places, *blame.through):
            assert instruction_at(analysis, place) in analysis.dockerfile.instructions
