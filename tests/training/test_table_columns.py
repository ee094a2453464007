"""Tables of cases, cell by cell: what each column may hold, what is inferred, and each sentence of complaint."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.schema import Field, MetadataSchema
from fusion3d_gui.model.scope import Scope
from fusion3d_gui.training.data.table import (
    OWN_COLUMNS,
    CaseRow,
    CaseTable,
    fit_schema,
    read_table,
    write_inferred_schema,
)


@pytest.fixture
def write(tmp_path: Path):
    (tmp_path / "s.nii").write_bytes(b"not read here")

    def write_table(header: str, *rows: str) -> Path:
        path = tmp_path / "cases.csv"
        path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        return path

    return write_table


def refused(path: Path, complaint: str, **how) -> UserError:
    with pytest.raises(UserError) as caught:
        read_table(path, **how)
    assert caught.value.problem == complaint
    assert caught.value.path == path
    return caught.value


@pytest.mark.parametrize("missing", ["path", "label"])
def test_the_two_needed_columns_are_named(write, missing):
    rest = ({"path", "label"} - {missing}).pop()
    error = refused(write(f"case,{rest}", "a,1"), f"there is no column {missing!r}")
    assert error.remedy == "A table of cases needs the columns path and label."


def test_columns_of_their_own_and_of_the_truth_are_no_metadata(write):
    assert OWN_COLUMNS == ("case", "patient", "path", "mask", "label", "split", "probability")
    truth = ["lesion", "lesion_mm", "distractors", "probability_image", "probability_metadata"]
    header = ",".join([*OWN_COLUMNS, *truth, "prob", "les_ion"])
    row = "a,p,s.nii,,1,,0.5,1,2,3,0.25,0.75,4,5"
    table = read_table(write(header, row))
    assert [field.name for field in table.schema.fields] == ["prob", "les_ion"]
    assert [field.label for field in table.schema.fields] == ["Prob", "Les ion"]
    assert dict(table.cases[0].values) == {"prob": 4.0, "les_ion": 5.0}
    assert dict(table.cases[0].ceilings) == {"image": 0.25, "metadata": 0.75}
    assert table.cases[0].probability == 0.5


@pytest.mark.parametrize(
    ("column", "cell", "complaint"),
    [
        ("label", "2", "'2' is not 0 or 1"),
        ("label", "", "'' is not 0 or 1"),
        ("label", "1.5", "'1.5' is not 0 or 1"),
        ("label", "-1", "'-1' is not 0 or 1"),
        ("path", "", "it is empty"),
        ("path", "no.nii", "there is no file or folder 'no.nii'"),
        ("mask", "no.nii", "there is no file or folder 'no.nii'"),
        ("probability", "-0.01", "'-0.01' is not a number between 0 and 1"),
        ("probability", "1.01", "'1.01' is not a number between 0 and 1"),
        ("probability", "nan", "'nan' is not a number between 0 and 1"),
        ("probability", "x", "'x' is not a number between 0 and 1"),
        ("probability_image", "2", "'2' is not a number between 0 and 1"),
        ("probability_metadata", "2", "'2' is not a number between 0 and 1"),
        ("split", "held", "'held' is not train, validation, test or empty"),
    ],
)
def test_a_cell_that_its_column_does_not_allow_is_named_with_its_row(
    write, column, cell, complaint
):
    cells = {"case": "b", "path": "s.nii", "label": "0", column: cell}
    good = {**dict.fromkeys(cells, ""), "case": "a", "path": "s.nii", "label": "1"}
    path = write(",".join(cells), ",".join(good.values()), ",".join(cells.values()))
    refused(path, f"row 3, column {column!r}: {complaint}")


@pytest.mark.parametrize(
    ("cell", "label"), [("0", 0), ("1", 1), ("0.0", 0), ("1.0", 1), ("", -1), (None, -1)]
)
def test_labels_are_whole_numbers_and_minus_1_where_they_are_not_known(write, cell, label):
    path = write("path", "s.nii") if cell is None else write("path,label", f"s.nii,{cell}")
    table = read_table(path, labelled=False)
    assert table.labels.tolist() == [label] and table.labels.dtype == np.int64


@pytest.mark.parametrize(
    ("cell", "split"),
    [("", ""), ("TRAIN", "train"), ("Validation", "validation"), ("test", "test")],
)
def test_the_parts_of_a_split_are_read_in_any_case(write, cell, split):
    assert read_table(write("path,label,split", f"s.nii,1,{cell}")).cases[0].split == split


def test_each_probability_at_its_bounds_is_kept(write):
    header = "case,path,label,probability,probability_image,probability_metadata"
    table = read_table(write(header, "a,s.nii,1,0,1,0.0", "b,s.nii,1,1.0,,1", "c,s.nii,0,,,"))
    assert [case.probability for case in table.cases] == [0.0, 1.0, None]
    ceilings = [dict(case.ceilings) for case in table.cases]
    assert ceilings == [{"image": 1.0, "metadata": 0.0}, {"metadata": 1.0}, {}]


def test_name_and_patient_stand_in_for_each_other(write, tmp_path):
    (tmp_path / "d").mkdir()
    table = read_table(
        write("case,patient,path,mask,label", "a,p,s.nii,d,1", "b,,s.nii,,0", ",,s.nii,,0")
    )
    assert [(case.row, case.name, case.patient) for case in table.cases] == [
        (2, "a", "p"),
        (3, "b", "b"),
        (4, "s.nii", "s.nii"),
    ]
    assert [case.mask for case in table.cases] == [tmp_path / "d", None, None]
    assert {case.path for case in table.cases} == {tmp_path / "s.nii"}
    bare = read_table(write("path,label", "s.nii,1")).cases[0]
    assert (bare.name, bare.patient, bare.mask, bare.split) == ("s.nii", "s.nii", None, "")


def test_two_cases_of_one_name_and_a_table_without_cases_are_refused(write):
    path = write("case,path,label", "a,s.nii,1", "b,s.nii,0", "c,s.nii,0", "b,s.nii,1")
    refused(path, "rows 3 and 5 are both case 'b'")
    refused(write("path,label"), "it holds no cases")


def test_a_schema_that_is_given_or_lies_beside_the_table_is_used_and_its_columns_must_be_there(
    write, tmp_path
):
    path = write("path,label,age,sex", "s.nii,1,70,F")
    given = MetadataSchema((Field("age", "Years", "number", unit="years", maximum=90),))
    assert read_table(path, given).schema is given
    assert dict(read_table(path, given).cases[0].values) == {"age": 70.0}
    (tmp_path / "cases.json").write_text(json.dumps({"schema": given.to_json()}))
    assert read_table(path).schema == given
    other = MetadataSchema((Field("weight", "W", "number"), Field("height", "H", "number")))
    refused(path, "there is no column 'weight', which the schema names", schema=other)
    path = write("path,label,age", "s.nii,1,91")
    refused(path, f"row 2, column 'age': '91' is not valid: expected {given['age'].range_text}")


def test_what_is_told_beside_the_table_is_its_description(write, tmp_path):
    path = write("path,label", "s.nii,1")
    bare = read_table(path)
    assert (bare.path, bare.task, bare.description, bare.class_names, bare.cohort, bare.scope) == (
        path,
        "Label of cases.csv",
        "Trained on cases.csv.",
        ("negative", "positive"),
        None,
        Scope(),
    )
    scope = Scope(body_part="brain")
    told = {
        "task": "T",
        "description": "D",
        "class_names": ["no", 1],
        "cohort": {"seed": 3},
        "scope": scope.to_json(),
        "other": 1,
    }
    (tmp_path / "cases.json").write_text(json.dumps(told))
    table = read_table(path)
    assert (table.task, table.description, table.class_names) == ("T", "D", ("no", "1"))
    assert (table.cohort, table.scope) == ({"seed": 3}, scope)
    (tmp_path / "cases.json").write_text("{}")
    assert read_table(path) == bare


@pytest.mark.parametrize(
    "text",
    ["[", "[]", "3", '{"class_names": 3}', '{"class_names": ["a", "b", "c"]}', '{"schema": [{}]}'],
)
def test_a_description_that_is_none_is_refused_by_its_own_name(write, tmp_path, text):
    path = write("path,label", "s.nii,1")
    (tmp_path / "cases.json").write_text(text)
    if text == "[]":  # it names nothing
        assert read_table(path).task == "Label of cases.csv"
        return
    with pytest.raises(UserError) as caught:
        read_table(path)
    assert caught.value.path == tmp_path / "cases.json"
    assert caught.value.problem.startswith("it does not describe a table of cases (")


@pytest.mark.parametrize(
    ("cells", "kind", "decimals"),
    [
        (["true", "FALSE"], "boolean", 0),
        (["yes"], "boolean", 0),
        (["0"], "boolean", 0),
        (["1", "", "0"], "boolean", 0),
        (["0", "1", "yes"], "category", 0),
        (["2"], "number", 0),
        (["-1", "1"], "number", 0),
        (["1.", "0"], "number", 2),
        (["1e3", "2"], "number", 0),
        (["a", "b"], "category", 0),
        (["1", "b"], "category", 0),
    ],
)
def test_the_kind_of_a_column_is_that_of_its_cells(write, cells, kind, decimals):
    rows = [f"{n},s.nii,1,{cell}" for n, cell in enumerate(cells)]
    (field,) = read_table(write("case,path,label,blood_group", *rows)).schema.fields
    assert (field.name, field.label, field.kind) == ("blood_group", "Blood group", kind)
    assert field.decimals == decimals
    words = sorted({cell for cell in cells if cell})
    assert field.choices == (tuple((w, w) for w in words) if kind == "category" else ())


@pytest.mark.parametrize(
    ("cells", "row", "cell", "kinds"),
    [
        (["", "x", "x"], 3, "x", 1),
        (["5", "x", *(str(n) for n in range(6, 26))], 3, "x", 22),
        (["A", "a", "b"], 2, "A", 3),
    ],
)
def test_a_column_that_is_neither_numbers_nor_a_category_is_named_by_its_first_word(
    write, cells, row, cell, kinds
):
    rows = [f"{n},s.nii,1,{each}" for n, each in enumerate(cells)]
    error = refused(
        write("case,path,label,x", *rows),
        f"row {row}, column 'x': {cell!r} is not a number, and with {kinds} different values the column is "
        "not a category either",
    )
    assert error.remedy == "Mend the cell, or remove the column."


def test_empty_columns_and_names_that_no_field_can_have_are_refused(write):
    error = refused(write("path,label,x", "s.nii,1,"), "column 'x' is empty")
    assert error.remedy == "Remove the column."
    with pytest.raises(UserError, match=re.escape("column '2x': field name '2x'")) as caught:
        read_table(write("path,label,2x", "s.nii,1,5"))
    assert caught.value.remedy == "Rename it."


def case_of(row: int, **values) -> CaseRow:
    return CaseRow(row, f"c{row}", Path("x"), None, values, 1, None, "")


def test_numbers_are_fitted_with_six_decimals_and_what_is_no_number_is_left():
    schema = MetadataSchema(
        (Field("age", "Age", "number"), Field("smoker", "S", "boolean"), Field("x", "X", "number"))
    )
    values = np.array([1 / 3, 50.125, 70.0])
    cases = [case_of(n, age=float(v), smoker=True, x=None) for n, v in enumerate(values)]
    cases.append(case_of(9, age=None, smoker=None, x=None))
    age, smoker, empty = fit_schema(schema, cases).fields
    assert (age.mean, age.std) == (round(values.mean(), 6), round(values.std(), 6))
    assert (age.seen_minimum, age.seen_maximum) == (1 / 3, 70.0)
    assert (smoker, empty) == (schema["smoker"], schema["x"])
    (constant,) = fit_schema(
        MetadataSchema((Field("age", "Age", "number"),)), [case_of(2, age=4.0), case_of(3, age=4.0)]
    ).fields
    assert (constant.mean, constant.std) == (4.0, 1.0)


def test_metadata_are_encoded_row_by_row_and_a_refusal_names_its_row():
    schema = MetadataSchema(
        (Field("age", "Age", "number", mean=50, std=10), Field("smoker", "S", "boolean"))
    )
    cases = (case_of(2, age=60.0, smoker=True), case_of(3, age=None, smoker=False))
    table = CaseTable(Path("t.csv"), cases, schema, "", "", ("n", "p"), None)
    codes = table.encode_metadata(schema)
    assert codes.dtype == np.float32
    assert codes.tolist() == [[1, 0, 1, 0], [0, 1, 0, 0]]
    strict = MetadataSchema((Field("age", "Age", "number", required=True),))
    table = CaseTable(
        Path("t.csv"),
        (case_of(7, age=1.0), case_of(8, age=None)),
        strict,
        "",
        "",
        ("n", "p"),
        None,
    )
    with pytest.raises(UserError) as caught:
        table.encode_metadata(strict)
    assert caught.value.problem == "row 8: metadata age is missing"
    assert caught.value.path == Path("t.csv")


def test_an_inferred_schema_is_written_as_json_to_be_edited(write, tmp_path):
    table = write("case,path,label,größe", "a,s.nii,1,50", "b,s.nii,0,60")
    with pytest.raises(UserError, match="größe"):
        write_inferred_schema(table, tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()
    table = write("case,path,label,site", "a,s.nii,1,Köln", "b,s.nii,0,Bern")
    schema = write_inferred_schema(table, tmp_path / "out.json")
    text = (tmp_path / "out.json").read_text(encoding="utf-8")
    assert "Köln" in text and text.endswith("}\n")
    assert json.loads(text) == {
        "task": "Label of cases.csv",
        "class_names": ["negative", "positive"],
        "schema": schema.to_json(),
    }
    with pytest.raises(UserError) as caught:
        write_inferred_schema(tmp_path / "absent.csv", tmp_path / "out.json")
    assert caught.value.problem == "it exists already"
    assert caught.value.remedy == "Edit it, or delete it to infer the schema again."
