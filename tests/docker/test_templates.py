"""What is written for a recipe, byte for byte where that is short."""

import re
from itertools import product

import pytest
from msgspec.structs import replace

from lockml.docker.templates import ImageRecipe, format_compose, format_dockerfile, format_dockerignore
from tests.docker.projects import BASE, lint, project

RECIPE = ImageRecipe(
    base="python:3.11-slim-bookworm",
    target="CPython 3.11 on linux/amd64, glibc-2.36",
    requirements="requirements.txt",
    label=f"sha256:{'0' * 64}",
    command=("python", "train.py"),
    uv_image="uv:1",
)

GOLDEN = f"""\
# Written by `lockml dockerfile init` for CPython 3.11 on linux/amd64, glibc-2.36.
FROM python:3.11-slim-bookworm

# Python writes no bytecode at run time, which would change the container, and does not buffer its output.
ENV PYTHONDONTWRITEBYTECODE=1 \\
    PYTHONUNBUFFERED=1 \\
    PATH=/opt/venv/bin:$PATH

WORKDIR /app

RUN useradd --create-home --no-log-init --user-group --uid 10001 app \\
    && python3 -m venv /opt/venv

# Install the locked packages before copying the code, so that a code change reinstalls nothing.
COPY requirements.txt ./

RUN pip install --no-cache-dir \\
    --require-hashes --no-deps --only-binary :all: -r requirements.txt

# The digest of the lock: `lockml check` reports an image that was built from another one.
LABEL lockml.lock="sha256:{"0" * 64}"

# The code belongs to root, so the running program cannot change it.
COPY . .

USER 10001

# Add a health check here if this is a service.
HEALTHCHECK NONE

CMD ["python", "train.py"]
"""


def lines_of(recipe: ImageRecipe) -> list[str]:
    """Return the instructions, each on one line."""
    return format_dockerfile(recipe).replace("\\\n    ", "").splitlines()


def test_dockerfile_is_written_byte_for_byte() -> None:
    assert format_dockerfile(RECIPE) == GOLDEN


def test_two_stages_copy_the_environment_and_name_the_base_once() -> None:
    lines = lines_of(replace(RECIPE, multi_stage=True))
    assert [line for line in lines if line.startswith("FROM")] == [
        "FROM python:3.11-slim-bookworm AS base",
        "FROM base AS packages",
        "FROM base",
    ]
    last = lines[lines.index("FROM base") :]
    assert "COPY --from=packages /opt/venv /opt/venv" in last
    assert not any("pip" in line for line in last)


@pytest.mark.parametrize("multi_stage", [False, True])
def test_uv_needs_no_pip_and_compiles_what_it_installs(multi_stage: bool) -> None:
    lines = lines_of(replace(RECIPE, installer="uv", multi_stage=multi_stage))
    assert "FROM uv:1 AS uv" in lines
    assert any(line.endswith("python3 -m venv --without-pip /opt/venv") for line in lines)
    install = "uv pip install --python /opt/venv --compile-bytecode --no-cache"
    assert f"RUN {install} --require-hashes --no-deps --only-binary :all: -r requirements.txt" in lines


@pytest.mark.parametrize(("installer", "flag"), [("pip", "--no-cache-dir"), ("uv", "--no-cache")])
def test_cache_mount_stands_in_for_no_cache(installer: str, flag: str) -> None:
    lines = lines_of(replace(RECIPE, installer=installer, cache_mount=True))
    assert lines[0] == "# syntax=docker/dockerfile:1"
    assert any(f"--mount=type=cache,target=/root/.cache/{installer} " in line for line in lines)
    assert not any(flag in line for line in lines)


@pytest.mark.parametrize(
    ("recipe", "options"),
    [
        (replace(RECIPE, complete=False), "--require-hashes --only-binary :all:"),
        (replace(RECIPE, wheels_only=False), "--require-hashes --no-deps"),
    ],
)
def test_options_are_what_the_lock_allows(recipe: ImageRecipe, options: str) -> None:
    assert f"RUN pip install --no-cache-dir {options} -r requirements.txt" in lines_of(recipe)


def test_what_has_no_hash_is_installed_second_and_with_what_it_names() -> None:
    recipe = replace(
        RECIPE, unhashed="locks/requirements-unhashed.txt", trees=("lib", "libs/more"), sources=("wheels/a.whl", "more")
    )
    lines = [line for line in lines_of(recipe) if line.startswith(("RUN pip", "COPY"))]
    assert lines == [
        "COPY requirements.txt ./",
        "COPY wheels/a.whl wheels/a.whl",
        "COPY more more",
        "RUN pip install --no-cache-dir --require-hashes --no-deps --only-binary :all: -r requirements.txt",
        "COPY locks/requirements-unhashed.txt locks/requirements-unhashed.txt",
        "COPY lib lib",
        "COPY libs/more libs/more",
        "RUN pip install --no-cache-dir --no-deps -r locks/requirements-unhashed.txt",
        "COPY . .",
    ]


def test_alpine_adds_its_user_by_its_own_program() -> None:
    assert any("adduser -D -u 10001 app" in line for line in lines_of(replace(RECIPE, musl=True)))


def test_command_keeps_its_words_apart() -> None:
    assert 'CMD ["sh", "-c", "echo \\"a b\\""]' in lines_of(replace(RECIPE, command=("sh", "-c", 'echo "a b"')))


@pytest.mark.parametrize(("installer", "stages", "mount"), list(product(["pip", "uv"], [False, True], [False, True])))
def test_code_comes_last_and_is_run_by_another_than_root(installer: str, stages: bool, mount: bool) -> None:
    lines = lines_of(replace(RECIPE, installer=installer, multi_stage=stages, cache_mount=mount))
    place = {text: lines.index(text) for text in ("COPY requirements.txt ./", "COPY . .", "USER 10001")}
    (install,) = (number for number, line in enumerate(lines) if "--require-hashes" in line)
    assert place["COPY requirements.txt ./"] < install < place["COPY . ."] < place["USER 10001"]


def test_dockerignore_keeps_out_caches_and_logins_and_lets_the_lock_in() -> None:
    patterns = [line for line in format_dockerignore().splitlines() if not line.startswith("#")]
    assert {".git", "**/.venv", "**/__pycache__", "**/.env", "**/.netrc"} <= set(patterns)
    assert not any(re.search(r"lock|requirements|\.txt|\.toml", pattern) for pattern in patterns)


def test_compose_names_another_dockerfile_only() -> None:
    assert "dockerfile:" not in format_compose("app", "linux/amd64", dockerfile="Dockerfile", file="compose.yaml")
    text = format_compose("app", "linux/arm64", dockerfile="docker/Dockerfile", file="compose.yaml")
    assert '      dockerfile: "docker/Dockerfile"\n' in text
    assert "    platform: linux/arm64\n" in text


OWN = replace(RECIPE, base=BASE, uv_image=f"uv:1@sha256:{'0' * 64}")
RECIPES = {
    "all-hashed": OWN,
    "with-trees": replace(OWN, unhashed="requirements-unhashed.txt", trees=("lib",)),
    "musl": replace(OWN, musl=True),
    "with-sdists": replace(OWN, wheels_only=False),
    "with-wheels-of-a-folder": replace(OWN, sources=("wheels",)),
    "incomplete": replace(OWN, complete=False),
    "with-builds": replace(
        OWN, built="requirements-sources.txt", build="requirements-build.txt", archives=("a.tar.gz",)
    ),
    "with-builds-of-nothing-else": replace(OWN, built="requirements-sources.txt"),
}


def test_what_is_built_has_a_stage_of_its_own() -> None:
    recipe = replace(
        RECIPE, built="requirements-sources.txt", build="requirements-build.txt", archives=("src/a.tar.gz",)
    )
    lines = [line for line in lines_of(recipe) if line and not line.startswith("#")]
    assert lines[:9] == [
        "FROM python:3.11-slim-bookworm AS wheels",
        "ENV PATH=/opt/build/bin:$PATH",
        "WORKDIR /build",
        "RUN python3 -m venv /opt/build",
        "COPY requirements-build.txt ./",
        "RUN /opt/build/bin/pip install --no-cache-dir --require-hashes --no-deps -r requirements-build.txt",
        "COPY requirements-sources.txt ./",
        "COPY src/a.tar.gz src/a.tar.gz",
        "RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheels "
        "-r requirements-sources.txt",
    ]
    after = lines.index("COPY --from=wheels /wheels /wheels")
    assert lines[after + 1] == "RUN pip install --no-cache-dir --no-deps --no-index /wheels/*.whl"
    assert lines.index("COPY requirements.txt ./") < after < lines.index("COPY . .")
    staged = [line for line in lines_of(replace(recipe, multi_stage=True)) if line.startswith("FROM")]
    assert staged == [
        "FROM python:3.11-slim-bookworm AS base",
        "FROM base AS wheels",
        "FROM base AS packages",
        "FROM base",
    ]


@pytest.mark.parametrize("name", RECIPES)
def test_own_rules_find_nothing_in_any_choice(name: str) -> None:
    unhashed = {"requirements-unhashed.txt": f"lib @ git+https://example.com/lib@{'a' * 40}\n".encode()}
    context = project(format_dockerignore(), more=unhashed)
    assert context.lock is not None
    for installer, stages, mount in product(("pip", "uv"), (False, True), (False, True)):
        choice = replace(RECIPES[name], installer=installer, multi_stage=stages, cache_mount=mount)
        text = format_dockerfile(replace(choice, label=context.lock.labels[0]))
        assert [(each.code, each.message) for each in lint(text, context)] == [], text
        stale = lint(format_dockerfile(choice), context)
        assert [each.code for each in stale] == ["LK105"]
