"""Values of the DICOM objects of a result, one by one: window, marks, words, codes, frames and segments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from highdicom.color import CIELabColor
from pydicom.dataset import Dataset

from fusion3d_gui import __version__
from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.frames.frame import Rescale
from fusion3d_gui.imaging.dicom.source_series import read_source_series
from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.imaging.labels.scan_object import Mask
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.report.dicom.mask_segmentation import mask_segmentation
from fusion3d_gui.report.dicom.parametric_map import (
    derivation,
    fractions_of_peak,
    parametric_map,
)
from fusion3d_gui.report.dicom.presentation_state import presentation_state
from fusion3d_gui.report.dicom.result_object import ResultObjects
from fusion3d_gui.report.dicom.segmentation import segmentation
from fusion3d_gui.report.dicom.structured_report import report_on_images, structured_report

ROWS, COLUMNS, SLICES = 22, 26, 9


@pytest.fixture
def objects(series_folder, make_result) -> Callable[..., ResultObjects]:
    def make(name: str = "axial", **changed: Any) -> ResultObjects:
        result = make_result(series_folder(name))
        source = read_source_series(result.identity.files, result.volume)
        result = replace(result, **changed)
        return ResultObjects(source=source, created=datetime(2026, 11, 30, 13, 5, 9), result=result)

    return make


def changed(objects: ResultObjects, **changes: Any) -> ResultObjects:
    """Other values of the same result."""
    return ResultObjects(
        source=objects.source,
        created=objects.created,
        result=replace(objects.result, **changes),
    )


def with_frames(objects: ResultObjects, change: Callable[[int, Any], Any]) -> ResultObjects:
    frames = tuple(change(number, each) for number, each in enumerate(objects.source.frames))
    return ResultObjects(
        source=replace(objects.source, frames=frames),
        created=objects.created,
        result=objects.result,
    )


def uid_of(objects: ResultObjects, index: int) -> str:
    return str(objects.source.frames[index].header.SOPInstanceUID)


def data(item: Dataset) -> np.ndarray:
    return np.array(item.GraphicData).reshape(-1, 2)


# -- presentation state ---------------------------------------------------------------------------


def test_the_peak_and_each_mark_in_a_slice_are_drawn_with_their_words(objects):
    given = objects()
    result = given.result
    made = presentation_state(given)
    assert made is not None
    peak, *marks = made.GraphicAnnotationSequence
    position = result.prediction.heatmap.peak_lps
    i, j, k = result.volume.to_index(position)
    (graphic,), (words,) = peak.GraphicObjectSequence, peak.TextObjectSequence
    assert (peak.GraphicLayer, graphic.GraphicType) == ("AI", "POINT")
    assert data(graphic) == pytest.approx(np.array([[i + 0.5, j + 0.5]]), abs=1e-4)
    (image,) = peak.ReferencedImageSequence
    assert image.ReferencedSOPInstanceUID == uid_of(given, round(k))
    assert words.UnformattedTextValue == "73.1 % yes\r\nResearch use only, not for diagnosis"
    assert words.AnchorPoint == pytest.approx([i + 6.5, j + 0.5], abs=1e-4)
    assert words.AnchorPointVisibility == "N"
    assert (graphic.GraphicAnnotationUnits, words.AnchorPointAnnotationUnits) == ("PIXEL",) * 2

    drawn = [each for each in result.marks if each.annotation.number != 7]
    assert len(marks) == len(drawn) == 6
    kinds = ["POLYLINE", "POLYLINE", "ELLIPSE", "POLYLINE", "POINT", "POLYLINE"]
    for item, measured, kind in zip(marks, drawn, kinds, strict=True):
        mark = measured.annotation
        (graphic,), (words,) = item.GraphicObjectSequence, item.TextObjectSequence
        points = mark.points_lps
        if mark.kind == "rectangle":
            points = np.vstack([mark.box_corners_lps(), mark.box_corners_lps()[:1]])
        elif mark.kind == "ellipse":
            points = mark.axis_ends_lps()
        pixels = result.volume.to_index(points)[:, :2] + 0.5
        assert (item.GraphicLayer, graphic.GraphicType) == ("MARKS", kind)
        assert data(graphic) == pytest.approx(pixels, abs=1e-4)
        lines = [f"{mark.name} {mark.text}".strip()]
        lines += [f"{each.name} {each.value:.4g} {each.unit}" for each in measured.quantities]
        assert words.UnformattedTextValue == "\r\n".join(lines)
        assert words.AnchorPoint == pytest.approx(pixels[0] + (6, 0), abs=1e-4)
        assert item.ReferencedImageSequence[0].ReferencedSOPInstanceUID == uid_of(given, 2)
    layers = [
        (each.GraphicLayer, each.GraphicLayerOrder, each.GraphicLayerDescription)
        for each in made.GraphicLayerSequence
    ]
    assert layers == [
        ("AI", 1, "AI result: Research use only, not for diagnosis"),
        ("MARKS", 2, "Marks of the reader"),
    ]


def test_window_and_rescale_are_those_of_the_window(objects):
    given = objects()
    made = presentation_state(changed(given, marks=()))
    (voi,) = made.SoftcopyVOILUTSequence
    window = given.result.appearance.window
    assert (voi.WindowCenter, voi.WindowWidth) == (window.center, window.width)
    assert (voi.VOILUTFunction, made.PresentationLUTShape) == ("LINEAR_EXACT", "IDENTITY")
    assert (made.RescaleSlope, made.RescaleIntercept, made.RescaleType) == (1, 0, "US")
    assert len(made.GraphicAnnotationSequence) == 1
    assert (made.ContentLabel, made.SeriesNumber, made.InstanceNumber) == (
        "RESEARCH MARKS",
        9004,
        1,
    )
    assert (made.SeriesDate, made.SeriesTime) == ("20261130", "130509")
    assert (made.PresentationCreationDate, made.PresentationCreationTime) == ("20261130", "130509")
    assert len(made.ReferencedSeriesSequence[0].ReferencedImageSequence) == SLICES
    assert made.BodyPartExamined == "BRAIN"
    appearance = replace(given.result.appearance, inverted=True, window=Window(12.5, 80.0))
    other = presentation_state(changed(given, marks=(), appearance=appearance))
    (voi,) = other.SoftcopyVOILUTSequence
    assert (voi.WindowCenter, voi.WindowWidth) == (12.5, 80.0)
    assert other.PresentationLUTShape == "INVERSE"


def test_the_rescale_of_files_and_volume_become_one(objects):
    given = objects("tilted gantry")
    made = presentation_state(given)
    assert (made.RescaleSlope, made.RescaleIntercept, made.RescaleType) == (2, -1000, "HU")
    # As if of SUV: each real value of the files three times as large.
    volume = replace(given.result.volume, slope=6.0, intercept=-3000.0, unit="SUV")
    made = presentation_state(changed(given, volume=volume))
    assert (made.RescaleSlope, made.RescaleIntercept, made.RescaleType) == (6, -3000, "US")
    # Voxels that are real values already.
    real = replace(
        given.result.volume,
        voxels=given.result.volume.real(given.result.volume.voxels).astype(np.float32),
        slope=1.0,
        intercept=0.0,
    )
    made = presentation_state(changed(given, volume=real))
    assert (made.RescaleSlope, made.RescaleIntercept) == (2, -1000)


def test_there_is_none_where_no_state_speaks_for_all_images(objects):
    given = objects()
    rescale = given.source.frames[0].rescale

    def of(change) -> Dataset | None:
        return presentation_state(with_frames(given, change))

    assert of(lambda number, frame: frame) is not None
    assert of(lambda number, frame: replace(frame, rescale=None)) is None
    other = Rescale(rescale.slope * 2, rescale.intercept, rescale.unit)
    assert of(lambda n, frame: replace(frame, rescale=other) if n == 4 else frame) is None
    for keyword in ("Rows", "Columns"):
        header = given.source.frames[3].header
        kept = header[keyword].value
        header[keyword].value = 2 * kept
        assert presentation_state(given) is None
        header[keyword].value = kept
    given.source.first.SamplesPerPixel = 3
    assert presentation_state(given) is None


def test_what_lies_beside_the_image_is_drawn_at_its_edge_and_long_words_are_cut(objects):
    given = objects()
    measured = next(each for each in given.result.marks if each.annotation.kind == "point")
    volume = given.result.volume
    beyond = volume.to_lps(np.array([[-5.0, 40.0, 2.0], [24.0, -9.0, 2.0]]))
    marks = tuple(
        replace(measured, annotation=replace(measured.annotation, points=(tuple(at),), text=text))
        for at, text in zip(beyond.tolist(), ("x" * 1100, "short"), strict=True)
    )
    made = presentation_state(changed(given, marks=marks))
    _, first, second = made.GraphicAnnotationSequence
    assert data(first.GraphicObjectSequence[0]).tolist() == [[0.0, ROWS]]
    assert data(second.GraphicObjectSequence[0]).tolist() == [[24.5, 0.0]]
    assert list(first.TextObjectSequence[0].AnchorPoint) == [1.5, ROWS]
    assert list(second.TextObjectSequence[0].AnchorPoint) == [COLUMNS, 0.0]
    assert len(first.TextObjectSequence[0].UnformattedTextValue) == 1024


@pytest.mark.parametrize(("away_mm", "drawn"), [(3.5, True), (3.5005, True), (3.51, False)])
def test_a_mark_within_half_the_distance_of_slices_is_drawn(objects, away_mm, drawn):
    given = objects()
    measured = next(each for each in given.result.marks if each.annotation.kind == "point")
    last = given.result.volume.to_lps(np.array([4.0, 5.0, SLICES - 1.0]))
    at = tuple((last + (0, 0, away_mm)).tolist())
    mark = replace(measured, annotation=replace(measured.annotation, points=(at,)))
    made = presentation_state(changed(given, marks=(mark,)))
    assert len(made.GraphicAnnotationSequence) == 1 + drawn


# -- parametric map -------------------------------------------------------------------------------


def test_the_map_holds_fractions_of_its_peak_and_maps_them_to_its_unit(objects):
    given = objects()
    heatmap = given.result.prediction.heatmap
    fractions = fractions_of_peak(heatmap, given.source)
    assert fractions.shape == (SLICES, ROWS, COLUMNS) and fractions.dtype == np.float32
    made = parametric_map(given, fractions)
    stored = np.frombuffer(made.FloatPixelData, "<f4").reshape(fractions.shape)
    assert np.array_equal(stored, fractions)
    frames = made.PerFrameFunctionalGroupsSequence
    places = [each.PlanePositionSequence[0].ImagePositionPatient[2] for each in frames]
    assert places == sorted(places) and len(set(places)) == SLICES
    assert [np.atleast_1d(e.FrameContentSequence[0].DimensionIndexValues)[0] for e in frames] == [
        *range(1, SLICES + 1)
    ]
    shared = made.SharedFunctionalGroupsSequence[0]
    groups = [shared, frames[0]]
    (mapping,) = next(
        each.RealWorldValueMappingSequence
        for each in groups
        if "RealWorldValueMappingSequence" in each
    )
    assert mapping.RealWorldValueSlope == pytest.approx(heatmap.peak if heatmap.has_unit else 1.0)
    assert mapping.RealWorldValueIntercept == 0.0
    assert (
        mapping.DoubleFloatRealWorldValueFirstValueMapped,
        mapping.DoubleFloatRealWorldValueLastValueMapped,
    ) == (0.0, 1.0)
    assert mapping.LUTLabel == "HEATMAP"
    unit = "share of the logit" if heatmap.has_unit else "fraction of the peak, no unit"
    assert mapping.LUTExplanation == f"gradcam of layer4: {unit}"
    (voi,) = next(each.FrameVOILUTSequence for each in groups if "FrameVOILUTSequence" in each)
    assert (voi.WindowCenter, voi.WindowWidth, voi.VOILUTFunction) == (0.5, 1.0, "LINEAR_EXACT")
    (anatomy,) = shared.FrameAnatomySequence
    assert anatomy.FrameLaterality == "U" and len(anatomy.AnatomicRegionSequence) == 1
    assert (made.ContentLabel, made.SeriesNumber) == ("RESEARCH HEATMAP", 9001)
    assert made.RecognizableVisualFeatures == "NO"
    assert made.SoftwareVersions == __version__ and made.DeviceSerialNumber == "a1" * 8


def test_frames_are_ordered_along_the_normal_whatever_their_direction(objects):
    given = objects("head first")
    fractions = np.zeros((SLICES, ROWS, COLUMNS), np.float32)
    fractions += np.arange(SLICES, dtype=np.float32)[:, None, None] / 10
    made = parametric_map(given, fractions)
    stored = np.frombuffer(made.FloatPixelData, "<f4").reshape(fractions.shape)[:, 0, 0]
    expected = [frame.plane.origin_lps for frame in given.source.frames]
    for number, each in enumerate(made.PerFrameFunctionalGroupsSequence):
        place = np.array(each.PlanePositionSequence[0].ImagePositionPatient, float)
        nearest = int(np.argmin(np.linalg.norm(np.array(expected) - place, axis=1)))
        assert stored[number] == fractions[nearest, 0, 0]


def test_how_the_values_came_about_is_said(objects):
    heatmap = objects().result.prediction.heatmap
    said = derivation(heatmap)
    assert said.startswith(f"Heatmap by gradcam of layer4: what {heatmap.side} the logit. Computed")
    assert f"Values are fractions of the peak ({heatmap.peak:.6g}). " in said
    assert said.endswith(" Displacement vector (LPS, mm): 1.2, -6.5, 3.0.")
    unknown = derivation(replace(heatmap, correction=None))
    assert unknown.endswith(" Displacement of the map: not measured.")
    assert len(derivation(replace(heatmap, layer="x" * 2000))) == 1024


# -- segments -------------------------------------------------------------------------------------


def test_segments_are_the_heat_and_the_hot_spots_with_names_and_colours(objects):
    given = objects()
    result = given.result
    fractions = fractions_of_peak(result.prediction.heatmap, given.source)
    threshold = result.appearance.threshold
    made = segmentation(given, fractions)
    assert made is not None and made.SegmentationType == "BINARY"
    names = [f"Heat above {100 * threshold:.0f} % of the peak"]
    names += [
        f"Hot spot {n}: {100 * each.share:.0f} % of the peak"
        for n, each in enumerate(result.hot_spots, 1)
    ]
    segments = made.SegmentSequence
    assert len(result.hot_spots) == 2
    assert [each.SegmentLabel for each in segments] == names
    assert [each.SegmentNumber for each in segments] == [1, 2, 3]
    ids = [names[0], "AI hot spot 1", "AI hot spot 2"]
    assert [each.TrackingID for each in segments] == ids
    assert [each.TrackingUID for each in segments] == [given.tracking_uid(each) for each in ids]
    colors = ((255, 170, 60), (230, 50, 40), (190, 80, 200))
    assert [tuple(each.RecommendedDisplayCIELabValue) for each in segments] == [
        tuple(CIELabColor.from_rgb(*each).value) for each in colors
    ]
    assert {each.SegmentAlgorithmType for each in segments} == {"AUTOMATIC"}
    heat, first, second = (_mask(made, given, number) for number in (1, 2, 3))
    assert np.array_equal(heat, fractions >= threshold)
    assert not (first & second).any() and np.array_equal(first | second, heat)
    for mask, spot in ((first, result.hot_spots[0]), (second, result.hot_spots[1])):
        i, j, k = np.rint(result.volume.to_index(spot.position_lps)).astype(int)
        assert mask[k, j, i]
    assert segmentation(given, np.zeros_like(fractions)) is None
    # A threshold of nothing is not all of the scan.
    nothing = changed(given, appearance=replace(result.appearance, threshold=0.0))
    assert segmentation(nothing, np.zeros_like(fractions)) is None


def _mask(made: Dataset, objects: ResultObjects, segment: int) -> np.ndarray:
    """One segment on the frames of the source, by the positions of its frames."""
    origins = np.array([frame.plane.origin_lps for frame in objects.source.frames])
    out = np.zeros((SLICES, ROWS, COLUMNS), bool)
    for frame, pixels in zip(
        made.PerFrameFunctionalGroupsSequence,
        made.pixel_array.reshape(-1, ROWS, COLUMNS),
        strict=True,
    ):
        if frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber == segment:
            place = np.array(frame.PlanePositionSequence[0].ImagePositionPatient, float)
            out[np.argmin(np.linalg.norm(origins - place, axis=1))] = pixels > 0
    return out


def test_masks_of_a_reader_are_segments_of_their_names_and_colours(objects):
    given = objects()
    volume = given.result.volume
    boxes = (np.s_[2:4, 5:9, 3:20], np.s_[8:9, 0:1, 25:26])
    masks = []
    for box, name, color in zip(boxes, ("Tumour", "Corner"), ("#0A14FE", ""), strict=True):
        voxels = np.zeros(volume.shape, np.uint8)
        voxels[box] = 1
        masks.append(Mask(name, Volume(voxels, volume.affine), color=color))
    made = mask_segmentation(given, masks)
    for number, box in enumerate(boxes, 1):
        expected = np.zeros(volume.shape, bool)
        expected[box] = True
        assert np.array_equal(_mask(made, given, number), expected)
    segments = made.SegmentSequence
    assert [(e.SegmentNumber, e.SegmentLabel, e.TrackingID) for e in segments] == [
        (1, "Tumour", "Tumour"),
        (2, "Corner", "Corner"),
    ]
    assert [tuple(each.RecommendedDisplayCIELabValue) for each in segments] == [
        tuple(CIELabColor.from_rgb(*each).value) for each in ((10, 20, 254), (255, 170, 60))
    ]
    assert {each.SegmentAlgorithmType for each in segments} == {"MANUAL"}
    assert (made.SeriesNumber, made.InstanceNumber) == (9009, 1)
    assert made.SeriesDescription == "Reader's masks, research use only"
    assert (made.DeviceSerialNumber, made.ImageComments) == ("0", "Research use only")
    empty = Mask("None", Volume(np.zeros(volume.shape, np.uint8), volume.affine))
    with pytest.raises(UserError, match="no mask lies on an image of the scan"):
        mask_segmentation(given, [empty])


# -- reports --------------------------------------------------------------------------------------


def groups(report: Dataset) -> list[Dataset]:
    """Containers of measurement groups."""
    found = []

    def walk(items: Any) -> None:
        for item in items:
            code = item.get("ConceptNameCodeSequence", [None])[0]
            if code is not None and code.CodeValue == "125007":
                found.append(item)
            walk(item.get("ContentSequence", []))

    walk(report.ContentSequence)
    return found


def numbers(group: Dataset) -> list[tuple[float, str]]:
    values = (
        item.MeasuredValueSequence[0] for item in group.ContentSequence if item.ValueType == "NUM"
    )
    return [
        (float(each.NumericValue), each.MeasurementUnitsCodeSequence[0].CodeValue)
        for each in values
    ]


def places(group: Dataset, kind: str) -> list[tuple[str, list[float]]]:
    return [
        (item.GraphicType, list(item.GraphicData))
        for item in group.ContentSequence
        if item.ValueType == kind
    ]


def texts(items: Any) -> list[str]:
    """Sentences, without the name by which a finding is tracked."""
    return [
        item.TextValue
        for item in items
        if item.ValueType == "TEXT" and item.ConceptNameCodeSequence[0].CodeValue != "112039"
    ]


def tracking(group: Dataset) -> tuple[str, str]:
    values = {
        item.ConceptNameCodeSequence[0].CodeValue: item.get("TextValue") or item.get("UID")
        for item in group.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue in ("112039", "112040")
    }
    return values["112039"], values["112040"]


def test_each_finding_is_a_group_with_its_numbers_at_its_place(objects):
    given = objects()
    result = given.result
    report = structured_report(given)
    found = groups(report)
    names = ["AI result", "AI hot spot 1", "AI hot spot 2"]
    names += [each.annotation.name for each in result.marks]
    assert [tracking(each) for each in found] == [(n, str(given.tracking_uid(n))) for n in names]
    assert numbers(found[0]) == [(73.12, "%"), (40.0, "%")]
    peak = result.prediction.heatmap.peak_lps
    ((kind, point),) = places(found[0], "SCOORD3D")
    assert kind == "POINT" and point == pytest.approx(peak.tolist(), abs=1e-3)
    for group, spot in zip(found[1:3], result.hot_spots, strict=True):
        expected = [(float(f"{100 * spot.share:.6g}"), "%")]
        if spot.volume_ml is not None:
            expected.append((float(f"{spot.volume_ml:.6g}"), "mL"))
        assert numbers(group) == expected
        ((kind, point),) = places(group, "SCOORD3D")
        assert kind == "POINT" and point == pytest.approx(spot.position_lps.tolist(), abs=1e-3)
        x, y, z = (f"{mm:.1f}" for mm in spot.position_lps)
        (words,) = texts(group.ContentSequence)
        assert words == f"At {x}, {y}, {z} mm (LPS); {result.side(spot)} of the middle of the scan."
    kinds = ["POLYLINE", "POLYLINE", "ELLIPSE", "POLYGON", "POINT", "POLYLINE", "POLYLINE"]
    for group, measured, kind in zip(found[3:], result.marks, kinds, strict=True):
        mark = measured.annotation
        points = mark.points_lps
        if mark.kind == "rectangle":
            points = np.vstack([mark.box_corners_lps(), mark.box_corners_lps()[:1]])
        elif mark.kind == "ellipse":
            points = mark.axis_ends_lps()
        ((drawn, values),) = places(group, "SCOORD3D")
        assert drawn == kind and values == pytest.approx(points.ravel().tolist(), abs=1e-3)
        assert [value for value, _ in numbers(group)] == [
            float(f"{each.value:.6g}") for each in measured.quantities
        ]
        assert texts(group.ContentSequence) == ([mark.text] if mark.text else [])
    assert texts(report.ContentSequence)[0] == "Research use only, not for diagnosis."
    assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    assert report.PreliminaryFlag == "PRELIMINARY"
    assert (report.SeriesNumber, report.ManufacturerModelName) == (9003, "Fusion3D")
    assert "PredecessorDocumentsSequence" not in report


def test_air_notes_and_a_missing_peak_are_said(objects):
    given = objects()
    result = given.result
    spots = (replace(result.hot_spots[0], in_air=True, volume_ml=None), result.hot_spots[1])
    notes = replace(result.notes, reading="A reading", comment="A comment")
    prediction = result.prediction
    heatmap = replace(prediction.heatmap, values=np.zeros_like(prediction.heatmap.values))
    other = changed(
        given, hot_spots=spots, notes=notes, prediction=replace(prediction, heatmap=heatmap)
    )
    report = structured_report(other)
    first, second, *_ = groups(report)
    assert places(first, "SCOORD3D") == []
    images = [
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in first.ContentSequence
        if item.ValueType == "IMAGE"
    ]
    assert images == [uid_of(given, SLICES // 2)]
    assert texts(second.ContentSequence)[1:] == [
        "It lies in the air: it says nothing about tissue."
    ]
    assert len(numbers(second)) == 1
    assert texts(report.ContentSequence)[1:3] == ["A reading", "A comment"]
    assert report_on_images(other) is None


def test_the_summary_marks_points_on_the_nearest_images(objects):
    given = objects()
    result = given.result
    summary = report_on_images(given)
    assert summary.SeriesNumber == 9007
    first, second = groups(summary)
    peak = result.prediction.heatmap.peak_lps
    for group, at in ((first, peak), (second, result.hot_spots[1].position_lps)):
        i, j, k = result.volume.to_index(at)
        (region,) = (item for item in group.ContentSequence if item.ValueType == "SCOORD")
        assert region.GraphicType == "POINT"
        assert list(region.GraphicData) == pytest.approx([i + 0.5, j + 0.5], abs=1e-3)
        (image,) = region.ContentSequence
        assert image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == uid_of(given, round(k))
    assert tracking(second) == ("AI hot spot 2", str(given.tracking_uid("AI hot spot 2")))


@pytest.mark.parametrize(
    ("index", "drawn"),
    [
        ((-0.5, 3, 2), True),
        ((-0.51, 3, 2), False),
        ((25.5, 3, 2), True),
        ((25.51, 3, 2), False),
        ((3, -0.5, 2), True),
        ((3, -0.51, 2), False),
        ((3, 21.5, 2), True),
        ((3, 21.51, 2), False),
        ((3, 3, -0.5), True),
        ((3, 3, -0.51), False),
    ],
)
def test_a_hot_spot_is_in_the_summary_up_to_the_edges_of_the_images(objects, index, drawn):
    given = objects()
    at = given.result.volume.to_lps(np.array(index, float))
    inwards = 1e-6 * (given.result.volume.center_lps - at)
    spot = replace(given.result.hot_spots[1], position_lps=at + inwards * drawn)
    other = changed(given, hot_spots=(given.result.hot_spots[0], spot))
    assert len(groups(report_on_images(other))) == 1 + drawn
