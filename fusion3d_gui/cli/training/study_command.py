"""``fusion3d table …`` and ``fusion3d study …``: tables of cases from data sets, and studies of them."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.cli.terminal import (
    check_can_write,
    print_json,
    print_notices,
    say,
    terminal_progress,
)
from fusion3d_gui.errors import UserError


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the kinds of data sets and their options."""
    kinds = parser.add_subparsers(title="data sets", metavar="KIND", dest="kind", required=True)
    text = "a BIDS folder: participants.tsv and images named sub-LABEL_..._SUFFIX.nii.gz"
    bids = kinds.add_parser("bids", help=text, description=f"Make cases.csv from {text}.")
    bids.add_argument("folder", type=Path, metavar="DIR", help="the folder")
    bids.add_argument("--label", metavar="COLUMN", help="what is predicted; none: no labels")
    bids.add_argument(
        "--positive-from",
        type=float,
        default=1.0,
        metavar="X",
        help="least value of the label's column that is positive (1)",
    )
    bids.add_argument(
        "--suffix",
        metavar="NAME",
        help="kind of image, e.g. T1w, FLAIR, lesion; where there are several",
    )
    bids.add_argument(
        "--entity",
        action="append",
        default=[],
        metavar="KEY=LABEL",
        help="only images with this in their names, e.g. ses=pre, run=1, acq=mprage; run= for none; repeatable",
    )
    bids.add_argument("--columns", metavar="A,B,…", help="metadata (all columns that can be used)")
    bids.add_argument(
        "--lesion-maps",
        action="store_true",
        help="declare that the images are lesion maps in standard space",
    )
    bids.add_argument(
        "--out", type=Path, default=Path("cases.csv"), metavar="CASES.csv", help="table to write"
    )


def table(options: Namespace) -> int:
    """``fusion3d table bids``: write a table of cases from a data set."""
    from fusion3d_gui.training.data.bids_table import bids_table

    check_can_write(options.out, (options.folder / "participants.tsv",))
    lesion_maps = {"kind": "lesion_map", "space": "standard"}
    found = bids_table(
        options.folder,
        options.out,
        label=options.label,
        positive_from=options.positive_from,
        suffix=options.suffix,
        entities=_entities(options.entity),
        columns=options.columns.split(",") if options.columns else None,
        scope=lesion_maps if options.lesion_maps else None,
    )
    print_notices(found.notices)
    positives = "" if found.positives is None else f", {found.positives} positive"
    say(f"{found.cases} cases{positives}: {options.out}")
    return 0


def _entities(words: list[str]) -> dict[str, str]:
    """Labels by key, of ``KEY=LABEL``; the key may be written before the label again, as in names."""
    found = {}
    for word in words:
        key, equals, label = word.partition("=")
        if not key.isalpha() or not equals:
            raise UserError(f"--entity {word} is not KEY=LABEL", remedy="E.g. --entity ses=pre.")
        found[key] = label.removeprefix(f"{key}-")
    return found


def add_study_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the studies and their options."""
    studies = parser.add_subparsers(title="studies", metavar="STUDY", dest="study", required=True)
    text = "outcome of real strokes from lesion maps and clinical values (docs/stroke/protocol.md)"
    stroke = studies.add_parser("stroke", help=text, description=f"Study the {text}.")
    stroke.add_argument(
        "folder",
        type=Path,
        metavar="DIR",
        help="participants.tsv, lesion maps and ArterialAtlas136 of OpenNeuro ds004889's derivatives",
    )
    stroke.add_argument(
        "--out", type=Path, required=True, metavar="WORK", help="folder of the study; resumed"
    )
    stroke.add_argument("--seed", type=int, default=0, metavar="S", help="default 0")
    stroke.add_argument(
        "--minutes", type=float, metavar="M", help="begin no step after this time; call again"
    )
    stroke.add_argument(
        "--page", type=Path, metavar="DIR", help="write the page and its figures into this folder"
    )
    stroke.add_argument(
        "--rerun-of",
        type=Path,
        metavar="STUDY.json",
        help="with --page: write rerun.md instead, which compares with the figures of a run from another seed",
    )
    stroke.add_argument(
        "--models", type=Path, metavar="DIR", help="train the two final models into this folder"
    )
    stroke.add_argument(
        "--maps",
        type=Path,
        metavar="DIR",
        help="write a page on what the models in --models look at into this folder",
    )


def study(options: Namespace) -> int:
    """``fusion3d study stroke``: do the study's next steps; write its results, page and models once it is done."""
    from fusion3d_gui.model.bundle.bundle import ModelBundle
    from fusion3d_gui.report.json_file import write_json
    from fusion3d_gui.training.study.stroke.analysis import analyse
    from fusion3d_gui.training.study.stroke.cohort import read_cohort
    from fusion3d_gui.training.study.stroke.maps import write_maps_page
    from fusion3d_gui.training.study.stroke.page import verdict, write_study_page
    from fusion3d_gui.training.study.stroke.plan import StudyPlan
    from fusion3d_gui.training.study.stroke.rerun import read_results, write_rerun_page
    from fusion3d_gui.training.study.stroke.ship import MODEL_NAMES, make_models
    from fusion3d_gui.training.study.stroke.study import run_study

    first = None if options.rerun_of is None else read_results(options.rerun_of)
    if first is not None and not options.page:
        raise UserError("--rerun-of needs --page", remedy="Name the folder of the page.")
    plan = StudyPlan(seed=options.seed)
    progress = terminal_progress()
    left = run_study(options.folder, options.out, plan, minutes=options.minutes, progress=progress)
    if left:
        say(f"{len(left)} steps are left, next: {left[0]}. Call the same again.")
        return 0
    results = analyse(options.folder, options.out, plan, progress)
    write_json(results, options.out / "results.json")
    if first is not None:
        write_rerun_page(first, results, options.page)
    elif options.page:
        write_study_page(results, options.page)
    if options.models and not all((options.models / name).is_dir() for name in MODEL_NAMES):
        make_models(options.folder, options.out, options.models, plan, results, progress)
    if options.maps:
        if not options.models:
            raise UserError("--maps needs --models", remedy="Name the folder of the two models.")
        cohort = read_cohort(options.folder, options.out)
        bundles = {name: ModelBundle.load(options.models / name) for name in MODEL_NAMES}
        print_json(write_maps_page(cohort, bundles, options.maps, progress))
    say(verdict(results))
    return 0


def add_lesion_map_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the options of ``fusion3d lesion-map``."""
    parser.add_argument("scan", type=Path, metavar="SCAN", help="the patient's scan")
    parser.add_argument(
        "mask", type=Path, metavar="MASK", help="its lesion: NIfTI, NRRD, DICOM SEG …"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="OUT.nii.gz", help="lesion map in standard space"
    )
    parser.add_argument(
        "--scan-out",
        type=Path,
        metavar="SCAN.nii.gz",
        help="also write the scan on the template's grid, to check the registration",
    )


def lesion_map(options: Namespace) -> int:
    """``fusion3d lesion-map``: bring the lesion of a scan into standard space, for a model of lesion maps."""
    from fusion3d_gui.imaging.catalog.find import find_series
    from fusion3d_gui.imaging.catalog.open import choose_series, read_series
    from fusion3d_gui.imaging.dicom.source_series import read_source_series
    from fusion3d_gui.imaging.files.nifti import write_nifti
    from fusion3d_gui.imaging.labels.label_map_file import is_label_file
    from fusion3d_gui.imaging.labels.read_masks import read_masks
    from fusion3d_gui.imaging.registration.to_template import lesion_in_standard_space, union_on

    for output in (options.out, options.scan_out):
        check_can_write(output, (options.scan, options.mask))
    progress = terminal_progress()
    series, notices = choose_series(find_series(options.scan), None, options.scan)
    scan = read_series(series, notices=notices)
    is_dicom = series.format == "DICOM" and not is_label_file(options.mask)
    source = read_source_series(series.paths, scan) if is_dicom else None
    masks = read_masks(options.mask, scan, source)
    found = lesion_in_standard_space(
        scan, union_on([each.grid for each in masks.masks], scan), progress
    )
    write_nifti(found.lesion_map, options.out)
    if options.scan_out:
        write_nifti(found.scan, options.scan_out)
    print_notices(masks.notices)
    say(f"quality      {found.registration.summary}")
    say(f"side         {found.side_text} Check it against the scan.")
    say(f"{RESEARCH_USE_ONLY}.")
    return 0
