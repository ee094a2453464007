"""Stress the session by random interleaving: ``python tests/benchmarks/stress_predictions.py [--rounds 500]``.

Each round does a handful of random actions on a session (open, predict, cancel, edit, reset, change the
explanation, switch bundle, compare models, augment, close the window and open another) with random pauses.
After every change of state it is checked that a prediction shown as current belongs to the case, the bundle
and the values on screen. Prints rounds, how often a current prediction was seen, exceptions, threads, and
whether memory is steady: its median over the last fifth of the rounds against that over the second fifth,
when every kind of action has been done. The test suite runs a few rounds.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import torch
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication

from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.model.bundle.bundle import save_bundle
from fusion3d_gui.model.bundle.bundle_info import BundleInfo, Decision
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import NetworkConfig
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.model.schema import Field, MetadataSchema
from fusion3d_gui.state.export.result_export import prediction_json
from fusion3d_gui.state.prediction.method_choices import METHODS
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.window.main_window import MainWindow

_MOST_ACTIONS = 8
#: Memory is sampled this often, and is steady when it has grown by less than this.
_LOOK_EVERY, _STEADY = 10, 0.02
#: With fewer rounds than these, filling caches looks like growth.
_FEWEST_TO_JUDGE = 250


class Watch:
    """Checks after every change of state that a current prediction belongs to what is on screen."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.current = 0
        self.computed: set[str] = set()
        self.failures: list[Exception] = []
        session.store.failed.connect(self.failures.append)
        for signal in (
            session.store.prediction_changed,
            session.store.case_changed,
            session.store.bundle_changed,
            session.explanation_choice.changed,
            session.model_comparison.changed,
            session.side_by_side.changed,
        ):
            signal.connect(self.look)

    def look(self) -> None:
        """Assert that prediction, heatmaps and what-if belong to case, bundle and form."""
        session = self.session
        result, prediction = session.store.shown_prediction, session.predictions.current
        if result is not None:
            assert result.request.case is session.store.case
            assert result.request.bundle is session.store.bundle
            # A prediction that returns with its case has no workbench.
            if result.workbench is not None:
                assert result.workbench.case.info.name == session.store.bundle.name
            assert result.prediction.bundle_name == session.store.bundle.name
        for answer in session.model_comparison.predictions:
            if answer.prediction is not None:
                assert answer.prediction.volume_sha256 == session.store.case.volume.sha256
                assert answer.prediction.bundle_name == answer.bundle.name
        if session.explainer.shows_both_sides:
            assert prediction is not None
            assert prediction.heatmap in [cell.heatmap for cell in session.side_by_side.cells]
        if session.side_by_side.shows(session.model_comparison):
            maps = [answer.prediction.heatmap for answer in session.model_comparison.predictions]
            assert [cell.heatmap for cell in session.side_by_side.cells] == maps
        if prediction is None:
            plain = prediction_json(session.predictions)
            assert plain is None or "what_if" in plain
            return
        self.current += 1
        self.computed.add(prediction.device)
        assert prediction.volume_sha256 == session.store.case.volume.sha256
        assert prediction.bundle_name == session.store.bundle.name
        assert dict(prediction.metadata) == session.form.values
        assert session.predictions.what_if is None
        assert prediction_json(session.predictions)["logit"] == prediction.logit
        if session.predictions.is_restored:
            return  # its features were not kept with it
        logit = session.predictions.workbench.case.logit(session.form.values)
        np.testing.assert_allclose(prediction.logit, logit, atol=1e-6)


class Stress:
    """Random actions on windows and sessions, one after the other."""

    def __init__(self, folder: Path, seed: int, engine: str = "torch") -> None:
        self.engine = engine
        #: The devices on which predictions were computed.
        self.computed: set[str] = set()
        self.chance = random.Random(seed)
        self.paths = _make_cases(folder)
        self.bundles = [_make_bundle(folder, fusion) for fusion in ("concat", "add", "image_only")]
        self.seen, self.windows = 0, 0
        self.problems: list[BaseException] = []
        # What a slot raises ends in the hook, not here.
        self._hook, sys.excepthook = sys.excepthook, lambda *error: self.problems.append(error[1])
        self._open_window()

    def close(self) -> None:
        """Close the last window; all threads must have ended."""
        self._close_window()
        sys.excepthook = self._hook

    def round(self) -> None:
        """Do a handful of random actions with random pauses."""
        chance, session = self.chance, self.session
        actions = (
            (
                3,
                lambda: session.opener.open(
                    chance.choice(self.paths), then_predict=chance.random() < 0.5
                ),
            ),
            (4, session.predictions.predict),
            (2, session.store.inference.cancel),
            (1, session.store.loading.cancel),
            (3, self._edit),
            (1, session.predictions.reset_form),
            (2, self._explain),
            (2, lambda: session.models.choose_and_load(chance.choice(self.bundles))),
            (0.5, session.model_comparison.start),
            (0.5, session.augmentation.start),
            (0.5, lambda: session.model_comparison.show_maps(True)),
            (0.5, session.explainer.show_both_sides),
            (0.3, session.side_by_side.hide),
            (1.5, self.settle),
        )
        weights = [weight for weight, _ in actions]
        for _ in range(chance.randint(2, _MOST_ACTIONS)):
            chance.choices(actions, weights)[0][1]()
            self.watch.look()
            for _ in range(chance.choice([0, 0, 1, 4, 30])):
                time.sleep(0.004)
                QCoreApplication.processEvents()
        if chance.random() < 0.1:
            self._close_window()
            self._open_window()

    def settle(self) -> None:
        """Wait until no task is running."""
        session = self.session
        while session.store.loading.running or session.store.inference.running:
            QCoreApplication.processEvents()
            time.sleep(0.002)
        QCoreApplication.processEvents()

    def _open_window(self) -> None:
        self.session = Session(self.bundles, device="cpu", engine=self.engine)
        self.watch = Watch(self.session)
        self.window = MainWindow(self.session)
        self.window.show()
        self.windows += 1

    def _close_window(self) -> None:
        self.window.close()
        assert self.session.close(), "a thread did not end"
        self.seen += self.watch.current
        self.computed |= self.watch.computed
        self.problems += self.watch.failures
        self.window.deleteLater()
        self.session.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QCoreApplication.processEvents()

    def _edit(self) -> None:
        if self.session.store.bundle.schema.fields:
            self.session.form.set_value("age", self.chance.choice([45.0, 60.0, 75.0]))

    def _explain(self) -> None:
        method = self.chance.choice(METHODS[:8])
        side = self.chance.choice(["raised", "lowered"])
        self.session.explanation_choice.choose(Explanation(method.method, method.stages, side))


def _make_cases(folder: Path) -> Sequence[Path]:
    rng = np.random.default_rng(0)
    paths = []
    for name in "abc":
        values = rng.normal(300, 40, (26, 34, 30))
        values[rng.integers(5, 20) :, 10:20, 10:20] = 900
        paths.append(folder / f"{name}.nii.gz")
        write_nifti(Volume(values.astype(np.int16), np.diag([4.0, 4, 5, 1])), paths[-1])
    return paths


def _make_bundle(folder: Path, fusion: str) -> BundleInfo:
    torch.manual_seed(7)
    age = Field("age", "Age", "number", mean=65, std=10, seen_minimum=40, seen_maximum=90)
    schema = MetadataSchema() if fusion == "image_only" else MetadataSchema((age,))
    config = NetworkConfig(
        fusion, metadata_width=schema.width, width=1 / 16, stem_stride=2, stem_pool=True
    )
    return save_bundle(
        folder / fusion,
        LearnedFeatureFusion3D(config),
        metadata={"name": f"stress-{fusion}", "version": "1", "task": "Stress"},
        preprocessing=Preprocessing((33, 33, 33), 4.0),
        schema=schema,
        decision=Decision(("no", "yes")),
        card="",
    )


def _resident_mb() -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return float("nan")


def _tell_memory(samples_mb: Sequence[float], rounds: int) -> bool:
    """Print the memory figures; True if memory grows."""
    if rounds < _FEWEST_TO_JUDGE:
        return False
    fifth = len(samples_mb) // 5
    early, late = np.median(samples_mb[fifth : 2 * fifth]), np.median(samples_mb[-fifth:])
    growth = float(late / early - 1)
    verdict = "steady" if growth < _STEADY else "GROWS"
    print(
        f"memory {verdict}: {early:.0f} MB in the second fifth, {late:.0f} MB in the last "
        f"({growth:+.1%}; below {_STEADY:.0%} asked)"
    )
    return growth >= _STEADY


def main() -> int:
    """Run the rounds; exit status 0 without failures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=("torch", "openvino", "auto"), default="openvino")
    options = parser.parse_args()
    QApplication([])
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = (
            folder  # engine timings of these small models must not be kept
        )
        stress = Stress(Path(folder), options.seed, options.engine)
        threads, started = threading.active_count(), time.monotonic()
        memory_mb = []
        for number in range(1, options.rounds + 1):
            stress.round()
            if number % _LOOK_EVERY == 0:
                stress.settle()
                gc.collect()
                memory_mb.append(_resident_mb())
            if number % 50 == 0:
                print(
                    f"round {number}: {memory_mb[-1]:.0f} MB, {threading.active_count()} threads, "
                    f"{stress.windows} windows, {time.monotonic() - started:.0f} s",
                    flush=True,
                )
        stress.settle()
        stress.close()
        left = threading.active_count()
        print(
            f"{options.rounds} rounds, seed {options.seed}, {'; '.join(sorted(stress.computed))}: "
            f"a current answer seen {stress.seen} times"
        )
        print(f"threads {threads} while open, {left} after closing")
        grows = _tell_memory(memory_mb, options.rounds)
        for problem in stress.problems:
            traceback.print_exception(problem)
        return int(bool(stress.problems) or left > 1 or not stress.seen or grows)


if __name__ == "__main__":
    sys.exit(main())
