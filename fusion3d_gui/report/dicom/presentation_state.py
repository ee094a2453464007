"""``presentation_state``: window level and marks as a Grayscale Softcopy Presentation State (PS3.3 A.33.1)."""

from __future__ import annotations

import numpy as np
from highdicom import ModalityLUTTransformation, PresentationLUTTransformation
from highdicom.pr import (
    AnnotationUnitsValues,
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GraphicTypeValues,
    GrayscaleSoftcopyPresentationState,
    SoftcopyVOILUTTransformation,
    TextObject,
)
from pydicom.dataset import Dataset

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.imaging.annotations.annotation import Annotation
from fusion3d_gui.imaging.dicom.frames.frame import Rescale
from fusion3d_gui.imaging.dicom.source_series import SourceSeries
from fusion3d_gui.report.dicom.result_object import ResultObjects
from fusion3d_gui.report.dicom.study_identity import copy_body_part
from fusion3d_gui.report.dicom.words import NOT_FOR_DIAGNOSIS, doubt

#: How far a text begins from what it explains, in pixels.
_TEXT_OFFSET = 6
_LONGEST_TEXT = 1024
#: A mark drawn in a slice's plane lies this near it.
_ROUNDING_MM = 1e-3


def presentation_state(objects: ResultObjects) -> Dataset | None:
    """The scan as the window shows it: its window level, the peak with the probability, and the marks.

    A presentation state draws in images only: a mark that does not lie in the plane of one, within half the
    distance of the slices, is left out; the report holds all of them.

    Parameters
    ----------
    objects
        The result.

    Returns
    -------
    pydicom Dataset or None
        None where one presentation state can't speak for all images: their rescales differ, they are
        tiles of a mosaic, or they are in colour.
    """
    result = objects.result
    rescale = _common_rescale(objects)
    if rescale is None:
        return None
    prediction, window = result.prediction, result.appearance.window
    ai = GraphicLayer("AI", 1, f"AI result: {RESEARCH_USE_ONLY}, {NOT_FOR_DIAGNOSIS}"[:64])
    reader = GraphicLayer("MARKS", 2, "Marks of the reader")
    annotations = []
    peak = prediction.heatmap.peak_lps
    if peak is not None:
        words = [
            *doubt(result),
            f"{100 * prediction.probability:.1f} % {prediction.class_text}",
            f"{RESEARCH_USE_ONLY}, {NOT_FOR_DIAGNOSIS}",
        ]
        index = objects.source.nearest(peak)
        pixel = objects.source.frames[index].pixel_of(peak[None])
        annotations.append(
            _annotation(objects, ai, index, GraphicTypeValues.POINT, pixel, "\r\n".join(words))
        )
    for each in result.marks:
        mark = each.annotation
        on_image = _image_of(objects.source, mark)
        if on_image is not None:
            values = [f"{value.name} {value.value:.4g} {value.unit}" for value in each.quantities]
            words = [" ".join(filter(None, (mark.name, mark.text))), *values]
            kind, points = _graphic(mark)
            pixel = objects.source.frames[on_image].pixel_of(points)
            annotations.append(
                _annotation(objects, reader, on_image, kind, pixel, "\r\n".join(words))
            )
    made = GrayscaleSoftcopyPresentationState(
        referenced_images=list(objects.references),
        content_label="RESEARCH MARKS",
        content_description="Window, AI result and marks; research only",
        content_creator_name="Fusion3D^",
        graphic_layers=[ai, reader],
        graphic_annotations=annotations or None,
        modality_lut_transformation=ModalityLUTTransformation(
            rescale_slope=rescale.slope,
            rescale_intercept=rescale.intercept,
            rescale_type=rescale.unit if rescale.unit in ("HU", "OD") else "US",
        ),
        voi_lut_transformations=[
            SoftcopyVOILUTTransformation(
                window_center=window.center,
                window_width=window.width,
                voi_lut_function="LINEAR_EXACT",
            )
        ],
        presentation_lut_transformation=PresentationLUTTransformation(
            presentation_lut_shape="INVERSE" if result.appearance.inverted else "IDENTITY"
        ),
        **objects.options("AI marks"),
        **objects.maker,
    )
    copy_body_part(objects.source.first, made)
    return objects.finished(made)


def _common_rescale(objects: ResultObjects) -> Rescale | None:
    """From stored values to those of the window, the same for all images; None where there is no such."""
    source, volume = objects.source, objects.result.volume
    first = source.frames[0].rescale
    if first is None or any(frame.rescale != first for frame in source.frames):
        return None
    if source.first.get("SamplesPerPixel", 1) != 1:
        return None
    if any(
        frame.plane.shape != (frame.header.Rows, frame.header.Columns) for frame in source.frames
    ):
        return None
    # The volume's unit may be another than that of the files: SUV.
    is_stored = volume.voxels.dtype.kind in "iu"
    factor = volume.slope / first.slope if is_stored and first.slope else volume.slope
    return Rescale(first.slope * factor, first.intercept * factor, volume.unit)


def _image_of(source: SourceSeries, mark: Annotation) -> int | None:
    """Index of the frame in whose plane a mark lies; None where it lies in none."""
    points = mark.points_lps
    index = source.nearest(points.mean(axis=0))
    away = np.abs(source.frames[index].distance_mm(points))
    tolerance = source.half_gap_mm(index) + _ROUNDING_MM
    return index if bool((away <= tolerance).all()) else None


def _graphic(mark: Annotation) -> tuple[GraphicTypeValues, np.ndarray]:
    """A mark as a graphic of points (LPS mm)."""
    if mark.kind == "point":
        return GraphicTypeValues.POINT, mark.points_lps
    if mark.kind == "rectangle":
        corners = mark.box_corners_lps()
        return GraphicTypeValues.POLYLINE, np.vstack([corners, corners[:1]])
    if mark.kind == "ellipse":
        return GraphicTypeValues.ELLIPSE, mark.axis_ends_lps()
    return GraphicTypeValues.POLYLINE, mark.points_lps


def _annotation(
    objects: ResultObjects,
    layer: GraphicLayer,
    index: int,
    kind: GraphicTypeValues,
    pixels: np.ndarray,
    words: str,
) -> GraphicAnnotation:
    rows, columns = objects.source.frames[index].plane.shape
    column, row = pixels[0] + (_TEXT_OFFSET, 0)
    # What lies beside the image is drawn at its edge: the standard has no places beyond.
    pixels = np.clip(pixels, 0, (columns, rows))
    unit = AnnotationUnitsValues.PIXEL
    return GraphicAnnotation(
        referenced_images=[objects.references[index]],
        graphic_layer=layer,
        graphic_objects=[GraphicObject(graphic_type=kind, graphic_data=pixels, units=unit)],
        text_objects=[
            TextObject(
                text_value=words[:_LONGEST_TEXT],
                units=unit,
                anchor_point=(float(np.clip(column, 0, columns)), float(np.clip(row, 0, rows))),
                anchor_point_visible=False,
            )
        ],
    )
