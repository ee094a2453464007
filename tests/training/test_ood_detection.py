"""What a model is known not to have seen: scans made odd, and what is told of them."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from fusion3d_gui.cli.parser import run
from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.training.cohort.corruptions import CORRUPTIONS, MISREADINGS
from fusion3d_gui.training.cohort.generate import make_case
from fusion3d_gui.training.cohort.population import OutcomeModel
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.data.inputs import load_inputs
from fusion3d_gui.training.data.table import read_table
from fusion3d_gui.training.measure.reference_statistics import write_reference
from fusion3d_gui.training.report.ood_record import ood_detection_text, record_ood_detection
from fusion3d_gui.training.study.ood_detection import measure_ood_detection

BY_NAME = {corruption.name: corruption for corruption in CORRUPTIONS}


@pytest.fixture(scope="module")
def scan():
    return make_case(3, 9, OutcomeModel(), (6.0, 6.0, 6.0)).volume


@pytest.fixture(scope="module")
def judged(make_untrained, judged_table):
    """An untrained bundle with the reference statistics of a small cohort."""
    folder = make_untrained("concat", 4)
    bundle = ModelBundle.load(folder)
    table = read_table(judged_table, bundle.info.schema)
    images, _ = load_inputs(table.cases, bundle.info.preprocessing)
    cases = Cases(images, table.encode_metadata(bundle.info.schema), table.labels)
    write_reference(
        folder,
        bundle.network,
        cases,
        np.arange(20),
        np.arange(20, 30),
        rows=table.cases,
        simulated=True,
    )
    return folder


def test_turned_and_mirrored_scans_are_turned_and_mirrored(scan):
    voxels = scan.voxels
    for name, axis in (("upside down", 0), ("back to front", 1), ("mirrored left to right", 2)):
        np.testing.assert_array_equal(BY_NAME[name].apply(scan, 0).voxels, np.flip(voxels, axis))
    tilted = BY_NAME["tilted by 30 degrees"].apply(scan, 0).voxels
    assert tilted[len(tilted) // 2].mean() == pytest.approx(
        voxels[len(voxels) // 2].mean(), rel=0.2
    )


def test_half_a_scan_is_one_half_of_it(scan):
    for axis, name in enumerate(("top or bottom", "front or back", "left or right")):
        sides = set()
        for seed in range(6):
            half = BY_NAME[f"half missing, {name}"].apply(scan, seed).voxels
            middle = half.shape[axis] // 2
            first, second = np.split(half, [middle], axis)
            own = np.split(scan.voxels, [middle], axis)
            kept = int(first.any() == 0)
            np.testing.assert_array_equal((first, second)[kept], own[kept])
            assert not (second, first)[kept].any()
            sides.add(kept)
        assert sides == {0, 1}


def test_inverted_grey_values_fall_where_they_rose(scan):
    inverted = BY_NAME["grey values inverted"].apply(scan, 0).voxels
    below = scan.voxels < np.percentile(scan.voxels, 98)
    slope = np.polyfit(scan.voxels[below], inverted[below], 1)[0]
    assert slope == pytest.approx(-1, abs=0.01)
    brain = BY_NAME["other contrast (tissue dark for bright)"].apply(scan, 0).voxels
    assert np.corrcoef(scan.voxels[brain > 0], brain[brain > 0])[0, 1] < -0.95
    assert not brain[scan.voxels == 0].any()


def test_every_corruption_leaves_grid_and_kind_and_is_the_same_for_the_same_seed(scan):
    for corruption in CORRUPTIONS:
        made, again = corruption.apply(scan, 5), corruption.apply(scan, 5)
        assert made.voxels.shape == scan.voxels.shape
        assert made.voxels.dtype == np.int16
        np.testing.assert_array_equal(made.voxels, again.voxels)
        np.testing.assert_array_equal(made.affine, scan.affine)
        assert (made.voxels != scan.voxels).any()


def test_what_is_caught_goes_on_the_card_once_and_is_replaced_by_the_next(judged, judged_table):
    found = measure_ood_detection(judged, judged_table, of_each=4)
    ordinary, *odd = found["rows"]
    kinds = [*CORRUPTIONS, *MISREADINGS]
    assert (ordinary["cases"], [row["cases"] for row in odd]) == (30, [4] * len(kinds))
    assert [row["name"] for row in odd] == [kind.name for kind in kinds]
    caught = {row["name"]: row for row in odd}
    assert caught["noise alone"]["glance"] == 4
    # What shows without any gauge.
    for name in ("ten times too large", "in metres for millimetres", "one slice", "its mask"):
        assert caught[name]["scope"] == 4, name
    assert caught["all voxels equal"]["scope"] == 4
    for row in found["rows"]:
        each = [row[by] for by in ("scope", "glance", "texture", "embedding")]
        assert max(each) <= row["either"] <= min(sum(each), row["cases"])
    for times in (1, 2):
        changed = {**ordinary, "either": times}
        record_ood_detection(judged, {**found, "rows": [changed, *odd]})
        card = (judged / "docs" / "README.md").read_text(encoding="utf-8")
        assert card.count("## Outside what it has seen") == 1
        assert card.count("## Limits") == 1
        assert f"| ordinary cases | 30 | {100 * times / 30:.3g} % (" in card
        metadata = json.loads((judged / "configs" / "metadata.json").read_text(encoding="utf-8"))
        assert metadata["eval_metrics"]["outside"]["rows"][0]["either"] == times
    assert "## Held-out figures" in card


def test_what_is_mostly_missed_is_named(judged):
    rows = [
        {"name": name, "cases": cases, "either": either, "scope": 0, "texture": 0} | by
        for name, cases, either, by in (
            ("ordinary cases", 300, 3, {"glance": 1, "embedding": 2}),
            ("upside down", 25, 25, {"glance": 25, "embedding": 0}),
            ("mirrored left to right", 25, 2, {"glance": 1, "embedding": 1}),
        )
    ]
    text = ood_detection_text({"table": "test.csv", "rows": rows})
    assert "**Mostly not caught: mirrored left to right.**" in text
    assert "False alarms: 1 % (0.341 to 2.9) of ordinary cases." in text


def test_a_model_without_glances_or_a_table_of_few_cases_is_refused(
    make_untrained, judged, judged_table
):
    with pytest.raises(UserError, match="no reference statistics"):
        measure_ood_detection(make_untrained("add", 5), judged_table)
    with pytest.raises(UserError, match="fewer than 50"):
        measure_ood_detection(judged, judged_table)


def test_a_table_on_which_the_model_was_not_trained_is_refused(judged, cohort, tmp_path, capsys):
    assert run(["reference", str(judged), str(cohort)]) == 2
    assert "it was trained elsewhere" in capsys.readouterr().err
    bundle = tmp_path / "bundle"
    shutil.copytree(judged, bundle)
    path = bundle / "configs" / "metadata.json"
    plain = json.loads(path.read_text(encoding="utf-8"))
    plain["training"] = {"seed": 0, "cases": 1000, "validation_cases": 200}
    path.write_text(json.dumps(plain), encoding="utf-8")
    assert run(["reference", str(bundle), str(cohort)]) == 2
    assert "the bundle was made with 1000" in capsys.readouterr().err
