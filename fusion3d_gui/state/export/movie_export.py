"""Write a movie of the prediction on screen on a worker: the tour of hot spots, the slices, or the turning 3D."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fusion3d_gui.output_file import check_not_input
from fusion3d_gui.progress import Progress
from fusion3d_gui.report.case_result import CaseResult
from fusion3d_gui.report.movie.scenes import TurnLook, scroll, tour, turn
from fusion3d_gui.report.share import file_stem
from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.data.departure import Departure, LeftItem, files_left
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.state.export.result_collector import ResultCollector
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.store import Store

MovieKind = Literal["tour", "scroll", "turn"]

_FACE = (
    "A face can be recognised from a movie, unless the scan is skull-stripped. "
    "Make it of a skull-stripped scan, or none."
)


@dataclass(frozen=True, eq=False)
class Movie:
    """A movie that can be written: of which kind, case and result; ``look``: how 3D is shown."""

    kind: MovieKind
    case: Case
    result: CaseResult
    look: TurnLook

    @property
    def names_patient(self) -> bool:
        """Whether the patient may be named in it."""
        return self.result.identity is not None

    @property
    def doubts(self) -> tuple[str, ...]:
        """Sentences that have to be confirmed before it leaves without identity: names and faces in the pixels."""
        if self.names_patient:
            return ()
        return (*self.result.burnt_in, *([_FACE] if self.result.face_may_show else []))

    @property
    def suggested_name(self) -> str:
        """Name for its file."""
        return f"{file_stem(self.result)}_{self.kind}.webp"


class MovieExport:
    """Works on the saving lane: one movie at a time, with progress; Escape ends it."""

    def __init__(self, store: Store, display: Display, collector: ResultCollector) -> None:
        self._store = store
        self._display = display
        self._collector = collector

    @property
    def can_start(self) -> bool:
        """Whether a current prediction with its heatmap is on screen."""
        return self._collector.can_collect and self._store.case is not None

    def collect(self, kind: MovieKind, done: Callable[[Movie], object]) -> None:
        """Collect the result as it is on screen, without identity while that is hidden."""
        store, case, collect = self._store, self._store.case, self._collector.work()
        if case is None or collect is None:
            return
        look, level = self._display.volume_look, self._display.window_level.window
        view = TurnLook(look.level_under(level) if look.is_surface else None, look.clip)

        def work(progress: Progress) -> Movie:
            return Movie(kind, case, collect(progress), view)

        store.run(store.saving, "Collecting the result", work, done)

    def write(self, movie: Movie, path: Path) -> None:
        """Draw and write a movie; the window says how it went."""
        store, result = self._store, movie.result
        inputs = (*movie.case.paths, result.bundle.folder)

        def work(progress: Progress) -> tuple[LeftItem, ...]:
            # Pillow is not needed by the window.
            from fusion3d_gui.report.movie.movie_file import write_movie

            check_not_input(path, inputs)
            if movie.kind == "turn":
                shots = turn(result, movie.look)
            else:
                shots = tour(result) if movie.kind == "tour" else scroll(result)
            write_movie(path, result, shots, progress)
            return files_left([("movie", path)])

        def on_written(left: tuple[LeftItem, ...]) -> None:
            values, named = dict(result.prediction.metadata), movie.names_patient
            store.departed.emit(Departure(movie.case, left, values, with_identity=named))
            store.noticed.emit(Notice(f"Movie written to {path.name}."))

        store.run(store.saving, "Drawing the movie", work, on_written)
