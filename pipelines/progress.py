"""Progress of long work: a live display on a terminal, plain lines elsewhere."""

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TextIO

from rich.console import Console, ConsoleOptions, RenderableType  # noqa: TID251 - the one place
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.text import Text

from repscore.pipelines.terminal import printable

if TYPE_CHECKING:  # slow to import
    from repscore.transforms.pose.figures import PoseFigures

_LIVE_S: Final = 0.25
_PLAIN_S: Final = 15.0


class PlainConsole(Console):
    """Shows text as it is: no markup, and nothing of it steers the terminal."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """What everything that is printed passes through."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))

    def render_str(self, text: str, **options: Any) -> Text:
        """A text of a table, printable before its width is measured."""
        return super().render_str(printable(text), **options)


def console(file: TextIO | None = None, width: int | None = None) -> Console:
    """Where text for people is printed.

    Without a file the standard error, so that the standard output stays data.
    """
    wrapped = file is None and not sys.stderr.isatty()
    return PlainConsole(
        file=file,
        stderr=file is None,
        width=width,
        soft_wrap=wrapped,
        highlight=False,
        markup=False,
        emoji=False,
    )


def following(
    title: str, size_bytes: int, status: "Callable[[], PoseFigures]", *, quiet: bool
) -> AbstractContextManager[None]:
    """Show the progress of the pose pool while the block runs; `size_bytes` is the whole work."""
    return follower(title, size_bytes, status, quiet=quiet)()


def follower(
    title: str, size_bytes: int, status: "Callable[[], PoseFigures]", *, quiet: bool
) -> Callable[[], AbstractContextManager[None]]:
    """Like `following`, for several blocks in turn; all count from now."""
    before, started_s = status(), time.monotonic()

    def describe() -> tuple[float, str]:
        now = status()
        parts = [_frames(now.frames - before.frames, started_s)]
        parts += [f"{now.reused - before.reused} from the store"] * (now.reused > before.reused)
        parts += [f"{now.failed - before.failed} failed"] * (now.failed > before.failed)
        return min(now.size_bytes - before.size_bytes, size_bytes), ", ".join(parts)

    return lambda: _following(title, size_bytes, describe, started_s, quiet=quiet)


def following_time(
    title: str, end_s: float, status: Callable[[], tuple[float, int]], *, quiet: bool
) -> AbstractContextManager[None]:
    """Show how far a video is worked off while the block runs; `status`: seconds, and frames."""
    started_s = time.monotonic()

    def describe() -> tuple[float, str]:
        done_s, frames = status()
        return min(done_s, end_s), _frames(frames, started_s)

    return _following(title, end_s, describe, started_s, quiet=quiet)


def _frames(frames: int, started_s: float) -> str:
    return f"{frames:,} frames, {frames / max(time.monotonic() - started_s, 1e-3):.0f} fps"


@contextmanager
def _following(
    title: str,
    total: float,
    describe: Callable[[], tuple[float, str]],
    started_s: float,
    *,
    quiet: bool,
) -> Iterator[None]:
    if quiet:
        yield
        return
    out, stop = console(), threading.Event()
    arguments = (out, title, total, describe, stop)
    show = _live if out.is_terminal else partial(_plain, started_s)
    thread = threading.Thread(target=show, args=arguments, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()  # it looks at `stop` several times a second


def _live(
    out: Console,
    title: str,
    total: float,
    progress_of: Callable[[], tuple[float, str]],
    stop: threading.Event,
) -> None:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[text]}"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=out, transient=True) as progress:
        task = progress.add_task(title, total=total or 1, text="starting")
        while not stop.wait(_LIVE_S):
            done, text = progress_of()
            progress.update(task, completed=done, text=text)


def _plain(
    started_s: float,
    out: Console,
    title: str,
    total: float,
    progress_of: Callable[[], tuple[float, str]],
    stop: threading.Event,
) -> None:
    while not stop.wait(_PLAIN_S):
        done, text = progress_of()
        seconds = time.monotonic() - started_s
        left = f", {seconds * (total - done) / done:.0f} s left" if done else ""
        out.print(f"{title}: {100 * done / (total or 1):.0f} %, {text}{left}")
