"""The bounds on sizes, counts and times that a person can meet: where each is in the code, and what it bounds."""

import importlib
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

__all__ = ["BOUNDS", "Bound", "shown"]

Unit = Literal["bytes", "seconds", "days", "times", ""]


class Bound(NamedTuple):
    """A *constant* as ``MODULE:NAME`` below lockml, the *unit* of its value, and *what* it bounds."""

    constant: str
    unit: Unit
    what: str


BOUNDS: Final[Mapping[str, tuple[Bound, ...]]] = {
    "Requirement files and configuration": (
        Bound("common.references:LONGEST_REQUIREMENT", "", "characters of one requirement, without its hashes"),
        Bound("cli.common.remote_files:_MAX_BYTES", "bytes", "a requirement file that is fetched from a server"),
        Bound("requirements.pyproject:_MOST_EXTRAS", "", "extras of a project that name each other"),
        Bound("cli.compile.locks.matrix:MOST_CELLS", "", "locks of all tables of `[[tool.lockml.lock]]` together"),
        Bound("cli.compile.image.built:_MOST", "", "tables of `[[tool.lockml.built]]`"),
        Bound("common.tag_lists:_MAX_SIZE", "bytes", "a file for `--tags`"),
        Bound("common.tag_lists:_MAX_TAGS", "", "tags in it"),
        Bound("cli.compile.image.constraints:_MAX_FILES", "", "files of constraints in a base image"),
        Bound("common.yaml.document:_DEPTH", "", "levels of nesting in a YAML file"),
    ),
    "Locks": (
        Bound("cli.common.read_lock:_MAX_LOCK", "bytes", "a lock"),
        Bound("cli.common.read_lock:_MAX_BESIDE", "bytes", "a file beside a lock that is read with it"),
        Bound("lock.formats.files_beside:_MAX_FILES", "", "files beside it that it may name"),
        Bound("lock.formats.foreign:MAX_PACKAGES", "", "packages in the lock of another tool"),
        Bound("lock.formats.foreign:_DEEPEST", "", "brackets within each other in a marker"),
    ),
    "Package indexes": (
        Bound("index.http.client:CONNECTIONS", "", "connections at once"),
        Bound("index.http.transport:_CONNECT", "seconds", "to connect to a server"),
        Bound("index.http.watchdog:GRACE", "seconds", "that a server may send nothing or next to nothing"),
        Bound("index.http.client:_ATTEMPTS", "", "attempts at a request"),
        Bound("index.http.client:_PATIENCE", "seconds", "after which no further attempt begins"),
        Bound("index.http.client:_MAX_REDIRECTS", "", "redirects of a request"),
        Bound("index.http.client:_MAX_PAGE", "bytes", "a page of an index"),
        Bound("index.pages.fetch:_MAX_AGE", "seconds", "that a page is kept, whatever its server says"),
        Bound("index.http.credentials:_PATIENCE", "seconds", "for a keyring to answer"),
    ),
    "Wheels and source archives": (
        Bound("index.http.download:_MAX_FILE", "bytes", "a file whose page does not name its size"),
        Bound("index.distributions.archive:_MAX_METADATA", "bytes", "METADATA in a wheel"),
        Bound("index.distributions.archive:_MAX_RECORD", "bytes", "RECORD in a wheel"),
        Bound("index.distributions.sdist:_MAX_UNPACKED", "bytes", "a source archive, unpacked to find its PKG-INFO"),
        Bound("index.distributions.sdist:_MAX_ENTRIES", "", "entries of a source archive"),
        Bound(
            "resolution.unbuilt:_MOST_REFUSED",
            "",
            "archives of a project that turn out to need a build before lockml reads no more",
        ),
        Bound("resolution.unbuilt:_MOST_BYTES", "bytes", "all such archives of a project"),
        Bound("direct.unpack:_MAX_UNPACKED", "bytes", "a source archive, unpacked to be built"),
        Bound("direct.git:_PATIENCE", "seconds", "to fetch a repository"),
        Bound("direct.build:_PATIENCE", "seconds", "to build a project"),
    ),
    "Images, archives and registries": (
        Bound("subjects.oci.manifests:MAX_DOCUMENT", "bytes", "a manifest or a configuration"),
        Bound("subjects.oci.manifests:_MAX_LAYERS", "", "layers of an image"),
        Bound("subjects.oci.tar:_MAX_MEMBERS", "", "members of a layer"),
        Bound("subjects.oci.tar_header:_MAX_NAME", "bytes", "the path of a member"),
        Bound("subjects.oci.layers:_MAX_DEPTH", "", "folders within each other"),
        Bound(
            "subjects.oci.decompress:_MAX_RATIO",
            "times",
            "its own size, to which a layer may unpack beyond the next line",
        ),
        Bound("subjects.oci.decompress:_FREE", "bytes", "that a layer may unpack to whatever its size is"),
        Bound("subjects.tree.symlinks:_MAX_LINKS", "", "links that a path may lead through"),
        Bound("subjects.tree.hashing:_MAX_SIZE", "bytes", "a file that is hashed"),
    ),
    "Containers and engines": (
        Bound("subjects.engine.connection:_MAX_HEADERS", "bytes", "the headers of an engine's answer"),
        Bound("subjects.probe:_PATIENCE", "seconds", "for the program of `--exec`"),
        Bound("subjects.processes:_MAX_PROCESSES", "", "processes of a container"),
        Bound("subjects.engine.compose_files:_MAX_FILE", "bytes", "a Compose file"),
        Bound("subjects.engine.compose_files:_MAX_FILES", "", "Compose files of a project"),
        Bound("inventory.distributions:_MAX_LINES", "", "lines of metadata of an installed project"),
        Bound("inventory.integrity.survey:_MAX_DEPTH", "", "folders within each other on the import path"),
        Bound("subjects.recompile.compare:SECONDS", "seconds", "to compare compiled modules (`--bytecode-seconds`)"),
    ),
    "Dockerfiles": (
        Bound("docker.dockerfile.source:LARGEST", "bytes", "a Dockerfile"),
        Bound("docker.dockerfile.parse:_MOST", "", "instructions"),
        Bound("docker.shell.commands:_MOST", "", "commands of one RUN"),
        Bound("docker.context.dockerignore:_MOST", "", "patterns of a .dockerignore"),
    ),
    "Reports": (
        Bound("report.text:_MOST_GROUPS", "", "groups that text shows without `--full`"),
        Bound("report.markdown:_ROOM", "", "characters of Markdown"),
        Bound("report.sarif:_SHOWN", "", "results of SARIF without `--full`"),
    ),
    "An audit": (
        Bound("audit.store.acknowledgements:MOST_FINGERPRINTS", "", "findings that one acknowledgement is about"),
        Bound("audit.web.triage.actions:MOST_DAYS", "days", "that an acknowledgement lasts"),
        Bound("audit.messages:_MAX_LISTED", "", "findings that a message names"),
        Bound("audit.web.login:_WRONG", "", "wrong tokens from one address before it has to wait"),
        Bound("audit.delivery:_MOST_ATTEMPTS", "", "attempts to deliver a message"),
    ),
}
"""The bounds by what they are on."""


def shown(bound: Bound) -> str:
    """Return the value of *bound* as a person reads it."""
    module, _, name = bound.constant.partition(":")
    value = getattr(importlib.import_module(f"lockml.{module}"), name)
    match bound.unit:
        case "bytes":
            return _bytes(value)
        case "seconds" if value >= 3600:
            return f"{value / 3600:g} hours"
        case "seconds" if value >= 120:
            return f"{value / 60:g} minutes"
        case _:
            return f"{value:,g} {bound.unit}".rstrip() if value < 1_000_000 else f"{value:,}"


def _bytes(value: int) -> str:
    for power, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if value >= 1 << power:
            return f"{value / (1 << power):g} {unit}"
    return f"{value} bytes"
