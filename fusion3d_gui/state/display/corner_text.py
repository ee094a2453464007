"""``CornerText``: patient and series, as written in a corner of the images.

Sex and age help to tell patients apart, so they are written only with a name or a number. Without one,
as where the identity is hidden, they would help to identify the patient: the basic profile of PS3.15
(table E.1-1) removes both. The form still shows those that the model needs.
"""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.volume import Volume

_LONGEST = 48


class CornerText(QObject):
    """Whether the corner names the patient; it always names the series."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._names_patient = True

    @property
    def names_patient(self) -> bool:
        """Whether name, number and age are written on the images."""
        return self._names_patient

    def set_names_patient(self, names: bool) -> None:
        """Write or omit the patient's lines."""
        if names != self._names_patient:
            self._names_patient = names
            self.changed.emit()

    def lines(self, volume: Volume) -> tuple[str, ...]:
        """The lines to write."""
        about = volume.attributes
        name = about.get("PatientName", "").replace("^", " ").strip()
        number = about.get("PatientID", "").strip()
        facts = (number, about.get("PatientSex", ""), _age(about)) if name or number else ()
        person = (name, "  ".join(each for each in facts if each))
        date = about.get("StudyDate", "")
        if len(date) == 8 and date.isdigit():
            date = f"{date[:4]}-{date[4:6]}-{date[6:]}"
        found = (*(person if self._names_patient else ()), volume.description, date)
        return tuple(each[:_LONGEST] for each in found if each)


def is_lossy(volume: Volume) -> bool:
    """Whether the file declares lossy compression of its pixels (PS3.3 C.7.6.1.1.5)."""
    return volume.attributes.get("LossyImageCompression") == "01"


def _age(attributes: Mapping[str, str]) -> str:
    age = attributes.get("PatientAge", "")
    units = {"Y": "y", "M": "months", "W": "weeks", "D": "days"}
    if len(age) == 4 and age[:3].isdigit() and age[3] in units:
        return f"{int(age[:3])} {units[age[3]]}"
    return ""
