"""Patients' lesions in painted scans: where they lie, against nibabel and SimpleITK; the table; what is refused."""

from __future__ import annotations

import csv
import shlex
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from fusion3d_gui.cli.parser import run
from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.simulated import PAINTED, is_simulated, simulation_mark
from fusion3d_gui.training.cohort.paint_cohort import paint_cohort
from fusion3d_gui.training.cohort.painted import CONTRAST_NAMES, paint_lesion
from fusion3d_gui.training.data.table import read_table
from fusion3d_gui.training.report.cohort_words import cohort_command

_SOOP = Path(__file__).resolve().parents[2] / "../shared/data/soop"
#: Middles (LPS mm: left, back, up) and radii of the lesions: two on the left, two on the right, one hardly there.
LESIONS = {
    "sub-1": ((38.0, -8.0, 10.0), 14.0),
    "sub-2": ((-30.0, 40.0, 30.0), 9.0),
    "sub-3": ((24.0, 10.0, 22.0), 20.0),
    "sub-4": ((-42.0, 2.0, 4.0), 16.0),
    "sub-5": ((-12.0, 31.0, 25.0), 1.0),
}


def write_map(
    path: Path, edge_mm: float, middle, radius_mm: float, *, to_left: bool = True
) -> None:
    """A ball on a grid over the template's brain; its first axis runs to the patient's left or to the right."""
    counts = np.ceil(np.array([157, 189, 136]) / edge_mm).astype(int)
    affine = np.diag([-edge_mm if to_left else edge_mm, edge_mm, edge_mm, 1.0])
    affine[:3, 3] = [78 if to_left else 78 - edge_mm * (counts[0] - 1), -113, -51]
    ijk = np.moveaxis(np.indices(counts), 0, -1)
    ras = nib.affines.apply_affine(affine, ijk)
    inside = np.linalg.norm(ras * [-1, -1, 1] - middle, axis=-1) <= radius_mm
    nib.save(nib.Nifti1Image(inside.astype(np.uint8), affine), path)


@pytest.fixture(scope="module")
def maps(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "lesions"
    folder.mkdir()
    lines = ["participant_id\tage\tsex\trankin"]
    for n, (name, (middle, radius)) in enumerate(LESIONS.items()):
        write_map(folder / f"{name}_lesion.nii.gz", 2.0, middle, radius, to_left=n % 2 == 0)
        lines.append(f"{name}\t{'89+' if n == 3 else 50 + n}\t{'FM'[n % 2]}\t{n}.0")
    lines.append("sub-6\t60\tF\tn/a")
    (folder / "participants.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def paint(maps: Path, out: Path, **options):
    return paint_cohort(
        out, maps, maps / "participants.tsv", "rankin", 3, **{"positive_from": 3, **options}
    )


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def places(path: Path) -> set[tuple[float, ...]]:
    """Positions of a mask's voxels by nibabel, RAS mm."""
    image = nib.load(path)
    found = nib.affines.apply_affine(image.affine, np.argwhere(np.asarray(image.dataobj) > 0))
    return set(map(tuple, found.round(3).tolist()))


@pytest.mark.parametrize("to_left", [False, True])
def test_not_deformed_the_mask_is_the_lesion_map_at_the_same_places(tmp_path, to_left):
    source = tmp_path / "sub-1_lesion.nii.gz"
    # It reaches out of the template's brain: a patient's lesion is painted whole.
    write_map(source, 2.0, (66.0, 2.0, 10.0), 11.0, to_left=to_left)
    text = "participant_id\tage\tsex\trankin\nsub-1\t60\tF\t4\n"
    (tmp_path / "participants.tsv").write_text(text + "sub-2\t70\tM\t4\n", encoding="utf-8")
    write_map(tmp_path / "sub-2_lesion.nii.gz", 2.0, (-20.0, 2.0, 30.0), 9.0, to_left=to_left)
    made = paint_cohort(
        tmp_path.parent / f"{tmp_path.name}-out",
        tmp_path,
        tmp_path / "participants.tsv",
        "rankin",
        0,
        deformed=False,
        spacing_mm=2.0,
    )
    for row in rows_of(made.table):
        mask = made.table.parent / row["mask"]
        wanted = places(tmp_path / f"{row['case']}_lesion.nii.gz")
        assert places(mask) == wanted
        scan = nib.load(made.table.parent / row["path"])
        assert nib.aff2axcodes(scan.affine) == ("R", "A", "S")
        inside = np.asarray(nib.load(mask).dataobj) > 0
        voxels = np.asarray(scan.dataobj)
        assert (voxels[inside] > 0).mean() > 0.99
        assert np.median(voxels[inside]) > 1.5 * np.median(voxels[(voxels > 0) & ~inside])
        middle = np.mean(list(wanted), axis=0) * [-1, -1, 1]
        told = [float(row[f"lesion_{axis}_lps_mm"]) for axis in "xyz"]
        np.testing.assert_allclose(told, middle, atol=0.01)


def test_deformed_the_mask_lies_where_simpleitk_takes_the_map_by_the_same_field(tmp_path):
    source = tmp_path / "sub-1_lesion.nii.gz"
    write_map(source, 4.0, (34.0, -10.0, 12.0), 22.0)
    painted = paint_lesion(open_volume(source), "FLAIR", 4.0, np.random.SeedSequence(5))
    scan = painted.volume
    k, j, i = (np.arange(count) for count in scan.shape)
    # The scan's axes about its middle, from its affine; the template's own positions from the drawn anatomy.
    middle = np.array([0.0, 17.0, 5.0])
    x, y, z = (
        scan.affine[n, 3] - middle[n] + scan.affine[n, n] * axis for n, axis in enumerate((i, j, k))
    )
    shown = painted.anatomy.template_positions(x, y, z)
    own = np.stack(np.broadcast_arrays(x, y[:, None], z[:, None, None]), axis=-1) + middle
    moved = np.linalg.norm(shown - own, axis=-1)
    assert moved.max() > 5
    field = sitk.GetImageFromArray(shown - own, isVector=True)
    field.SetOrigin(scan.affine[:3, 3].tolist())
    field.SetSpacing([4.0, 4.0, 4.0])
    field.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    grid = sitk.Image(scan.shape[::-1], sitk.sitkFloat32)
    grid.CopyInformation(field)
    lesion = sitk.Cast(sitk.ReadImage(str(source)), sitk.sitkFloat32)
    transform = sitk.DisplacementFieldTransform(sitk.Cast(field, sitk.sitkVectorFloat64))
    share = sitk.GetArrayFromImage(sitk.Resample(lesion, grid, transform, sitk.sitkLinear, 0.0))
    clear = np.abs(share - 0.5) > 1e-3
    np.testing.assert_array_equal(painted.lesion_mask[clear], (share > 0.5)[clear])
    assert painted.lesion_mask.sum() > 300
    # No further from the map's lesion than the field moves there.
    at = own[painted.lesion_mask].mean(axis=0)
    assert np.linalg.norm(at - (34.0, -10.0, 12.0)) < moved[painted.lesion_mask].max() + 2


def test_the_table_has_the_patients_values_and_outcomes_and_each_lesion_on_its_side(maps, tmp_path):
    made = paint(maps, tmp_path / "out", spacing_mm=4.0, contrast="FLAIR")
    table = read_table(made.table)
    assert (made.cases, made.positives) == (5, 2)
    assert [case.name for case in table.cases] == list(LESIONS)
    assert [case.patient for case in table.cases] == list(LESIONS)
    assert table.labels.tolist() == [0, 0, 0, 1, 1]
    assert [case.values["age"] for case in table.cases] == [50, 51, 52, 89, 54]
    assert table.scope.contrasts == ("FLAIR",)
    assert (table.scope.population, table.scope.space) == ("simulated", "scanner")
    assert "no scanner made these scans" in table.description
    assert made.notices[-1] in table.description
    for row, (middle, _) in zip(rows_of(made.table), LESIONS.values(), strict=True):
        assert float(row["lesion_x_lps_mm"]) * middle[0] > 0
        volume = open_volume(made.table.parent / row["path"])
        assert simulation_mark(volume) == PAINTED
        assert is_simulated(volume)
        assert [each.short for each in volume.warnings] == ["only the lesion is real"]
    write_dicom_series(
        replace(volume, modality="MR"), tmp_path / "dicom", attributes={}, uid_seed=""
    )
    again = open_volume(tmp_path / "dicom")
    assert (simulation_mark(again), again.warnings) == (PAINTED, volume.warnings)
    # At 4 mm the smallest is no voxel's half: the voxel that holds most of it is its mask.
    assert float(rows_of(made.table)[-1]["lesion_ml"]) == pytest.approx(0.064)
    again = {
        "OUT": tmp_path / "again",
        "LESIONS": maps,
        "PARTICIPANTS.tsv": maps / "participants.tsv",
    }
    words = [
        str(again.get(word, word)) for word in shlex.split(cohort_command(table.cohort, "OUT"))
    ]
    assert run(words[1:]) == 0
    assert rows_of(tmp_path / "again" / "cases.csv") == rows_of(made.table)


def test_an_interrupted_cohort_goes_on_and_a_case_depends_on_its_patient_alone(maps, tmp_path):
    def stop(fraction: float, message: str) -> None:
        if fraction > 0.5:
            raise Cancelled

    out = tmp_path / "out"
    with pytest.raises(Cancelled):
        paint(maps, out, spacing_mm=6.0, workers=1, progress=stop)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.nii.gz")}
    assert before
    assert not (out / "cases.csv").exists()
    with pytest.raises(UserError, match="other settings"):
        paint(maps, out, spacing_mm=4.0)
    whole = paint(maps, out, spacing_mm=6.0)
    assert before.items() <= {p: p.stat().st_mtime_ns for p in out.rglob("*.nii.gz")}.items()
    part = paint(maps, tmp_path / "part", spacing_mm=6.0, cases=2)
    for row in rows_of(part.table):
        assert row in rows_of(whole.table)
        for name in ("path", "mask"):
            one, other = part.table.parent / row[name], whole.table.parent / row[name]
            assert one.read_bytes() == other.read_bytes()
    assert len(rows_of(part.table)) == 2


def test_what_can_not_be_painted_is_refused_in_a_sentence(maps, tmp_path, capsys):
    with pytest.raises(UserError, match="in one another"):
        paint(maps, maps / "painted")
    with pytest.raises(UserError, match="has 5 patients"):
        paint(maps, tmp_path / "a", cases=6)
    with pytest.raises(UserError, match="no column 'mrs'"):
        paint_cohort(tmp_path / "b", maps, maps / "participants.tsv", "mrs", 0)
    folder = tmp_path / "shifted"
    folder.mkdir()
    write_map(folder / "sub-1_lesion.nii.gz", 2.0, (75.0, -60.0, 60.0), 9.0)
    write_map(folder / "sub-2_lesion.nii.gz", 2.0, (75.0, -60.0, 60.0), 9.0)
    text = "participant_id\tage\trankin\nsub-1\t60\t4\nsub-2\t61\t1\n"
    (folder / "participants.tsv").write_text(text, encoding="utf-8")
    with pytest.raises(
        UserError, match=r"sub-1_lesion.nii.gz: Only .* lies in the template's brain"
    ):
        paint(folder, tmp_path / "c")
    assert run(["cohort", str(tmp_path / "d"), "--seed", "1"]) == 2
    assert run(["cohort", str(tmp_path / "d"), "--seed", "1", "--lesions", str(maps)]) == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_a_real_lesion_is_at_1_mm_where_its_map_has_it():
    source = _SOOP / "lesions" / "sub-1005_lesion.nii.gz"
    if not source.is_file():
        pytest.skip("the shared lesion maps are not here")
    seed = np.random.SeedSequence(0)
    painted = paint_lesion(open_volume(source), "diffusion", 1.0, seed, deformed=False)
    mask = painted.volume.to_lps(np.argwhere(painted.lesion_mask)[:, ::-1]) * [-1, -1, 1]
    assert set(map(tuple, mask.round(3).tolist())) == places(source)


@pytest.mark.parametrize("contrast", CONTRAST_NAMES)
def test_the_command_line_paints_some_of_the_patients(maps, tmp_path, capsys, contrast):
    out = tmp_path / "out"
    words = f"--seed 2 --cases 2 --label rankin --positive-from 2 --spacing 6 --contrast {contrast}"
    given = ["cohort", str(out), "--lesions", str(maps), *words.split(), "--undeformed"]
    assert run(given) == 0
    said = capsys.readouterr()
    assert "2 cases" in said.out
    assert "no scanner made these scans" in said.err
    assert read_table(out / "cases.csv").scope.space == "standard"
