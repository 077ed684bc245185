"""Compiled modules and their sources in; which of them Python would load for another source than they show, out.

What stands in ``__pycache__`` (PEP 3147) is judged by its header (PEP 552), by RECORD never: installers compile anew.
"""

from typing import Final

from lockml.inventory.accounts import Accounts
from lockml.inventory.bytecode import Fault, judge_bytecode
from lockml.inventory.wanted import MAX_PYC_HEADER
from lockml.ports import Entry, FileTree, UnreadableError

__all__ = ["CompiledModules"]

_MAX_SOURCE: Final = 64 << 20
_UNDATED_UNTIL: Final = 315_619_200  # 1980-01-02: where tools that make builds reproducible put the times of files


class CompiledModules:
    """Judges compiled modules one by one; what is stale is settled at the end, when it is known why."""

    def __init__(self, tree: FileTree, accounts: Accounts, python: str) -> None:
        self._tree = tree
        self._accounts = accounts
        self._minor = int(python.split(".")[1])
        self._stale: list[tuple[str, Entry, str, str, Fault]] = []

    def judge(self, path: str, entry: Entry, source: tuple[str, Entry], owner: str, *, shipped: bool = False) -> None:
        """Judge the compiled module at *path* of the *source*, with its entry, which *owner* owns.

        Some wheels ship compiled modules; those are stale as soon as they are installed, and never loaded.
        """
        place, facts = source
        try:
            fault = judge_bytecode(
                self._tree.read(path, MAX_PYC_HEADER) or b"",
                minor=self._minor,
                size=facts.size,
                modified=facts.modified,
                source=lambda: self._tree.read(place, _MAX_SOURCE),
            )
        except UnreadableError as error:
            self._accounts.problem(error)
            return
        if fault is None:
            self._accounts.account(owner, "bytecode", entry.size)
        elif fault.stale and shipped:
            self._accounts.account(owner, "stale", entry.size)
        elif fault.stale:
            self._stale.append((place, facts, path, owner, fault))
        else:
            self._accounts.deviate("bytecode", path, owner, fault.detail)

    def settle(self) -> None:
        """Leave out what is stale because its source was changed, or because all times were set to one moment."""
        modified = self._accounts.modified
        undated = self._undated()
        left_out = 0
        for source, _, path, owner, fault in self._stale:
            if source in modified or (undated and fault.age_only):
                self._accounts.account(owner, "stale", 0)
                left_out += source not in modified
            else:
                self._accounts.stale(path, owner, f"{fault.detail}; Python compiles it anew", source)
        if left_out:
            text = f"{left_out} compiled modules are of another time than their sources, which all have one: not loaded"
            self._accounts.remarks.append(text)

    def _undated(self) -> bool:
        times = [facts.modified for _, facts, _, _, fault in self._stale if fault.age_only]
        return len(set(times)) == 1 and (len(times) > 1 or times[0] < _UNDATED_UNTIL)
