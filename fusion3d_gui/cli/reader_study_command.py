"""``fusion3d reader-study …``: read cases for a study, collect the reads, analyse them."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.cli.terminal import check_can_write, print_notices, say


def add_reader_study_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the steps of a reader study and their options."""
    steps = parser.add_subparsers(title="steps", metavar="STEP", dest="step", required=True)
    text = "AUC by arm and reader, Obuchowski-Rockette's test, agreement, time, changed reads"
    analyse = steps.add_parser("analyse", help=text, description=f"Analyse reads: {text}.")
    analyse.add_argument(
        "results",
        type=Path,
        metavar="RESULTS.csv",
        help="a row is one read: reader, arm, case, truth, rating and, if known, seconds, positive",
    )
    analyse.add_argument("--json", type=Path, metavar="OUT.json", help="write all figures")
    analyse.add_argument("--html", type=Path, metavar="OUT.html", help="write the page")
    analyse.add_argument(
        "--reference", metavar="ARM", help="what the other arms are compared with (unaided)"
    )
    analyse.add_argument(
        "--positive-from",
        type=float,
        metavar="X",
        help="least rating that calls a case positive; else the column 'positive' says it",
    )
    analyse.add_argument(
        "--covariance",
        choices=("jackknife", "delong"),
        default="jackknife",
        help="how the covariances of the AUCs are estimated (jackknife)",
    )


def reader_study(options: Namespace) -> int:
    """``fusion3d reader-study``: do one step of a reader study."""
    return _analyse(options)


def _analyse(options: Namespace) -> int:
    from fusion3d_gui.report.json_file import write_json
    from fusion3d_gui.training.measure.readers.reader_analysis import analyse_readers
    from fusion3d_gui.training.report.page import write_page
    from fusion3d_gui.training.report.reader_study_page import reader_study_page, verdicts

    for output in (options.json, options.html):
        check_can_write(output, (options.results,))
    result = analyse_readers(
        options.results,
        reference=options.reference,
        positive_from=options.positive_from,
        covariance=options.covariance,
    )
    print_notices(tuple(result["notices"]))
    if options.json is not None:
        write_json(result, options.json)
    if options.html is not None:
        write_page(options.html, reader_study_page(result))
    for sentence in verdicts(result):
        say(sentence)
    say(f"{RESEARCH_USE_ONLY}.")
    return 0
