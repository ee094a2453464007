"""A heatmap as NIfTI and a result as JSON: what is in the file, and what is said where there can be none."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.report.heatmap_file import write_heatmap
from fusion3d_gui.report.json_file import write_json


@pytest.fixture
def heatmap() -> Heatmap:
    values = np.random.default_rng(0).random((2, 3, 4)).astype(np.float32)
    affine = np.diag([40.0, 41.0, 42.0, 1.0])
    affine[:3, 3] = -31.5, 12.25, 99.0
    return Heatmap(values, affine, "gradcam", "layer4")


@pytest.mark.parametrize("name", ["map.nii", "map.nii.gz"])
def test_a_written_heatmap_has_its_values_at_its_positions(
    heatmap: Heatmap, tmp_path: Path, name: str
) -> None:
    write_heatmap(heatmap, tmp_path / name)
    image = nib.load(tmp_path / name)
    assert image.get_data_dtype() == np.float32
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), heatmap.values.T)
    np.testing.assert_allclose(np.diag([-1, -1, 1, 1]) @ image.affine, heatmap.affine)


def test_a_heatmap_under_another_suffix_or_in_no_folder_is_refused(
    heatmap: Heatmap, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"map\.png: NIfTI files end in"):
        write_heatmap(heatmap, tmp_path / "map.png")
    with pytest.raises(UserError, match=r"map\.nii: can't be written"):
        write_heatmap(heatmap, tmp_path / "none" / "map.nii")


def test_json_is_indented_utf8_with_its_letters_as_they_are(tmp_path: Path) -> None:
    write_json({"name": "Läsion", "values": [1, 2.5]}, tmp_path / "a.json")
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert text.startswith('{\n  "name": "Läsion",\n')
    assert text.endswith("}\n")
    assert json.loads(text) == {"name": "Läsion", "values": [1, 2.5]}


def test_json_never_holds_what_no_json_reader_takes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json({"value": float("nan")}, tmp_path / "a.json")
    assert not (tmp_path / "a.json").exists()


def test_json_in_a_folder_that_is_not_there_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.json: the result can't be written \(No such file"):
        write_json({}, tmp_path / "none" / "a.json")
