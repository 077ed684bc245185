"""One moving line on a terminal: what was told last in, what of it fits in the width out."""

from threading import Lock, Timer
from time import monotonic
from typing import TYPE_CHECKING, Final

from lockml.common.display import escape, redact
from lockml.common.progress import Step

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

__all__ = ["MovingLine", "words_of"]

_DELAY: Final = 0.5  # seconds in which nothing is shown
_FRAMES: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_PLAIN_FRAMES: Final = "|/-\\"
_PAGES: Final = "Reading the index"


class MovingLine:
    """Keeps the line from `start` to `stop`; `show` may be called from any thread, as often as one likes."""

    def __init__(self) -> None:
        self._step = Step(doing="Starting")
        self._pages = 0
        self._frames = _FRAMES
        self._lock = Lock()
        self._live: Live | None = None
        self._stopped = False
        self._timer = Timer(_DELAY, self._begin)
        self._timer.daemon = True

    def show(self, step: Step) -> None:
        """Take what is done now."""
        if step.fact:
            return
        if step.doing == _PAGES:
            self._pages = step.done
        self._step = step

    def start(self) -> None:
        """Begin to wait."""
        self._timer.start()

    def stop(self) -> None:
        """Take the line away."""
        self._timer.cancel()
        with self._lock:
            self._stopped = True
            if self._live is not None:
                self._live.stop()

    def _begin(self) -> None:
        from rich.console import Console
        from rich.live import Live

        with self._lock:
            if self._stopped:
                return
            console = Console(stderr=True)
            self._frames = _FRAMES if console.encoding.startswith("utf") else _PLAIN_FRAMES
            self._live = Live(
                console=console, get_renderable=self._line, transient=True, refresh_per_second=10, redirect_stdout=False
            )
            self._live.start()

    def _line(self) -> "Text":
        from rich.text import Text

        frame = self._frames[int(monotonic() * 10) % len(self._frames)]
        return Text(f"{frame} {words_of(self._step, self._pages)}", no_wrap=True, overflow="ellipsis", end="")


def words_of(step: Step, pages: int = 0) -> str:
    """Return what is told of *step*, and of the *pages* that were asked of indexes; in one line."""
    counted = f" {step.done:,} of {step.total:,}" if step.total else f" {step.done:,}" if step.done else ""
    read = f", {step.read / (1 << 20):,.1f} MiB" if step.read else ""
    fetched = f", {pages:,} pages and metadata" if pages and step.doing != _PAGES else ""
    subject = f"  {escape(redact(step.subject))}" if step.subject else ""
    return f"{step.doing}{counted}{read}{fetched}{subject}"
