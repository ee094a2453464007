"""The submenu of movies: the hot spots, the slices, the turning 3D, as animated WebP or GIF."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QWidget

from fusion3d_gui.state.export.movie_export import Movie, MovieExport, MovieKind
from fusion3d_gui.widgets.window.commands.command import Command
from fusion3d_gui.widgets.window.dialogs.confirm import confirm_save
from fusion3d_gui.widgets.window.dialogs.file_dialogs import FileDialogs

_MOVIES: dict[MovieKind, tuple[str, str]] = {
    "tour": ("Tour of the hot spots…", "From one hot spot to the next, in three planes"),
    "scroll": ("Scroll through the slices…", "Every slice, the scan beside the heatmap"),
    "turn": ("The turning 3D…", "Once around the patient, as the 3D view shows the scan"),
}


def movie_commands(movies: MovieExport, files: FileDialogs, window: QWidget) -> list[Command]:
    """Commands of the submenu; questions open over ``window``."""

    def on_collected(movie: Movie) -> None:
        doubts = " ".join(movie.doubts)
        if doubts and not confirm_save("Without identity?", doubts, window):
            return
        path = files.movie_path(movie.suggested_name)
        if path is not None:
            movies.write(movie, path)

    return [
        Command(
            f"movie_{kind}",
            "&File/Save a movie",
            title,
            partial(movies.collect, kind, on_collected),
            enabled=lambda: movies.can_start,
            tip=tip,
            synonyms=("movie", "video", "animation", "gif", "webp"),
        )
        for kind, (title, tip) in _MOVIES.items()
    ]
