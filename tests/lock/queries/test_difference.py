from lockml.lock.formats.read import parse_any_lock
from lockml.lock.queries.difference import compare_locks
from tests.made.indexes import MemoryIndex
from tests.made.locks import lock_of
from tests.made.uv_locks import uv_lock


def test_changes_are_told_by_kind() -> None:
    old, new = MemoryIndex(), MemoryIndex()
    for index, versions in ((old, "1.0 1.0 2.0 1.0 1.0"), (new, "1.0 2.0 1.0 1.0 1.0")):
        names = ("same", "up", "down", "files", "gone" if index is old else "new")
        for name, version in zip(names, versions.split(), strict=True):
            hashes = {"sha256": ("a" if index is old else "b") * 64} if name == "files" else None
            index.add(name, version, **({"hashes": hashes} if hashes else {}))  # type: ignore[arg-type]
    changes = compare_locks(
        lock_of(old, "same", "up", "down", "files", "gone"), lock_of(new, "same", "up", "down", "files", "new")
    )
    assert [(change.kind, change.name, change.before, change.after) for change in changes] == [
        ("downgraded", "down", "2.0", "1.0"),
        ("files", "files", "1.0", "1.0"),
        ("removed", "gone", "1.0", None),
        ("added", "new", None, "1.0"),
        ("upgraded", "up", "1.0", "2.0"),
    ]


def test_files_of_locks_of_two_formats_are_others_only_where_none_is_the_same() -> None:
    digest, other = "a" * 64, "b" * 64
    uv = parse_any_lock(uv_lock({("six", "1.0"): digest}).encode(), "uv.lock")
    same = parse_any_lock(f"six==1.0 --hash=sha256:{digest} --hash=sha256:{other}\n".encode(), "requirements.txt")
    unhashed = parse_any_lock(b"six==1.0\n", "requirements.txt")
    others = parse_any_lock(f"six==1.0 --hash=sha256:{other}\n".encode(), "requirements.txt")
    assert compare_locks(uv, same) == compare_locks(uv, unhashed) == ()
    assert [each.kind for each in compare_locks(uv, others)] == ["files"]
