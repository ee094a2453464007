"""The PACS: find studies, fetch series, send results, over DICOMweb and DIMSE."""
