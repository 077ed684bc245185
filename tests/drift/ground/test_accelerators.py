"""What no driver runs and what does not go together is drift where it refuses, and a remark elsewhere."""

from collections.abc import Mapping
from datetime import date

from msgspec.structs import replace

from lockml.drift.compare import compare
from lockml.drift.model import DriftReport, Level
from lockml.drift.policy import IgnoreRule, apply_rules
from lockml.drift.proof import proof_of
from lockml.index.accelerators.model import Declared, Ground
from lockml.inventory.collect import take_inventory
from lockml.inventory.model import Runtime, Subject
from lockml.lock.model import Lock
from tests.drift.subjects import make_lock
from tests.made.trees import SITE, MemoryTree, venv_files
from tests.made.wheels import installed_files, make_wheel, wheel_name

VARIABLES = {"PATH": "/opt/venv/bin:/usr/bin"}


def wheels(*pins: str, **files: bytes) -> dict[str, bytes]:
    """Return a wheel for each of *pins*, ``torch==2.8.0``; *files* are torch's own."""
    made = {}
    for pin in pins:
        name, _, version = pin.partition("==")
        own = {path.replace("__", "/").replace("_py", ".py"): content for path, content in files.items()}
        module = {f"{name.replace('-', '_')}/__init__.py": b""}
        made[wheel_name(name, version)] = make_wheel(name, version, files=module | (own if name == "torch" else {}))
    return made


def report_of(
    installed: Mapping[str, bytes],
    lock: Lock,
    *,
    level: Level = "artifacts",
    ground: Ground | None = None,
    declared: Declared | None = None,
    **variables: str,
) -> DriftReport:
    files = venv_files()
    for wheel in installed.values():
        files |= installed_files(wheel, SITE)
    runtime = Runtime(environment={**VARIABLES, **variables})
    subject = Subject(kind="image", name="train:7")
    inventory = take_inventory(MemoryTree(files), subject, runtime, proof=proof_of(lock, "pylock.toml"))
    inventory = replace(inventory, declared=declared or inventory.declared, ground=ground or inventory.ground)
    return compare(lock, inventory, level=level, file="pylock.toml")


def accelerators(report: DriftReport) -> list[str]:
    return [drift.detail for drift in report.drifts if drift.kind == "accelerator"]


def remarks(report: DriftReport) -> list[str]:
    return [remark.text for remark in report.remarks if remark.subject == "accelerator"]


TORCH_13 = wheels("torch==2.9.1+cu130")


def test_driver_below_the_floor_is_drift_with_its_remedy() -> None:
    report = report_of(TORCH_13, make_lock(TORCH_13), declared=Declared(driver="570.195.03"))
    (drift,) = report.drifts
    assert (drift.kind, drift.name, report.exit_code) == ("accelerator", "torch", 1)
    assert (drift.locked, drift.found) == ("2.9.1+cu130", "2.9.1+cu130 (driver floor)")
    assert drift.detail == (
        "torch 2.9.1+cu130 is built for CUDA 13 and needs driver 580 or newer, and the driver is 570.195.03 (CUDA 12.8)"
    )
    assert drift.fix == "update the driver to 580, or lock torch 2.9.1+cu128"


def test_driver_that_a_running_subject_sees_counts_and_a_declared_one_wins() -> None:
    lock = make_lock(TORCH_13)
    old = Ground(driver="570.195.03")
    assert len(accelerators(report_of(TORCH_13, lock, ground=old))) == 1
    assert report_of(TORCH_13, lock, ground=old, declared=Declared(driver="580.82.07")).exit_code == 0


def test_image_of_another_major_is_a_remark_and_no_drift() -> None:
    report = report_of(TORCH_13, make_lock(TORCH_13), CUDA_VERSION="12.8.1")
    assert (report.drifts, report.exit_code) == ((), 0)
    assert len(remarks(report)) == 1
    assert report_of(TORCH_13, make_lock(TORCH_13), CUDA_VERSION="13.0.1").remarks == ()


def test_rule_of_the_user_accepts_it() -> None:
    report = report_of(TORCH_13, make_lock(TORCH_13), declared=Declared(driver="570"))
    rule = IgnoreRule(reason="test hosts", stated_in="lockml.toml", kind="accelerator", names=("torch",))
    accepted = apply_rules(report, (rule,), date(2026, 11, 29))
    assert (accepted.exit_code, len(accepted.accepted)) == (0, 1)


def test_cpu_build_where_a_gpu_was_locked_is_found_and_the_reverse() -> None:
    cuda, cpu = wheels("torch==2.8.0+cu128"), wheels("torch==2.8.0+cpu")
    for locked, found in ((cuda, cpu), (cpu, cuda)):
        report = report_of(found, make_lock(locked), level="names")
        assert [drift.kind for drift in report.drifts] == ["version", "accelerator"]
    (text,) = accelerators(report_of(cpu, make_lock(cuda), level="names"))
    assert text == "torch 2.8.0+cu128 is locked for cu128, and 2.8.0+cpu (cpu) is installed"


CPU_FILE = b"__version__ = '2.8.0+cpu'\ncuda: Optional[str] = None\n"


def test_cpu_build_of_the_same_version_is_found_where_cuda_is_locked_beside_it() -> None:
    """At level names the versions are equal; the file that torch has of itself tells."""
    locked = wheels("torch==2.8.0", "nvidia-nccl-cu12==2.27.3")
    found = wheels("torch==2.8.0", "nvidia-nccl-cu12==2.27.3", torch__version_py=CPU_FILE)
    (text,) = accelerators(report_of(found, make_lock(locked), level="names"))
    assert text == "torch 2.8.0 is locked for cu128, and a build for cpu is installed"


def test_build_that_the_lock_proves_is_the_locked_one_whatever_the_index_usually_serves() -> None:
    own = wheels("torch==2.8.0", torch__version_py=CPU_FILE)
    assert report_of(own, make_lock(own)).exit_code == 0
    assert report_of(own, make_lock(own), level="names").exit_code == 0


def test_lock_for_cpu_has_no_cuda() -> None:
    lock = replace(make_lock(TORCH_13), accelerator="cpu")
    (text,) = accelerators(report_of(TORCH_13, lock))
    assert text == "the lock is for CPU, and has torch 2.9.1+cu130 (cu130)"


def test_two_opencvs_are_a_remark() -> None:
    both = wheels("opencv-python==4.10.0.84", "opencv-python-headless==4.10.0.84")
    report = report_of(both, make_lock(both))
    (text,) = remarks(report)
    assert text.startswith("opencv-python 4.10.0.84 and opencv-python-headless 4.10.0.84 both write cv2/")
    assert report.exit_code == 0
