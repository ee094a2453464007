"""Killed at any moment or on a full disk, nothing that writes files leaves half of one under its name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_BENCHMARK = Path(__file__).parent / "benchmarks/break_writers.py"
#: ``evaluate`` and ``displacement``, which take 40 s each, are left to the benchmark itself.
_GROUPS = (
    (
        *("convert-nifti", "convert-nrrd", "convert-meta", "convert-folder", "convert-gz-folder"),
        *("convert-zip", "predict", "predict-page", "predict-sheet", "predict-table", "schema"),
        *("measurements", "settings", "kept-work", "chart"),
    ),
    ("cohort", "train", "reference", "compare", "evaluate-record", "predict-dicom"),
)


@pytest.mark.parametrize(("names", "times"), zip(_GROUPS, (1, 1), strict=True))
def test_every_file_is_whole_and_every_input_untouched(names: tuple[str, ...], times: int) -> None:
    pytest.importorskip("resource")
    words = [sys.executable, str(_BENCHMARK), "--kills", str(times), "--full", str(times)]
    done = subprocess.run(
        [*words, "--seed", "7", "--only", *names], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(names)} writers, each killed {times} times" in done.stdout
