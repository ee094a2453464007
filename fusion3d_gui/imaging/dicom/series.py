"""A stack of DICOM frames as ``Series`` and ``Volume``: names, units, windows, attributes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from fusion3d_gui.imaging.dicom.frames.file import SHOWN_ATTRIBUTES
from fusion3d_gui.imaging.dicom.pixels.stack_pixels import StackPixels, read_stack_pixels
from fusion3d_gui.imaging.dicom.stack.sort import Stack
from fusion3d_gui.imaging.dicom.value_interpretation import ValueInterpretation, interpret_values
from fusion3d_gui.imaging.privacy.identifying_words import NAMING, WHOLE
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume, Watch, no_watch
from fusion3d_gui.progress import Progress


def series_of_stack(stack: Stack, notices: tuple[str, ...] = ()) -> Series:
    """What is known of a stack before its pixels are read."""
    elements = stack.frames[0].file.elements
    return Series(
        uid=stack.uid,
        description=_description(stack),
        modality=elements.text("Modality"),
        format="DICOM",
        shape=stack.shape,
        affine=stack.geometry.affine,
        study_uid=elements.text("StudyInstanceUID"),
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
    """Read a stack's pixels into a volume. Raises UserError as :func:`read_stack_pixels` does."""

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
        padding=meaning.padding if pixels.is_stored else None,
        description=_description(stack),
        series_uid=stack.uid,
        path=path,
        attributes=MappingProxyType(_attributes(stack)),
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
    """Those of the middle slice; but one slice that has lost something marks them all."""
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
