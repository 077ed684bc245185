"""Shared objects that the loader takes from outside of the import path."""

import pytest
from msgspec.structs import replace

from lockml.drift.model import DriftReport
from lockml.inventory.file_tree import AFTER_START, Origin
from lockml.inventory.integrity.native.loader_cache import LOADER_CACHE
from lockml.inventory.integrity.native.shared_objects import loader_folders
from lockml.lock.model import BaseImage
from tests.drift.checks import IMAGE, LATER, STARTED, check, found, limits, start, usual_lock
from tests.drift.subjects import in_order
from tests.made.loader_caches import loader_cache
from tests.made.trees import ELF_X86_64, MemoryTree

TRIPLET = "/usr/lib/x86_64-linux-gnu"
LIBM = f"{TRIPLET}/libm.so.6"
MOUNTED = Origin(AFTER_START + 1, "mounted", replaces=False)
ADDED = Origin(2, "layer 2 of 2", replaces=False)


def tree(path: str = LIBM, origin: Origin = IMAGE, **more: bytes) -> MemoryTree:
    files = {**in_order(), path: ELF_X86_64, "/usr/lib/os-release": b"", **more}
    return MemoryTree(files, origins={"/": IMAGE, path: origin})


def test_objects_of_the_image_are_a_limit_by_folder() -> None:
    report = check(tree())
    assert (found(report), limits(report)["native-libraries"]) == ([], 2)  # libm, and libc in /lib


def test_objects_of_the_locked_base_image_are_none() -> None:
    layers = ("sha256:" + "a" * 64,)
    lock = replace(usual_lock(), base_image=BaseImage(reference="base:1", layers=layers))
    assert "native-libraries" not in limits(check(tree(), lock=lock, layers=layers))


@pytest.mark.parametrize(
    "path",
    [
        LIBM,
        "/usr/lib/libx.so",
        "/usr/lib64/libx.so.1.2.3",
        "/lib/libx.so",
        "/lib64/libx.so",
        "/usr/local/lib/libx.so.1",
        "/opt/cuda/lib/libx.so",
        "/data/lib/libx.so.0",
    ],
)
def test_object_that_came_after_the_start_is_drift(path: str) -> None:
    files = {"/etc/ld.so.conf.d/cuda.conf": b"# of CUDA\n/opt/cuda/lib\n"}
    report = check(tree(path, STARTED, **files), start(LD_LIBRARY_PATH="/none:/data/lib"))
    assert ("modified", path) in found(report)


@pytest.mark.parametrize(
    "path", ["/opt/elsewhere/libx.so", f"{TRIPLET}/notes.txt", f"{TRIPLET}/sub/libx.so", f"{TRIPLET}/libx.a"]
)
def test_file_that_the_loader_does_not_take_is_none(path: str) -> None:
    assert found(check(tree(path, STARTED))) == []


@pytest.mark.parametrize("kind", ["file", "link"])
def test_object_that_a_later_layer_put_in_place_of_another_is_drift(kind: str) -> None:
    """Without the rest of its package."""
    files = {**in_order(), f"{TRIPLET}/libc.so.6": ELF_X86_64, "/srv/evil.so": ELF_X86_64}
    files["/var/lib/dpkg/info/libc6:amd64.list"] = (
        f"/.\n/lib/x86_64-linux-gnu/libm.so.6\n{TRIPLET}/libc.so.6\n".encode()
    )
    links = {LIBM: "/srv/evil.so"} if kind == "link" else {}
    files |= {LIBM: ELF_X86_64} if kind == "file" else {}
    whole = MemoryTree(files, links=links, origins={"/": IMAGE, LIBM: LATER})
    assert ("modified", LIBM) in found(check(whole))


def test_object_whose_whole_package_a_later_layer_replaced_is_a_limit() -> None:
    """apt-get upgrade."""
    files = {**in_order(), f"{TRIPLET}/libc.so.6": ELF_X86_64, LIBM: ELF_X86_64}
    files["/var/lib/dpkg/info/libc6:amd64.list"] = (
        f"/.\n/lib/x86_64-linux-gnu/libm.so.6\n{TRIPLET}/libc.so.6\n".encode()
    )
    late = dict.fromkeys((LIBM, f"{TRIPLET}/libc.so.6", "/var/lib/dpkg/info/libc6:amd64.list"), LATER)
    report = check(MemoryTree(files, origins={"/": IMAGE, **late}))
    assert (found(report), limits(report)["native-libraries"] >= 2) == ([], True)


def test_object_that_is_its_whole_package_is_drift_unless_the_list_was_replaced_too() -> None:
    listed = "/var/lib/dpkg/info/libtcmalloc4:amd64.list"
    files = {**in_order(), LIBM: ELF_X86_64, listed: f"/.\n{LIBM}\n".encode()}
    assert found(check(MemoryTree(files, origins={"/": IMAGE, LIBM: LATER}))) == [("modified", LIBM)]
    assert found(check(MemoryTree(files, origins={"/": IMAGE, LIBM: LATER, listed: LATER}))) == []


CACHED = "/srv/x/libz.so.1"
CACHE = loader_cache(CACHED, LIBM)
CONF = "/etc/ld.so.conf.d/x.conf"


def cached(cache: Origin = IMAGE, **origins: Origin) -> DriftReport:
    """Return the report on a tree whose loader takes an object elsewhere by its cache."""
    files = {**in_order(), LIBM: ELF_X86_64, CACHED: ELF_X86_64, LOADER_CACHE: CACHE, CONF: b"/srv/x\n"}
    return check(MemoryTree(files, origins={"/": IMAGE, LOADER_CACHE: cache, CONF: cache, **origins}))


def test_folders_of_the_loader_s_cache_are_looked_at() -> None:
    """``RUN ldconfig /srv/x``."""
    assert (found(cached()), limits(cached())["native-libraries"]) == ([], 3)
    assert found(cached(**{CACHED: STARTED})) == [("modified", CACHED)]


def test_cache_that_changed_after_the_start_and_names_other_folders_is_drift() -> None:
    """By a configuration that changed too; what an engine mounts is its own word."""
    assert found(cached(STARTED)) == [("modified", LOADER_CACHE)]
    assert found(cached(STARTED, **{CONF: IMAGE})) == []
    assert found(cached(STARTED, **{CONF: MOUNTED})) == []


def test_cache_that_names_no_whole_path_is_drift() -> None:
    files = {**in_order(), LOADER_CACHE: loader_cache("libz.so.1")}
    assert found(check(MemoryTree(files, origins={"/": IMAGE}))) == [("modified", LOADER_CACHE)]


def test_object_by_any_name_is_one_where_the_cache_names_it() -> None:
    odd = f"{TRIPLET}/libz.so.1-rc"
    files = {**in_order(), odd: ELF_X86_64, LOADER_CACHE: loader_cache(odd)}
    assert found(check(MemoryTree(files, origins={"/": IMAGE, odd: STARTED}))) == [("modified", odd)]


def test_cache_that_cannot_be_followed_is_a_problem() -> None:
    report = check({**in_order(), LOADER_CACHE: CACHE[:-40]})
    assert {problem.path for problem in report.problems} == {LOADER_CACHE}


def test_folders_of_musl_are_looked_at_and_it_is_drift_that_they_change() -> None:
    path = "/etc/ld-musl-x86_64.path"
    loader = {"/lib/ld-musl-x86_64.so.1": ELF_X86_64}
    files = {**in_order(), **loader, path: b"/srv/a:/srv/x\n/lib\n", CACHED: ELF_X86_64}
    assert found(check(MemoryTree(files, origins={"/": IMAGE, CACHED: STARTED}))) == [("modified", CACHED)]
    assert found(check(MemoryTree(files, origins={"/": IMAGE, path: STARTED}))) == [("modified", path)]


PLUGINS = [
    f"{TRIPLET}/{each}" for each in ("ossl-modules/legacy.so", "engines-3/x.so", "engines-1.1/x.so", "gconv/X.so")
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [*PLUGINS, f"{TRIPLET}/gconv/gconv-modules", "/srv/a/x.so", "/srv/b/x.so", "/srv/c/x.so"]
)
def test_what_c_libraries_load_by_themselves_is_looked_at(path: str) -> None:
    runtime = start(OPENSSL_MODULES="/srv/a", OPENSSL_ENGINES="b", GCONV_PATH="/none:/srv/c", folder="/srv")
    assert found(check(tree(path, STARTED), runtime)) == [("modified", path)]
    assert found(check(tree(path, LATER), runtime)) == []
    assert limits(check(tree(path), runtime))["native-libraries"] == (1 if path.endswith("modules") else 2)


def test_object_that_a_link_of_the_image_leads_to_is_drift_when_it_changed() -> None:
    links = {LIBM: "/etc/alternatives/libm.so.6", "/etc/alternatives/libm.so.6": "/srv/libm.so.6"}
    files = {**in_order(), "/srv/libm.so.6": ELF_X86_64}
    for late in ("/srv/libm.so.6", "/etc/alternatives/libm.so.6"):
        report = check(MemoryTree(files, links=links, origins={"/": IMAGE, late: STARTED}))
        assert found(report) == [("modified", LIBM if late.startswith("/srv") else late)]
    assert found(check(MemoryTree(files, links=links, origins={"/": IMAGE}))) == []


def test_object_that_a_later_layer_added_is_a_limit() -> None:
    report = check(tree(f"{TRIPLET}/libnew.so", ADDED))
    assert (found(report), limits(report)["native-libraries"]) == ([], 2)


def test_folder_that_several_names_lead_to_is_looked_at_once() -> None:
    files = {"/usr/lib/libx.so": b"", f"{TRIPLET}/liby.so": b"", "/etc/ld.so.conf.d/a.conf": b"/usr/lib\n/lib/./\n"}
    folders = list(loader_folders(MemoryTree(files, links={"/lib": "usr/lib"}), "/lib:/usr/lib"))
    assert folders == ["/usr/lib", TRIPLET]


@pytest.mark.parametrize("search", ["/a:/b", "/a;/b", ":/a::/b:"])
def test_folders_of_the_library_path_come_first(search: str) -> None:
    files = {"/a/x.so": b"", "/b/x.so": b"", "/lib/x.so": b""}
    assert list(loader_folders(MemoryTree(files), search)) == ["/a", "/b", "/lib"]
