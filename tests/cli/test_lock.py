"""A lock that is started from what is there, and one that is made for a base image."""

import io
import json
import tarfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.cli.process import TARGET, Outcome, run_lockml
from tests.made.images import digest
from tests.made.indexes import Served
from tests.made.trees import SITE, venv_files
from tests.made.wheels import installed_files, make_wheel

pytestmark = pytest.mark.loopback


def tar_of(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name.lstrip("/"))
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def image(path: Path, *layers: Mapping[str, bytes]) -> None:
    """Write what `docker save` makes of an image with these *layers*."""
    packed = [tar_of(layer) for layer in layers]
    config = {"config": {"Env": ["PATH=/opt/venv/bin"]}, "rootfs": {"diff_ids": [digest(layer) for layer in packed]}}
    names = [f"{number}/layer.tar" for number in range(len(packed))]
    manifest = [{"Config": "c.json", "RepoTags": ["app:1"], "Layers": names}]
    documents = {"c.json": json.dumps(config).encode(), "manifest.json": json.dumps(manifest).encode()}
    path.write_bytes(tar_of({**dict(zip(names, packed, strict=True)), **documents}))


INSTALLED = {
    **installed_files(make_wheel("six", "1.16.0"), SITE),
    **installed_files(make_wheel("numpy", "1.25.0"), SITE),
}


def run(folder: Path, url: str, *arguments: str) -> Outcome:
    return run_lockml(*arguments, "--index-url", url, folder=folder)


def test_lock_is_started_from_an_image_and_proves_it(tmp_path: Path, url: str) -> None:
    image(tmp_path / "image.tar", venv_files(), INSTALLED)
    outcome = run(tmp_path, url, "lock", "--from", "archive:image.tar")
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "requirements.in").read_text().splitlines()[1:] == ["numpy==1.25.0", "six==1.16.0"]
    lock = tomllib.loads((tmp_path / "pylock.toml").read_text())
    assert lock["tool"]["lockml"]["targets"] == [{"python": "3.11.2", "platform": "linux/amd64", "libc": "glibc-2.36"}]
    checked = run_lockml("check", "--archive", "image.tar", "--format", "json", folder=tmp_path)
    assert json.loads(checked.out)["counts"]["drifts"] == 0, checked.out


def test_lock_from_replaces_what_it_wrote_and_nothing_else(tmp_path: Path, url: str) -> None:
    image(tmp_path / "image.tar", venv_files(), INSTALLED)
    arguments = ("lock", "--from", "archive:image.tar")
    for _ in range(2):
        outcome = run(tmp_path, url, *arguments)
        assert outcome.code == 0, outcome.err
    written = {name: (tmp_path / name).read_bytes() for name in ("requirements.in", "requirements.txt", "pylock.toml")}
    for name, content in written.items():
        for foreign in (b"six\n", content + b"six\n" if name == "requirements.in" else b"six\n"):
            (tmp_path / name).write_bytes(foreign)
            again = run(tmp_path, url, *arguments)
            assert (again.code, f"{name}: already exists" in again.err) == (2, True), again.err
            assert (tmp_path / name).read_bytes() == foreign
        (tmp_path / name).write_bytes(content)


def installed(name: str, version: str, requires: Sequence[str] = (), url: str | None = None) -> dict[str, bytes]:
    """Return what pip leaves of a wheel that somebody else asked for, or that came from *url*."""
    direct_url = json.dumps({"url": url, "dir_info": {}}) if url else None
    files = installed_files(make_wheel(name, version, requires), SITE, direct_url=direct_url)
    return {path: content for path, content in files.items() if url or not path.endswith("/REQUESTED")}


def test_own_project_in_an_image_is_never_asked_of_the_index(tmp_path: Path, url: str, served: Served) -> None:
    served.wheel("mine", "0.3", ["evil"])
    served.wheel("mine", "9.0", ["evil"])
    served.wheel("needs-mine", "1.0", ["mine"])
    image(
        tmp_path / "image.tar",
        venv_files(),
        installed("mine", "0.3", ["numpy"], url="file:///app"),
        installed("needs-mine", "1.0", ["mine"]),
        installed("numpy", "1.25.0"),
    )
    outcome = run(tmp_path, url, "lock", "--from", "archive:image.tar")
    assert outcome.code == 0, outcome.err
    assert "skipped mine 0.3: installed from file:///app" in outcome.err
    assert "--exclude mine" in outcome.err
    pins = [line for line in (tmp_path / "requirements.in").read_text().splitlines() if not line.startswith("#")]
    assert pins == ["needs-mine==1.0", "numpy==1.25.0"]
    assert "mine-0.3" not in (tmp_path / "pylock.toml").read_text()


def test_what_something_else_requires_is_no_input_and_locked_as_installed(tmp_path: Path, url: str) -> None:
    image(
        tmp_path / "image.tar", venv_files(), installed("model", "1.0", ["numpy>=1.20"]), installed("numpy", "1.25.0")
    )
    outcome = run(tmp_path, url, "lock", "--from", "archive:image.tar")
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "requirements.in").read_text().splitlines()[1:] == ["model==1.0"]
    assert "numpy==1.25.0" in (tmp_path / "requirements.txt").read_text()  # and not the newest, 1.26.0


def test_excluded_project_is_not_locked(tmp_path: Path, url: str) -> None:
    image(tmp_path / "image.tar", venv_files(), INSTALLED)
    outcome = run(tmp_path, url, "lock", "--from", "archive:image.tar", "--exclude", "six")
    assert outcome.code == 0, outcome.err
    written = (tmp_path / "requirements.txt").read_text()
    assert "six==" not in written
    assert written.count("--exclude six") == 1


def test_subject_that_contradicts_itself_is_locked_only_as_it_is(tmp_path: Path, url: str) -> None:
    image(
        tmp_path / "image.tar",
        venv_files(),
        installed("model", "1.0", ["numpy>=1.20", "absent"]),
        installed("numpy", "1.19.0"),
    )
    refused = run(tmp_path, url, "lock", "--from", "archive:image.tar")
    assert refused.code == 3
    assert "model 1.0 requires numpy>=1.20, but 1.19.0 is installed" in refused.err
    assert "--as-is" in refused.err
    assert not (tmp_path / "requirements.in").exists()
    outcome = run(tmp_path, url, "lock", "--from", "archive:image.tar", "--as-is")
    assert outcome.code == 0, outcome.err
    assert "warning: model 1.0 requires numpy>=1.20, but 1.19.0 is installed" in outcome.err
    assert "numpy==1.19.0" in (tmp_path / "requirements.txt").read_text()
    python = ("--python", "3.11.2", *TARGET[2:])
    assert run(tmp_path, url, "compile", "requirements.in", "--as-is", *python, "--check").code == 0
    assert run(tmp_path, url, "compile", "requirements.in", *python, "--check").code == 1


def test_configured_index_counts_and_configured_targets_do_not(tmp_path: Path, url: str) -> None:
    image(tmp_path / "image.tar", venv_files(), INSTALLED)
    (tmp_path / "lockml.toml").write_text(f'[compile]\nindex-url = "{url}"\ntarget = ["3.12-linux/arm64-glibc-2.36"]\n')
    outcome = run_lockml("lock", "--from", "archive:image.tar", folder=tmp_path)
    assert outcome.code == 0, outcome.err
    assert "CPython 3.11.2 on linux/amd64" in outcome.err


def test_variables_of_compile_count_but_those_that_name_a_target_do_not(tmp_path: Path, url: str) -> None:
    image(tmp_path / "image.tar", venv_files(), INSTALLED)
    variables = {
        "LOCKML_COMPILE_ARTIFACT_IDENTITY": "0",
        "LOCKML_COMPILE_CHECK": "1",
        "LOCKML_COMPILE_TARGET": "3.12-linux/arm64-glibc-2.36",
        "LOCKML_INDEX_URL": url,
    }
    outcome = run_lockml("lock", "--from", "archive:image.tar", folder=tmp_path, variables=variables)
    assert outcome.code == 0, outcome.err
    assert "CPython 3.11.2 on linux/amd64" in outcome.err
    assert "tool.lockml.artifacts" not in (tmp_path / "pylock.toml").read_text()


def test_base_image_gives_the_target_and_what_is_built_on_another_is_drift(tmp_path: Path, url: str) -> None:
    (tmp_path / "requirements.in").write_text("six\nnumpy==1.25.0\n")
    image(tmp_path / "base.tar", venv_files())
    image(tmp_path / "built.tar", venv_files(), INSTALLED)
    image(tmp_path / "other.tar", {**venv_files(), "/etc/other": b""}, INSTALLED)
    based = ("compile", "--base-image", "archive:base.tar")
    outcome = run(tmp_path, url, *based)
    assert outcome.code == 0, outcome.err
    assert "CPython 3.11.2 on linux/amd64, glibc-2.36" in outcome.err
    assert run_lockml("check", "--archive", "built.tar", folder=tmp_path).code == 0
    drift = json.loads(run_lockml("check", "--archive", "other.tar", "--format", "json", folder=tmp_path).out)["drifts"]
    assert [(each["kind"], each["name"]) for each in drift] == [("base-image", "base.tar")]
    (tmp_path / "base.tar").unlink()
    assert run(tmp_path, url, *based, "--check").code == 0
    assert run(tmp_path, url, "compile", *TARGET, "--check").code == 1
    assert run(tmp_path, url, "compile", "--base-image", "path:.").code == 2


FROZEN = """\
# Editable install with no version control (mine==0.3)
-e /home/me/mine
numpy==1.25.0
own @ file:///app
pip==24.0
six==1.16.0
what is this
"""


def test_lock_is_started_from_a_list_of_pip(tmp_path: Path, served: Served, url: str) -> None:
    """What came from a folder is never looked up by its name: a stranger's project may have it."""
    for name in ("own", "mine"):
        served.wheel(name, "0.3")
    (tmp_path / "frozen.txt").write_text(FROZEN)
    outcome = run(tmp_path, url, "lock", "--from", "freeze:frozen.txt", *TARGET)
    assert outcome.code == 0, outcome.err
    pins = [line for line in (tmp_path / "requirements.in").read_text().splitlines() if not line.startswith("#")]
    assert pins == ["numpy==1.25.0", "six==1.16.0"]
    for told in (
        "skipped mine 0.3: editable install",
        "skipped own : installed from file:///app",
        "frozen.txt:7: not a line",
    ):
        assert told in outcome.err
    assert [path for _, path, _ in served.requests if "own" in path or "mine" in path] == []
    lock = tomllib.loads((tmp_path / "pylock.toml").read_text())
    assert lock["tool"]["lockml"]["targets"] == [{"python": "3.11", "platform": "linux/amd64", "libc": "glibc-2.36"}]
    assert run_lockml("check", "freeze:frozen.txt", folder=tmp_path).code == 1  # pip's list has more than the lock


def test_list_of_pip_is_of_this_machine_unless_options_say_otherwise(tmp_path: Path, url: str) -> None:
    (tmp_path / "frozen.txt").write_text("six==1.16.0\n")
    outcome = run(tmp_path, url, "lock", "--from", "freeze:frozen.txt")
    assert outcome.code == 0, outcome.err
    assert "Using this machine's Python" in outcome.err


@pytest.mark.parametrize(
    ("listed", "arguments", "told"),
    [
        ("six==1.16.0\nSIX==1.15.0\n", (), "frozen.txt: lists six more than once"),
        ("", (), "frozen.txt: lists no packages"),
        ("six==1.16.0\n", ("--environment", "/opt"), "--environment: cannot be used with freeze:FILE"),
    ],
)
def test_list_that_cannot_be_meant_is_refused(
    tmp_path: Path, url: str, listed: str, arguments: tuple[str, ...], told: str
) -> None:
    (tmp_path / "frozen.txt").write_text(listed)
    outcome = run(tmp_path, url, "lock", "--from", "freeze:frozen.txt", *arguments)
    assert outcome.code == 2
    assert told in outcome.err
    assert not (tmp_path / "requirements.in").exists()
