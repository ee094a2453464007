"""``parametric_map``: the heatmap as a DICOM Parametric Map on the scan's own images (PS3.3 A.75)."""

from __future__ import annotations

import numpy as np
from highdicom import VOILUTTransformation
from highdicom.pm import ParametricMap, RealWorldValueMapping
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from fusion3d_gui.imaging.dicom.source_series import SourceSeries
from fusion3d_gui.imaging.limits import check_memory
from fusion3d_gui.imaging.reslice.sampling import sample
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.report.dicom.codes import EVIDENCE, anatomic_region
from fusion3d_gui.report.dicom.result_object import ResultObjects
from fusion3d_gui.report.dicom.words import statement

#: Bytes of a pixel while the map is made: it is copied once, and encoded.
_BYTES_A_PIXEL = 12


def fractions_of_peak(heatmap: Heatmap, source: SourceSeries) -> np.ndarray:
    """The heatmap on the source's images as a fraction of its peak, float32 ``[frame, row, column]``.

    Interpolated linearly between the centres of the map's cells, as the window draws it; 0 outside of the map.
    """
    shape = (len(source.frames), *source.frames[0].plane.shape)
    check_memory(_BYTES_A_PIXEL * int(np.prod(shape)), source.path)
    scaled = heatmap.as_fractions
    out = np.zeros(shape, np.float32)
    for number, frame in enumerate(source.frames):
        sample(scaled, frame.plane, outside=0.0, out=out[number])
    return out


def parametric_map(objects: ResultObjects, fractions: np.ndarray) -> Dataset:
    """The heatmap as a Parametric Map, float32.

    Stored is the fraction of the peak, since viewers colour 0 to 1; the real-world value mapping gives
    back the map's own unit. Frames ascend along the normal: viewers place them by number alone.

    Parameters
    ----------
    objects
        The result.
    fractions
        As :func:`fractions_of_peak` returns.
    """
    heatmap = objects.result.prediction.heatmap
    slope = heatmap.peak if heatmap.has_unit and heatmap.peak > 0 else 1.0
    unit = "share of the logit" if heatmap.has_unit else "fraction of the peak, no unit"
    mapping = RealWorldValueMapping(
        lut_label="HEATMAP",
        lut_explanation=f"{heatmap.method} of {heatmap.layer}: {unit}"[:64],
        unit=codes.UCUM.NoUnits,
        value_range=(0.0, 1.0),
        slope=slope,
        intercept=0.0,
        quantity_definition=EVIDENCE,
    )
    made = ParametricMap(
        source_images=objects.references,
        pixel_array=fractions,
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        voi_lut_transformations=[VOILUTTransformation(0.5, 1.0, voi_lut_function="LINEAR_EXACT")],
        content_label="RESEARCH HEATMAP",
        content_description=f"Fraction of the peak ({heatmap.peak_text}); research only",
        content_creator_name="Fusion3D^",
        content_qualification="RESEARCH",
        **objects.options("AI heatmap"),
        **objects.maker,
    )
    _ascend(made)
    describe_anatomy(made, objects.source)
    made.ImageComments = statement(objects.result)
    made.DerivationDescription = derivation(heatmap)
    return objects.finished(made)


def describe_anatomy(made: Dataset, source: SourceSeries) -> None:
    """Add which part of the body the frames show: dcmqi (3D Slicer) crashes on a map without it."""
    anatomy = Dataset()
    anatomy.FrameLaterality = "U"
    anatomy.AnatomicRegionSequence = [anatomic_region(source.first)]
    made.SharedFunctionalGroupsSequence[0].FrameAnatomySequence = [anatomy]


def derivation(heatmap: Heatmap) -> str:
    """How the values came about: method, grid, displacement, peak (at most 1024 characters)."""
    sentences = [
        f"Heatmap by {heatmap.method} of {heatmap.layer}: what {heatmap.side} the logit.",
        f"Computed on {heatmap.grid_text}, interpolated linearly onto the source images; 0 outside.",
        f"Values are fractions of the peak ({heatmap.peak:.6g}).",
    ]
    correction = heatmap.correction
    if correction is None:
        sentences.append("Displacement of the map: not measured.")
    else:
        vector = ", ".join(f"{mm:.1f}" for mm in correction.vector_lps)
        sentences.append(f"{correction.sentence} Displacement vector (LPS, mm): {vector}.")
    return " ".join(sentences)[:1024]


def _ascend(made: Dataset) -> None:
    """Order the frames along the normal, rows x columns; highdicom orders them against it."""
    shared = made.SharedFunctionalGroupsSequence[0]
    cosines = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float)
    normal = np.cross(cosines[:3], cosines[3:])
    frames = list(made.PerFrameFunctionalGroupsSequence)
    positions = [frame.PlanePositionSequence[0].ImagePositionPatient for frame in frames]
    order = np.argsort(np.array(positions, float) @ normal, kind="stable")
    pixels = np.frombuffer(made.FloatPixelData, "<f4").reshape(len(frames), -1)
    made.FloatPixelData = pixels[order].tobytes()
    made.PerFrameFunctionalGroupsSequence = [frames[index] for index in order]
    for number, index in enumerate(order):
        frames[index].FrameContentSequence[0].DimensionIndexValues = number + 1
