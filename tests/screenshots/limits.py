"""Pictures of what the window shows where an entry is refused, or the model is hardly or not meant for the scan."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.model.scope import Scope

_OTHER_SEQUENCE = Scope(modality="MR", body_part="brain", contrasts=("T2",))
_OTHER_MODALITY = Scope(modality="CT")
_SIMULATED = Scope(modality="MR", body_part="brain", population="simulated")


class Limits:
    """Starts from the demo's prediction and ends with it; ``scenes`` is the :class:`scenes.Scenes`."""

    def __init__(self, scenes) -> None:
        self.scenes, self.window, self.session = scenes, scenes.window, scenes.session
        self.demo = scenes.window.demos[0]

    def take(self) -> None:
        """All of them."""
        session, before = self.session, self.session.store.bundle
        session.form.type_text("age", "250")
        self.scenes.in_both_themes("entry-refused")
        session.predictions.reset_form()
        with TemporaryDirectory() as scratch:
            folder = Path(scratch)
            self._use_copy(folder / "doubtful", _OTHER_SEQUENCE)
            session.predictions.predict()
            self._wait_for_prediction()
            self.scenes.in_both_themes("doubtful")
            self._use_copy(folder / "refused", _OTHER_MODALITY)
            self.scenes.in_both_themes("refused")
            self._despite_misfit()
            # The same voxels without the mark of a simulated scan.
            scan = replace(session.store.case.volume, attributes={})
            write_nifti(scan, folder / "scan.nii.gz")
            self._use_copy(folder / "simulated", _SIMULATED)
            session.opener.open(
                folder / "scan.nii.gz", metadata=self.demo.metadata, then_predict=True
            )
            self._wait_for_prediction()
            self.scenes.in_both_themes("simulated")
            session.models.choose(before)
            session.open_demo(self.demo)
            self._wait_for_prediction()

    def _despite_misfit(self) -> None:
        view = self.window.side.prediction.readout.refusal
        view.ask.click()
        self.scenes.picture("refused-asking")
        view.confirm.click()
        self._wait_for_prediction()
        self.window.notices.clear()  # that the number kept before was judged by another scope
        self.scenes.in_both_themes("despite-misfit")
        size = self.window.size()
        self.window.presentation.toggle()
        self.window.showNormal()  # the screen of a machine without one is small
        self.window.resize(size)
        self.scenes.picture("presentation-despite-misfit")
        self.window.presentation.toggle()
        self.window.resize(size)

    def _use_copy(self, folder: Path, scope: Scope) -> None:
        """Use the demo's bundle with another scope."""
        shutil.copytree(self.demo.bundle, folder)
        plain = json.dumps(scope.to_json())
        (folder / "configs" / "scope.json").write_text(plain, encoding="utf-8")
        self.session.models.choose(self.session.models.find(folder))

    def _wait_for_prediction(self) -> None:
        predictions = self.session.predictions
        self.scenes.wait(lambda: predictions.current is not None and self.scenes.is_idle())
        self.session.hot_spots.go_to_peak()
