"""Write marks and their measurements as CSV or JSON, without the patient's identity."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fusion3d_gui import RESEARCH_USE_ONLY, __version__
from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.annotations.annotation import POINT_COUNT
from fusion3d_gui.imaging.annotations.measurement import Measurement
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.output_file import write_whole_text
from fusion3d_gui.report.json_file import write_json
from fusion3d_gui.table_file import plain_cell

_NUMBERS = (
    "length_mm",
    "angle_deg",
    "value",
    "mean",
    "sd",
    "minimum",
    "maximum",
    "area_mm2",
    "voxels",
)
_REGION_RULE = (
    "A region's voxels are those through which its plane passes and whose centres, projected onto "
    "the plane, lie inside or on its outline; sd divides by n - 1."
)


def write_measurements(path: Path, measurements: Sequence[Measurement], volume: Volume) -> None:
    """Write marks and their measurements as CSV or JSON, by the file's suffix.

    Positions are mm, LPS. The scan is identified by the SHA-256 of its voxels, never by patient, file
    or UID.

    Parameters
    ----------
    path
        Ends in ``.csv`` or ``.json``.
    measurements
        One for each mark, in the order of the table.
    volume
        The scan on which they were measured.

    Raises
    ------
    UserError
        The suffix is another one, or the file can't be written.
    """
    path = Path(path)
    if path.suffix.lower() == ".json":
        write_json(_document(measurements, volume), path)
    elif path.suffix.lower() == ".csv":
        try:
            write_whole_text(path, _table(measurements, volume), newline="")
        except OSError as error:
            raise UserError(
                f"the measurements can't be written ({error.strerror})",
                path=path,
                remedy="Choose a folder that exists and that you may write to.",
            ) from None
    else:
        raise UserError(
            "measurements are written as .csv or .json", path=path, remedy="Choose one of the two."
        )


def _document(measurements: Sequence[Measurement], volume: Volume) -> dict[str, Any]:
    return {
        "notice": RESEARCH_USE_ONLY,
        "program": f"Fusion3D {__version__}",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "volume_sha256": volume.sha256,
        "frame": "patient millimetres, LPS (+x left, +y posterior, +z superior)",
        "regions": _REGION_RULE,
        "measurements": marks_json(measurements),
    }


def marks_json(measurements: Sequence[Measurement]) -> list[dict[str, Any]]:
    """Marks with their points (mm, LPS) and numbers, as JSON objects."""
    return [
        {
            "number": measurement.annotation.number,
            "kind": measurement.annotation.kind,
            "text": measurement.annotation.text,
            "points_lps_mm": [list(point) for point in measurement.annotation.points],
            **(
                {
                    "right_lps": list(measurement.annotation.right),
                    "down_lps": list(measurement.annotation.down),
                }
                if measurement.annotation.is_region
                else {}
            ),
            "quantities": {
                quantity.key: {"value": quantity.value, "unit": quantity.unit}
                for quantity in measurement.quantities
            },
        }
        for measurement in measurements
    ]


def _table(measurements: Sequence[Measurement], volume: Volume) -> str:
    most = max(POINT_COUNT.values())
    coordinates = [f"{axis}{n}_lps_mm" for n in range(1, most + 1) for axis in "xyz"]
    columns = ["number", "kind", "text", *_NUMBERS, "value_unit", *coordinates]
    out = io.StringIO()
    table = csv.DictWriter(out, [*columns, "volume_sha256", "program", "notice"], restval="")
    table.writeheader()
    for measurement in measurements:
        mark = measurement.annotation
        row: dict[str, Any] = {
            "number": mark.number,
            "kind": mark.kind,
            "text": plain_cell(mark.text),
            "value_unit": volume.unit,
            "volume_sha256": volume.sha256,
            "program": f"Fusion3D {__version__}",
            "notice": RESEARCH_USE_ONLY,
        }
        row |= {each.key: f"{each.value:.10g}" for each in measurement.quantities}
        values = [f"{value:.4f}" for point in mark.points for value in point]
        row |= dict(zip(coordinates, values, strict=False))
        table.writerow(row)
    return out.getvalue()
