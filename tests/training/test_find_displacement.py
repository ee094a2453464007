"""``fusion3d displacement`` end to end: with and without labels and masks, recorded in bundle and card."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from monai.networks.nets import ViT

from fusion3d_gui.cli.parser import run
from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.exchange.check import check_bundle
from fusion3d_gui.training.data.split import recorded_split, split_cases, validation_part
from fusion3d_gui.training.data.table import read_table
from fusion3d_gui.training.find_displacement import find_displacement
from fusion3d_gui.training.report.displacement_record import DISPLACEMENT_HEADING


@pytest.fixture(scope="module")
def bundle(make_untrained):
    return make_untrained("image_only", 3)


@pytest.fixture(scope="module")
def transformer(tmp_path_factory):
    """The bundle of an untrained vision transformer of MONAI, made by the command."""
    folder = tmp_path_factory.mktemp("transformer")
    torch.manual_seed(0)
    size, options = 24, {"hidden_size": 24, "mlp_dim": 48, "num_layers": 2, "num_heads": 4}
    net = ViT(
        1, (size,) * 3, (8,) * 3, **options, classification=True, num_classes=2, spatial_dims=3
    )
    torch.save(net.state_dict(), folder / "vit.pt")
    given = {"img_size": [size] * 3, "patch_size": [8] * 3, **options}
    words = [f"--option={name}={value}".replace(" ", "") for name, value in given.items()]
    make = ["bundle", "make", str(folder / "vit.pt"), "--network", "vit", "--grid=24,24,24"]
    assert run([*make, "--spacing=8", *words, "--out", str(folder / "vit")]) == 0
    decision = folder / "vit" / "configs" / "decision.json"
    plain = json.loads(decision.read_text(encoding="utf-8"))
    # Every case is called positive, so that there are enough to measure on.
    decision.write_text(json.dumps({**plain, "threshold": 0.01}), encoding="utf-8")
    return folder / "vit"


def test_a_network_without_convolutional_stages_is_measured_and_evaluated_by_gradient_times_input(
    transformer, cohort, tmp_path, capsys
):
    # The label says whether there is a lesion: enough positives with a mask.
    model, table, out = str(transformer), tmp_path / "cases.csv", tmp_path / "found.json"
    lines = ["case,path,mask,label"]
    with cohort.open(newline="") as file:
        for row in csv.DictReader(file):
            path, mask = (row[name] and cohort.parent / row[name] for name in ("path", "mask"))
            lines.append(f"{row['case']},{path},{mask},{int(bool(mask))}")
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    table = str(table)
    assert run(["displacement", model, table, "--record", "--json", str(out)]) == 0
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["maps"] == []
    assert {(one["method"], one["stage"]) for one in found["localisation"]["maps"]} == {
        ("input-gradient", None)
    }
    card = (transformer / "docs" / "README.md").read_text(encoding="utf-8")
    assert "no convolutional stages" in card.split(DISPLACEMENT_HEADING)[1]
    assert run(["evaluate", model, table, "--record", "--json", str(out)]) == 0
    evaluated = json.loads(out.read_text(encoding="utf-8"))
    assert [one["method"] for one in evaluated["localisation"]["maps"]] == ["input-gradient"]
    assert run(["reference", model, table]) == 2
    assert "trained elsewhere" in capsys.readouterr().err
    assert [p for p in check_bundle(transformer) if "LICENSE" not in p] == []
    assert BundleInfo.read(transformer).default_map == ("input-gradient", ())


@pytest.fixture
def without_labels(judged_table, tmp_path):
    """The same cases with neither labels nor masks."""
    with judged_table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    out = tmp_path / "plain.csv"
    with out.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["case", "path"], extrasaction="ignore")
        writer.writeheader()
        for row in rows[:10]:
            writer.writerow({**row, "path": str(judged_table.parent / row["path"])})
    return out


def test_a_table_without_labels_or_masks_is_enough(bundle, without_labels, tmp_path, capsys):
    out = tmp_path / "found.json"
    arguments = ["displacement", str(bundle), str(without_labels), "--json", str(out), "--record"]
    assert run(arguments) == 0
    found = json.loads(out.read_text())
    assert json.loads(capsys.readouterr().out) == found
    assert not found["masks"] and "localisation" not in found
    assert found["cases"] == len(read_table(without_labels, labelled=False).cases)
    assert len(found["maps"]) == 16
    for one in found["maps"]:
        assert one["against"] == "reference"
        assert one["applied"] == (not one["reasons"])
        for low, value, high in zip(
            one["low_ijk"], one["vector_ijk"], one["high_ijk"], strict=True
        ):
            assert low <= value <= high
    info = BundleInfo.read(bundle)
    assert info.displacements.weights_sha256 == ModelBundle.load(bundle).weights_sha256
    assert info.displacements.to_json() == {key: found[key] for key in info.displacements.to_json()}
    chosen = found["default"]
    assert chosen == (["input-gradient", None] if found["reference_near"] <= 0.1 else None)
    assert info.default_map == (("input-gradient", ()) if chosen else ("gradcam", (4,)))
    card = (bundle / "docs" / "README.md").read_text()
    assert card.count(DISPLACEMENT_HEADING) == 1 and card.rstrip().endswith("Many.")
    assert card.index(DISPLACEMENT_HEADING) < card.index("## Limits")
    assert run(arguments) == 0
    assert (bundle / "docs" / "README.md").read_text() == card


def test_a_table_of_too_few_cases_is_refused(bundle, without_labels):
    lines = without_labels.read_text().splitlines(keepends=True)
    without_labels.write_text("".join(lines[:4]))
    with pytest.raises(UserError, match="3 cases are too few"):
        find_displacement(bundle, without_labels)


def test_training_needs_labels_all_the_same(without_labels):
    with pytest.raises(UserError, match="no column 'label'"):
        read_table(without_labels)
    assert set(read_table(without_labels, labelled=False).labels) == {-1}


def test_the_cases_that_validated_are_found_again(judged_table):
    table = read_table(judged_table)
    table = replace(
        table,
        cases=tuple(replace(case, label=n % 2) for n, case in enumerate(table.cases)),
    )
    training, validation = split_cases(table, 4, 0.2)
    told = {"seed": 4, "cases": len(training), "validation_cases": len(validation)}
    np.testing.assert_array_equal(recorded_split(table, told)[1], validation)
    part = validation_part(table, told)
    assert [case.name for case in part.cases] == [table.cases[n].name for n in validation]
    with pytest.raises(UserError, match="the bundle was made with 9"):
        validation_part(table, {**told, "validation_cases": 9})


def test_with_masks_the_default_is_the_best_of_the_maps_that_pass(make_untrained, cohort, tmp_path):
    folder = make_untrained("image_only", 4)
    decision = folder / "configs" / "decision.json"
    plain = json.loads(decision.read_text())
    decision.write_text(json.dumps({**plain, "threshold": 0.001}))
    with cohort.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["mask"]][:8]
    table = tmp_path / "masks.csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["case", "path", "mask", "label"], extrasaction="ignore")
        writer.writeheader()
        for row in rows:
            places = {name: str(cohort.parent / row[name]) for name in ("path", "mask")}
            writer.writerow({**row, **places, "label": 1})
    found = find_displacement(folder, table, resamples=50)
    assert found["masks"] and found["cases"] == len(rows) == 8
    rows = found["localisation"]["maps"]
    names = [(row["method"], row["stage"]) for row in rows]
    # Each class activation map twice: raw, and corrected.
    assert names.count(("gradcam", 4)) == 2
    by_map = {(one["method"], one["stage"]): one for one in found["maps"]}
    for row in rows:
        if row["eligible"]:
            assert row["random_pointing"] <= 0.1
            known = by_map.get((row["method"], row["stage"]))
            assert known is None or (known["applied"] and row["corrected"])
    able = [[row["method"], row["stage"]] for row in rows if row["eligible"]]
    assert found["default"] in able if able else found["default"] is None
