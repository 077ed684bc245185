"""httpx, loaded without its command line: that would load rich and pygments, two fifths of all that httpx loads."""

import sys
from typing import Final

__all__ = ["httpx"]

_COMMAND_LINE: Final = "httpx._main"

sys.modules.setdefault(_COMMAND_LINE, None)  # type: ignore[arg-type]  # Python takes None for a module that is not there
import httpx  # noqa: E402

if sys.modules[_COMMAND_LINE] is None:
    del sys.modules[_COMMAND_LINE]
