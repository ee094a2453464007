"""Lookup tables as headers hold them: number of entries, first value, bits and byte order (PS3.3 C.11.1.1)."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from fusion3d_gui.imaging.dicom.frames.lookup_table import (
    LookupTable,
    has_lookup_table,
    read_lookup_table,
)


def _dataset(count: int, first: int, bits: int, data: object, *, little: bool = True) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [count, first, bits])
    item.add_new("LUTData", "OW" if isinstance(data, bytes) else "US", data)
    item.ModalityLUTType = "OD"
    dataset = Dataset()
    dataset.ModalityLUTSequence = Sequence([item])
    dataset.set_original_encoding(False, little)
    return dataset


def _read(*arguments, negative: bool = False, little: bool = True) -> LookupTable | None:
    dataset = _dataset(*arguments, little=little)
    return read_lookup_table(dataset, "ModalityLUTSequence", negative)


@pytest.mark.parametrize(("count", "is_table"), [(1, False), (2, True), (3, True), (4, False)])
def test_a_table_has_two_entries_at_least_and_as_many_as_it_says(count, is_table):
    entries = np.array([5, 9, 13][: min(count, 3)], np.uint16)
    found = _read(count, 7, 16, entries.tobytes())
    assert (found is not None) == is_table
    if found is not None:
        assert found.entries.tolist() == entries.tolist()
        assert (found.first, found.highest, found.kind) == (7, 65535, "OD")
        assert found(np.array([-1, 7, 8, 100])).tolist() == [5, 5, 9, entries[-1]]


def test_more_entries_than_said_are_left_out():
    assert _read(2, 0, 16, np.arange(5, dtype=np.uint16).tobytes()).entries.tolist() == [0, 1]


def test_65536_entries_are_written_as_0():
    entries = np.arange(65536).astype(np.uint16)[::-1]
    np.testing.assert_array_equal(_read(0, 0, 16, entries.tobytes()).entries, entries)
    assert _read(0, 0, 16, entries[:-1].tobytes()) is None


@pytest.mark.parametrize(
    ("first", "negative", "expected"),
    [
        (65000, True, -536),
        (65000, False, 65000),
        (-536, True, -536),
        (-536, False, 65000),
        (32767, True, 32767),
        (32768, True, -32768),
        (0, True, 0),
        (25000, True, 25000),
    ],
)
def test_the_first_value_is_signed_where_values_may_be_negative(first, negative, expected):
    dataset = _dataset(2, 0, 16, b"\1\0\2\0")
    item = dataset.ModalityLUTSequence[0]
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [2, first, 16])
    assert read_lookup_table(dataset, "ModalityLUTSequence", negative).first == expected


@pytest.mark.parametrize("little", [True, False])
def test_bytes_are_in_the_order_of_the_file(little):
    entries = np.array([258, 772, 5], np.uint16)
    data = entries.astype("<u2" if little else ">u2").tobytes()
    assert _read(3, 0, 16, data, little=little).entries.tolist() == entries.tolist()


@pytest.mark.parametrize("little", [True, False])
def test_entries_of_8_bits_may_be_packed_two_in_a_word(little):
    """The first of each two in the lower half of the word, whatever the order of bytes (C.11.1.1.1)."""
    words = np.array([1 + 256 * 2, 3 + 256 * 4], np.uint16)
    data = words.astype("<u2" if little else ">u2").tobytes()
    found = _read(4, 0, 8, data, little=little)
    assert found.entries.tolist() == [1, 2, 3, 4]
    assert found.highest == 255
    # One of each word where there are words enough, or where 8 bits are not.
    assert _read(2, 0, 8, data, little=little).entries.tolist() == words.tolist()
    assert _read(4, 0, 9, data, little=little) is None


@pytest.mark.parametrize(
    ("bits", "largest", "highest"),
    [
        (16, 9, 65535),
        (12, 9, 4095),
        (10, 9, 1023),
        (1, 1, 1),
        (8, 200, 255),
        # An entry larger than its bits, and bits that can't be.
        (8, 300, 300),
        (0, 1, 1),
        (17, 9, 65535),
        (200, 9, 65535),
    ],
)
def test_white_is_the_largest_number_of_so_many_bits(bits, largest, highest):
    found = _read(3, 0, bits, [0, largest, 1])
    assert found.highest == highest
    assert found.entries.tolist() == [0, largest, 1]


@pytest.mark.parametrize("data", [[], [70_000, 1], [-1, 3]])
def test_entries_that_are_no_numbers_of_16_bits_are_no_table(data):
    dataset = _dataset(2, 0, 16, b"\1\0\2\0")
    dataset.ModalityLUTSequence[0].add_new("LUTData", "UL" if data and data[0] > 0 else "SL", data)
    assert read_lookup_table(dataset, "ModalityLUTSequence", False) is None


def test_whether_there_is_a_table_is_whether_its_sequence_has_an_item():
    dataset = _dataset(2, 0, 16, b"\1\0\2\0")
    assert has_lookup_table(dataset, "ModalityLUTSequence")
    assert not has_lookup_table(dataset, "VOILUTSequence")
    assert read_lookup_table(dataset, "VOILUTSequence", False) is None
    dataset.ModalityLUTSequence = Sequence([])
    assert not has_lookup_table(dataset, "ModalityLUTSequence")
    assert read_lookup_table(dataset, "ModalityLUTSequence", False) is None
