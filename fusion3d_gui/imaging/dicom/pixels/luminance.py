"""``luminance``: colour pixels as grey levels, since a volume has one value for each voxel."""

from __future__ import annotations

import numpy as np

from fusion3d_gui.imaging.colour import COLOURS_ARE_GRAY, LUMINANCE_WEIGHTS, gray_of_rgb
from fusion3d_gui.imaging.dicom.frames.file import DicomFile
from fusion3d_gui.imaging.dicom.pixels.palette_lut import read_palette

#: Decoders return these as RGB.
_DECODED_TO_RGB = ("YBR_ICT", "YBR_RCT")


def luminance(image: np.ndarray, file: DicomFile, notices: set[str]) -> np.ndarray:
    """Grey levels of a decoded frame, whatever its photometric interpretation.

    Parameters
    ----------
    image
        ``[row, column]`` or ``[row, column, sample]``, in the stored type.
    file
        Its file.
    notices
        A sentence for the user is added where colours are lost.

    Returns
    -------
    numpy.ndarray
        ``[row, column]``, in the stored type; ``image`` itself where it is grey already.
    """
    photometric = file.format.photometric
    if photometric == "PALETTE COLOR":
        gray = _from_palette(image, file, notices)
        notices.add(
            "The file's palette can't be used; stored values are shown."
            if gray is None
            else "Colours of a palette are shown as their luminance."
        )
        return image if gray is None else gray
    if file.format.samples == 1:
        return image
    notices.add(COLOURS_ARE_GRAY)
    if image.ndim == 2:  # only the luminance was read
        return image
    is_jpeg = file.transfer_syntax in ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
    if photometric.startswith("YBR") and photometric not in _DECODED_TO_RGB and not is_jpeg:
        return image[..., 0]  # Y
    return gray_of_rgb(image)


def _from_palette(image: np.ndarray, file: DicomFile, notices: set[str]) -> np.ndarray | None:
    """Grey levels by the file's palette; None where it can't be used."""
    signed = file.format.signed
    palettes = [
        palette
        for colour in ("Red", "Green", "Blue")
        if (palette := read_palette(file.elements, colour, signed=signed)) is not None
    ]
    if len(palettes) < 3:
        return None
    if any(palette.is_cut for palette in palettes):
        notices.add("The file's palette is cut short: values beyond its end have its last colour.")
    first = palettes[0].first
    size = min(len(palette.levels) for palette in palettes)
    gray = sum(
        w * palette.levels[:size] for w, palette in zip(LUMINANCE_WEIGHTS, palettes, strict=True)
    )
    # A palette's 16 bits are scaled onto the range of the stored type.
    top = np.iinfo(image.dtype).max
    if gray.max() > top:
        gray = gray * (top / 65535.0)
    index = np.clip(image.astype(np.int64) - first, 0, size - 1)
    shown: np.ndarray = np.rint(gray)[index].astype(image.dtype)
    return shown
