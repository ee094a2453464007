"""Write the measurements of the case on screen to a file, on a worker."""

from __future__ import annotations

from pathlib import Path

from fusion3d_gui.output_file import check_not_input
from fusion3d_gui.progress import Progress
from fusion3d_gui.report.measurement_file import write_measurements
from fusion3d_gui.state.data.departure import Departure, LeftItem, files_left
from fusion3d_gui.state.marks.annotations import Annotations
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.store import Store


def export_measurements(store: Store, annotations: Annotations, path: Path) -> None:
    """Write the measurements as they are now; the window shows a notice when they are written."""
    case, measurements = store.case, annotations.measurements
    if case is None or not measurements:
        return

    def work(progress: Progress) -> tuple[LeftItem, ...]:
        progress(0.0, "Writing the measurements")
        check_not_input(path, (case.volume.path,))
        write_measurements(path, measurements, case.volume)
        return files_left([("measurements", path)])

    def on_written(left: tuple[LeftItem, ...]) -> None:
        count = len(measurements)
        noun = "measurement" if count == 1 else "measurements"
        store.departed.emit(Departure(case, left, with_identity=False))
        store.noticed.emit(Notice(f"{count} {noun} written to {path.name}."))

    store.run(store.saving, f"Writing {path.name}", work, on_written)
