import csv
import json
from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.training.data.table import fit_schema, read_table


@pytest.fixture
def write(tmp_path: Path):
    (tmp_path / "scan.nii.gz").write_bytes(b"not read here")

    def write_table(header: str, *rows: str) -> Path:
        path = tmp_path / "cases.csv"
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return path

    return write_table


def test_a_foreign_table_gets_a_schema_of_numbers_categories_and_booleans(write) -> None:
    table = read_table(
        write(
            "case,path,age,site,smoker,label",
            "a,scan.nii.gz,61.5,Bern,yes,1",
            "b,scan.nii.gz,,Oslo,no,0",
            "c,scan.nii.gz,70,,,0",
        )
    )
    assert [(f.name, f.kind) for f in table.schema.fields] == [
        ("age", "number"),
        ("site", "category"),
        ("smoker", "boolean"),
    ]
    assert table.cases[0].values == {"age": 61.5, "site": "Bern", "smoker": True}
    assert table.cases[2].values == {"age": 70.0, "site": None, "smoker": None}
    assert table.labels.tolist() == [1, 0, 0]


def test_the_cohort_brings_its_schema_and_its_truth_is_not_metadata(cohort: Path) -> None:
    table = read_table(cohort)
    assert [f.name for f in table.schema.fields] == ["age", "sex", "mmse", "hypertension"]
    assert table.schema["age"].dicom == "PatientAge"
    assert table.class_names == ("no progression", "progression")
    assert table.cohort is not None and table.cohort["seed"] == 5


def test_truth_columns_are_not_metadata_even_without_a_schema(cohort: Path, tmp_path: Path) -> None:
    with cohort.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["path"] = str(cohort.parent / row["path"])
        row["mask"] = ""
    path = tmp_path / "bare.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert [f.name for f in read_table(path).schema.fields] == [
        "age",
        "sex",
        "mmse",
        "hypertension",
    ]


def test_numbers_are_standardised_by_the_training_cases_only(write) -> None:
    table = read_table(
        write("path,case,age,label", *(f"scan.nii.gz,{n},{50 + 10 * n},0" for n in range(4)))
    )
    field = fit_schema(table.schema, table.cases[:3])["age"]
    assert (field.mean, field.std) == (60.0, pytest.approx(np.std([50, 60, 70]), abs=1e-6))
    assert (field.seen_minimum, field.seen_maximum) == (50.0, 70.0)


@pytest.mark.parametrize(
    ("header", "row", "complaint"),
    [
        ("path,label", "scan.nii.gz,2", "row 3, column 'label': '2' is not 0 or 1"),
        ("path,label", "gone.nii.gz,1", "row 3, column 'path': there is no file or folder"),
        ("path,label,probability", "scan.nii.gz,1,1.5", "row 3, column 'probability'"),
        ("path,label,split", "scan.nii.gz,1,holdout", "row 3, column 'split'"),
        ("path,label", "scan.nii.gz,1,7", "row 3 has more cells"),
        ("path,label", "scan.nii.gz,1", "rows 2 and 3 are both case"),
    ],
)
def test_a_mistake_in_a_row_is_named_with_row_and_column(
    write, header: str, row: str, complaint: str
) -> None:
    good = ",".join(["scan.nii.gz", "0", *[""] * (header.count(",") - 1)])
    with pytest.raises(UserError, match=complaint):
        read_table(write(header, good, row))


def test_a_cell_of_text_in_a_column_of_numbers_is_named(write) -> None:
    rows = [f"scan.nii.gz,{n},{50 + n},0" for n in range(30)]
    rows[7] = "scan.nii.gz,7,about 60,0"
    with pytest.raises(UserError, match="row 9, column 'age': 'about 60' is not a number"):
        read_table(write("path,case,age,label", *rows))


def test_a_table_without_a_needed_column_says_which(write) -> None:
    with pytest.raises(UserError, match="no column 'label'"):
        read_table(write("path,age", "scan.nii.gz,50"))


def test_a_value_that_the_given_schema_does_not_allow_is_named(write, tmp_path: Path) -> None:
    schema = [
        {"name": "sex", "label": "Sex", "kind": "category", "choices": [["F", "f"], ["M", "m"]]}
    ]
    (tmp_path / "cases.json").write_text(json.dumps({"schema": schema}))
    with pytest.raises(
        UserError, match="row 2, column 'sex': 'X' is not valid: expected one of F, M"
    ):
        read_table(write("path,label,sex", "scan.nii.gz,1,X"))


def test_what_is_not_a_table_is_refused(tmp_path: Path) -> None:
    picture = tmp_path / "x.csv"
    picture.write_bytes(bytes(range(256)) * 10)
    for path in (picture, tmp_path / "absent.csv", tmp_path):
        with pytest.raises(UserError):
            read_table(path)
