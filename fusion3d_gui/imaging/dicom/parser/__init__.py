"""Fast, bounded parsing of DICOM headers without pixels; the tests compare it with pydicom."""
