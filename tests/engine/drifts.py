"""Fourteen ways in which a container drifts, and one in which it does not, each with what a check must find."""

from dataclasses import dataclass, field

__all__ = ["SCENARIOS", "Scenario"]

SITE = "/usr/local/lib/python3.11/dist-packages"
_PIP = "python3 -m pip"
_INSTALL = f"{_PIP} install -q --break-system-packages --root-user-action=ignore --no-deps"
_FIX_RECORD = f"""
import base64, csv, glob, hashlib, io, pathlib
site = pathlib.Path("{SITE}")
(site / "click/core.py").write_bytes((site / "click/core.py").read_bytes() + b"\\n# edited\\n")
(record,) = site.glob("click-*.dist-info/RECORD")
rows = list(csv.reader(io.StringIO(record.read_text())))
for row in rows:
    if row[0] == "click/core.py":
        content = (site / row[0]).read_bytes()
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        row[1:] = ["sha256=" + digest, str(len(content))]
out = io.StringIO()
csv.writer(out, lineterminator="\\n").writerows(rows)
record.write_text(out.getvalue())
"""
_PATCH = f"""
import glob
(path,) = glob.glob("{SITE}/markupsafe/_speedups*.so")
content = bytearray(open(path, "rb").read())
content[len(content) // 2] ^= 1
open(path, "wb").write(content)
"""
_UNCHECKED = f"""
import py_compile, pathlib
pathlib.Path("/tmp/other.py").write_text("print(1)\\n")
py_compile.compile("/tmp/other.py", cfile="{SITE}/click/__pycache__/termui.cpython-311.pyc",
                   invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
"""
_DUPLICATE = f"""
cp -r {SITE}/click-*.dist-info {SITE}/click-7.0.dist-info
sed -i 's/^Version: .*/Version: 7.0/' {SITE}/click-7.0.dist-info/METADATA
"""
_LOOSE = f"""
mkdir {SITE}/helper
echo 'x = 1' > {SITE}/helper/__init__.py
echo 'y = 1' > {SITE}/helper/more.py
"""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A *name*, a shell *script* that runs in the container, and the drifts it makes: (kind, name, end of the path).

    *level* is the lowest that shows them.
    """

    name: str
    level: str
    script: str
    drifts: tuple[tuple[str, str, str], ...] = field(default=())


def _python(code: str) -> str:
    return f"python3 - <<'END'\n{code}\nEND\n"


SCENARIOS = (
    Scenario("clean", "files", "true"),
    Scenario("version", "names", f"{_INSTALL} click==8.1.6", (("version", "click", "click-8.1.6.dist-info"),)),
    Scenario(
        "extra", "names", f"{_INSTALL} colorama==0.4.6", (("unexpected", "colorama", "colorama-0.4.6.dist-info"),)
    ),
    Scenario(
        "removed", "names", "python3 -m pip uninstall -q -y --break-system-packages six", (("missing", "six", ""),)
    ),
    Scenario("edited", "files", f"echo '# edited' >> {SITE}/click/core.py", (("modified", "click", "click/core.py"),)),
    Scenario("deleted", "files", f"rm {SITE}/click/globals.py", (("removed-file", "click", "click/globals.py"),)),
    Scenario("patched", "files", _python(_PATCH), (("modified", "markupsafe", ".so"),)),
    Scenario("record", "artifacts", _python(_FIX_RECORD), (("artifact", "click", "click-8.1.7.dist-info"),)),
    Scenario(
        "pth",
        "files",
        f'echo \'import os; os.environ["X"] = "1"\' > {SITE}/evil.pth',
        (("unattributed-file", "evil.pth", f"{SITE}/evil.pth"),),
    ),
    Scenario(
        "added",
        "files",
        f"echo 'x = 1' > {SITE}/click/extra.py",
        (("unattributed-file", "extra.py", "click/extra.py"),),
    ),
    Scenario("loose", "files", _LOOSE, (("unattributed-file", "helper", f"{SITE}/helper"),)),
    Scenario("duplicate", "names", _DUPLICATE, (("duplicate", "click", "click-7.0.dist-info"),)),
    Scenario(
        "user-site",
        "names",
        f"{_INSTALL} --user --ignore-installed six==1.16.0",
        (("shadowed", "six", "/root/.local/lib/python3.11/site-packages/six-1.16.0.dist-info"),),
    ),
    Scenario("bytecode", "files", _python(_UNCHECKED), (("bytecode", "click", "termui.cpython-311.pyc"),)),
    Scenario(
        "library",
        "files",
        "echo '# edited' >> /usr/lib/python3.11/json/__init__.py",
        (("modified", "python", "/usr/lib/python3.11/json/__init__.py"),),
    ),
)
