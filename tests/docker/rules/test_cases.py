"""Cases of the rules beside those of their page, most of them seen in public Dockerfiles."""

import pytest

from tests.docker.projects import EMPTY, codes, fixed, lint, project, torch_project

DIGEST = "@sha256:" + "a" * 64


def of(*lines: str) -> list[str]:
    return codes("\n".join(["FROM a", *lines]) + "\n", EMPTY)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("RUN pip install --no-cache-dir a==1.0", ["LK101"]),
        ("RUN pip install --no-cache-dir -e .", ["LK101"]),
        ("RUN pip install --no-cache-dir --no-deps .", []),
        ("RUN pip install --no-cache-dir --no-index --find-links=/w a", []),
        ("RUN pip install --no-cache-dir /w/*.whl", ["LK101"]),
        ("RUN pip install --no-cache-dir --no-deps /w/*.whl", []),
        (f"RUN pip install --no-cache-dir --no-deps git+https://x/y@{'a' * 40}", []),
        ("RUN pip install --no-cache-dir --no-deps git+https://x/y@main", ["LK101"]),
        ("RUN pip install --no-cache-dir 'a>=1' pip", ["LK101", "LK501"]),
        ("RUN while read r; do pip install --no-cache-dir $r; done < requirements.txt", ["LK101"]),
        ("RUN cat requirements.txt | xargs -n 1 pip install --no-cache-dir", ["LK101"]),
        ("RUN uv sync --no-cache", ["LK101"]),
        ("RUN uv sync --no-cache --frozen", []),
        ("RUN uv tool install --no-cache ruff", ["LK501"]),
        ("RUN uv tool install --no-cache ruff==0.14.1", []),
        ("RUN pipx install ruff", ["LK501"]),
        ("RUN conda install -y a && conda clean -afy", ["LK101"]),
        ("RUN conda create -n x --file conda-linux-64.lock && conda clean -afy", []),
        ("RUN poetry install --no-cache", []),
        ("RUN pip install --no-cache-dir -r a.txt", ["LK301"]),
        ("RUN pip install --no-cache-dir --require-hashes -r a.txt", []),
        ("RUN pip install --no-cache-dir --no-deps -r requirements-unhashed.txt", []),
        ("ONBUILD RUN pip install --no-cache-dir a", ["LK101"]),
        ("RUN echo pip install a", []),
        ("# RUN pip install a", []),
    ],
)
def test_installation_is_locked_or_not(line: str, expected: list[str]) -> None:
    assert of(line) == expected


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        (("RUN pip install --require-hashes -r a",), True),
        (("ENV PIP_NO_CACHE_DIR=off", "RUN pip install --require-hashes -r a"), False),
        (("RUN PIP_NO_CACHE_DIR=1 pip install --require-hashes -r a",), False),
        (("RUN --mount=type=cache,target=/root/.cache pip install --require-hashes -r a",), False),
        (("ENV PIP_CACHE_DIR=/c", "RUN --mount=type=cache,target=/c pip install --require-hashes -r a"), False),
        (("RUN --mount=type=cache,target=/root/.cache/uv pip install --require-hashes -r a",), True),
        (("RUN pip install --require-hashes -r a && rm -rf /root/.cache/pip",), False),
        (("RUN pip install --require-hashes -r a && pip cache purge",), False),
        (("RUN rm -rf /root/.cache && pip install --require-hashes -r a",), True),
        (("RUN uv sync --frozen --link-mode symlink",), False),
        (("RUN pip install --require-hashes -r a", "FROM b", "COPY --from=0 /x /x"), False),
        (("RUN pip install --require-hashes -r a", "FROM b"), True),
        (("RUN conda env create -f e.yml",), True),
    ],
)
def test_cache_stays_in_the_layer_or_not(lines: tuple[str, ...], left: bool) -> None:
    assert ("LK202" in of(*lines)) is left


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (("COPY . .", "RUN pip install --no-cache-dir a"), True),
        (("ADD . /app", "RUN pip install --no-cache-dir -r a.txt"), True),
        (("COPY . .", "RUN conda env create -f e.yml"), True),
        (("COPY . .", "RUN uv sync --frozen"), True),
        (("COPY uv.lock .", "RUN uv sync --frozen --no-install-project", "COPY . .", "RUN uv sync --frozen"), False),
        (("COPY . .", "RUN pip install --no-cache-dir ."), False),
        (("COPY . .", "RUN pip install --no-cache-dir -e .", "RUN pip install --no-cache-dir a"), False),
        (("COPY . .", "RUN pip install --no-cache-dir --upgrade pip"), False),
        (("COPY a.txt .", "RUN pip install --no-cache-dir -r a.txt", "COPY . ."), False),
        (("COPY --from=b . .", "RUN pip install --no-cache-dir a"), False),
        (("COPY . .", "FROM b", "RUN pip install --no-cache-dir a"), False),
    ],
)
def test_code_is_copied_before_the_installation_or_not(lines: tuple[str, ...], found: bool) -> None:
    assert ("LK201" in of(*lines)) is found


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (("RUN pip install --extra-index-url https://x a",), True),
        (("ENV PIP_EXTRA_INDEX_URL=https://x", "RUN pip install a"), True),
        (("RUN uv pip install --extra-index-url https://x a",), False),
        (("RUN uv pip install --extra-index-url https://x --index-strategy unsafe-best-match a",), True),
        (("ENV UV_INDEX_STRATEGY=unsafe-best-match", "RUN uv pip install a"), False),
        (("RUN pip install --index-url https://x a",), False),
        (("RUN pip install --require-hashes --extra-index-url https://x -r a",), False),
    ],
)
def test_indexes_are_merged_or_not(lines: tuple[str, ...], found: bool) -> None:
    assert ("LK302" in of(*lines)) is found


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (("RUN pip install https://user:secret@x/y",), True),
        (("RUN pip install git+https://ghp_token@github.com/a/b",), True),
        (("RUN git clone ssh://git@x/y",), False),
        (("RUN git clone https://git@x/y",), False),
        (("ARG T", "RUN pip install https://u:${T}@x/y"), True),
        (("RUN --mount=type=secret,id=T,env=T pip install https://u:${T}@x/y",), False),
        (("RUN --mount=type=secret,id=t T=$(cat /run/secrets/t) && pip install https://u:$T@x/y",), False),
        (("RUN <<EOF\npip install https://user:secret@x/y\nEOF",), True),
        (("ENV HF_TOKEN=abc",), True),
        (("ENV HF_TOKEN=",), False),
        (("ARG HF_TOKEN",), True),
        (("ENV PIP_INDEX_URL=https://user:secret@x/simple",), True),
        (("ENV MAX_TOKENS=5 EOS_TOKEN='</s>' TOKENIZERS_PARALLELISM=false",), False),
        (("LABEL maintainer=a@b.example",), False),
    ],
)
def test_secret_is_left_or_not(lines: tuple[str, ...], found: bool) -> None:
    assert ("LK303" in of(*lines)) is found


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("FROM python\n", 1),
        ("FROM python:latest\n", 1),
        (f"FROM python:3.11{DIGEST}\n", 0),
        ("FROM scratch\n", 0),
        (f"FROM a{DIGEST} AS b\nFROM b\n", 0),
        ("ARG B\nFROM $B\n", 0),
        ("ARG B=python:3.11\nFROM $B\n", 1),
        (f"FROM a{DIGEST}\nCOPY --from=uv:latest /uv /bin/\n", 1),
        (f"FROM a{DIGEST}\nRUN --mount=from=uv:0.9,source=/uv,target=/bin/uv true\n", 1),
    ],
)
def test_image_has_a_digest_or_not(text: str, number: int) -> None:
    assert [finding.code for finding in lint(text)].count("LK401") == number


def test_stage_that_installs_another_lock_is_not_held_to_the_base_image() -> None:
    text = f"FROM a{DIGEST}\nCOPY stale.txt /\nRUN pip install --no-cache-dir --require-hashes -r stale.txt\n"
    assert codes(text, project()) == ["LK103"]


def test_environment_at_another_path_is_found() -> None:
    lines = ("RUN python -m venv /venv", "FROM a", "COPY --from=0 /venv /opt/venv")
    (finding,) = (each for each in lint("\n".join(["FROM a", *lines])) if each.code == "LK502")
    assert finding.message == "the environment /venv is copied to /opt/venv, but its scripts name /venv"


def test_comment_excepts_the_instruction_that_it_stands_in() -> None:
    text = "FROM a\nRUN apt-get update && \\\n  # lockml: ignore[LK101,LK202] a tool for the build\n  pip install a\n"
    assert codes(text) == []


def test_comment_excepts_no_other_instruction() -> None:
    text = "FROM a\n# lockml: ignore[LK101] why\nRUN pip install --no-cache-dir a\nRUN pip install --no-cache-dir b\n"
    assert codes(text) == ["LK101"]


@pytest.mark.parametrize("comment", ["ignore[LK101]", "ignore why", "ignore[LK999] why", "ignore[] why"])
def test_comment_without_a_rule_or_a_reason_excepts_nothing(comment: str) -> None:
    text = f"FROM a\n# lockml: {comment}\nRUN pip install --no-cache-dir a\n"
    assert codes(text) == ["LK901", "LK101"]


@pytest.mark.parametrize(
    "lines",
    [
        "COPY . .\nRUN ./configure && pip install --no-cache-dir --require-hashes -r requirements.txt",
        "COPY . .\nWORKDIR /x\nRUN pip install --no-cache-dir --require-hashes -r /requirements.txt",
        "COPY . .\nRUN pip install --no-cache-dir --require-hashes --target=lib -r requirements.txt",
        "COPY . .\nRUN cp conf /etc && pip install --no-cache-dir --require-hashes -r requirements.txt",
    ],
)
def test_code_that_may_be_needed_stays_where_it_is(lines: str) -> None:
    text = f"FROM scratch\n{lines}\n"
    made = fixed(text, project(based=False))
    assert made.source.text == text
    assert [finding.code for finding in made.findings] == ["LK201"]


def test_fix_of_order_keeps_flags_and_folders() -> None:
    text = "FROM scratch\nWORKDIR /app\nCOPY --chown=me . ./\nRUN pip install --no-cache-dir -r reqs/all.txt\n"
    there = project(based=False, more={"reqs/all.txt": b"-r ../requirements.txt\n"})
    assert fixed(text, there).source.text == (
        "FROM scratch\nWORKDIR /app\nCOPY --chown=me reqs/all.txt ./reqs/\nCOPY --chown=me requirements.txt ./\n"
        "RUN pip install --no-cache-dir --require-hashes -r reqs/all.txt\nCOPY --chown=me . ./\n"
    )


def test_fix_keeps_carriage_returns() -> None:
    text = "FROM scratch\r\nCOPY . .\r\nRUN pip install -r requirements.txt\r\n"
    assert fixed(text, project(based=False)).source.text == (
        "FROM scratch\r\nCOPY requirements.txt ./\r\n"
        "RUN pip install --no-cache-dir --require-hashes -r requirements.txt\r\nCOPY . .\r\n"
    )


def test_dockerignore_is_fixed_and_git_is_left() -> None:
    made = fixed("FROM scratch\nCOPY . .\n", project("data", based=False))
    assert made.ignore_source is not None
    assert made.ignore_source.text == "data\n.venv\n**/__pycache__\n"
    assert [finding.message.partition(", including ")[2] for finding in made.findings] == [
        ".git, as .dockerignore does not exclude it"
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("LABEL lockml.lock=pylock.toml",), ["LK105"]),
        ((f"LABEL a=b lockml.lock=sha256:{'0' * 64}",), ["LK105"]),
        ((f'LABEL a=b \\\n  "lockml.lock"="sha256:{"0" * 64}"',), ["LK105"]),
        ((f"ARG D=sha256:{'0' * 64}", "LABEL lockml.lock=$D"), ["LK105"]),
        (("ARG D", "LABEL lockml.lock=$D"), []),
        ((f"LABEL other.lock=sha256:{'0' * 64}",), []),
        ((f"ONBUILD LABEL lockml.lock=sha256:{'0' * 64}",), ["LK105"]),
        ((f"LABEL lockml.lock=sha256:{'0' * 64}", "FROM b"), ["LK105"]),
        ((f"LABEL lockml.lock=sha256:{'0' * 64}", "FROM b", "COPY --from=0 /a /a"), []),
    ],
)
def test_label_is_held_against_the_lock(lines: tuple[str, ...], expected: list[str]) -> None:
    text = "\n".join(["FROM a", *lines]) + "\n"
    assert codes(text, project()) == expected
    assert codes(text, project(locked=False)) == []


def test_label_of_a_variable_is_not_fixed() -> None:
    text = f"FROM a\nARG D=sha256:{'0' * 64}\nLABEL lockml.lock=$D\n"
    assert fixed(text, project()).source.text == text


@pytest.mark.slow
def test_substitutions_of_one_command_are_bounded() -> None:
    found = lint(f"FROM a\nRUN {'$(pip install a) ' * 30_000}\n")
    assert 2_000 <= len(found) <= 5_000


def test_environments_of_a_stage_are_bounded() -> None:
    made = " && ".join(f"python -m venv /v{number}" for number in range(300))
    assert of(f"RUN {made}", "FROM a", "COPY --from=0 / /x") == ["LK502"] * 100


@pytest.mark.slow
def test_long_line_of_stages_is_walked() -> None:
    text = "FROM a AS s0\n" + "".join(f"FROM s{number} AS s{number + 1}\n" for number in range(4_000))
    assert codes(f"{text}RUN pip install --no-cache-dir a\n", EMPTY) == ["LK101"]


INSTALLED = "COPY requirements.txt ./\nRUN pip install --no-cache-dir --require-hashes -r requirements.txt\n"


@pytest.mark.parametrize(
    ("image", "accelerator", "expected"),
    [
        ("nvidia/cuda:12.8.1-base", "", ["LK404"]),
        ("nvidia/cuda:12.8.1-base", "cpu", ["LK404"]),
        ("nvidia/cuda:12.8.1-base", "cu130", ["LK404"]),
        ("nvidia/cuda:13.3.0-base", "cu130", []),  # minors need not agree
        ("python:3.11-slim", "cpu", []),
        ("python:3.11-slim", "", []),
        ("pytorch/pytorch:2.8.0-cuda12.8-cudnn9-runtime AS build\nFROM python:3.11-slim", "", []),
    ],
)
def test_cuda_of_the_base_is_held_against_the_lock(image: str, accelerator: str, expected: list[str]) -> None:
    assert codes(f"FROM {image}\n{INSTALLED}", torch_project(accelerator)) == expected
