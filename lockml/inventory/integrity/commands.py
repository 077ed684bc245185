"""Find programs in the folders of PATH that a shell runs instead of the scripts of locked projects."""

import posixpath
from collections.abc import Iterator, Mapping, Sequence

from lockml.inventory.file_tree import FileTree
from lockml.inventory.model import InstalledDistribution, PythonEnvironment, Runtime
from lockml.inventory.origins import came_late
from lockml.inventory.proof import Proof

__all__ = ["hidden_scripts"]


def hidden_scripts(
    tree: FileTree, environment: PythonEnvironment, runtimes: Sequence[Runtime], proof: Proof
) -> Iterator[tuple[str, str]]:
    """Yield each program that was added after the start and hides a script, with the script's project.

    A distribution whose RECORD *proof* does not know has no claim to its names. Raises UnreadableError.
    """
    scripts = _scripts(tree, environment)
    seen: set[str] = set()
    for runtime in runtimes:
        search = runtime.environment.get("PATH", "")
        entries = [
            posixpath.normpath(posixpath.join(runtime.working_folder or "/", each)) for each in search.split(":")
        ]
        places = [tree.resolve(each) for each in entries] if search else []
        for folder, owners in scripts.items():
            for real_path in places[: places.index(folder)] if folder in places else ():
                for name in sorted(owners.keys() & set(tree.names(real_path))):
                    path = f"{real_path}/{name}"
                    if path not in seen and came_late(tree, path):
                        seen.add(path)
                        proven = proof.proven(environment)
                        yield from ((path, each.name) for each in owners[name] if each.folder in proven)


def _scripts(tree: FileTree, environment: PythonEnvironment) -> Mapping[str, Mapping[str, list[InstalledDistribution]]]:
    """Return the distributions that list each script, by folder and name."""
    found: dict[str, dict[str, list[InstalledDistribution]]] = {}
    for each in environment.distributions:
        for row in each.record or ():
            if not row.path.startswith("../"):
                continue
            folder, _, name = row.path.rpartition("/")
            if folder.endswith("/bin"):
                real_path = tree.resolve(posixpath.normpath(f"{tree.resolve(each.site_folder)}/{folder}"))
                found.setdefault(real_path, {}).setdefault(name, []).append(each)
    return found
