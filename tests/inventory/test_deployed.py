"""Locked projects beside the script that is started, as ``pip install --target`` puts them there."""

from lockml.drift.compare import compare
from lockml.drift.proof import proof_of
from lockml.inventory.collect import take_inventory
from lockml.inventory.model import Runtime, Subject
from tests.drift.subjects import in_order, make_lock
from tests.made.trees import SITE, MemoryTree

TASK = "/var/task"


def deployed() -> dict[str, bytes]:
    files = {path.replace(SITE, TASK): content for path, content in in_order().items() if "README" not in path}
    files |= {f"{TASK}/bin/{name}": files.pop(f"/opt/venv/bin/{name}") for name in ("run", "model-cli")}
    record = f"{TASK}/model-1.0.dist-info/RECORD"
    files[record] = files[record].replace(b"../../../bin", b"../../bin")
    return {**files, f"{SITE}/README.txt": in_order()[f"{SITE}/README.txt"], f"{TASK}/app.py": b"import model"}


def report_of(files: dict[str, bytes], command: tuple[str, ...]) -> list[tuple[str, str | None]]:
    lock = make_lock()
    runtime = Runtime(environment={"PATH": "/opt/venv/bin"}, working_folder=TASK, command=command)
    subject = Subject(kind="image", name="task")
    inventory = take_inventory(MemoryTree(files), subject, runtime, files=True, proof=proof_of(lock, "pylock.toml"))
    report = compare(lock, inventory, level="files", file="pylock.toml")
    return [(drift.kind, drift.path) for drift in report.drifts]


def test_projects_in_the_working_folder_are_checked_there() -> None:
    assert report_of(deployed(), ("/entrypoint.sh", "app.handler")) == []


def test_projects_in_the_folder_of_the_script_are_checked_there() -> None:
    assert report_of(deployed(), ("python3", f"{TASK}/app.py")) == []


def test_module_that_is_added_to_such_a_project_is_found() -> None:
    files = {**deployed(), f"{TASK}/model/more.py": b""}
    assert report_of(files, ("python3", "app.py")) == [("unattributed-file", f"{TASK}/model/more.py")]
