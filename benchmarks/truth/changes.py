"""Manipulations of files: code, links, names, compiled modules, and what Python reads when it starts."""

import importlib.util
import marshal
import os
import py_compile
import shutil
import struct
from pathlib import Path

from benchmarks.truth.victim import EVIL, Victim

__all__ = ["HARMFUL", "HARMLESS"]


def edit_source(victim: Victim) -> str:
    _, path = victim.owned()
    victim.append(path)
    return victim.brief(path)


def edit_one_byte(victim: Victim) -> str:
    """Flip a bit, and keep size and times."""
    _, path = victim.owned()
    content, status = bytearray(path.read_bytes()), path.stat()
    place = victim.random.randrange(len(content))
    content[place] ^= 1
    path.write_bytes(bytes(content))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return f"{victim.brief(path)} at {place}"


def edit_extension(victim: Victim) -> str:
    _, path = victim.owned(".so")
    content = bytearray(path.read_bytes())
    content[victim.random.randrange(64, len(content))] ^= 1
    path.unlink()
    path.write_bytes(bytes(content))
    path.chmod(0o755)
    return victim.brief(path)


def delete_file(victim: Victim) -> str:
    _, path = victim.owned()
    path.unlink()
    return victim.brief(path)


def add_module_in_package(victim: Victim) -> str:
    path = victim.package() / "added_module.py"
    path.write_text(EVIL)
    return victim.brief(path)


def add_pth(victim: Victim) -> str:
    path = victim.site / victim.random.choice(("zz_added.pth", ".hidden.pth", "__editable__.added.pth"))
    path.write_text(EVIL)
    return victim.brief(path)


def add_pth_folder(victim: Victim) -> str:
    folder = victim.prefix / "share" / "other"
    folder.mkdir(parents=True)
    (folder / "six.py").write_text(EVIL)
    (victim.site / "easy-install.pth").write_text(f"{folder}\n")
    return victim.brief(folder)


def add_customize(victim: Victim) -> str:
    path = victim.site / victim.random.choice(("sitecustomize.py", "usercustomize.py", "sitecustomize/__init__.py"))
    path.parent.mkdir(exist_ok=True)
    path.write_text(EVIL)
    return victim.brief(path)


def add_package(victim: Victim) -> str:
    path = victim.site / "added_package" / "__init__.py"
    path.parent.mkdir()
    path.write_text(EVIL)
    return victim.brief(path)


def extension_beside_module(victim: Victim) -> str:
    _, path = victim.owned()
    _, extension = victim.owned(".so")
    suffix = victim.random.choice((".cpython-311-x86_64-linux-gnu.so", ".abi3.so", ".so"))
    target = path.with_suffix(suffix)
    shutil.copy(extension, target)
    return victim.brief(target)


def package_over_module(victim: Victim) -> str:
    names = [name for name in ("six", "jsonpatch", "jsonpointer") if (victim.site / f"{name}.py").exists()]
    path = victim.site / victim.random.choice(names) / "__init__.py"
    path.parent.mkdir()
    path.write_text(EVIL)
    return victim.brief(path)


def module_in_bin(victim: Victim) -> str:
    """Hide a module from the scripts, which look in their own folder first."""
    path = victim.bin / victim.random.choice(("click.py", "six.py", "jinja2/__init__.py"))
    path.parent.mkdir(exist_ok=True)
    path.write_text(EVIL)
    return victim.brief(path)


def unchecked_bytecode(victim: Victim) -> str:
    _, path = victim.owned()
    return _compiled(victim, path, py_compile.PycInvalidationMode.UNCHECKED_HASH)


def checked_bytecode_with_other_body(victim: Victim) -> str:
    """Compile other code under a hash that is the source's."""
    _, path = victim.owned()
    code = compile(EVIL, str(path), "exec")
    head = importlib.util.MAGIC_NUMBER + struct.pack("<I", 0b11) + importlib.util.source_hash(path.read_bytes())
    return _write_compiled(victim, path, head + marshal.dumps(code))


def bytecode_with_other_body(victim: Victim) -> str:
    """Compile other code under the source's time and size, later than the source."""
    _, path = victim.owned()
    code, status = compile(EVIL, str(path), "exec"), path.stat()
    head = importlib.util.MAGIC_NUMBER + struct.pack("<III", 0, int(status.st_mtime), status.st_size)
    return _write_compiled(victim, path, head + marshal.dumps(code))


def sourceless_module(victim: Victim) -> str:
    target = victim.package() / "sourceless.pyc"
    source = victim.prefix / "source.py"
    source.write_text(EVIL)
    py_compile.compile(str(source), cfile=str(target))
    source.unlink()
    return victim.brief(target)


def _compiled(victim: Victim, path: Path, mode: py_compile.PycInvalidationMode) -> str:
    other, target = victim.prefix / "other.py", _compiled_path(path)
    other.write_text(EVIL)
    target.parent.mkdir(exist_ok=True)
    py_compile.compile(str(other), cfile=str(target), invalidation_mode=mode)
    other.unlink()
    return victim.brief(target)


def _compiled_path(path: Path) -> Path:
    return path.parent / "__pycache__" / f"{path.stem}.cpython-311.pyc"


def _write_compiled(victim: Victim, path: Path, content: bytes) -> str:
    target = _compiled_path(path)
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(content)
    return victim.brief(target)


def path_file_beside_python(victim: Victim) -> str:
    path = victim.bin / victim.random.choice(("python._pth", "python3._pth", "python3.11._pth"))
    path.write_text(f"{victim.prefix}/elsewhere\nimport site\n")
    return victim.brief(path)


def home_elsewhere(victim: Victim) -> str:
    """Lead to another standard library, by a first or by the only `home`."""
    fake = victim.prefix.parent / "fake"
    (fake / "bin").mkdir(parents=True, exist_ok=True)
    if not (fake / "lib").exists():
        base = Path((victim.bin / "python").resolve()).parents[1]
        ignored = shutil.ignore_patterns(
            "site-packages", "dist-packages", "test", "__pycache__", "config-*", "lib-dynload"
        )
        shutil.copytree(base / "lib" / "python3.11", fake / "lib" / "python3.11", ignore=ignored, symlinks=True)
        (fake / "lib" / "python3.11" / "lib-dynload").symlink_to(base / "lib" / "python3.11" / "lib-dynload")
        (fake / "bin" / "python3.11").symlink_to((victim.bin / "python").resolve())
        (fake / "lib" / "python3.11" / "random.py").write_text(EVIL)
    configuration = victim.prefix / "pyvenv.cfg"
    text = configuration.read_text()
    if victim.random.random() < 0.5:
        text = f"home = {fake}/bin\n{text}"
    else:
        text = "".join(f"home = {fake}/bin\n" if line.startswith("home") else line for line in text.splitlines(True))
    configuration.write_text(text)
    return "home = fake"


def configuration_beside_python(victim: Victim) -> str:
    """Add the pyvenv.cfg beside the program, which Python takes before the one above."""
    text = (victim.prefix / "pyvenv.cfg").read_text().replace("= false", "= true")
    (victim.bin / "pyvenv.cfg").write_text(text)
    return "bin/pyvenv.cfg"


def system_packages_included(victim: Victim) -> str | None:
    """Let the base's own packages come into sight."""
    path = victim.prefix / "pyvenv.cfg"
    text = path.read_text()
    if "include-system-site-packages = false" not in text:
        return None
    path.write_text(text.replace("include-system-site-packages = false", "include-system-site-packages = true"))
    return victim.brief(path)


def dist_packages_in_venv(victim: Victim) -> str | None:
    if not victim.debian:
        return None
    places = ("lib/python3/dist-packages", "lib/python3.11/dist-packages", "local/lib/python3.11/dist-packages")
    path = victim.prefix / victim.random.choice(places) / victim.random.choice(("zz.pth", "six.py"))
    path.parent.mkdir(parents=True)
    path.write_text(EVIL)
    return victim.brief(path)


def file_link_elsewhere(victim: Victim) -> str:
    _, path = victim.owned()
    target = victim.prefix / "share" / path.name
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(path.read_bytes() + EVIL.encode())
    path.unlink()
    path.symlink_to(target)
    return victim.brief(path)


def folder_link_elsewhere(victim: Victim) -> str:
    folder = victim.package()
    target = victim.prefix / "share" / "moved"
    target.parent.mkdir(exist_ok=True)
    shutil.copytree(folder, target)
    (target / "__init__.py").write_text(EVIL)
    shutil.rmtree(folder)
    folder.symlink_to(target)
    return victim.brief(folder)


def interpreter_is_a_script(victim: Victim) -> str:
    path = victim.bin / "python"
    real = path.resolve()
    path.unlink()
    path.write_text(f'#!/bin/sh\nPYTHONPATH=/tmp exec {real} "$@"\n')
    path.chmod(0o755)
    return victim.brief(path)


def other_case(victim: Victim) -> str:
    _, path = victim.owned()
    new = path.with_name(path.name.swapcase())
    path.rename(new)
    return victim.brief(new)


def setuid(victim: Victim) -> str:
    _, path = victim.script() if victim.random.random() < 0.5 else victim.owned(".so")
    path.chmod(0o4755)
    return victim.brief(path)


def edit_unlocked_tool(victim: Victim) -> str | None:
    """Edit the code of pip or setuptools, which are not locked."""
    names = ("pip/__init__.py", "setuptools/__init__.py", "distutils-precedence.pth", "_distutils_hack/__init__.py")
    paths = [victim.site / name for name in names if (victim.site / name).exists()]
    if not paths:
        return None
    path = victim.random.choice(paths)
    victim.append(path)
    return victim.brief(path)


def remove_mode_bits(victim: Victim) -> str:
    _, path = victim.script()
    path.chmod(0o644)
    return victim.brief(path)


def add_mode_bits(victim: Victim) -> str:
    _, path = victim.owned()
    path.chmod(0o755)
    return victim.brief(path)


def add_program(victim: Victim) -> str:
    path = victim.bin / "added-program"
    path.write_text("#!/bin/sh\necho hello\n")
    path.chmod(0o755)
    return victim.brief(path)


def link_to_identical(victim: Victim) -> str:
    _, path = victim.owned()
    target = victim.prefix / "share" / path.name
    target.parent.mkdir(exist_ok=True)
    shutil.copy2(path, target)
    path.unlink()
    path.symlink_to(target)
    return victim.brief(path)


def module_where_nobody_looks(victim: Victim) -> str:
    """Add to a venv's lib/python3.11, which is on no import path."""
    path = victim.site.parent / "added_module.py"
    path.write_text(EVIL)
    return victim.brief(path)


def drop_compiled(victim: Victim) -> str:
    folders = sorted(victim.site.rglob("__pycache__"))
    if folders:
        shutil.rmtree(victim.random.choice(folders))
    return f"one of {len(folders)}"


def touch_source(victim: Victim) -> str:
    """Make what is compiled of a module stale: Python does not load it."""
    _, path = victim.owned()
    os.utime(path, (1_500_000_000, 1_500_000_000))
    return victim.brief(path)


def unrelated_text(victim: Victim) -> str:
    path = victim.prefix / "README.txt"
    path.write_text("hello\n")
    return victim.brief(path)


HARMFUL = {
    "edit-source": edit_source,
    "edit-one-byte": edit_one_byte,
    "edit-extension": edit_extension,
    "delete-file": delete_file,
    "add-module-in-package": add_module_in_package,
    "add-pth": add_pth,
    "add-pth-folder": add_pth_folder,
    "add-customize": add_customize,
    "add-package": add_package,
    "extension-beside-module": extension_beside_module,
    "package-over-module": package_over_module,
    "module-in-bin": module_in_bin,
    "unchecked-bytecode": unchecked_bytecode,
    "checked-bytecode-body": checked_bytecode_with_other_body,
    "bytecode-body": bytecode_with_other_body,
    "sourceless-module": sourceless_module,
    "path-file-beside-python": path_file_beside_python,
    "home-elsewhere": home_elsewhere,
    "configuration-beside-python": configuration_beside_python,
    "system-packages-included": system_packages_included,
    "dist-packages-in-venv": dist_packages_in_venv,
    "file-link-elsewhere": file_link_elsewhere,
    "folder-link-elsewhere": folder_link_elsewhere,
    "interpreter-is-a-script": interpreter_is_a_script,
    "other-case": other_case,
    "setuid": setuid,
    "edit-unlocked-tool": edit_unlocked_tool,
}
HARMLESS = {
    "remove-mode-bits": remove_mode_bits,
    "add-mode-bits": add_mode_bits,
    "add-program": add_program,
    "link-to-identical": link_to_identical,
    "module-where-nobody-looks": module_where_nobody_looks,
    "drop-compiled": drop_compiled,
    "touch-source": touch_source,
    "unrelated-text": unrelated_text,
}
