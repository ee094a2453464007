"""File formats other than DICOM (NIfTI, NRRD, MetaImage), and archives."""
