"""``burnt_in_reasons``: why the pixels of a scan may name the patient, by what its header says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

#: Modalities whose machines write name and date into the image (PS3.3 C.7.3.1.1.1).
_BURNING = {
    "US": "an ultrasound image",
    "IVUS": "an ultrasound image",
    "ES": "an endoscopic image",
    "XC": "a photograph",
    "GM": "a microscope's picture",
    "SC": "a secondary capture",
    "OT": "of another modality, as screen captures are",
    "DOC": "a document",
}
#: Beginning of the SOP Class UIDs of all secondary captures (PS3.4 annex B.5).
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_SCREEN_WORDS = ("SCREEN SAVE", "SCREENSHOT", "SCREEN CAPTURE", "SECONDARY CAPTURE", "DISPLAY")


def burnt_in_reasons(
    attributes: Mapping[str, str],
    modality: str,
    sop_class: str = "",
    image_type: Sequence[str] = (),
) -> tuple[str, ...]:
    """A sentence for each reason why text may be burnt into the pixels; empty where nothing says so.

    Parameters
    ----------
    attributes, modality
        Of the volume.
    sop_class, image_type
        SOP Class UID and Image Type of its files; empty for another format than DICOM.
    """
    found = []
    if attributes.get("BurnedInAnnotation", "").upper() == "YES":
        found.append("The scan's header says that text is burnt into its pixels.")
    words = " ".join(image_type).upper()
    if sop_class == _SECONDARY_CAPTURE or sop_class.startswith(f"{_SECONDARY_CAPTURE}."):
        found.append("The scan is a secondary capture: its pixels may show text.")
    elif any(word in words for word in _SCREEN_WORDS):
        found.append("The scan is a picture of a screen: its pixels may show text.")
    elif modality in _BURNING:
        found.append(f"The scan is {_BURNING[modality]}: its pixels may show text.")
    return tuple(found)
