"""With identity hidden, nothing in the window tells who the patient is: not even file names."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QListWidget, QWidget

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.privacy.deidentify import volume_without_identity
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.display.corner_text import CornerText


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
            texts += view.display.corner_text.lines(window.session.store.case.volume)
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
    assert CornerText().lines(named) == ("Querido Jane", "4711  F  77 y", "T1")
    assert CornerText().lines(volume) == ("T1",)
    hidden = volume_without_identity(named)
    assert CornerText().lines(hidden) == ("T1",)
    assert hidden.attributes["PatientAge"] == "077Y"  # the model may ask for it
