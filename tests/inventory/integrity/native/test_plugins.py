"""What C libraries load by their configurations: OpenSSL's engines and providers, glibc's name services."""

import pytest

from lockml.inventory.file_tree import AFTER_START, Origin
from tests.drift.checks import IMAGE, STARTED, check, found, md5sums, start
from tests.drift.subjects import in_order
from tests.made.trees import ELF_X86_64, MemoryTree

CONF = "/etc/ssl/openssl.cnf"
EVIL = "/srv/e.so"
LIBRARY = "/usr/lib/x86_64-linux-gnu"
OWNED = "/opt/pkcs/pkcs11.so"
USUAL = b"""HOME = .
openssl_conf = openssl_init
# .include fipsmodule.cnf
[openssl_init]
providers = provider_sect
ssl_conf = ssl_sect
[provider_sect]
default = default_sect
legacy = legacy_sect
[default_sect]
activate = 1
[legacy_sect]
activate = 1
[system_default_sect]
CipherString = DEFAULT@SECLEVEL=1
[ CA_default ]
dir = ./demoCA
certs = $dir/certs
private_key = $dir/private/cakey.pem
[tsa_config1]
dir = ./demoCA
signer_cert = $dir/tsacert.pem
"""


def drifts(content: bytes, *, path: str = CONF, origin: Origin = IMAGE, folder: str = "", **more: bytes) -> list[str]:
    """Return the paths of the configurations that are drift, of a subject with an object that nobody owns."""
    files = {**in_order(), path: content, EVIL: ELF_X86_64, "/srv/code": ELF_X86_64, OWNED: ELF_X86_64}
    files |= {
        f"{LIBRARY}/engines-3/pkcs11.so": ELF_X86_64,
        "/var/lib/dpkg/info/p.md5sums": md5sums({OWNED: ELF_X86_64}),
    }
    tree = MemoryTree(files | more, origins={"/": IMAGE, path: origin})
    variables = {} if path == CONF else {"OPENSSL_CONF": path.rpartition("/")[2] if folder else path}
    return [path for kind, path in found(check(tree, start(folder=folder, **variables))) if kind == "environment"]


@pytest.mark.parametrize("origin", [IMAGE, STARTED])
@pytest.mark.parametrize(
    "more",
    [
        "",
        "[p]\nmodule = legacy.so\n",
        f"[e]\ndynamic_path = {LIBRARY}/engines-3/pkcs11.so\nengine_id = pkcs11\n",
        f"[e]\nd = {LIBRARY}\ndynamic_path = ${{e::d}}/engines-3/pkcs11.so\n",
        f"[p]\nmodule = {OWNED}\n",
        "[p]\nmodule = /not/there.so\n",
        f"# module = {EVIL}\n",
        f"[e]\nDIR_ADD = {LIBRARY}/engines-3\n",
        ".include /etc/ssl/none.cnf\n",
    ],
)
def test_configuration_that_loads_nothing_of_nobody_s_is_none(more: str, origin: Origin) -> None:
    """One that an image's own Dockerfile edited, too."""
    assert drifts(USUAL + more.encode(), origin=origin) == []


@pytest.mark.parametrize(
    "more",
    [
        f"[p]\nmodule = {EVIL}\n",
        f"[p]\np::module={EVIL} # why\n",
        "[e]\ndynamic_path = '/srv'/\"e\".so\n",
        "[e]\ndynamic_path = /srv/\\e.so\n",
        "[e]\nSO_PATH = /srv/code\n",
        f"[e]\nengine_id = {EVIL}\n",
        "[e]\nDIR_ADD = /srv\n",
        "[e]\nd = /srv\ndynamic_path = $d/e.so\n",
        "[e]\nd = /srv\ndynamic_path = $(e::d)/e.so\n",
        f"[a]\nd = {LIBRARY}\n[e]\nd = /srv\ndynamic_path = $e::d/e.so\n",
        "[e]\ndynamic_path = $ENV::EVIL\n",
        "[e]\ndyna\\\nmic_path = /sr\\\nv/e.so\n",
        "[p]\nmodule = ../../../../srv/e.so\n",
        f"[e]\nMODULE_PATH = {EVIL}\n",
        f"[e]\nwhatever = {EVIL}\n",
        "[e]\nwhatever = /srv/code\n",
    ],
)
def test_configuration_that_loads_what_nobody_has_is_drift(more: str) -> None:
    assert drifts(USUAL + more.encode()) == [CONF]


@pytest.mark.parametrize(
    "line", [".include /srv/a.cnf", ".include = /srv/d", " .include a.cnf", ".pragma includedir:/srv\n.include a.cnf"]
)
def test_included_configuration_counts(line: str) -> None:
    evil = f"[p]\nmodule = {EVIL}\n".encode()
    place = "/srv/d/x.conf" if line.endswith("/d") else "/srv/a.cnf"
    folder = "/srv" if line.startswith(" ") else ""
    files = {**in_order(), CONF: USUAL + line.encode() + b"\n", place: evil, EVIL: ELF_X86_64}
    assert ("environment", place) in found(check(files, start(folder=folder)))


@pytest.mark.parametrize("folder", ["", "/srv"])
def test_configuration_that_a_variable_names_counts(folder: str) -> None:
    assert drifts(f"[p]\nmodule = {EVIL}\n".encode(), path="/srv/o.cnf", folder=folder) == ["/srv/o.cnf"]


@pytest.mark.parametrize("content", [b"#" * 70_000, b".include /etc/ssl\n"])
def test_configuration_that_is_too_large_or_includes_too_much_is_a_problem(content: bytes) -> None:
    files = {**in_order(), CONF: content, **{f"/etc/ssl/{n}.cnf": b"" for n in range(70)}}
    assert [problem.path.rpartition("/")[0] for problem in check(files).problems] == ["/etc/ssl"]


SERVICES = "/etc/nsswitch.conf"
OBJECT = f"{LIBRARY}/libnss_evil.so.2"


@pytest.mark.parametrize(
    ("origin", "content", "right"),
    [
        (STARTED, b"hosts: files [!UNAVAIL=return] evil # x\n", False),
        (IMAGE, b"hosts: files evil\n", True),
        (Origin(AFTER_START + 1, "mounted", replaces=True), b"hosts: files evil\n", True),
        (STARTED, b"hosts: files dns\n# evil\n", True),
        (STARTED, b"hosts: files other\n", True),
    ],
)
def test_services_that_changed_after_the_start_and_load_what_nobody_has_are_drift(
    origin: Origin, content: bytes, right: bool
) -> None:
    files = {**in_order(), SERVICES: content, OBJECT: ELF_X86_64, f"{LIBRARY}/libnss_dns.so.2": b""}
    files["/var/lib/dpkg/info/libc6:amd64.md5sums"] = md5sums({f"{LIBRARY}/libnss_dns.so.2": b""})
    drift = [] if right else [("environment", SERVICES)]
    assert found(check(MemoryTree(files, origins={"/": IMAGE, SERVICES: origin}))) == drift
