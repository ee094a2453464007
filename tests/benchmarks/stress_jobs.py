"""A long table of cases by two worker processes, two of which are killed on the way: every row once, with its own number.

``python tests/benchmarks/stress_jobs.py [ROWS]`` (1000 by default). Rows repeat eight scans, whose logits one process computes
first.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import psutil

from fusion3d_gui.api import shipped_models

_SCANS = 8


def main() -> int:
    """Returns 0 where every row is there once with the number of its scan."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as text:
        folder, rng = Path(text), np.random.default_rng(0)
        k, j, i = np.ogrid[-1:1:48j, -1:1:60j, -1:1:48j]
        head = np.where(k**2 + j**2 + i**2 < 0.8, 500, 0)
        for number in range(_SCANS):
            voxels = (head + rng.normal(0, 20, head.shape) * (head > 0)).astype(np.int16)
            nib.save(nib.Nifti1Image(voxels, np.diag([4.0, 3, 4, 1])), folder / f"{number}.nii.gz")
        lines = [f"case-{row},{row % _SCANS}.nii.gz" for row in range(count)]
        for name, rows in (("few", lines[:_SCANS]), ("all", lines)):
            (folder / f"{name}.csv").write_text("\n".join(["case,path", *rows]) + "\n")
        expected = predicted(folder, "few")["logit"].to_numpy()
        found = predicted(folder, "all", kills=2)
        assert list(found["case"]) == [f"case-{row}" for row in range(count)], "rows"
        assert found["error"].isna().all(), "errors"
        np.testing.assert_allclose(found["logit"], np.resize(expected, count), rtol=0, atol=1e-5)
        print(f"{count} rows, each once, with the number of its scan")
    return 0


def predicted(folder: Path, name: str, kills: int = 0) -> pd.DataFrame:
    """The results of a table; on the way so many worker processes get SIGKILL."""
    out = folder / f"out-{name}"
    model = str(shipped_models()["demo-concat"])
    command = [sys.executable, "-m", "fusion3d_gui", "predict", str(folder / f"{name}.csv")]
    command += ["--model", model, "--out", str(out), "--engine", "openvino"]
    started = time.perf_counter()
    process = subprocess.Popen([*command, "--jobs", "2"] if kills else command)
    total = len((folder / f"{name}.csv").read_text().splitlines()) - 1
    killed = 0
    while process.poll() is None:
        time.sleep(0.1)
        table = out / "results.csv"
        done = len(table.read_text().splitlines()) - 1 if table.exists() else 0
        if killed < kills and done > (killed + 1) * total / (kills + 1):
            workers = [
                each
                for each in psutil.Process(process.pid).children()
                if "spawn_main" in " ".join(each.cmdline())
            ]
            victim = max(workers, key=lambda each: each.create_time())
            victim.kill()
            killed += 1
            print(f"killed worker {victim.pid} after {done} rows")
    assert process.returncode == 0 and killed == kills
    print(f"{name}: {time.perf_counter() - started:.0f} s")
    return pd.read_csv(out / "results.csv")


if __name__ == "__main__":
    sys.exit(main())
