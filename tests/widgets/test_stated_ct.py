"""CT in a file that names no modality: what follows once the reader says so, and that the saying is not hidden."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

from fusion3d_gui.imaging.display.window import presets
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.scope import Scope
from fusion3d_gui.state.data.case import STATED_CT
from fusion3d_gui.state.export.result_export import export_prediction
from fusion3d_gui.widgets.volume.look_bar import LookBar

AFFINE = np.diag([4.0, 4.0, 5.0, 1.0])


@pytest.fixture
def head(tmp_path):
    """A NIfTI file of a head in HU: air, soft tissue within a skull."""
    k, j, i = np.indices((30, 34, 26)).astype(float)
    distance = np.hypot(np.hypot((k - 14.5) / 13, (j - 16.5) / 15), (i - 12.5) / 11)
    noise = np.random.default_rng(0).normal(0, 8, distance.shape)
    values = np.where(distance < 0.85, 35, np.where(distance < 1, 900, -1000)) + noise
    path = tmp_path / "head.nii.gz"
    nib.save(nib.Nifti1Image(values.astype(np.int16), AFFINE), path)
    return path


@pytest.fixture
def in_ct(window, head, settled):
    """The window with the head open, and said to be CT."""
    window.session.opener.open(head)
    settled(window)
    window.menus.actions["state_ct"].trigger()
    return window


def test_unit_presets_and_3d_follow_and_the_header_says_that_it_was_stated(in_ct, head) -> None:
    case = in_ct.session.store.case
    assert (case.volume.modality, case.volume.unit) == ("CT", "HU")
    assert in_ct.menus.actions["state_ct"].isChecked()
    # The same presets as of a file that says so itself.
    image = nib.load(head)
    voxels = np.asarray(image.dataobj).T
    written = Volume(np.ascontiguousarray(voxels), case.volume.affine, modality="CT", unit="HU")
    assert [each.title for each in case.presets] == [each.title for each in presets(written)]
    combo = in_ct.header.window_controls.presets
    names = [combo.itemText(number) for number in range(combo.count())]
    assert "Brain 80/40" in names
    combo.activated.emit(names.index("Brain 80/40"))
    level = in_ct.session.display.window_level
    assert (level.window.center, level.window.width) == (40, 80)
    bar = in_ct.findChild(LookBar)
    shown = [bar.presets.itemText(number) for number in range(bar.presets.count())]
    assert "Bone (200 HU)" in shown
    assert "CT as stated" in in_ct.header.detail.text()
    in_ct.status.show_hovered(case.volume.center_lps)
    assert in_ct.status.value.text().endswith("HU")


def test_measurements_have_the_unit(in_ct) -> None:
    marks = in_ct.session.annotations
    middle = in_ct.session.store.case.volume.center_lps
    points = tuple(tuple(float(x) for x in middle + shift) for shift in ((-9, -9, 0), (9, 9, 0)))
    marks.set_draft("rectangle", points, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    marks.keep_draft()
    measured = {q.key: q.unit for q in marks.measurement(marks.items[0]).quantities}
    assert measured["mean"] == "HU"
    in_ct.menus.actions["state_ct"].trigger()
    measured = {q.key: q.unit for q in marks.measurement(marks.items[0]).quantities}
    assert measured["mean"] == ""


def test_it_is_taken_back_with_all_that_followed(in_ct) -> None:
    store = in_ct.session.store
    window_level = in_ct.session.display.window_level.window
    in_ct.menus.actions["state_ct"].trigger()
    volume = store.case.volume
    assert (volume.modality, volume.unit, volume.notices) == ("", "", ())
    assert not in_ct.menus.actions["state_ct"].isChecked()
    assert in_ct.session.display.window_level.window == window_level
    names = [each.name for each in in_ct.session.display.window_level.presets]
    assert "Soft contrast" in names
    assert "Brain" not in names
    assert [each.name for each in in_ct.session.display.volume_look.presets][-1] == "MIP"
    assert "CT" not in in_ct.header.detail.text()


def test_a_model_for_mr_is_refused_and_one_for_ct_is_not(in_ct, make_bundle, settled) -> None:
    session = in_ct.session
    for fusion, modality, fit in (("concat", "MR", "refused"), ("image_only", "CT", "fits")):
        folder = make_bundle(fusion)
        (folder / "configs" / "scope.json").write_text(
            json.dumps(Scope(modality=modality).to_json()), encoding="utf-8"
        )
        session.models.choose(BundleInfo.read(folder))
        settled(in_ct)
        assert session.predictions.fit.fit == fit
    assert "CT" in " ".join(session.store.case.volume.notices)


def test_a_prediction_made_before_is_dropped_and_one_made_after_says_who_said_so(
    window, head, settled, qtbot, tmp_path
) -> None:
    session = window.session
    session.opener.open(head, metadata={"age": 71.0, "sex": "F"}, then_predict=True)
    settled(window)
    before = session.predictions.current
    assert before is not None
    window.menus.actions["state_ct"].trigger()
    assert session.predictions.current is None
    session.predictions.predict()
    settled(window)
    # What the values are called changes no number.
    assert session.predictions.current.probability == before.probability
    path = tmp_path / "result.json"
    export_prediction(session.store, session.predictions, session.result_collector, path)
    qtbot.waitUntil(path.exists, timeout=30_000)
    scan = json.loads(path.read_text())["scan"]
    assert (scan["modality"], scan["unit"]) == ("CT", "HU")
    assert STATED_CT in scan["notices"]


def test_hidden_and_shown_identity_keep_what_was_said(in_ct) -> None:
    store = in_ct.session.store
    store.identity.toggle()
    assert store.case.is_stated_ct
    assert store.case.volume.modality == "CT"
    in_ct.menus.actions["state_ct"].trigger()
    assert store.case.identity_hidden
    assert store.case.volume.modality == ""
    in_ct.menus.actions["state_ct"].trigger()
    store.identity.toggle()
    assert not store.case.identity_hidden
    assert store.case.is_stated_ct


def test_values_that_can_be_no_hounsfield_units_are_warned_of(opened) -> None:
    said = []
    opened.session.store.noticed.connect(said.append)
    opened.menus.actions["state_ct"].trigger()
    (notice,) = said
    assert notice.level == "warning"
    assert "air is about -1000 HU" in notice.text


def test_a_file_that_names_its_modality_is_not_asked(window, settled, tmp_path) -> None:
    from fusion3d_gui.imaging.dicom.write import write_dicom_series

    values = np.random.default_rng(0).integers(0, 900, (9, 20, 24)).astype(np.int16)
    volume = Volume(values, AFFINE, modality="MR")
    write_dicom_series(volume, tmp_path / "scan", attributes={}, uid_seed="ct")
    window.session.opener.open(tmp_path / "scan")
    settled(window)
    assert not window.menus.actions["state_ct"].isEnabled()
    window.session.switcher.toggle_ct()
    assert window.session.store.case.volume.modality == "MR"
