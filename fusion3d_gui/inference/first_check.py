"""Run the shipped cases by an engine and compare with the pins: on request, and once before an engine is first used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.inference.demo_cases import demo_cases
from fusion3d_gui.inference.engines.available import Candidate
from fusion3d_gui.inference.engines.select import SelectedEngine
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.pipeline import predict_and_explain
from fusion3d_gui.inference.predictor import Predictor
from fusion3d_gui.inference.self_check import differences, keep_check, kept_check, read_pins
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.progress import Progress, no_progress, part_of, with_message
from fusion3d_gui.shipped import models_dir


@dataclass(frozen=True)
class CheckedEngine:
    """An engine in words, and what differs from the pins, a sentence each."""

    text: str
    differences: tuple[str, ...]


def check_engine(candidate: Candidate, progress: Progress = no_progress) -> CheckedEngine:
    """Compare logits and heatmap peaks of every shipped model and case with the pins; keep what was found.

    An engine that fails altogether (no memory, a lost device) differs, too, but that is not kept: it may work the
    next time.

    Raises
    ------
    UserError
        Where pins, cases or models are not installed.
    """
    cases = {case.name: case for case in demo_cases()}
    volumes = {name: open_volume(case.path) for name, case in cases.items()}
    models = [(model, list(pins)) for model, pins in groupby(read_pins(), lambda pin: pin.model)]
    found: list[str] = []
    for number, (model, pins) in enumerate(models):
        report = part_of(progress, number / len(models), (number + 1) / len(models))
        report = with_message(report, "Checking the engine on the shipped cases")
        report(0.0, "")
        bundle = ModelBundle.load(models_dir() / model)
        try:
            engine = candidate.make(bundle)
        except (ImportError, RuntimeError):
            return CheckedEngine(candidate.name, (f"{model}: it can't be started",))
        predictor = Predictor(bundle, SelectedEngine(engine, "checked"))
        for pin in pins:
            values = cases[pin.case].metadata if bundle.info.schema.fields else {}
            try:
                made = [
                    predict_and_explain(
                        predictor, volumes[pin.case], values, explanation, report
                    ).prediction
                    for explanation in (Explanation(), Explanation.for_model(bundle.info))
                ]
            except (RuntimeError, FloatingPointError):
                return CheckedEngine(engine.text, (*found, f"{model}, {pin.case}: it failed"))
            if predictor.engine is not engine:
                return CheckedEngine(engine.text, (*found, f"{model}, {pin.case}: it failed"))
            heatmaps = [each.heatmap for each in made]
            found += differences(pin, made[-1].logit, heatmaps, half="half" in engine.name)
    keep_check(engine, found)
    return CheckedEngine(engine.text, tuple(found))


def check_once(chosen: SelectedEngine, progress: Progress) -> Sequence[str]:
    """What is wrong with an engine's numbers: what its last check found, or a first one.

    A :data:`~fusion3d_gui.inference.engines.passing.EngineCheck`.
    """
    found = kept_check(chosen.engine)
    if found is None and chosen.candidate is not None:
        found = check_engine(chosen.candidate, progress).differences
    return found or ()
