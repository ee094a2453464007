"""Storage classes (SOP classes) whose images are no slices of a volume."""

from __future__ import annotations

from pydicom.uid import UID

_STORAGE = "1.2.840.10008.5.1.4.1.1."
#: Photographs, videos and tiles of slides (PS3.3 A.32); not ophthalmic tomography, which is a volume.
_PHOTOGRAPHS, _TOMOGRAPHY = _STORAGE + "77.1", (_STORAGE + "77.1.5.4", _STORAGE + "77.1.5.8")
#: Projections, films of one plane and screen captures: slices only where they say where they lie.
_SINGLE_IMAGES = frozenset(
    _STORAGE + end
    for end in (
        *("1", "1.1", "1.1.1", "1.2", "1.2.1", "1.3", "1.3.1"),  # X-ray
        *("3", "3.1", "6", "6.1"),  # ultrasound
        *("5", "20"),  # nuclear medicine
        *("7", "7.1", "7.2", "7.3", "7.4"),  # secondary capture
        *(
            "12.1",
            "12.1.1",
            "12.2",
            "12.2.1",
            "12.3",
            "13.1.4",
            "13.1.5",
        ),  # angiography, projections
        *("14.1", "14.2", "481.1"),  # intravascular tomography, radiotherapy images
    )
)


def class_name(sop_class: str) -> str:
    """Name of a storage class, e.g. ``"Ultrasound Image"``; its UID where that is unknown."""
    return UID(sop_class).name.removesuffix(" Storage")


def is_photograph(sop_class: str) -> bool:
    """Whether images of a storage class are photographs, videos or tiles, and never slices."""
    return sop_class.startswith(_PHOTOGRAPHS) and sop_class not in _TOMOGRAPHY


def is_single_image(sop_class: str) -> bool:
    """Whether images of a storage class are no slices, unless they say where they lie."""
    return sop_class in _SINGLE_IMAGES
