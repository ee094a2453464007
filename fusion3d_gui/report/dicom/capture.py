"""``capture``: a picture as a DICOM Secondary Capture (PS3.3 A.8.1)."""

from __future__ import annotations

import numpy as np
from highdicom import CoordinateSystemNames
from highdicom.sc import SCImage
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from fusion3d_gui.report.dicom.result_object import ResultObjects
from fusion3d_gui.report.dicom.study_identity import copy_body_part
from fusion3d_gui.report.dicom.words import statement


def capture(objects: ResultObjects, rgb: np.ndarray) -> Dataset:
    """A picture as a Secondary Capture.

    Parameters
    ----------
    objects
        The result.
    rgb
        uint8 ``[row, column, 3]``. Doubt and "research use only" must be drawn in it.
    """
    made = SCImage(
        pixel_array=np.ascontiguousarray(rgb),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system=CoordinateSystemNames.PATIENT,
        study_instance_uid=objects.source.first.StudyInstanceUID,
        # Empty: several planes with letters of their own.
        patient_orientation=("L", "P"),
        manufacturer=objects.maker["manufacturer"],
        transfer_syntax_uid=ExplicitVRLittleEndian,
        content_qualification="RESEARCH",
        **objects.options("AI picture"),
    )
    made.PatientOrientation = []
    made.ManufacturerModelName = objects.maker["manufacturer_model_name"]
    made.SoftwareVersions = objects.maker["software_versions"]
    made.DeviceSerialNumber = objects.maker["device_serial_number"]
    # It names the patient, unless the scan's header names none.
    made.BurnedInAnnotation = "YES"
    made.ImageComments = statement(objects.result)
    made.ImageType = ["DERIVED", "SECONDARY"]
    copy_body_part(objects.source.first, made)
    return objects.finished(made)
