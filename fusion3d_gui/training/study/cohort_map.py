"""Mean heatmap of many cases on a template, and of groups of them: true and false positives and negatives."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.batch.batch_row import BatchRow
from fusion3d_gui.inference.batch.predict_cases import predict_table, read_table, results_file
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.report.json_file import write_json
from fusion3d_gui.table_file import read_table_file

if TYPE_CHECKING:
    from fusion3d_gui.imaging.registration.registration import Registration
    from fusion3d_gui.inference.predictor import Predictor

#: Groups by label and by whether the model calls the case positive.
_GROUPS = {
    (1, 1): "true-positives",
    (0, 1): "false-positives",
    (0, 0): "true-negatives",
    (1, 0): "false-negatives",
}


@dataclass(frozen=True)
class PlacedMap:
    """A heatmap with the map from the template's patient space (LPS mm) to its scan's."""

    heatmap: Volume
    registration: Registration


class MapMean:
    """Mean of maps on a template's grid; each voxel is averaged over the cases whose map covers it."""

    def __init__(self, template: Volume) -> None:
        self._template = template
        self._sum = np.zeros(template.shape, np.float32)
        self._count = np.zeros(template.shape, np.uint16)
        #: Number of maps.
        self.cases = 0

    def add(self, placed: PlacedMap) -> None:
        """Add a map, interpolated linearly."""
        from fusion3d_gui.imaging.reslice.resample import resample_to_grid

        there = placed.registration.onto_fixed(placed.heatmap)
        values, inside = resample_to_grid(
            there, np.array(self._template.affine), self._template.shape
        )
        covered = inside > 0
        self._sum[covered] += values[covered]
        self._count[covered] += 1
        self.cases += 1

    def mean(self) -> Volume:
        """The mean as float32 on the template's grid; 0 where no map reaches."""
        return self._on_grid((self._sum / np.maximum(self._count, 1)).astype(np.float32))

    def coverage(self) -> Volume:
        """How many maps reach each voxel, uint16 on the template's grid."""
        return self._on_grid(self._count)

    def _on_grid(self, values: np.ndarray) -> Volume:
        return Volume(values, np.array(self._template.affine))


def cohort_map(
    predictor: Predictor,
    csv: Path,
    template: Path,
    out: Path,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """Predict a table of cases, register each to a template (affine), and write the mean maps as NIfTI.

    With a column ``label`` (0 or 1) in the table, groups are averaged too. Run again, only what is missing is
    predicted and registered. Returns what is also written as ``cohort-map.json``.

    Raises
    ------
    UserError
        The table, the template or the folder can't be used, or no case has a map on the template.
    """
    from fusion3d_gui.imaging.catalog.open import open_volume
    from fusion3d_gui.imaging.files.nifti import read_nifti, write_nifti

    labels = _labels(csv)
    rows = read_table(csv, predictor.info.schema)
    predict_table(predictor, rows, out, progress=part_of(progress, 0.0, 0.4))
    results = {int(row.cells["row"]): row.cells for row in read_table_file(results_file(out)).rows}
    fixed = open_volume(template)
    digest = hashlib.sha256(fixed.voxels.tobytes() + fixed.affine.tobytes()).hexdigest()
    means: dict[str, MapMean] = {}
    left_out: list[dict[str, str]] = []
    for done, row in enumerate(rows):
        report = part_of(progress, 0.4 + 0.6 * done / len(rows), 0.4 + 0.6 * (done + 1) / len(rows))
        cells = results[row.number]
        if cells["error"] or not cells["heatmap"]:
            left_out.append({"case": row.name, "reason": cells["error"] or "it has no heatmap"})
            continue
        try:
            found = _registration(row, cells, fixed, digest, out, report)
        except UserError as error:
            left_out.append({"case": row.name, "reason": error.problem})
            continue
        if found.doubt:
            left_out.append({"case": row.name, "reason": found.doubt})
            continue
        placed = PlacedMap(read_nifti(out / cells["heatmap"]), found)
        for name in _groups_of(labels.get(row.number), cells["positive"]):
            if name not in means:
                means[name] = MapMean(fixed)
            means[name].add(placed)
    if not means:
        raise UserError("no case has a map on the template", path=csv)
    for name, mean in means.items():
        write_nifti(mean.mean(), out / f"mean-{name}.nii.gz", note=RESEARCH_USE_ONLY)
        write_nifti(mean.coverage(), out / f"coverage-{name}.nii.gz", note=RESEARCH_USE_ONLY)
    summary = {
        "notice": RESEARCH_USE_ONLY,
        "model": predictor.info.name,
        "weights_sha256": predictor.weights_sha256,
        "template_sha256": digest,
        "cases": len(rows),
        "groups": {name: mean.cases for name, mean in means.items()},
        "left_out": left_out,
    }
    write_json(summary, out / "cohort-map.json")
    return summary


def _registration(
    row: BatchRow,
    cells: Mapping[str, str],
    fixed: Volume,
    digest: str,
    out: Path,
    progress: Progress,
) -> Registration:
    """The affine map of a case to the template, found once and kept in ``registrations/``."""
    from fusion3d_gui.imaging.catalog.open import open_volume
    from fusion3d_gui.imaging.registration.register import register
    from fusion3d_gui.imaging.registration.registration import Registration

    kept = out / "registrations" / f"row-{row.number}.json"
    key = {"voxels_sha256": cells["voxels_sha256"], "template_sha256": digest}
    try:
        plain = json.loads(kept.read_text(encoding="utf-8"))
        if {name: plain[name] for name in key} == key:
            return Registration.from_json(plain["registration"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there, or not whole: it is found again
    moving = open_volume(row.path, progress=part_of(progress, 0.0, 0.2))
    found = register(fixed, moving, kind="affine", progress=part_of(progress, 0.2, 1.0))
    kept.parent.mkdir(exist_ok=True)
    write_json({**key, "registration": found.to_json()}, kept)
    return found


def _labels(csv: Path) -> dict[int, int]:
    """The column ``label`` (0 or 1) by row number; empty where the table has none."""
    table = read_table_file(csv)
    if "label" not in table.columns:
        return {}
    found = {}
    for row in table.rows:
        if row.cells["label"] not in ("0", "1"):
            raise UserError(f"row {row.number}: label must be 0 or 1", path=csv)
        found[row.number] = int(row.cells["label"])
    return found


def _groups_of(label: int | None, positive: str) -> tuple[str, ...]:
    """The groups that a case belongs to; without label, or where the model calls it doubtful, the first only."""
    said = {"true": 1, "false": 0, "1": 1, "0": 0}.get(positive.lower())
    if label is None or said is None:
        return ("all",)
    return ("all", _GROUPS[label, said])
