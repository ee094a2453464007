"""Frames of enhanced multi-frame headers: a frame's own groups before the shared ones, what is not valid, labels."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.frames.enhanced import read_enhanced_frames
from fusion3d_gui.imaging.dicom.frames.file import read_dicom_file
from fusion3d_gui.imaging.dicom.frames.frame import Frame, Rescale
from fusion3d_gui.imaging.dicom.frames.unreadable import UnreadableValue
from fusion3d_gui.imaging.dicom.parser.encoding import FileBytes


def item(**values) -> list[Dataset]:
    made = Dataset()
    for key, value in values.items():
        setattr(made, key, value)
    return [made]


def shared(**changes) -> Dataset:
    groups = {
        "PixelMeasuresSequence": item(PixelSpacing=[0.5, 0.8], SliceThickness=2),
        "PlaneOrientationSequence": item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]),
        "PlanePositionSequence": item(ImagePositionPatient=[1, 2, 3]),
        "PixelValueTransformationSequence": item(RescaleSlope=2, RescaleIntercept=-5),
    }
    made = Dataset()
    for key, value in {**groups, **changes}.items():
        if value is not None:
            setattr(made, key, value)
    return made


def write(
    path: Path, own: list[Dataset], common: Dataset, count: int | None = None, **values
) -> Path:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2.1", "1.2.9"
    made.Modality = "CT"
    made.Rows, made.Columns, made.SamplesPerPixel = 2, 3, 1
    made.PhotometricInterpretation = "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 16, 15, 0
    made.NumberOfFrames = count or len(own)
    made.SharedFunctionalGroupsSequence = [common]
    made.PerFrameFunctionalGroupsSequence = own
    made.PixelData = bytes(12 * made.NumberOfFrames)
    for key, value in values.items():
        setattr(made, key, value)
    made.save_as(path, enforce_file_format=True)
    return path


def read(path: Path) -> tuple[tuple[Frame, ...], tuple[str, ...]]:
    return read_enhanced_frames(read_dicom_file(FileBytes.from_path(path)))


def one(
    tmp_path: Path, own: Dataset | None = None, common: Dataset | None = None, **values
) -> Frame:
    path = write(tmp_path / "a.dcm", [own or Dataset()], common or shared(), **values)
    (found,), notices = read(path)
    assert notices == ()
    return found


def test_a_frame_is_described_by_the_shared_groups(tmp_path):
    found = one(tmp_path)
    assert (found.index, found.position, found.spacing) == (0, (1.0, 2.0, 3.0), (0.5, 0.8))
    assert found.orientation == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    assert (found.slice_spacing_mm, found.rescale) == (2.0, Rescale(2.0, -5.0, "HU"))
    assert (found.windows, found.voi_function, found.labels, found.unreadable) == ((), "", {}, ())


def test_a_frames_own_groups_come_before_the_shared_ones(tmp_path):
    own = [Dataset(), Dataset()]
    own[1].PlanePositionSequence = item(ImagePositionPatient=[4, 5, 6])
    own[1].PixelMeasuresSequence = item(PixelSpacing=[0.6, 0.9], SpacingBetweenSlices=-3)
    own[1].PlaneOrientationSequence = item(ImageOrientationPatient=[0, 1, 0, 0, 0, 1])
    own[1].PixelValueTransformationSequence = item(RescaleSlope=3, RescaleIntercept=7)
    own[1].FrameVOILUTSequence = item(
        WindowCenter=[1, 2, 3], WindowWidth=[4, 0, 6], VOILUTFunction="SIGMOID"
    )
    (first, second), _ = read(write(tmp_path / "a.dcm", own, shared()))
    assert (first.position, second.position) == ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
    assert (first.index, second.index) == (0, 1)
    assert (second.spacing, second.slice_spacing_mm) == ((0.6, 0.9), 3.0)
    assert second.orientation == (0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    assert second.rescale == Rescale(3.0, 7.0, "HU")
    assert (second.windows, second.voi_function) == (((1.0, 4.0), (3.0, 6.0)), "SIGMOID")
    assert (first.windows, first.voi_function) == ((), "")


def test_more_descriptions_than_frames_are_told_and_fewer_refused(tmp_path):
    own = [Dataset(), Dataset(), Dataset()]
    frames, notices = read(write(tmp_path / "a.dcm", own, shared(), 2))
    assert len(frames) == 2
    assert notices == ("The file says it holds 2 frames, yet describes 3.",)
    with pytest.raises(UserError, match="says it holds 4 frames, yet describes 3"):
        read(write(tmp_path / "a.dcm", own, shared(), 4))


def test_groups_that_can_not_be_read_are_damaged(tmp_path):
    path = write(tmp_path / "a.dcm", [Dataset()], shared())
    dataset = pydicom.dcmread(path)
    del dataset.PerFrameFunctionalGroupsSequence
    dataset.add_new("PerFrameFunctionalGroupsSequence", "LO", "xyz")
    dataset.save_as(path)
    with pytest.raises(UserError, match="is damaged: what it says of its frames can't be read"):
        read(path)


# -- geometry -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measures", "spacing", "thickness", "unreadable"),
    [
        ({"PixelSpacing": [0.5, 0.8]}, (0.5, 0.8), None, []),
        (
            {"PixelSpacing": [0.5, 0], "SliceThickness": 2},
            None,
            2.0,
            [("PixelSpacing", "0.5\\0.0")],
        ),
        ({"PixelSpacing": [-1, 1]}, None, None, [("PixelSpacing", "-1.0\\1.0")]),
        ({"PixelSpacing": [2e-6, 1]}, (2e-6, 1.0), None, []),
        ({"PixelSpacing": [0.5]}, None, None, [("PixelSpacing", "0.5")]),
        ({"SpacingBetweenSlices": 3, "SliceThickness": 2}, None, 3.0, []),
        ({"SpacingBetweenSlices": 0, "SliceThickness": 2}, None, 2.0, []),
        ({"SpacingBetweenSlices": 2e-6}, None, 2e-6, []),
        ({"SpacingBetweenSlices": 9e-7}, None, None, []),
        (
            {"SpacingBetweenSlices": [1, 2], "SliceThickness": [3, 4]},
            None,
            None,
            [("SpacingBetweenSlices", "1.0\\2.0"), ("SliceThickness", "3.0\\4.0")],
        ),
        (
            {"SpacingBetweenSlices": [1, 2], "SliceThickness": 3},
            None,
            3.0,
            [("SpacingBetweenSlices", "1.0\\2.0")],
        ),
    ],
)
def test_measures_are_two_numbers_and_one(tmp_path, measures, spacing, thickness, unreadable):
    found = one(tmp_path, common=shared(PixelMeasuresSequence=item(**measures)))
    assert (found.spacing, found.slice_spacing_mm) == (spacing, thickness)
    assert [each.keyword for each in found.unreadable] == [key for key, _ in unreadable]
    for each, (_, text) in zip(found.unreadable, unreadable, strict=True):
        assert [float(n) for n in each.text.split("\\")] == [float(n) for n in text.split("\\")]


@pytest.mark.parametrize(
    ("cosines", "is_kept"),
    [([1, 0, 0, 1, 0, 0], True), ([1, 0, 0], True), ([2, 0, 0, 0, 1, 0], True), (None, False)],
)
def test_an_orientation_that_can_not_be_is_kept(tmp_path, cosines, is_kept):
    group = None if cosines is None else item(ImageOrientationPatient=cosines)
    found = one(tmp_path, common=shared(PlaneOrientationSequence=group))
    assert found.orientation is None
    assert [each.keyword for each in found.unreadable] == ["ImageOrientationPatient"] * is_kept


def test_a_position_is_three_numbers(tmp_path):
    found = one(tmp_path, common=shared(PlanePositionSequence=item(ImagePositionPatient=[1, 2])))
    assert found.position is None
    (value,) = found.unreadable
    assert value.keyword == "ImagePositionPatient" and value.text.startswith("1")
    assert one(tmp_path, common=shared(PlanePositionSequence=None)).position is None


# -- values -----------------------------------------------------------------------------------------


def rescale(
    tmp_path: Path, transformation: dict | None, mapping: dict | None = None, **values
) -> Frame:
    changes = {"PixelValueTransformationSequence": transformation and item(**transformation)}
    if mapping is not None:
        changes["RealWorldValueMappingSequence"] = item(**mapping)
    return one(tmp_path, common=shared(**changes), **values)


def test_slope_and_intercept_are_the_rescale(tmp_path):
    assert rescale(tmp_path, {"RescaleSlope": 2}).rescale == Rescale(2.0, 0.0, "HU")
    assert rescale(tmp_path, {"RescaleIntercept": 2}).rescale == Rescale(1.0, 0.0, "HU")
    assert rescale(tmp_path, None).rescale == Rescale(1.0, 0.0, "HU")
    assert rescale(tmp_path, None, Modality="MR").rescale == Rescale(1.0, 0.0, "")
    found = rescale(tmp_path, {"RescaleSlope": 0, "RescaleIntercept": 4})
    assert found.rescale == Rescale(1.0, 0.0, "HU")
    assert [each.keyword for each in found.unreadable] == ["RescaleSlope"]
    found = rescale(tmp_path, {"RescaleSlope": [1, 2], "RescaleIntercept": [4, 5]})
    assert [each.keyword for each in found.unreadable] == ["RescaleSlope", "RescaleIntercept"]


@pytest.mark.parametrize(
    ("kind", "modality", "unit"),
    [
        ("HU", "CT", "HU"),
        ("us", "CT", "HU"),
        ("UNSPECIFIED", "MR", ""),
        ("", "MR", ""),
        ("BQML", "PT", "Bq/ml"),
        ("ms", "MR", "ms"),
    ],
)
def test_a_unit_is_that_of_the_rescale(tmp_path, kind, modality, unit):
    found = rescale(
        tmp_path, {"RescaleSlope": 2, "RescaleIntercept": 1, "RescaleType": kind}, Modality=modality
    )
    assert found.rescale == Rescale(2.0, 1.0, unit)


def test_a_real_world_mapping_counts_where_there_is_no_slope(tmp_path):
    mapping = {
        "RealWorldValueSlope": 0.5,
        "RealWorldValueIntercept": 3.0,
        "MeasurementUnitsCodeSequence": item(CodeValue="ms"),
    }
    assert rescale(tmp_path, None, mapping).rescale == Rescale(0.5, 3.0, "ms")
    assert rescale(tmp_path, {"RescaleSlope": 0}, mapping).rescale == Rescale(0.5, 3.0, "ms")
    assert rescale(tmp_path, {"RescaleSlope": 2}, mapping).rescale == Rescale(2.0, 0.0, "HU")
    plain = {"RealWorldValueSlope": 0.5, "MeasurementUnitsCodeSequence": item(CodeValue="1")}
    assert rescale(tmp_path, None, plain).rescale == Rescale(0.5, 0.0, "")
    flat = {"RealWorldValueSlope": 0.0, "RealWorldValueIntercept": 3.0}
    assert rescale(tmp_path, None, flat).rescale == Rescale(1.0, 0.0, "HU")


# -- labels -----------------------------------------------------------------------------------------


def test_labels_are_what_may_tell_frames_apart(tmp_path):
    own = Dataset()
    own.MRImageFrameTypeSequence = item(
        FrameType=["ORIGINAL", "PRIMARY"], ComplexImageComponent="MAGNITUDE"
    )
    own.MREchoSequence = item(EffectiveEchoTime=12.5)
    own.FrameContentSequence = item(TemporalPositionIndex=3, StackID="1", FrameAcquisitionNumber=0)
    gradient = item(DiffusionGradientOrientation=[0.6, -0.8, 0.0])
    own.MRDiffusionSequence = item(
        DiffusionBValue=1000.0,
        DiffusionDirectionality="DIRECTIONAL",
        DiffusionGradientDirectionSequence=gradient,
    )
    own.SegmentIdentificationSequence = item(ReferencedSegmentNumber=2)
    own.CardiacSynchronizationSequence = item(NominalCardiacTriggerDelayTime=250.0)
    assert one(tmp_path, own).labels == {
        "ImageType": "ORIGINAL\\PRIMARY",
        "ComplexImageComponent": "MAGNITUDE",
        "SegmentNumber": "2",
        "EchoTime": "12.5",
        "DiffusionBValue": "1000",
        "DiffusionDirectionality": "DIRECTIONAL",
        "TemporalPositionIdentifier": "3",
        "TriggerTime": "250",
        "StackID": "1",
        "AcquisitionNumber": "0",
        "DiffusionGradientOrientation": "0.60, -0.80, 0.00",
    }
    empty = Dataset()
    empty.FrameContentSequence = item(StackID="")
    assert one(tmp_path, empty).labels == {}


def test_what_is_not_valid_has_its_text(tmp_path):
    found = one(tmp_path, common=shared(PixelMeasuresSequence=item(PixelSpacing=[1, 2, 3])))
    assert found.unreadable == (UnreadableValue("PixelSpacing", found.unreadable[0].text),)
    assert list(map(float, found.unreadable[0].text.split("\\"))) == [1, 2, 3]
