"""The words of the command that makes a lock again."""

from pathlib import Path

from lockml.cli.compile.command import command
from lockml.cli.compile.options import compile_options
from lockml.cli.compile.outputs import command_words
from lockml.common.target import parse_target
from lockml.lock.model import BaseImage

LINUX = parse_target("3.11.2-linux/amd64-glibc-2.36")
IMAGE = BaseImage(reference="base:1", layers=("sha256:aa",), kind="image", gives_target=True)


def words(*arguments: str, target: str = "", image: BaseImage | None = None) -> str:
    with command.make_context("compile", list(arguments), help_option_names=["-h", "--help"]) as context:
        options = compile_options(context.params)
    return " ".join(command_words(options, [parse_target(target) if target else LINUX], image))


def test_target_is_named_whole_wherever_it_came_from() -> None:
    assert words("a.in") == "lockml compile a.in --python 3.11.2 --platform linux/amd64 --libc glibc-2.36"
    assert words("a.in", target="3.12-windows/amd64") == "lockml compile a.in --python 3.12 --platform windows/amd64"
    assert words("a.in", target="3.12-macos/arm64-14.0") == "lockml compile a.in --target 3.12-macos/arm64-14.0"
    assert (
        words("a.in", target="t=3.11-linux/amd64-musl-1.2")
        == "lockml compile a.in --target t=3.11-linux/amd64-musl-1.2"
    )


def test_base_image_stands_for_its_own_target() -> None:
    assert words("a.in", image=IMAGE) == "lockml compile a.in --base-image image:base:1"


def test_nothing_that_decides_no_lock_is_told(tmp_path: Path) -> None:
    authorities = tmp_path / "ca.pem"
    authorities.touch()
    given = (
        "-U",
        "-P",
        "six",
        "--offline",
        "--cert",
        str(authorities),
        "--verify",
        "--check",
        "-o",
        "-",
        "--prefer",
        "uv.lock",
    )
    assert words("a.in", *given) == words("a.in")
    assert words("a.in", "-o", "/dev/fd/63") == words("a.in")


def test_login_is_left_out_wherever_it_stands() -> None:
    given = (
        "-i",
        "https://u:pw@a/s",
        "--index",
        "x=https://u:pw@b/s",
        "-c",
        "https://u:pw@c/c.txt",
        "-f",
        "https://u:pw@d",
    )
    told = words("https://u:pw@e/a.in", *given)
    assert "pw" not in told
    assert told.startswith("lockml compile https://e/a.in ")


def test_options_that_decide_are_told_in_one_order() -> None:
    given = (
        "--pre",
        "--allow-build",
        "x",
        "--accept-older",
        "old",
        "--deny",
        "no*",
        "--as-is",
        "--no-artifact-identity",
        "--lock",
        "b.toml",
        "--extra",
        "e",
        "--group",
        "g",
    )
    tail = " --extra e --group g --pre --allow-build x --accept-older old --deny no* --as-is"
    assert words("a.in", *given).endswith(tail)
    assert " --lock b.toml --no-artifact-identity --python " in words("a.in", *given)
