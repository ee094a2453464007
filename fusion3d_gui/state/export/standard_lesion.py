"""A lesion of the scan on screen in standard space: registered on a worker, written, opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fusion3d_gui.output_file import check_not_input
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.data.departure import Departure, LeftItem, files_left
from fusion3d_gui.state.masks.mask_list import CaseMask
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.store import Store

if TYPE_CHECKING:
    # SimpleITK and SciPy are imported on the worker.
    from fusion3d_gui.imaging.registration.lesion_check import CheckPicture as CheckPicture
    from fusion3d_gui.imaging.registration.lesion_check import CheckRow as CheckRow
    from fusion3d_gui.imaging.registration.to_template import StandardLesion as StandardLesion


@dataclass(frozen=True, eq=False)
class LesionCheck:
    """A lesion in standard space, and what the reader is shown before its map is saved."""

    lesion: StandardLesion
    rows: tuple[CheckRow, ...]

    @property
    def side_text(self) -> str:
        """On which side the lesion lies, and what to compare that with."""
        return f"{self.lesion.side_text} Compare with the letters on the scan."

    @property
    def summary(self) -> str:
        """How well scan and template agree."""
        return f"Registration: {self.lesion.registration.summary}"

    @property
    def is_doubtful(self) -> bool:
        """Whether something speaks against the registration."""
        return bool(self.lesion.registration.doubt)


def register_lesion(store: Store, chosen: CaseMask, found: Callable[[LesionCheck], object]) -> None:
    """Register the scan on screen to the template without the mask's region; ``found`` gets the lesion there to check.

    Nothing happens where another case is on screen by then.
    """
    case = store.case
    if case is None or not case.is_complete:
        return
    scan, grid = case.volume, chosen.mask.grid

    def work(progress: Progress) -> LesionCheck:
        from fusion3d_gui.imaging.registration.lesion_check import lesion_check
        from fusion3d_gui.imaging.registration.to_template import lesion_in_standard_space, union_on

        inside = union_on([grid], scan)
        lesion = lesion_in_standard_space(scan, inside, progress)
        return LesionCheck(lesion, lesion_check(scan, inside, lesion))

    def done(check: LesionCheck) -> None:
        if store.case is case:
            found(check)

    store.noticed.emit(Notice("Registering the scan to the template. It takes about a minute."))
    store.run(store.listing, "Registering to the template", work, done)


def write_lesion_map(
    store: Store, lesion: StandardLesion, path: Path, written: Callable[[Path], object]
) -> None:
    """Write a lesion map as NIfTI, which names no patient; ``written`` gets its path."""
    case = store.case
    if case is None:
        return

    def work(progress: Progress) -> tuple[LeftItem, ...]:
        from fusion3d_gui.imaging.files.nifti import write_nifti

        progress(0.0, "Writing the lesion map")
        check_not_input(path, case.paths)
        write_nifti(lesion.lesion_map, path)
        return files_left([("lesion map", path)])

    def done(left: tuple[LeftItem, ...]) -> None:
        store.departed.emit(Departure(case, left, with_identity=False))
        store.noticed.emit(Notice(f"Lesion map written to {path.name}."))
        written(path)

    store.run(store.saving, f"Writing {path.name}", work, done)
