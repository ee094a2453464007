"""How well a model knows what it has not seen: odd scans caught, ordinary ones taken for odd."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.model.appearance import AppearanceStatistics, appearance_features
from fusion3d_gui.model.bundle import ModelBundle
from fusion3d_gui.model.reference import OUTSIDE_PERCENT, Reference
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.training.cohort.odd_scans import ODDITIES
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.data.inputs import load_inputs
from fusion3d_gui.training.data.table import read_table
from fusion3d_gui.training.measure.outputs import forward
from fusion3d_gui.training.report.card import LIMITS, OUTSIDE, cohort_command
from fusion3d_gui.training.report.card_file import card_path, read_card, write_card

#: Ordinary cases that are tried at most.
_MOST_ORDINARY = 300
#: Why the last of the oddities is not to be expected to be caught.
_MIRRORED = (
    "A mirrored head looks like another head, and training mirrors at random: that left and right are right "
    "must come from the file."
)


def measure_outside(
    bundle: Path, csv: Path, *, of_each: int = 25, progress: Progress = no_progress
) -> dict[str, Any]:
    """Try the bundle's gauges of the image on ordinary cases and on odd ones made of them.

    Parameters
    ----------
    csv
        Table of cases that neither training nor validation has seen, along the patient's axes, such as
        another cohort. The first 300 are taken as they are, the last ``of_each`` made odd in each way of
        :data:`~fusion3d_gui.training.cohort.odd_scans.ODDITIES`.

    Returns
    -------
    A JSON object: ``table``, ``cohort`` where it is one, ``percent``, and ``rows``: each with ``name``,
    ``cases`` and how many of these were called outside, by either gauge (``either``), by the ``appearance_features``
    and by the ``embedding``. The first row is that of the ordinary cases.

    Raises UserError when the bundle has no reference statistics, or the table too few cases.
    """
    loaded = ModelBundle.load(bundle)
    reference = Reference.load(loaded.info, loaded.weights_sha256)
    if reference is None or reference.appearance is None:
        raise UserError(
            "it has no reference statistics of how scans look",
            path=bundle,
            remedy="Make them: fusion3d reference BUNDLE CASES.csv, with the table it was trained on.",
        )
    table = read_table(csv, loaded.info.schema)
    ordinary, odd = table.cases[:_MOST_ORDINARY], table.cases[-of_each:]
    if len(table.cases) < 2 * of_each:
        raise UserError(f"it has fewer than {2 * of_each} cases", path=csv)
    preprocessing = loaded.info.preprocessing

    gauges = reference, reference.appearance

    def judged(name: str, images: np.ndarray) -> dict[str, Any]:
        by_embedding, by_glance = _outside(loaded, gauges, images)
        return {
            "name": name,
            "cases": len(images),
            "either": int((by_glance | by_embedding).sum()),
            "glance": int(by_glance.sum()),
            "embedding": int(by_embedding.sum()),
        }

    images, _ = load_inputs(ordinary, preprocessing, part_of(progress, 0.0, 0.3))
    rows = [judged("ordinary cases", images)]
    volumes = [open_volume(case.path) for case in odd]
    for number, oddity in enumerate(ODDITIES):
        progress(0.4 + 0.6 * number / len(ODDITIES), f"Trying scans: {oddity.name}")
        made = [preprocessing.apply(oddity.of(each, seed)) for seed, each in enumerate(volumes)]
        rows.append(judged(oddity.name, np.stack([each.voxels for each in made])))
    found: dict[str, Any] = {"table": table.path.name, "percent": OUTSIDE_PERCENT, "rows": rows}
    return {**found, "cohort": table.cohort} if table.cohort else found


def _outside(
    loaded: ModelBundle, gauges: tuple[Reference, AppearanceStatistics], images: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Which of the inputs [n, k, j, i] are outside by the embedding, and which at a glance."""
    by_embedding, by_glance = gauges
    count, info = len(images), loaded.info
    cases = Cases(images, np.zeros((count, info.schema.width)), np.zeros(count, np.int64))
    embeddings = forward(loaded.network, cases, np.arange(count)).embeddings
    looks = np.stack(
        [
            appearance_features(each, info.preprocessing.foreground(each))
            for each in images.astype(np.float32)
        ]
    )
    shares = (
        [by_embedding.distance_percentile(far) for far in by_embedding.distance(embeddings)],
        [by_glance.percentile(far) for far in by_glance.distance(looks)],
    )
    return np.array(shares[0]) >= OUTSIDE_PERCENT, np.array(shares[1]) >= OUTSIDE_PERCENT


def record_outside(bundle: Path, found: Mapping[str, Any]) -> None:
    """Put the figures into a bundle's metadata and model card, replacing those recorded before.

    Raises UserError when card or metadata can't be read, or the card has no place.
    """
    text, plain = read_card(bundle)
    section = re.compile(rf"{re.escape(OUTSIDE)}\n\n.*?\n\n(?={re.escape(LIMITS)}\n)", re.DOTALL)
    told = f"{OUTSIDE}\n\n{outside_text(found)}\n\n"
    if section.search(text):
        text = section.sub(lambda _: told, text)
    elif f"\n{LIMITS}\n" in text:
        # A card from before this was measured.
        text = text.replace(f"\n{LIMITS}\n", f"\n{told}{LIMITS}\n")
    else:
        raise UserError(f"it has no section {LIMITS!r}", path=card_path(bundle))
    plain["eval_metrics"] = {**plain.get("eval_metrics", {}), "outside": dict(found)}
    write_card(bundle, text, plain)


def outside_text(found: Mapping[str, Any]) -> str:
    """The figures as Markdown, without a heading."""
    cohort = found.get("cohort")
    table = "TEST/cases.csv" if cohort else found["table"]
    commands = [cohort_command(cohort, "TEST")] if cohort else []
    commands.append(f"fusion3d reference BUNDLE CASES.csv --check {table}")
    ordinary, *odd = found["rows"]
    missed = [row["name"] for row in odd if row["either"] < row["cases"] / 2]
    rows = [
        f"| {row['name']} | {row['cases']} | {_share(row, 'either')} | {_share(row, 'glance')} | "
        f"{_share(row, 'embedding')} |"
        for row in found["rows"]
    ]
    return "\n\n".join(
        [
            "The window says of a scan that it is outside what this model has seen where it lies further from "
            f"the training cases than {found['percent']:g} % of the validation cases, by either of two "
            "distances: of what the scan looks like at a glance (coarse outline and grey values of the "
            "network's input), or of the image embedding (what the model makes of it). Called outside, among "
            "cases that neither training nor validation has seen:",
            "```\n" + "\n".join(commands) + "\n```",
            "\n".join(
                [
                    "| scans | tried | called outside (95 % interval) | at a glance | by the embedding |",
                    "| --- | --- | --- | --- | --- |",
                    *rows,
                ]
            ),
            f"False alarms: {_share(ordinary, 'either')} of ordinary cases. "
            + (f"**Mostly not caught: {', '.join(missed)}.** " if missed else "")
            + (f"{_MIRRORED} " if ODDITIES[-1].name in missed else "")
            + "A scan that is not called outside may still be one: only what is in this table was tried.",
        ]
    )


def _share(row: Mapping[str, Any], by: str) -> str:
    """A share in percent; of either gauge with its Wilson interval."""
    hits, count = int(row[by]), int(row["cases"])
    text = f"{100 * hits / count:.3g} %"
    if by != "either":
        return text
    ends = binomtest(hits, count).proportion_ci(method="wilson")
    return f"{text} ({100 * ends.low:.3g} to {100 * ends.high:.3g})"
