"""Which cases a model is not meant for, as far as header, values and metadata say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.cli.parser import run
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.simulated import SIMULATED_ATTRIBUTES
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.fit.fit_report import DEMONSTRATION, MisfitError
from fusion3d_gui.inference.fit.judge import judge_case
from fusion3d_gui.inference.fit.sequence_words import contradictions, said_sequences
from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.scope import Scope

SHARED = Path(__file__).parents[3] / "shared" / "data"
SCOPE = Scope(
    modality="MR",
    body_part="brain",
    contrasts=("T1",),
    coverage="skull_stripped",
    voxel_mm=(1.0, 4.0),
    field_mm=(120, 200),
    fewest_slices=20,
    age_years=(20, 95),
)
VALUES = {"age": 70.0, "sex": "F", "diabetes": True}


@pytest.fixture
def brain() -> Volume:
    """A ball of noisy tissue in blank air, 160 mm wide."""
    k, j, i = np.indices((40, 40, 40)) - 19.5
    tissue = k**2 + j**2 + i**2 < 17**2
    noise = np.random.default_rng(0).normal(600, 90, tissue.shape)
    return Volume(
        voxels=np.where(tissue, noise, 0).astype(np.int16),
        affine=np.diag([4.0, 4.0, 4.0, 1.0]),
        modality="MR",
        description="brain",
    )


@pytest.fixture
def bundle(make_bundle):
    """A bundle's folder that declares a scope."""

    def make(scope: Scope | None = SCOPE) -> Path:
        folder = make_bundle()
        path = folder / "configs" / "scope.json"
        if scope is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(json.dumps(scope.to_json()))
        return folder

    return make


@pytest.fixture
def judge(bundle):
    def judged(volume: Volume, values=VALUES, scope: Scope | None = SCOPE):
        return judge_case(BundleInfo.read(bundle(scope)), volume, values)

    return judged


def scaled(volume: Volume, factor: float) -> Volume:
    return replace(volume, affine=np.diag([factor, factor, factor, 1.0]) @ volume.affine)


def test_an_ordinary_case_fits_and_it_is_said_what_was_looked_at(judge, brain):
    report = judge(brain)
    assert (report.fit, report.reasons, report.demonstration) == ("fits", (), None)
    assert report.summary.startswith("Nothing odd was noticed. Looked at: modality, ")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda v: replace(v, modality="CT"), "modality is CT; the model is meant for MR"),
        (lambda v: replace(v, voxels=v.voxels[20:21]), "1 slice; the model needs at least 20"),
        (lambda v: replace(v, voxels=v.voxels[:19]), "19 slices; the model needs at least 20"),
        (lambda v: replace(v, faults=("The slope is not valid.",)), "slope is not valid"),
        (lambda v: scaled(v, 10), "longest edge is 1.6e"),
        (lambda v: scaled(v, 0.001), "longest edge is 0.16 mm"),
        (lambda v: replace(v, voxels=0 * v.voxels + 5), "Every voxel has the same value"),
        (lambda v: replace(v, voxels=(v.voxels > 0).astype(np.uint8)), "as in a mask"),
        (
            lambda v: replace(v, voxels=np.round(v.voxels / 300).astype(np.int16) % 9),
            "as in a mask",
        ),
        (
            lambda v: replace(
                v, modality="", voxels=np.where(v.voxels > 0, v.voxels // 12 - 20, -1024)
            ),
            "those of CT",
        ),
    ],
)
def test_what_can_not_be_meant_is_refused_with_the_reason(judge, brain, change, reason):
    report = judge(change(brain))
    assert report.fit == "refused"
    assert reason in report.reasons[0]


@pytest.mark.parametrize(
    ("change", "values", "reason"),
    [
        (lambda v: replace(v, description="sub-1_FLAIR"), {}, "speaks of FLAIR"),
        (lambda v: replace(v, attributes={"ContrastBolusAgent": "Gadovist"}), {}, "+Gd"),
        (lambda v: replace(v, attributes={"EchoTime": "98"}), {}, "speaks of T2"),
        (lambda v: replace(v, attributes={"BodyPartExamined": "KNEE"}), {}, "body part is KNEE"),
        (lambda v: replace(v, doubts=("It may mix time points.",)), {}, "may mix time points"),
        (lambda v: scaled(v, 1.5), {}, "field of view is 240"),
        (lambda v: replace(v, voxels=v.voxels + (v.voxels == 0) * np.arange(40)), {}, "not blank"),
        (lambda v: replace(v, missing=(3, 4)), {}, "2 of the scan's 40 slices are missing"),
        (lambda v: v, {"age": 12.0}, "Age 12 is outside the 20 to 95 years"),
        (lambda v: v, {"age": None, "sex": None}, "2 of 3 clinical values are not given"),
        (
            lambda v: replace(v, attributes={"PatientAge": "077Y"}),
            {"age": 25.0},
            "Age is 25, but the scan's header says 77",
        ),
        (
            lambda v: replace(v, attributes={"PatientSex": "M"}),
            {},
            "Sex is F, but the scan's header says M",
        ),
    ],
)
def test_what_is_odd_makes_it_doubtful_with_the_reason(judge, brain, change, values, reason):
    report = judge(change(brain), {**VALUES, **values})
    assert report.fit == "doubtful"
    assert any(reason in said for said in report.reasons), report.reasons


def test_without_a_scope_every_case_is_doubtful(judge, brain):
    report = judge(brain, scope=None)
    assert report.fit == "doubtful"
    assert "does not declare" in report.summary


def test_scans_that_are_not_simulated_are_told_from_those_that_are(judge, brain, tmp_path):
    simulated = replace(SCOPE, population="simulated")
    assert judge(brain, scope=simulated).demonstration == DEMONSTRATION
    assert judge(brain, scope=simulated).fit == "doubtful"
    marked = replace(brain, attributes=SIMULATED_ATTRIBUTES)
    # The mark travels with the file, also through `fusion3d convert`.
    for volume, known in ((marked, True), (brain, False)):
        write_nifti(volume, tmp_path / "scan.nii.gz")
        write_nifti(open_volume(tmp_path / "scan.nii.gz"), tmp_path / "again.nii.gz")
        report = judge(open_volume(tmp_path / "again.nii.gz"), scope=simulated)
        assert (report.demonstration is None) == known
        assert (report.fit == "fits") == known


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("t1_mprage_sag", ("T1",)),
        ("AX T2 FLAIR FS", ("FLAIR",)),
        ("MR_Gd", ("+Gd",)),
        ("t1_mpr_post-contrast", ("T1", "+Gd")),
        ("ep2d_diff_b1000", ("diffusion", "functional or perfusion")),
        ("case-00012", ()),
        ("patient12", ()),
        ("Acetate study", ()),
    ],
)
def test_sequences_are_found_in_names(text, said):
    assert said_sequences(text, {}) == said
    assert contradictions((), text, {}) == ()


def test_a_refused_case_gets_no_number_unless_asked_for_and_then_a_marked_one(
    bundle, brain, tmp_path, capsys
):
    folder, scan = bundle(), tmp_path / "scan.nii.gz"
    write_nifti(replace(brain, voxels=(brain.voxels > 0).astype(np.uint8)), scan)
    predictor = load_predictor(folder, "cpu", engine="torch")
    with pytest.raises(MisfitError) as caught:
        predictor.predict(open_volume(scan), VALUES)
    assert caught.value.report.fit == "refused"

    out, heat = tmp_path / "out.json", tmp_path / "heat.nii.gz"
    call = ["predict", str(scan), "--model", str(folder), "--json", str(out)]
    call += ["--set", "age=70", "--set", "sex=F", "--engine", "torch", "--device", "cpu"]
    assert run(call) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith(
        "fusion3d: the model is not meant for this scan: The values number things"
    )
    plain = json.loads(out.read_text())
    assert (plain["fit"], plain["probability"], plain["class"]) == ("refused", None, None)
    assert plain["reasons"] == list(caught.value.report.reasons)

    assert run([*call, "--despite-misfit", "--heatmap", str(heat)]) == 0
    assert "DESPITE MISFIT: The values number things" in capsys.readouterr().out
    plain = json.loads(out.read_text())
    assert plain["despite_misfit"] is True
    assert plain["positive"] is None
    assert 0 <= plain["probability"] <= 1
    import nibabel

    assert bytes(nibabel.load(heat).header["descrip"]).startswith(b"DESPITE MISFIT")


def test_a_doubtful_case_keeps_its_number_and_has_no_class(bundle, brain, tmp_path, capsys):
    scan, out = tmp_path / "scan_FLAIR.nii.gz", tmp_path / "out.json"
    write_nifti(brain, scan)
    call = ["predict", str(scan), "--model", str(bundle()), "--json", str(out), "--set", "age=70"]
    assert run([*call, "--set", "sex=F", "--engine", "torch", "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert "DOUBTFUL: The series or file speaks of FLAIR" in printed
    assert "probability" not in printed
    plain = json.loads(out.read_text())
    assert (plain["fit"], plain["class"], plain["positive"]) == ("doubtful", None, None)
    assert 0 <= plain["probability"] <= 1


def test_in_a_table_the_row_says_so_and_the_table_goes_on(bundle, brain, tmp_path):
    write_nifti(replace(brain, voxels=brain.voxels[:5]), tmp_path / "thin.nii.gz")
    write_nifti(brain, tmp_path / "scan.nii.gz")
    table = tmp_path / "cases.csv"
    table.write_text(
        "path,age,sex,diabetes\nthin.nii.gz,70,F,yes\nscan.nii.gz,70,F,yes\n", encoding="utf-8"
    )
    import csv

    call = ["predict", str(table), "--model", str(bundle()), "--out", str(tmp_path / "out")]
    call += ["--engine", "torch", "--device", "cpu"]
    for more, expected in (
        ([], [("refused", "", "0"), ("fits", "1", "0")]),
        (["--despite-misfit"], [("refused", "1", "1"), ("fits", "1", "0")]),
        ([], [("refused", "", "0"), ("fits", "1", "0")]),
    ):
        assert run([*call, *more]) == 0
        with (tmp_path / "out" / "results.csv").open(newline="") as file:
            rows = sorted(csv.DictReader(file), key=lambda row: int(row["row"]))
        found = [(r["fit"], "1" if r["probability"] else "", r["despite_misfit"]) for r in rows]
        assert found == expected
        assert "5 slices" in rows[0]["reasons"]
        assert not rows[0]["class"]


@pytest.mark.parametrize(
    ("name", "fit"),
    [
        ("ms/patient12/study1_FLAIR.nii.gz", "doubtful"),
        ("ms/patient12/study1_T2W.nii.gz", "doubtful"),
        ("ms/patient12/gt.nii.gz", "refused"),
        ("ms/patient07_mni/lesions.nii.gz", "refused"),
        ("soop/lesions/sub-1000_lesion.nii.gz", "refused"),
        ("soop/ArterialAtlas136.nii.gz", "refused"),
        ("dicom/mr_t1_sag_hfs", "doubtful"),
    ],
)
def test_real_scans_of_other_kinds_never_fit(judge, name, fit):
    if not (SHARED / name).exists():
        pytest.skip("needs the shared scans beside the repository")
    volume = replace(open_volume(SHARED / name), description="scan")
    assert judge(volume).fit == fit
