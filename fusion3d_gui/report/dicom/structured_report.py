"""``structured_report``: prediction, hot spots and marks as a DICOM report by template 1500 (PS3.16)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    Comprehensive3DSR,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    GraphicTypeValues,
    GraphicTypeValues3D,
    ImageRegion,
    ImageRegion3D,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    SourceImageForRegion,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.imaging.annotations.annotation import Annotation
from fusion3d_gui.imaging.annotations.measurement import Measurement as MarkMeasurement
from fusion3d_gui.imaging.annotations.measurement import Quantity
from fusion3d_gui.inference.explain.hot_spots import HotSpot
from fusion3d_gui.report.dicom.codes import (
    COMMENT,
    DOUBT,
    HOT_SPOT,
    MARKS,
    PIXEL_VALUE,
    PREDICTION,
    PROBABILITY,
    PURPOSE,
    SHARE_OF_PEAK,
    THRESHOLD,
    own,
    ucum,
)
from fusion3d_gui.report.dicom.result_object import ResultObjects, new_uid
from fusion3d_gui.report.dicom.words import NOT_FOR_DIAGNOSIS, doubt, long_string

Group = MeasurementsAndQualitativeEvaluations | PlanarROIMeasurementsAndQualitativeEvaluations

#: A position half-way between two slices lies on either, but for rounding.
_ROUNDING_MM = 1e-3
#: Statistics of a region's values: key of the quantity, and the standard's name of the derivation.
_DERIVATIONS = {
    "mean": codes.SCT.Mean,
    "sd": codes.SCT.StandardDeviation,
    "minimum": codes.SCT.Minimum,
    "maximum": codes.SCT.Maximum,
}


def structured_report(objects: ResultObjects, previous: Dataset | None = None) -> Dataset:
    """The result as a Comprehensive 3D report, titled "Imaging Measurement Report".

    Doubt is the first content item, where there is any. The prediction is a group of measurements at the
    peak of the heatmap; hot spots and marks follow, each a group with a tracking UID. All positions are exact,
    in patient space.

    Parameters
    ----------
    objects
        The result.
    previous
        The report of the same study that this one corrects.
    """
    result = objects.result
    uid = objects.source.frame_of_reference_uid
    peak = result.prediction.heatmap.peak_lps
    groups = [
        _prediction(objects, None if peak is None else _point(peak, uid)),
        *(
            _hot_spot(objects, number, spot, _point(spot.position_lps, uid))
            for number, spot in enumerate(result.hot_spots, 1)
        ),
        *(_mark(objects, each) for each in result.marks),
    ]
    notes = [words for words in (result.notes.reading, result.notes.comment) if words]
    return _report(objects, Comprehensive3DSR, "AI result", groups, notes, previous)


def report_on_images(objects: ResultObjects) -> Dataset | None:
    """Prediction and further hot spots as a Comprehensive report, as points on the nearest images.

    For viewers that show measurements on images only: OHIF 3.10 draws nothing of a Comprehensive 3D report.
    The tracking UIDs are those of :func:`structured_report`. None where the heatmap's peak lies in no image.
    """
    result = objects.result
    peak = result.prediction.heatmap.peak_lps
    place = None if peak is None else _point_on_image(objects, peak)
    if peak is None or place is None:
        return None
    groups = [_prediction(objects, place)]
    for number, spot in enumerate(result.hot_spots, 1):
        region = _point_on_image(objects, spot.position_lps)
        # Viewers would write the words of two points at one place over each other.
        if region is not None and not np.allclose(spot.position_lps, peak):
            groups.append(_hot_spot(objects, number, spot, region))
    return _report(objects, ComprehensiveSR, "AI summary", groups, [], None)


def _report(
    objects: ResultObjects,
    kind: type[Comprehensive3DSR] | type[ComprehensiveSR],
    what: str,
    groups: list[Group],
    notes: list[str],
    previous: Dataset | None,
) -> Dataset:
    report = MeasurementReport(
        observation_context=_observer(objects),
        procedure_reported=codes.SCT.ImagingProcedure,
        imaging_measurements=groups,
        title=codes.DCM.ImagingMeasurementReport,
    )
    made = kind(
        evidence=objects.references,
        content=report,
        manufacturer=objects.maker["manufacturer"],
        is_complete=True,
        is_final=False,
        is_verified=False,
        previous_versions=None if previous is None else [previous],
        **objects.options(what),
    )
    items = list(made.ContentSequence)
    said = [
        *(_text(DOUBT, sentence) for sentence in doubt(objects.result)),
        _text(PURPOSE, f"{RESEARCH_USE_ONLY}, {NOT_FOR_DIAGNOSIS}."),
        *(_text(COMMENT, words) for words in notes),
    ]
    made.ContentSequence = [*said, *items]
    made.ManufacturerModelName = objects.maker["manufacturer_model_name"]
    made.SoftwareVersions = objects.maker["software_versions"]
    made.DeviceSerialNumber = objects.maker["device_serial_number"]
    return objects.finished(made)


def _observer(objects: ResultObjects) -> ObservationContext:
    maker = objects.maker
    device = DeviceObserverIdentifyingAttributes(
        uid=new_uid(),
        name=maker["manufacturer_model_name"],
        manufacturer_name=maker["manufacturer"],
        model_name=long_string(objects.result.prediction.bundle_name),
        serial_number=maker["device_serial_number"],
    )
    return ObservationContext(
        observer_device_context=ObserverContext(
            observer_type=codes.DCM.Device, observer_identifying_attributes=device
        )
    )


def _prediction(objects: ResultObjects, place: ImageRegion | ImageRegion3D | None) -> Group:
    result = objects.result
    prediction = result.prediction
    algorithm = AlgorithmIdentification(
        name=long_string(result.bundle.title),
        version=long_string(prediction.bundle_version),
        parameters=objects.parameters,
        family=codes.DCM.ArtificialIntelligence,
        manufacturer=objects.maker["manufacturer"],
    )
    percent = ucum("%")
    measurements = [
        Measurement(name=PROBABILITY, value=_rounded(100 * prediction.probability), unit=percent),
        Measurement(name=THRESHOLD, value=_rounded(100 * prediction.threshold), unit=percent),
    ]
    evaluations = []
    if prediction.class_name is not None:
        value = own("POSITIVE" if prediction.positive else "NEGATIVE", prediction.class_name)
        evaluations.append(QualitativeEvaluation(name=PREDICTION, value=value))
    common: dict[str, Any] = {
        "tracking_identifier": _tracking(objects, "AI result"),
        "finding_type": own("TASK", result.bundle.title),
        "algorithm_id": algorithm,
        "measurements": measurements,
        "qualitative_evaluations": evaluations,
    }
    group: Group
    if place is None:
        middle = objects.references[len(objects.references) // 2]
        image = SourceImageForMeasurementGroup.from_source_image(middle)
        group = MeasurementsAndQualitativeEvaluations(source_images=[image], **common)
    else:
        group = PlanarROIMeasurementsAndQualitativeEvaluations(referenced_region=place, **common)
    _add(group, [*doubt(result), f"{RESEARCH_USE_ONLY}, {NOT_FOR_DIAGNOSIS}."])
    return group


def _hot_spot(
    objects: ResultObjects, number: int, spot: HotSpot, place: ImageRegion | ImageRegion3D
) -> Group:
    result = objects.result
    measurements = [
        Measurement(name=SHARE_OF_PEAK, value=_rounded(100 * spot.share), unit=ucum("%"))
    ]
    if spot.volume_ml is not None:
        measurements.append(
            Measurement(name=codes.SCT.Volume, value=_rounded(spot.volume_ml), unit=ucum("ml"))
        )
    group = PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(objects, f"AI hot spot {number}"),
        referenced_region=place,
        finding_type=HOT_SPOT,
        measurements=measurements,
    )
    x, y, z = (f"{mm:.1f}" for mm in spot.position_lps)
    words = [f"At {x}, {y}, {z} mm (LPS); {result.side(spot)} of the middle of the scan."]
    if spot.in_air:
        words.append("It lies in the air: it says nothing about tissue.")
    _add(group, words)
    return group


def _mark(objects: ResultObjects, measured: MarkMeasurement) -> Group:
    mark = measured.annotation
    group = PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=_tracking(objects, mark.name),
        referenced_region=_outline(mark, objects.source.frame_of_reference_uid),
        finding_type=MARKS[mark.kind],
        measurements=[_quantity(each) for each in measured.quantities] or None,
    )
    _add(group, [mark.text])
    return group


def _outline(mark: Annotation, frame_of_reference_uid: str) -> ImageRegion3D:
    """A mark in patient space: its exact points, as it may lie between or across the slices."""
    kind, points = GraphicTypeValues3D.POLYLINE, mark.points_lps
    if mark.kind == "point":
        kind = GraphicTypeValues3D.POINT
    elif mark.kind == "rectangle":
        corners = mark.box_corners_lps()
        kind, points = GraphicTypeValues3D.POLYGON, np.vstack([corners, corners[:1]])
    elif mark.kind == "ellipse":
        kind, points = GraphicTypeValues3D.ELLIPSE, mark.axis_ends_lps()
    return ImageRegion3D(kind, points, frame_of_reference_uid)


def _quantity(quantity: Quantity) -> Measurement:
    names = {
        "length_mm": codes.SCT.Length,
        "angle_deg": codes.SCT.Angle,
        "area_mm2": codes.SCT.Area,
        "voxels": own("VOXELS", "Number of voxels"),
    }
    return Measurement(
        name=names.get(quantity.key, PIXEL_VALUE),
        value=_rounded(quantity.value),
        unit=ucum(quantity.unit),
        derivation=_DERIVATIONS.get(quantity.key),
    )


def _point(lps_mm: np.ndarray, frame_of_reference_uid: str) -> ImageRegion3D:
    return ImageRegion3D(GraphicTypeValues3D.POINT, lps_mm[None], frame_of_reference_uid)


def _point_on_image(objects: ResultObjects, lps_mm: np.ndarray) -> ImageRegion | None:
    """A position, projected onto the nearest image; None where it lies beside all of them."""
    source = objects.source
    index = source.nearest(lps_mm)
    frame = source.frames[index]
    rows, columns = frame.plane.shape
    pixel = frame.pixel_of(lps_mm)
    column, row = pixel - frame.offset[::-1]
    beside = abs(float(frame.distance_mm(lps_mm))) > source.half_gap_mm(index) + _ROUNDING_MM
    if beside or not (0 <= column <= columns and 0 <= row <= rows):
        return None
    image = SourceImageForRegion.from_source_image(objects.references[index])
    return ImageRegion(GraphicTypeValues.POINT, pixel[None], image)


def _tracking(objects: ResultObjects, name: str) -> TrackingIdentifier:
    return TrackingIdentifier(uid=objects.tracking_uid(name), identifier=name)


def _text(name: CodedConcept, words: str) -> TextContentItem:
    return TextContentItem(
        name=name, value=words, relationship_type=RelationshipTypeValues.CONTAINS
    )


def _add(group: Group, sentences: Iterable[str]) -> None:
    for sentence in sentences:
        if sentence:
            group[0].ContentSequence.append(_text(COMMENT, sentence))


def _rounded(value: float) -> float:
    """To six digits: a decimal string has no room for more than sixteen characters."""
    return float(f"{value:.6g}")
