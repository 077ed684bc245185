"""Write a Dockerfile, a .dockerignore and a Compose service from a recipe of what an image consists of.

The order suits the layer cache: what seldom changes comes first, so a code change reinstalls nothing. Dockerfile
reference, "Dockerfile overview"; the Compose specification, "Services".
"""

import json
from collections.abc import Iterable, Iterator
from typing import Final, Literal

from msgspec import Struct

__all__ = ["ImageRecipe", "Installer", "format_compose", "format_dockerfile", "format_dockerignore"]

Installer = Literal["pip", "uv"]

_NEXT_LINE: Final = "\\\n    "
_VENV: Final = "/opt/venv"
_BUILD: Final = "/opt/build"
_USER: Final = 10001  # above the IDs that base images and hosts assign to people
_CACHES: Final = {"pip": "/root/.cache/pip", "uv": "/root/.cache/uv"}
_IGNORED: Final = (
    ("Files of git and editors.", (".git", ".gitignore", ".github", ".gitlab-ci.yml", ".idea", ".vscode")),
    ("Environments and caches of this machine.", ("**/.venv", "**/venv", "**/__pycache__", "**/*.py[cod]")),
    ("", ("**/.mypy_cache", "**/.pytest_cache", "**/.ruff_cache", "**/.tox", "**/.nox", "**/.ipynb_checkpoints")),
    ("", ("**/*.egg-info", "**/.coverage", "**/htmlcov")),
    ("Logins.", ("**/.env", "**/.env.*", "**/.netrc", "**/.pypirc")),
    (
        "Files that build the image are not part of it.",
        ("Dockerfile*", ".dockerignore", "compose*.y*ml", "docker-compose*.y*ml"),
    ),
)


class ImageRecipe(Struct, frozen=True, kw_only=True):
    """The recipe of an image.

    *base* and *uv_image* are references as in FROM, *target* is what the lock is for. *requirements* is the locked file
    and *sources* are the files and folders that it names, *unhashed* the file to install second, or None, and *trees*
    the folders that it names, all relative to the build context. *built* is the file of the sources that the image
    builds, or None, *archives* are the archives of this machine that it names, and *build* is the file of their build
    requirements, or None. *complete* says that the locked file names everything that it needs, *wheels_only* that
    nothing in it has to be built, *musl* that the base uses musl. *provided* says that the base provides packages, in
    its environment *virtual*, "" for its system. *label* is the digest of the pins, *command* what the container runs.
    """

    base: str
    target: str
    requirements: str
    label: str
    command: tuple[str, ...]
    installer: Installer = "pip"
    uv_image: str = ""
    sources: tuple[str, ...] = ()
    unhashed: str | None = None
    trees: tuple[str, ...] = ()
    built: str | None = None
    archives: tuple[str, ...] = ()
    build: str | None = None
    complete: bool = True
    wheels_only: bool = True
    musl: bool = False
    cache_mount: bool = False
    multi_stage: bool = False
    provided: bool = False
    virtual: str = ""

    @property
    def prefix(self) -> str:
        """The virtual environment that is installed into: the base's own where that provides packages."""
        return self.virtual or _VENV


class _Step(Struct, frozen=True):
    """An instruction, and the comment above it."""

    text: str
    comment: str = ""

    @property
    def keyword(self) -> str:
        return self.text.partition(" ")[0]


def format_dockerfile(recipe: ImageRecipe) -> str:
    """Return the text of a Dockerfile; the same recipe always gives the same bytes."""
    lines = ["# syntax=docker/dockerfile:1"] if recipe.cache_mount else []
    lines.append(f"# Written by `lockml dockerfile init` for {recipe.target}.")
    before = "FROM"
    for step in _steps(recipe):
        if step.keyword != before:
            lines.append("")
        lines += [f"# {step.comment}", step.text] if step.comment else [step.text]
        before = step.keyword
    return "\n".join(lines) + "\n"


def _steps(recipe: ImageRecipe) -> Iterator[_Step]:
    if recipe.installer == "uv":
        yield _Step(f"FROM {recipe.uv_image} AS uv")
    if recipe.multi_stage:
        yield from _ground(f"FROM {recipe.base} AS base", recipe.prefix)
        yield from _build(recipe, "base")
        yield _Step("FROM base AS packages")
        yield from _install(recipe)
        yield _Step("FROM base")
        yield _Step(f"RUN {_add_user(recipe)}")
        yield _Step(f"COPY --from=packages {recipe.prefix} {recipe.prefix}")
    else:
        yield from _build(recipe, recipe.base)
        yield from _ground(f"FROM {recipe.base}", recipe.prefix)
        yield from _install(recipe, f"{_add_user(recipe)} {_NEXT_LINE}&& ")
    yield from _application(recipe)


def _ground(first: str, prefix: str) -> Iterator[_Step]:
    """Yield what all stages share."""
    yield _Step(first)
    variables = ["PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1", f"PATH={prefix}/bin:$PATH"]
    text = "Python writes no bytecode at run time, which would change the container, and does not buffer its output."
    yield _Step("ENV " + f" {_NEXT_LINE}".join(variables), text)
    yield _Step("WORKDIR /app")


def _add_user(recipe: ImageRecipe) -> str:
    if recipe.musl:
        return f"adduser -D -u {_USER} app"
    return f"useradd --create-home --no-log-init --user-group --uid {_USER} app"


def _build(recipe: ImageRecipe, base: str) -> Iterator[_Step]:
    """Yield the stage that builds wheels, if there are any to build."""
    if recipe.built is None:
        return
    yield _Step(f"FROM {base} AS wheels", "This stage builds what no index has; only the wheels leave it.")
    yield _Step(f"ENV PATH={_BUILD}/bin:$PATH", "Builds run programs of their build requirements, such as ninja.")
    yield _Step("WORKDIR /build")
    yield _Step(f"RUN python3 -m venv {_BUILD}")
    pip = f"{_BUILD}/bin/pip"
    if recipe.build is not None:
        yield _copy(recipe.build, "The build requirements, by hash.")
        yield from (_Step(f"COPY {source} {source}") for source in recipe.sources)
        yield _pip(recipe, f"{pip} install", f"--require-hashes --no-deps -r {recipe.build}")
    yield _copy(recipe.built, "The sources, by commit or hash.")
    yield from (_Step(f"COPY {archive} {archive}") for archive in recipe.archives)
    yield _pip(recipe, f"{pip} wheel", f"--no-deps --no-build-isolation --wheel-dir /wheels -r {recipe.built}")


def _pip(recipe: ImageRecipe, command: str, options: str) -> _Step:
    if recipe.cache_mount:
        return _Step(f"RUN --mount=type=cache,target={_CACHES['pip']} {_NEXT_LINE}{command} {_NEXT_LINE}{options}")
    return _Step(f"RUN {command} --no-cache-dir {_NEXT_LINE}{options}")


def _install(recipe: ImageRecipe, before: str = "") -> Iterator[_Step]:
    """Yield the steps that make the environment, after a command *before*: the locked file, then unhashed sources."""
    if recipe.installer == "uv":
        yield _Step("COPY --from=uv /uv /usr/local/bin/uv")
    without_pip = " --without-pip" if recipe.installer == "uv" else ""
    beside = " --system-site-packages" if recipe.provided else ""
    if not recipe.virtual:
        yield _Step(f"RUN {before}python3 -m venv{without_pip}{beside} {recipe.prefix}")
    text = "Install the locked packages before copying the code, so that a code change reinstalls nothing."
    yield _copy(recipe.requirements, text)
    yield from (_Step(f"COPY {source} {source}") for source in recipe.sources)
    yield _run(recipe, (*_locked_options(recipe), "-r", recipe.requirements))
    if recipe.unhashed is not None:
        yield _copy(recipe.unhashed, "Source trees, which pip cannot hash.")
        yield from (_Step(f"COPY {tree} {tree}") for tree in recipe.trees)
        yield _run(recipe, ("--no-deps", "-r", recipe.unhashed))
    if recipe.built is not None:
        yield _Step(
            "COPY --from=wheels /wheels /wheels",
            "The built projects: `lockml record` adds their identities to the lock.",
        )
        yield _run(recipe, ("--no-deps", "--no-index", "/wheels/*.whl"))


def _locked_options(recipe: ImageRecipe) -> Iterator[str]:
    yield "--require-hashes"
    if recipe.complete:
        yield "--no-deps"
    if recipe.wheels_only:
        yield "--only-binary :all:"


def _run(recipe: ImageRecipe, options: Iterable[str]) -> _Step:
    uv = recipe.installer == "uv"
    words = [f"uv pip install --python {recipe.prefix} --compile-bytecode" if uv else "pip install"]
    mount = ""
    if recipe.cache_mount:
        mount = f"--mount=type=cache,target={_CACHES[recipe.installer]} {_NEXT_LINE}"
        words += ["--link-mode=copy"] if uv else []  # the cache is on another file system
    else:
        words.append("--no-cache" if uv else "--no-cache-dir")
    return _Step(f"RUN {mount}{' '.join(words)} {_NEXT_LINE}{' '.join(options)}")


def _copy(file: str, comment: str = "") -> _Step:
    return _Step(f"COPY {file} {file if '/' in file else './'}", comment)


def _application(recipe: ImageRecipe) -> Iterator[_Step]:
    text = "The digest of the lock: `lockml check` reports an image that was built from another one."
    yield _Step(f'LABEL lockml.lock="{recipe.label}"', text)
    yield _Step("COPY . .", "The code belongs to root, so the running program cannot change it.")
    yield _Step(f"USER {_USER}")
    yield _Step("HEALTHCHECK NONE", "Add a health check here if this is a service.")
    yield _Step(f"CMD {json.dumps(recipe.command)}")


def format_dockerignore() -> str:
    """Return the text of a .dockerignore that admits the lock and the requirement files."""
    lines: list[str] = []
    for title, patterns in _IGNORED:
        lines += [f"# {title}", *patterns] if title else patterns
    return "\n".join(lines) + "\n"


def format_compose(name: str, platform: str, *, dockerfile: str, file: str) -> str:
    """Return the text of the Compose *file* with one service, built from *dockerfile* for *platform*."""
    lines = [
        f"# Written by `lockml dockerfile init`; `lockml check --compose {file}:app` checks what runs.",
        "services:",
        "  app:",
        "    build:",
        "      context: .",
        *([f"      dockerfile: {json.dumps(dockerfile)}"] if dockerfile != "Dockerfile" else ()),
        f"    image: {json.dumps(name)}",
        f"    platform: {platform}",
        "    init: true  # forwards signals and reaps processes",
    ]
    return "\n".join(lines) + "\n"
