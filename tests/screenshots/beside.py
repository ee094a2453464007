"""Pictures of a second scan beside the first, drawn over it in every way, both predicted; and of masks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.labels.scan_object import Mask
from fusion3d_gui.imaging.registration.registration import Registration
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.beside.comparison import Way

#: The earlier scan lies so in the scanner (mm, LPS): turned by 8 degrees about the patient's axis, and shifted.
_MOVED = np.array(
    [[0.9903, -0.1392, 0, 6.0], [0.1392, 0.9903, 0, -9.0], [0, 0, 1, 4.0], [0, 0, 0, 1.0]]
)
_LESION_MM = 14.0


class Beside:
    """Starts from the demo's prediction and ends with it; ``scenes`` is the :class:`scenes.Scenes`."""

    def __init__(self, scenes) -> None:
        self.scenes, self.window, self.session = scenes, scenes.window, scenes.session

    def take(self) -> None:
        """All of them."""
        with TemporaryDirectory() as scratch:
            self._second_scan(Path(scratch))
        self._masks()

    def _second_scan(self, folder: Path) -> None:
        session, second = self.session, self.session.second
        now = session.store.case.volume
        known = {
            name: now.attributes[name]
            for name in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
            if now.attributes.get(name)
        }
        write_dicom_series(
            replace(self._without_lesion(now), affine=_MOVED @ now.affine),
            folder / "prior",
            attributes={**known, "StudyDate": "20230411", "PatientAge": "060Y"},
            uid_seed="prior",
        )
        second.open(folder / "prior")
        self.scenes.wait(lambda: second.case is not None, 30)
        self._picture("beside-not-linked")
        session.alignment.restore(Registration(_MOVED, "rigid", 0.92, 0.41, 0.99, 0.21, 74))
        self.window.notices.clear()
        for way in Way:
            session.comparison.choose(way)
            self._picture("beside" if way is Way.NONE else f"beside-{way.value.lower()}")
        session.comparison.choose(Way.BLEND)
        self._in_light("beside-fused")
        session.comparison.choose(Way.NONE)
        session.prior.predict()
        self.scenes.wait(lambda: session.prior.result is not None, 60)
        self._picture("beside-both-predicted")
        self.window.views.toggle_maximised(self.window.views.axial)
        self._picture("beside-alone")
        self.window.views.toggle_maximised(self.window.views.axial)
        second.close()

    def _without_lesion(self, volume: Volume) -> Volume:
        """The scan as it was before what the heatmap shows: there it has the values of the other side."""
        index = np.stack(np.meshgrid(*map(np.arange, volume.shape), indexing="ij")[::-1], axis=-1)
        peak = self.session.predictions.current.heatmap.peak_lps
        away = np.linalg.norm(volume.to_lps(index) - peak, axis=-1)
        other_side = volume.voxels[:, :, ::-1]
        return replace(volume, voxels=np.where(away < _LESION_MM, other_side, volume.voxels))

    def _masks(self) -> None:
        """Masks of a file, one outlined and one drawn, and how the heatmap agrees with the chosen one."""
        session, masks = self.session, self.session.masks
        volume = session.store.case.volume
        peak = session.predictions.current.heatmap.peak_lps
        masks.add_all(
            (
                self._ball(volume, "lesion", peak, 11.0),
                self._ball(volume, "reference region", 2 * volume.center_lps - peak, 16.0),
            )
        )
        session.mask_drawing.set_3d(True)
        session.mask_drawing.set_radius(7.0)
        session.mask_drawing.begin(peak + (0, 24.0, 0), np.array([0.0, 0, 1]), erase=False)
        session.mask_drawing.end()
        masks.rename(masks.items[-1].number, "drawn")
        session.hot_spots.go_to_peak()
        masks.select(masks.items[0].number)
        self.scenes.wait(lambda: session.mask_agreements.now is not None, 20)
        self._picture("masks")
        self._in_light("masks")
        masks.toggle_outlines()
        self._picture("masks-outlines")
        masks.toggle_outlines()
        masks.replace_all(())

    def _ball(self, volume: Volume, name: str, center: np.ndarray, radius_mm: float) -> Mask:
        index = np.stack(np.meshgrid(*map(np.arange, volume.shape), indexing="ij")[::-1], axis=-1)
        inside = np.linalg.norm(volume.to_lps(index) - center, axis=-1) < radius_mm
        k, j, i = (slice(each.min(), each.max() + 1) for each in np.nonzero(inside))
        affine = np.array(volume.affine)
        affine[:3, 3] = volume.to_lps(np.array([i.start, j.start, k.start]))
        return Mask(name, Volume(inside[k, j, i].astype(np.uint8), affine))

    def _in_light(self, name: str) -> None:
        with self.scenes.light():
            self._picture(f"light-{name}")

    def _picture(self, name: str) -> None:
        """Take the window once the second scan's views have their final resolution, too."""
        views = self.window.second_views.views
        self.scenes.wait(lambda: all(view.is_settled or not view.isVisible() for view in views), 20)
        self.scenes.picture(name)
