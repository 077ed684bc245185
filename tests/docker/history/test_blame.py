"""Which instruction brought a drift, on histories as classic builders and BuildKit write them."""

import pytest

from lockml.docker.analysis import Analysis
from lockml.docker.dockerfile.parse import parse_dockerfile
from lockml.docker.dockerfile.source import Source
from lockml.docker.history.alignment import align, instruction_at
from lockml.docker.history.blame import Blame, Blamer, LayeredDrift
from lockml.docker.lint import find_all
from lockml.inventory.model import HistoryStep
from tests.docker.projects import project

SITE = "/opt/venv/lib/python3.11/site-packages"
BASE = ("/bin/sh -c #(nop) ADD file:1 in / ", "/bin/sh -c #(nop) CMD [bash]")
SIMPLE = """FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
RUN pip install --no-cache-dir six
ENV PYTHONPATH=/srv
COPY . .
CMD ["python", "app.py"]
"""
CLASSIC = (
    "/bin/sh -c #(nop) WORKDIR /app",
    f"/bin/sh -c #(nop) COPY file:{'a' * 64} in ./ ",
    "/bin/sh -c pip install --no-cache-dir --require-hashes -r requirements.txt",
    "/bin/sh -c pip install --no-cache-dir six",
    "/bin/sh -c #(nop)  ENV PYTHONPATH=/srv",
    f"/bin/sh -c #(nop) COPY dir:{'b' * 64} in . ",
    '/bin/sh -c #(nop)  CMD ["python" "app.py"]',
)
BUILDKIT = (
    "WORKDIR /app",
    "COPY requirements.txt ./ # buildkit",
    "RUN /bin/sh -c pip install --no-cache-dir --require-hashes -r requirements.txt # buildkit",
    "RUN /bin/sh -c pip install --no-cache-dir six # buildkit",
    "ENV PYTHONPATH=/srv",
    "COPY . . # buildkit",
    'CMD ["python" "app.py"]',
)
WITHOUT_LAYER = ("ENV", "CMD", "LABEL")
STAGES = """FROM python:3.11-slim AS build
RUN python3 -m venv /opt/venv
COPY requirements.in ./
RUN /opt/venv/bin/pip install --no-cache-dir -r requirements.in
RUN /opt/venv/bin/pip install --no-cache-dir six && \\
    echo done
RUN sed -i s/a/b/ /opt/venv/lib/python3.11/site-packages/six.py
RUN strip /opt/venv/lib/python3.11/site-packages/*/*.so

FROM python:3.11-slim
COPY --from=build /opt/venv /opt/venv
COPY --from=team/tools:1 /tools /opt/tools
"""
OF_STAGES = ("COPY /opt/venv /opt/venv # buildkit", "COPY /tools /opt/tools # buildkit")


def history(*steps: str) -> tuple[HistoryStep, ...]:
    """Return *steps* with layers, as those have them that can change files."""
    found: list[HistoryStep] = []
    for step in steps:
        words = step.removeprefix("/bin/sh -c #(nop)").split()
        layer = None if words[0] in WITHOUT_LAYER else 1 + sum(each.layer is not None for each in found)
        found.append(HistoryStep(step, layer))
    return tuple(found)


def blame(
    text: str, steps: tuple[HistoryStep, ...], kind: str, name: str, path: str | None = None, layer: int | None = None
) -> tuple[list[int], list[int], str, list[str]]:
    """Return the lines that are blamed, those they came through, the reason and the rules."""
    analysis = Analysis(parse_dockerfile(Source(name="Dockerfile", text=text)), project())
    stage = len(analysis.stages) - 1
    blamer = Blamer(analysis, align(analysis, stage, steps), stage, find_all(analysis))
    origin = f"layer {layer} of 9" if layer is not None else None
    found: Blame = blamer.blame(LayeredDrift(kind=kind, name=name, path=path, origin=origin, layer=layer))
    lines, through = (
        [analysis.source.position(instruction_at(analysis, place).start).line for place in places]
        for places in (found.places, found.through)
    )
    return lines, through, found.reason, [each.code for each in found.rules]


@pytest.mark.parametrize("built", [CLASSIC, BUILDKIT], ids=["classic", "buildkit"])
def test_layer_is_traced_to_the_instruction_that_made_it(built: tuple[str, ...]) -> None:
    steps = history(*BASE, *built)
    assert blame(SIMPLE, steps, "unexpected", "six", SITE, 5) == ([5], [], "", ["LK104"])
    of_copy: tuple[list[int], list[int], str, list[str]] = ([7], [], "no rule covers what this step does", [])
    assert blame(SIMPLE, steps, "unattributed-file", "x.py", "/app/x.py", 6) == of_copy


@pytest.mark.parametrize("built", [CLASSIC, BUILDKIT], ids=["classic", "buildkit"])
def test_layer_below_the_first_instruction_is_of_the_base_image(built: tuple[str, ...]) -> None:
    assert blame(SIMPLE, history(*BASE, *built), "unexpected", "six", SITE, 1) == (
        [],
        [],
        "the base image: layer 1 of 9",
        [],
    )


def test_locked_step_that_brought_a_drift_was_built_from_other_files() -> None:
    lines, _, reason, rules = blame(SIMPLE, history(*BASE, *BUILDKIT), "version", "numpy", SITE, 4)
    assert (lines, rules) == ([4], [])
    assert reason == "the step is correct as it is now, so the image was built from other files; rebuild the image"


def test_step_that_the_file_does_not_have_is_named() -> None:
    built = (*BUILDKIT[:3], "RUN /bin/sh -c pip install torch # buildkit", *BUILDKIT[3:])
    lines, _, reason, _ = blame(SIMPLE, history(*BASE, *built), "unexpected", "torch", SITE, 5)
    assert (lines, reason) == (
        [],
        "a step that this file does not have: RUN /bin/sh -c pip install torch # buildkit",
    )


def test_base_image_is_not_certain_where_the_first_instruction_is_another_by_now() -> None:
    built = ("WORKDIR /elsewhere", "COPY pins.txt /x # buildkit", *BUILDKIT[2:])
    _, _, reason, _ = blame(SIMPLE, history(*BASE, *built), "unexpected", "six", SITE, 1)
    assert reason == "the base image, or a step that this file no longer has: layer 1 of 9"


def test_image_that_was_built_from_another_file_is_told() -> None:
    steps = history(*BASE, "RUN make", "COPY x /y")
    assert blame(SIMPLE, steps, "unexpected", "six", SITE, 2)[2] == (
        "the image was not built from this file: layer 2 of 9"
    )


def test_commands_of_the_base_image_are_not_those_of_the_file() -> None:
    """A base may be built by the same commands; what is nearer to the end is the file's."""
    steps = history(*BASE, *BUILDKIT[2:4], *BUILDKIT)
    assert blame(SIMPLE, steps, "unexpected", "six", SITE, 3)[2].startswith("the base image")
    assert blame(SIMPLE, steps, "unexpected", "six", SITE, 7)[0] == [5]


@pytest.mark.parametrize(
    ("kind", "name", "path", "expected"),
    [
        ("unexpected", "six", f"{SITE}/six-1.dist-info", ([5], [11], "", ["LK101"])),
        ("version", "numpy", f"{SITE}/numpy-1.dist-info", ([4], [11], "", ["LK102"])),
        ("modified", "six", f"{SITE}/six.py", ([7], [11], "no rule covers what this step does", [])),
        ("modified", "numpy", f"{SITE}/numpy/core.so", ([4, 5, 7, 8], [11], "", ["LK101", "LK102"])),
        ("unexpected", "packaging", f"{SITE}/packaging-1.dist-info", ([4, 5], [11], "", ["LK101", "LK102"])),
    ],
)
def test_what_a_stage_passes_on_is_traced_into_the_stage(
    kind: str, name: str, path: str, expected: tuple[list[int], list[int], str, list[str]]
) -> None:
    assert blame(STAGES, history(*BASE, *OF_STAGES), kind, name, path, 2) == expected


def test_what_another_image_passes_on_is_named() -> None:
    lines, through, reason, rules = blame(STAGES, history(*BASE, *OF_STAGES), "unexpected", "six", "/opt/tools/x", 3)
    assert (lines, through, reason, rules) == ([], [12], "the image team/tools:1", [])


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("base-image", "python:3.11-slim", ([1], [], "the base image", ["LK402"])),
        ("python", "python", ([1], [], "the base image", ["LK402"])),
        ("environment", "PYTHONPATH", ([3], [], "", [])),
    ],
)
def test_drift_without_a_layer_is_traced_to_the_line_that_decides_it(
    kind: str, name: str, expected: tuple[list[int], list[int], str, list[str]]
) -> None:
    text = (
        "FROM python:3.9-slim\nCOPY requirements.txt ./\nENV PYTHONPATH=/srv\n"
        "RUN pip install --no-cache-dir --require-hashes -r requirements.txt\n"
    )
    steps = history(*BASE, "COPY requirements.txt ./", "ENV PYTHONPATH=/srv")
    found = blame(text, steps, kind, name)
    assert found == expected


def test_missing_project_is_of_no_step_but_of_the_rule_on_its_file() -> None:
    text = "FROM a\nCOPY stale.txt ./\nRUN pip install --no-cache-dir --require-hashes -r stale.txt\n"
    steps = history(*BASE, "COPY stale.txt ./")
    assert blame(text, steps, "missing", "numpy") == ([], [], "no step installs it", ["LK103"])


def test_one_layer_for_all_steps_names_those_that_may_have_brought_it() -> None:
    steps = (*history(*BASE), HistoryStep(BUILDKIT[3], None), HistoryStep(BUILDKIT[-1], 2))
    assert blame(SIMPLE, steps, "unexpected", "six", SITE, 2)[0] == [5]


def test_foreign_text_and_candidates_are_bounded() -> None:
    built = (*BUILDKIT[:3], f"RUN /bin/sh -c echo {'x' * 100_000}", *BUILDKIT[3:])
    assert len(blame(SIMPLE, history(*BASE, *built), "unexpected", "x", SITE, 5)[2]) < 400
    stage = "".join(f"RUN pip install --no-cache-dir p{number}\n" for number in range(100))
    text = f"FROM a\n{stage}FROM a\nCOPY --from=0 /opt/venv /opt/venv\n"
    steps = history(*BASE, "COPY /opt/venv /opt/venv")
    assert blame(text, steps, "unexpected", "six", SITE, 2) == ([], [103], "one of 100 steps", [])
    assert blame(text, steps, "unexpected", "p7", SITE, 2)[0] == [9]


@pytest.mark.slow
def test_many_steps_are_compared_from_the_end() -> None:
    text = "FROM a\n" + "RUN true\n" * 4_000
    steps = tuple(HistoryStep("RUN /bin/sh -c true # buildkit", number) for number in range(1, 50_001))
    assert blame(text, steps, "unexpected", "six", SITE, 50_000)[0] == [4_001]
    assert blame(text, steps, "unexpected", "six", SITE, 1)[0] == []
