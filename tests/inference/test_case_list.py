"""Tables of cases joined with results, filtered, sorted, and their curves judged by scikit-learn."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.case_list.case_curves import case_curves
from fusion3d_gui.inference.case_list.case_filter import matching
from fusion3d_gui.inference.case_list.read_case_list import read_case_list

N = 40
RESULT_COLUMNS = (
    *("row", "case", "path", "probability", "logit", "positive", "class", "threshold"),
    *("fit", "reasons", "despite_misfit", "demonstration", "error", "age", "model", "version"),
    *("weights_sha256", "heatmap"),
)


def write(path: Path, columns, rows) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def study(tmp_path: Path):
    """40 cases with labels, and the results of two models; the second has no row 7."""
    random = np.random.default_rng(2)
    labels = (random.random(N) < 0.4).astype(int)
    cases = [
        {
            "case": f"c{n:02d}",
            "path": f"scans/c{n:02d}.nii",
            "label": labels[n],
            "age": 40 + n,
            "sex": "FM"[n % 2],
        }
        for n in range(N)
    ]
    table = write(tmp_path / "cases.csv", ("case", "path", "label", "age", "sex"), cases)
    chances = np.clip(0.25 + 0.4 * labels + random.normal(0, 0.2, (2, N)), 0.01, 0.99).round(3)
    for model in (0, 1):
        rows = []
        for n in random.permutation(N):
            if model == 1 and n == 7:
                continue
            refused = n == 3
            chance = chances[model, n]
            rows.append(
                {
                    "row": n + 2,
                    "case": f"c{n:02d}",
                    "path": f"scans/c{n:02d}.nii",
                    "probability": "" if refused else chance,
                    "positive": "" if refused else int(chance >= 0.5),
                    "fit": "refused" if refused else "doubtful" if n == 5 else "fits",
                    "error": "is too small" if refused else "",
                    "model": f"model-{model}",
                    "version": "1.0",
                    "weights_sha256": "0" * 64,
                    "heatmap": f"heatmaps/{n:05d}.nii.gz",
                }
            )
        write(tmp_path / f"out{model}" / "results.csv", RESULT_COLUMNS, rows)
    chances[:, 3] = np.nan
    chances[1, 7] = np.nan
    return tmp_path, table, labels, chances


def test_results_are_joined_with_their_cases_whatever_their_order(study):
    folder, table, labels, chances = study
    found = read_case_list([table, folder / "out0", folder / "out1" / "results.csv"])
    assert found.count == N
    assert found.models == (("model-0", "1.0"), ("model-1", "1.0"))
    np.testing.assert_array_equal(found.columns["label"], labels)
    np.testing.assert_allclose(found.columns["probability_model-0"], chances[0])
    with np.errstate(all="ignore"):
        mean = np.array(
            [np.nanmean(each) if not np.isnan(each).all() else np.nan for each in chances.T]
        )
    np.testing.assert_allclose(found.columns["probability"], mean)
    np.testing.assert_allclose(found.columns["error"], np.abs(labels - mean))
    np.testing.assert_allclose(found.columns["disagreement"], np.abs(chances[0] - chances[1]))
    wrong = found.columns["wrong"]
    expected = ((chances[0] >= 0.5) != labels).astype(float)
    expected[3] = np.nan
    np.testing.assert_array_equal(wrong, expected)
    assert found.paths[4] == folder / "scans/c04.nii"
    assert found.heatmaps[4] == folder / "out0" / "heatmaps/00004.nii.gz"
    assert found.values[4] == {"age": "44", "sex": "F"}
    assert (found.text(3, "doubt"), found.text(3, "failure")) == ("refused", "is too small")


@pytest.mark.parametrize("given", ["out0/results.csv", "out0", "."])
def test_the_table_above_results_is_found(study, given):
    folder, _, labels, _ = study
    found = read_case_list([folder / given])
    assert found.title == "cases.csv"
    np.testing.assert_array_equal(found.columns["label"], labels)
    assert len(found.models) == (2 if given == "." else 1)


def test_results_without_their_table_are_listed_alone(study):
    folder, table, _, _ = study
    table.unlink()
    (folder / "scans").mkdir()
    (folder / "scans" / "c00.nii").write_bytes(b"")
    found = read_case_list([folder / "out0"])
    assert found.count == N
    assert "error" not in found.columns
    row = int(np.flatnonzero(found.columns["case"] == "c00")[0])
    assert found.paths[row] == folder / "scans" / "c00.nii"


def test_a_bids_folder_lists_its_participants(tmp_path):
    (tmp_path / "participants.tsv").write_text(
        "participant_id\tage\tlabel\nsub-01\t61\t1\nsub-02\tn/a\t0\n../up\t50\t0\n"
    )
    found = read_case_list([tmp_path])
    assert found.columns["case"].tolist() == ["sub-01", "sub-02", "../up"]
    assert found.paths == (tmp_path / "sub-01", tmp_path / "sub-02", None)
    np.testing.assert_array_equal(found.columns["age"], [61, np.nan, 50])


def test_a_bids_folder_lists_every_image_with_its_session_and_plain_numbers(tmp_path):
    for name in ("sub-01_ses-a_T1w", "sub-01_ses-b_T1w", "sub-01_ses-b_FLAIR"):
        (tmp_path / f"{name}.nii.gz").write_bytes(b"")
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nsub-01\t89+\nsub-02\t50\n")
    (tmp_path / "sub-01").mkdir()
    (tmp_path / "sub-01/sub-01_sessions.tsv").write_text("session_id\tage\nses-b\t90\n")
    found = read_case_list([tmp_path])
    assert found.columns["case"].tolist() == [
        *("sub-01_ses-a_T1w", "sub-01_ses-b_FLAIR", "sub-01_ses-b_T1w", "sub-02")
    ]
    assert found.columns["session"].tolist() == ["a", "b", "b", ""]
    np.testing.assert_array_equal(found.columns["age"], [89, 90, 90, 50])
    assert found.paths[0] == tmp_path / "sub-01_ses-a_T1w.nii.gz"
    assert found.values[0]["age"] == "89"
    assert found.notices == (
        "1 participant has no image.",
        "age: 1 top-coded value, such as 89+, is taken as the bound.",
    )
    assert matching(found, "suffix = FLAIR").tolist() == [False, True, False, False]


def test_what_is_no_table_is_refused_with_a_sentence(study, tmp_path):
    _, table, _, _ = study
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"holds no participants\.tsv"):
        read_case_list([tmp_path / "empty"])
    with pytest.raises(UserError, match="is a second table of cases"):
        read_case_list([table, table])
    with pytest.raises(UserError, match="has no column path"):
        read_case_list([write(tmp_path / "x.csv", ("a", "b"), [{"a": 1, "b": 2}])])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("age > 60", lambda c: c["age"] > 60),
        ("age >= 60 and sex = f", lambda c: (c["age"] >= 60) & (c["sex"] == "F")),
        ("not (age < 50 or age > 70)", lambda c: ~((c["age"] < 50) | (c["age"] > 70))),
        ("error > 0.5 or doubt != fits", lambda c: (c["error"] > 0.5) | (c["doubt"] != "fits")),
        ('case ~ "c1"', lambda c: np.char.startswith(c["case"].astype(str), "c1")),
        ("probability = ''", lambda c: np.isnan(c["probability"])),
        ("wrong == 1", lambda c: c["wrong"] == 1),
        ("age<45", lambda c: c["age"] < 45),
        ("c12", lambda c: c["case"] == "c12"),
        ("doubtful", lambda c: c["doubt"] == "doubtful"),
        ("", lambda c: np.ones(N, bool)),
        ("age = 44.0", lambda c: c["age"] == 44),
    ],
)
def test_a_filter_finds_what_it_says(study, text, expected):
    cases = read_case_list([study[0]])
    np.testing.assert_array_equal(matching(cases, text), expected(cases.columns))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("agee > 3", "no column agee. Is age meant"),
        ("age > old", "holds numbers, and 'old' is none"),
        ("sex > F", "holds texts"),
        ("age >", "can't be read at its end"),
        ("(age > 3", "can't be read at its end"),
        ("age > 3 sex = F", "can't be read at “sex”"),
        ("__import__('os') = 1", "can't be read"),
        ("(" * 60 + "age > 3", "too many brackets"),
        ("not " * 60 + "age > 3", "too many brackets"),
        ("age > 3 and " * 200 + "age > 3", "more than 1000 characters"),
    ],
)
def test_a_filter_that_makes_no_sense_is_one_sentence(study, text, message):
    with pytest.raises(UserError, match="(?i)" + message.replace("(", r"\(")):
        matching(read_case_list([study[0]]), text)


def test_curves_are_scikit_learns_and_lead_to_their_cases(study):
    cases = read_case_list([study[0]])
    curves = case_curves(cases, np.arange(N))
    label, chance = cases.columns["label"], cases.columns["probability"]
    usable = ~np.isnan(chance)
    assert curves.auc == pytest.approx(roc_auc_score(label[usable], chance[usable]))
    fpr, tpr, thresholds = roc_curve(label[usable], chance[usable], drop_intermediate=False)
    np.testing.assert_allclose(curves.thresholds, thresholds[1:])
    np.testing.assert_allclose(curves.sensitivity, tpr[1:])
    np.testing.assert_allclose(curves.one_minus_specificity, fpr[1:])
    wrong = np.flatnonzero(usable & ((chance >= 0.5) != (label > 0)))
    assert sorted(curves.misclassified(0.5)) == wrong.tolist()
    number, mean, share, count = curves.bins()
    assert count.sum() == usable.sum()
    first = int(number[0])
    rows = curves.rows_of_bin(first)
    assert (np.floor(chance[rows] * 10) == first).all()
    assert mean[0] == pytest.approx(chance[rows].mean())
    assert share[0] == pytest.approx(label[rows].mean())


def test_a_sort_keeps_equal_ones_and_puts_what_has_no_value_last(study):
    cases = read_case_list([study[0]])
    rows = cases.sorted(np.arange(N), "error", descending=True)
    values = cases.columns["error"][rows]
    assert np.isnan(values[-1])
    assert (np.diff(values[:-1]) <= 0).all()
    by_doubt = cases.sorted(np.arange(N), "doubt", descending=True)
    assert cases.columns["doubt"][by_doubt[:2]].tolist() == ["refused", "doubtful"]
    assert by_doubt[2:].tolist() == [n for n in range(N) if n not in (3, 5)]
