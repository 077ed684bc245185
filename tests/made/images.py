"""Images as the tools write them: archives of Docker, skopeo, crane and others, and the blobs of OCI layouts."""

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence

__all__ = ["blobs_of", "configuration", "digest", "oci_manifest", "saved", "tar_of"]


def digest(content: bytes) -> str:
    """Return the digest of *content*."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def configuration(*layers: bytes, **more: object) -> bytes:
    """Return the configuration of an image with these layers, compressed or not."""
    plain = [gzip.decompress(each) if each[:2] == b"\x1f\x8b" else each for each in layers]
    told = {"config": {"Env": ["PATH=/opt/venv/bin"]}, "rootfs": {"diff_ids": [digest(each) for each in plain]}, **more}
    return json.dumps(told).encode()


def oci_manifest(config: bytes, layers: Sequence[bytes]) -> bytes:
    """Return an OCI manifest."""
    parts = [{"digest": digest(each), "size": len(each)} for each in layers]
    return json.dumps({"config": {"digest": digest(config), "size": len(config)}, "layers": parts}).encode()


def blobs_of(*contents: bytes) -> dict[str, bytes]:
    """Return blobs by where an OCI layout has them."""
    return {f"blobs/sha256/{hashlib.sha256(each).hexdigest()}": each for each in contents}


def saved(
    layers: Mapping[str, bytes], *, config: str = "c.json", tags: Sequence[str] | None = None
) -> dict[str, bytes]:
    """Return the members of an archive of one image: *layers* by their names, the lowest first."""
    told = [{"Config": config, "RepoTags": tags, "Layers": list(layers)}]
    return {**layers, config: configuration(*layers.values()), "manifest.json": json.dumps(told).encode()}


def tar_of(members: Mapping[str, bytes], mode: str = "w") -> bytes:
    """Return a tar archive of files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()
