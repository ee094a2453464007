"""DICOM: from the files under a path to series and volumes; volumes as DICOM files."""
