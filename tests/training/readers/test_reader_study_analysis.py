"""`fusion3d reader-study analyse`: tables in, figures and page out; agreement, time and changed reads."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from fusion3d_gui.cli.parser import run
from fusion3d_gui.training.measure.readers.agreement import changed_reads, mean_kappa, time_ratio
from tests.training.readers.van_dyke import van_dyke


def test_a_table_of_reads_is_analysed_into_json_and_a_page(tmp_path, capsys):
    table = _write(tmp_path / "reads.csv", _van_dyke_rows())

    status = run(
        ["reader-study", "analyse", str(table), "--reference", "SE", "--positive-from", "3"]
        + ["--json", str(tmp_path / "out.json"), "--html", str(tmp_path / "out.html")]
    )

    assert status == 0
    printed = capsys.readouterr().out
    assert "F(1, 15.26) = 4.46, p = 0.0517" in printed
    assert "AUC cine minus SE: −0.044 (−0.088 to 0.000), p = 0.0517" in printed
    assert "Research use only" in printed
    found = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert found["reference"] == "SE" and found["cases"] == 114 and found["positives"] == 45
    # MRMCaov's article: sensitivity of reader 1 at 3 or more, in both treatments
    sensitivity = {
        one["arm"]: one["sensitivity"] for one in found["calls"] if one["reader"] == "R1"
    }
    assert sensitivity == pytest.approx({"cine": 0.889, "SE": 0.978}, abs=5e-4)
    page = (tmp_path / "out.html").read_text(encoding="utf-8")
    assert "Obuchowski and Rockette" in page and "R5" in page and "Research use only" in page


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[3].update(rating="high"), "row 5: rating is 'high', not a number"),
        (lambda rows: rows[3].update(truth="2"), "row 5: truth must be 0 or 1"),
        (lambda rows: rows[1].update(rows[0]), "row 3: this reader has read the case in this arm"),
        (lambda rows: [row.pop("arm") for row in rows], "has no column 'arm'"),
        (lambda rows: rows.__delitem__(slice(4, None)), "fewer than two"),
    ],
)
def test_a_table_that_can_not_be_analysed_is_refused_in_one_line(tmp_path, capsys, change, said):
    rows = _van_dyke_rows()
    change(rows)
    table = _write(tmp_path / "reads.csv", rows)

    assert run(["reader-study", "analyse", str(table)]) == 2

    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_cases_that_not_all_have_read_are_left_out_and_counted(tmp_path, capsys):
    rows = _van_dyke_rows()
    del rows[0]

    assert run(["reader-study", "analyse", str(_write(tmp_path / "reads.csv", rows))]) == 0

    assert "1 of 114 cases are left out" in capsys.readouterr().err


def test_kappa_is_that_of_scikit_learn():
    ratings = van_dyke()[0][0]
    pairs = [(a, b) for a in range(5) for b in range(a)]

    found = mean_kappa(ratings)

    expected = [cohen_kappa_score(ratings[a], ratings[b], weights="quadratic") for a, b in pairs]
    assert found is not None and found.value == pytest.approx(np.mean(expected))
    assert found.low < found.value < found.high


def test_reads_that_the_model_changed_are_counted_both_ways():
    truth = np.array([1, 1, 1, 0, 0, 0])
    unaided = np.array([[True, True, False, False, False, True]])
    aided = np.array([[True, False, True, True, False, False]])

    (found,) = changed_reads(("unaided", "map"), ("R1",), np.stack([unaided, aided]), truth)

    assert (found.to_wrong, found.to_right, found.cases) == (2, 2, 6)
    assert found.p == pytest.approx(1.0)


def test_twice_as_long_in_every_read_is_a_ratio_of_two():
    generator = np.random.default_rng(0)
    first = generator.lognormal(3, 0.5, (4, 30))

    found = time_ratio(np.stack([first, 2 * first]), 1)

    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((2, 2, 2))


def _van_dyke_rows() -> list[dict[str, str]]:
    ratings, truth = van_dyke()
    return [
        {
            "reader": f"R{j + 1}",
            "arm": arm,
            "case": f"c{k}",
            "truth": str(truth[k]),
            "rating": str(ratings[i, j, k]),
        }
        for k in range(len(truth))
        for i, arm in enumerate(("cine", "SE"))
        for j in range(5)
    ]


def _write(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path
