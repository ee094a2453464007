"""Evaluation end to end on a small cohort: figures judged by scikit-learn, and all that is written."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import brier_score_loss, recall_score, roc_auc_score

from fusion3d_gui.cli.parser import run
from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.training.data.table import read_table
from fusion3d_gui.training.evaluate import evaluate
from fusion3d_gui.training.measure.auroc_comparison import compare_bundles
from fusion3d_gui.training.measure.maps.localisation_table import Localisation
from fusion3d_gui.training.measure.scores import score_bundle
from fusion3d_gui.training.report.evaluation_page import evaluation_plots
from fusion3d_gui.training.report.evaluation_record import record_evaluation
from fusion3d_gui.training.report.plots import svg


@pytest.fixture(scope="module")
def bundle(make_untrained) -> Path:
    return make_untrained("concat", 1)


@pytest.fixture(scope="module")
def found(bundle, judged_table) -> dict:
    return evaluate(bundle, judged_table, resamples=200)


def test_figures_are_those_that_scikit_learn_computes_from_the_cases(found, judged_table):
    labels = np.array([case["label"] for case in found["cases"]])
    chance = np.array([case["probability"] for case in found["cases"]])
    assert found["n"] == len(labels) == 30
    assert found["positives"] == labels.sum() == read_table(judged_table).labels.sum()
    figures = found["figures"]
    assert figures["auroc"]["value"] == pytest.approx(roc_auc_score(labels, chance), abs=1e-4)
    assert figures["brier"]["value"] == pytest.approx(brier_score_loss(labels, chance), abs=1e-4)
    called = [case["positive"] for case in found["cases"]]
    assert figures["sensitivity"]["value"] == pytest.approx(recall_score(labels, called), abs=1e-4)
    for one in figures.values():
        assert one["low"] <= one["high"]


def test_ceilings_are_those_of_the_columns_of_the_table(found, judged_table):
    with judged_table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    labels = [int(row["label"]) for row in rows]
    for name in ("probability", "probability_image", "probability_metadata"):
        expected = roc_auc_score(labels, [float(row[name]) for row in rows])
        assert found["ceilings"][name]["value"] == pytest.approx(expected, abs=1e-4)


def test_localisation_is_measured_on_true_positives_with_a_mask(found, judged_table):
    rows = read_table(judged_table).cases
    hits = [
        case
        for case, row in zip(found["cases"], rows, strict=True)
        if row.label and row.mask and case["positive"]
    ]
    assert found["localisation"]["cases"] == len(hits) > 1
    assert len(found["localisation"]["maps"]) == 17


def test_a_model_without_metadata_is_judged_in_the_tables_own_subgroups(
    make_untrained, judged_table
):
    found = evaluate(make_untrained("image_only", 2), judged_table, resamples=50)
    assert {row["field"] for row in found["subgroups"]} >= {"Age", "Sex"}
    assert "metadata_baseline" not in found


class _Links(HTMLParser):
    """Everything that a page would load from elsewhere, and its words."""

    def __init__(self) -> None:
        super().__init__()
        self.outside: list[str] = []
        self.words = ""

    def handle_starttag(self, tag, attrs):
        if tag in ("script", "link", "img", "iframe"):
            self.outside.append(tag)
        self.outside += [v for k, v in attrs if k in ("src", "href", "xlink:href") and v[0] != "#"]

    def handle_data(self, data):
        self.words += data


def test_the_command_writes_page_table_and_plots_and_records_on_the_card(
    bundle, judged_table, tmp_path, capsys
):
    out = {name: tmp_path / f"out.{name}" for name in ("json", "html", "csv")}
    options = [str(part) for name, path in out.items() for part in (f"--{name}", path)]
    arguments = ["evaluate", str(bundle), str(judged_table), *options]
    assert run([*arguments, "--plots", str(tmp_path / "plots"), "--record"]) == 0
    assert "cases" not in json.loads(capsys.readouterr().out)
    figures = json.loads(out["json"].read_text())
    with out["csv"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    scores = [float(row["probability"]) for row in rows]
    area = roc_auc_score([int(row["label"]) for row in rows], scores)
    assert figures["figures"]["auroc"]["value"] == pytest.approx(area, abs=1e-4)

    text = out["html"].read_text()
    parsed = _Links()
    parsed.feed(text)
    assert parsed.outside == []
    assert "Research use only" in parsed.words
    assert "A <made-up> task" in parsed.words
    assert ModelBundle.load(bundle).weights_sha256 in parsed.words
    assert f"{area:.3f}" in parsed.words
    assert text.count("<svg") == 4
    names = re.findall(r'\bid="([^"]+)"', text)
    assert len(names) == len(set(names))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', text)) <= set(names)

    for name in ("roc", "precision-recall", "reliability", "scores"):
        assert (tmp_path / "plots" / f"{name}.svg").read_text().startswith("<svg")
        assert min(Image.open(tmp_path / "plots" / f"{name}.png").size) > 500
    card = (bundle / "docs" / "README.md").read_text()
    assert f"{area:.3f}" in card and figures["weights_sha256"] in card
    assert "fusion3d cohort TEST --cases 30 --seed 11 --spacing 8 --prevalence 0.4" in card
    assert card.rstrip().endswith("Many.")
    recorded = BundleInfo.read(bundle).metadata["eval_metrics"]["held_out"]
    assert recorded["figures"] == figures["figures"]
    best = Localisation.from_json(figures["localisation"]).best
    measured = BundleInfo.read(bundle).localisation_record
    assert best is not None and measured is not None
    stages = () if best.stage is None else (best.stage,)
    assert BundleInfo.read(bundle).default_map == (best.method, stages)
    # Pointing game and energy with their intervals, on the card and on the page.
    assert measured.text in card and measured.text in parsed.words


def test_recording_again_replaces_what_was_recorded(make_untrained, found):
    folder = make_untrained("concat", 1)
    record_evaluation(folder, found)
    once = (folder / "docs" / "README.md").read_text()
    record_evaluation(folder, found)
    assert (folder / "docs" / "README.md").read_text() == once


def test_plots_are_the_same_each_time(found):
    one, other = (svg(evaluation_plots(found)["roc"], "roc") for _ in range(2))
    assert one == other


def test_two_models_are_compared_on_the_same_cases(
    bundle, found, make_untrained, judged_table, tmp_path, capsys
):
    other = make_untrained("image_only", 3)
    out = tmp_path / "c.json"
    assert run(["compare", str(bundle), str(other), str(judged_table), "--json", str(out)]) == 0
    compared = json.loads(out.read_text())
    assert json.loads(capsys.readouterr().out) == compared
    area = found["figures"]["auroc"]["value"]
    assert compared["auroc_a"] == pytest.approx(area, abs=1e-5)
    seen: list[float] = []
    assert compare_bundles(bundle, other, judged_table, lambda at, _: seen.append(at)) == compared
    own: list[float] = []
    score_bundle(bundle, judged_table, progress=lambda at, _: own.append(at))
    assert seen == pytest.approx([start + at / 2 for start in (0, 0.5) for at in own])
    gap = compared["auroc_a"] - compared["auroc_b"]
    assert compared["difference"]["value"] == pytest.approx(gap, abs=2e-5)
    assert 0 <= compared["p"] <= 1


def test_a_table_of_one_label_can_not_be_judged_by(bundle, judged_table):
    lines = judged_table.read_text().splitlines()
    only = judged_table.with_name("one-label.csv")
    only.write_text("\n".join([lines[0], *(line for line in lines[1:] if line.endswith(",0"))]))
    for judge in (lambda: evaluate(bundle, only), lambda: compare_bundles(bundle, bundle, only)):
        with pytest.raises(UserError, match="same label"):
            judge()
