"""A storage service (C-STORE SCP): what it takes, and the file that an instance becomes."""

from __future__ import annotations

from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID
from pynetdicom import AE, StoragePresentationContexts, evt

from fusion3d_gui.imaging.dicom.parser.encoding import (
    DEFLATED,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
)
from fusion3d_gui.pacs.dimse.bounded import UNIT_BYTES

#: Every transfer syntax of still images: what a node has stored comes as it is.
TRANSFER_SYNTAXES = (
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    EXPLICIT_BIG,
    DEFLATED,
    "1.2.840.10008.1.2.5",  # RLE
    "1.2.840.10008.1.2.4.50",  # JPEG
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",  # JPEG-LS
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",  # JPEG 2000
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.201",  # High-Throughput JPEG 2000
    "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.4.203",
)


def storage_service(own_ae_title: str, wait_s: float, *, most_associations: int) -> AE:
    """A service of this AE title, which takes every class of stored objects and no other called title.

    Parameters
    ----------
    own_ae_title
        The title by which it must be called.
    wait_s
        So long it waits for a message of its peer, in seconds.
    most_associations
        So many peers at once.
    """
    service = AE(own_ae_title)
    service.require_called_aet = True
    service.maximum_associations = most_associations
    service.maximum_pdu_size = UNIT_BYTES
    service.acse_timeout = service.dimse_timeout = service.network_timeout = wait_s
    for context in StoragePresentationContexts:
        service.add_supported_context(context.abstract_syntax or "", list(TRANSFER_SYNTAXES))
    return service


def file_head(event: evt.Event) -> bytes:
    """Preamble and file meta information (PS3.10 section 7.1) for a data set as it came."""
    request = event.request
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(str(request.AffectedSOPClassUID))
    meta.MediaStorageSOPInstanceUID = UID(str(request.AffectedSOPInstanceUID))
    meta.TransferSyntaxUID = event.context.transfer_syntax
    written = DicomBytesIO()
    write_file_meta_info(written, meta, enforce_standard=True)
    return b"\0" * 128 + b"DICM" + written.getvalue()
