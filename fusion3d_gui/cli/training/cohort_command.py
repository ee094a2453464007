"""``fusion3d cohort``: make a cohort, with simulated lesions and outcomes or with those of patients."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from fusion3d_gui.cli.argument_types import AddCommand, count
from fusion3d_gui.cli.terminal import print_notices, say, terminal_progress
from fusion3d_gui.cli.training.training_extra import need_training_extra
from fusion3d_gui.errors import UserError


def add_cohort_arguments(command: AddCommand) -> None:
    """Define the options of ``fusion3d cohort``."""
    cohort = command("cohort", "generate a semi-synthetic cohort, or paint patients' lesions")
    cohort.add_argument("out", type=Path, metavar="OUT", help="folder to create")
    cohort.add_argument(
        "--cases", type=count, metavar="N", help="number of cases; with --lesions default all"
    )
    cohort.add_argument(
        "--seed", type=int, required=True, metavar="S", help="same seed, same cases"
    )
    cohort.add_argument("--spacing", type=float, default=3.0, metavar="MM", help="voxel size (3)")
    simulated = cohort.add_argument_group("simulated lesions and outcomes (without --lesions)")
    simulated.add_argument(
        "--prevalence", type=float, default=0.1, metavar="P", help="share of positives (0.1)"
    )
    for name, usual, what in (
        ("lesion", 4.0, "log odds of a lesion"),
        ("metadata", 1.25, "log odds per standard deviation of the metadata's score"),
        ("interaction", 1.25, "what a lesion adds to the latter"),
    ):
        simulated.add_argument(
            f"--{name}", type=float, default=usual, metavar="X", help=f"{what} ({usual:g})"
        )
    simulated.add_argument(
        "--lesion-rate", type=float, default=0.2, metavar="R", help="share with a lesion (0.2)"
    )
    simulated.add_argument(
        "--scene",
        choices=("varied", "simple", "mixed"),
        default="varied",
        help="lesions among brighter distractors (varied), one bright lesion alone (simple: the cohort "
        "of the first demo models), or every third case simple (mixed)",
    )
    painted = cohort.add_argument_group("patients' lesions, values and outcomes, in painted scans")
    painted.add_argument(
        "--lesions",
        type=Path,
        metavar="DIR",
        help="lesion maps in standard space (MNI152), named PARTICIPANT_..._SUFFIX.nii.gz",
    )
    painted.add_argument(
        "--participants",
        type=Path,
        metavar="FILE",
        help="table of the patients (default: DIR/participants.tsv)",
    )
    painted.add_argument("--label", metavar="COLUMN", help="the outcome")
    painted.add_argument(
        "--positive-from",
        type=float,
        default=1.0,
        metavar="X",
        help="least value of the outcome that is positive (1)",
    )
    painted.add_argument(
        "--suffix", metavar="NAME", help="kind of image that is the map, where there are several"
    )
    painted.add_argument(
        "--contrast",
        choices=("diffusion", "FLAIR"),
        default="diffusion",
        help="as which the lesion is painted (diffusion)",
    )
    painted.add_argument(
        "--undeformed",
        action="store_true",
        help="leave the template as it is: the scans are in standard space",
    )


def cohort(options: Namespace) -> int:
    """``fusion3d cohort``: make a cohort."""
    need_training_extra()
    if options.lesions is not None:
        return _painted(options)
    from fusion3d_gui.training.cohort.make_cohort import make_cohort
    from fusion3d_gui.training.cohort.population import OutcomeModel

    for name in ("participants", "label"):
        if getattr(options, name) is not None:
            raise UserError(f"--{name} needs --lesions", remedy="Name the folder of lesion maps.")
    if options.cases is None:
        raise UserError("how many cases is not said", remedy="Add --cases N.")
    try:
        model = OutcomeModel(
            lesion=options.lesion,
            metadata=options.metadata,
            interaction=options.interaction,
            lesion_rate=options.lesion_rate,
        )
    except ValueError as error:
        raise UserError(str(error)) from None
    make_cohort(
        options.out,
        options.cases,
        options.seed,
        spacing_mm=options.spacing,
        prevalence=options.prevalence,
        model=model,
        kind=options.scene,
        progress=terminal_progress(),
    )
    return 0


def _painted(options: Namespace) -> int:
    from fusion3d_gui.training.cohort.paint_cohort import paint_cohort

    if options.label is None:
        raise UserError("the column of the outcome is not named", remedy="Add --label COLUMN.")
    made = paint_cohort(
        options.out,
        options.lesions,
        options.participants or options.lesions / "participants.tsv",
        options.label,
        options.seed,
        cases=options.cases,
        positive_from=options.positive_from,
        suffix=options.suffix,
        contrast=options.contrast,
        deformed=not options.undeformed,
        spacing_mm=options.spacing,
        progress=terminal_progress(),
    )
    print_notices(made.notices)
    say(f"{made.cases} cases, {made.positives} positive: {made.table}")
    return 0
