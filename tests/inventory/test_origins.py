"""What brought a file to its place, and what removed it, in a whole check of a tree."""

import pytest

from lockml.drift.model import Drift, Level
from lockml.inventory.file_tree import AFTER_START, CHANGED, Origin
from lockml.inventory.origins import Removals
from lockml.report.text import format_text
from tests.drift.checks import IMAGE, LATER, STARTED, check
from tests.drift.subjects import in_order, without
from tests.made.trees import SITE, MemoryTree
from tests.made.wheels import installed_files, make_wheel

STEP = Origin(3, "layer 3 of 4 (RUN find / -name core.so -delete)", replaces=False)
CORE = f"{SITE}/numpy/core.so"
NUMPY = f"{SITE}/numpy"


def only(tree: MemoryTree) -> Drift:
    (drift,) = check(tree).drifts
    return drift


@pytest.mark.parametrize("origin", [STEP, STARTED])
def test_removed_file_tells_what_removed_it(origin: Origin) -> None:
    drift = only(MemoryTree(without(in_order(), CORE), removed={NUMPY: origin}))
    assert (drift.kind, drift.path, drift.origin) == ("removed-file", NUMPY, origin.text)
    assert (drift.locked, drift.found, drift.detail) == ("1.26.4", None, "a file that it installs is missing")


def test_removed_file_of_which_nothing_tells_what_removed_it_has_no_origin() -> None:
    assert only(MemoryTree(without(in_order(), CORE))).origin is None


def test_what_was_put_in_the_place_of_a_file_removed_it() -> None:
    tree = MemoryTree({**without(in_order(), CORE), f"{CORE}/x": b""}, origins={f"{CORE}/x": LATER, CORE: LATER})
    (origin,) = {drift.origin for drift in check(tree).drifts if drift.kind == "removed-file"}
    assert origin == LATER.text


def test_missing_project_tells_what_removed_it() -> None:
    tree = MemoryTree(without(in_order(), "numpy"), removed={f"{SITE}/numpy-1.26.4.dist-info": STEP})
    report = check(tree, level="names")
    (drift,) = report.drifts
    assert (drift.kind, drift.path, drift.origin) == ("missing", None, STEP.text)
    assert drift.detail == f"{SITE}/numpy-1.26.4.dist-info was removed"
    assert f"    by     {STEP.text}\n" in format_text([report])


def test_missing_project_that_was_removed_twice_tells_the_last() -> None:
    folders = {f"{SITE}/numpy-1.26.4.dist-info": STEP, f"{SITE}/NumPy-1.24.0.egg-info": STARTED}
    assert only(MemoryTree(without(in_order(), "numpy"), removed=folders)).origin == CHANGED


def test_file_behind_a_link_has_the_layer_of_the_file() -> None:
    files = {**without(in_order(), CORE), "/srv/core.so": b"another machine code"}
    tree = MemoryTree(files, links={CORE: "/srv/core.so"}, origins={CORE: IMAGE, "/srv/core.so": LATER})
    drift = only(tree)
    assert (drift.kind, drift.path, drift.origin) == ("modified", CORE, LATER.text)


def test_link_that_nothing_accounts_for_has_its_own_layer_where_that_is_later() -> None:
    link = f"{SITE}/sitecustomize.py"
    tree = MemoryTree(
        {**in_order(), "/srv/x.py": b""}, links={link: "/srv/x.py"}, origins={link: STARTED, "/srv/x.py": IMAGE}
    )
    assert only(tree).origin == CHANGED


def test_file_that_a_mount_replaces_has_the_mount_behind_a_link() -> None:
    mount = Origin(AFTER_START + 1, "mounted at /srv (ext4 /dev/vda)", replaces=True)
    files = {**without(in_order(), CORE), "/srv/core.so": b"other"}
    drift = only(MemoryTree(files, links={CORE: "/srv/core.so"}, origins={CORE: IMAGE, "/srv": mount}))
    assert (drift.origin, drift.fix) == (mount.text, "start the container without that mount")


def test_script_that_is_not_the_wheels_tells_its_layer() -> None:
    script = "/opt/venv/bin/run"
    files = {**in_order(), script: b"#!/opt/venv/bin/python3\nimport os\n"}
    assert {drift.origin for drift in check(MemoryTree(files, origins={script: LATER})).drifts} == {LATER.text}


def test_file_that_changes_what_python_loads_tells_its_layer() -> None:
    files = {**in_order(), "/etc/ld.so.preload": b"/srv/x.so", "/srv/x.so": b""}
    assert only(MemoryTree(files, origins={"/etc": LATER})).origin == LATER.text


def test_removal_behind_a_linked_folder_is_found() -> None:
    tree = MemoryTree({"/lib/a": b""}, links={"/lib64": "/lib"}, removed={"/lib/b": STEP})
    assert Removals(tree).origin("/lib64/b") == STEP


def test_removal_by_a_link_in_the_place_of_the_folder_is_found() -> None:
    tree = MemoryTree({"/srv/a": b""}, links={"/site/pkg": "/srv"}, removed={"/site/pkg/b": STARTED})
    assert Removals(tree).origin("/site/pkg/b") == STARTED


@pytest.mark.parametrize("level", ["names", "files"])
def test_each_drift_of_a_place_has_the_time_that_it_was_written(level: Level) -> None:
    """Of what was removed it is that of the folder: removing a file writes its folder."""
    extra = installed_files(make_wheel("extra", "1.0", files={"extra.py": b""}), SITE)
    files = {**without(in_order(), CORE), **extra, f"{SITE}/model/__init__.py": b"x = 1", f"{SITE}/a.pth": b"import x"}
    modified = {
        f"{SITE}/extra-1.0.dist-info": 1_800_000_001,
        f"{SITE}/model/__init__.py": 1_800_000_002,
        f"{SITE}/a.pth": 1_800_000_003,
        SITE: 1_800_000_004,
    }
    found = {drift.name: drift.time for drift in check(MemoryTree(files, modified=modified), level=level).drifts}
    every = {
        "extra": "2027-01-15T08:00:01Z",
        "model": "2027-01-15T08:00:02Z",
        "a.pth": "2027-01-15T08:00:03Z",
        "numpy": "2027-01-15T08:00:04Z",
    }
    assert found == (every if level == "files" else {"extra": every["extra"]})


@pytest.mark.parametrize(("folder", "told"), [(LATER, None), (STARTED, "2023-11-14T22:13:20Z")])
def test_time_of_a_folder_that_the_removal_did_not_write_is_not_told(folder: Origin, told: str | None) -> None:
    """Engines elsewhere tell which files went, and nothing of the folders."""
    tree = MemoryTree(without(in_order(), CORE), removed={NUMPY: STARTED}, origins={SITE: folder})
    (drift,) = (each for each in check(tree).drifts if each.kind == "removed-file")
    assert (drift.origin, drift.time) == (STARTED.text, told)


@pytest.mark.parametrize("seconds", [0, -1, 253_402_300_800, 1 << 80])
def test_time_that_no_calendar_has_is_unknown(seconds: int) -> None:
    files = {**in_order(), f"{SITE}/a.pth": b"import x"}
    assert only(MemoryTree(files, modified={f"{SITE}/a.pth": seconds})).time is None
