"""``Search``: brings one prepared image onto another by mutual information, from a start through a pyramid."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.imaging.registration.itk_image import PreparedImage
from fusion3d_gui.progress import Progress, part_of

#: Seed of the positions at which images are compared.
_SEED = 20
_BINS = 50


@dataclass(frozen=True)
class Level:
    """A level of the pyramid.

    Parameters
    ----------
    detail_mm
        Size of the smallest details.
    samples
        Positions at which the two images are compared, at most; of whole fields, half of which is air, twice as many.
    last_step_mm
        The optimiser stops once its steps are smaller.
    """

    detail_mm: float
    samples: int
    last_step_mm: float


COARSE, MIDDLE, FINE = (
    Level(6.0, 8_000, 0.05),
    Level(3.0, 20_000, 0.01),
    Level(1.5, 50_000, 0.001),
)
#: For the opposite direction, which only has to show whether it leads to the same place.
CHECK = Level(3.0, 20_000, 0.005)
_MOST_ITERATIONS = 200
#: The optimiser's first step as a share of a level's details. An affine search begins where a rigid one has ended:
#: from longer steps it may never come back.
_FIRST_STEP: dict[str, float] = {"rigid": 1 / 3, "affine": 1 / 20}
_FIRST_COARSE_STEP = 1 / 2
#: Mutual information is told from voxels of the fixed image that are at least this far (mm) apart.
_TOLD_MM = 3.0
#: Tissue (as a share) that must overlap for a start to be tried.
_LEAST_OVERLAP = 0.1
_POINTS = 4_000
#: Starts from which the coarsest level is searched.
_STARTS = 2

_APART = "The scans can't be registered: they nowhere overlap"


@dataclass(frozen=True, eq=False)
class _Found:
    matrix: np.ndarray
    information: float
    iterations: int


class Search:
    """Registers one prepared image to another, from a start through the levels of the pyramid."""

    def __init__(self, fixed: PreparedImage, moving: PreparedImage) -> None:
        self._fixed, self._moving = fixed, moving
        self._points = fixed.tissue_points(_POINTS)
        self._center = self._points.mean(axis=0)
        self._mask = fixed.itk_mask

    def overlap(self, matrix: np.ndarray) -> float:
        """Share of the fixed tissue that lies within the moving image."""
        to_index = np.linalg.inv(self._moving.affine) @ matrix
        index = self._points @ to_index[:3, :3].T + to_index[:3, 3]
        sizes = np.array(self._moving.values.shape[::-1])
        return float(np.mean(((index >= -0.5) & (index <= sizes - 0.5)).all(axis=1)))

    def information(self, matrix: np.ndarray) -> float | None:
        """Mutual information (nats) at the finest level; None where too little overlaps to measure it."""
        return self._information(matrix, FINE)

    def _information(self, matrix: np.ndarray, level: Level) -> float | None:
        if self.overlap(matrix) < _LEAST_OVERLAP / 10:
            return None
        import SimpleITK as sitk

        fixed, moving = self._pair(level)
        # Evaluated alone, the metric goes by every voxel.
        fixed = sitk.Shrink(fixed, [max(1, int(_TOLD_MM / each)) for each in fixed.GetSpacing()])
        method = self._method(fixed, level)
        method.SetInitialTransform(self._transform(matrix, "affine"))
        try:
            return -float(method.MetricEvaluate(fixed, moving))
        except RuntimeError:  # no sample falls into the other image
            return None

    def middle_information(self, matrix: np.ndarray) -> float | None:
        """Mutual information at the middle level; None where too little overlaps to measure it."""
        return self._information(matrix, MIDDLE)

    def run_coarsely(self, progress: Progress) -> _Found:
        """Search from every start on the coarsest level, and refine the best on the middle one."""
        best = self._best_of_starts(part_of(progress, 0.0, 0.5))
        return self.refine(best.matrix, "rigid", part_of(progress, 0.5, 1.0), levels=(MIDDLE,))

    def _best_of_starts(self, progress: Progress) -> _Found:
        tried: list[_Found] = []
        for number, start in enumerate(self._starts()):
            part = part_of(progress, number / _STARTS, (number + 1) / _STARTS)
            try:
                tried.append(self.refine(start, "rigid", part, levels=(COARSE,)))
            except UserError:
                continue
        if not tried:
            raise UserError(_APART)
        best = max(tried, key=lambda each: each.information)
        return replace(best, iterations=sum(each.iterations for each in tried))

    def run(self, kind: Literal["rigid", "affine"], progress: Progress) -> _Found:
        """Search from every start on the coarsest level, and go on from the best."""
        best = self._best_of_starts(part_of(progress, 0.0, 0.3))
        fine = (MIDDLE, FINE)
        rigid = self.refine(best.matrix, "rigid", part_of(progress, 0.3, 0.7), levels=fine)
        total = best.iterations + rigid.iterations
        if kind == "rigid":
            return _Found(rigid.matrix, rigid.information, total)
        affine = self.refine(rigid.matrix, "affine", part_of(progress, 0.7, 1.0), levels=fine)
        return _Found(affine.matrix, affine.information, total + affine.iterations)

    def refine(
        self,
        start: np.ndarray,
        kind: Literal["rigid", "affine"],
        progress: Progress,
        *,
        levels: tuple[Level, ...],
    ) -> _Found:
        """Optimise from a map (4x4) through the given levels. Raises UserError where the images don't overlap."""
        found = _Found(start, 0.0, 0)
        for number, level in enumerate(levels):
            part = part_of(progress, number / len(levels), (number + 1) / len(levels))
            found = self._optimise(found, kind, level, part)
        return found

    def _optimise(
        self, found: _Found, kind: Literal["rigid", "affine"], level: Level, progress: Progress
    ) -> _Found:
        progress(0.0, "Registering")
        fixed, moving = self._pair(level)
        method = self._method(fixed, level)
        transform = self._transform(found.matrix, kind)
        method.SetInitialTransform(transform, inPlace=True)
        # From half of the level's details down to much less than is asked for.
        method.SetOptimizerAsRegularStepGradientDescent(
            learningRate=level.detail_mm
            * (_FIRST_COARSE_STEP if level is COARSE else _FIRST_STEP[kind]),
            minStep=level.last_step_mm,
            numberOfIterations=_MOST_ITERATIONS,
            relaxationFactor=0.7,
            gradientMagnitudeTolerance=1e-10,
        )
        method.SetOptimizerScales(self._scales(kind))
        steps = _Steps(method, transform.GetParameters(), progress)
        try:
            method.Execute(fixed, moving)
        except RuntimeError:
            if steps.cancelled is None:
                raise UserError(_APART) from None
        if steps.cancelled is not None:
            raise steps.cancelled
        # Not where it ended: its steps get shorter only as their direction turns round, and may lead away for long.
        transform.SetParameters(steps.best)
        lowest = steps.lowest if steps.count else float(method.GetMetricValue())
        return _Found(_matrix_of(transform), -lowest, found.iterations + steps.count)

    def _starts(self) -> list[np.ndarray]:
        """Where the headers put the scans, and their middles of tissue and of their fields brought together."""
        moving_center = self._moving.tissue_points(_POINTS).mean(axis=0)
        starts = [np.eye(4), _shifted(moving_center - self._center)]
        middles = [
            each.affine[:3, :3] @ ((np.array(each.values.shape[::-1]) - 1) / 2) + each.affine[:3, 3]
            for each in (self._fixed, self._moving)
        ]
        starts.append(_shifted(middles[1] - middles[0]))
        judged = [
            (self._information(start, COARSE) or 0.0, number)
            for number, start in enumerate(starts)
            if self.overlap(start) >= _LEAST_OVERLAP
        ]
        best = sorted(judged, reverse=True)[:_STARTS]
        return [starts[number] for _, number in best]

    def _transform(self, matrix: np.ndarray, kind: Literal["rigid", "affine"]) -> Any:
        import SimpleITK as sitk

        transform: Any = sitk.Euler3DTransform() if kind == "rigid" else sitk.AffineTransform(3)
        center = self._center
        transform.SetCenter(center.tolist())
        transform.SetMatrix(matrix[:3, :3].ravel().tolist())
        transform.SetTranslation((matrix[:3, :3] @ center + matrix[:3, 3] - center).tolist())
        return transform

    def _scales(self, kind: Literal["rigid", "affine"]) -> list[float]:
        """How much the tissue moves (mm squared) with each parameter: a step is about as long for all of them.

        ITK's own estimate goes by the corners of the image, and leaves rotations behind.
        """
        squares = ((self._points - self._center) ** 2).mean(axis=0)
        if kind == "affine":
            return [*np.tile(squares, 3).tolist(), 1.0, 1.0, 1.0]
        return [*((squares.sum() - squares) / 2).tolist(), 1.0, 1.0, 1.0]

    def _pair(self, level: Level) -> tuple[Any, Any]:
        """Both images at a level of the pyramid."""
        return self._fixed.at_level(level.detail_mm), self._moving.at_level(level.detail_mm)

    def _method(self, fixed: Any, level: Level) -> Any:
        import SimpleITK as sitk

        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsMattesMutualInformation(_BINS)
        method.SetInterpolator(sitk.sitkLinear)
        method.SetMetricSamplingStrategy(method.RANDOM)
        is_masked = self._mask is not None and (level is not COARSE or self._fixed.mask is not None)
        compared = fixed.GetNumberOfPixels() / 2
        if is_masked:
            method.SetMetricFixedMask(self._mask)
            inside = np.count_nonzero(sitk.GetArrayViewFromImage(self._mask))
            cells = np.prod(self._mask.GetSpacing()) / np.prod(fixed.GetSpacing())
            compared = max(1.0, float(inside * cells))
        # Positions are drawn from the whole image; those beyond the mask are not compared.
        method.SetMetricSamplingPercentage(min(1.0, level.samples / compared), _SEED)
        if self._moving.mask is not None:
            method.SetMetricMovingMask(self._moving.itk_mask)
        return method


class _Steps:
    """Counts the optimiser's steps, remembers the best, tells the progress, and stops once the user has cancelled."""

    def __init__(self, method: Any, start: tuple[float, ...], progress: Progress) -> None:
        import SimpleITK as sitk

        self.count = 0
        self.lowest = math.inf
        self.best = self._position = start
        self.cancelled: Cancelled | None = None
        self._progress = progress
        self._method = method
        method.AddCommand(sitk.sitkIterationEvent, self._on_step)

    def _on_step(self) -> None:
        self.count += 1
        # Told after the step, the value is that of the position before.
        value = self._method.GetMetricValue()
        if value < self.lowest:
            self.lowest, self.best = value, self._position
        self._position = self._method.GetOptimizerPosition()
        try:
            # Most levels end long before the last allowed step.
            self._progress(1 - 0.97**self.count, "Registering")
        except Cancelled as cancelled:
            self.cancelled = cancelled
            self._method.StopRegistration()


def _shifted(offset: np.ndarray) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 3] = offset
    return matrix


def _matrix_of(transform: Any) -> np.ndarray:
    linear = np.array(transform.GetMatrix()).reshape(3, 3)
    center, translation = np.array(transform.GetCenter()), np.array(transform.GetTranslation())
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = translation + center - linear @ center
    return matrix
