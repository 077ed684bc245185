import pytest

from lockml.inventory.file_tree import UnreadableError
from lockml.subjects.tree.symlinks import PathEntry, resolve_inside


def resolved(path: str, **links: str) -> str:
    places = {f"/{name.replace('__', '/')}": PathEntry("link", target) for name, target in links.items()}

    def look(here: str) -> PathEntry:
        return places.get(here, PathEntry("folder"))

    return resolve_inside(path, look)


@pytest.mark.parametrize(
    ("path", "links", "expected"),
    [
        ("/a/b", {}, "/a/b"),
        ("/a//./b/", {}, "/a/b"),
        ("/bin/sh", {"bin": "usr/bin"}, "/usr/bin/sh"),
        ("/a/b", {"a": "/x/y", "x": "z"}, "/z/y/b"),
        ("/a/b", {"a__b": "../../../../etc/passwd"}, "/etc/passwd"),
        ("/../../etc", {}, "/etc"),
        ("/a/..", {"a": "/deep/er"}, "/deep"),
    ],
)
def test_links_are_followed_inside_the_tree(path: str, links: dict[str, str], expected: str) -> None:
    assert resolved(path, **links) == expected


def test_missing_part_ends_the_following_and_nothing_behind_it_leads_up() -> None:
    assert resolve_inside("/gone/../../etc", lambda _: None) == "/gone/etc"


def test_circle_of_links_is_unreadable() -> None:
    with pytest.raises(UnreadableError, match="too many links"):
        resolved("/a", a="b", b="a")
