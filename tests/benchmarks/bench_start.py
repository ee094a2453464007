"""Seconds of a prediction on the command line beside ``import torch``, alternating; the goal is twice as much.

python tests/benchmarks/bench_start.py [--runs 9]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

from fusion3d_gui.shipped import models_dir, resources_dir

_COMMANDS = {
    "import torch": ["-c", "import torch"],
    "fusion3d predict": [
        *("-m", "fusion3d_gui", "predict", str(resources_dir() / "demo" / "negative.nii.gz")),
        *("--model", str(models_dir() / "demo-image-only")),
    ],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    seconds: dict[str, list[float]] = {name: [] for name in _COMMANDS}
    # The first of each fills the caches of bytecode, files and engines.
    for number in range(runs + 1):
        for name, command in _COMMANDS.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, capture_output=True)
            if number:
                seconds[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    for name, median in medians.items():
        print(f"{name:<18} {median:.2f} s  ({min(seconds[name]):.2f} to {max(seconds[name]):.2f})")
    print(f"ratio              {medians['fusion3d predict'] / medians['import torch']:.2f}")


if __name__ == "__main__":
    main()
