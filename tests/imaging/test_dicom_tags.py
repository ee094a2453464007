"""The tag list: complete, bounded, and without the patient when asked."""

from __future__ import annotations

import struct
import tracemalloc

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.tags import HIDDEN, read_tags

SECRETS = ("DOE", "4711", "General Hospital", "19500102", "20240506", "Dr Who", "secret note")


@pytest.fixture
def file(tmp_path):
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = MRImageStorage
    made.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    made.SOPClassUID, made.SOPInstanceUID = MRImageStorage, generate_uid()
    made.PatientName, made.PatientID = "DOE^JOHN", "4711"
    made.PatientAge, made.PatientSex = "054Y", "M"
    made.PatientBirthDate, made.StudyDate = "19500102", "20240506"
    made.InstitutionName, made.ReferringPhysicianName = "General Hospital", "Dr Who"
    made.ImageComments, made.StudyDescription = "secret note", "MR of 4711"
    made.Modality, made.EchoTime = "MR", "12.5"
    made.Rows, made.Columns, made.BitsAllocated, made.PixelRepresentation = 4, 4, 16, 0
    inner = Dataset()
    inner.PatientID = "4711"
    inner.EchoNumbers = 3
    made.ReferencedImageSequence = [inner]
    made.add_new(0x00091001, "LO", "DOE private")
    made.PixelData = bytes(32)
    path = tmp_path / "a.dcm"
    made.save_as(path, enforce_file_format=True)
    return path


def test_every_element_is_listed_as_pydicom_reads_it(file):
    lines = read_tags(file, hide_identity=False)
    expected = pydicom.dcmread(file, stop_before_pixels=True)
    listed = {line.tag for line in lines if line.depth == 0}
    assert {str(element.tag) for element in expected} <= listed
    values = {line.name: line.value for line in lines}
    assert values["Patient's Name"] == "DOE^JOHN"
    assert values["Echo Time"] == "12.5"
    assert "Pixel Data" not in values
    assert [line.depth for line in lines if line.name == "Echo Number(s)"] == [1]


def test_nothing_of_the_patient_is_left_when_hidden_but_what_the_scan_is(file):
    lines = read_tags(file, hide_identity=True)
    text = " ".join(line.value for line in lines)
    assert not [secret for secret in SECRETS if secret in text]
    assert str(pydicom.dcmread(file).SOPInstanceUID) not in text
    values = {line.name: line.value for line in lines}
    assert values["Patient's Name"] == HIDDEN
    assert (values["Patient's Age"], values["Modality"], values["Echo Time"]) == (
        "054Y",
        "MR",
        "12.5",
    )


def test_a_file_that_is_no_dicom_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "letter.dcm"
    path.write_text("Dear colleague")
    with pytest.raises(UserError, match=r"letter\.dcm"):
        read_tags(path, hide_identity=False)


def test_long_values_and_endless_lists_are_cut(file):
    made = pydicom.dcmread(file)
    made.add_new(0x00081030, "LO", "x" * 5000)
    item = Dataset()
    item.EchoNumbers, item.EchoTime = 7, "1"
    made.ReferencedImageSequence = [item]
    made.save_as(file)
    whole = file.read_bytes()
    start = whole.index(b"\xfe\xff\x00\xe0")
    end = start + 8 + int.from_bytes(whole[start + 4 : start + 8], "little")
    many = whole[start:end] * 11_000
    length = len(many).to_bytes(4, "little")
    file.write_bytes(whole[: start - 4] + length + many + whole[end:])
    lines = read_tags(file, hide_identity=False)
    assert 20_000 <= len(lines) <= 20_001
    assert max(len(line.value) for line in lines) <= 300


def nested_sequences(count: int, *, stated_lengths: bool) -> bytes:
    """Content Sequence in Content Sequence, ``count`` times, in explicit little endian."""
    tag, item = struct.pack("<HH2sH", 0x0040, 0xA730, b"SQ", 0), struct.pack("<HH", 0xFFFE, 0xE000)
    if not stated_lengths:
        unknown = struct.pack("<I", 0xFFFFFFFF)
        end = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
        return (tag + unknown + item + unknown) * count + end * count
    inner = b""
    for _ in range(count):
        content = item + struct.pack("<I", len(inner)) + inner
        inner = tag + struct.pack("<I", len(content)) + content
    return inner


@pytest.mark.parametrize("stated_lengths", [True, False])
@pytest.mark.parametrize("count", [60, 1000])
def test_nested_sequences_take_neither_memory_nor_minutes(tmp_path, count, stated_lengths):
    dataset = Dataset()
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    dataset.SOPInstanceUID = "1.2.3"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    path = tmp_path / "nested.dcm"
    dataset.save_as(path, enforce_file_format=True)
    with path.open("ab") as file:
        file.write(nested_sequences(count, stated_lengths=stated_lengths))
    tracemalloc.start()
    try:
        lines = read_tags(path, hide_identity=False)
    except UserError as error:  # deeper than pydicom parses
        assert count == 1000
        assert "can't be read" in str(error)
    else:
        nested = [line for line in lines if line.tag == "(0040,A730)"]
        assert [line.depth for line in nested] == list(range(9))
        assert {line.value for line in nested} == {"1 item"}
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 50e6
