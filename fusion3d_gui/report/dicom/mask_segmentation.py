"""``mask_segmentation``: masks that a reader drew as a DICOM Segmentation in the study of the scan (PS3.3 A.51)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from highdicom.color import CIELabColor
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentDescription
from highdicom.sr.coding import CodedConcept
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from fusion3d_gui import RESEARCH_USE_ONLY, __version__
from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.labels.scan_object import Mask
from fusion3d_gui.imaging.limits import check_memory
from fusion3d_gui.imaging.reslice.sampling import Interpolation, sample
from fusion3d_gui.report.dicom.codes import anatomic_region, own, schemes
from fusion3d_gui.report.dicom.result_object import (
    MANUFACTURER,
    PROGRAM,
    SERIES_NUMBERS,
    SourceObjects,
    new_uid,
)
from fusion3d_gui.report.dicom.words import long_string

READERS_REGION = own("READERSREGION", "Region that a reader marked")
_SERIES = "Reader's masks"


def mask_segmentation(objects: SourceObjects, masks: Sequence[Mask]) -> Dataset:
    """One segment for each mask, with its name and colour, on the scan's own frames.

    Raises
    ------
    UserError
        No mask meets a frame of the scan, or memory does not suffice.
    """
    source = objects.source
    shape = (len(source.frames), *source.frames[0].plane.shape)
    check_memory(4 * int(np.prod(shape)) * len(masks), source.path)
    pixels = np.zeros((*shape, len(masks)), np.uint8)
    for number, mask in enumerate(masks):
        for frame, image in enumerate(source.frames):
            pixels[frame, ..., number] = (
                sample(mask.grid, image.plane, 0.0, Interpolation.NEAREST) > 0
            )
    if not pixels.any():
        raise UserError("no mask lies on an image of the scan", path=source.path)
    category = CodedConcept.from_code(codes.SCT.SpatialAndRelationalConcept)
    descriptions = [
        SegmentDescription(
            segment_number=number,
            segment_label=long_string(mask.name),
            segmented_property_category=category,
            segmented_property_type=READERS_REGION,
            algorithm_type=SegmentAlgorithmTypeValues.MANUAL,
            tracking_uid=new_uid(),
            tracking_id=long_string(mask.name),
            anatomic_regions=[anatomic_region(source.first)],
            display_color=CIELabColor.from_rgb(*_rgb(mask.color)),
        )
        for number, mask in enumerate(masks, 1)
    ]
    made = Segmentation(
        source_images=objects.references,
        pixel_array=pixels,
        segmentation_type="BINARY",
        segment_descriptions=descriptions,
        series_instance_uid=new_uid(),
        series_number=SERIES_NUMBERS[_SERIES],
        sop_instance_uid=new_uid(),
        instance_number=1,
        series_description=f"{_SERIES}, {RESEARCH_USE_ONLY.lower()}"[:64],
        coding_schemes=schemes(),
        specific_character_set="ISO_IR 192",
        content_label="READERS REGIONS",
        content_description="Regions that a reader marked; research only",
        content_creator_name=f"{PROGRAM}^",
        manufacturer=MANUFACTURER,
        manufacturer_model_name=PROGRAM,
        software_versions=__version__,
        device_serial_number="0",
    )
    made.ImageComments = RESEARCH_USE_ONLY
    return objects.finished(made)


def _rgb(color: str) -> tuple[int, int, int]:
    text = color or "#FFAA3C"
    red, green, blue = (int(text[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue
