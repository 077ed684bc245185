"""What another user could have written is as good as absent; tests that need two users run as root."""

import os
import stat
from pathlib import Path

import pytest

from lockml.common.private_files import PrivateFolder, cache_fault, replace_files, write_whole

OTHER = 1000
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files of another user")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_folders_and_files_are_made_for_this_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with PrivateFolder(tmp_path / "above" / "cache" / "kind-1") as folder:
            folder.write("file", (b"one", memoryview(b"two")))
            folder.create("empty")
    finally:
        os.umask(before)
    made = {name: mode_of(tmp_path / "above" / name) for name in ("", "cache", "cache/kind-1")}
    assert made == dict.fromkeys(made, 0o700)
    inside = tmp_path / "above" / "cache" / "kind-1"
    assert {path.name: mode_of(path) for path in inside.iterdir()} == {"file": 0o600, "empty": 0o600}
    assert (inside / "file").read_bytes() == b"onetwo"


def test_what_was_written_is_read_and_replaced(tmp_path: Path) -> None:
    with PrivateFolder(tmp_path / "kind-1") as folder:
        assert folder.read("file", 10) is None
        folder.write("file", (b"first",))
        folder.create("file")
        folder.write("file", (b"second",), lasting=False)
        assert folder.read("file", 6) == b"second"
        assert folder.read("file", 5) is None
        folder.remove("file")
        folder.remove("file")
        assert folder.read("file", 6) is None
    assert list((tmp_path / "kind-1").iterdir()) == []


def test_nothing_is_left_where_writing_fails(tmp_path: Path) -> None:
    (tmp_path / "kind-1" / "taken").mkdir(parents=True)
    with PrivateFolder(tmp_path / "kind-1") as folder, pytest.raises(OSError, match="directory"):
        folder.write("taken", (b"x",))
    assert [path.name for path in (tmp_path / "kind-1").iterdir()] == ["taken"]


def test_folder_that_is_not_there_is_made_only_to_write(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        PrivateFolder(tmp_path / "none", made=False)
    assert not (tmp_path / "none").exists()


def test_dangling_link_above_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OSError, match="link"):
        PrivateFolder(tmp_path / "link" / "cache" / "kind-1")


@pytest.mark.parametrize("name", [".file", ".file.1234", ".file.tmp"])
def test_link_at_a_name_that_was_foreseen_leads_nobody_elsewhere(tmp_path: Path, name: str) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / "kind-1").mkdir()
    (tmp_path / "kind-1" / name).symlink_to(precious)
    with PrivateFolder(tmp_path / "kind-1") as folder:
        folder.write("file", (b"content",))
    assert precious.read_text() == "precious"


def test_link_in_the_place_of_a_file_is_replaced_and_never_read(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / "kind-1").mkdir()
    (tmp_path / "kind-1" / "file").symlink_to(precious)
    with PrivateFolder(tmp_path / "kind-1") as folder:
        assert not folder.believes("file")
        assert folder.read("file", 100) is None
        folder.create("file")
        assert (tmp_path / "kind-1" / "file").is_symlink()
        folder.write("file", (b"content",))
        assert folder.read("file", 100) == b"content"
    assert precious.read_text() == "precious"
    assert not (tmp_path / "kind-1" / "file").is_symlink()


def test_link_in_the_place_of_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "kind-1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"link|directory"):
        PrivateFolder(tmp_path / "kind-1")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def plant_writable(path: Path) -> None:
    path.write_bytes(b"x")
    path.chmod(0o666)


def plant_linked(path: Path) -> None:
    path.with_name("other").write_bytes(b"x")
    path.hardlink_to(path.with_name("other"))


def plant_pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("plant", [plant_writable, plant_linked, plant_pipe])
def test_file_that_others_could_have_written_is_not_read(tmp_path: Path, plant: object) -> None:
    (tmp_path / "kind-1").mkdir()
    plant(tmp_path / "kind-1" / "file")  # type: ignore[operator]
    with PrivateFolder(tmp_path / "kind-1") as folder:
        assert not folder.believes("file")
        assert folder.read("file", 100) is None
        folder.write("file", (b"own",))
        assert folder.read("file", 100) == b"own"


@as_root
def test_file_of_another_user_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "kind-1").mkdir()
    (tmp_path / "kind-1" / "file").write_bytes(b"x")
    os.chown(tmp_path / "kind-1" / "file", OTHER, OTHER)
    with PrivateFolder(tmp_path / "kind-1") as folder:
        assert folder.read("file", 100) is None


@as_root
def test_folder_of_another_user_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "kind-1").mkdir(mode=0o700)
    os.chown(tmp_path / "kind-1", OTHER, OTHER)
    with pytest.raises(PermissionError, match="belongs to user 1000"):
        PrivateFolder(tmp_path / "kind-1")


def test_folder_that_others_may_enter_is_closed_or_refused(tmp_path: Path) -> None:
    (tmp_path / "kind-1").mkdir()
    (tmp_path / "kind-1").chmod(0o777)
    with pytest.raises(PermissionError, match="can be written by other users"):
        PrivateFolder(tmp_path / "kind-1", closed=False)
    with PrivateFolder(tmp_path / "kind-1"):
        assert mode_of(tmp_path / "kind-1") == 0o700


@pytest.mark.parametrize("inside", [(), ("digests-2", "index-2.sqlite", "index-2.sqlite-wal")])
def test_cache_of_this_user_is_closed_to_others(tmp_path: Path, inside: tuple[str, ...]) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    for name in inside:
        (cache / name).write_text("")
    cache.chmod(0o777)
    assert cache_fault(cache) is None
    assert mode_of(cache) == 0o700


def test_folder_that_is_more_than_a_cache_is_never_closed(tmp_path: Path) -> None:
    """``--cache-dir /tmp`` must not close it to everybody else, nor is it a place to believe anything from."""
    (tmp_path / "theirs").write_text("")
    tmp_path.chmod(0o755)
    assert cache_fault(tmp_path) is None
    tmp_path.chmod(0o1777)
    assert cache_fault(tmp_path) == "can be written by other users"
    assert mode_of(tmp_path) == 0o1777


def test_cache_that_is_not_there_or_no_folder_is_no_fault(tmp_path: Path) -> None:
    assert cache_fault(tmp_path / "none") is None
    (tmp_path / "file").write_text("")
    assert cache_fault(tmp_path / "file") is None
    assert cache_fault(tmp_path / "file" / "below") is None


def test_cache_that_is_or_has_a_link_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "cache" / "trees-2").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "cache")
    assert cache_fault(tmp_path / "link") == "is a link"
    (tmp_path / "cache" / "digests-2").symlink_to(tmp_path)
    assert cache_fault(tmp_path / "cache") == "has digests-2, which is a link"


@as_root
def test_cache_of_another_user_is_not_believed_and_left_as_it_is(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.chmod(0o777)
    os.chown(cache, OTHER, OTHER)
    assert cache_fault(cache) == "belongs to user 1000"
    assert mode_of(cache) == 0o777


@as_root
def test_root_makes_no_cache_in_the_home_of_another_user(tmp_path: Path) -> None:
    """With sudo, HOME may be the user's, who could not use their own cache afterwards."""
    (tmp_path / "home").mkdir()
    os.chown(tmp_path / "home", OTHER, OTHER)
    assert cache_fault(tmp_path / "home" / ".cache" / "lockml") == "would be in a folder of user 1000"
    assert cache_fault(tmp_path / "own" / ".cache" / "lockml") is None


@as_root
def test_cache_in_which_another_user_left_something_is_not_believed(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (cache / "digests-2").mkdir(parents=True)
    (cache / "mine.txt").write_text("")
    os.chown(cache / "mine.txt", OTHER, OTHER)
    assert cache_fault(cache) is None
    os.chown(cache / "digests-2", OTHER, OTHER)
    assert cache_fault(cache) == "has digests-2, which belongs to user 1000"


def test_whole_file_is_written_wherever_it_is(tmp_path: Path) -> None:
    write_whole(tmp_path / "spool" / "run.json", b"{}")
    assert (tmp_path / "spool" / "run.json").read_bytes() == b"{}"
    assert [path.name for path in (tmp_path / "spool").iterdir()] == ["run.json"]


def test_files_are_replaced_all_or_none(tmp_path: Path) -> None:
    lock, others = tmp_path / "pylock.toml", tmp_path / "none" / "requirements.txt"
    lock.write_bytes(b"old")
    with pytest.raises(FileNotFoundError) as missing:
        replace_files({lock: b"new", others: b"new"})
    assert missing.value.filename == str(others)
    assert lock.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [lock]


def test_replaced_file_keeps_its_mode_and_a_new_one_has_the_usual(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "old").chmod(0o640)
    before = os.umask(0o027)
    try:
        replace_files({tmp_path / "old": b"new", tmp_path / "new": b"new"})
    finally:
        os.umask(before)
    assert [path.read_bytes() for path in (tmp_path / "old", tmp_path / "new")] == [b"new", b"new"]
    assert (mode_of(tmp_path / "old"), mode_of(tmp_path / "new")) == (0o640, 0o640)
    replace_files({tmp_path / "old": b"newer"})
    assert mode_of(tmp_path / "old") == 0o640


def test_link_to_a_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("other")
    replace_files({tmp_path / "link": b"new", tmp_path / "dangling": b"new"})
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "dangling").is_symlink()
    assert [(tmp_path / name).read_bytes() for name in ("file", "other")] == [b"new", b"new"]


def test_pipe_is_written_in_place(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        replace_files({pipe: b"new"})
        assert os.read(reader, 100) == b"new"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


@as_root
def test_device_is_written_in_place(tmp_path: Path) -> None:
    null = tmp_path / "null"
    try:
        os.mknod(null, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        null.open("wb").close()
    except PermissionError:
        pytest.skip("this root may make no devices")
    replace_files({null: b"new"})
    assert null.is_char_device()


def test_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        replace_files({tmp_path / "file": b"new", tmp_path / "folder": b"new"})
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def test_file_with_several_names_keeps_them(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"older and longer")
    other.hardlink_to(one)
    replace_files({one: b"new"})
    assert (one.samefile(other), other.read_bytes()) == (True, b"new")


@as_root
def test_replaced_file_keeps_its_owner(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    os.chown(tmp_path / "file", OTHER, OTHER)
    (tmp_path / "file").chmod(0o640)
    replace_files({tmp_path / "file": b"new"})
    facts = (tmp_path / "file").stat()
    assert (facts.st_uid, facts.st_gid, stat.S_IMODE(facts.st_mode)) == (OTHER, OTHER, 0o640)


def test_nothing_is_written_beside_a_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # which nobody reads: to write it would wait
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        replace_files({tmp_path / "pipe": b"new", tmp_path / "folder": b"new"})
    assert caught.value.filename == str(tmp_path / "folder")
