"""DICOM objects about a scan, of others and our own, read onto it: masks, marks, maps, window levels."""
