"""DICOM: files under a path into series and volumes."""
