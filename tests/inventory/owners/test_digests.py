"""Digests that PDM left empty, taken from the files themselves."""

import pytest

from lockml.common.digest import RecordRow
from lockml.inventory.distributions import read_distributions
from lockml.inventory.model import InstalledDistribution
from lockml.inventory.owners.digests import fill_in_digests
from tests.made.trees import SITE, MemoryTree
from tests.made.wheels import installed_files, make_wheel, record_digest

RECORD = f"{SITE}/model-1.0.dist-info/RECORD"
CODE = b"x = 1\n"
WHEEL = make_wheel("model", "1.0", files={"model.py": CODE})


def filled(row: str, tree: MemoryTree | None = None) -> RecordRow:
    """Return the row of model.py, stated as *row*, after filling in."""
    (distribution,) = fill_in_digests(tree or tree_with(row), [installed(tree or tree_with(row))])
    return next(each for each in distribution.record or () if each.path == row.partition(",")[0])


def installed(tree: MemoryTree) -> InstalledDistribution:
    (distribution,), _ = read_distributions(tree, (SITE,))
    return distribution


def tree_with(row: str, links: dict[str, str] | None = None, **more: bytes) -> MemoryTree:
    files = {**installed_files(WHEEL, SITE, compiled=False), **more}
    lines = [each for each in files[RECORD].decode().splitlines() if not each.startswith("model.py,")]
    files[RECORD] = "\n".join([*lines, row]).encode()
    if links:
        del files[f"{SITE}/model.py"]
    return MemoryTree(files, links=links)


@pytest.mark.parametrize("row", ["model.py,sha256=,6", "model.py,sha256=,", "model.py,sha256=,99"])
def test_empty_digest_is_that_of_the_file_with_its_size(row: str) -> None:
    assert filled(row) == RecordRow("model.py", record_digest(CODE), "6")


def test_digest_of_a_link_is_that_of_what_it_leads_to() -> None:
    row = "model.py,sha256=,31"
    tree = tree_with(row, links={f"{SITE}/model.py": "/cache/model.py"}, **{"/cache/model.py": CODE})
    assert filled(row, tree) == RecordRow("model.py", record_digest(CODE), "6")


@pytest.mark.parametrize(
    "row", ["model.py,sha256=abc,6", "model.py,,", "model.py,sha257=,6", "gone.py,sha256=,6", "../../x,sha256=,6"]
)
def test_row_that_is_not_empty_or_has_no_file_stays_as_it_is(row: str) -> None:
    assert ",".join(filled(row)) == row


def test_file_that_cannot_be_hashed_leaves_its_row_as_it_is() -> None:
    row = "model.py,sha256=,6"
    files = installed_files(WHEEL, SITE, compiled=False)
    files[RECORD] = f"{row}\n".encode()
    tree = MemoryTree(files, locked=(f"{SITE}/model.py",))
    assert ",".join(filled(row, tree)) == row


def test_distribution_without_empty_digests_is_the_very_same() -> None:
    tree = MemoryTree(installed_files(WHEEL, SITE))
    each = installed(tree)
    assert list(fill_in_digests(tree, [each])) == [each]
