"""Coded concepts of the objects: the standard's where it has one, else Fusion3D's own."""

from __future__ import annotations

import re

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr.coding import CodedConcept
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from fusion3d_gui.report.dicom.words import long_string

SCHEME = "99FUSION3D"


def own(value: str, meaning: str) -> CodedConcept:
    """A concept of Fusion3D's own scheme; ``meaning`` is cut to 64 characters."""
    return CodedConcept(value, SCHEME, long_string(meaning))


PREDICTION = own("PREDICTION", "Prediction by an artificial intelligence")
PROBABILITY = own("PROBABILITY", "Predicted probability")
THRESHOLD = own("THRESHOLD", "Decision threshold of the probability")
PEAK = own("PEAK", "Peak of the heatmap")
HOT_SPOT = own("HOTSPOT", "Hot spot: region of high evidence for a prediction")
ABOVE_THRESHOLD = own("HEAT", "Region of evidence for a prediction")
SHARE_OF_PEAK = own("SHAREOFPEAK", "Share of the heatmap's peak")
EVIDENCE = own("EVIDENCE", "Evidence for a prediction")
DOUBT = own("DOUBT", "Doubt about the prediction")
PURPOSE = own("PURPOSE", "Purpose")
PIXEL_VALUE = own("PIXELVALUE", "Pixel value")
COMMENT = CodedConcept("121106", "DCM", "Comment")

#: Of each kind of mark; the code value is the kind in capitals.
MARKS = {
    kind: own(kind.upper(), f"Reader's mark: {kind}")
    for kind in ("distance", "angle", "rectangle", "ellipse", "point", "arrow")
}


def schemes() -> list[CodingSchemeIdentificationItem]:
    """What ``99FUSION3D`` is, for an object that uses it."""
    return [CodingSchemeIdentificationItem(designator=SCHEME, name="Fusion3D")]


def ucum(unit: str) -> CodedConcept:
    """The unit of UCUM for one of the window's units; no unit for one that it does not know."""
    known = {
        "mm": ("mm", "mm"),
        "mm²": ("mm2", "mm2"),
        "ml": ("mL", "mL"),
        "°": ("deg", "deg"),
        "%": ("%", "%"),
        "HU": ("[hnsf'U]", "Hounsfield unit"),
        "Bq/ml": ("Bq/ml", "Bq/ml"),
    }
    value, meaning = known.get(unit, ("1", "no units"))
    return CodedConcept(value, "UCUM", meaning)


#: Names of regions in pydicom's dictionary, by Body Part Examined (PS3.16 annex L).
_REGIONS = {
    "BRAIN": "Brain",
    "HEAD": "Head",
    "SKULL": "Skull",
    "NECK": "Neck",
    "CHEST": "Chest",
    "LUNG": "Lung",
    "HEART": "Heart",
    "BREAST": "Breast",
    "ABDOMEN": "Abdomen",
    "LIVER": "Liver",
    "KIDNEY": "Kidney",
    "PELVIS": "Pelvis",
    "PROSTATE": "Prostate",
    "KNEE": "Knee",
}


def anatomic_region(source: Dataset) -> CodedConcept:
    """The region that a scan shows, as its header codes or names it; the whole body where it does neither."""
    coded = source.get("AnatomicRegionSequence")
    if coded and all(coded[0].get(key) for key in ("CodeValue", "CodingSchemeDesignator")):
        item = coded[0]
        meaning = str(item.get("CodeMeaning") or item.CodeValue)
        return CodedConcept(str(item.CodeValue), str(item.CodingSchemeDesignator), meaning)
    part = re.sub(r"\W", "", str(source.get("BodyPartExamined") or "").upper())
    name = _REGIONS.get(part)
    found = getattr(codes.SCT, name, None) if name else None
    if found is None:
        return CodedConcept("38266002", "SCT", "Entire body")
    return CodedConcept.from_code(found)
