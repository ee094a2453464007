"""Single frames of a DICOM file: geometry, rescale, look-up tables; classic and enhanced multi-frame."""
