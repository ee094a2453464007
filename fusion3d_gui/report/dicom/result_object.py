"""What all objects of one result share: its scan, their maker, and how an object is completed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from highdicom.content import AlgorithmIdentificationSequence
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import UID, MRImageStorage, generate_uid
from pydicom.valuerep import format_number_as_ds

from fusion3d_gui import __version__
from fusion3d_gui.imaging.dicom.source_series import SourceFrame, SourceSeries
from fusion3d_gui.report.case_result import CaseResult
from fusion3d_gui.report.dicom.codes import schemes
from fusion3d_gui.report.dicom.file_references import refer_to_files
from fusion3d_gui.report.dicom.study_identity import copy_study
from fusion3d_gui.report.dicom.words import long_string, series_description

#: Root of the UIDs that highdicom makes by itself.
_HIGHDICOM_ROOT = "1.2.826.0.1.3680043.10.511.3."
#: Of the objects' series; an archive sorts them by it, after those of the scanner.
SERIES_NUMBERS = {
    "AI heatmap": 9001,
    "AI regions": 9002,
    "AI result": 9003,
    "AI marks": 9004,
    "AI picture": 9005,
    "AI page": 9006,
    "AI summary": 9007,
    "AI withdrawal": 9008,
    "Reader's masks": 9009,
}

MANUFACTURER = "Fusion3D team"
PROGRAM = "Fusion3D"
#: Names this program in the file meta information (PS3.7 D.3.3.2).
_IMPLEMENTATION = "2.25.171234065790237651943080563227150988471"

#: Once lossily compressed, a scan and all that is made of it stay so (PS3.3 C.7.6.1.1.5).
_LOSSY = ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod")


def new_uid() -> UID:
    """A new UID under 2.25, from a random UUID (PS3.5 B.2)."""
    return generate_uid(prefix=None)


@dataclass(frozen=True, eq=False)
class SourceObjects:
    """The images that objects are about, and when those were made.

    Parameters
    ----------
    source
        The images.
    created
        Date and time of all objects.
    """

    source: SourceSeries
    created: datetime

    @property
    def date(self) -> str:
        """Date of the objects (VR DA)."""
        return self.created.strftime("%Y%m%d")

    @property
    def time(self) -> str:
        """Time of the objects (VR TM)."""
        return self.created.strftime("%H%M%S")

    @cached_property
    def references(self) -> tuple[Dataset, ...]:
        """For each frame of the scan an image as highdicom takes it: classic, consistent, of nobody.

        Each has a UID of its own, which :meth:`finished` replaces by that of the file, with the number of the
        frame: so mosaics, multi-frame files and headers that break rules need no code of their own.
        """
        return tuple(_classic_image(frame) for frame in self.source.frames)

    def finished(self, made: Dataset) -> Dataset:
        """An object with the patient and study of the scan, true references, and UIDs of one root."""
        copy_study(self.source.first, made)
        made.SeriesDate, made.SeriesTime = self.date, self.time
        for what in ("Content", "PresentationCreation", "InstanceCreation"):
            if f"{what}Date" in made:
                setattr(made, f"{what}Date", self.date)
                setattr(made, f"{what}Time", self.time)
        frames = {
            str(stand_in.SOPInstanceUID): frame
            for stand_in, frame in zip(self.references, self.source.frames, strict=True)
        }
        refer_to_files(made, frames)
        return with_own_uids(made)


@dataclass(frozen=True, eq=False)
class ResultObjects(SourceObjects):
    """The result of one case, the images that it is about, and when its objects were made.

    Parameters
    ----------
    result
        The result.
    """

    result: CaseResult

    @cached_property
    def _tracking_uids(self) -> dict[str, UID]:
        return {}

    def tracking_uid(self, name: str) -> UID:
        """UID by which one finding is known in all objects of the result."""
        return self._tracking_uids.setdefault(name, new_uid())

    def options(self, what: str) -> dict[str, Any]:
        """Arguments that every constructor of highdicom takes; ``what``: name in a list of series."""
        return {
            "series_instance_uid": new_uid(),
            "series_number": SERIES_NUMBERS[what],
            "sop_instance_uid": new_uid(),
            "instance_number": 1,
            "series_description": series_description(self.result, what),
            "coding_schemes": schemes(),
            "specific_character_set": "ISO_IR 192",
        }

    @property
    def maker(self) -> dict[str, Any]:
        """Arguments that say which equipment made an image (PS3.3 C.7.5.2)."""
        return {
            "manufacturer": MANUFACTURER,
            "manufacturer_model_name": PROGRAM,
            "software_versions": __version__,
            "device_serial_number": self.result.prediction.weights_sha256[:16],
        }

    @property
    def algorithm(self) -> AlgorithmIdentificationSequence:
        """The model, as an image names an algorithm."""
        return AlgorithmIdentificationSequence(
            name=long_string(self.result.bundle.title),
            family=codes.DCM.ArtificialIntelligence,
            version=long_string(self.result.prediction.bundle_version),
            source=MANUFACTURER,
            parameters=dict(parameter.split("=", 1) for parameter in self.parameters),
        )

    @property
    def parameters(self) -> tuple[str, ...]:
        """What a prediction depends on, each as ``NAME=VALUE``."""
        prediction = self.result.prediction
        heatmap = prediction.heatmap
        return (
            f"bundle={prediction.bundle_name}",
            f"weights_sha256={prediction.weights_sha256}",
            f"voxels_sha256={prediction.volume_sha256}",
            f"threshold={prediction.threshold:.6g}",
            f"temperature={prediction.temperature:.6g}",
            f"heatmap={heatmap.method} {heatmap.layer} {heatmap.side}",
            f"device={prediction.device}",
        )


def with_own_uids(made: Dataset) -> Dataset:
    """An object that highdicom made, with UIDs of one root, and this program named in its file meta information."""
    _replace_uids(made, {})
    meta = made.file_meta
    meta.ImplementationClassUID = UID(_IMPLEMENTATION)
    meta.ImplementationVersionName = f"{PROGRAM.upper()} {__version__}"[:16]
    meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    return made


def _classic_image(frame: SourceFrame) -> Dataset:
    plane, header = frame.plane, frame.header
    image = Dataset()
    image.SOPClassUID = MRImageStorage
    image.SOPInstanceUID = new_uid()
    # Not that of the file: highdicom takes no dose grid for an image.
    image.Modality = "MR"
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
        setattr(image, keyword, header.get(keyword, ""))
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex"):
        setattr(image, keyword, "")
    for keyword in ("StudyID", "StudyDate", "StudyTime", "AccessionNumber"):
        setattr(image, keyword, "")
    image.ReferringPhysicianName = ""
    image.PositionReferenceIndicator = header.get("PositionReferenceIndicator", "")
    for keyword in _LOSSY:
        if keyword in header:
            setattr(image, keyword, header.get(keyword))
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.Rows, image.Columns = plane.shape
    down_mm, right_mm = (
        float(np.linalg.norm(step)) for step in (plane.down_step, plane.right_step)
    )
    image.ImagePositionPatient = _decimals(plane.origin_lps)
    image.ImageOrientationPatient = _decimals(
        (*plane.right_step / right_mm, *plane.down_step / down_mm)
    )
    image.PixelSpacing = _decimals((down_mm, right_mm))
    image.SliceThickness = _decimals((frame.thickness_mm or 1.0,))[0]
    return image


def _decimals(numbers: Iterable[float]) -> list[str]:
    """Decimal strings of at most 16 characters (VR DS), as exact as fits."""
    return [format_number_as_ds(float(number)) for number in numbers]


def _replace_uids(dataset: Dataset, known: dict[str, UID]) -> None:
    """Replace every UID that highdicom made by one of the root 2.25, the same by the same."""
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                _replace_uids(item, known)
        elif element.VR == "UI" and isinstance(element.value, str):
            text = str(element.value)
            if text.startswith(_HIGHDICOM_ROOT):
                element.value = known.setdefault(text, new_uid())
