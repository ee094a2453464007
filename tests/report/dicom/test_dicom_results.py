"""DICOM objects of a result, judged by dciodvfy, dcmqi, dcmtk, SimpleITK and Orthanc."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.fit.fit_report import DEMONSTRATION, FitReport
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.report.case_result import CaseResult
from fusion3d_gui.report.dicom.new_study import sixteen_bits
from fusion3d_gui.report.dicom.study_identity import copy_study
from fusion3d_gui.report.dicom.write_results import FILE_NAMES, write_dicom_results
from tests.report.dicom.conftest import IDENTITY, SERIES, scan_volume

PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>"
    b"endobj 3 0 obj<</Type/Page/MediaBox[0 0 200 200]/Parent 2 0 R>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF"
)
PICTURE = np.random.default_rng(0).integers(0, 255, (61, 83, 3)).astype(np.uint8)


def written(result: CaseResult, folder: Path, **options) -> dict[str, Dataset]:
    options = {"picture": PICTURE, "page": PDF} | options
    paths = write_dicom_results(result, folder, **options)
    return {path.stem: pydicom.dcmread(path) for path in paths if path.parent == folder}


def all_items(dataset: Dataset):
    """The data set and every item of its sequences."""
    yield dataset
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from all_items(item)


@pytest.mark.parametrize("name", SERIES)
def test_the_validator_finds_no_error_in_any_object(
    name, series_folder, make_result, dciodvfy, tmp_path
):
    result = make_result(series_folder(name))
    paths = write_dicom_results(result, tmp_path / "out", picture=PICTURE, page=PDF)
    assert {path.name for path in paths} == set(FILE_NAMES.values())
    assert {path.name: dciodvfy(path) for path in paths} == {path.name: [] for path in paths}


def itk_heatmap(heatmap: Heatmap) -> sitk.Image:
    image = sitk.GetImageFromArray(heatmap.values.astype(np.float64))
    spacing = np.linalg.norm(heatmap.affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((heatmap.affine[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(heatmap.affine[:3, 3].tolist())
    return image


def expected_at(heatmap: Heatmap, points_lps: np.ndarray) -> np.ndarray:
    """SimpleITK's linear interpolation at points, as a fraction of the peak; 0 outside."""
    image = itk_heatmap(heatmap)
    found = []
    for point in points_lps:
        index = np.array(image.TransformPhysicalPointToContinuousIndex(point.tolist()))
        inside = (index >= -0.5).all() and (index < np.array(image.GetSize()) - 0.5).all()
        found.append(image.EvaluateAtPhysicalPoint(point.tolist()) if inside else 0.0)
    return np.array(found) / heatmap.peak


def source_corners(folder: Path) -> np.ndarray:
    """Of every image of a scan the patient positions of three corner pixels, by pydicom: ``[image, 3, 3]``."""
    found = []
    for path in sorted(folder.rglob("*.dcm")):
        image = pydicom.dcmread(path)
        groups = image.get("PerFrameFunctionalGroupsSequence")
        if groups is None:
            positions, geometry = [image.ImagePositionPatient], (image, image)
        else:
            shared = image.SharedFunctionalGroupsSequence[0]
            positions = [each.PlanePositionSequence[0].ImagePositionPatient for each in groups]
            geometry = (shared.PlaneOrientationSequence[0], shared.PixelMeasuresSequence[0])
        row, column = np.array(geometry[0].ImageOrientationPatient, float).reshape(2, 3)
        down, right = map(float, geometry[1].PixelSpacing)
        for position in np.array(positions, float):
            across = row * right * (image.Columns - 1)
            along = column * down * (image.Rows - 1)
            found.append([position, position + across, position + along])
    return np.array(found)


@pytest.mark.parametrize("name", SERIES)
def test_every_pixel_of_the_map_lies_on_one_of_the_scan_and_has_the_heatmap_s_value(
    name, series_folder, make_result, tmp_path
):
    folder = series_folder(name)
    result = make_result(folder)
    made = written(result, tmp_path / "out", kinds=("heatmap",))["heatmap"]
    corners = source_corners(folder)
    shared = made.SharedFunctionalGroupsSequence[0]
    row, column = np.array(
        shared.PlaneOrientationSequence[0].ImageOrientationPatient, float
    ).reshape(2, 3)
    down, right = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    pixels = np.frombuffer(made.FloatPixelData, "<f4")
    pixels = pixels.reshape(int(made.NumberOfFrames), made.Rows, made.Columns)
    positions = np.array(
        [
            frame.PlanePositionSequence[0].ImagePositionPatient
            for frame in made.PerFrameFunctionalGroupsSequence
        ],
        float,
    )
    assert len(positions) == len(corners)
    # Ascending along the normal: viewers place frames by their number.
    assert (np.diff(positions @ np.cross(row, column)) > 0).all()
    random = np.random.default_rng(1)
    heatmap = result.prediction.heatmap
    for frame, position in zip(pixels, positions, strict=True):
        across, along = row * right * (made.Columns - 1), column * down * (made.Rows - 1)
        own = np.array([position, position + across, position + along])
        away = np.abs(corners - own).max(axis=(1, 2))
        assert away.min() < 0.01
        j = random.integers(0, made.Rows, 40)
        i = random.integers(0, made.Columns, 40)
        points = position + np.outer(i * right, row) + np.outer(j * down, column)
        np.testing.assert_allclose(frame[j, i], expected_at(heatmap, points), atol=2e-5)
    assert pixels.max() > 0.5


@pytest.mark.parametrize("name", ["axial", "head first", "sagittal oblique", "enhanced"])
def test_dcmqi_reads_the_map_back_at_its_place_with_its_values(
    name, series_folder, make_result, run_dcmqi, tmp_path
):
    """dcmqi counts frames without looking at their positions, as OHIF does."""
    folder = series_folder(name)
    result = make_result(folder)
    written(result, tmp_path / "out", kinds=("heatmap",))
    out = run_dcmqi("paramap2itkimage", tmp_path / "out/heatmap.dcm", "-t", "nrrd")
    image = sitk.ReadImage(str(out / "pmap.nrrd"))
    corners = source_corners(folder)
    columns, rows, slices = image.GetSize()
    found = np.array(
        [
            [
                image.TransformIndexToPhysicalPoint((i, j, k))
                for i, j in ((0, 0), (columns - 1, 0), (0, rows - 1))
            ]
            for k in range(slices)
        ]
    )
    away = np.abs(found[:, None] - corners[None]).max(axis=(2, 3))
    assert away.min(axis=1).max() < 0.01
    assert sorted(away.argmin(axis=1)) == list(range(len(corners)))
    k, j, i = np.meshgrid(*map(np.arange, (slices, rows, columns)), indexing="ij")
    some = np.random.default_rng(4).choice(k.size, 3000, replace=False)
    index = np.stack([i, j, k], axis=-1).reshape(-1, 3)[some]
    points = np.array([image.TransformIndexToPhysicalPoint(each.tolist()) for each in index])
    values = sitk.GetArrayFromImage(image).ravel()[some]
    np.testing.assert_allclose(values, expected_at(result.prediction.heatmap, points), atol=2e-5)


def test_the_map_tells_its_true_peak_its_displacement_and_its_method(
    series_folder, make_result, tmp_path
):
    result = make_result(series_folder("axial"))
    made = written(result, tmp_path / "out")["heatmap"]
    heatmap = result.prediction.heatmap
    mapping = made.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    assert mapping.RealWorldValueSlope == pytest.approx(heatmap.peak)
    assert mapping.RealWorldValueIntercept == 0
    assert f"{heatmap.peak:.6g}" in made.DerivationDescription
    assert "1.2, -6.5, 3.0" in made.DerivationDescription
    assert "gradcam of layer4" in made.DerivationDescription
    anatomy = made.SharedFunctionalGroupsSequence[0].FrameAnatomySequence[0]
    assert anatomy.AnatomicRegionSequence[0].CodeMeaning == "Brain"
    assert made.ContentQualification == "RESEARCH"


def test_an_empty_heatmap_is_a_map_of_zeros_and_no_segmentation(
    series_folder, make_result, dciodvfy, tmp_path
):
    result = make_result(series_folder("axial"))
    empty = replace(result.prediction.heatmap, values=np.zeros((3, 4, 5), np.float32))
    result = replace(result, prediction=replace(result.prediction, heatmap=empty), hot_spots=())
    told: list[str] = []
    made = written(result, tmp_path / "out", notify=told.append)
    assert {"regions", "summary"} & set(made) == set()
    assert "No segmentation" in told[0] and "No summary" in told[1]
    assert not np.frombuffer(made["heatmap"].FloatPixelData, "<f4").any()
    for name in made:
        assert dciodvfy(tmp_path / f"out/{name}.dcm") == []


@pytest.mark.parametrize("name", ["axial", "head first", "sagittal oblique"])
def test_dcmqi_reads_the_segments_back_as_the_heat_above_the_threshold(
    name, series_folder, make_result, run_dcmqi, tmp_path
):
    result = make_result(series_folder(name))
    made = written(result, tmp_path / "out")
    heat = sitk.ReadImage(
        str(run_dcmqi("paramap2itkimage", tmp_path / "out/heatmap.dcm", "-t", "nrrd") / "pmap.nrrd")
    )
    folder = run_dcmqi("segimage2itkimage", tmp_path / "out/regions.dcm", "-t", "nrrd")
    masks = []
    for number in range(1, 4):
        mask = sitk.ReadImage(str(folder / f"{number}.nrrd"))
        # Only the slices with segments are stored: bring them onto the map's grid by position.
        onto = sitk.Resample(mask, heat, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
        masks.append(sitk.GetArrayFromImage(onto) > 0)
    above = sitk.GetArrayFromImage(heat) >= result.appearance.threshold
    np.testing.assert_array_equal(masks[0], above)
    np.testing.assert_array_equal(masks[1] | masks[2], above)
    assert not (masks[1] & masks[2]).any()
    # Each hot spot's mask holds its peak, and not that of the other.
    for number, spot in enumerate(result.hot_spots):
        index = heat.TransformPhysicalPointToIndex(spot.position_lps.tolist())
        assert [bool(mask[index[::-1]]) for mask in masks[1:]] == [number == 0, number == 1]
    for segment in made["regions"].SegmentSequence:
        used = segment.SegmentationAlgorithmIdentificationSequence[0]
        assert (used.AlgorithmName, used.AlgorithmVersion) == ("A test", "1.2.3")
        assert f"weights_sha256={'a1' * 32}" in used.AlgorithmParameters
        assert segment.SegmentAlgorithmType == "AUTOMATIC"


def test_dcmqi_and_dsrdump_read_the_report(series_folder, make_result, run_dcmqi, tmp_path):
    result = make_result(series_folder("axial"))
    made = written(result, tmp_path / "out")["report"]
    assert made.ContentSequence is not None
    assert made.ConceptNameCodeSequence[0].CodeMeaning == "Imaging Measurement Report"
    out = run_dcmqi("tid1500reader", tmp_path / "out/report.dcm", "--outputMetadata", "report.json")
    groups = json.loads((out / "report.json").read_text())["Measurements"]
    values = {
        item["quantity"]["CodeMeaning"]: float(item["value"])
        for item in groups[0]["measurementItems"]
    }
    assert values == {
        "Predicted probability": pytest.approx(73.12),
        "Decision threshold of the probability": pytest.approx(40),
    }
    assert groups[0]["Finding"]["CodeMeaning"] == "A test"
    used = groups[0]["measurementAlgorithmIdentification"]
    assert (used["AlgorithmName"], used["AlgorithmVersion"]) == ("A test", "1.2.3")
    names = [group["TrackingIdentifier"] for group in groups]
    assert names == [
        "AI result",
        *("AI hot spot 1", "AI hot spot 2", "Distance 1", "Angle 2", "Ellipse 3"),
        *("Rectangle 4", "Point 5", "Arrow 6", "Distance 7"),
    ]
    uids = [group["TrackingUniqueIdentifier"] for group in groups]
    assert len(set(uids)) == len(uids)
    distance = groups[3]["measurementItems"][0]
    assert float(distance["value"]) == pytest.approx(25)
    assert (distance["quantity"]["CodeValue"], distance["units"]["CodeValue"]) == (
        "410668003",
        "mm",
    )
    if (tool := shutil.which("dsrdump")) is None:
        pytest.skip("dsrdump (dcmtk) is not installed")
    said = subprocess.run(
        [tool, "+Pl", str(tmp_path / "out/report.dcm")], capture_output=True, text=True, check=True
    ).stdout
    assert '"Predicted probability")="73.12" (%,UCUM' in said
    assert '(POSITIVE,99FUSION3D,"yes")' in said
    assert "Research use only, not for diagnosis." in said


def test_what_a_region_measures_has_a_code_and_a_meaning(series_folder, make_result, tmp_path):
    """Those of SNOMED CT and DICOM where they have one, else of the program's own scheme."""
    report = written(make_result(series_folder("axial")), tmp_path / "out")["report"]
    names = {
        (code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning)
        for item in all_items(report)
        if item.get("ValueType") == "NUM"
        for code in item.ConceptNameCodeSequence
    }
    assert {
        ("410668003", "SCT", "Length"),
        ("42798000", "SCT", "Area"),
        ("VOXELS", "99FUSION3D", "Number of voxels"),
        ("PROBABILITY", "99FUSION3D", "Predicted probability"),
    } <= names


def report_frame(folder: Path) -> str:
    return pydicom.dcmread(next(folder.rglob("*.dcm"))).FrameOfReferenceUID


@pytest.mark.parametrize("name", ["axial", "sagittal oblique", "tilted gantry", "enhanced"])
def test_the_report_s_points_lie_where_the_peaks_are(name, series_folder, make_result, tmp_path):
    """On the nearest image, at the pixel onto which the peak projects."""
    folder = series_folder(name)
    result = make_result(folder)
    made = written(result, tmp_path / "out")
    report = made["summary"]
    images = {
        image.SOPInstanceUID: image for image in map(pydicom.dcmread, sorted(folder.rglob("*.dcm")))
    }
    regions = [item for item in all_items(report) if item.get("ValueType") == "SCOORD"]
    peaks = [result.prediction.heatmap.peak_lps, *(each.position_lps for each in result.hot_spots)]
    # The first hot spot is the peak: two texts at one place would hide each other.
    np.testing.assert_allclose(peaks[0], peaks[1])
    for region, peak in zip(regions, peaks[1:], strict=True):
        reference = region.ContentSequence[0].ReferencedSOPSequence[0]
        image = images[reference.ReferencedSOPInstanceUID]
        assert reference.ReferencedSOPClassUID == image.SOPClassUID
        if "PerFrameFunctionalGroupsSequence" in image:
            frame = image.PerFrameFunctionalGroupsSequence[reference.ReferencedFrameNumber - 1]
            origin = frame.PlanePositionSequence[0].ImagePositionPatient
            shared = image.SharedFunctionalGroupsSequence[0]
            cosines = shared.PlaneOrientationSequence[0].ImageOrientationPatient
            spacing = shared.PixelMeasuresSequence[0].PixelSpacing
        else:
            assert "ReferencedFrameNumber" not in reference
            origin, cosines = image.ImagePositionPatient, image.ImageOrientationPatient
            spacing = image.PixelSpacing
        row, column = np.array(cosines, float).reshape(2, 3)
        x, y = np.array(region.GraphicData, float) - 0.5
        here = np.array(origin, float) + row * spacing[1] * x + column * spacing[0] * y
        normal = np.cross(row, column)
        away = peak - here
        np.testing.assert_allclose(away - normal * (away @ normal), 0, atol=0.01)
        assert abs(away @ normal) <= 3.5 + 0.01  # half the distance of slices
    exact = [item for item in all_items(made["report"]) if item.get("ValueType") == "SCOORD3D"]
    for item, peak in zip(exact[:3], peaks, strict=True):
        np.testing.assert_allclose(item.GraphicData, peak, atol=0.001)
        assert item.ReferencedFrameOfReferenceUID == report_frame(folder)
    # One finding has one tracking UID in all objects.
    ours, others = (
        [item.UID for item in all_items(each) if item.get("ValueType") == "UIDREF"]
        for each in (report, made["report"])
    )
    assert len(set(ours) & set(others)) == 2
    assert {each.TrackingUID for each in made["regions"].SegmentSequence[1:]} <= set(others)


def test_a_peak_beside_all_images_is_in_the_report_and_in_no_summary(
    series_folder, make_result, dciodvfy, tmp_path
):
    result = make_result(series_folder("axial"))
    heatmap = result.prediction.heatmap
    affine = heatmap.affine.copy()
    affine[:3, 3] += (0, 0, 60)
    moved = replace(heatmap, affine=affine)
    result = replace(result, prediction=replace(result.prediction, heatmap=moved), hot_spots=())
    told: list[str] = []
    made = written(result, tmp_path / "out", notify=told.append)
    assert dciodvfy(tmp_path / "out/report.dcm") == []
    point = next(item for item in all_items(made["report"]) if item.get("ValueType") == "SCOORD3D")
    np.testing.assert_allclose(point.GraphicData, moved.peak_lps, atol=0.01)
    assert "summary" not in made
    assert "No summary" in " ".join(told)


def test_doubt_is_the_first_item_of_the_report_and_every_object_says_it(
    series_folder, make_result, tmp_path
):
    odd = FitReport("refused", ("It is a knee.",), ("body part",), DEMONSTRATION)
    made = written(make_result(series_folder("axial"), fit=odd), tmp_path / "out")
    assert set(made) == set(FILE_NAMES)
    for name in ("report", "summary"):
        first, second = made[name].ContentSequence[:2]
        assert first.TextValue == "DESPITE MISFIT: It is a knee."
        assert second.TextValue == DEMONSTRATION
    for name, dataset in made.items():
        assert "MISFIT DEMO RESEARCH ONLY, not for diagnosis" in dataset.SeriesDescription
        assert len(dataset.SeriesDescription) <= 64
        if name in ("heatmap", "regions", "picture"):
            assert dataset.ImageComments.startswith("DESPITE MISFIT: It is a knee. Demonstration")
            assert dataset.ImageComments.endswith("Research use only. Not for diagnosis.")
    texts = [
        item.UnformattedTextValue
        for item in all_items(made["marks"])
        if "UnformattedTextValue" in item
    ]
    assert texts[0].startswith("DESPITE MISFIT: It is a knee.\r\n" + DEMONSTRATION)
    # No class where the model is not meant for the case.
    assert "POSITIVE" not in str(made["report"])


def test_a_doubtful_and_a_simulated_case_say_so_in_the_name_of_every_series(
    series_folder, make_result, tmp_path
):
    from fusion3d_gui.imaging.simulated import SIMULATED
    from tests.report.dicom.conftest import AXIAL, write_series

    folder = write_series(scan_volume(AXIAL), tmp_path / "simulated", ImageComments=SIMULATED)
    result = make_result(folder, fit=FitReport("doubtful", ("It is odd.",)))
    for dataset in written(result, tmp_path / "out").values():
        assert dataset.SeriesDescription.endswith(
            ": DOUBTFUL SIMULATED RESEARCH ONLY, not for diagnosis"
        )
        assert len(dataset.SeriesDescription) <= 64


@pytest.mark.parametrize("name", ["axial", "enhanced"])
def test_patient_and_study_are_those_of_the_scan(name, series_folder, make_result, tmp_path):
    folder = series_folder(name)
    source = pydicom.dcmread(next(iter(sorted(folder.iterdir()))))
    for dataset in written(make_result(folder), tmp_path / "out").values():
        for keyword, value in IDENTITY.items():
            assert str(dataset.get(keyword)) == value, keyword
        assert dataset.StudyInstanceUID == source.StudyInstanceUID
        assert dataset.SeriesInstanceUID != source.SeriesInstanceUID
        assert dataset.get("FrameOfReferenceUID", source.FrameOfReferenceUID) == (
            source.FrameOfReferenceUID
        )
        assert dataset.Manufacturer == "Fusion3D team"


def test_what_the_scan_does_not_say_no_result_says(series_folder, make_result, tmp_path):
    folder = series_folder("axial")
    for path in folder.iterdir():
        image = pydicom.dcmread(path)
        for keyword in ("PatientBirthDate", "StudyID", "AccessionNumber", "IssuerOfPatientID"):
            delattr(image, keyword)
        image.save_as(path)
    for dataset in written(make_result(folder), tmp_path / "out").values():
        assert dataset.PatientBirthDate == dataset.StudyID == dataset.AccessionNumber == ""
        assert "IssuerOfPatientID" not in dataset


def test_all_new_uids_have_one_root_and_refer_to_files_of_the_scan(
    series_folder, make_result, tmp_path
):
    folder = series_folder("enhanced")
    source = {pydicom.dcmread(path).SOPInstanceUID for path in folder.iterdir()}
    made = written(make_result(folder), tmp_path / "out")
    own = {dataset.SOPInstanceUID for dataset in made.values()}
    assert len(own) == len(made) == len({each.SeriesInstanceUID for each in made.values()})
    for dataset in made.values():
        assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
        for item in all_items(dataset):
            assert item.get("ReferencedSOPInstanceUID", next(iter(source))) in source
            for element in item:
                if element.VR == "UI":
                    uids = [element.value] if isinstance(element.value, str) else element.value
                    for uid in uids:
                        assert uid.startswith(("2.25.", "1.2.840.10008.")), element
    for name in ("heatmap", "regions", "marks"):
        instances = [
            item
            for each in made[name].ReferencedSeriesSequence
            for item in each.get("ReferencedInstanceSequence", each.get("ReferencedImageSequence"))
        ]
        assert len(instances) == 1, "one file, however many frames"
    numbers = made["marks"].ReferencedSeriesSequence[0].ReferencedImageSequence[0]
    assert sorted(numbers.ReferencedFrameNumber) == list(range(1, 10))


def test_the_presentation_state_shows_the_window_and_the_marks_in_the_plane_of_an_image(
    series_folder, make_result, tmp_path
):
    folder = series_folder("tilted gantry")
    result = make_result(folder)
    state = written(result, tmp_path / "out")["marks"]
    window = result.appearance.window
    shown = state.SoftcopyVOILUTSequence[0]
    assert (shown.WindowCenter, shown.WindowWidth) == pytest.approx((window.center, window.width))
    assert (state.RescaleSlope, state.RescaleIntercept, state.RescaleType) == (2, -1000, "HU")
    images = {image.SOPInstanceUID: image for image in map(pydicom.dcmread, folder.iterdir())}
    texts, lengths = [], {}
    for item in state.GraphicAnnotationSequence:
        text = item.TextObjectSequence[0].UnformattedTextValue
        texts.append(text.splitlines()[0])
        image = images[item.ReferencedImageSequence[0].ReferencedSOPInstanceUID]
        points = np.array(item.GraphicObjectSequence[0].GraphicData, float).reshape(-1, 2)
        down, right = map(float, image.PixelSpacing)
        lengths[texts[-1]] = np.linalg.norm(np.diff(points * (right, down), axis=0), axis=1)
    # The last distance runs across the slices: it lies in no image.
    assert texts == [
        *("73.1 % yes", "Distance 1 width", "Angle 2", "Ellipse 3"),
        *("Rectangle 4", "Point 5 bright", "Arrow 6"),
    ]
    assert lengths["Distance 1 width"] == pytest.approx([25], abs=0.01)
    assert lengths["Rectangle 4"] == pytest.approx([28, 17, 28, 17], abs=0.01)
    assert lengths["Ellipse 3"][[0, 2]] == pytest.approx([30, 20], abs=0.01)


@pytest.mark.parametrize("away_mm", [(-150, 0, 0), (0, 150, 0)])
def test_a_peak_beside_an_image_is_marked_at_its_edge(
    away_mm, series_folder, make_result, dciodvfy, tmp_path
):
    result = make_result(series_folder("axial"))
    affine = result.prediction.heatmap.affine.copy()
    affine[:3, 3] += away_mm
    moved = replace(result.prediction.heatmap, affine=affine)
    result = replace(result, prediction=replace(result.prediction, heatmap=moved), hot_spots=())
    state = written(result, tmp_path / "out")["marks"]
    column, row = state.GraphicAnnotationSequence[0].GraphicObjectSequence[0].GraphicData
    rows, columns = result.volume.voxels.shape[1:]
    if away_mm[0]:
        assert (column, 0 < row < rows) == (0, True)
    else:
        assert (0 < column < columns, row) == (True, rows)
    assert dciodvfy(tmp_path / "out/marks.dcm") == []


def test_the_presentation_state_has_the_scale_of_the_window(series_folder, make_result, tmp_path):
    """Where the window shows another unit than the files, as SUV of PET, by a factor."""
    result = make_result(series_folder("tilted gantry"))
    volume = result.volume
    scaled = replace(volume, slope=3 * volume.slope, intercept=3 * volume.intercept)
    state = written(replace(result, volume=scaled), tmp_path / "out", kinds=("marks",))["marks"]
    assert (state.RescaleSlope, state.RescaleIntercept) == (6, -3000)


def test_a_scan_whose_images_have_scales_of_their_own_gets_no_presentation_state(
    series_folder, make_result, tmp_path
):
    folder = series_folder("axial")
    for number, path in enumerate(sorted(folder.iterdir())):
        image = pydicom.dcmread(path)
        image.RescaleSlope, image.RescaleIntercept, image.RescaleType = 1 + number, 0, "US"
        image.save_as(path)
    told: list[str] = []
    made = written(make_result(folder), tmp_path / "out", notify=told.append)
    assert "marks" not in made
    assert told == ["No presentation state: the scan's images do not share one scale of values."]


def test_picture_and_page_are_kept_to_the_last_byte(series_folder, make_result, tmp_path):
    made = written(make_result(series_folder("axial")), tmp_path / "out")
    np.testing.assert_array_equal(made["picture"].pixel_array, PICTURE)
    assert made["picture"].BurnedInAnnotation == made["page"].BurnedInAnnotation == "YES"
    page = made["page"]
    assert page.EncapsulatedDocument[: page.EncapsulatedDocumentLength] == PDF
    assert page.MIMETypeOfEncapsulatedDocument == "application/pdf"


def test_a_correction_names_the_report_that_it_replaces(
    series_folder, make_result, dciodvfy, tmp_path
):
    result = make_result(series_folder("axial"))
    earlier = written(result, tmp_path / "out")["report"]
    later = written(
        result, tmp_path / "later", kinds=("report",), corrects=tmp_path / "out/report.dcm"
    )["report"]
    assert dciodvfy(tmp_path / "later/report.dcm") == []
    named = later.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert named.SeriesInstanceUID == earlier.SeriesInstanceUID
    assert named.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == earlier.SOPInstanceUID
    stranger = make_result(series_folder("head first"))
    for path, problem in (
        (tmp_path / "out/report.dcm", "another study or patient"),
        (tmp_path / "out/heatmap.dcm", "no structured report"),
        (Path(__file__), "can't be read"),
        (tmp_path / "nowhere.dcm", "can't be read"),
    ):
        with pytest.raises(UserError, match=problem):
            write_dicom_results(stranger, tmp_path / "x", corrects=path)


def test_a_result_without_identity_or_without_a_study_is_refused(
    series_folder, make_result, tmp_path
):
    result = make_result(series_folder("axial"))
    with pytest.raises(UserError, match="the identity is hidden"):
        write_dicom_results(result.without_identity(), tmp_path / "out")
    nifti = tmp_path / "scan.nii.gz"
    write_nifti(result.volume, nifti)
    with pytest.raises(UserError, match=r"scan.nii.gz: the scan is no DICOM"):
        write_dicom_results(make_result(nifti), tmp_path / "out")
    assert not list((tmp_path / "out").glob("*"))


def test_files_that_are_no_longer_those_of_the_scan_are_refused(
    series_folder, make_result, tmp_path
):
    folder = series_folder("axial")
    result = make_result(folder)
    for path in folder.iterdir():
        image = pydicom.dcmread(path)
        x, y, z = image.ImagePositionPatient
        image.ImagePositionPatient = [x, y + 1, z]
        image.save_as(path)
    with pytest.raises(UserError, match="not those of the scan"):
        write_dicom_results(result, tmp_path / "out")
    next(iter(folder.iterdir())).unlink()
    with pytest.raises(UserError, match="can't be read"):
        write_dicom_results(result, tmp_path / "out")


def test_a_scan_without_a_frame_of_reference_is_refused(series_folder, make_result, tmp_path):
    folder = series_folder("axial")
    for path in folder.iterdir():
        image = pydicom.dcmread(path)
        del image.FrameOfReferenceUID
        image.save_as(path)
    with pytest.raises(UserError, match="does not name its frame of reference"):
        write_dicom_results(make_result(folder), tmp_path / "out")


def test_a_scan_that_does_not_say_where_it_lies_is_refused(series_folder, make_result, tmp_path):
    folder = series_folder("axial")
    for path in folder.iterdir():
        image = pydicom.dcmread(path)
        del image.ImagePositionPatient
        image.save_as(path)
    with pytest.raises(UserError, match="do not say where they lie in the patient"):
        write_dicom_results(make_result(folder), tmp_path / "out")


def test_a_dose_grid_is_a_scan_like_others(series_folder, make_result, dciodvfy, tmp_path):
    folder = series_folder("axial")
    for path in folder.iterdir():
        image = pydicom.dcmread(path)
        image.Modality = "RTDOSE"
        image.save_as(path)
    paths = write_dicom_results(make_result(folder), tmp_path / "out")
    assert {path.stem for path in paths} >= {"heatmap", "report", "summary", "regions"}
    assert [path for path in paths if dciodvfy(path)] == []


def test_the_scan_s_own_files_are_never_overwritten(series_folder, make_result, tmp_path):
    folder = series_folder("axial")
    (folder / "0001.dcm").rename(folder / "report.dcm")
    with pytest.raises(UserError, match="would be overwritten"):
        write_dicom_results(make_result(folder), folder)


@pytest.mark.parametrize("kind", ["without identity", "NIfTI of fractions"])
def test_a_new_study_holds_the_scan_and_no_name(
    kind, series_folder, make_result, dciodvfy, tmp_path
):
    result = make_result(series_folder("sagittal oblique"))
    if kind == "without identity":
        result = result.without_identity()
    else:
        path = tmp_path / "scan.nii.gz"
        real = replace(result.volume, voxels=result.volume.real() / 7 - 11, modality="")
        write_nifti(real, path)
        result = make_result(path)
    out = tmp_path / "out"
    result = replace(result, volume=replace(result.volume, modality="MR"))
    paths = write_dicom_results(result, out, new_study=True, picture=PICTURE, page=PDF)
    assert [path for path in paths if dciodvfy(path)] == []
    words = [str(value) for value in IDENTITY.values() if len(str(value)) > 4]
    for path in paths:
        content = path.read_bytes()
        assert not [word for word in words if word.encode() in content]
    images = [pydicom.dcmread(path) for path in sorted((out / "scan").iterdir())]
    assert len(images) == 9
    made = pydicom.dcmread(out / "heatmap.dcm")
    assert made.StudyInstanceUID == images[0].StudyInstanceUID
    assert made.PatientID == images[0].PatientID == f"F3D-{result.prediction.volume_sha256[:12]}"
    assert made.PatientName == ""
    image = sitk.ReadImage([str(path) for path in sorted((out / "scan").iterdir())])
    points = np.random.default_rng(0).integers(0, 9, (50, 3))
    step = max(float(images[0].get("RescaleSlope", 1)), 1e-9)
    for i, j, k in points.tolist():
        here = np.array(image.TransformIndexToPhysicalPoint((i, j, k)))
        assert image[i, j, k] == pytest.approx(result.volume.value_at(here), abs=0.51 * step)


def test_a_new_study_of_an_unknown_modality_is_refused(series_folder, make_result, tmp_path):
    result = make_result(series_folder("axial"))
    for modality in ("PT", "US"):
        other = replace(result, volume=replace(result.volume, modality=modality))
        with pytest.raises(UserError, match="CT and MR only"):
            write_dicom_results(other, tmp_path / "out", new_study=True)


def test_backslashes_of_a_model_s_title_do_not_split_a_value(series_folder, make_result, tmp_path):
    result = make_result(series_folder("axial"))
    metadata = {**result.bundle.metadata, "task": "Left\\right " + 80 * "x"}
    result = replace(result, bundle=replace(result.bundle, metadata=metadata))
    made = written(result, tmp_path / "out")
    used = made["regions"].SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0]
    assert used.AlgorithmName == ("Left/right " + 80 * "x")[:64]


def test_codes_and_names_in_sequences_of_the_study_are_copied_into_another_character_set(tmp_path):
    code, person, inner = Dataset(), Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "P5-0900D", "SRT", "Schädel-MR"
    code.SpecificCharacterSet = "ISO_IR 100"
    inner.CodeValue, inner.CodingSchemeDesignator, inner.CodeMeaning = "1", "99X", "Ärztin"
    person.PersonIdentificationCodeSequence = [inner]
    person.InstitutionName = "Klinik Süd"
    source = Dataset()
    source.SpecificCharacterSet = "ISO_IR 100"
    source.StudyInstanceUID = "1.2.3"
    source.ProcedureCodeSequence = [code]
    source.ReferringPhysicianIdentificationSequence = [person]
    source.file_meta = pydicom.dataset.FileMetaDataset()
    source.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    source.save_as(tmp_path / "source.dcm")
    result = Dataset()
    copy_study(pydicom.dcmread(tmp_path / "source.dcm", force=True), result)
    result.file_meta = source.file_meta
    result.save_as(tmp_path / "result.dcm")
    back = pydicom.dcmread(tmp_path / "result.dcm", force=True)
    assert back.SpecificCharacterSet == "ISO_IR 192"
    assert back.ProcedureCodeSequence[0].CodeMeaning == "Schädel-MR"
    assert not any("SpecificCharacterSet" in item for item in list(all_items(result))[1:])
    (physician,) = back.ReferringPhysicianIdentificationSequence
    assert physician.InstitutionName == "Klinik Süd"
    assert physician.PersonIdentificationCodeSequence[0].CodeMeaning == "Ärztin"


@pytest.mark.parametrize(
    ("lowest", "highest", "fits"),
    [
        (0, 65535, True),
        (0, 65536, False),
        (-1, 32767, True),
        (-1, 32768, False),
        (-32768, 0, True),
        (-32769, 0, False),
    ],
)
def test_only_values_beyond_16_bits_are_rounded(lowest, highest, fits):
    voxels = np.linspace(lowest, highest, 60).round().astype(np.int64).reshape(3, 4, 5)
    volume = Volume(voxels, np.eye(4), slope=2.0, intercept=-7.0)
    made = sixteen_bits(volume)
    assert (made is volume) == fits
    assert made.voxels.min() >= -(2**15) and made.voxels.max() < 2**16
    real = made.voxels * made.slope + made.intercept
    np.testing.assert_allclose(real, voxels * 2.0 - 7.0, atol=1.01 * made.slope / 2)
