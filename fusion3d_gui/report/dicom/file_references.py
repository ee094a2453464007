"""``refer_to_files``: references to stand-ins for a scan's frames become references to its files."""

from __future__ import annotations

from collections.abc import Mapping

from pydicom.dataset import Dataset

from fusion3d_gui.imaging.dicom.source_series import SourceFrame

#: Sequences of references that name frames; the others name whole files.
_OF_FRAMES = frozenset(("SourceImageSequence", "ReferencedImageSequence"))


def refer_to_files(dataset: Dataset, frames: Mapping[str, SourceFrame]) -> None:
    """Replace, in all sequences of an object, the UIDs of stand-ins by those of files.

    Several frames of one file become one item, with the frames' numbers where the sequence names frames.

    Parameters
    ----------
    dataset
        Changed in place.
    frames
        The frame of each stand-in, by its SOP Instance UID.
    """
    in_content_item = dataset.get("ValueType") == "IMAGE"
    for element in dataset:
        if element.VR != "SQ":
            continue
        names_frames = element.keyword in _OF_FRAMES or in_content_item
        kept: dict[str, Dataset] = {}
        numbers: dict[str, list[int]] = {}
        items = []
        for item in element.value:
            frame = frames.get(str(item.get("ReferencedSOPInstanceUID", "")))
            refer_to_files(item, frames)
            if frame is None:
                items.append(item)
                continue
            uid = str(frame.header.SOPInstanceUID)
            if uid not in kept:
                kept[uid] = item
                items.append(item)
                item.ReferencedSOPClassUID = frame.header.SOPClassUID
                item.ReferencedSOPInstanceUID = frame.header.SOPInstanceUID
            if names_frames and frame.number is not None:
                numbers.setdefault(uid, []).append(frame.number)
                kept[uid].ReferencedFrameNumber = numbers[uid]
        if len(items) != len(element.value):
            element.value = items
