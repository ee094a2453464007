"""``fusion3d check``: the shipped cases on this machine and engine against the pinned numbers."""

from __future__ import annotations

from argparse import Namespace

from fusion3d_gui.cli.terminal import say, terminal_progress
from fusion3d_gui.errors import UserError
from fusion3d_gui.progress import part_of


def check(options: Namespace) -> int:
    """``fusion3d check``: say what differs, keep it, and exit with 2 where something does."""
    from fusion3d_gui.inference.engines.available import available_engines
    from fusion3d_gui.inference.engines.select import choose_engine
    from fusion3d_gui.inference.first_check import check_engine
    from fusion3d_gui.inference.self_check import read_pins
    from fusion3d_gui.model.bundle.bundle import ModelBundle
    from fusion3d_gui.shipped import models_dir

    bundle = ModelBundle.load(models_dir() / read_pins()[0].model)
    chosen = choose_engine(bundle, options.engine, options.device)
    assert chosen.candidate is not None, "a server has no check here"
    candidates = [chosen.candidate]
    if options.engine == "auto":
        candidates = available_engines(bundle, options.device)
    progress, wrong = terminal_progress(), 0
    for number, candidate in enumerate(candidates):
        report = part_of(progress, number / len(candidates), (number + 1) / len(candidates))
        found = check_engine(candidate, report)
        say(f"engine       {found.text}")
        for difference in found.differences:
            say(difference)
        if not found.differences:
            say("logits and heatmaps of all shipped cases are as pinned")
        wrong += len(found.differences)
    progress(1.0, "Checked")
    if wrong:
        raise UserError(
            f"{'this engine computes' if len(candidates) == 1 else 'an engine here computes'} other numbers than it "
            f"should ({wrong} differences), and is not used from now on",
            remedy="Use --engine torch --device cpu, or update the engine's driver and check again.",
        )
    return 0
