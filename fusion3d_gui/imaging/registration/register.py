"""``register``: find the rigid or affine map between two scans by mutual information."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.imaging.registration.itk_image import PreparedImage, prepare
from fusion3d_gui.imaging.registration.registration import Registration
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, no_progress, part_of

_SEED = 20
_BINS = 50


@dataclass(frozen=True)
class _Level:
    """A level of the pyramid.

    Parameters
    ----------
    detail_mm
        Size of the smallest details.
    samples
        Positions at which the two images are compared, at most.
    last_step_mm
        The optimiser stops once its steps are smaller.
    """

    detail_mm: float
    samples: int
    last_step_mm: float


_COARSE, _MIDDLE, _FINE = (
    _Level(6.0, 10_000, 0.05),
    _Level(3.0, 30_000, 0.01),
    _Level(1.5, 70_000, 0.001),
)
#: For the opposite direction, which only has to show whether it leads to the same place.
_CHECK = _Level(3.0, 30_000, 0.005)
_MOST_ITERATIONS = 200
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


def register(
    fixed: Volume,
    moving: Volume,
    *,
    kind: Literal["rigid", "affine"] = "rigid",
    fixed_mask: np.ndarray | None = None,
    moving_mask: np.ndarray | None = None,
    progress: Progress = no_progress,
) -> Registration:
    """Register two scans by Mattes mutual information over a pyramid of resolutions.

    The search begins where the headers put the scans and where their middles of tissue meet, and goes on from
    the better. The same scans always give the same map: samples come from a fixed seed, on one thread. Without a mask, the finer levels compare the body's core: skin, neck and jaw move by themselves.
    Memory is bounded, as neither scan is registered at more than some million voxels.

    Parameters
    ----------
    fixed, moving
        Whole volumes of any orientation, spacing and modality.
    kind
        ``"rigid"``: rotation and translation; ``"affine"``: scale and shear as well.
    fixed_mask, moving_mask
        bool ``[k, j, i]`` of each volume's shape: only what is in it is compared.
    progress
        Called all along; its ``Cancelled`` ends the search.

    Returns
    -------
    Registration
        Patient mm (LPS) of ``fixed`` to patient mm of ``moving``.

    Raises
    ------
    UserError
        A scan is constant, has fewer than three slices, or the two nowhere overlap.
    """
    for volume in (fixed, moving):
        if min(volume.shape) < 3:
            raise UserError("A scan of one or two slices can't be registered", path=volume.path)
    with _one_thread():
        return _register(fixed, moving, kind, fixed_mask, moving_mask, progress)


def _register(
    fixed: Volume,
    moving: Volume,
    kind: Literal["rigid", "affine"],
    fixed_mask: np.ndarray | None,
    moving_mask: np.ndarray | None,
    progress: Progress,
) -> Registration:
    first = prepare(fixed, fixed_mask, part_of(progress, 0.0, 0.1))
    second = prepare(moving, moving_mask, part_of(progress, 0.1, 0.2))
    for volume, prepared in ((fixed, first), (moving, second)):
        if float(prepared.values.max()) <= float(prepared.values.min()):
            raise UserError("can't be registered: all its values are equal", path=volume.path)
    search = _Search(first, second)
    before = search.information(np.eye(4))
    found = search.run(kind, part_of(progress, 0.2, 0.75))
    back = _Search(second, first).refine(
        np.linalg.inv(found.matrix), kind, part_of(progress, 0.75, 1.0), levels=(_CHECK,)
    )
    points = first.tissue_points(_POINTS)
    there = points @ found.matrix[:3, :3].T + found.matrix[:3, 3]
    again = there @ back.matrix[:3, :3].T + back.matrix[:3, 3]
    return Registration(
        found.matrix,
        kind,
        mutual_information=search.information(found.matrix),
        start_information=before,
        overlap=search.overlap(found.matrix),
        consistency_mm=float(np.linalg.norm(again - points, axis=1).mean()),
        iterations=found.iterations,
    )


def information(fixed: Volume, moving: Volume, matrix: np.ndarray) -> tuple[float | None, float]:
    """Mutual information (nats) of two scans under a map (4x4, fixed mm to moving mm), and the tissue's overlap (0 to 1).

    None where they do not overlap.
    """
    with _one_thread():
        search = _Search(prepare(fixed), prepare(moving))
        return search.information(matrix), search.overlap(matrix)


def coarse_information(
    fixed: Volume, moving: Volume, matrix: np.ndarray | None, progress: Progress = no_progress
) -> float | None:
    """Mutual information (nats) at the middle level: under a map, or where a rigid search to that level ends (None).

    None where the two do not overlap.
    """
    with _one_thread():
        search = _Search(prepare(fixed), prepare(moving))
        if matrix is not None:
            return search.middle_information(matrix)
        try:
            found = search.run_coarsely(progress)
        except UserError:
            return None
        return search.middle_information(found.matrix)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Sums in another order would give another map, and how many threads share them is up to the machine."""
    import SimpleITK as sitk

    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


class _Search:
    """Registers one prepared image to another, from a start through the levels of the pyramid."""

    def __init__(self, fixed: PreparedImage, moving: PreparedImage) -> None:
        self._fixed, self._moving = fixed, moving
        self._points = fixed.tissue_points(_POINTS)
        self._center = self._points.mean(axis=0)
        self._mask = fixed.itk_mask
        self._pairs: dict[float, tuple[Any, Any]] = {}

    def overlap(self, matrix: np.ndarray) -> float:
        """Share of the fixed tissue that lies within the moving image."""
        to_index = np.linalg.inv(self._moving.affine) @ matrix
        index = self._points @ to_index[:3, :3].T + to_index[:3, 3]
        sizes = np.array(self._moving.values.shape[::-1])
        return float(np.mean(((index >= -0.5) & (index <= sizes - 0.5)).all(axis=1)))

    def information(self, matrix: np.ndarray) -> float | None:
        """Mutual information at the finest level; None where too little overlaps to measure it."""
        return self._information(matrix, _FINE)

    def _information(self, matrix: np.ndarray, level: _Level) -> float | None:
        if self.overlap(matrix) < _LEAST_OVERLAP / 10:
            return None
        fixed, moving = self._pair(level)
        method = self._method(fixed, level)
        method.SetInitialTransform(self._transform(matrix, "affine"))
        try:
            return -float(method.MetricEvaluate(fixed, moving))
        except RuntimeError:  # no sample falls into the other image
            return None

    def middle_information(self, matrix: np.ndarray) -> float | None:
        """Mutual information at the middle level; None where too little overlaps to measure it."""
        return self._information(matrix, _MIDDLE)

    def run_coarsely(self, progress: Progress) -> _Found:
        """Search from every start on the coarsest level, and refine the best on the middle one."""
        best = self._best_of_starts(part_of(progress, 0.0, 0.5))
        return self.refine(best.matrix, "rigid", part_of(progress, 0.5, 1.0), levels=(_MIDDLE,))

    def _best_of_starts(self, progress: Progress) -> _Found:
        tried: list[_Found] = []
        for number, start in enumerate(self._starts()):
            part = part_of(progress, number / _STARTS, (number + 1) / _STARTS)
            try:
                tried.append(self.refine(start, "rigid", part, levels=(_COARSE,)))
            except UserError:
                continue
        if not tried:
            raise UserError(_APART)
        best = max(tried, key=lambda each: each.information)
        return replace(best, iterations=sum(each.iterations for each in tried))

    def run(self, kind: Literal["rigid", "affine"], progress: Progress) -> _Found:
        """Search from every start on the coarsest level, and go on from the best."""
        best = self._best_of_starts(part_of(progress, 0.0, 0.3))
        fine = (_MIDDLE, _FINE)
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
        levels: tuple[_Level, ...],
    ) -> _Found:
        """Optimise from a map (4x4) through the given levels. Raises UserError where the images don't overlap."""
        found = _Found(start, 0.0, 0)
        for number, level in enumerate(levels):
            part = part_of(progress, number / len(levels), (number + 1) / len(levels))
            found = self._optimise(found, kind, level, part)
        return found

    def _optimise(
        self, found: _Found, kind: Literal["rigid", "affine"], level: _Level, progress: Progress
    ) -> _Found:
        progress(0.0, "Registering")
        fixed, moving = self._pair(level)
        method = self._method(fixed, level)
        transform = self._transform(found.matrix, kind)
        method.SetInitialTransform(transform, inPlace=True)
        # From half of the level's details down to much less than is asked for.
        method.SetOptimizerAsRegularStepGradientDescent(
            learningRate=level.detail_mm / 2 if level is _COARSE else level.detail_mm / 3,
            minStep=level.last_step_mm,
            numberOfIterations=_MOST_ITERATIONS,
            relaxationFactor=0.7,
            gradientMagnitudeTolerance=1e-10,
        )
        method.SetOptimizerScales(self._scales(kind))
        steps = _Steps(method, progress)
        try:
            method.Execute(fixed, moving)
        except RuntimeError:
            if steps.cancelled is None:
                raise UserError(_APART) from None
        if steps.cancelled is not None:
            raise steps.cancelled
        count = found.iterations + steps.count
        return _Found(_matrix_of(transform), -float(method.GetMetricValue()), count)

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
            (self._information(start, _COARSE) or 0.0, number)
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

    def _pair(self, level: _Level) -> tuple[Any, Any]:
        """Both images at a level of the pyramid."""
        mm = level.detail_mm
        if mm not in self._pairs:
            self._pairs[mm] = self._fixed.at_level(mm), self._moving.at_level(mm)
        return self._pairs[mm]

    def _method(self, fixed: Any, level: _Level) -> Any:
        import SimpleITK as sitk

        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsMattesMutualInformation(_BINS)
        method.SetInterpolator(sitk.sitkLinear)
        method.SetMetricSamplingStrategy(method.RANDOM)
        share = min(1.0, level.samples / fixed.GetNumberOfPixels())
        method.SetMetricSamplingPercentage(share, _SEED)
        if self._mask is not None and (level is not _COARSE or self._fixed.mask is not None):
            method.SetMetricFixedMask(self._mask)
        if self._moving.mask is not None:
            method.SetMetricMovingMask(self._moving.itk_mask)
        return method


class _Steps:
    """Counts the optimiser's steps, tells the progress, and stops the optimiser once the user has cancelled."""

    def __init__(self, method: Any, progress: Progress) -> None:
        import SimpleITK as sitk

        self.count = 0
        self.cancelled: Cancelled | None = None
        self._progress = progress
        self._method = method
        method.AddCommand(sitk.sitkIterationEvent, self._on_step)

    def _on_step(self) -> None:
        self.count += 1
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
