"""Mean heatmaps on a template: against SimpleITK's resampling, and by the command line with groups."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from fusion3d_gui.cli.parser import run
from fusion3d_gui.imaging.registration.registration import Registration
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.training.study.cohort_map import MapMean, PlacedMap


def test_the_mean_is_that_of_the_maps_as_simpleitk_resamples_them():
    generator = np.random.default_rng(2)
    template = Volume(np.zeros((18, 20, 22), np.int16), _affine(5.0, (-50, -45, -40)))
    mean, theirs = MapMean(template), []
    for shift in ((3.0, 0.0, -4.0), (-6.0, 2.0, 1.0)):
        matrix = np.eye(4)
        matrix[:3, :3] *= 1.05
        matrix[:3, 3] = shift
        cells = generator.random((9, 9, 10)).astype(np.float32)
        heat = Volume(cells, _affine(15.0, (-75, -65, -65)))
        mean.add(PlacedMap(heat, Registration(matrix, "affine")))
        transform = sitk.AffineTransform(3)
        transform.SetMatrix(matrix[:3, :3].ravel().tolist())
        transform.SetTranslation(shift)
        resampled = sitk.Resample(_image(heat), _image(template), transform, sitk.sitkLinear)
        theirs.append(sitk.GetArrayFromImage(resampled))

    assert mean.cases == 2
    assert (mean.coverage().voxels == 2).all()
    assert mean.mean().voxels == pytest.approx(np.mean(theirs, axis=0), abs=1e-5)


def test_cases_are_averaged_on_the_template_by_groups_and_registered_once(
    make_bundle, tmp_path, capsys
):
    for name, shift in (("template", 0.0), ("a", 6.0), ("b", -7.0), ("flat", None)):
        _write_scan(tmp_path / f"{name}.nii.gz", shift)
    bundle = make_bundle("image_only")
    table, out = tmp_path / "cases.csv", tmp_path / "out"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows(
            [
                ("case", "path", "label"),
                ("A", "a.nii.gz", 1),
                ("B", "b.nii.gz", 0),
                ("C", "flat.nii.gz", 0),
            ]
        )
    call = ["cohort-map", str(table), "--model", str(bundle), "--out", str(out), "--device", "cpu"]
    call += ["--template", str(tmp_path / "template.nii.gz")]

    assert run(call) == 0

    told = capsys.readouterr()
    assert "left out: C" in told.err and "Research use only" in told.out
    summary = json.loads((out / "cohort-map.json").read_text())
    groups = summary["groups"]
    assert groups.pop("all") == 2 and sum(groups.values()) == 2
    kept = out / "registrations" / "row-2.json"
    found = np.array(json.loads(kept.read_text())["registration"]["fixed_to_moving_lps_mm"])
    # In LPS the scan was moved by -6 mm along x, as NIfTI counts to the right.
    assert found[:3, 3] == pytest.approx((-6, 0, 0), abs=0.7)
    template = nib.load(tmp_path / "template.nii.gz")
    mean = nib.load(out / "mean-all.nii.gz")
    assert mean.shape == template.shape and np.allclose(mean.affine, template.affine)
    by_group = [
        nib.load(out / f"mean-{name}.nii.gz").get_fdata() * count for name, count in groups.items()
    ]
    covered = nib.load(out / "coverage-all.nii.gz").get_fdata() == 2
    assert covered.mean() > 0.5
    assert mean.get_fdata()[covered] == pytest.approx((sum(by_group) / 2)[covered], abs=1e-5)

    changed = kept.stat().st_mtime_ns
    assert run(call) == 0
    assert kept.stat().st_mtime_ns == changed


def _affine(spacing: float, corner: tuple[float, float, float]) -> np.ndarray:
    affine = np.diag([spacing, spacing, spacing, 1.0])
    affine[:3, 3] = corner
    return affine


def _image(volume: Volume) -> sitk.Image:
    image = sitk.GetImageFromArray(volume.voxels.astype(np.float32))
    image.SetSpacing([float(each) for each in np.diag(volume.affine)[:3]])
    image.SetOrigin([float(each) for each in volume.affine[:3, 3]])
    return image


def _write_scan(path: Path, shift: float | None) -> None:
    """Blobs, moved to the right (RAS +x, mm); None: a constant."""
    generator = np.random.default_rng(4)
    affine = _affine(4.0, (-62, -62, -62))
    where = np.stack(np.meshgrid(*[np.arange(32)] * 3, indexing="ij"), axis=-1) * 4.0 - 62
    values = np.zeros((32, 32, 32))
    for _ in range(25):
        middle, width, height = (
            generator.uniform(-35, 35, 3),
            generator.uniform(6, 12),
            generator.uniform(60, 200),
        )
        middle[0] += shift or 0.0
        values += height * np.exp(-((where - middle) ** 2).sum(axis=-1) / (2 * width**2))
    if shift is None:
        values[:] = 7
    nib.save(nib.Nifti1Image(values.astype(np.int16), affine), path)
