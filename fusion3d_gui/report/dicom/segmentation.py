"""``segmentation``: the heat above the threshold, and each hot spot, as a DICOM Segmentation (PS3.3 A.51)."""

from __future__ import annotations

import numpy as np
from highdicom.color import CIELabColor
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentDescription
from highdicom.sr.coding import CodedConcept
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from fusion3d_gui.imaging.dicom.source_series import SourceSeries
from fusion3d_gui.inference.explain.hot_spots import hot_spot_numbers
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.report.dicom.codes import ABOVE_THRESHOLD, HOT_SPOT, anatomic_region
from fusion3d_gui.report.dicom.parametric_map import derivation
from fusion3d_gui.report.dicom.result_object import ResultObjects
from fusion3d_gui.report.dicom.words import statement

#: Colours of the segments: all heat, the strongest hot spot, the others.
_COLORS = ((255, 170, 60), (230, 50, 40), (190, 80, 200))


def segmentation(objects: ResultObjects, fractions: np.ndarray) -> Dataset | None:
    """Segment 1 is the heat above the threshold; the next are the hot spots, strongest first.

    Every voxel above the threshold belongs to the hot spot of the nearest cell that has one.

    Parameters
    ----------
    objects
        The result.
    fractions
        The heatmap on the source's frames, as of
        :func:`~fusion3d_gui.report.dicom.parametric_map.fractions_of_peak`.

    Returns
    -------
    pydicom Dataset or None
        None where no voxel is above the threshold.
    """
    result = objects.result
    heatmap, threshold = result.prediction.heatmap, result.appearance.threshold
    above = fractions >= max(threshold, np.finfo(np.float32).tiny)
    if not above.any():
        return None
    spots = _spots_of_voxels(heatmap, threshold, objects.source, above)
    found = [number for number in range(1, len(result.hot_spots) + 1) if (spots == number).any()]
    masks = [above, *(spots == number for number in found)]
    names = [
        f"Heat above {100 * threshold:.0f} % of the peak",
        *(
            f"Hot spot {number}: {100 * result.hot_spots[number - 1].share:.0f} % of the peak"
            for number in found
        ),
    ]
    kinds = [ABOVE_THRESHOLD, *[HOT_SPOT] * len(found)]
    findings = [names[0], *(f"AI hot spot {number}" for number in found)]
    region = anatomic_region(objects.source.first)
    category = CodedConcept.from_code(codes.SCT.SpatialAndRelationalConcept)
    descriptions = [
        SegmentDescription(
            segment_number=number,
            segment_label=name,
            segmented_property_category=category,
            segmented_property_type=kind,
            algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=objects.algorithm,
            tracking_uid=objects.tracking_uid(finding),
            tracking_id=finding,
            anatomic_regions=[region],
            display_color=CIELabColor.from_rgb(*_COLORS[min(number, len(_COLORS)) - 1]),
        )
        for number, (name, kind, finding) in enumerate(zip(names, kinds, findings, strict=True), 1)
    ]
    made = Segmentation(
        source_images=objects.references,
        pixel_array=np.stack(masks, axis=-1).astype(np.uint8),
        segmentation_type="BINARY",
        segment_descriptions=descriptions,
        content_label="RESEARCH REGIONS",
        content_description="Heat above the threshold and hot spots; research only",
        content_creator_name="Fusion3D^",
        **objects.options("AI regions"),
        **objects.maker,
    )
    made.ImageComments = statement(result)
    made.DerivationDescription = derivation(heatmap)
    return objects.finished(made)


def _spots_of_voxels(
    heatmap: Heatmap, threshold: float, source: SourceSeries, above: np.ndarray
) -> np.ndarray:
    """Number of the hot spot of each voxel above the threshold, uint8 ``[frame, row, column]``."""
    from scipy.ndimage import distance_transform_edt

    numbers = hot_spot_numbers(heatmap, threshold)
    spots = np.zeros(above.shape, np.uint8)
    if not numbers.any():
        return spots
    sizes = heatmap.as_volume.spacing_mm
    nearest = distance_transform_edt(
        numbers == 0, sampling=sizes, return_distances=False, return_indices=True
    )
    numbers = numbers[tuple(nearest)]
    last = np.array(numbers.shape[::-1]) - 1
    for index, frame in enumerate(source.frames):
        rows, columns = np.nonzero(above[index])
        cells = np.rint(heatmap.as_volume.to_index(frame.plane.to_lps(rows, columns)))
        i, j, k = cells.astype(int).clip(0, last).T
        spots[index, rows, columns] = numbers[k, j, i]
    return spots
