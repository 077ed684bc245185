"""Time a whole cold `lockml compile` with other HTTP clients in the place of its own.

    python benchmarks/clients.py --index-url http://127.0.0.1:8100/simple/ [INPUT.in ...] [--runs 5]

`used` is httpx as lockml uses it, a pool for each connection; `pool` is httpx with one pool; `urllib3` has to be
installed. Each implements the same `Transport`, and the runs are interleaved. Whole processes without a cache or
artifact identities, wall seconds, medians, as Markdown.
"""

import argparse
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from compile import INPUTS, read_input

RUN = """
import os, sys, types
from contextlib import contextmanager
from lockml.index.http.response import Reply
kind = sys.argv.pop(1)

class Pool:
    def __init__(self, trust, *, connections):
        from lockml.index.http.httpx_import import httpx
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self.client = httpx.Client(verify=False, limits=limits, timeout=60)
    def close(self):
        self.client.close()
    @contextmanager
    def open(self, method, url, headers):
        with self.client.stream(method, url, headers=headers) as answer:
            names = {name.lower(): value for name, value in answer.headers.items()}
            yield Reply(status=answer.status_code, headers=names, chunks=answer.iter_bytes())

class Urllib3:
    def __init__(self, trust, *, connections):
        import urllib3
        self.manager = urllib3.PoolManager(maxsize=connections, retries=False, timeout=60)
    def close(self):
        self.manager.clear()
    @contextmanager
    def open(self, method, url, headers):
        answer = self.manager.urlopen(method, url, headers=dict(headers), redirect=False, preload_content=False)
        names = {name.lower(): value for name, value in answer.headers.items()}
        try:
            yield Reply(status=answer.status, headers=names, chunks=answer.stream(1 << 20, decode_content=True))
        finally:
            answer.release_conn()

if kind != "used":
    module = types.ModuleType("lockml.index.http.transport")
    module.NetworkTransport = {"pool": Pool, "urllib3": Urllib3}[kind]
    sys.modules["lockml.index.http.transport"] = module
from lockml.cli.main import main
main()
"""


def cold(kind: str, text: str, day: str, index_url: str) -> float:
    """Return the wall seconds of one compile of *text* with the client *kind*."""
    with tempfile.TemporaryDirectory(prefix="lockml-benchmark-") as folder:
        (Path(folder) / "requirements.in").write_text(text)
        target = ("--python", "3.11.7", "--platform", "linux/amd64", "--libc", "glibc-2.36", "--only-binary", ":all:")
        fixed = ("requirements.in", "--cache-dir", "cache", "--no-artifact-identity", "--exclude-newer", day)
        command = [sys.executable, "-c", RUN, kind, "compile", *fixed, *target, "--index-url", index_url]
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", nargs="*", type=Path)
    parser.add_argument("--index-url", required=True)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    kinds = ["used", "pool", *(["urllib3"] if importlib.util.find_spec("urllib3") else [])]
    print(f"| input | {' | '.join(kinds)} |\n|---|{'---|' * len(kinds)}")
    for path in options.input or sorted(path for folder in INPUTS for path in folder.glob("*.in")):
        what = read_input(path)
        taken: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(options.runs):
            for kind, seconds in taken.items():
                seconds.append(cold(kind, what.text, what.day, options.index_url))
        print(f"| {what.name} | {' | '.join(f'{statistics.median(taken[kind]):.3f}' for kind in kinds)} |")


if __name__ == "__main__":
    main()
