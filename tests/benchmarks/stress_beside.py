"""Stress two scans side by side: ``python tests/benchmarks/stress_beside.py [--steps 500] [--seed 1] [--model DIR]``.

Opens, closes, predicts, registers, moves, marks and undoes at random, each with whatever else is under way. After
every step it is checked that each prediction, map, mark and registration belongs to the scan that it is
shown for: by SHA-256 of the voxels, by the mark's text, and by the known shift between every two scans. Prints how
often each was seen, and ends with status 1 where one kind of thing never was. The test suite walks a few steps.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from PySide6.QtCore import QCoreApplication, QDeadlineTimer, QEventLoop

from fusion3d_gui.imaging.annotations.annotation import Annotation
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.state.session import Session

#: The scans' shifts (mm, LPS): no two pairs have the same difference.
SHIFTS = {"a": (0, 0, 0), "b": (9, -5, 4), "c": (-14, 3, 8)}
#: A registration of two scans is theirs where it is within this (mm) of their known shift.
_OWN_MM = 3.0
#: One step in five waits so long, at most, until nothing is under way: also a slow machine gets to see a registration.
_PATIENCE_MS = 120_000
#: What a walk must have seen, or it says nothing.
_KINDS = {"second scan", "mark", "prediction", "both predictions", "registration"}


def write_scans(folder: Path) -> dict[str, Path]:
    """Write the same soft blobs at every shift, and a little noise of its own; returns paths by name."""
    rng = np.random.default_rng(4)
    index = np.stack(np.meshgrid(*[np.arange(n) for n in (32, 33, 31)], indexing="ij")[::-1], -1)
    affine = np.diag([4.4, 4.4, 4.4, 1.0])
    affine[:3, 3] = -66
    blobs = [(rng.uniform(-38, 38, 3), rng.uniform(9, 16), rng.uniform(60, 200)) for _ in range(20)]
    paths = {}
    for number, (name, shift) in enumerate(SHIFTS.items()):
        places = index * 4.4 - 66 - np.array(shift)
        values = sum(h * np.exp(-((places - at) ** 2).sum(-1) / 2 / w**2) for at, w, h in blobs)
        noise = np.random.default_rng(number).normal(0, 1.5, values.shape)
        paths[name] = folder / f"{name}.nii.gz"
        write_nifti(Volume(np.rint(values + noise).astype(np.int16), affine), paths[name])
    return paths


class Stress:
    """Random steps on a session, and what must hold after each.

    Raises AssertionError where something is shown for a scan that it does not belong to.
    """

    def __init__(self, session: Session, paths: dict[str, Path], seed: int) -> None:
        self.session, self.paths = session, paths
        self.chance = random.Random(seed)
        #: How often each kind of step was done, and each kind of thing was seen.
        self.done: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        #: What was wrong between two steps: Qt would only print it.
        self.wrong: list[AssertionError] = []
        for signal in (
            session.store.prediction_changed,
            session.second.changed,
            session.prior.changed,
        ):
            signal.connect(self._on_changed)
        session.open(paths["a"])
        self.wait(60_000)

    def step(self) -> None:
        """Do one thing, wait a moment or not at all, and check."""
        session, chance = self.session, self.chance
        name = chance.choice(list(self.paths))
        steps = {
            "open": lambda: session.open(self.paths[name]),
            "open beside": lambda: session.second.open(self.paths[name]),
            "close beside": session.second.close,
            "predict": session.predictions.predict,
            "predict both": session.prior.predict,
            "register": session.alignment.register,
            "cancel": session.alignment.cancel,
            "undo": session.alignment.undo,
            "mark": self._mark,
            "hide": session.store.identity.toggle,
            "cancel prediction": session.store.inference.cancel,
        }
        weights = (1, 4, 1, 4, 6, 6, 1, 1, 3, 1, 1)
        chosen = chance.choices(list(steps), weights)[0]
        steps[chosen]()
        self.done[chosen] += 1
        self.wait(chance.choice((0, 0, 30, 300, _PATIENCE_MS)))
        self.check()
        if self.wrong:
            raise self.wrong[0]
        # Not while a case is being exchanged: parts of the state follow one after another.
        for mark in session.annotations.items:
            assert mark.text == self._name(session.store.case)
            self.seen["mark"] += 1

    def wait(self, most_ms: int) -> None:
        """Handle events for so long, or until nothing is under way."""
        deadline = QDeadlineTimer(most_ms)
        while True:
            QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
            if deadline.hasExpired() or (most_ms and not self._busy):
                return

    @property
    def _busy(self) -> bool:
        session = self.session
        lanes = (session.store.loading, session.store.inference, session.second.lane)
        return any(each.running for each in (*lanes, session.alignment.lane))

    def _on_changed(self) -> None:
        try:
            self.check()
        except AssertionError as error:
            self.wrong.append(error)

    def _mark(self) -> None:
        session, case = self.session, self.session.store.case
        if case is not None:
            place = tuple(case.volume.center_lps.tolist())
            mark = Annotation(1, "point", (place,), text=self._name(case))
            session.annotations.add_all((mark,))

    def _name(self, case) -> str:
        return case.paths[0].name.partition(".")[0]

    def check(self) -> None:
        """Everything on screen belongs to the scan that it is shown for."""
        session = self.session
        first, second, store = session.store.case, session.second.case, session.store
        shown = store.shown_prediction
        if shown is not None and session.predictions.current is not None:
            assert shown.prediction.volume_sha256 == first.volume.sha256
            self.seen["prediction"] += 1
        result = session.prior.result
        if result is not None:
            assert result.prediction.volume_sha256 == second.volume.sha256
            assert result.of.prediction.volume_sha256 == first.volume.sha256
            assert abs(result.change.now - session.predictions.current.probability) < 1e-5
            assert abs(result.change.before - result.prediction.probability) < 1e-5
            assert session.prior.shown_heatmap.values is result.prediction.heatmap.values
            self.seen["both predictions"] += 1
        else:
            assert session.prior.shown_heatmap is None
        if second is not None:
            assert session.second.volume.voxels is second.volume.voxels
            found = session.second.registration
            if found is not None:
                own = np.subtract(SHIFTS[self._name(second)], SHIFTS[self._name(first)])
                center = first.volume.center_lps
                assert np.linalg.norm(found.to_moving(center) - center - own) < _OWN_MM
                self.seen["registration"] += 1
            self.seen["second scan"] += 1


def main() -> int:
    """Walk, and print what was done and seen; 1 where something never was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--model", type=Path, default=root / "models" / "demo-concat")
    options = parser.parse_args()
    app = QCoreApplication(sys.argv)
    with tempfile.TemporaryDirectory() as folder:
        session = Session([BundleInfo.read(options.model)], device="cpu")
        faults: list[Exception] = []
        session.store.failed.connect(faults.append)
        stress = Stress(session, write_scans(Path(folder)), options.seed)
        for _ in range(options.steps):
            stress.step()
        print(f"{options.steps} steps: {dict(stress.done)}")
        print(f"seen, each time of the right scan: {dict(stress.seen)}")
        unseen = _KINDS - set(stress.seen)
        print(f"never seen: {', '.join(sorted(unseen)) or 'nothing'}")
        print(f"failures told: {Counter(map(str, faults))}")
        print(f"threads ended: {session.close()}")
    app.quit()
    return 1 if unseen else 0


if __name__ == "__main__":
    sys.exit(main())
