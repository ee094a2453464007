"""With identity hidden, nothing in the window tells who the patient is: not even file names."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QRectF
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QComboBox, QListWidget, QWidget

from fusion3d_gui.app import WindowOptions, _begin
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.loaded_slices import LoadedSlices
from fusion3d_gui.imaging.privacy.deidentify import volume_without_identity
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.demo_cases import DemoCase
from fusion3d_gui.state.display.corner_text import IDENTITY_HIDDEN, corner_lines, patient_line
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.slice.captions import _items
from fusion3d_gui.widgets.views.layout import Layout


@pytest.fixture
def named_scans(tmp_path: Path) -> tuple[Path, Path]:
    """A DICOM folder and a NIfTI file, both of and named after a patient."""
    voxels = np.arange(720, dtype=np.int16).reshape(8, 9, 10)
    volume = Volume(voxels, np.diag([9.0, 9, 9, 1]), modality="CT", description="Head")
    folder = tmp_path / "QUERIDO_JANE"
    who = {"PatientName": "Querido^Jane", "PatientID": "QUERIDO4711", "PatientSex": "F"}
    write_dicom_series(volume, folder, attributes=who, uid_seed="w")
    (folder / "querido_broken.dcm").write_bytes((folder / "0001.dcm").read_bytes()[:-5])
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), tmp_path / "Querido.nii.gz")
    return folder, tmp_path / "Querido.nii.gz"


def _all_texts(window: QWidget) -> str:
    texts = [window.windowTitle()]
    shown = [each for each in window.findChildren(QWidget) if each.isVisibleTo(window)]
    for widget in (window, *shown):
        texts += [widget.toolTip(), widget.accessibleName(), widget.windowTitle()]
        for name in ("text", "placeholderText"):
            read = getattr(widget, name, None)
            if callable(read):
                texts.append(str(read()))
        if isinstance(widget, QComboBox):
            texts += [widget.itemText(n) for n in range(widget.count())]
        if isinstance(widget, QListWidget):
            items = [widget.item(n) for n in range(widget.count())]
            texts += [item.text() + item.toolTip() for item in items]
    actions = [action for action in window.findChildren(QAction) if action.isVisible()]
    texts += [action.text() + action.toolTip() for action in actions]
    for view in window.views.views:
        if window.session.store.case is not None:
            texts += corner_lines(view.picture.volume)
    return " ".join(texts).lower()


def test_nothing_in_the_window_tells_who_a_scan_opened_hidden_is_of(
    window, named_scans, settled
) -> None:
    window.session.store.identity.set_hidden(True)
    for path in named_scans:
        window.session.opener.open(path)
        settled(window)
        assert window.session.store.case is not None
        assert "querido" not in _all_texts(window)
    window.session.opener.open(named_scans[0] / "querido_broken.dcm")
    settled(window)
    assert "querido" not in _all_texts(window)


def test_hiding_takes_the_identity_off_the_screen_and_showing_brings_it_back(
    window, named_scans, settled
) -> None:
    window.session.opener.open(named_scans[0])
    settled(window)
    assert "querido" in _all_texts(window)
    window.session.store.identity.toggle()
    settled(window)
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    texts = _all_texts(window)
    assert "querido" not in texts, texts[
        max(0, texts.find("querido") - 60) : texts.find("querido") + 60
    ]
    window.session.store.identity.toggle()
    assert "querido" in _all_texts(window)


def test_sex_and_age_are_written_on_an_image_only_beside_the_name_or_number_they_tell_apart() -> (
    None
):
    facts = {"PatientSex": "F", "PatientAge": "077Y"}
    volume = Volume(np.zeros((1, 1, 1), np.int16), np.eye(4), description="T1", attributes=facts)
    named = Volume(
        volume.voxels,
        np.eye(4),
        description="T1",
        attributes={**facts, "PatientName": "Querido^Jane", "PatientID": "4711"},
    )
    assert corner_lines(named) == ("Querido Jane", "4711  F  77 y", "T1")
    assert corner_lines(volume) == ("T1",)
    hidden = volume_without_identity(named)
    assert corner_lines(hidden) == (IDENTITY_HIDDEN, "T1")
    assert hidden.attributes["PatientAge"] == "077Y"  # the model may ask for it


def test_the_patient_is_in_the_header_and_in_every_layout(window, named_scans, settled) -> None:
    window.session.opener.open(named_scans[0])
    settled(window)
    views = window.views
    single = [partial(views.toggle_maximised, view) for view in (*views.views, views.volume)]
    for choose in (*(partial(views.set_layout, each) for each in Layout), *single):
        views.set_layout(Layout.THREE)
        choose()
        QCoreApplication.processEvents()
        assert "Querido Jane" in window.header.title.text()
        assert len(_views_naming(window, "Querido Jane")) == 1, views.layout_name


def test_the_smallest_view_names_the_patient_and_the_header_gives_up_controls_for_it(
    window, named_scans, settled
) -> None:
    window.session.opener.open(named_scans[0])
    settled(window)
    volume = window.session.store.case.volume
    area = QRectF(0, 0, 140, 120)
    texts = window.views.axial._caption_texts(window.views.axial.slicer)
    shown = [item.text for item in _items(texts, area)]
    assert {"Querido Jane", "QUERIDO4711  F"} <= set(shown)
    assert "QUERIDO4711" in patient_line(volume)
    theme.change(QApplication.instance(), "dark", 1.5)
    try:
        window.resize(1000, 700)
        QCoreApplication.processEvents()
        assert window.header.title.text() == patient_line(volume)
        assert not window.header.window_controls.histogram.isVisible()
    finally:
        theme.change(QApplication.instance(), "dark", 1.0)


def test_a_sign_says_on_every_layout_that_the_identity_is_hidden(
    window, named_scans, settled
) -> None:
    window.session.store.identity.set_hidden(True)
    assert IDENTITY_HIDDEN in window.header.detail.text()
    window.session.opener.open(named_scans[0])
    settled(window)
    assert window.header.title.text() == IDENTITY_HIDDEN
    for layout in Layout:
        window.views.set_layout(layout)
        QCoreApplication.processEvents()
        assert len(_views_naming(window, IDENTITY_HIDDEN)) == 1


def test_a_demo_opened_anonymously_names_nobody_and_says_so(window, named_scans, settled) -> None:
    bundle = window.session.models.bundles[0].folder
    demo = DemoCase("demo", "Demo", named_scans[0], bundle, {}, "")
    _begin(window.session, WindowOptions(demo=True, anonymous=True), [demo], None)
    settled(window)
    assert window.session.store.case.identity_hidden
    assert window.header.title.text() == IDENTITY_HIDDEN


def _views_naming(window: QWidget, text: str) -> list[QWidget]:
    """The visible views in whose captions a text stands."""
    shown = [view for view in window.views._all_views if view.isVisible()]
    volume = window.session.store.case.volume
    captions = [
        view._caption_texts(volume if view is window.views.volume else view.slicer)
        for view in shown
    ]
    return [
        view
        for view, texts in zip(shown, captions, strict=True)
        if text in [item.text for item in _items(texts, QRectF(view.rect()))]
    ]


def test_an_error_about_a_folder_of_broken_scans_quotes_no_file_name(
    window, tmp_path, settled
) -> None:
    folder = tmp_path / "QUERIDO_JANE"
    folder.mkdir()
    for number in (1, 2):
        (folder / f"Querido  Jane {number}.nii").write_bytes(b"broken")
    told = []
    window.session.store.noticed.connect(lambda notice: told.append(notice.text))
    window.session.opener.open(folder)
    settled(window)
    assert "querido" in told[-1].lower()
    window.session.store.identity.set_hidden(True)
    window.session.opener.open(folder)
    settled(window)
    assert "querido" not in told[-1].lower()
    assert told[-1].startswith("The file: none of its 2 scans can be opened; the first, a file, ")
    assert "querido" not in _all_texts(window)


def test_hiding_while_a_scan_is_being_read_takes_its_name_off_the_screen_at_once(
    window, named_scans, settled
) -> None:
    session = window.session
    session.opener.open(named_scans[0])
    settled(window)
    case = session.store.case
    loaded = LoadedSlices(len(case.volume.voxels))
    loaded.add(4)
    partly = replace(case, volume=replace(case.volume, loaded_slices=loaded))
    session.switcher.show(partly, {})
    assert "querido" in _all_texts(window)
    session.store.identity.set_hidden(True)
    assert session.store.case.identity_hidden
    assert not session.store.case.is_complete
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert "querido" not in _all_texts(window)


def test_the_loading_card_and_the_dialogs_forget_names_when_the_identity_is_hidden(
    window, named_scans, settled
) -> None:
    window.session.opener.open(named_scans[0])
    window.files._keep(named_scans[0])
    assert "QUERIDO_JANE" in window.loading_card._title.text()
    assert "QUERIDO_JANE" in window.files._start("result.json")
    window.session.store.identity.set_hidden(True)
    assert window.loading_card._title.text() == "Opening a scan"
    assert "QUERIDO_JANE" not in window.files._start("result.json")
    settled(window)
