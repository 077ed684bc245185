"""Images as files: configurations, manifests, indexes and layers."""

import hashlib
import io
import json
import tarfile

from lockml.subjects.oci.decompress import inflated
from lockml.subjects.oci.layers import LayerTree, read_layer
from lockml.subjects.oci.stream_capture import Passing
from lockml.subjects.oci.tar import StreamSource

__all__ = ["CONFIG", "METADATA", "SITE", "digest", "index", "manifest", "packed", "read"]

SITE = "opt/venv/lib/python3.11/site-packages"
METADATA = f"{SITE}/a-1.dist-info/METADATA"
CONFIG = json.dumps(
    {
        "config": {"Env": ["PATH=/opt/venv/bin", "A=b=c"], "WorkingDir": "/app", "User": "worker"},
        "rootfs": {"diff_ids": ["sha256:1", "sha256:2"]},
        "history": [
            {"created_by": "/bin/sh -c #(nop) ADD file:1 in / "},
            {"created_by": "/bin/sh -c #(nop)  ENV A=b", "empty_layer": True},
            {"created_by": "RUN /bin/sh -c pip install   numpy # buildkit"},
        ],
    }
).encode()


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def manifest(config: bytes = CONFIG) -> bytes:
    layers = [{"digest": "sha256:aa"}, {"digest": "sha256:bb"}]
    return json.dumps({"config": {"digest": digest(config)}, "layers": layers}).encode()


def index(*images: tuple[bytes, str | None, str | None]) -> bytes:
    entries = []
    for content, platform, name in images:
        entry: dict[str, object] = {"digest": digest(content)}
        if platform is not None:
            system, architecture, *variant = platform.split("/")
            entry["platform"] = {"os": system, "architecture": architecture, "variant": "".join(variant)}
        if name is not None:
            entry["annotations"] = {"org.opencontainers.image.ref.name": name}
        entries.append(entry)
    return json.dumps({"manifests": entries}).encode()


def packed(*members: tuple[str, bytes | str | None], mode: str = "w", kind: bytes = tarfile.SYMTYPE) -> io.BytesIO:
    """Return a tar: content in bytes is a file, text the target of a link, None a folder."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
                continue
            member.type = tarfile.DIRTYPE if content is None else kind
            member.linkname = content or ""
            archive.addfile(member)
    out.seek(0)
    return out


def read(layer: io.BytesIO, *, hashed: bool = False) -> LayerTree:
    return read_layer(inflated(StreamSource(layer)), passing=Passing(hashed=hashed))
