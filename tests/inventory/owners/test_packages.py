"""What package lists, layers and the base image are worth for the standard library, the interpreter and programs."""

import base64
import hashlib
from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from lockml.drift.model import DriftReport
from lockml.inventory.file_tree import Origin
from lockml.lock.model import BaseImage, Lock
from tests.drift.checks import (
    IMAGE,
    LATER,
    LIBRARY,
    STARTED,
    check,
    debian,
    found,
    limits,
    md5sums,
    on_debian,
    start,
    usual_lock,
)
from tests.drift.subjects import MODEL, NUMPY, in_order
from tests.made.trees import ELF_X86_64, MemoryTree
from tests.made.wheels import installed_files

LIST = "/var/lib/dpkg/info/libpython3.11-stdlib:amd64.md5sums"
OS, JSON = f"{LIBRARY}/os.py", f"{LIBRARY}/json/__init__.py"
PROGRAM = "/usr/bin/python3.11"
LAYERS = ("sha256:" + "a" * 64, "sha256:" + "b" * 64)
ADDED = Origin(2, "layer 2 of 2", replaces=False)


def anchored() -> Lock:
    """Return a lock of the usual projects on a base image of the first layer."""
    return replace(usual_lock(), base_image=BaseImage(reference="base:1", layers=LAYERS[:1]))


def of_layers(origins: Mapping[str, Origin], files: Mapping[str, bytes] | None = None) -> DriftReport:
    return check(on_debian(files or debian(), origins={"/": IMAGE, **origins}))


def test_files_of_the_locked_base_image_are_proven() -> None:
    tree = on_debian(debian(), origins={"/": IMAGE})
    report = check(tree, lock=anchored(), layers=LAYERS)
    unproven = {"package-lists", "stdlib-unproven", "interpreter-unproven", "native-libraries", "bytecode-body"}
    assert (found(report), unproven & limits(report).keys()) == ([], set())


def test_files_of_another_base_image_are_as_its_lists_say() -> None:
    tree = on_debian(debian(), origins={"/": IMAGE})
    report = check(tree, lock=anchored(), layers=(LAYERS[1], LAYERS[0]))
    assert [drift.kind for drift in report.drifts] == ["base-image"]
    assert limits(report)["package-lists"] == 3


def test_lists_of_a_subject_without_layers_are_a_limit() -> None:
    report = check(on_debian(debian()))
    assert (found(report), limits(report)["package-lists"]) == ([], 3)


def test_upgrade_of_the_whole_package_by_a_later_layer_is_in_order() -> None:
    """apt-get upgrade."""
    late = dict.fromkeys((OS, JSON, LIST), LATER)
    report = of_layers(late)
    assert (found(report), limits(report)["package-lists"] >= 2) == ([], True)


def test_file_and_list_by_a_later_layer_without_the_rest_of_the_package_are_drift() -> None:
    """system_stdlib_forged_image."""
    files = {**debian(), OS: b"import evil\n"}
    files[LIST] = md5sums({OS: files[OS], JSON: files[JSON]})
    assert found(of_layers({OS: LATER, LIST: LATER}, files)) == [("modified", OS)]


def test_file_by_a_later_layer_is_held_against_the_older_list() -> None:
    assert found(of_layers({OS: LATER}, {**debian(), OS: b"import evil\n"})) == [("modified", OS)]


@pytest.mark.parametrize("path", [OS, JSON, PROGRAM])
def test_file_that_changed_after_the_start_is_drift_whatever_a_list_says(path: str) -> None:
    assert found(of_layers({path: STARTED})) == [("modified", path)]


def test_file_added_to_the_library_is_drift_though_a_list_that_changed_too_has_it() -> None:
    files = {**debian(), f"{LIBRARY}/evil.py": b"x"}
    files[LIST] = md5sums({OS: files[OS], JSON: files[JSON], f"{LIBRARY}/evil.py": b"x"})
    report = of_layers({f"{LIBRARY}/evil.py": STARTED, LIST: STARTED}, files)
    assert ("modified", f"{LIBRARY}/evil.py") in found(report)


@pytest.mark.parametrize("digest", ["", "0" * 31, "zz" * 16, "0" * 32])
def test_sum_that_is_none_accounts_for_nothing(digest: str) -> None:
    files = debian()
    files[LIST] = f"{digest}  usr/lib/python3.11/os.py\n".encode() + md5sums({JSON: files[JSON]})
    assert ("modified", OS) in found(check(on_debian(files)))


def test_interpreter_that_a_list_has_is_held_against_it() -> None:
    assert found(check(on_debian({**debian(), PROGRAM: ELF_X86_64 + b"patched"}))) == [("modified", PROGRAM)]


def built(program: Origin = IMAGE) -> MemoryTree:
    """Return the tree of a Python that the image built, of which no list knows."""
    files = {path: content for path, content in debian().items() if "/dpkg/" not in path}
    return on_debian(files, origins={"/": IMAGE, PROGRAM: program})


def test_interpreter_that_nothing_lists_is_a_limit() -> None:
    report = check(built())
    assert (found(report), limits(report)["interpreter-unproven"]) == ([], 1)


@pytest.mark.parametrize("origin", [LATER, STARTED])
def test_interpreter_that_was_replaced_alone_is_drift(origin: Origin) -> None:
    assert found(check(built(program=origin))) == [("modified", PROGRAM)]


def test_interpreter_of_the_base_image_is_no_limit() -> None:
    report = check(built(), lock=anchored(), layers=LAYERS)
    assert "interpreter-unproven" not in limits(report)


def test_standard_library_of_a_later_layer_than_the_interpreter_is_a_limit_and_told_by_its_layer() -> None:
    files = {path: content for path, content in debian().items() if "/dpkg/" not in path}
    report = check(on_debian(files, origins={"/": IMAGE, LIBRARY: ADDED}))
    assert (report.exit_code, limits(report)["stdlib-unproven"] >= 2) == (0, True)


def test_standard_library_that_nothing_tells_of_is_one_limit() -> None:
    files = {path: content for path, content in debian().items() if "/dpkg/" not in path}
    report = check(on_debian(files))
    assert (found(report), limits(report)["stdlib-unproven"]) == ([], 1)


LINK = f"{LIBRARY}/config/libpython3.11.so"
TARGET = "/usr/lib/x86_64-linux-gnu/libpython3.11.so.1.0"


def with_link(target: str = TARGET, *, listed: bool = True, link: Origin | None = None) -> MemoryTree:
    """Return Debian's Python with python3-dev, whose link only a ``*.list`` has."""
    files = {
        **debian(),
        TARGET: ELF_X86_64,
        "/srv/evil.so": ELF_X86_64,
        "/usr/share/doc/libpython3.11-dev/copyright": b"",
    }
    if listed:
        digest = hashlib.md5(ELF_X86_64).hexdigest()
        files["/var/lib/dpkg/info/libpython3.11:amd64.md5sums"] = f"{digest}  {TARGET[1:]}\n".encode()
        files["/var/lib/dpkg/info/libpython3.11-dev:amd64.list"] = (
            f"/.\n{LIBRARY}/config\n{LINK}\n/usr/share/doc/libpython3.11-dev/copyright\n".encode()
        )
        files["/var/lib/dpkg/info/libpython3.11:amd64.md5sums"] = md5sums({TARGET: ELF_X86_64})
    whole = {"/": IMAGE, LINK: link} if link is not None else None
    return on_debian(files, links={LINK: target}, origins=whole)


@pytest.mark.parametrize("target", [TARGET, "/usr/lib/gone.so"])
def test_link_that_dpkg_lists_is_in_order(target: str) -> None:
    """python3-dev gave 33 false alarms."""
    assert found(check(with_link(target))) == []


def test_link_that_dpkg_lists_is_drift_when_what_it_leads_to_is_not_the_package_s() -> None:
    assert check(with_link("/srv/evil.so")).exit_code == 1


def test_link_that_dpkg_does_not_list_is_drift() -> None:
    assert ("unattributed-file", f"{LIBRARY}/config") in found(check(with_link(listed=False)))


@pytest.mark.parametrize("origin", [STARTED, LATER])
def test_link_that_replaced_the_package_s_is_drift(origin: Origin) -> None:
    assert check(with_link("/srv/evil.so", link=origin)).exit_code == 1


def test_files_in_status_d_are_read_where_an_image_has_no_dpkg() -> None:
    """Distroless."""
    files = debian()
    for name in ("libpython3.11-stdlib:amd64", "python3.11-minimal"):
        content = files.pop(f"/var/lib/dpkg/info/{name}.md5sums")
        files[f"/var/lib/dpkg/status.d/{name.partition(':')[0]}.md5sums"] = content
    assert (found(check(on_debian(files))), limits(check(on_debian(files)))["package-lists"]) == ([], 3)
    assert found(check(on_debian({**files, OS: b"import evil\n"}))) == [("modified", OS)]


def test_apk_s_database_on_debian_speaks_for_nothing() -> None:
    """system_apk_forged."""
    digest = base64.b64encode(hashlib.sha1(b"evil\n").digest()).decode()
    lines = f"P:python3\nF:usr/lib/python3.11\nR:os.py\nZ:Q1{digest}\nR:evil.py\nZ:Q1{digest}\n"
    files = {**debian(), OS: b"evil\n", f"{LIBRARY}/evil.py": b"evil\n", "/lib/apk/db/installed": lines.encode()}
    assert found(check(on_debian(files))) == [("modified", OS), ("unattributed-file", f"{LIBRARY}/evil.py")]


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"files": 1}', b"\xff"])
def test_conda_s_list_that_cannot_be_read_makes_it_incomplete(content: bytes) -> None:
    prefix, site = "/opt/conda", "/opt/conda/lib/python3.11/site-packages"
    files = {**installed_files(MODEL, site, entry_points=("model-cli",)), **installed_files(NUMPY, site)}
    files |= {f"{prefix}/bin/python3": ELF_X86_64}
    files |= {path: content for path, content in in_order().items() if path.startswith("/lib/")}
    files |= {f"{prefix}/lib/python3.11/os.py": b""}
    files |= {f"{prefix}/include/python3.11/patchlevel.h": b'#define PY_VERSION "3.11.2"'}
    files[f"{prefix}/conda-meta/x.json"] = content
    report = check(MemoryTree(files), start(PATH=f"{prefix}/bin"))
    assert (report.environment.site_folders, report.exit_code) == ((site,), 4)
