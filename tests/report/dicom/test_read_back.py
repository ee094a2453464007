"""Objects of others and our own, read onto the scan: masks, marks, maps, window levels."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import dcmqi
import highdicom as hd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.annotations.annotation import length_mm
from fusion3d_gui.imaging.dicom.source_series import read_source_series
from fusion3d_gui.imaging.labels.object_file import object_kind
from fusion3d_gui.imaging.labels.read_object import read_scan_object
from fusion3d_gui.imaging.labels.scan_object import ScanObject
from fusion3d_gui.report.case_result import CaseResult
from fusion3d_gui.report.dicom.write_results import write_dicom_results
from tests.report.dicom.conftest import AXIAL, SERIES, scan_volume, write_series
from tests.report.dicom.test_dicom_results import expected_at


def read(path: Path, result: CaseResult) -> ScanObject:
    source = read_source_series(result.identity.files, result.volume)
    return read_scan_object(path, result.volume, source)


@pytest.fixture
def written(series_folder, make_result, tmp_path):
    """A result on a kind of series, and the folder with its objects."""

    def write(name: str) -> tuple[CaseResult, Path]:
        result = make_result(series_folder(name))
        write_dicom_results(result, tmp_path / "out")
        return result, tmp_path / "out"

    return write


def full_mask(mask, volume) -> np.ndarray:
    """A mask on the whole grid of the scan, by the positions of its voxels."""
    whole = np.zeros(volume.shape, bool)
    k, j, i = np.nonzero(mask.grid.voxels)
    index = volume.to_index(mask.grid.to_lps(np.stack([i, j, k], axis=-1)))
    assert np.abs(index - np.rint(index)).max() < 0.01
    i, j, k = np.rint(index).astype(int).T
    whole[k, j, i] = True
    return whole


@pytest.mark.parametrize("name", [each for each in SERIES if each != "uneven"])
def test_our_segments_come_back_voxel_by_voxel(name, written):
    result, folder = written(name)
    found = read(folder / "regions.dcm", result)
    assert [each.name for each in found.masks] == [
        *("Heat above 35 % of the peak", "Hot spot 1: 100 % of the peak"),
        f"Hot spot 2: {100 * result.hot_spots[1].share:.0f} % of the peak",
    ]
    volume = result.volume
    masks = [full_mask(each, volume) for each in found.masks]
    k, j, i = np.indices(volume.shape)
    points = volume.to_lps(np.stack([i, j, k], axis=-1)).reshape(-1, 3)
    expected = expected_at(result.prediction.heatmap, points).reshape(volume.shape)
    for missing in volume.missing:
        expected[missing] = 0
    # But for voxels on the very edge, where rounding decides.
    clear = abs(expected - 0.35) > 1e-4
    np.testing.assert_array_equal(masks[0][clear], (expected >= 0.35)[clear])
    np.testing.assert_array_equal(masks[1] | masks[2], masks[0])
    ml = (
        abs(np.linalg.det(volume.affine[:3, :3])) / 1000
    )  # less than by the spacing, where slices are tilted
    assert found.masks[0].volume_ml == pytest.approx(masks[0].sum() * ml)


@pytest.mark.parametrize("name", SERIES)
def test_our_map_comes_back_in_its_own_unit(name, written):
    result, folder = written(name)
    heat = read(folder / "heatmap.dcm", result).heat
    heatmap = result.prediction.heatmap
    for spot in result.hot_spots:
        near = spot.position_lps
        index = np.rint(heat.to_index(near)).astype(int)
        here = heat.to_lps(index)
        value = heat.value_at(here)
        # Interpolated between slices that are spaced unevenly, it is only near.
        off = 0.15 if name == "uneven" else 1e-4
        expected = expected_at(heatmap, here[None])[0] * heatmap.peak
        assert value == pytest.approx(expected, abs=off * heatmap.peak)


def test_viewers_begin_with_the_whole_range_of_our_map(written):
    """PS3.3 C.11.2.1.2.1: 0 to 1, a fraction of the peak, by LINEAR_EXACT is center 0.5, width 1."""
    _, folder = written("axial")
    shared = pydicom.dcmread(folder / "heatmap.dcm").SharedFunctionalGroupsSequence[0]
    (shown,) = shared.FrameVOILUTSequence
    assert (shown.WindowCenter, shown.WindowWidth) == (0.5, 1.0)
    assert shown.VOILUTFunction == "LINEAR_EXACT"


@pytest.mark.parametrize("missing", ["RealWorldValueSlope", "RealWorldValueIntercept"])
def test_half_a_mapping_to_real_values_is_no_mapping(missing, written):
    result, folder = written("axial")
    path = folder / "heatmap.dcm"
    dataset = pydicom.dcmread(path)
    shared = dataset.SharedFunctionalGroupsSequence[0]
    delattr(shared.RealWorldValueMappingSequence[0], missing)
    dataset.save_as(path)
    half = read(path, result).heat.voxels
    del shared.RealWorldValueMappingSequence
    dataset.save_as(path)
    assert np.array_equal(half, read(path, result).heat.voxels)


@pytest.mark.parametrize("name", SERIES)
def test_our_marks_come_back_at_their_place(name, written):
    result, folder = written(name)
    found = read(folder / "report.dcm", result)
    *_, last = found.marks
    assert last.kind == "distance" and last.number == len(found.marks) == 10
    texts = [each.text for each in found.marks[:2]]
    assert texts[0].startswith("AI result: Predicted probability 73.12 %")
    assert texts[1].startswith("AI hot spot 1: Share of the heatmap's peak 100 %")
    assert max(map(len, texts)) <= 60
    np.testing.assert_allclose(
        found.marks[0].points, [result.prediction.heatmap.peak_lps], atol=1e-3
    )
    for ours, back in zip(result.marks, found.marks[3:], strict=True):
        mark = ours.annotation
        assert (back.kind, back.text) == (mark.kind, mark.text)
        np.testing.assert_allclose(back.middle_lps, mark.middle_lps, atol=1e-3)
        if mark.is_region:
            assert sorted(back.half_size_mm) == pytest.approx(sorted(mark.half_size_mm), abs=1e-3)
            assert abs(back.normal_lps @ mark.normal_lps) == pytest.approx(1, abs=1e-6)
        else:
            np.testing.assert_allclose(back.points, mark.points, atol=1e-3)


@pytest.mark.parametrize("name", ["axial", "sagittal oblique", "tilted gantry", "enhanced"])
def test_our_presentation_state_comes_back(name, written):
    result, folder = written(name)
    found = read(folder / "marks.dcm", result)
    window = result.appearance.window
    assert found.window == pytest.approx((window.center, window.width), rel=1e-6)
    kinds = [each.kind for each in found.marks]
    assert kinds == ["point", "distance", "angle", "ellipse", "rectangle", "point", "distance"]
    for ours, back in zip(result.marks[:5], found.marks[1:6], strict=True):
        np.testing.assert_allclose(back.middle_lps, ours.annotation.middle_lps, atol=0.01)
    assert length_mm(found.marks[1]) == pytest.approx(25, abs=0.01)
    assert found.marks[1].text.startswith("Distance 1 width")


def test_graphics_of_another_image_are_left_out_and_told(written, tmp_path):
    result, folder = written("axial")
    state = pydicom.dcmread(folder / "marks.dcm")
    whole = read(folder / "marks.dcm", result).marks
    first = state.GraphicAnnotationSequence[0]
    first.ReferencedImageSequence[0].ReferencedSOPInstanceUID = "1.2.3.4.5"
    state.save_as(tmp_path / "marks.dcm")
    found = read(tmp_path / "marks.dcm", result)
    assert 0 < len(found.marks) < len(whole)
    assert found.notices == ("1 of its graphics lie in other images.",)


def test_the_summary_s_points_lie_in_the_slices(written):
    result, folder = written("sagittal oblique")
    for mark in read(folder / "summary.dcm", result).marks:
        assert mark.kind == "point"
        index = result.volume.to_index(mark.points_lps[0])
        assert abs(index[2] - round(index[2])) < 1e-3


def segmentation_by_dcmqi(folder: Path, mask: sitk.Image, out: Path) -> Path:
    """A Segmentation as 3D Slicer writes it."""
    code = {"CodeValue": "M-01000", "CodingSchemeDesignator": "SRT", "CodeMeaning": "Abnormal"}
    meta = {
        "ContentCreatorName": "Reader^A",
        "SeriesNumber": "300",
        "InstanceNumber": "1",
        "SeriesDescription": "Lesion of another program",
        "segmentAttributes": [
            [
                {
                    "labelID": 1,
                    "SegmentLabel": "Lesion",
                    "SegmentAlgorithmType": "MANUAL",
                    "SegmentedPropertyCategoryCodeSequence": code,
                    "SegmentedPropertyTypeCodeSequence": code,
                    "recommendedDisplayRGBValue": [255, 0, 0],
                }
            ]
        ],
    }
    out.mkdir()
    (out / "meta.json").write_text(json.dumps(meta))
    sitk.WriteImage(mask, str(out / "mask.nrrd"))
    program = Path(dcmqi.__file__).parent / "bin" / "itkimage2segimage"
    call = [program, "--inputImageList", out / "mask.nrrd", "--inputDICOMDirectory", folder]
    call += ["--outputDICOM", out / "seg.dcm", "--inputMetadata", out / "meta.json"]
    done = subprocess.run(list(map(str, call)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    return out / "seg.dcm"


@pytest.mark.parametrize("name", ["axial", "head first", "sagittal oblique"])
def test_a_segmentation_by_dcmqi_lies_where_its_mask_lay(
    name, series_folder, make_result, tmp_path
):
    folder = series_folder(name)
    result = make_result(folder)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    inside = np.zeros(image.GetSize()[::-1], np.uint8)
    inside[2:5, 3:9, 4:17] = inside[6, 1, 1] = 1
    mask = sitk.GetImageFromArray(inside)
    mask.CopyInformation(image)
    found = read(segmentation_by_dcmqi(folder, mask, tmp_path / "seg"), result)
    assert found.title == "Lesion of another program"
    (lesion,) = found.masks
    assert lesion.name == "Lesion"
    whole = full_mask(lesion, result.volume)
    for k, j, i in np.argwhere(inside):
        place = image.TransformIndexToPhysicalPoint((int(i), int(j), int(k)))
        x, y, z = np.rint(result.volume.to_index(np.array(place))).astype(int)
        assert whole[z, y, x]
    assert whole.sum() == inside.sum()


def test_a_segmentation_on_another_grid_is_sampled_as_simpleitk_does(
    series_folder, make_result, tmp_path
):
    """Frames of another orientation and spacing than the scan's, in its frame of reference."""
    folder = series_folder("axial")
    result = make_result(folder)
    grid = scan_volume(AXIAL)
    turn = sitk.Euler3DTransform()
    turn.SetRotation(0.2, -0.3, 0.4)
    directions = np.array(turn.GetMatrix()).reshape(3, 3)
    voxels = np.zeros((12, 20, 18), np.uint8)
    voxels[3:9, 4:16, 3:14] = 1
    affine = np.eye(4)
    affine[:3, :3] = directions * (5.0, 4.0, 3.0)
    affine[:3, 3] = grid.center_lps - affine[:3, :3] @ (np.array(voxels.shape[::-1]) - 1) / 2
    sources = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    description = hd.seg.SegmentDescription(
        1,
        "Turned",
        codes.SCT.Tissue,
        codes.SCT.Brain,
        "MANUAL",
    )
    volume = hd.Volume(
        voxels,
        hd.VolumeGeometry.from_components(
            spatial_shape=voxels.shape,
            spacing=(3.0, 4.0, 5.0),
            position=affine[:3, 3],
            direction=directions[:, ::-1],
            coordinate_system="PATIENT",
            frame_of_reference_uid=sources[0].FrameOfReferenceUID,
        ).affine,
        "PATIENT",
        sources[0].FrameOfReferenceUID,
    )
    made = hd.seg.Segmentation(
        sources, volume, "BINARY", [description], hd.UID(), 7, hd.UID(), 1, "M", "N", "1", "2"
    )
    made.save_as(tmp_path / "turned.dcm")
    (mask,) = read(tmp_path / "turned.dcm", result).masks
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((5.0, 4.0, 3.0))
    image.SetDirection(directions.ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    whole = full_mask(mask, result.volume)
    expected = np.zeros_like(whole)
    for k, j, i in np.ndindex(*whole.shape):
        point = result.volume.to_lps(np.array([i, j, k]))
        index = image.TransformPhysicalPointToIndex(point.tolist())
        if all(0 <= n < size for n, size in zip(index, image.GetSize(), strict=True)):
            expected[k, j, i] = image[index] > 0
    assert (whole != expected).mean() < 1e-3
    assert expected.sum() > 100


@pytest.mark.parametrize("kind", ["FRACTIONAL", "LABELMAP"])
def test_fractions_and_label_maps_become_masks(kind, series_folder, make_result, tmp_path):
    folder = series_folder("axial")
    result = make_result(folder)
    sources = [pydicom.dcmread(path) for path in sorted(folder.iterdir())]
    values = np.zeros((9, 22, 26), np.float32 if kind == "FRACTIONAL" else np.uint8)
    values[3, 4:8, 5:9] = 0.75 if kind == "FRACTIONAL" else 1
    values[3, 6:8, 5:9] = 0.25 if kind == "FRACTIONAL" else 2
    count = 1 if kind == "FRACTIONAL" else 2
    descriptions = [
        hd.seg.SegmentDescription(n, f"Part {n}", codes.SCT.Tissue, codes.SCT.Brain, "MANUAL")
        for n in range(1, count + 1)
    ]
    made = hd.seg.Segmentation(
        sources, values, kind, descriptions, hd.UID(), 7, hd.UID(), 1, "M", "N", "1", "2"
    )
    made.save_as(tmp_path / "seg.dcm")
    masks = read(tmp_path / "seg.dcm", result).masks
    assert [each.name for each in masks] == [f"Part {n}" for n in range(1, count + 1)]
    expected = [values == 1, values == 2] if kind == "LABELMAP" else [values >= 0.5]
    for mask, inside in zip(masks, expected, strict=True):
        np.testing.assert_array_equal(full_mask(mask, result.volume), inside)


def report_of_another_program(folder: Path, path: Path, kind, points, values=()) -> None:
    """A measurement on the third image as highdicom writes it."""
    sources = [pydicom.dcmread(each) for each in sorted(folder.iterdir())]
    region = hd.sr.ImageRegion(
        kind, np.array(points, float), hd.sr.SourceImageForRegion.from_source_image(sources[2])
    )
    group = hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(hd.UID(), "Lesion 1"),
        referenced_region=region,
        finding_type=codes.SCT.Nodule,
        measurements=[
            hd.sr.Measurement(name=name, value=value, unit=unit) for name, value, unit in values
        ],
    )
    person = hd.sr.ObserverContext(
        codes.DCM.Person, hd.sr.PersonObserverIdentifyingAttributes(name="Reader^A")
    )
    report = hd.sr.MeasurementReport(
        hd.sr.ObservationContext(observer_person_context=person),
        codes.SCT.ImagingProcedure,
        [group],
    )
    hd.sr.ComprehensiveSR(sources, report, hd.UID(), 8, hd.UID(), 1, "Other").save_as(path)


@pytest.mark.parametrize(
    ("kind", "points", "becomes"),
    [
        ("POINT", [[4.5, 7.5]], "point"),
        ("POLYLINE", [[2.5, 3.5], [10.5, 3.5]], "distance"),
        ("POLYLINE", [[2.5, 3.5], [10.5, 3.5], [10.5, 9.5]], "angle"),
        ("POLYLINE", [[2, 3], [10, 3], [10, 9], [2, 9], [2, 3]], "rectangle"),
        ("POLYLINE", [[2, 3], [10, 3], [12, 9], [2, 9], [2, 3]], "point"),
        ("CIRCLE", [[9.5, 9.5], [12.5, 9.5]], "ellipse"),
        ("ELLIPSE", [[2, 9], [12, 9], [7, 6], [7, 12]], "ellipse"),
    ],
)
def test_measurements_of_others_become_marks(
    kind, points, becomes, series_folder, make_result, tmp_path
):
    folder = series_folder("sagittal oblique")
    result = make_result(folder)
    length = (codes.SCT.Length, 28.0, codes.UCUM.Millimeter)
    report_of_another_program(folder, tmp_path / "sr.dcm", kind, points, [length])
    (mark,) = read(tmp_path / "sr.dcm", result).marks
    assert mark.kind == becomes
    assert mark.text.startswith("Lesion 1: Length 28 mm")
    image = pydicom.dcmread(sorted(folder.iterdir())[2])
    row, column = np.array(image.ImageOrientationPatient, float).reshape(2, 3)
    down, right = map(float, image.PixelSpacing)

    def lps(pixel) -> np.ndarray:
        x, y = np.array(pixel, float) - 0.5
        return np.array(image.ImagePositionPatient, float) + row * right * x + column * down * y

    if becomes in ("point", "distance", "angle") and len(points) < 4:
        np.testing.assert_allclose(mark.points, [lps(each) for each in points], atol=1e-3)
    elif becomes == "point":
        assert "outline of 4 points, shown as its middle" in mark.text
        np.testing.assert_allclose(mark.points[0], lps([6.5, 6]), atol=0.6)
    elif kind == "CIRCLE":
        assert mark.half_size_mm == pytest.approx((3 * right, 3 * right), rel=1e-4)
        np.testing.assert_allclose(mark.middle_lps, lps([9.5, 9.5]), atol=1e-3)
    else:
        half = (4 * right, 3 * down) if kind == "POLYLINE" else (5 * right, 3 * down)
        assert mark.half_size_mm == pytest.approx(half, rel=1e-4)
        assert abs(mark.normal_lps @ np.cross(row, column)) == pytest.approx(1)


KINDS = ("regions", "heatmap", "report", "summary", "marks")


@pytest.mark.parametrize("name", KINDS)
def test_an_object_of_another_scan_is_never_shown(
    name, written, series_folder, make_result, tmp_path
):
    _, folder = written("axial")
    stranger = make_result(series_folder("head first"))
    with pytest.raises(UserError, match="belongs to another study"):
        read(folder / f"{name}.dcm", stranger)


@pytest.mark.parametrize("name", KINDS)
def test_an_object_of_another_series_of_the_study_is_never_shown(
    name, written, make_result, tmp_path
):
    """Another series of the same study, in a frame of reference of its own."""
    result, folder = written("axial")
    other = write_series(scan_volume(AXIAL), tmp_path / "other")
    for path in other.iterdir():
        image = pydicom.dcmread(path)
        image.StudyInstanceUID = pydicom.dcmread(result.identity.files[0]).StudyInstanceUID
        image.save_as(path)
    with pytest.raises(UserError, match=r"another frame of reference|another series"):
        read(folder / f"{name}.dcm", make_result(other))


def test_what_is_no_object_about_a_scan_is_refused(written, tmp_path):
    result, _ = written("axial")
    for path in (result.identity.files[0], Path(__file__), tmp_path / "nowhere"):
        assert object_kind(path) is None
        with pytest.raises(UserError):
            read(path, result)


@pytest.mark.parametrize("name", KINDS)
def test_damaged_objects_end_in_a_sentence(name, written, tmp_path):
    """Cut short anywhere, or with bytes changed: an error of the user, or what can be read of it."""
    result, folder = written("axial")
    source = read_source_series(result.identity.files, result.volume)
    content = (folder / f"{name}.dcm").read_bytes()
    random = np.random.default_rng(len(name))
    path = tmp_path / "mutant.dcm"
    refused = 0
    for number in range(60):
        mutant = bytearray(content)
        if number % 3 == 0:
            del mutant[int(random.integers(140, len(mutant))) :]
        else:
            # Mostly in the header, which decides what is done.
            end = min(len(mutant), 140 + 12_000)
            for place in random.integers(140, end, 1 + number % 5):
                mutant[place] = int(random.integers(0, 256))
        path.write_bytes(mutant)
        try:
            found = read_scan_object(path, result.volume, source)
            assert len(found.marks) <= 500
        except UserError:
            refused += 1
    assert refused > 5


def nested(depth: int) -> Dataset:
    item = Dataset()
    item.ValueType = "CONTAINER"
    for _ in range(depth):
        outer = Dataset()
        outer.ValueType = "CONTAINER"
        outer.ContentSequence = [item]
        item = outer
    return item


def test_a_report_that_is_nested_without_end_or_packed_is_refused(written, tmp_path):
    result, folder = written("axial")
    report = pydicom.dcmread(folder / "report.dcm")
    report.ContentSequence = [nested(60)]
    report.save_as(tmp_path / "deep.dcm")
    with pytest.raises(UserError, match="no measurement with a place"):
        read(tmp_path / "deep.dcm", result)
    packed = pydicom.dcmread(folder / "report.dcm")
    packed.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    packed.save_as(tmp_path / "packed.dcm")
    with pytest.raises(UserError, match="packed as a whole"):
        read(tmp_path / "packed.dcm", result)


def test_a_report_with_ten_thousand_points_shows_the_first(written, tmp_path):
    result, folder = written("axial")
    report = pydicom.dcmread(folder / "report.dcm")
    for item in report.ContentSequence[-1].ContentSequence[0].ContentSequence:
        if item.ValueType == "SCOORD3D":
            item.GraphicType = "MULTIPOINT"
            item.GraphicData = np.zeros(30_000).tolist()
    report.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian  # one of explicit VR ends at 64 kB
    report.save_as(tmp_path / "many.dcm")
    found = read(tmp_path / "many.dcm", result)
    assert len(found.marks) == 500
    assert found.notices == ("Only the first 500 of its marks are shown.",)


def test_a_graphic_with_numbers_that_are_none_is_left_out(written, tmp_path):
    result, folder = written("axial")
    report = pydicom.dcmread(folder / "report.dcm")
    group = report.ContentSequence[-1].ContentSequence[0]
    for item in group.ContentSequence:
        if item.ValueType == "SCOORD3D":
            item.GraphicData = [float("nan"), 0.0, 1e30]
    report.save_as(tmp_path / "nan.dcm")
    found = read(tmp_path / "nan.dcm", result)
    assert len(found.marks) == 9
    assert found.notices == ("1 of its measurements lie in other images.",)


def test_segments_that_do_not_lie_in_the_scan_are_told(written, make_result, tmp_path):
    result, folder = written("axial")
    regions = pydicom.dcmread(folder / "regions.dcm")
    for frame in regions.PerFrameFunctionalGroupsSequence:
        place = frame.PlanePositionSequence[0]
        place.ImagePositionPatient = [*place.ImagePositionPatient[:2], 900.0]
    regions.save_as(tmp_path / "away.dcm")
    found = read(tmp_path / "away.dcm", result)
    assert found.masks == () and found.notices == ("3 of its segments lie nowhere in the scan.",)
    assert replace(found, notices=()).title.startswith("AI regions")


def test_frames_of_a_segment_that_is_not_declared_are_left_out(written, tmp_path):
    result, folder = written("axial")
    regions = pydicom.dcmread(folder / "regions.dcm")
    regions.SegmentSequence = regions.SegmentSequence[:-1]
    regions.save_as(tmp_path / "fewer.dcm")
    all_of_them = read(folder / "regions.dcm", result).masks
    found = read(tmp_path / "fewer.dcm", result).masks
    assert [mask.name for mask in found] == [mask.name for mask in all_of_them[:-1]]
    for mask, expected in zip(found, all_of_them, strict=False):
        assert np.array_equal(full_mask(mask, result.volume), full_mask(expected, result.volume))
