"""What builders write of an instruction is known again, and nothing else is taken for it."""

import pytest

from lockml.docker.analysis import Analysis
from lockml.docker.dockerfile.parse import parse_dockerfile
from lockml.docker.dockerfile.source import Source
from lockml.docker.history.spelling import likeness, spelling_of, written
from tests.docker.projects import EMPTY


def alike(instruction: str, created_by: str) -> int:
    """Say how alike the last *instruction* and a step of a history are."""
    text = f"FROM a\nARG V=1\nWORKDIR /app\n{instruction}\n"
    analysis = Analysis(parse_dockerfile(Source(name="Dockerfile", text=text)), EMPTY)
    (stage,) = analysis.stages
    number = len(stage.steps) - 1
    return likeness(
        spelling_of(stage.steps[-1], analysis.copy_at.get((0, number)), analysis.dockerfile.escape), written(created_by)
    )


@pytest.mark.parametrize(
    ("instruction", "created_by"),
    [
        ("RUN pip install a", "/bin/sh -c pip install a"),
        ("RUN pip install a", "RUN /bin/sh -c pip install a # buildkit"),
        ("RUN pip install a", "RUN pip install a"),
        ("RUN pip install a==$V", "|1 V=1 /bin/sh -c pip install a==$V"),
        ("RUN pip install a==$V", "RUN |2 V=1 W=x y /bin/sh -c pip install a==$V # buildkit"),
        ("RUN pip install a \\\n  # why\n    b", "/bin/sh -c pip install a     b"),
        ("RUN pip install a \\\n    b", "RUN /bin/sh -c pip install a     b # buildkit"),
        ('RUN ["pip", "install", "a"]', "pip install a"),
        ('RUN ["pip", "install", "a"]', "RUN pip install a # buildkit"),
        ("RUN --mount=type=cache,target=/c pip install a", "RUN /bin/sh -c pip install a # buildkit"),
        ("RUN --mount=type=cache,target=/c pip install a", "RUN --mount=type=cache,target=/c /bin/sh -c pip install a"),
        ("RUN <<EOF\npip install a\npip install b\nEOF", "RUN /bin/sh -c pip install a\npip install b\n # buildkit"),
        ('SHELL ["/bin/bash", "-ec"]\nRUN pip install a', "/bin/bash -ec pip install a"),
        ("RUN --mount=type=cache,target=/c pip install a", "/bin/sh -c --mount=type=cache,target=/c pip install a"),
        ('RUN ["pip", "install", "a"]', '|1 V=1 /bin/sh -c ["pip", "install", "a"]'),
        ('ENV A=1 B="c d"', '/bin/sh -c #(nop) ENV A=1 B="c d"'),
        ("COPY a.txt b.txt ./", "COPY a.txt b.txt ./ # buildkit"),
        ("COPY --chown=1:1 a.txt /app/a.txt", "COPY --chown=1:1 a.txt /app/a.txt # buildkit"),
        ("COPY a.txt ./", f"/bin/sh -c #(nop) COPY file:{'a' * 64} in ./ "),
        ("COPY --chown=1 a.txt ./", f"/bin/sh -c #(nop) COPY --chown=1 file:{'a' * 64} in ./ "),
        ("COPY a b /x/", f"/bin/sh -c #(nop) COPY multi:{'a' * 64} in /x/ "),
        ("ADD . src", f"/bin/sh -c #(nop) ADD dir:{'a' * 64} in src "),
        ("ENV A=$V", "ENV A=1"),
        ("ENV A=$V", "/bin/sh -c #(nop)  ENV A=1"),
        ('CMD ["python", "a.py"]', '/bin/sh -c #(nop)  CMD ["python" "a.py"]'),
        ('CMD ["python", "a.py"]', 'CMD ["python" "a.py"]'),
        ("WORKDIR /srv", "WORKDIR /srv"),
    ],
)
def test_instruction_is_known_again_in_a_history(instruction: str, created_by: str) -> None:
    assert alike(instruction, created_by) > 1


@pytest.mark.parametrize(
    ("instruction", "created_by"),
    [
        ("RUN pip install a", "/bin/sh -c pip install aa"),
        ("RUN pip install a", "/bin/sh -c echo pip install a"),
        ("RUN pip install a", "|1 V=pip install a"),
        ("RUN pip install a", '/bin/sh -c #(nop)  CMD ["pip install a"]'),
        ("RUN pip install a", ""),
        ("RUN pip install a", "|1 V=1 /bin/sh -c echo pip install a"),
        ("RUN pip install a", "|1 V=1 /bin/sh -c python -mpip install a"),
        ("RUN pip install a", "/bin/sh -c sudo pip install a"),
        ("RUN pip install a", "/bin/sh -c --x; pip install a"),
        ("COPY a.txt ./", "COPY b.txt ./ # buildkit"),
        ("COPY a.txt ./", "COPY a.txt /srv/ # buildkit"),
        ("COPY a.txt ./", "ADD a.txt ./ # buildkit"),
        ("COPY a.txt ./", f"/bin/sh -c #(nop) COPY file:{'a' * 64} in /srv "),
    ],
)
def test_another_instruction_is_not_taken_for_it(instruction: str, created_by: str) -> None:
    assert alike(instruction, created_by) == 0


def test_metadata_of_another_value_is_known_by_its_keyword_alone() -> None:
    assert alike("ENV A=1", "ENV A=2") == 1
    assert alike("ONBUILD RUN a", "ONBUILD RUN a") == 1
