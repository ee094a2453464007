"""The template of ``resources/template``; ``python -m fusion3d_gui.training.cohort.make_template`` makes it again."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.reslice.resample import resample_to_grid
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.shipped import resources_dir
from fusion3d_gui.training.cohort.anatomy import template

#: Every second voxel of MNI152 at 1 mm: 99 × 117 × 95 voxels.
_EDGE_MM = 2.0


def make_template(out: Path) -> None:
    """Write the skull-stripped MNI152 T1 template at 2 mm, as uint8, 0 outside the brain."""
    whole = template()
    low, high = whole.bounds_lps
    shape_ijk = np.ceil((high - low) / _EDGE_MM).astype(int)
    affine = np.diag([_EDGE_MM, _EDGE_MM, _EDGE_MM, 1.0])
    affine[:3, 3] = (low + high) / 2 - _EDGE_MM * (shape_ijk - 1) / 2
    values, _ = resample_to_grid(whole, affine, tuple(shape_ijk[::-1]))
    brain = replace(
        whole, voxels=np.clip(np.round(255 * values), 0, 255).astype(np.uint8), affine=affine
    )
    write_nifti(Volume(voxels=brain.voxels, affine=affine), out)


def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fusion3d_gui.training.cohort.make_template")
    parser.add_argument("--out", type=Path, default=resources_dir() / "template" / "mni152.nii.gz")
    make_template(parser.parse_args().out)
    return 0


if __name__ == "__main__":
    sys.exit(_main())
