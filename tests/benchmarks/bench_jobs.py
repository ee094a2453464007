"""Throughput of a table of cases: two worker processes with one thread each against one.

The time of loading the model is left out: rows are counted from the first one of each run to its last. Run it on a
machine that does nothing else, with two cores or more: ``python tests/benchmarks/bench_jobs.py [ROWS]``. Each pair is run
in turn, and the median of the ratios counts.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np

from fusion3d_gui.api import shipped_models
from fusion3d_gui.inference.batch.batch_row import BatchRow, RowSettings
from fusion3d_gui.inference.batch.reading_record import ReadingRecord
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.bundle.weights_digest import weights_digest
from fusion3d_gui.serve.jobs.model_place import ModelPlace
from fusion3d_gui.serve.jobs.processes import predict_by_processes

_PAIRS = 3


def rows_per_second(folder: Path, rows: list[BatchRow], jobs: int, engine: str) -> float:
    """Rows a second of a run, from its second row on for each process."""
    info = BundleInfo.read(shipped_models()["demo-concat"])
    place = ModelPlace(info.folder, "cpu", engine, weights_digest(info))
    settings = RowSettings(folder / f"out-{jobs}", Explanation.for_model(info))
    for made in (settings.heatmaps, settings.embeddings):
        made.mkdir(parents=True, exist_ok=True)
    record = ReadingRecord(settings.out)
    ends = []
    for cells in predict_by_processes(place, info.schema, settings, rows, record, jobs):
        assert not cells["error"], cells["error"]
        ends.append(time.perf_counter())
    warm = 2 * jobs
    return (len(ends) - warm) / (ends[-1] - ends[warm - 1])


def main() -> None:
    """Print rows a second and the ratio of each pair, with the machine's load."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 24
    with tempfile.TemporaryDirectory() as text:
        folder, rng = Path(text), np.random.default_rng(0)
        k, j, i = np.ogrid[-1:1:128j, -1:1:160j, -1:1:128j]
        head = np.where(k**2 + j**2 + i**2 < 0.8, 500, 0)
        rows = []
        for number in range(count):
            voxels = (head + rng.normal(0, 20, head.shape) * (head > 0)).astype(np.int16)
            path = folder / f"{number}.nii.gz"
            nib.save(nib.Nifti1Image(voxels, np.diag([1.5, 1.2, 1.5, 1])), path)
            rows.append(BatchRow(number + 2, str(number), path, path.name, {}))
        for engine in ("torch", "openvino"):
            ratios = []
            for _ in range(_PAIRS):
                one, two = (rows_per_second(folder, rows, jobs, engine) for jobs in (1, 2))
                ratios.append(two / one)
                load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
                print(
                    f"{engine}: 1 process {one:.2f}, 2 processes {two:.2f} rows/s, ratio {two / one:.2f}, load {load:.1f}"
                )
            print(f"{engine}: median ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
