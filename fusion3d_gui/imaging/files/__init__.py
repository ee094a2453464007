"""Read and write file formats other than DICOM (NIfTI, NRRD, MetaImage), and unpack archives."""
