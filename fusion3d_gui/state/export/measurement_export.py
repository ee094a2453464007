"""Writing the marks of the case on screen to a file, on a worker."""

from __future__ import annotations

from pathlib import Path

from fusion3d_gui.progress import Progress
from fusion3d_gui.report.measurement_file import write_measurements
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.session import Session


def export_measurements(session: Session, path: Path) -> None:
    """Write them as they are now; says in the window how it went."""
    case, measurements = session.case, session.annotations.measurements
    if case is None or not measurements:
        return

    def work(progress: Progress) -> int:
        progress(0.0, "Writing the measurements")
        write_measurements(path, measurements, case.volume)
        return len(measurements)

    def on_written(count: object) -> None:
        noun = "measurement" if count == 1 else "measurements"
        session.noticed.emit(Notice(f"{count} {noun} written to {path.name}."))

    task = session.saving.submit(f"Writing {path.name}", work)
    task.succeeded.connect(on_written)
    task.failed.connect(session.tell_failure)
