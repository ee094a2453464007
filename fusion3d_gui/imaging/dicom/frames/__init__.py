"""Single frames of a DICOM file: position, rescale, lookup tables; classic and enhanced multi-frame."""
