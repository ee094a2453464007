"""Killed at any moment or on a full disk, nothing that writes files leaves half of one under its name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_BENCHMARK = Path(__file__).parent / "benchmarks/break_writers.py"
#: What takes over 5 s (a cohort, training, evaluation and what follows it) is left to the benchmark itself.
_NAMES = (
    *("convert-nifti", "convert-nrrd", "convert-meta", "convert-folder", "convert-gz-folder"),
    *("convert-zip", "predict", "predict-page", "predict-sheet", "predict-table", "schema"),
    *("measurements", "settings", "kept-work", "chart", "predict-dicom"),
)


def test_every_file_is_whole_and_every_input_untouched() -> None:
    pytest.importorskip("resource")
    words = [sys.executable, str(_BENCHMARK), "--kills", "1", "--full", "1"]
    done = subprocess.run(
        [*words, "--seed", "7", "--only", *_NAMES], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(_NAMES)} writers, each killed 1 times" in done.stdout
