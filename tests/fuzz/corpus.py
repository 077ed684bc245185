"""Well-formed content of each kind, for a fuzzer to begin with."""

import gzip
import json

from tests.made.oci import CONFIG, METADATA, SITE, index, manifest, packed
from tests.made.trees import MOUNTS
from tests.made.trees import SITE as LIBRARY
from tests.made.wheels import compiled_module, installed_files, make_wheel

__all__ = ["CORPUS"]

_WHEEL = make_wheel("pkg", "1.0", files={"pkg/__init__.py": b"", "pkg-1.0.data/scripts/run": b"#!python\n"})
_RECORD = installed_files(_WHEEL, LIBRARY)[f"{LIBRARY}/pkg-1.0.dist-info/RECORD"]
_LAYER = packed((METADATA, b"Name: a\nVersion: 1\n"), (f"{SITE}/.wh.b", b""), ("lib", "usr/lib")).getvalue()
_SAVED = packed(
    ("a/layer.tar", _LAYER),
    ("c.json", CONFIG),
    ("manifest.json", json.dumps([{"Config": "c.json", "RepoTags": ["a:1"], "Layers": ["a/layer.tar"]}]).encode()),
).getvalue()

CORPUS: dict[str, tuple[bytes, ...]] = {
    "layer": (_LAYER, gzip.compress(_LAYER)),
    "saved": (_SAVED, gzip.compress(_SAVED)),
    "documents": (CONFIG, manifest(), index((manifest(), "linux/amd64", "a:1"))),
    "record": (_RECORD,),
    "metadata": (
        b"Name: pkg\nVersion: 1.0\n",
        b'{"url": "file:///a", "dir_info": {"editable": true}}',
        b"import os\n/app\n",
    ),
    "lists": (
        b"d41d8cd98f00b204e9800998ecf8427e  usr/lib/python3.11/os.py\n",
        b"P:python3\nF:usr/lib/python3.11\nR:os.py\n",
    ),
    "wheel": (_WHEEL,),
    "compiled": (compiled_module(b""), compiled_module(b"", flags=3), b"#!/usr/bin/python\nimport sys\n"),
    "lines": (MOUNTS.encode(), b"a==1\n-e git+https://x.example/a#egg=b\n", b'{"installed": [], "environment": {}}'),
}
