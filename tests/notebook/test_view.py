"""``f3d.view``: what the widget holds, what stands below it, and what is said where it can't be made."""

from __future__ import annotations

import gzip
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import comm
import ipywidgets
import nibabel as nib
import numpy as np
import pytest

import fusion3d_gui as f3d
from fusion3d_gui.imaging.files.nifti import write_nifti


class Text(HTMLParser):
    """The text of a page, a line for each innermost ``div``."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.lines = [""]
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "div":
            self.lines.append("")

    def handle_data(self, data):
        self.lines[-1] += data


def caption_of(view) -> str:
    (caption,) = [each for each in view.children if isinstance(each, ipywidgets.HTML)]
    return caption.value


def test_scan_masks_and_heat_lie_over_each_other_with_their_colours(axial_scene):
    view = f3d.view(axial_scene.scan, heat=axial_scene.heat, masks={"lesion": axial_scene.mask})
    scan, masks, heat = view.niivue.volumes
    assert [each.name for each in (scan, masks, heat)] == [
        "scan.nii.gz",
        "masks-1.nii.gz",
        "heat.nii.gz",
    ]
    assert (scan.colormap, scan.cal_max) == ("gray", pytest.approx(-724, abs=250))
    assert len(heat.colormap_label.lut) == 4 * 256 and len(masks.colormap_label.lut) == 4 * 2
    lines = Text(caption_of(view)).lines
    assert "CT volume" in lines and "Research use only" in lines
    assert "Heat: 35 %100 % (peak 0.02 of the logit)" in lines
    volume_ml = 0.036 * axial_scene.mask.sum()
    assert f"lesion ({volume_ml:.3g} ml)" in lines
    assert view.niivue.opts.is_radiological_convention


@pytest.fixture
def messages(monkeypatch) -> list[dict]:
    """The states of widgets that are sent to the browser, in order."""
    sent = []

    class Line(comm.DummyComm):
        def publish_msg(self, msg_type, data=None, **others):
            sent.append((data or {}).get("state", {}))

    monkeypatch.setattr(comm, "create_comm", Line)
    return sent


def test_the_first_message_has_the_volumes(axial_scene, messages):
    """A slow browser draws without those that come in a later one."""
    view = f3d.view(axial_scene.scan, heat=axial_scene.heat)
    (sent,) = [each["volumes"] for each in messages if "volumes" in each]
    assert sent == [f"IPY_MODEL_{each.model_id}" for each in view.niivue.volumes]


def test_the_crosshair_stands_at_the_peak_or_in_the_mask_from_the_first_message_on(
    axial_scene, messages
):
    grid, masks = axial_scene.scan, {"lesion": axial_scene.mask}
    for heat, over, expected in (
        (axial_scene.heat, masks, axial_scene.heat_lps),
        (None, masks, axial_scene.mask_lps),
        (None, {}, grid.center_lps),
    ):
        messages.clear()
        f3d.view(grid, heat=heat, masks=over)
        told = [each["scene"]["crosshairPos"] for each in messages if "scene" in each]
        assert told
        for right, anterior, superior in told:
            index = np.array([1 - right, 1 - anterior, superior]) * grid.shape[::-1] - 0.5
            np.testing.assert_allclose(grid.to_lps(index), expected, atol=3)


def test_the_caption_says_by_how_much_the_planes_are_off_the_patients(scene):
    axes = scene.scan.affine[:3, :3] / np.linalg.norm(scene.scan.affine[:3, :3], axis=0)
    expected = np.degrees(np.arccos(np.abs(axes).max(axis=0).min()))
    said = f"The planes are those of the scan, {expected:.0f}° off the patient's"
    found = " ".join(Text(caption_of(f3d.view(scene.scan))).lines)
    assert (said in found) == (expected > 2)


def test_nothing_that_the_browser_gets_tells_who_the_patient_is(axial_scene):
    view = f3d.view(axial_scene.scan, heat=axial_scene.heat, masks={"lesion": axial_scene.mask})
    told = repr(view)
    for widget in (view, *view.children, *view.niivue.volumes):
        for value in widget.get_state().values():
            told += repr(value)
            if isinstance(value, bytes):
                told += repr(gzip.decompress(value)[:352])
    assert "Research use only" in told
    for word in ("Smith", "S-17", "1.2.3.4"):
        assert word not in told


def test_a_map_from_a_file_is_shown_as_the_prediction_shows_it(axial_scene, tmp_path):
    write_nifti(axial_scene.heat.as_volume, tmp_path / "heatmap.nii.gz")
    read = f3d.open_volume(tmp_path / "heatmap.nii.gz")
    one, other = (f3d.view(axial_scene.scan, heat=each) for each in (axial_scene.heat, read))
    assert one.niivue.volumes[1].data == other.niivue.volumes[1].data
    assert "Heat: 35 %100 % (peak 0.02)" in Text(caption_of(other)).lines


def test_masks_of_a_file_are_shown_where_the_file_has_them_with_its_doubt(scene, tmp_path):
    affine = scene.scan.affine * np.array([[-1], [-1], [1], [1]])
    image = nib.Nifti1Image(scene.mask.T.astype(np.uint8), affine)
    nib.save(image, tmp_path / "lesion.nii.gz")
    # As of a program that took LPS for RAS: on the other side.
    affine[0] *= -1
    nib.save(nib.Nifti1Image(image.get_fdata().astype(np.uint8), affine), tmp_path / "wrong.nii.gz")
    right = f3d.read_masks(tmp_path / "lesion.nii.gz", scene.scan)
    (mask,) = right
    assert len(right) == 1 and right[0] is mask and not right.notices
    np.testing.assert_allclose(mask.center_lps, scene.mask_lps, atol=1)
    table = right.to_frame()
    assert table["name"].tolist() == ["Label 1"] and table.columns.name == "Research use only"
    assert table["volume_ml"].tolist() == [pytest.approx(scene.mask.sum() * 0.036)]
    assert table["left_mm"].tolist() == [pytest.approx(40, abs=1)]
    arrays, file = (f3d.view(scene.scan, masks=each) for each in ({"lesion": scene.mask}, right))
    assert arrays.niivue.volumes[1].data == file.niivue.volumes[1].data
    wrong = f3d.read_masks(tmp_path / "wrong.nii.gz", scene.scan)
    assert "Left and right of this mask are in doubt" in caption_of(
        f3d.view(scene.scan, masks=wrong)
    )


def test_a_mask_of_another_shape_is_refused_and_an_empty_one_named(axial_scene):
    with pytest.raises(f3d.UserError, match="3 × 4 × 5 and 48 × 64 × 56"):
        f3d.view(axial_scene.scan, masks={"lesion": np.ones((3, 4, 5))})
    view = f3d.view(axial_scene.scan, masks={"none": np.zeros(axial_scene.scan.shape)})
    assert len(view.niivue.volumes) == 1
    assert "The mask none is empty." in caption_of(view)


def test_names_of_masks_are_shown_as_plain_text(axial_scene):
    html = caption_of(f3d.view(axial_scene.scan, masks={"<img src=x onerror=y>": axial_scene.mask}))
    assert "<img" not in html and "&lt;img" in html


def test_a_prediction_shows_its_scan_and_its_own_map(make_bundle, axial_scene):
    model = f3d.load_model(make_bundle(), "cpu", "torch")
    plain = replace(axial_scene.scan, modality="MR", unit="")
    prediction = model.predict(plain, {"age": 71}, despite_misfit=True)
    view = prediction.view()
    assert [each.name for each in view.niivue.volumes] == ["scan.nii.gz", "heat.nii.gz"]
    text = " ".join(Text(caption_of(view)).lines)
    assert f"{100 * prediction.probability:.4g} %" in text and "test-concat 1.2.3" in text
    assert prediction.heatmap.peak_text in text
    for notice in prediction.notices:
        assert notice in text


def test_where_a_view_cannot_be_drawn_a_sentence_stands(axial_scene):
    assert repr(f3d.view(axial_scene.scan)) == "View of the scan. Research use only."
    view = f3d.view(axial_scene.scan, heat=axial_scene.heat, masks={"lesion": axial_scene.mask})
    assert repr(view) == "View of the scan with heat and 1 mask. Research use only."
    shown = view._repr_mimebundle_()
    assert shown["text/plain"] == repr(view)


@pytest.mark.parametrize(
    ("package", "call"),
    [
        ("ipyniivue", "f3d.view(f3d.Volume(np.zeros((2, 2, 2)), np.eye(4)))"),
        ("pandas", "f3d.read_results('results')"),
        ("sklearn", "f3d.evaluate([0, 1], [0.1, 0.9])"),
    ],
)
def test_without_the_extra_one_sentence_says_how_to_install_it(package, call):
    code = f"""
import sys, numpy as np
sys.modules[{package!r}] = None
import fusion3d_gui as f3d
try:
    {call}
except f3d.UserError as error:
    print(error)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip().endswith(
        f"needs {package}. Install the extra: pip install 'fusion3d[notebook]'."
    )
