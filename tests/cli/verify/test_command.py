"""``lockml verify`` and ``lockml compile --verify`` against an index on the loopback interface."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.process import Outcome, run_lockml
from tests.made.indexes import Served
from tests.made.locks import signed
from tests.made.servers import serve
from tests.made.wheels import make_wheel

pytestmark = pytest.mark.loopback

TARGET = ("--python", "3.11", "--platform", "linux/amd64", "--libc", "glibc-2.36")
SIX = "/files/six-1.16.0-py3-none-any.whl"


@pytest.fixture
def served() -> Served:
    served = Served()
    served.wheel("model", "1.0", ["numpy"])
    served.wheel("numpy", "1.26.0")
    served.wheel("six", "1.16.0")
    return served


@pytest.fixture
def url(served: Served) -> Iterator[str]:
    with serve(served) as url:
        yield url


@pytest.fixture
def folder(tmp_path: Path, url: str) -> Path:
    """A folder with a lock that was made by ranges."""
    (tmp_path / "requirements.in").write_text("model\nsix\n")
    assert compiled(tmp_path, url).code == 0
    return tmp_path


def compiled(folder: Path, url: str, *arguments: str) -> Outcome:
    return run_lockml("compile", *arguments, *TARGET, "--index-url", url, folder=folder)


def verified(folder: Path, *arguments: str, cache: str = "cache") -> Outcome:
    return run_lockml("verify", *arguments, folder=folder, variables={"LOCKML_CACHE_DIR": str(folder / cache)})


def marks(folder: Path) -> dict[str, bool]:
    packages = tomllib.loads((folder / "pylock.toml").read_text())["packages"]
    return {each["name"]: each["tool"]["lockml"]["artifacts"][0]["verified"] for each in packages}


def edited(folder: Path, name: str, record: str) -> None:
    """Give *name* another record-sha256, and the lock the digest that it then has."""
    text = (folder / "pylock.toml").read_text()
    text = re.sub(rf'(wheel = "{name}-[^\n]*\nrecord-sha256 = )"\w+"', rf'\1"{record}"', text)
    (folder / "pylock.toml").write_text(signed(text))


def whole(served: Served) -> list[str]:
    """Return which wheels were asked for as a whole."""
    return sorted(path for method, path, span in served.requests if method == "GET" and span is None and ".whl" in path)


def test_every_wheel_is_fetched_once_and_marked(folder: Path, served: Served) -> None:
    assert marks(folder) == {"model": False, "numpy": False, "six": False}
    outcome = verified(folder)
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == "Verified 3 of 3 wheels: pylock.toml (written)\n"
    assert marks(folder) == {"model": True, "numpy": True, "six": True}
    assert len(whole(served)) == 3
    again = verified(folder)
    assert again.err == "Verified 3 of 3 wheels: pylock.toml (unchanged)\n"
    assert len(whole(served)) == 3


def test_run_that_ended_goes_on_where_it_stopped(folder: Path, served: Served) -> None:
    answer = served.answers.pop(SIX)
    outcome = verified(folder)
    assert outcome.code == 4
    assert "six-1.16.0-py3-none-any.whl: the index lists it but does not have it (status 404)" in outcome.err
    assert "Verified 2 of 3 wheels: pylock.toml (written)" in outcome.err
    assert marks(folder) == {"model": True, "numpy": True, "six": False}
    served.answers[SIX] = answer
    served.requests.clear()
    assert verified(folder).code == 0
    assert whole(served) == [SIX]


def test_identity_that_was_edited_is_found_and_nothing_is_written(folder: Path) -> None:
    edited(folder, "six", "0" * 64)
    before = (folder / "pylock.toml").read_bytes()
    outcome = verified(folder)
    assert outcome.code == 1
    assert outcome.out.startswith(
        "pylock.toml does not match its wheels; nothing was written:\n  six 1.16.0: six-1.16.0-py3"
    )
    assert f"the lock says record-sha256 {'0' * 64}, its bytes say record-sha256 " in outcome.out
    assert (folder / "pylock.toml").read_bytes() == before


def test_wheel_with_another_hash_is_an_error(folder: Path, served: Served) -> None:
    other = make_wheel("six", "1.16.0", files={"six/backdoor.py": b"import os"})
    served.answers[SIX] = lambda _: httpx.Response(200, content=other)
    before = marks(folder)
    outcome = verified(folder)
    assert outcome.code == 4
    assert "six-1.16.0-py3-none-any.whl: is longer than" in outcome.err
    assert marks(folder)["six"] is before["six"] is False


def test_lock_that_does_not_fit_its_digest_is_refused(folder: Path) -> None:
    path = folder / "pylock.toml"
    path.write_text(path.read_text().replace("verified = false", "verified = true"))
    for arguments in (("verify",), ("compile", *TARGET), ("check", "--path", "/")):
        outcome = run_lockml(*arguments, folder=folder)
        assert outcome.code == 2
        assert "pylock.toml: does not fit its own digest" in outcome.err


def test_compile_verifies_at_once_and_keeps_what_is_verified(folder: Path, url: str, served: Served) -> None:
    outcome = compiled(folder, url, "--verify")  # the lock is the answer already
    assert (outcome.code, "Verified 3 of 3 wheels\n" in outcome.err) == (0, True)
    assert marks(folder) == {"model": True, "numpy": True, "six": True}
    before = (folder / "pylock.toml").read_bytes()
    assert compiled(folder, url, "--upgrade").code == 0  # from the cache
    assert (folder / "pylock.toml").read_bytes() == before
    (folder / "requirements.in").write_text("six\n")
    assert compiled(folder, url).code == 0
    assert marks(folder) == {"six": True}
    assert len(whole(served)) == 3


def test_compile_verifies_a_lock_that_is_new(tmp_path: Path, url: str) -> None:
    (tmp_path / "requirements.in").write_text("six\n")
    assert compiled(tmp_path, url, "--verify").code == 0
    assert marks(tmp_path) == {"six": True}


def test_compile_verifies_nothing_where_the_lock_does_not_hold(folder: Path, url: str) -> None:
    edited(folder, "six", "0" * 64)
    before = (folder / "pylock.toml").read_bytes()
    outcome = compiled(folder, url, "--verify")
    assert (outcome.code, outcome.out.splitlines()[0]) == (
        1,
        "pylock.toml does not match its wheels; nothing was written:",
    )
    assert (folder / "pylock.toml").read_bytes() == before


def test_edited_identity_is_put_right_and_told_when_compile_resolves(folder: Path, url: str) -> None:
    honest = (folder / "pylock.toml").read_text()
    edited(folder, "six", "0" * 64)
    outcome = compiled(folder, url, "--upgrade-package", "model")
    assert outcome.code == 0
    assert "six-1.16.0-py3-none-any.whl: the lock had a wrong identity" in outcome.err
    record = re.findall(r'record-sha256 = "(\w+)"', honest)
    assert re.findall(r'record-sha256 = "(\w+)"', (folder / "pylock.toml").read_text()) == record
    assert marks(folder) == {"model": False, "numpy": False, "six": True}  # all its bytes had to be looked at


def test_index_that_lies_by_ranges_does_not_displace_what_the_lock_says(folder: Path, url: str, served: Served) -> None:
    assert verified(folder).code == 0
    honest = (folder / "pylock.toml").read_text()
    right, lie = served.answers[SIX], make_wheel("six", "1.16.0", files={"six.py": b"import os"})
    served.file("lie", "lie", lie)
    lying = served.answers["/files/lie"]
    served.pages["six"][0]["size"] = None  # so that the server tells it
    served.answers[SIX] = lambda request: (
        right(request) if request.method == "GET" and "range" not in request.headers else lying(request)
    )
    outcome = run_lockml(
        *("compile", "--upgrade-package", "model", *TARGET, "--index-url", url),
        folder=folder,
        variables={"LOCKML_CACHE_DIR": str(folder / "fresh")},
    )
    assert outcome.code == 0
    assert "six-1.16.0-py3-none-any.whl: the index serves other contents by ranges than as a whole" in outcome.err
    record = re.findall(r'record-sha256 = "(\w+)"', honest)
    assert re.findall(r'record-sha256 = "(\w+)"', (folder / "pylock.toml").read_text()) == record


def test_lock_without_identities_has_nothing_to_verify(folder: Path, url: str) -> None:
    assert compiled(folder, url, "--no-artifact-identity").code == 0
    outcome = verified(folder)
    assert (outcome.code, "has no artifact identities" in outcome.err) == (2, True)
    outcome = compiled(folder, url, "--no-artifact-identity", "--verify")
    assert (outcome.code, "has nothing to verify" in outcome.err) == (2, True)


def test_nothing_of_a_wheel_is_left_behind(folder: Path) -> None:
    assert verified(folder).code == 0
    assert not [path for path in (folder / "cache").rglob("*") if path.suffix == ".whl"]


def test_mirror_without_files_is_told_in_one_line_with_a_count(tmp_path: Path, url: str, served: Served) -> None:
    for name, files in served.pages.items():
        (entry,) = files
        path = f"/files/{entry['filename']}"
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {str(entry['filename']).split('-')[1]}\n"
        served.answers[f"{path}.metadata"] = lambda _, text=text: httpx.Response(200, text=text)  # type: ignore[misc]
        entry["core-metadata"] = True
        del served.answers[path]
    (tmp_path / "requirements.in").write_text("model\nnumpy\nsix\n")
    outcome = compiled(tmp_path, url)
    assert outcome.code == 0
    warnings = [line for line in outcome.err.splitlines() if line.startswith("warning")]
    assert warnings == [
        "warning: cannot prove 3 wheels (model-1.0-py3-none-any.whl and others) after installation: the index lists it "
        "but does not have it (status 404)"
    ]


@pytest.mark.parametrize("wrong", ["hash of the metadata file", "hash of the wheel", "no wheel"])
def test_fault_of_the_newest_release_is_an_error_and_never_an_older_release(
    tmp_path: Path, url: str, served: Served, wrong: str
) -> None:
    served.wheel("six", "1.17.0")
    entry, path = served.pages["six"][1], "/files/six-1.17.0-py3-none-any.whl"
    if wrong == "no wheel":
        del served.answers[path]
    elif wrong == "hash of the wheel":
        served.ranges = False
        entry["hashes"] = {"sha256": "1" * 64}
    else:
        entry["core-metadata"] = {"sha256": "1" * 64}
        served.answers[f"{path}.metadata"] = lambda _: httpx.Response(200, text="x")
    (tmp_path / "requirements.in").write_text("six\n")
    outcome = compiled(tmp_path, url)
    assert outcome.code == 4
    assert "six-1.17.0-py3-none-any.whl" in outcome.err
    assert not (tmp_path / "pylock.toml").exists()


def tools(folder: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = tomllib.loads((folder / "pylock.toml").read_text())["tool"]["lockml"]["tools"]
    return found


def test_tools_that_are_not_pinned_are_verified_too(tmp_path: Path, url: str, served: Served) -> None:
    served.wheel("pip", "26.0")
    (tmp_path / "requirements.in").write_text("six\n")
    assert compiled(tmp_path, url).code == 0
    honest = tools(tmp_path)
    assert [(each["name"], each["verified"]) for each in honest] == [("pip", False)]
    path = tmp_path / "pylock.toml"
    path.write_text(signed(path.read_text().replace(str(honest[0]["record-sha256"]), "0" * 64)))
    outcome = verified(tmp_path)
    assert outcome.code == 1
    assert f"pip 26.0: pip-26.0-py3-none-any.whl: the lock says record-sha256 {'0' * 64}" in outcome.out
    outcome = compiled(tmp_path, url, "--upgrade-package", "six")
    assert "pip-26.0-py3-none-any.whl: the lock had a wrong identity" in outcome.err
    assert [each["record-sha256"] for each in tools(tmp_path)] == [honest[0]["record-sha256"]]
    assert verified(tmp_path).err == "Verified 2 of 2 wheels: pylock.toml (unchanged)\n"
    assert [each["verified"] for each in tools(tmp_path)] == [True]


def test_wheel_that_cannot_be_had_is_told_beside_one_that_does_not_hold(folder: Path, served: Served) -> None:
    edited(folder, "six", "0" * 64)
    del served.answers["/files/numpy-1.26.0-py3-none-any.whl"]
    outcome = verified(folder)
    assert outcome.code == 1
    assert "numpy-1.26.0-py3-none-any.whl: the index lists it but does not have it" in outcome.err


def test_lock_of_others_is_not_written(tmp_path: Path) -> None:
    text = 'lock-version = "1.0"\ncreated-by = "other"\n[[packages]]\nname = "six"\nversion = "1.16.0"\n'
    text += f'[packages.sdist]\nurl = "https://files.example/six-1.16.0.tar.gz"\nhashes = {{ sha256 = "{"0" * 64}" }}\n'
    (tmp_path / "pylock.toml").write_text(text)
    outcome = verified(tmp_path)
    assert (outcome.code, "which does not record what its wheels install" in outcome.err) == (2, True)
    assert (tmp_path / "pylock.toml").read_text() == text


def test_tool_whose_place_the_lock_does_not_tell_is_told(tmp_path: Path, url: str, served: Served) -> None:
    served.wheel("pip", "26.0")
    (tmp_path / "requirements.in").write_text("six\n")
    assert compiled(tmp_path, url, "--verify").code == 0
    path = tmp_path / "pylock.toml"
    start, tool, rest = path.read_text().partition("[[tool.lockml.tools]]")
    path.write_text(signed(start + tool + re.sub(r"\n(url|sha256) = .*", "", rest)))
    outcome = verified(tmp_path)
    assert outcome.code == 0
    assert "not verified: pip 26.0, because the lock has no URL for pip-26.0-py3-none-any.whl" in outcome.err
    assert "Verified 1 of 2 wheels: pylock.toml (written)" in outcome.err
