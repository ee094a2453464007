"""Compare two folders of screenshots pixel by pixel: ``python tests/screenshots/compare.py BEFORE AFTER``.

One line a picture: ``equal``, or how many pixels differ, by how much (of 255) and in which rectangle.
``--out DIR`` writes before, after and the differing pixels (white) side by side for each that differs.
Exit status 1 where a picture differs or is missing on one side.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image


def compare(before: Path, after: Path, out: Path | None) -> str:
    """How a picture differs, empty where it does not; ``out`` takes the side-by-side picture."""
    first, last = (_rgb(file) for file in (before, after))
    if first.shape != last.shape:
        (height, width), (other_height, other_width) = first.shape[:2], last.shape[:2]
        return f"size {width} x {height} before, {other_width} x {other_height} after"
    difference = np.abs(first.astype(int) - last).max(axis=-1)
    rows, columns = np.nonzero(difference)
    if not len(rows):
        return ""
    if out is not None:
        changed = np.repeat(np.where(difference, 255, 0)[..., None], 3, axis=-1).astype(np.uint8)
        Image.fromarray(np.concatenate([first, last, changed], axis=1)).save(out / before.name)
    return (
        f"{len(rows)} pixels differ ({100 * len(rows) / difference.size:.2f} %), "
        f"at most by {difference.max()}, in x {columns.min()} to {columns.max()}, "
        f"y {rows.min()} to {rows.max()}"
    )


def _rgb(file: Path) -> np.ndarray:
    """The picture as uint8, shape (height, width, 3)."""
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))


def main() -> int:
    """Compare every PNG of both folders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--out", type=Path, metavar="DIR")
    options = parser.parse_args()
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
    differing = 0
    names = {
        file.name for folder in (options.before, options.after) for file in folder.glob("*.png")
    }
    for name in sorted(names):
        before, after = options.before / name, options.after / name
        if not before.exists() or not after.exists():
            found = f"only {'before' if before.exists() else 'after'}"
        else:
            found = compare(before, after, options.out)
        differing += bool(found)
        print(f"{name}: {found or 'equal'}")
    print(f"{len(names)} pictures, {differing} differ")
    return 1 if differing or not names else 0


if __name__ == "__main__":
    sys.exit(main())
