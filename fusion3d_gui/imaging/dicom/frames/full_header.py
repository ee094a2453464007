"""``read_full_header``: all of a header as a pydicom data set, and tolerant access to its values.

For what few files have and the fast parser leaves out: sequences, above all.
"""

from __future__ import annotations

import numpy as np
import pydicom
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from fusion3d_gui.imaging.dicom.frames.file import DicomFile
from fusion3d_gui.imaging.dicom.parser.decimals import read_decimals
from fusion3d_gui.imaging.dicom.parser.encoding import open_inflated
from fusion3d_gui.imaging.dicom.parser.header import PYDICOM_ERRORS


def read_full_header(file: DicomFile) -> Dataset:
    """All of a file's header; an empty data set where pydicom can't read it.

    pydicom inflates a deflated file itself; :func:`read_dicom_file` has bounded its size before.
    """
    with open_inflated(file.path) as stream:
        try:
            return pydicom.dcmread(stream, stop_before_pixels=True, force=True)
        except PYDICOM_ERRORS:
            return Dataset()


def first_item(dataset: Dataset, keyword: str) -> Dataset:
    """First item of a sequence; an empty data set where there is none."""
    sequence = dataset.get(keyword)
    return sequence[0] if sequence else Dataset()


def raw_text(dataset: Dataset, keyword: str) -> str:
    """Text of an element as the file has it, without padding; empty where it has none."""
    if keyword not in dataset:
        return ""
    value = dataset.get_item(keyword).value
    if isinstance(value, bytes):
        return value.decode("latin-1").strip("\0 ")
    values = value if isinstance(value, list | tuple | MultiValue) else [value]
    return "\\".join("" if each is None else str(each) for each in values)


def finite_numbers(dataset: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """The ``count`` finite numbers of an element; None where they are not there, or can't be read.

    Decimal strings are read as :func:`read_decimals` does, which knows decimal commas.
    """
    if dictionary_VR(keyword) in ("DS", "IS"):
        text = raw_text(dataset, keyword)
        numbers = read_decimals(text.encode("latin-1", "replace")) if text else None
    else:
        value = dataset.get(keyword)
        if value is None or value == "":
            return None
        numbers = tuple(float(each) for each in np.atleast_1d(value))
    if numbers is None or len(numbers) != count or not np.isfinite(numbers).all():
        return None
    return numbers
