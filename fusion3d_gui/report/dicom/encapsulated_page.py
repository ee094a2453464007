"""``encapsulated_page``: the page as a DICOM Encapsulated PDF (PS3.3 A.45.1)."""

from __future__ import annotations

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import EncapsulatedPDFStorage, ExplicitVRLittleEndian

from fusion3d_gui.report.dicom.result_object import ResultObjects, new_uid
from fusion3d_gui.report.dicom.words import series_description


def encapsulated_page(objects: ResultObjects, pdf: bytes) -> Dataset:
    """A PDF as a DICOM object; highdicom has no class for it.

    Raises
    ------
    ValueError
        ``pdf`` is no PDF.
    """
    if not pdf.startswith(b"%PDF-"):
        raise ValueError("no PDF")
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = EncapsulatedPDFStorage
    options = objects.options("AI page")
    made.SOPInstanceUID = new_uid()
    made.SeriesInstanceUID = options["series_instance_uid"]
    made.SeriesNumber = options["series_number"]
    made.InstanceNumber = options["instance_number"]
    made.SeriesDescription = options["series_description"]
    made.Modality = "DOC"
    made.ConversionType = "WSD"
    made.Manufacturer = objects.maker["manufacturer"]
    made.ManufacturerModelName = objects.maker["manufacturer_model_name"]
    made.SoftwareVersions = objects.maker["software_versions"]
    made.DeviceSerialNumber = objects.maker["device_serial_number"]
    made.ContentDate = objects.date
    made.ContentTime = objects.time
    made.AcquisitionDateTime = ""
    made.BurnedInAnnotation = "YES"
    made.RecognizableVisualFeatures = "NO"
    made.DocumentTitle = series_description(objects.result, "AI page")
    made.ConceptNameCodeSequence = []
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.EncapsulatedDocumentLength = len(pdf)
    made.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    reference = Dataset()
    reference.ReferencedSOPClassUID = objects.references[0].SOPClassUID
    reference.ReferencedSOPInstanceUID = objects.references[0].SOPInstanceUID
    made.SourceInstanceSequence = [reference]
    return objects.finished(made)
