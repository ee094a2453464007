"""A lesion map in standard space in the real window: on the template, with its territories named."""

from __future__ import annotations

from dataclasses import replace

import nibabel
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.labels.atlas import read_atlas, read_label_names
from fusion3d_gui.imaging.registration.lesion_check import lesion_check
from fusion3d_gui.imaging.registration.registration import Registration
from fusion3d_gui.imaging.registration.to_template import StandardLesion
from fusion3d_gui.imaging.template import template_values, template_volume
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.export.standard_lesion import LesionCheck
from fusion3d_gui.widgets.window.commands.masks import standard_space_menu
from fusion3d_gui.widgets.window.dialogs.standard_lesion_dialog import StandardLesionDialog
from fusion3d_gui.widgets.window.main_window import MainWindow

#: LPS mm: in the left hemisphere, and its mirror image.
LEFT, RIGHT = np.array([35.0, 10.0, 15.0]), np.array([-35.0, 10.0, 15.0])


@pytest.fixture
def lesion_map(tmp_path):
    template = template_volume()
    k, j, i = np.indices(template.shape)
    place = template.to_lps(np.stack([i, j, k], axis=-1))
    voxels = (np.linalg.norm(place - LEFT, axis=-1) < 12).astype(np.uint8)
    path = tmp_path / "lesion.nii.gz"
    write_nifti(Volume(voxels=voxels, affine=template.affine), path)
    return path


@pytest.fixture
def atlas(tmp_path):
    """Left 7, right 9, on a coarse grid, as nibabel writes it: RAS."""
    values = np.zeros((20, 24, 20), np.int16)
    values[:10], values[10:] = 7, 9
    affine = np.diag([10.0, 10.0, 10.0, 1.0])
    affine[:3, 3] = (-95, -135, -75)
    path = tmp_path / "arteries.nii.gz"
    nibabel.save(nibabel.Nifti1Image(values, affine), path)
    path.with_name("arteries.txt").write_text("7|L|left middle artery|1\n9|R|right artery|2\n")
    return path


def test_a_lesion_map_is_shown_on_the_template_and_predicted_from_itself(
    window: MainWindow, lesion_map, settled
):
    window.session.opener.open(lesion_map)
    settled(window)
    case = window.session.store.case
    assert set(np.unique(case.volume.voxels)) == {0, 1}
    shown = window.views.axial.picture.volume
    assert shown is case.backdrop
    assert "MNI152 template" in shown.warnings[-1].short
    inside, outside = shown.value_at(LEFT), shown.value_at(RIGHT)
    assert inside > 180
    assert outside == pytest.approx(0.55 * template_values(RIGHT[None])[0], abs=12)
    # It opens where the lesion is.
    np.testing.assert_allclose(window.session.display.crosshair.position_lps, LEFT, atol=2)
    # The status line tells the map's own value.
    window.status.show_hovered(LEFT)
    assert window.status.value.text().startswith("1")


def test_any_other_scan_is_shown_as_it_is(opened: MainWindow):
    case = opened.session.store.case
    assert case.backdrop is None
    assert opened.views.axial.picture.volume is case.volume


def test_territories_are_named_by_the_users_atlas(
    window: MainWindow, lesion_map, atlas, settled, qtbot, monkeypatch
):
    window.session.opener.open(lesion_map)
    settled(window)
    window.status.show_hovered(LEFT)
    assert window.status.territory.text() == ""
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (str(atlas), ""))
    with qtbot.waitSignal(window.session.territories.changed, timeout=20_000):
        window.menus.actions["name_territories"].trigger()
    assert window.status.territory.text() == "left middle artery"
    window.status.show_hovered(RIGHT)
    assert window.status.territory.text() == "right artery"
    assert window.settings.values.atlas == atlas
    window.menus.actions["forget_territories"].trigger()
    assert window.status.territory.text() == ""
    assert window.settings.values.atlas is None


def test_a_remembered_atlas_is_read_once_a_map_is_open(
    window: MainWindow, lesion_map, atlas, make_case, settled, qtbot
):
    territories = window.session.territories
    territories.remembered = atlas
    window.session.opener.open(make_case())
    settled(window)
    assert not territories.is_loaded
    with qtbot.waitSignal(territories.changed, timeout=20_000):
        window.session.opener.open(lesion_map)
    assert territories.is_loaded


def test_of_a_scan_in_a_scanners_space_no_territory_is_named(
    opened: MainWindow, atlas, settled, qtbot
):
    with qtbot.waitSignal(opened.session.territories.changed, timeout=20_000):
        opened.session.territories.load(atlas)
    opened.status.show_hovered(LEFT)
    assert opened.status.territory.text() == ""


def test_an_atlas_without_a_list_of_labels_is_refused(atlas):
    assert read_atlas(atlas).names == {7: "left middle artery", 9: "right artery"}
    atlas.with_name("arteries.txt").unlink()
    with pytest.raises(UserError, match="list of labels"):
        read_atlas(atlas)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("1\tinsula\n2\tputamen\n", {1: "insula", 2: "putamen"}),
        ("index,name\n4,caudate\n", {4: "caudate"}),
        ("3 middle temporal gyrus\n", {3: "middle temporal gyrus"}),
    ],
)
def test_lists_of_labels_in_use_are_read(tmp_path, text, names):
    path = tmp_path / "labels.txt"
    path.write_text(text)
    assert read_label_names(path) == names
    path.write_text("1|a\nno number\n")
    with pytest.raises(UserError, match="line 2"):
        read_label_names(path)


def test_the_identity_is_hidden_on_the_template_too(window: MainWindow, lesion_map, settled):
    window.session.opener.open(lesion_map)
    settled(window)
    case = window.session.store.case
    named = replace(
        case,
        volume=replace(case.volume, attributes={"PatientName": "A"}),
        backdrop=replace(case.backdrop, attributes={"PatientName": "A"}),
    )
    assert "PatientName" not in named.hide_identity().picture.attributes


def test_a_lesion_of_a_scan_is_confirmed_saved_and_opened_on_the_template(
    opened: MainWindow, lesion_map, tmp_path, settled, qtbot, monkeypatch
):
    window, found = opened, open_volume(lesion_map)
    scan = window.session.store.case.volume
    mask = np.zeros(scan.shape, np.uint8)
    mask[10:14, 10:14, 10:14] = 1
    write_nifti(Volume(voxels=mask, affine=scan.affine), tmp_path / "mask.nii.gz")
    window.session.scan_objects.open([tmp_path / "mask.nii.gz"])
    qtbot.waitUntil(lambda: len(window.session.masks.items) == 1, timeout=20_000)
    window.session.masks.select(window.session.masks.items[0].number)
    # What a registration would find: tests/imaging/test_to_template.py registers, which takes long.
    standard = StandardLesion(found, found, Registration(np.eye(4), "affine"), 1.0)
    check = LesionCheck(standard, lesion_check(scan, mask > 0, standard))
    monkeypatch.setattr(standard_space_menu, "register_lesion", lambda *given: given[2](check))
    out = tmp_path / "map"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(out), ""))

    def shown() -> StandardLesionDialog:
        window.menus.actions["mask_standard_space"].trigger()
        (dialog,) = window.findChildren(StandardLesionDialog)
        assert "100 % of the lesion lies on the patient's left" in dialog.side.text()
        # Without the reader's word nothing is saved.
        qtbot.mouseClick(dialog.save, Qt.MouseButton.LeftButton)
        assert dialog.isVisible()
        return dialog

    qtbot.mouseClick(shown().cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.findChildren(StandardLesionDialog))
    assert not list(tmp_path.glob("map*"))
    dialog = shown()
    qtbot.keyClick(dialog.confirmed, Qt.Key.Key_Space)
    qtbot.mouseClick(dialog.save, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.session.store.case.backdrop is not None, timeout=60_000)
    settled(window)
    case = window.session.store.case
    assert case.volume.path == tmp_path / "map.nii.gz"
    np.testing.assert_array_equal(case.volume.voxels, found.voxels)
