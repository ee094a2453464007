"""``withdrawal_note``: a Key Object Selection that withdraws objects that were sent (IHE RAD IOCM, PS3.16 TID 2010)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from highdicom.sr import DeviceObserverIdentifyingAttributes, ObserverContext
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import UID

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.report.dicom.result_object import (
    MANUFACTURER,
    PROGRAM,
    SERIES_NUMBERS,
    new_uid,
    with_own_uids,
)
from fusion3d_gui.report.dicom.study_identity import copy_study
from fusion3d_gui.report.dicom.words import NOT_FOR_DIAGNOSIS

#: Why objects are withdrawn. ``safety``: they must not be read any more, archives hide them; ``quality``: they are of
#: no use, archives may go on showing them (IHE RAD TF-2 4.66.4.1.3.1).
Reason = Literal["safety", "quality"]

_TITLES = {
    "safety": codes.DCM.RejectedForPatientSafetyReasons,  # 113037
    "quality": codes.DCM.RejectedForQualityReasons,  # 113001
}
#: Beginnings of the UIDs of classes that are no images: waveforms, presentation states, reports, documents.
_NO_IMAGES = tuple(f"1.2.840.10008.5.1.4.1.1.{part}." for part in ("9", "11", "88", "104"))


@dataclass(frozen=True)
class SentObject:
    """An object that a node has."""

    sop_class: str
    uid: str
    series_uid: str


def withdrawal_note(
    study: Dataset, withdrawn: Sequence[SentObject], reason: Reason, created: datetime
) -> Dataset:
    """Make the note.

    Parameters
    ----------
    study
        Patient and study of the objects.
    withdrawn
        What is withdrawn, at least one.
    reason
        Why.
    created
        Its date and time.
    """
    header = Dataset()
    copy_study(study, header)
    evidence = [_reference(header, each) for each in withdrawn]
    device = ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
            uid=new_uid(), name=PROGRAM, manufacturer_name=MANUFACTURER
        ),
    )
    content = KeyObjectSelection(
        document_title=_TITLES[reason],
        referenced_objects=evidence,
        observer_device_context=device,
        description=f"Withdrawn by its sender. {RESEARCH_USE_ONLY}. {NOT_FOR_DIAGNOSIS.capitalize()}.",
    )
    made = KeyObjectSelectionDocument(
        evidence,
        content,
        series_instance_uid=new_uid(),
        series_number=SERIES_NUMBERS["AI withdrawal"],
        sop_instance_uid=new_uid(),
        instance_number=1,
        manufacturer=MANUFACTURER,
        series_description=f"AI withdrawal: RESEARCH ONLY, {NOT_FOR_DIAGNOSIS}",
        specific_character_set="ISO_IR 192",
    )
    copy_study(study, made)
    for what in ("Series", "Content", "InstanceCreation"):
        setattr(made, f"{what}Date", created.strftime("%Y%m%d"))
        setattr(made, f"{what}Time", created.strftime("%H%M%S"))
    return with_own_uids(made)


def _reference(header: Dataset, sent: SentObject) -> Dataset:
    """What highdicom needs of an object to refer to it; it takes for an image what has rows and columns."""
    named = Dataset()
    named.update(header)
    named.SOPClassUID, named.SOPInstanceUID = UID(sent.sop_class), UID(sent.uid)
    named.SeriesInstanceUID = UID(sent.series_uid)
    if not sent.sop_class.startswith(_NO_IMAGES):
        named.Rows = named.Columns = 1
    return named
