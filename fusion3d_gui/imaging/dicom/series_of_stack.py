"""A stack of DICOM frames as a ``Series``, and read into a ``Volume``: names, units, attributes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from fusion3d_gui.imaging.dicom.frames.file import SHOWN_ATTRIBUTES
from fusion3d_gui.imaging.dicom.pixels.stack_pixels import StackPixels, read_stack_pixels
from fusion3d_gui.imaging.dicom.stack.image_numbers import image_numbers, slice_locations_mm
from fusion3d_gui.imaging.dicom.stack.sort import Stack
from fusion3d_gui.imaging.dicom.value_interpretation import ValueInterpretation, interpret_values
from fusion3d_gui.imaging.privacy.identifying_words import NAMING, WHOLE
from fusion3d_gui.imaging.scan_warning import ScanWarning
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.simulated import painted_warnings
from fusion3d_gui.imaging.volume import Volume, Watch, no_watch
from fusion3d_gui.progress import Progress


def series_of_stack(stack: Stack, notices: tuple[str, ...] = ()) -> Series:
    """Describe a stack before its pixels are read; ``notices`` are put before its own."""
    elements = stack.frames[0].file.elements
    return Series(
        uid=stack.uid,
        description=_description(stack),
        modality=elements.text("Modality"),
        format="DICOM",
        shape=stack.shape,
        affine=stack.geometry.affine,
        study_uid=elements.text("StudyInstanceUID"),
        image_count=len(stack.frames),
        paths=tuple(dict.fromkeys(frame.file.path for frame in stack.frames)),
        notices=(*notices, *stack.notices),
        identity=MappingProxyType(
            {keyword: text for keyword in NAMING + WHOLE if (text := elements.text(keyword))}
        ),
    )


def read_volume_of_stack(
    stack: Stack,
    path: Path,
    notices: tuple[str, ...],
    progress: Progress,
    watch: Watch = no_watch,
) -> Volume:
    """Read the pixels of a stack into a volume.

    Parameters
    ----------
    stack
        The stack.
    path
        What the user opened.
    notices
        Put before the volume's own.
    progress
        Told how far reading is.
    watch
        Called with the volume as soon as its middle slice is there; not where slices are unevenly
        spaced.

    Raises
    ------
    UserError
        As :func:`read_stack_pixels`.
    """

    meaning = interpret_values(stack)

    def volume(pixels: StackPixels) -> Volume:
        return _volume(stack, path, notices, pixels, meaning)

    def on_first(pixels: StackPixels) -> None:
        watch(replace(volume(pixels), loaded_slices=pixels.loaded_slices))

    shining = meaning.padding if meaning.padding_may_be_bright else None
    return volume(read_stack_pixels(stack, progress, on_first, bright_padding=shining))


def _volume(
    stack: Stack,
    path: Path,
    notices: tuple[str, ...],
    pixels: StackPixels,
    meaning: ValueInterpretation,
) -> Volume:
    elements = stack.frames[len(stack.frames) // 2].file.elements
    attributes = _attributes(stack)
    return Volume(
        voxels=pixels.voxels,
        affine=stack.geometry.affine,
        slope=pixels.rescale.slope * meaning.factor,
        intercept=pixels.rescale.intercept * meaning.factor,
        unit=meaning.unit,
        modality=elements.text("Modality"),
        windows=meaning.windows,
        curve=meaning.curve,
        missing=stack.geometry.missing,
        image_numbers=image_numbers(stack),
        slice_locations_mm=slice_locations_mm(stack),
        interpolated_from=0 if stack.geometry.is_even else len(stack.frames),
        padding=meaning.padding if pixels.is_stored else None,
        description=_description(stack),
        series_uid=stack.uid,
        path=path,
        attributes=MappingProxyType(attributes),
        faults=tuple(each.sentence for each in stack.faults),
        doubts=stack.doubts,
        warnings=(
            *stack.faults,
            *(ScanWarning("header in doubt", each) for each in stack.doubts),
            *stack.geometry.warnings,
            *painted_warnings(attributes),
        ),
        notices=(*notices, *stack.notices, *meaning.notices, *pixels.notices),
    )


def _description(stack: Stack) -> str:
    elements = stack.frames[0].file.elements
    name = elements.text("SeriesDescription") or elements.text("ProtocolName")
    if not name:
        number = elements.text("SeriesNumber")
        name = f"Series {number}" if number else "Series"
    return f"{name} ({stack.part})" if stack.part else name


def _attributes(stack: Stack) -> dict[str, str]:
    """Attributes of the middle slice; one lossily compressed slice marks the volume as lossy."""
    files = [frame.file.elements for frame in stack.frames]
    found = {keyword: files[len(files) // 2].text(keyword) for keyword in SHOWN_ATTRIBUTES}
    lossy = "LossyImageCompression"
    found[lossy] = max(each.text(lossy) for each in files)
    if not found["PatientAge"]:
        found["PatientAge"] = age_at(found["PatientBirthDate"], found["StudyDate"])
    return {keyword: text for keyword, text in found.items() if text}


def age_at(birth: str, study: str) -> str:
    """Age at the study as a DICOM age string (``"054Y"``) from dates ``YYYYMMDD``; else empty."""
    if not (re.fullmatch(r"\d{8}", birth) and re.fullmatch(r"\d{8}", study)):
        return ""
    years = int(study[:4]) - int(birth[:4]) - (study[4:] < birth[4:])
    if not 0 <= years <= 130:
        return ""
    if years >= 2:
        return f"{years:03d}Y"
    months = 12 * (int(study[:4]) - int(birth[:4])) + int(study[4:6]) - int(birth[4:6])
    return f"{max(0, months - (study[6:] < birth[6:])):03d}M"
