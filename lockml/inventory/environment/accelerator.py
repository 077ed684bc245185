"""Read what a subject's files and variables say about CUDA, its driver and the builds of its wheels.

Nothing is run: these are small text files, names of libraries and variables, all claims of the subject itself.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Final

from msgspec.structs import replace

from lockml.index.accelerators.findings import is_concerned
from lockml.index.accelerators.model import Ground, Part
from lockml.inventory.environment.needed_libraries import needed_libraries
from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.inventory.model import InstalledDistribution, Inventory

__all__ = ["VARIABLES", "read_builds", "read_ground", "with_host"]

VARIABLES: Final = (
    "CUDA_VERSION",
    "NVIDIA_REQUIRE_",
    "NVIDIA_DISABLE_REQUIRE",
    "NV_CUDA_",
    "ROCM_PATH",
    "LD_LIBRARY_PATH",
)
"""Prefixes of the variables that describe the ground."""

_SMALL: Final = 1 << 16
_LARGEST: Final = 16 << 20  # bytes of a shared object that are read
_MOST: Final = 64  # names of one kind that are considered
_VERSION: Final = re.compile(r"\d{1,2}\.\d{1,2}(?:\.\d{1,4})?")
_LIBCUDA: Final = re.compile(r"libcuda\.so\.(\d{3,4}(?:\.\d{1,4}){1,2})")
_LIBNVML: Final = re.compile(r"libnvidia-ml\.so\.(\d{3,4}(?:\.\d{1,4}){1,2})")
_NVRM: Final = re.compile(r"^NVRM version:.*?\s(\d{3,4}(?:\.\d{1,4}){1,2})\s", re.MULTILINE)
_MODEL: Final = re.compile(r"^Model:[ \t]*(\S.{0,98})$", re.MULTILINE)
_TEGRA: Final = re.compile(r"# R(\d{1,3}) \(release\), REVISION: (\d{1,3}(?:\.\d{1,3})?)")
_SETTING: Final = re.compile(
    r"^(\w+)(?::[^=\n]{1,40})? *= *(?:'([^'\n]{0,80})'|\"([^\"\n]{0,80})\"|None)", re.MULTILINE
)
_CUDART: Final = re.compile(r"lib(?:cudart|nvrtc)\.so\.(\d{2})(?:\.|$)")
_LIBRARY_FOLDERS: Final = (
    *("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64"),
    *("/usr/local/nvidia/lib64", "/usr/local/nvidia/lib"),
)


def read_ground(tree: FileTree, environment: Mapping[str, str]) -> Ground:
    """Return what the image of *tree*, which starts with the variables of *environment*, says about CUDA.

    Unreadable files say nothing.
    """
    toolkits = [name for name in _names(tree, "/usr/local") if re.fullmatch(r"cuda(?:-[\d.]+)?", name)]
    cuda = _cuda_version(tree, environment, toolkits)
    compat = _compat_libraries(tree, toolkits, cuda)
    off = environment.get("NVIDIA_DISABLE_REQUIRE", "").lower() in ("1", "true")
    requires = [value for name, value in sorted(environment.items()) if name.startswith("NVIDIA_REQUIRE_")]
    return Ground(
        cuda=cuda,
        requires=() if off else tuple(value[:4096] for value in requires[:8]),
        compat=max(compat.values(), key=_numbers, default=""),
        compat_first=bool(compat) and _loads_compat(tree, environment, compat),
        rocm=_matched(
            re.compile(r"(\d{1,2}\.\d{1,2}[\w.-]{0,20})"), _text(tree, f"{_rocm(environment)}/.info/version")
        ),
        tegra=".".join(found.groups()) if (found := _TEGRA.search(_text(tree, "/etc/nv_tegra_release"))) else "",
    )


def _rocm(environment: Mapping[str, str]) -> str:
    path = environment.get("ROCM_PATH", "")
    return path.rstrip("/") if path.startswith("/") else "/opt/rocm"


def _cuda_version(tree: FileTree, environment: Mapping[str, str], toolkits: Iterable[str]) -> str:
    """Return the toolkit's version, from its own file rather than a variable, which anyone may set."""
    with suppress(ValueError, TypeError, KeyError, RecursionError):
        stated = json.loads(_text(tree, "/usr/local/cuda/version.json"))["cuda"]["version"]
        if _VERSION.fullmatch(stated):
            return str(stated)
    older = _matched(
        re.compile(r"CUDA Version (\d{1,2}\.\d{1,2}(?:\.\d{1,4})?)"), _text(tree, "/usr/local/cuda/version.txt")
    )
    if older:
        return older
    for value in (environment.get("CUDA_VERSION", ""), environment.get("NV_CUDA_CUDART_VERSION", "").partition("-")[0]):
        if _VERSION.fullmatch(value) and 9 <= int(value.partition(".")[0]) < 20:
            return value
    folders = [name.removeprefix("cuda-") for name in toolkits if _VERSION.fullmatch(name.removeprefix("cuda-"))]
    return folders[0] if len(folders) == 1 else ""


def _compat_libraries(tree: FileTree, toolkits: Iterable[str], cuda: str) -> dict[str, str]:
    """Return, by folder, the version of each forward-compatibility libcuda; one without a version has its toolkit's.

    NGC images keep it in ``lib.real``, which the loader does not search until their start script links it.
    """
    found: dict[str, str] = {}
    for toolkit in toolkits:
        for below in ("", "/lib", "/lib.real"):
            folder = f"/usr/local/{toolkit}/compat{below}"
            names = _names(tree, folder)
            versions = [matched[1] for name in names if (matched := _LIBCUDA.fullmatch(name))]
            if versions:
                found[folder] = max(versions, key=_numbers)
            elif "libcuda.so.1" in names:
                found[folder] = _driver_of(toolkit.removeprefix("cuda").removeprefix("-") or cuda)
    return {folder: version for folder, version in found.items() if version}


def _driver_of(cuda: str) -> str:
    """Return the driver that shipped with the toolkit *cuda*, "" if it is unknown."""
    from lockml.index.accelerators.drivers import driver_of_toolkit, number

    return driver_of_toolkit(number(cuda)[:2]) if _VERSION.fullmatch(cuda) else ""


def _loads_compat(tree: FileTree, environment: Mapping[str, str], compat: Collection[str]) -> bool:
    """Return whether the loader searches a folder of *compat* before the mounted libcuda of a host (ld.so(8))."""
    for folder in environment.get("LD_LIBRARY_PATH", "").split(":")[:_MOST]:
        if folder.rstrip("/") in compat:
            return True
        if folder.startswith("/") and _is_file(tree, f"{folder}/libcuda.so.1"):
            return False
    configurations = ["/etc/ld.so.conf", *(f"/etc/ld.so.conf.d/{name}" for name in _names(tree, "/etc/ld.so.conf.d"))]
    lines = (line.strip().rstrip("/") for name in configurations for line in _text(tree, name).splitlines())
    return any(line in compat for line in lines)


def with_host(inventory: Inventory, tree: FileTree) -> Inventory:
    """Return *inventory* with the driver that its subject runs on and its GPU models, as seen from inside.

    A subject that does not run, or has no GPU device, has none. Without /proc of the driver, a mounted library shows
    it. The driver is not part of an image, so it is not read with the rest.
    """
    subject = inventory.subject
    runs = subject.details.get("read-by") == "process-root" or subject.details.get("is") in ("environment", "packages")
    parts = (Part(name=str(each.name), version=each.version) for each in inventory.environment.distributions)
    if not runs or not (inventory.ground.cuda or is_concerned(parts)) or not _has_gpu(tree):
        return inventory
    models = []
    for name in _names(tree, "/proc/driver/nvidia/gpus"):
        models.append(_matched(_MODEL, _text(tree, f"/proc/driver/nvidia/gpus/{name}/information")).strip())
    driver = _matched(_NVRM, _text(tree, "/proc/driver/nvidia/version"))
    gpus = tuple(sorted({model for model in models if model}))
    return replace(inventory, ground=replace(inventory.ground, driver=driver or _mounted_driver(tree), gpus=gpus))


def _has_gpu(tree: FileTree) -> bool:
    """Return whether there may be a GPU: every container sees the driver's /proc of its host, few have its devices."""
    devices = _names(tree, "/dev", most=1 << 14)
    return not devices or any(name.startswith(("nvidia", "dxg")) for name in devices) or bool(_mounted_driver(tree))


def _mounted_driver(tree: FileTree) -> str:
    for folder in _LIBRARY_FOLDERS:
        for name in _names(tree, folder, most=1 << 14):
            matched = _LIBNVML.fullmatch(name)
            origin = tree.origin(f"{tree.resolve(folder)}/{name}") if matched else None
            if matched and origin is not None and origin.late and not origin.changed:
                return matched[1]
    return ""


def read_builds(tree: FileTree, distributions: Iterable[InstalledDistribution]) -> tuple[Part, ...]:
    """Return the *distributions* with a file that says what they are built for."""
    return tuple(part for each in distributions if (part := _part(tree, each)) is not None)


def _part(tree: FileTree, distribution: InstalledDistribution) -> Part | None:
    name, site = str(distribution.name), distribution.site_folder
    part = Part(name=name, version=distribution.version, plain=distribution.owner is None)
    built = torch = ""
    needs: tuple[int, ...] = ()
    if name == "torch":
        built = _built_of_torch(_settings(_text(tree, f"{site}/torch/version.py")))
    elif name == "onnxruntime-gpu":
        settings = _settings(_text(tree, f"{site}/onnxruntime/capi/build_and_package_info.py"))
        built = _accelerator(settings.get("cuda_version", ""))
    elif name == "xformers":
        built, torch = _built_of_xformers(_text(tree, f"{site}/xformers/cpp_lib.json"))
    elif is_concerned((part,)):
        needs = _cuda_majors_of(tree, name, site)
    if not (built or torch or needs):
        return None
    return Part(name=name, version=part.version, plain=part.plain, built=built, torch=torch, needs=needs)


def _cuda_majors_of(tree: FileTree, name: str, site: str) -> tuple[int, ...]:
    from lockml.index.accelerators.facts import facts

    folders = [f"{site}/{folder}" for project, folder in facts().users.extensions if project == name]
    return next((found for folder in folders if (found := _cuda_majors(tree, folder))), ())


def _built_of_torch(settings: Mapping[str, str]) -> str:
    """Return what ``torch/version.py`` says: the local part of the version, else its CUDA, HIP or XPU, else CPU."""
    if "__version__" not in settings and "cuda" not in settings:
        return ""
    local = settings.get("__version__", "").partition("+")[2]
    if re.fullmatch(r"cpu|xpu|cu\d{2,3}|rocm[\d.]{1,10}", local):
        return local
    if settings.get("cuda"):
        return _accelerator(settings["cuda"])
    if settings.get("hip"):
        return f"rocm{'.'.join(settings['hip'].split('.')[:2])}"
    return "xpu" if settings.get("xpu") else "cpu" if "cuda" in settings else ""


def _built_of_xformers(content: str) -> tuple[str, str]:
    with suppress(ValueError, TypeError, KeyError, RecursionError):
        version = json.loads(content)["version"]
        cuda, torch = version["cuda"], version["torch"]
        if isinstance(cuda, int) and 900 <= cuda < 2000 and isinstance(torch, str):
            return f"cu{cuda // 100}{cuda % 100}", torch[:40]
    return "", ""


def _accelerator(cuda: str) -> str:
    """Return the label of a CUDA version such as ``12.8``."""
    return f"cu{''.join(cuda.split('.')[:2])}" if _VERSION.fullmatch(cuda) else ""


def _cuda_majors(tree: FileTree, folder: str) -> tuple[int, ...]:
    """Return the CUDA majors that the smallest shared objects of *folder* load."""
    with suppress(UnreadableError):
        objects = [each for each in tree.entries(folder) if each.kind == "file" and each.name.endswith(".so")]
        for each in sorted(objects, key=lambda each: each.size)[:3]:
            content = tree.read(f"{folder}/{each.name}", _LARGEST) if each.size <= _LARGEST else None
            majors = {int(found[1]) for name in needed_libraries(content or b"") if (found := _CUDART.match(name))}
            if majors:
                return tuple(sorted(majors))
    return ()


def _settings(content: str) -> dict[str, str]:
    """Return the plain assignments of a small Python file, None as ""."""
    return {name: one or other for name, one, other in _SETTING.findall(content)}


def _matched(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _names(tree: FileTree, folder: str, most: int = _MOST) -> tuple[str, ...]:
    if not folder.startswith("/"):
        return ()
    with suppress(UnreadableError):
        return tree.names(folder)[:most]
    return ()


def _is_file(tree: FileTree, path: str) -> bool:
    with suppress(UnreadableError):
        return tree.kind(path) == "file"
    return False


def _text(tree: FileTree, path: str) -> str:
    with suppress(UnreadableError):
        return (tree.read(path, _SMALL) or b"").decode("utf-8", "replace")
    return ""
