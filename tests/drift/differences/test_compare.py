from collections.abc import Mapping
from typing import Any

import pytest

from lockml.drift.differences.files import compare_files
from lockml.drift.differences.model import Difference
from lockml.inventory.file_tree import AFTER_START, CHANGED, Origin
from lockml.inventory.model import HistoryStep, Subject
from tests.made.differences import compared, difference, environment
from tests.made.trees import SITE, venv_files
from tests.made.wheels import compiled_module, installed_files, make_wheel

SIX = make_wheel("six", "1.16.0")
NEWER = make_wheel("six", "1.17.0")


def six(wheel: bytes = SIX, **more: Any) -> dict[str, bytes]:
    return installed_files(wheel, SITE, **more)


def packages(found: Difference) -> list[tuple[str, str, str | None, str | None]]:
    return [(each.kind, each.name, each.before, each.after) for each in found.packages]


def paths(found: Difference) -> dict[str | None, list[tuple[str, str]]]:
    return {group.owner: [(each.kind, each.path) for each in group.changes] for group in found.groups}


def test_the_same_environment_does_not_differ() -> None:
    found = difference(environment(six()), environment(six()))
    assert not found.different
    assert (found.packages, found.settings, found.groups, found.problems) == ((), (), (), ())


@pytest.mark.parametrize("level", ["names", "artifacts", "files"])
def test_projects_that_came_and_went_and_changed_their_version_are_told(level: Any) -> None:
    before = environment(six(), installed_files(make_wheel("gone", "1.0"), SITE))
    after = environment(six(NEWER), installed_files(make_wheel("new", "2.0"), SITE))
    assert packages(difference(before, after, level=level)) == [
        ("removed", "gone", "1.0", None),
        ("added", "new", None, "2.0"),
        ("upgraded", "six", "1.16.0", "1.17.0"),
    ]
    assert packages(difference(after, before, level=level))[2] == ("downgraded", "six", "1.17.0", "1.16.0")


def test_another_record_of_the_same_version_is_told_from_level_artifacts_on() -> None:
    rebuilt = make_wheel("six", "1.16.0", files={"six.py": b"rebuilt = 1\n"})
    before, after = environment(six()), environment(six(rebuilt))
    assert packages(difference(before, after, level="names")) == []
    found = difference(before, after, level="artifacts")
    assert packages(found) == [("files", "six", "1.16.0", "1.16.0")]
    assert found.packages[0].detail == "its RECORD differs"


def test_record_that_names_other_scripts_of_an_installer_is_the_same() -> None:
    before, after = environment(six(installer="pip")), environment(six(installer="uv", entry_points=("six",)))
    assert packages(difference(before, after, level="artifacts")) == []


def test_bytes_that_no_record_admits_to_are_found_by_the_bytes() -> None:
    """What RECORD claims is the same on both sides; the file is not."""
    before = environment(six())
    after = {**before, f"{SITE}/six.py": before[f"{SITE}/six.py"].replace(b"1.16.0", b"9.16.0")}
    found = difference(before, after)
    assert paths(found) == {"six": [("changed", f"{SITE}/six.py")]}
    assert packages(found) == [("files", "six", "1.16.0", "1.16.0")]
    assert packages(difference(before, after, level="artifacts")) == []


def test_source_of_a_project_counts_by_name() -> None:
    url = '{"url": "https://user:secret@example.org/six.whl", "archive_info": {}}'
    found = difference(environment(six()), environment(six(direct_url=url)), level="names")
    assert packages(found) == [("source", "six", "1.16.0", "1.16.0")]
    assert found.packages[0].detail == "from https://example.org/six.whl, before from an index"


def test_files_are_told_by_whose_they_are() -> None:
    before = environment(six())
    after = environment(six(), {f"{SITE}/evil.pth": b"import os\n", f"{SITE}/numpy/extra.py": b""})
    del after[f"{SITE}/numpy/core.so"]
    found = difference(before, after)
    assert paths(found) == {
        "numpy": [("removed", f"{SITE}/numpy/core.so")],
        None: [("added", f"{SITE}/evil.pth"), ("added", f"{SITE}/numpy/extra.py")],
    }
    assert [group.folder for group in found.groups] == ["", SITE]


def test_data_and_scripts_that_records_list_elsewhere_are_compared() -> None:
    wheel = make_wheel("tool", "1.0", files={"tool.py": b"", "tool-1.0.data/data/share/tool.txt": b"one"})
    before = environment(installed_files(wheel, SITE, entry_points=("tool",)))
    after = {**before, "/opt/venv/share/tool.txt": b"two", "/opt/venv/bin/tool": b"#!/bin/sh\n"}
    assert paths(difference(before, after)) == {
        "tool": [("changed", "/opt/venv/bin/tool"), ("changed", "/opt/venv/share/tool.txt")]
    }


def test_other_prefix_and_other_python_are_compared_place_by_place() -> None:
    site = "/srv/env/lib/python3.12/site-packages"
    before = environment(six())
    files = {**venv_files(python="3.12.1", prefix="/srv/env"), **installed_files(SIX, site)}
    other = {**files, f"{site}/numpy.py": b""}
    found = difference(before, compared(other, name="b", runtime={"PATH": "/srv/env/bin"}))
    assert [each.name for each in found.settings][:2] == ["python", "environment"]
    assert packages(found) == [("removed", "numpy", "1.26.4", None)]
    assert {group.owner for group in found.groups if group.owner} == {"numpy"}
    six_files = [path for _, path in paths(found).get("six", []) if not path.endswith(".pyc")]
    assert six_files == []


def test_modules_that_were_compiled_at_another_time_do_not_count() -> None:
    source = b"value = 1\n"
    cached = f"{SITE}/numpy/__pycache__/__init__.cpython-311.pyc"
    before = environment({cached: compiled_module(source, modified=1)})
    again = environment({cached: compiled_module(source, modified=2)})
    found = difference(before, again)
    assert (found.different, found.recompiled) == (False, 1)
    other = environment({cached: compiled_module(source, modified=2) + b"evil"})
    found = difference(before, other)
    assert [(each.compiled.changed, each.files.changed, each.owner) for each in found.groups] == [(1, 0, "numpy")]
    assert packages(found) == []


def test_links_are_followed_and_a_folder_is_walked_once() -> None:
    links = {"/opt/venv/lib64": "lib", f"{SITE}/loop": ".", f"{SITE}/out": "/srv/data"}
    before = compared(environment({"/srv/data/mod.py": b"one"}), links=links)
    after = compared(environment({"/srv/data/mod.py": b"two"}), name="b", links=links)
    assert paths(difference(before, after)) == {None: [("changed", "/srv/data/mod.py")]}


@pytest.mark.parametrize("target", ["/", "/proc", "/proc/1/root", "/dev"])
def test_link_to_what_the_kernel_shows_is_not_walked_and_told(target: str) -> None:
    files = {"/proc/1/root/a.py": b"1", "/dev/b.py": b"1"}
    sides = [
        compared(environment({path: content * number for path, content in files.items()}), links={f"{SITE}/x": target})
        for number in (1, 2)
    ]
    found = difference(*sides)
    assert not found.different
    assert [note for note in found.notes if "not walked" in note] == [
        f"{target} is on the import path, or a link leads to it: not walked"
    ]


def test_link_that_leads_elsewhere_is_told_by_its_bytes_or_its_folder() -> None:
    files = environment({"/srv/a/m.py": b"same", "/srv/b/m.py": b"same", "/srv/one.py": b"1", "/srv/two.py": b"2"})
    before = compared(files, links={f"{SITE}/pkg": "/srv/a", f"{SITE}/m.py": "/srv/one.py"})
    after = compared(files, name="b", links={f"{SITE}/pkg": "/srv/b", f"{SITE}/m.py": "/srv/two.py"})
    assert paths(difference(before, after)) == {None: [("changed", f"{SITE}/m.py"), ("changed", f"{SITE}/pkg")]}


def test_programs_with_rights_of_others_are_told() -> None:
    before = compared(environment())
    after = compared(environment(), name="b", privileged=(f"{SITE}/numpy/core.so",))
    (group,) = difference(before, after).groups
    assert "rights" in group.changes[0].detail


def test_what_cannot_be_read_is_a_problem_of_its_side() -> None:
    before = compared(environment())
    after = compared(environment(), name="b", locked=(f"{SITE}/numpy/core.so",))
    found = difference(before, after)
    assert [(each.path, each.reason) for each in found.problems] == [
        (f"image b: {SITE}/numpy/core.so", "Permission denied")
    ]
    assert not found.different


def test_folder_that_cannot_be_read_is_no_difference_but_a_problem() -> None:
    after = compared(environment(), name="b", locked=(f"{SITE}/numpy",))
    found = difference(environment(), after)
    assert any(each.path == f"image b: {SITE}/numpy" for each in found.problems)
    assert not found.different


def test_links_without_an_end_are_problems_and_no_traceback() -> None:
    record = f"{SITE}/numpy-1.26.4.dist-info/RECORD"
    files = environment()
    files[record] += b"../../../share/loop/x,sha256=AAAA,1\n"
    loops = {f"{SITE}/a.py": f"{SITE}/b.py", f"{SITE}/b.py": f"{SITE}/a.py", "/opt/venv/share/loop": "loop"}
    for before, after in ((environment(), compared(files, links=loops)), (compared(files, links=loops), environment())):
        found = difference(before, after)
        assert {each.reason for each in found.problems} == {"too many links"}
        assert len(found.problems) >= 3


def test_variables_that_decide_what_python_loads_count_and_others_do_not() -> None:
    before = compared(environment(), runtime={"TZ": "UTC", "HOME": "/root"})
    after = compared(environment({"/app/x.py": b""}), name="b", runtime={"PYTHONPATH": "/app", "LD_PRELOAD": "/x.so"})
    found = difference(before, after)
    assert [(each.name, each.before, each.after) for each in found.settings if each.name.startswith("variable")] == [
        ("variable LD_PRELOAD", None, "/x.so"),
        ("variable PYTHONPATH", None, "/app"),
    ]


def layered(*digests: str) -> Subject:
    steps = tuple(HistoryStep(f"RUN step {digest}", number) for number, digest in enumerate(digests, 1))
    return Subject(kind="image", name="-".join(digests), layers=digests, history=steps)


def test_layers_that_only_one_has_are_told_with_their_steps() -> None:
    found = difference(
        compared(environment(), subject=layered("a", "b")), compared(environment(), subject=layered("a", "c", "d"))
    )
    assert found.shared_layers == 1
    assert [(each.kind, each.number, each.step) for each in found.layers] == [
        ("removed", 2, "RUN step b"),
        ("added", 2, "RUN step c"),
        ("added", 3, "RUN step d"),
    ]
    assert not found.different


def origins(*pairs: tuple[str, Origin]) -> Mapping[str, Origin]:
    return dict(pairs)


def test_files_are_told_with_what_brought_them() -> None:
    run = Origin(3, "layer 3 of 3 (RUN pip install six)", replaces=False)
    after = compared(environment(six()), name="b", origins=origins((f"{SITE}/six", run)))
    (group,) = (each for each in difference(environment(), after).groups if each.owner == "six")
    assert group.origins[run.text] >= 1
    assert next(each.origin for each in group.changes if each.path == f"{SITE}/six.py") == run.text


@pytest.mark.parametrize("swapped", [False, True])
def test_what_a_container_changed_is_told_with_its_time_on_either_side(swapped: bool) -> None:
    late = Origin(AFTER_START, CHANGED, replaces=True)
    path = f"{SITE}/numpy/__init__.py"
    image = compared(environment())
    container = compared(
        environment({path: b"two = 2\n"}),
        subject=Subject(kind="container", name="c"),
        origins=origins((path, late)),
        modified={path: 1_800_000_000},
    )
    (group,) = (difference(container, image) if swapped else difference(image, container)).groups
    (change,) = group.changes
    assert (change.origin, change.time) == (f"before: {CHANGED}" if swapped else CHANGED, "2027-01-15T08:00:00Z")


def test_removed_files_are_told_with_what_removed_them() -> None:
    path = f"{SITE}/numpy/core.so"
    after = environment()
    del after[path]
    gone = Origin(4, "layer 4 of 4 (RUN rm)", replaces=False)
    (group,) = difference(environment(), compared(after, name="b", removed={path: gone})).groups
    assert dict(group.origins) == {gone.text: 1}


def test_of_many_files_a_few_are_kept_and_all_with_full() -> None:
    many = {f"{SITE}/gen/m{number}.py": b"" for number in range(300)}
    found = difference(environment(), environment(many))
    (group,) = found.groups
    assert (group.files.added, len(group.changes)) == (300, 5)
    (group,) = difference(environment(), environment(many), full=True).groups
    assert len(group.changes) == 300


class OfOneLayer:
    """Knows that all below /opt is of a layer that both have."""

    def folder(self, path: str) -> bool:
        return path.startswith("/opt/")

    def file(self, path: str) -> bool:
        return path.startswith("/opt/")


def test_links_in_a_folder_of_a_layer_that_both_have_are_followed_all_the_same() -> None:
    """The link is of a shared layer; what it leads to is not."""
    links = {f"{SITE}/mod.py": "/srv/mod.py", f"{SITE}/pkg": "/srv/pkg"}
    one = compared(environment({"/srv/mod.py": b"1", "/srv/pkg/a.py": b"1"}), links=links)
    two = compared(environment({"/srv/mod.py": b"2", "/srv/pkg/a.py": b"2"}), links=links)
    assert one.tree is not None
    assert two.tree is not None
    environments = (one.inventory.environment, two.inventory.environment)
    found = compare_files((one.tree, two.tree), environments, ("a", "b"), OfOneLayer())
    assert [each.path for group in found.groups for each in group.changes] == [f"{SITE}/mod.py", "/srv/pkg/a.py"]
