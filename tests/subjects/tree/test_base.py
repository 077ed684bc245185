"""Paths that are followed again."""

from lockml.subjects.tree.base import PlacedTree
from lockml.subjects.tree.symlinks import PathEntry

FOLDERS = {"/usr", "/usr/lib"}


class Places(PlacedTree):
    """A tree of places, which tells what was looked at."""

    def __init__(self, places: dict[str, PathEntry]) -> None:
        super().__init__()
        self.places = places
        self.looked: list[str] = []

    def look(self, path: str) -> PathEntry | None:
        self.looked.append(path)
        return PathEntry("folder") if path in FOLDERS else self.places.get(path)


def test_folder_without_links_is_followed_once() -> None:
    tree = Places({})
    assert [tree.resolve(f"/usr/lib/{name}") for name in "ab"] == ["/usr/lib/a", "/usr/lib/b"]
    assert tree.looked == ["/usr", "/usr/lib", "/usr/lib/a", "/usr/lib/b"]


def test_link_in_such_a_folder_is_followed() -> None:
    tree = Places({"/usr/lib/b": PathEntry("link", "../a")})
    asked = ("a", "b", "..", "./b")
    assert [tree.resolve(f"/usr/lib/{name}") for name in asked] == ["/usr/lib/a", "/usr/a", "/usr", "/usr/a"]


def test_links_are_followed_anew_when_asked_for() -> None:
    tree = Places({})
    tree.resolve("/usr/lib/a")
    tree.forget_links()
    tree.looked.clear()
    tree.resolve("/usr/lib/b")
    assert tree.looked == ["/usr", "/usr/lib", "/usr/lib/b"]
