"""Recognise, by digest, files that tools leave in library folders without listing them.

``_virtualenv.py``, its .pth and empty markers are those of virtualenv and uv, README.txt is CPython's own, and
``PEX_EXTRA_SYS_PATH`` pex's. pipx adds a .pth that names the library folder of its shared environment.
"""

import hashlib
import posixpath
import re
from typing import Final

from lockml.inventory.file_tree import AFTER_START, FileTree

__all__ = ["SHARED_PTH", "is_well_known"]

_LIMIT: Final = 1 << 14
_README: Final = (
    b"This directory exists so that 3rd party packages can be installed\n"
    b"here.  Read the source for site.py for more details.\n"
)
_MARKER: Final = ".virtualenv"  # empty: marks what virtualenv seeded as not to be shared
_PEX: Final = frozenset({"PEX_EXTRA_SYS_PATH.py", "PEX_EXTRA_SYS_PATH.pth"})
_NAMES: Final = frozenset({"_virtualenv.py", "_virtualenv.pth", "README.txt"}) | _PEX
SHARED_PTH: Final = "pipx_shared.pth"
"""The file that names the library folder of pipx's shared environment, in each of pipx's environments."""

_OF_SHARED: Final = re.compile(rb"(?:/[^/\n\r]+)+/lib/python3\.\d+/site-packages\n?")
# _virtualenv.py of virtualenv 20.0.8 to 21.15.11, each of its releases, and of uv up to 0.12.24, one in six of them
_KNOWN: Final = frozenset(
    {
        hashlib.sha256(_README).hexdigest(),
        hashlib.sha256(b"import _virtualenv").hexdigest(),
        "50ca0a9f615965cdeee33d19d61b4bcf17e5a8815628ceaee3ca1ba835049446",
        "29804a63d6784de803bb8eada24b4224b22be87bcc3dff2e8d887cdc3138d210",
        "0278334cdcfab4c746b4416fbd5c2b6e7da937c81e132397d62c361d404ebe0e",
        "02943e192823d75212f206e1f2991ac572119882683a95dfbb7a1b913d7b14b5",
        "07584d2a5d13e0811eb567d78ed2aca0fb60e7defff59a01ca7a48d907bdea51",
        "095a1099733d28c837bca584f5fb3eb3724e357f8846c015083dc6e9a7b985f3",
        "0aeb86546345c1d0fada097536e35525714d5cdbcc2d8eb3f9912a955044fcff",
        "0f20351ea7e90039c46d3fabdef991f28b1e3ff33eb13ee6f0d5cd21ea0e8b14",
        "119e4eb9c1a39e6ffd220840844bd326fa1bd3acf2f1c9fa0612949aedc228a5",
        "460589e83387d4dfe5fd84d41c5f6979599f5cd080983d73c832549161c80435",
        "684b8c07932ba4a84ac2e5ae9afe49ef04e92bac3d8d4191d455cf09d093e5fc",
        "6cf30c56faf2a55228914dbbd17f8088ed371ebb08f5e7fa6fd931f913fcaf1d",
        "82944bb74841efbcfdc3539e7d60df63f43cc023041eb183abbd56f44e071b45",
        "889a24441371e5eed19bb3097dba76ad5c7ef8b093fdf8967d2e3e46f0fadbf6",
        "96245d9e9c0b16fdcd99b470abe101863858120c9bf57752278ec4d7f9b09a94",
        "bd9633de3d8122488d66fcfa0c7f0c9cd0b58e9147938ddf1f8fa76ca12b6ad5",
        "bec6155ff7bfc88f8e79e481f27fd7ee0a3b40eeca9bfeb41f4c4b997b2f8100",
        "c0dff4cc6bb71eea3c812b5eebc5b6d94498679d4e36de276190838663c32cd1",
        "c9199315871b11b12df226f890a38e66e63191e1adbfb11a66e6861151b33fca",
        "ce57d5e0d9b5d7356cb42da7450ba8f9359bdf693e335f4c921626943c77e64d",
        "cfb3db86aaa53bb62b5ff764970bec2d71c9228590a0ebec57f6ec926cc0bf1a",
        "cfe56cafbd68fd31a0e87100f111d7d2f6b7157241096500013c07e88d80a22f",
        "d762c207d745129f173766ffd8b96144bef46f5f87c174a7f684d9fa4248c2d5",
        "dd8e633ed8b9f4741a52379f6d95cb2bf71cdf7d48aa43858935335efdd273ed",
        "e3db5fe06ab41ca9b95dd6463b83836787028a1b55562cc383803bb83001a45c",
        "e3e10c8a19a62a49928c139b8e6824eac92dcdda7639953bcd10921011cbbdff",
        "e8c426ce260f866254ff35cefedc8b3efbd6d1446d99d7a4cdeb0095f98a8b8f",
        "ee52b2e2e720a40885a6b4b90c40e28e5c70e550af74d5efd169eaa5db2a6f6f",
        "f4dfaeb9efc1614890cfa94ed15bbe9b2ee15fbe76d569ef5e435e93e4987dc7",
    }
)


def is_well_known(tree: FileTree, path: str) -> bool:
    """Return whether the file at *path* is one of those; raises UnreadableError."""
    name = posixpath.basename(path)
    if name == SHARED_PTH:
        return _is_of_pipx(tree, path)
    if name not in _NAMES and not name.endswith(_MARKER):
        return False
    if name.endswith(".pth") and not is_well_known(tree, f"{path.removesuffix('.pth')}.py"):
        return False  # it imports what someone else installed
    content = tree.read(path, _LIMIT)
    if name.endswith(_MARKER):
        return content == b""
    return content is not None and hashlib.sha256(content).hexdigest() in _KNOWN


def _is_of_pipx(tree: FileTree, path: str) -> bool:
    """Return whether a .pth only names another library folder, in a pipx environment, unchanged since its creation."""
    origin = tree.origin(path)
    prefix = "/".join(path.split("/")[:-4])
    return (
        tree.kind(f"{prefix}/pipx_metadata.json") == "file"
        and _OF_SHARED.fullmatch(tree.read(path, _LIMIT) or b"") is not None
        and (origin is None or origin.order < AFTER_START)
    )
