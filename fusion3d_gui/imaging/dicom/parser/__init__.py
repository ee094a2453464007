"""Bounded parsing of DICOM data sets without pixel data; pydicom remains the judge of it in the tests."""
