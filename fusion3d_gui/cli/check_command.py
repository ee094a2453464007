"""``fusion3d check``: the shipped cases on this machine and engine against the pinned numbers."""

from __future__ import annotations

from argparse import Namespace
from itertools import groupby

from fusion3d_gui.cli.terminal import say, terminal_progress
from fusion3d_gui.errors import UserError
from fusion3d_gui.progress import Progress, part_of


def check(options: Namespace) -> int:
    """``fusion3d check``: say what differs, keep it, and exit with 2 where something does."""
    text, found = run_check(options.device, options.engine, terminal_progress())
    say(f"engine       {text}")
    for difference in found:
        say(difference)
    if found:
        raise UserError(
            f"this engine computes other numbers than it should ({len(found)} differences), and is not used "
            "from now on",
            remedy="Use --engine torch --device cpu, or update the engine's driver and check again.",
        )
    say("logits and heatmaps of all shipped cases are as pinned")
    return 0


def run_check(device: str, engine: str, progress: Progress) -> tuple[str, list[str]]:
    """The engine in words, and what differs from the pins; kept in the user's folder."""
    from fusion3d_gui.imaging.catalog.open import open_volume
    from fusion3d_gui.inference.explain.explanation import Explanation
    from fusion3d_gui.inference.pipeline import predict_and_explain
    from fusion3d_gui.inference.predictor import load_predictor
    from fusion3d_gui.inference.self_check import differences, keep_check, read_pins
    from fusion3d_gui.shipped import models_dir
    from fusion3d_gui.state.case.demo_cases import demo_cases

    cases = {case.name: case for case in demo_cases()}
    volumes = {name: open_volume(case.path) for name, case in cases.items()}
    models = [(model, list(pins)) for model, pins in groupby(read_pins(), lambda pin: pin.model)]
    found: list[str] = []
    for number, (model, pins) in enumerate(models):
        report = part_of(progress, number / len(models), (number + 1) / len(models))
        predictor = load_predictor(
            models_dir() / model, device, report, engine=engine, even_if_failed=True
        )
        used = predictor.engine
        for pin in pins:
            values = cases[pin.case].metadata if predictor.info.schema.fields else {}
            made = [
                predict_and_explain(predictor, volumes[pin.case], values, explanation).prediction
                for explanation in (Explanation(), Explanation.for_model(predictor.info))
            ]
            half = "half" in used.name
            found += differences(pin, made[-1].logit, [each.heatmap for each in made], half=half)
        if predictor.engine is not used:
            found.append(f"{model}: {used.text} failed while it computed")
    keep_check(used, found)
    progress(1.0, "Checked")
    return used.text, found
