"""``fusion3d reader-study …``: read cases for a study, collect the reads, analyse them."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.cli.terminal import check_can_write, print_notices, say
from fusion3d_gui.cli.training.training_extra import need_training_extra


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
    read = steps.add_parser(
        "run", help="read cases in full screen", description="Read the cases of a protocol."
    )
    results = steps.add_parser(
        "results",
        help="write all reads as a table",
        description="Write the reads of all readers, with the truth, as a table to analyse.",
    )
    for one in (read, results):
        one.add_argument(
            "protocol", type=Path, metavar="PROTOCOL.json", help="the study's protocol"
        )
    read.add_argument(
        "--reader", required=True, metavar="ID", help="who reads, as the protocol says"
    )
    results.add_argument(
        "--truth", type=Path, required=True, metavar="TRUTH.csv", help="columns: case, truth (0, 1)"
    )
    results.add_argument("--out", type=Path, required=True, metavar="RESULTS.csv", help="to write")


def reader_study(options: Namespace) -> int:
    """``fusion3d reader-study``: do one step of a reader study."""
    steps = {"analyse": _analyse, "run": _run, "results": _results}
    return steps[options.step](options)


def _run(options: Namespace) -> int:
    from fusion3d_gui.app import run_reading

    return run_reading(options.protocol, options.reader)


def _results(options: Namespace) -> int:
    from fusion3d_gui.report.reader_study.protocol import read_protocol
    from fusion3d_gui.report.reader_study.results_table import read_truth, write_results

    check_can_write(options.out, (options.protocol, options.truth))
    study = read_protocol(options.protocol)
    count = write_results(study, read_truth(options.truth, study), options.out)
    say(f"{count} reads: {options.out}. {RESEARCH_USE_ONLY}.")
    return 0


def _analyse(options: Namespace) -> int:
    need_training_extra()
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
