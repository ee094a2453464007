import csv
import json
from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.training.data.table import fit_schema, read_table, write_inferred_schema


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


@pytest.mark.parametrize(("kinds", "is_category"), [(1, False), (2, True), (20, True), (21, False)])
def test_a_column_of_2_to_20_different_words_is_a_category(write, kinds, is_category) -> None:
    rows = [f"scan.nii.gz,{n},site {n % kinds:02d},0" for n in range(42)]
    if is_category:
        (field,) = read_table(write("path,case,place_of_scan,label", *rows)).schema.fields
        assert (field.kind, field.label) == ("category", "Place of scan")
        assert field.choices == tuple((f"site {n:02d}",) * 2 for n in range(kinds))
    else:
        with pytest.raises(UserError, match=f"row 2, .*'site 00' .* with {kinds} different"):
            read_table(write("path,case,place_of_scan,label", *rows))


def test_words_that_differ_in_case_alone_are_no_categories(write) -> None:
    rows = [f"scan.nii.gz,{n},{word},0" for n, word in enumerate(("Bern", "bern", "Oslo"))]
    with pytest.raises(UserError, match="with 3 different values"):
        read_table(write("path,case,site,label", *rows))


@pytest.mark.parametrize(
    ("cells", "kind", "decimals"),
    [
        (("1", "0", "1"), "boolean", 0),
        (("Yes", "no", ""), "boolean", 0),
        (("1", "0", "2"), "number", 0),
        (("1.0", "0", "1"), "number", 2),
        (("5", "-3", "1e2"), "number", 0),
        (("5", "0.25", ""), "number", 2),
    ],
)
def test_a_column_of_numbers_has_two_decimals_where_one_is_a_fraction(
    write, cells, kind, decimals
) -> None:
    rows = [f"scan.nii.gz,{n},{cell},0" for n, cell in enumerate(cells)]
    (field,) = read_table(write("path,case,x,label", *rows)).schema.fields
    assert (field.kind, field.decimals) == (kind, decimals)


def test_numbers_that_are_no_numbers_and_empty_columns_are_refused(write) -> None:
    numbers = [str(n) for n in range(25)]
    for cells, complaint in ((["inf", *numbers], "'inf' is not a number"), ([""], "'x' is empty")):
        rows = [f"scan.nii.gz,{n},{cell},0" for n, cell in enumerate(cells)]
        with pytest.raises(UserError, match=complaint):
            read_table(write("path,case,x,label", *rows))


def test_columns_with_a_meaning_of_their_own_are_read_as_that(write, tmp_path: Path) -> None:
    (tmp_path / "mask.nii.gz").write_bytes(b"not read here")
    table = read_table(
        write(
            "case,patient,path,mask,label,split,probability,probability_image,age",
            "a,p1,scan.nii.gz,mask.nii.gz,1.0,Train,0,0.25,50",
            "b,,scan.nii.gz,,0,,1,,60",
            ",,scan.nii.gz,,0,TEST,,1,70",
        )
    )
    first, second, third = table.cases
    assert [case.row for case in table.cases] == [2, 3, 4]
    assert (first.name, first.patient, first.label, first.split) == ("a", "p1", 1, "train")
    assert first.mask == tmp_path / "mask.nii.gz" and second.mask is None
    assert (first.probability, second.probability, third.probability) == (0.0, 1.0, None)
    assert [dict(case.ceilings) for case in table.cases] == [{"image": 0.25}, {}, {"image": 1.0}]
    assert (second.patient, third.name, third.patient) == ("b", "scan.nii.gz", "scan.nii.gz")
    assert [field.name for field in table.schema.fields] == ["age"]
    np.testing.assert_allclose(
        table.encode_metadata(table.schema)[:, 0],
        [50, 60, 70],  # mean 0, deviation 1 as yet
    )


def test_a_table_to_be_predicted_needs_no_labels(write) -> None:
    table = read_table(write("case,path", "a,scan.nii.gz"), labelled=False)
    assert table.labels.tolist() == [-1]
    table = read_table(
        write("case,path,label", "a,scan.nii.gz,", "b,scan.nii.gz,1"), labelled=False
    )
    assert table.labels.tolist() == [-1, 1]
    for labelled, cell, complaint in ((True, "", "'' is not 0 or 1"), (False, "x", "'x' is not 0")):
        with pytest.raises(UserError, match=complaint):
            read_table(write("path,label", f"scan.nii.gz,{cell}"), labelled=labelled)
    with pytest.raises(UserError, match="column 'path': it is empty"):
        read_table(write("path,label", ",1"))


def test_the_schema_of_a_number_that_is_always_the_same_has_deviation_1(write) -> None:
    table = read_table(write("case,path,x,label", *(f"{n},scan.nii.gz,7,0" for n in range(3))))
    field = fit_schema(table.schema, table.cases)["x"]
    assert (field.mean, field.std, field.seen_minimum, field.seen_maximum) == (7, 1, 7, 7)


def test_an_inferred_schema_is_written_once_and_read_with_its_table(write, tmp_path: Path) -> None:
    table = write("case,path,age,label", "a,scan.nii.gz,50,0", "b,scan.nii.gz,60,1")
    schema = write_inferred_schema(table, table.with_suffix(".json"))
    found = read_table(table)
    assert found.schema == schema
    assert (found.task, found.class_names) == ("Label of cases.csv", ("negative", "positive"))
    assert found.description == "Trained on cases.csv."
    with pytest.raises(UserError, match="exists already"):
        write_inferred_schema(table, table.with_suffix(".json"))
    table.with_suffix(".json").write_text('{"class_names": ["one"]}')
    with pytest.raises(UserError, match="does not describe a table"):
        read_table(table)
