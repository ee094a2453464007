"""Record in a bundle how well it detects out-of-distribution scans: on its model card and in its metadata."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from scipy.stats import binomtest

from fusion3d_gui.errors import UserError
from fusion3d_gui.training.cohort.corruptions import CORRUPTIONS
from fusion3d_gui.training.measure.results import FlaggedJson, OodDetectionJson
from fusion3d_gui.training.report.cohort_words import cohort_command
from fusion3d_gui.training.report.model_card import LIMITS_HEADING, OUTSIDE_HEADING
from fusion3d_gui.training.report.model_card_file import card_path, read_card, write_card

#: Why the last of the corruptions is not detected.
_MIRRORED = (
    "A mirrored head looks like another head, and training mirrors at random: that left and right are right "
    "must come from the file."
)


def record_ood_detection(bundle: Path, found: OodDetectionJson) -> None:
    """Write the figures into a bundle's metadata and model card, replacing earlier ones.

    Raises UserError when card or metadata can't be read, or the card has no section of limits.
    """
    text, plain = read_card(bundle)
    section = re.compile(
        rf"{re.escape(OUTSIDE_HEADING)}\n\n.*?\n\n(?={re.escape(LIMITS_HEADING)}\n)", re.DOTALL
    )
    written = f"{OUTSIDE_HEADING}\n\n{ood_detection_text(found)}\n\n"
    if section.search(text):
        text = section.sub(lambda _: written, text)
    elif f"\n{LIMITS_HEADING}\n" in text:
        # A card written before this section existed.
        text = text.replace(f"\n{LIMITS_HEADING}\n", f"\n{written}{LIMITS_HEADING}\n")
    else:
        raise UserError(f"it has no section {LIMITS_HEADING!r}", path=card_path(bundle))
    plain["eval_metrics"] = {**plain.get("eval_metrics", {}), "outside": dict(found)}
    write_card(bundle, text, plain)


def ood_detection_text(found: OodDetectionJson) -> str:
    """The figures in Markdown, without a heading."""
    cohort = found.get("cohort")
    table = "TEST/cases.csv" if cohort else found["table"]
    commands = [cohort_command(cohort, "TEST")] if cohort else []
    commands.append(f"fusion3d reference BUNDLE CASES.csv --check {table}")
    ordinary, *odd = found["rows"]
    missed = [row["name"] for row in odd if row["either"] < row["cases"] / 2]
    rows = [
        f"| {row['name']} | {row['cases']} | {_share(row, 'either')} | {_share(row, 'scope')} | "
        f"{_share(row, 'glance')} | {_share(row, 'texture')} | {_share(row, 'embedding')} |"
        for row in found["rows"]
    ]
    return "\n\n".join(
        [
            "A scan is doubtful, or refused, where its header or its values contradict the declared scope, or "
            "where it lies further from the training cases than 999 of 1000 ordinary cases would, by any of "
            "three distances: of what the scan looks like at a glance (coarse outline and grey values of the "
            "network's input), of its texture, or of the image embedding (what the model makes of it). Called "
            "doubtful or refused, among cases that neither training nor validation has seen:",
            "```\n" + "\n".join(commands) + "\n```",
            "\n".join(
                [
                    "| scans | tried | called odd (95 % interval) | by the scope | at a glance | by the texture "
                    "| by the embedding |",
                    "| --- | --- | --- | --- | --- | --- | --- |",
                    *rows,
                ]
            ),
            f"False alarms: {_share(ordinary, 'either')} of ordinary cases. "
            + (f"**Mostly not caught: {', '.join(missed)}.** " if missed else "")
            + (f"{_MIRRORED} " if CORRUPTIONS[-1].name in missed else "")
            + "A scan that is not called odd may still be one: only what is in this table was tried.",
        ]
    )


def _share(
    row: FlaggedJson, by: Literal["either", "scope", "glance", "texture", "embedding"]
) -> str:
    """Percentage of scans flagged; for all together (``either``) with Wilson's interval."""
    hits, count = int(row[by]), int(row["cases"])
    text = f"{100 * hits / count:.3g} %"
    if by != "either":
        return text
    ends = binomtest(hits, count).proportion_ci(method="wilson")
    return f"{text} ({100 * ends.low:.3g} to {100 * ends.high:.3g})"
