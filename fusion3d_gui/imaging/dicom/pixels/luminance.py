"""Colour DICOM pixels as one gray level each: a volume has one value a voxel."""

from __future__ import annotations

import numpy as np

from fusion3d_gui.imaging.dicom.frames.file import DicomFile
from fusion3d_gui.imaging.dicom.pixels.palette import read_palette

#: ITU-R BT.601, the weights of DICOM's own YBR_FULL (PS3.3 C.7.6.3.1.2).
_WEIGHTS = np.array([0.299, 0.587, 0.114])

#: Decoders of these return RGB whatever the header calls them.
_DECODED_TO_RGB = ("YBR_ICT", "YBR_RCT")


def luminance(image: np.ndarray, file: DicomFile, notices: set[str]) -> np.ndarray:
    """Gray levels ``[row, column]``, in the stored type, of gray, colour or palette pixels."""
    photometric = file.format.photometric
    if photometric == "PALETTE COLOR":
        notices.add("Colours of a palette are shown as their luminance.")
        return _from_palette(image, file)
    if file.format.samples == 1:
        return image
    notices.add("Colours are shown as their luminance.")
    if image.ndim == 2:  # the luminance, already taken out
        return image
    is_jpeg = file.transfer_syntax in ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
    if photometric.startswith("YBR") and photometric not in _DECODED_TO_RGB and not is_jpeg:
        return image[..., 0]
    return np.rint(image @ _WEIGHTS).astype(image.dtype)


def _from_palette(image: np.ndarray, file: DicomFile) -> np.ndarray:
    signed = file.format.signed
    palettes = [
        palette
        for colour in ("Red", "Green", "Blue")
        if (palette := read_palette(file.elements, colour, signed=signed)) is not None
    ]
    if len(palettes) < 3:
        return image
    first = palettes[0].first
    size = min(len(palette.levels) for palette in palettes)
    gray = sum(w * palette.levels[:size] for w, palette in zip(_WEIGHTS, palettes, strict=True))
    # A palette's 16 bits are scaled onto the range of the stored type.
    top = np.iinfo(image.dtype).max
    if gray.max() > top:
        gray = gray * (top / 65535.0)
    index = np.clip(image.astype(np.int64) - first, 0, size - 1)
    return np.rint(gray)[index].astype(image.dtype)
