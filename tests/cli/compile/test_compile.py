import os
import pty
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.cli.process import TARGET, Outcome, run_lockml
from tests.made.indexes import Served
from tests.made.wheels import make_wheel

pytestmark = pytest.mark.loopback


def compiled(folder: Path, url: str, *arguments: str, asked: str | None = "model\nsix\n", **variables: str) -> Outcome:
    if asked is not None:
        (folder / "requirements.in").write_text(asked)
    return run_lockml("compile", *arguments, *TARGET, "--index-url", url, folder=folder, variables=variables)


def written(folder: Path) -> tuple[bytes, bytes]:
    return (folder / "pylock.toml").read_bytes(), (folder / "requirements.txt").read_bytes()


def pins(folder: Path) -> dict[str, str]:
    packages = tomllib.loads((folder / "pylock.toml").read_text())["packages"]
    return {package["name"]: package["version"] for package in packages}


def test_lock_and_requirements_are_written_and_told(tmp_path: Path, url: str) -> None:
    outcome = compiled(tmp_path, url)
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == (
        "Locked 3 packages for CPython 3.11 on linux/amd64, glibc-2.36: "
        "pylock.toml (written), requirements.txt (written)\nNext:\n  lockml dockerfile init --compose\n"
    )
    assert pins(tmp_path) == {"model": "1.0", "numpy": "1.26.0", "six": "1.16.0"}
    assert "numpy==1.26.0 \\\n    --hash=sha256:" in (tmp_path / "requirements.txt").read_text()


def test_next_command_is_told_with_a_first_lock_alone(tmp_path: Path, url: str) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:3.11\n")
    first = compiled(tmp_path, url)
    assert first.err.endswith("Next:\n  lockml dockerfile lint\n")
    assert "Next" not in compiled(tmp_path, url, asked="model\n").err
    (tmp_path / "pylock.toml").unlink()
    assert "Next" not in compiled(tmp_path, url, "-q").err
    (tmp_path / "Dockerfile").unlink()
    named = compiled(tmp_path, url, "--lock", "pylock.gpu.toml", "-o", "gpu.txt")
    assert named.err.endswith("  lockml dockerfile init --compose --lock pylock.gpu.toml --requirements gpu.txt\n")


def test_second_run_and_permuted_lines_give_the_same_bytes(tmp_path: Path, url: str) -> None:
    compiled(tmp_path, url, PYTHONHASHSEED="1", TZ="Asia/Tokyo", LC_ALL="C")
    first = written(tmp_path)
    again = compiled(tmp_path, url, PYTHONHASHSEED="2")
    assert "pylock.toml (unchanged), requirements.txt (unchanged)" in again.err
    other = tmp_path / "other"
    other.mkdir()
    compiled(other, url, asked="# why\nsix\n\nmodel\n", PYTHONHASHSEED="3", TZ="UTC", LC_ALL="C.UTF-8")
    assert written(other) == written(tmp_path) == first


def test_pins_are_kept_until_an_upgrade_is_asked_for(tmp_path: Path, url: str, served: Served) -> None:
    compiled(tmp_path, url)
    served.wheel("numpy", "1.27.0")
    served.wheel("six", "1.17.0")
    fresh = {"LOCKML_CACHE_DIR": str(tmp_path / "fresh")}
    compiled(tmp_path, url, **fresh)
    assert pins(tmp_path) == {"model": "1.0", "numpy": "1.26.0", "six": "1.16.0"}
    compiled(tmp_path, url, "--upgrade-package", "NumPy", **fresh)
    assert pins(tmp_path) == {"model": "1.0", "numpy": "1.27.0", "six": "1.16.0"}
    compiled(tmp_path, url, "--upgrade", **fresh)
    assert pins(tmp_path) == {"model": "1.0", "numpy": "1.27.0", "six": "1.17.0"}


def tools(folder: Path) -> dict[str, str]:
    facts = tomllib.loads((folder / "pylock.toml").read_text())["tool"]["lockml"]
    return {tool["name"]: tool["version"] for tool in facts.get("tools", ())}


def test_tools_are_recorded_and_kept_until_an_upgrade_is_asked_for(tmp_path: Path, url: str, served: Served) -> None:
    served.wheel("pip", "24.0")
    served.wheel("wheel", "0.40.0")
    compiled(tmp_path, url)
    assert tools(tmp_path) == {"pip": "24.0", "wheel": "0.40.0"}
    served.wheel("pip", "25.0")
    fresh = {"LOCKML_CACHE_DIR": str(tmp_path / "fresh")}
    compiled(tmp_path, url, asked="model\n", **fresh)
    assert tools(tmp_path) == {"pip": "24.0", "wheel": "0.40.0"}
    compiled(tmp_path, url, "--upgrade-package", "pip", asked="model\n", **fresh)
    assert tools(tmp_path) == {"pip": "25.0", "wheel": "0.40.0"}
    compiled(tmp_path, url, asked="model\nwheel\n", **fresh)
    assert tools(tmp_path) == {"pip": "25.0"}
    compiled(tmp_path, url, "--no-artifact-identity", asked="model\n", **fresh)
    assert tools(tmp_path) == {}


def test_tool_that_cannot_be_fetched_is_not_recorded(tmp_path: Path, url: str, served: Served) -> None:
    served.wheel("pip", "24.0")
    served.answers["/files/pip-24.0-py3-none-any.whl"] = lambda _: httpx.Response(403)
    assert compiled(tmp_path, url).code == 0
    assert tools(tmp_path) == {}


def test_unchanged_inputs_are_answered_from_the_lock_and_ask_nobody(tmp_path: Path, url: str, served: Served) -> None:
    compiled(tmp_path, url)
    before = written(tmp_path)
    (tmp_path / "requirements.txt").unlink()
    served.requests.clear()
    served.wheel("model", "1.1")
    again = compiled(tmp_path, url, asked="six\n# a comment\nmodel\n", LOCKML_CACHE_DIR=str(tmp_path / "empty"))
    assert (again.code, served.requests) == (0, [])
    assert again.err.endswith("pylock.toml (unchanged), requirements.txt (written)\n")
    assert written(tmp_path) == before
    assert compiled(tmp_path, url, "-o", "-", asked=None).out.encode() == before[1]


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (("--upgrade",), None),
        (("--upgrade-package", "model"), None),
        (("--no-artifact-identity",), None),
        (("--pre",), None),
        ((), "model\nsix\nnumpy\n"),
        ((), "model\n"),
    ],
)
def test_whatever_may_change_the_lock_asks_the_index(
    tmp_path: Path, url: str, served: Served, arguments: tuple[str, ...], asked: str | None
) -> None:
    compiled(tmp_path, url)
    served.requests.clear()
    outcome = compiled(tmp_path, url, *arguments, asked=asked, LOCKML_CACHE_DIR=str(tmp_path / "empty"))
    assert outcome.code == 0
    assert served.requests != []


def answered_from_the_cache(folder: Path, url: str, *arguments: str, **variables: str) -> bool:
    """Say whether a compile loads nothing that parses requirements or locks."""
    program = (
        "import sys; from lockml.cli.main import cli; "
        f"code = cli(['compile', *{(*TARGET, *arguments)!r}, '--index-url', {url!r}], standalone_mode=False); "
        "print(code, 'packaging' in sys.modules)"
    )
    environment = {**os.environ, "LOCKML_CACHE_DIR": str(folder / "cache"), **variables}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("0 "), done.stderr
    return done.stdout == "0 False\n"


def test_answer_that_is_known_is_given_with_nothing_parsed(tmp_path: Path, url: str) -> None:
    first = compiled(tmp_path, url)
    assert answered_from_the_cache(tmp_path, url)
    assert answered_from_the_cache(tmp_path, url, "--check")
    again = compiled(tmp_path, url, asked=None)
    assert again.err == first.err.partition("Next:")[0].replace("written", "unchanged")
    assert compiled(tmp_path, url, "--check", asked=None).err == "pylock.toml is up to date\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "more.in").write_text("numpy<1.26\n"),
        lambda folder: (folder / "bounds.txt").write_text("numpy<1.26\n"),
        lambda folder: (folder / "requirements.txt").write_text("# Locked by lockml, and edited\n"),
        lambda folder: (folder / "requirements.txt").unlink(),
        lambda folder: (folder / "pylock.toml").write_text((folder / "pylock.toml").read_text() + "\n"),
    ],
)
def test_answer_is_not_given_once_anything_is_not_as_it_was(
    tmp_path: Path, url: str, change: Callable[[Path], object]
) -> None:
    (tmp_path / "more.in").write_text("numpy\n")
    (tmp_path / "bounds.txt").write_text("numpy<2\n")
    asked = "model\n-r more.in\n-c bounds.txt\n"
    assert compiled(tmp_path, url, asked=asked).code == 0
    assert answered_from_the_cache(tmp_path, url)
    change(tmp_path)
    assert not answered_from_the_cache(tmp_path, url)
    assert compiled(tmp_path, url, "--check", asked=None).code == 0, "it was mended"


def test_answer_holds_for_the_variables_and_options_that_it_was_given_for(tmp_path: Path, url: str) -> None:
    bound = {"BOUND": "2"}
    assert compiled(tmp_path, url, asked="model\nnumpy<${BOUND}\n", **bound).code == 0
    assert answered_from_the_cache(tmp_path, url, **bound)
    assert answered_from_the_cache(tmp_path, url, OTHER="x", **bound)
    assert not answered_from_the_cache(tmp_path, url, "--pre", **bound)
    assert not answered_from_the_cache(tmp_path, url, "--no-pre", BOUND="1.26")
    assert pins(tmp_path)["numpy"] == "1.25.0"
    kept = "".join(path.read_text() for path in (tmp_path / "cache" / "answers-1").iterdir())
    assert "1.26" not in kept, "no value of a variable stands in it"


def test_damaged_answer_is_none(tmp_path: Path, url: str) -> None:
    compiled(tmp_path, url)
    (answer,) = (tmp_path / "cache" / "answers-1").iterdir()
    for damage in ("", "[]", '{"read": 1}', '{"read": {}, "written": {}, "variables": {}, "salt": "x", "told": []}'):
        answer.write_text(damage)
        assert not answered_from_the_cache(tmp_path, url)


def compiled_with(folder: Path, url: str, modules: set[str]) -> tuple[str, str]:
    """Compile again with the same cache; return which of *modules* that loads, as it prints them, and what it tells."""
    program = (
        "import sys; from lockml.cli.main import cli; "
        f"cli(['compile', *{TARGET!r}, '--index-url', {url!r}, '--cache-dir', 'cache'], standalone_mode=False); "
        f"print(sorted({modules!r} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


def test_what_the_cache_has_is_resolved_without_loading_what_fetches(tmp_path: Path, url: str, served: Served) -> None:
    for tool in ("pip", "setuptools", "wheel"):  # what an index does not have is not kept
        served.wheel(tool, "1.0")
    compiled(tmp_path, url)
    before = written(tmp_path)
    (tmp_path / "pylock.toml").unlink()
    loaded, told = compiled_with(tmp_path, url, {"httpx", "ssl", "rich", "packaging.metadata", "zipfile"})
    assert loaded == "[]\n", told
    assert written(tmp_path) == before


def test_unchanged_lock_is_answered_without_loading_what_resolves(tmp_path: Path, url: str) -> None:
    compiled(tmp_path, url)
    loaded, told = compiled_with(tmp_path, url, {"httpx", "resolvelib", "rich", "ssl", "sqlite3", "asyncio"})
    assert loaded == "[]\n", told
    assert "(unchanged)" in told


def test_pin_that_no_longer_fits_is_replaced(tmp_path: Path, url: str) -> None:
    compiled(tmp_path, url)
    compiled(tmp_path, url, asked="model\nnumpy<1.26\n")
    assert pins(tmp_path) == {"model": "1.0", "numpy": "1.25.0"}


def test_conflict_exits_3_with_the_lines_and_leaves_the_lock(tmp_path: Path, url: str) -> None:
    compiled(tmp_path, url)
    before = written(tmp_path)
    outcome = compiled(tmp_path, url, asked="model\nnumpy<1.20\n")
    assert outcome.code == 3
    assert "numpy<1.20  (requirements.in:2)" in outcome.err
    assert "numpy>=1.20  (needed by model 1.0 <- model (requirements.in:1))" in outcome.err
    assert written(tmp_path) == before


def test_release_that_an_earlier_index_hides_is_warned_of_and_refused_with_what_takes_it(
    tmp_path: Path, url: str, served: Served
) -> None:
    """Both are on one server, so no name is a secret between them."""
    old = Served()
    old.wheel("numpy", "1.20.0")
    served.answers["/old/numpy/"] = lambda _: old.page("numpy")
    served.answers["/files/numpy-1.20.0-py3-none-any.whl"] = old.answers["/files/numpy-1.20.0-py3-none-any.whl"]
    first = f"{url.removesuffix('simple/')}old/"
    extra = ("--extra-index-url", first)
    outcome = compiled(tmp_path, url, *extra, asked="numpy\n")
    words = f"--index other={url} --index-only other=numpy"
    assert outcome.code == 0
    assert f"warning: {first} is asked before {url}, which has a newer release that would fit: " in outcome.err
    assert f"numpy 1.26.0 (1.20.0 is locked); to use it: {words}\n" in outcome.err
    refused = compiled(tmp_path, url, *extra, asked="numpy>=1.25\n")
    assert refused.code == 3
    assert f"    {first} has one release, 1.20.0\n" in refused.err
    assert f"  {url} has numpy 1.26.0, but {first} takes precedence\n" in refused.err
    assert compiled(tmp_path, url, *extra, *words.split(), asked="numpy>=1.25\n").code == 0
    assert pins(tmp_path) == {"numpy": "1.26.0"}


def test_refusal_has_forty_lines_and_all_of_them_in_full(tmp_path: Path, url: str) -> None:
    asked = "".join(f"six=={number}=\n" for number in range(60))
    brief, full = compiled(tmp_path, url, asked=asked), compiled(tmp_path, url, "--full", asked=asked)
    assert (brief.code, full.code) == (2, 2)
    assert len(brief.err.splitlines()) == 39
    assert brief.err.endswith("hint: 22 more lines are wrong (--full)\n")
    assert len(full.err.splitlines()) == 60


def test_unknown_project_exits_2_with_its_line(tmp_path: Path, url: str) -> None:
    outcome = compiled(tmp_path, url, asked="six\n\nnunpy\n")
    assert outcome.code == 2
    assert outcome.err == (
        "error: 'nunpy' (requirements.in:3): no index has a project with this name\n"
        f"hint: check the spelling and the --index-url; asked: {url}\n"
    )
    assert not (tmp_path / "pylock.toml").exists()


def test_unreachable_index_exits_4_in_one_sentence(tmp_path: Path) -> None:
    outcome = compiled(tmp_path, "http://me:secret@127.0.0.1:9/simple/")
    assert outcome.code == 4
    first, second = outcome.err.splitlines()
    assert first.startswith("error: http://127.0.0.1:9/simple/model/: no answer (")
    assert second == "hint: check the network, the proxy and the --index-url"


def test_faulty_lines_exit_2_and_are_all_told(tmp_path: Path, url: str) -> None:
    outcome = compiled(tmp_path, url, asked="numpy>>1\nsix\n-e six>=1\n")
    assert outcome.code == 2
    assert "requirements.in:1: 'numpy>>1' is not a requirement" in outcome.err
    assert "requirements.in:3: -e 'six>=1' names no folder and no repository" in outcome.err


def test_credentials_get_nowhere(tmp_path: Path, url: str) -> None:
    secret = url.replace("http://", "http://me:s3cret@")
    outcome = compiled(tmp_path, secret)
    assert outcome.code == 0
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not [content for content in [*kept, outcome.err.encode()] if b"s3cret" in content]


def test_standard_streams_serve_as_files(tmp_path: Path, url: str) -> None:
    outcome = run_lockml("compile", "-", "-o", "-", *TARGET, "--index-url", url, folder=tmp_path, stdin="six\n")
    assert outcome.code == 0
    assert outcome.out.splitlines()[-1] == "    # via -r -"
    assert "six==1.16.0 \\" in outcome.out
    assert not (tmp_path / "requirements.txt").exists()


def test_pyproject_is_compiled_with_its_extras(tmp_path: Path, url: str) -> None:
    project = "[project]\nname = 'app'\nversion = '1'\ndependencies = ['numpy']\n"
    (tmp_path / "pyproject.toml").write_text(f"{project}[project.optional-dependencies]\nold = ['six']\n")
    assert compiled(tmp_path, url, "--extra", "old", asked=None).code == 0
    assert pins(tmp_path) == {"numpy": "1.26.0", "six": "1.16.0"}
    assert "# via -r pyproject.toml" in (tmp_path / "requirements.txt").read_text()


def test_constraints_and_dates_bound_the_choice(tmp_path: Path, url: str) -> None:
    (tmp_path / "limits.txt").write_text("numpy<1.26\n")
    compiled(tmp_path, url, "-c", "limits.txt", asked="numpy\n")
    assert pins(tmp_path) == {"numpy": "1.25.0"}
    (tmp_path / "pylock.toml").unlink()
    compiled(tmp_path, url, "--exclude-newer", "2024-05-31", asked="numpy\n")
    assert pins(tmp_path) == {"numpy": "1.25.0"}


def test_files_of_other_folders_are_named_as_seen_from_the_lock(tmp_path: Path, url: str) -> None:
    for name in ("deps", "out"):
        (tmp_path / name).mkdir()
    (tmp_path / "deps" / "base.in").write_text("six\n")
    arguments = (str(tmp_path / "deps" / "base.in"), "--lock", "out/pylock.toml", "-o", "out/requirements.txt")
    assert compiled(tmp_path, url, *arguments).code == 0
    assert "# via -r ../deps/base.in" in (tmp_path / "out" / "requirements.txt").read_text()
    assert str(tmp_path) not in (tmp_path / "out" / "pylock.toml").read_text()


def test_messages_name_files_as_seen_from_here_wherever_the_lock_is(tmp_path: Path, url: str) -> None:
    (tmp_path / "out").mkdir()
    arguments = ("--lock", "out/pylock.toml", "-o", "out/requirements.txt")
    assert compiled(tmp_path, url, *arguments, asked="numpy<1.26\n").code == 0
    stale = compiled(tmp_path, url, *arguments, "--check", asked="numpy>=1.26\n")
    assert "does not meet numpy>=1.26 (requirements.in:1)" in stale.out
    refused = compiled(tmp_path, url, *arguments, asked="numpy<1.26\nnumpy>=1.26\n")
    assert "    numpy>=1.26  (requirements.in:2)" in refused.err
    unknown = compiled(tmp_path, url, *arguments, asked="unheard-of\n")
    assert "'unheard-of' (requirements.in:1)" in unknown.err
    assert "../" not in stale.out + refused.err + unknown.err


def test_damaged_lock_is_refused_and_kept_unless_an_upgrade_is_asked_for(tmp_path: Path, url: str) -> None:
    (tmp_path / "pylock.toml").write_text("<<<<<<< HEAD\n")
    outcome = compiled(tmp_path, url)
    assert outcome.code == 2
    assert "hint: fix or remove it, or ignore it with --upgrade and --retarget or a target" in outcome.err
    assert (tmp_path / "pylock.toml").read_text() == "<<<<<<< HEAD\n"
    assert compiled(tmp_path, url, "--upgrade").code == 0


def test_nothing_is_written_when_one_file_cannot_be(tmp_path: Path, url: str) -> None:
    outcome = compiled(tmp_path, url, "-o", "missing/requirements.txt")
    assert outcome.code == 2
    assert "cannot be written (No such file or directory)" in outcome.err
    assert [path.name for path in tmp_path.iterdir() if "pylock" in path.name] == []


def test_output_that_is_no_regular_file_is_written_in_place(tmp_path: Path, url: str) -> None:
    """``-o /dev/null`` as root must not replace the device."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert compiled(tmp_path, url, "-o", "pipe").code == 0
        assert b"==" in os.read(reader, 1 << 16)
    finally:
        os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


def test_lock_and_requirements_need_two_names(tmp_path: Path, url: str) -> None:
    assert compiled(tmp_path, url, "-o", "pylock.toml").code == 2


def test_artifact_identities_can_be_left_out(tmp_path: Path, url: str) -> None:
    compiled(tmp_path, url)
    assert "record-sha256" in (tmp_path / "pylock.toml").read_text()
    compiled(tmp_path, url, "--no-artifact-identity")
    assert "record-sha256" not in (tmp_path / "pylock.toml").read_text()


def test_index_of_pips_configuration_is_taken(tmp_path: Path, url: str) -> None:
    (tmp_path / "requirements.in").write_text("six\n")
    (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {url}\n")
    variables = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
    assert run_lockml("compile", *TARGET, folder=tmp_path, variables=variables).code == 0
    (tmp_path / "pylock.toml").unlink()
    assert run_lockml("compile", *TARGET, folder=tmp_path, variables={"PIP_INDEX_URL": url}).code == 0
    assert "--index-url" not in (tmp_path / "requirements.txt").read_text()


def test_index_that_speaks_html_only_is_read(tmp_path: Path, url: str, served: Served) -> None:
    """PEP 503."""
    (file,) = served.pages["six"]
    html = f'<html><body><a href="{file["url"]}#sha256={file["hashes"]["sha256"]}">{file["filename"]}</a></body></html>'  # type: ignore[index]
    served.answers["/simple/six/"] = lambda _: httpx.Response(200, html=html)
    assert compiled(tmp_path, url, asked="six").code == 0
    assert pins(tmp_path) == {"six": "1.16.0"}


def test_target_of_this_machine_is_taken_and_told(tmp_path: Path, url: str) -> None:
    (tmp_path / "requirements.in").write_text("six\n")
    outcome = run_lockml("compile", "--index-url", url, folder=tmp_path)
    assert outcome.code == 0
    version = ".".join(map(str, sys.version_info[:3]))
    assert outcome.err.startswith(f"Using this machine's Python {version}, ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--python", "2.7"), "error: --python '2.7': not a Python version"),
        (("--exclude-newer", "soon"), "error: --exclude-newer 'soon': not a date"),
        (("--extra", "x"), "error: --extra 'x': only a pyproject.toml has extras"),
        (("missing.in",), "error: missing.in: no such file"),
        (("--frobnicate",), "No such option '--frobnicate'"),
    ],
)
def test_wrong_usage_exits_2(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    (tmp_path / "requirements.in").write_text("six\n")
    outcome = run_lockml("compile", *arguments, folder=tmp_path)
    assert outcome.code == 2
    assert said in outcome.err


def test_folder_without_inputs_is_told(tmp_path: Path) -> None:
    outcome = run_lockml("compile", folder=tmp_path)
    assert outcome.code == 2
    assert "no requirements.in or pyproject.toml in this folder" in outcome.err


def test_result_is_told_on_a_terminal_with_no_line_left_before_it(tmp_path: Path, url: str) -> None:
    (tmp_path / "requirements.in").write_text("model\n")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "lockml", "compile", *TARGET, "--index-url", url]
    variables = {**os.environ, "LOCKML_CACHE_DIR": str(tmp_path / "cache"), "TERM": "xterm"}
    process = subprocess.Popen(command, cwd=tmp_path, env=variables, stderr=theirs)
    os.close(theirs)
    said = b""
    while True:
        try:
            said += os.read(ours, 4096)
        except OSError:
            break
    os.close(ours)
    assert process.wait() == 0
    # one line of progress may come and go where the machine is busy
    assert re.search(rb"(^|\x1b\[2K)Locked 2 packages for CPython 3.11[^\x1b]*written\)\r\nNext:", said), said


def checked(folder: Path, *arguments: str, asked: str = "model\nsix\n") -> Outcome:
    """Run ``compile --check`` against an index that does not answer."""
    return compiled(folder, "http://127.0.0.1:9/simple/", "--check", *arguments, asked=asked)


def test_check_needs_no_index_and_tells_what_changed(tmp_path: Path, url: str) -> None:
    (tmp_path / "requirements.in").write_text("model\nsix\n")
    run_lockml("compile", *TARGET, folder=tmp_path, variables={"PIP_INDEX_URL": url})
    before = written(tmp_path)

    def check(asked: str) -> Outcome:
        (tmp_path / "requirements.in").write_text(asked)
        return run_lockml(
            "compile", "--check", *TARGET, folder=tmp_path, variables={"PIP_INDEX_URL": "http://x.example"}
        )

    assert check("six # why\n\nmodel\n").code == 0
    outcome = check("six\nmodel\nnumpy<1.26\n")
    assert outcome.code == 1
    assert outcome.out == "pylock.toml is out of date:\n  numpy 1.26.0 does not meet numpy<1.26 (requirements.in:3)\n"
    (tmp_path / "requirements.txt").write_text("six\n")
    assert check("model\nsix\n").out == "pylock.toml is out of date:\n  requirements.txt does not match the lock\n"
    assert (tmp_path / "pylock.toml").read_bytes() == before[0]


def test_check_without_a_lock_exits_2(tmp_path: Path) -> None:
    outcome = checked(tmp_path)
    assert outcome.code == 2
    assert "error: pylock.toml: no such file" in outcome.err


def test_offline_uses_the_cache_and_nothing_else(tmp_path: Path, url: str, served: Served) -> None:
    compiled(tmp_path, url)
    count = len(served.requests)
    (tmp_path / "pylock.toml").unlink()
    assert compiled(tmp_path, url, "--offline").code == 0
    assert len(served.requests) == count
    outcome = compiled(tmp_path, url, "--offline", asked="nunpy\n")
    assert outcome.code == 4
    assert "is not in the cache, and --offline is set" in outcome.err


def test_one_lock_serves_several_targets(tmp_path: Path, url: str, served: Served) -> None:
    served.wheel("numpy", "1.30.0", requires_python=">=3.12")
    served.wheel("winonly", "1.0")
    asked = "model\nsix ; python_version < '3.12'\nwinonly ; sys_platform == 'win32'\n"
    targets = ("a=3.11-linux/amd64-glibc-2.31", "b=3.12-linux/amd64-glibc-2.36", "c=3.12-windows/amd64")
    (tmp_path / "requirements.in").write_text(asked)
    options = [word for target in targets for word in ("--target", target)]
    outcome = run_lockml("compile", *options, "--index-url", url, folder=tmp_path)
    assert outcome.code == 0, outcome.err
    assert "Locked 4 packages for 3 targets" in outcome.err
    lock = tomllib.loads((tmp_path / "pylock.toml").read_text())
    assert {package["name"]: package.get("marker") for package in lock["packages"]} == {
        "model": None,
        "numpy": None,
        "six": 'python_version == "3.11"',
        "winonly": 'sys_platform == "win32"',
    }
    assert pins(tmp_path)["numpy"] == "1.26.0"
    assert lock["requires-python"] == "<3.13,>=3.11"
    assert len(lock["environments"]) == 3
    assert [target["name"] for target in lock["tool"]["lockml"]["targets"]] == ["a", "b", "c"]
    assert 'six==1.16.0 ; python_version == "3.11" \\\n' in (tmp_path / "requirements.txt").read_text()


def test_targets_that_differ_in_the_c_library_alone_share_their_pins(tmp_path: Path, url: str, served: Served) -> None:
    for version, tags in {"1.0": ("manylinux_2_17", "musllinux_1_1"), "2.0": ("manylinux_2_17",)}.items():
        for tag in tags:
            filename = f"native-{version}-cp311-cp311-{tag}_x86_64.whl"
            served.file("native", filename, make_wheel("native", version))
    (tmp_path / "requirements.in").write_text("native\n")
    options = ("--target", "g=3.11-linux/amd64-glibc-2.36", "--target", "m=3.11-linux/amd64-musl-1.2")
    outcome = run_lockml("compile", *options, "--index-url", url, folder=tmp_path)
    assert outcome.code == 0, outcome.err
    assert pins(tmp_path) == {"native": "1.0"}
    (tmp_path / "requirements.in").write_text("native>1\n")
    outcome = run_lockml("compile", *options, "--index-url", url, folder=tmp_path)
    assert outcome.code == 3
    assert "no wheel fits CPython 3.11 on linux/amd64, musl-1.2" in outcome.err


def test_policies_of_the_options_rule_the_choice(tmp_path: Path, url: str) -> None:
    compiled(tmp_path, url, "--resolution", "lowest", "--upgrade")
    assert pins(tmp_path)["numpy"] == "1.25.0"
    compiled(tmp_path, url, "--exclude", "numpy", "--upgrade")
    assert "numpy" not in pins(tmp_path)
    (tmp_path / "overrides.txt").write_text("numpy==1.19.0\n")
    compiled(tmp_path, url, "--override", "overrides.txt", "--upgrade")
    assert pins(tmp_path)["numpy"] == "1.19.0"
    outcome = compiled(tmp_path, url, "--no-binary", "six", "--upgrade")
    assert outcome.code == 3
    assert "six 1.16.0: --no-binary excludes its wheels, and it has no source archive" in outcome.err
    lock = tomllib.loads((tmp_path / "pylock.toml").read_text())
    assert lock["tool"]["lockml"]["overrides"] == ["numpy==1.19.0"]
    outcome = compiled(tmp_path, url, "--exclude-newer", "1w", "--resolution", "highest", "-U", asked="numpy\n")
    assert outcome.code == 0
    assert tomllib.loads((tmp_path / "pylock.toml").read_text())["tool"]["lockml"]["policy"] == {"exclude-newer": "1w"}


def test_what_is_exempt_of_a_date_is_taken_and_remembered(tmp_path: Path, url: str) -> None:
    early = ("--exclude-newer", "2024-05-31", "--exclude-newer-except")
    compiled(tmp_path, url, *early, "Num*", asked="numpy\n")
    assert pins(tmp_path) == {"numpy": "1.26.0"}
    policy = tomllib.loads((tmp_path / "pylock.toml").read_text())["tool"]["lockml"]["policy"]
    assert policy["exclude-newer-except"] == ["num*"]
    assert "--exclude-newer-except 'Num*'" in (tmp_path / "requirements.txt").read_text()
    compiled(tmp_path, url, "--upgrade", asked="numpy\n")
    assert pins(tmp_path) == {"numpy": "1.26.0"}
    compiled(tmp_path, url, "--upgrade", "--exclude-newer-except", ":none:", asked="numpy\n")
    assert pins(tmp_path) == {"numpy": "1.25.0"}
    compiled(tmp_path, url, *early, f"index:{url.rstrip('/')}", "--upgrade", asked="numpy\n")
    assert pins(tmp_path) == {"numpy": "1.26.0"}
    outcome = compiled(tmp_path, url, *early, "index:nightly", "--upgrade", asked="numpy\n")
    assert (outcome.code, "there is no --index nightly" in outcome.err) == (2, True)


def test_date_of_today_is_not_weakened_by_what_the_lock_exempts(tmp_path: Path, url: str) -> None:
    date = ("--exclude-newer", "2024-05-31")
    compiled(tmp_path, url, *date, "--exclude-newer-except", "num*", asked="numpy\n")
    assert pins(tmp_path) == {"numpy": "1.26.0"}
    outcome = compiled(tmp_path, url, *date, asked="numpy\n")
    assert pins(tmp_path) == {"numpy": "1.25.0"}
    dropped = "the lock was made with --exclude-newer-except 'num*', which you no longer give"
    assert dropped in outcome.err


def test_pins_of_other_files_are_preferred_when_moving_over(tmp_path: Path, url: str) -> None:
    (tmp_path / "uv.lock").write_text("[[package]]\nname = 'numpy'\nversion = '1.25.0'\n")
    compiled(tmp_path, url, "--prefer", "uv.lock", asked="numpy\n")
    assert pins(tmp_path) == {"numpy": "1.25.0"}
    compiled(tmp_path, url, "--upgrade", asked="numpy\n")
    compiled(tmp_path, url, "--prefer", "uv.lock", asked="numpy\n")
    assert pins(tmp_path) == {"numpy": "1.26.0"}


def test_pins_of_a_pipfile_lock_are_preferred(tmp_path: Path, url: str) -> None:
    (tmp_path / "Pipfile.lock").write_text(
        '{"_meta": {"hash": {"sha256": "0"}, "pipfile-spec": 6, "requires": {}, "sources": []},'
        ' "default": {"numpy": {"version": "==1.25.0", "hashes": []}}, "develop": {}}'
    )
    compiled(tmp_path, url, "--prefer", "Pipfile.lock", asked="numpy\n")
    assert "numpy==1.25.0" in (tmp_path / "requirements.txt").read_text()


def test_upgrade_asks_the_index_whatever_the_cache_may_keep(tmp_path: Path, url: str, served: Served) -> None:
    served.wheel("old", "1.0")
    compiled(tmp_path, url, asked="six\nold\n")
    served.wheel("six", "1.17.0")
    served.wheel("old", "2.0")
    served.requests.clear()
    compiled(tmp_path, url, "--upgrade-package", "six", asked=None)
    assert pins(tmp_path) == {"six": "1.17.0", "old": "1.0"}
    assert "/simple/old/" not in {path for _, path, _ in served.requests}
    compiled(tmp_path, url, "--upgrade", asked=None)
    assert pins(tmp_path) == {"six": "1.17.0", "old": "2.0"}


def test_address_of_the_index_counts_in_its_usual_form(tmp_path: Path, url: str, served: Served) -> None:
    compiled(tmp_path, url)
    first = tomllib.loads((tmp_path / "pylock.toml").read_text())["tool"]["lockml"]["inputs-sha256"]
    served.requests.clear()
    outcome = compiled(tmp_path, url.rstrip("/").replace("http:", "HTTP:"), "--check", asked=None)
    assert outcome.code == 0, outcome.err
    assert compiled(tmp_path, url.rstrip("/"), asked=None).code == 0
    assert served.requests == []
    assert tomllib.loads((tmp_path / "pylock.toml").read_text())["tool"]["lockml"]["inputs-sha256"] == first


def test_folder_of_this_machine_is_an_index(tmp_path: Path) -> None:
    (tmp_path / "simple" / "six").mkdir(parents=True)
    (tmp_path / "simple" / "six" / "six-1.0-py3-none-any.whl").write_bytes(make_wheel("six", "1.0"))
    index = (tmp_path / "simple").as_uri()
    assert compiled(tmp_path, index, asked="six\n").code == 0
    text = (tmp_path / "requirements.txt").read_text()
    assert f"--index-url {index}\n" in text
    assert "six==1.0 \\\n    --hash=sha256:" in text
    assert compiled(tmp_path, index, "--offline", "--upgrade", asked=None).code == 0
