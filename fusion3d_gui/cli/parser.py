"""Parser of the command line and dispatch to the commands."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from fusion3d_gui import RESEARCH_USE_ONLY, __version__
from fusion3d_gui.cli import commands
from fusion3d_gui.cli.argument_types import add_device_and_engine
from fusion3d_gui.cli.case_arguments import add_case_arguments
from fusion3d_gui.cli.pacs_command import add_pacs_arguments
from fusion3d_gui.cli.study_command import add_table_arguments
from fusion3d_gui.cli.terminal import say, say_error
from fusion3d_gui.cli.training_arguments import add_training_arguments
from fusion3d_gui.errors import UserError

#: Errors that no program can prevent: they come up in the midst of any work.
_FAULTS_OF_DISKS = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG),  # it is full
    *(errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
)


class _Parser(argparse.ArgumentParser):
    """Raises UserError for wrong arguments, so that they are reported in one line."""

    def error(self, message: str) -> NoReturn:
        raise UserError(message, remedy=f"See {self.prog} --help.")


def run(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit status (0 done, 2 wrong input or call, 1 otherwise)."""
    try:
        status = _dispatch(list(arguments))
        sys.stdout.flush()
        return status
    except UserError as error:
        say_error(error)
        return 2
    except BrokenPipeError:
        # The reader of our output (e.g. `| head`) has closed it; nothing more can be flushed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.errno not in _FAULTS_OF_DISKS:
            raise
        problem = f"can't be read or written ({error.strerror})"
        say_error(UserError(problem, path=error.filename))
        return 2
    except KeyboardInterrupt:
        say("fusion3d: interrupted", error=True)
        return 1


def _dispatch(arguments: list[str]) -> int:
    parser, parsers = _build_parsers()
    if arguments and arguments[0] in commands.COMMANDS:
        name = arguments[0]
        return commands.COMMANDS[name](parsers[name].parse_args(arguments[1:]))
    if arguments and arguments[0] in ("-h", "--help", "--version"):
        parser.parse_args(arguments)
    return commands.window(parsers["window"].parse_args(arguments))


def _build_parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    parser = _Parser(
        prog="fusion3d",
        description="Predict from 3D scans and explain the predictions. " + RESEARCH_USE_ONLY + ".",
        epilog="Without a command, `fusion3d [PATH ...]` opens the window, on files or folders if given. "
        "A path that is named like a command is written ./demo.",
    )
    parser.add_argument("--version", action="version", version=f"fusion3d {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=False)

    parsers: dict[str, argparse.ArgumentParser] = {
        "window": _Parser(prog="fusion3d", description="Open the window.")
    }

    def command(name: str, text: str) -> argparse.ArgumentParser:
        parsers[name] = subparsers.add_parser(name, help=text, description=text)
        return parsers[name]

    window = parsers["window"]
    window.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="scans: files or folders"
    )
    window.add_argument("--series", metavar="UID", help="which of their series to open")
    demo = command("demo", "open the window on the shipped case, and predict")
    demo.add_argument(
        "--pacs",
        action="store_true",
        help="find the demo cases in a PACS (Orthanc, where it is installed) instead",
    )
    for one in (window, demo):
        one.add_argument("--model", type=Path, metavar="DIR", help="model bundle to start with")
        add_device_and_engine(one)
        one.add_argument(
            "--anonymous", action="store_true", help="hide the patient's identity for this session"
        )
        one.add_argument(
            "--screenshot", type=Path, metavar="FILE.png", help="save the window, exit"
        )

    add_case_arguments(command)
    add_pacs_arguments(command("pacs", "find, fetch and send over the network: see pacs --help"))
    add_training_arguments(command)
    add_table_arguments(command("table", "make a table of cases from a data set"))

    parsers["predict"] = predict = command("predict", "predict one scan, or a table of scans")
    predict.add_argument(
        "path", type=Path, metavar="PATH", help="a scan (file or folder), or a table CASES.csv"
    )
    predict.add_argument("--model", type=Path, metavar="DIR", required=True, help="model bundle")
    predict.add_argument("--metadata", type=Path, metavar="FILE.json", help="values, by field name")
    predict.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="one value; repeatable"
    )
    predict.add_argument("--series", metavar="UID", help="which series of a folder to take")
    predict.add_argument(
        "--json",
        type=Path,
        metavar="OUT.json",
        help="write everything about the result (docs/schema/result-1.json)",
    )
    predict.add_argument("--heatmap", type=Path, metavar="OUT.nii.gz", help="write the heatmap")
    predict.add_argument(
        "--dicom",
        type=Path,
        metavar="OUTDIR",
        help="write DICOM objects into the scan's study, with its patient: heatmap, report, regions, marks",
    )
    predict.add_argument(
        "--new-study",
        action="store_true",
        help="with --dicom: write the scan too, as a new study without a name",
    )
    predict.add_argument(
        "--corrects",
        type=Path,
        metavar="REPORT.dcm",
        help="with --dicom: the earlier report of this study that the new one corrects",
    )
    predict.add_argument(
        "--report",
        type=Path,
        metavar="OUT.pdf|OUT.html",
        help="write the page for a colleague; it encloses the JSON",
    )
    predict.add_argument(
        "--paper", choices=("A4", "Letter"), default="A4", help="size of the page's sheet"
    )
    predict.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="for a table: folder of the results; an existing one is resumed",
    )
    predict.add_argument(
        "--despite-misfit",
        action="store_true",
        help="give a number also for a scan that the model is not meant for, marked in every output",
    )
    predict.add_argument(
        "--identity",
        action="store_true",
        help="write who the patient is, UIDs and paths; without it they are left out",
    )
    predict.add_argument(
        "--pixels-checked",
        action="store_true",
        help="the images hold no text that names the patient; asked for where the scan's header says that they may",
    )
    add_device_and_engine(predict)
    predict.add_argument(
        "--method",
        choices=_METHODS,
        help="method of the heatmap; default: the one that localised best in the model's evaluation",
    )
    predict.add_argument(
        "--stage",
        type=_stages,
        metavar="N",
        help="stage of the network for a class activation map, 1 to 4, or several as 3+4",
    )
    predict.add_argument(
        "--side",
        choices=("raised", "lowered"),
        default="raised",
        help="heatmap of the regions that raised the probability, or that lowered it",
    )

    parsers["info"] = info = command("info", "print every series found, as JSON")
    info.add_argument("path", type=Path, metavar="PATH", help="a scan: file or folder")

    parsers["convert"] = convert = command(
        "convert", "write a scan as NIfTI, exactly as the viewer holds it"
    )
    convert.add_argument("path", type=Path, metavar="PATH", help="a scan: file or folder")
    convert.add_argument("out", type=Path, metavar="OUT.nii.gz", help="NIfTI file to write")
    convert.add_argument("--series", metavar="UID", help="which series of a folder to take")

    parsers["register"] = register = command(
        "register", "bring a scan onto another of the same patient, and write it on that one's grid"
    )
    register.add_argument("fixed", type=Path, metavar="FIXED", help="the scan that stays")
    register.add_argument("moving", type=Path, metavar="MOVING", help="the scan that is moved")
    register.add_argument(
        "--out", type=Path, required=True, metavar="OUT.nii.gz", help="NIfTI file to write"
    )
    register.add_argument(
        "--affine", action="store_true", help="also fit scale and shear; default: rigid"
    )
    register.add_argument(
        "--transform",
        type=Path,
        metavar="OUT.json",
        help="write the map (4x4, LPS mm of FIXED to LPS mm of MOVING) and its quality",
    )

    parsers["audit"] = audit = command("audit", "check or export the audit log of this computer")
    audit.add_argument(
        "action",
        choices=("verify", "export"),
        metavar="verify|export",
        help="whether every entry is as it was written; or write all entries into one file",
    )
    audit.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE.jsonl",
        help="verify: an exported log instead of this computer's; export: the file to write",
    )

    parsers["pacs"] = command("pacs", "find, fetch and send over the network: see pacs --help")
    add_pacs_arguments(parsers["pacs"])

    parsers["cohort"] = cohort = command("cohort", "generate a semi-synthetic cohort")
    cohort.add_argument("out", type=Path, metavar="OUT", help="folder to create")
    cohort.add_argument("--cases", type=_count, required=True, metavar="N", help="number of cases")
    cohort.add_argument(
        "--seed", type=int, required=True, metavar="S", help="same seed, same cases"
    )
    cohort.add_argument(
        "--prevalence", type=float, default=0.1, metavar="P", help="share of positives (0.1)"
    )
    for name, usual, what in (
        ("lesion", 4.0, "log odds of a lesion"),
        ("metadata", 1.25, "log odds per standard deviation of the metadata's score"),
        ("interaction", 1.25, "what a lesion adds to the latter"),
    ):
        cohort.add_argument(
            f"--{name}", type=float, default=usual, metavar="X", help=f"{what} ({usual:g})"
        )
    cohort.add_argument(
        "--lesion-rate", type=float, default=0.2, metavar="R", help="share with a lesion (0.2)"
    )
    cohort.add_argument(
        "--scene",
        choices=("varied", "simple", "mixed"),
        default="varied",
        help="lesions among brighter distractors (varied), one bright lesion alone (simple: the cohort "
        "of the first demo models), or every third case simple (mixed)",
    )
    cohort.add_argument("--spacing", type=float, default=3.0, metavar="MM", help="voxel size (3)")

    parsers["schema"] = schema = command("schema", "infer a table's metadata schema, for editing")
    schema.add_argument("cases", type=Path, metavar="CASES.csv", help="table, one row per case")
    schema.add_argument(
        "--out", type=Path, metavar="OUT.json", help="default: beside the table, with its name"
    )

    parsers["train"] = train = command("train", "train a model on a table of cases")
    train.add_argument("cases", type=Path, metavar="CASES.csv", help="table, one row per case")
    train.add_argument(
        "--fusion", choices=FUSIONS, required=True, help="how image and metadata are fused"
    )
    train.add_argument("--out", type=Path, metavar="DIR", required=True, help="bundle to write")
    train.add_argument("--seed", type=int, default=0, metavar="S", help="default 0")
    train.add_argument("--epochs", type=_count, metavar="N", help="epochs at full resolution")
    train.add_argument(
        "--coarse-epochs", type=int, metavar="N", help="preceding epochs at half the resolution"
    )
    train.add_argument("--rate", type=float, metavar="R", help="peak learning rate (5e-4)")
    train.add_argument(
        "--batch", type=_count, metavar="N", help="cases per step, over all processes"
    )
    train.add_argument("--loss", choices=LOSSES, help="default focal")
    train.add_argument("--sampling", choices=SAMPLINGS, help="default shuffled")
    train.add_argument(
        "--width",
        type=float,
        default=0.125,
        metavar="W",
        help="factor on ResNet50's channels (0.125)",
    )
    train.add_argument(
        "--init", type=Path, metavar="PATH", help="MedicalNet's ResNet50 file, or a bundle's folder"
    )
    train.add_argument(
        "--kernel-symmetry",
        type=float,
        metavar="SHARE",
        help="after each step, move kernels by this share towards their mirror images' mean, so that maps "
        "point at their cause (e.g. 0.01, with --init); the model can't tell left from right then",
    )
    train.add_argument(
        "--mask-weight",
        type=float,
        metavar="W",
        help="also teach the last stage, from the table's masks, where the finding lies (e.g. 1); a row "
        "without a mask has no finding",
    )
    train.add_argument(
        "--no-mirroring",
        dest="mirrored",
        action="store_false",
        default=None,
        help="don't mirror cases at random: where the label may depend on the side",
    )
    train.add_argument("--folds", type=int, metavar="K", help="cross-validate: DIR/fold-1 to K")
    train.add_argument(
        "--threshold-rule", default="youden", metavar="RULE", help="youden, or sensitivity=X"
    )
    train.add_argument(
        "--cache", type=Path, metavar="DIR", help="folder to cache preprocessed volumes in"
    )

    parsers["evaluate"] = evaluate = command("evaluate", "measure a model on a table of cases")
    evaluate.add_argument("model", type=Path, metavar="DIR", help="model bundle")
    evaluate.add_argument("cases", type=Path, metavar="CASES.csv", help="table, one row per case")
    evaluate.add_argument("--json", type=Path, metavar="OUT.json", help="write the figures")
    evaluate.add_argument("--html", type=Path, metavar="OUT.html", help="write a printable report")
    evaluate.add_argument("--csv", type=Path, metavar="OUT.csv", help="write one row per case")
    evaluate.add_argument("--plots", type=Path, metavar="DIR", help="write plots as SVG and PNG")
    evaluate.add_argument(
        "--record", action="store_true", help="also write the figures to the model card"
    )

    parsers["reference"] = reference = command(
        "reference", "recompute a model's reference statistics, and measure what they detect"
    )
    reference.add_argument("model", type=Path, metavar="DIR", help="model bundle")
    reference.add_argument(
        "cases", type=Path, metavar="CASES.csv", help="the table it was trained on"
    )
    reference.add_argument(
        "--check",
        type=Path,
        metavar="TEST.csv",
        help="test cases: measure detection of unusual scans, write it to the model card",
    )

    parsers["displacement"] = displacement = command(
        "displacement",
        "measure how far a model's heatmaps lie from the evidence; choose its default",
    )
    displacement.add_argument("model", type=Path, metavar="DIR", help="model bundle")
    displacement.add_argument(
        "cases",
        type=Path,
        metavar="CASES.csv",
        help="table of cases; labels and masks are optional",
    )
    displacement.add_argument(
        "--validation",
        action="store_true",
        help="CASES.csv is the table of the training: use the cases that validated",
    )
    displacement.add_argument("--json", type=Path, metavar="OUT.json", help="write the figures")
    displacement.add_argument(
        "--record",
        action="store_true",
        help="also write them into the model, and correct its heatmaps",
    )
    displacement.add_argument(
        "--also",
        action="append",
        default=[],
        choices=("smoothgrad", "integrated-gradients"),
        help="try a method of many passes as the default, too; repeatable",
    )

    parsers["compare"] = compare = command("compare", "compare two models on the same cases")
    compare.add_argument("model_a", type=Path, metavar="A", help="model bundle")
    compare.add_argument("model_b", type=Path, metavar="B", help="model bundle")
    compare.add_argument("cases", type=Path, metavar="CASES.csv", help="table, one row per case")
    compare.add_argument("--json", type=Path, metavar="OUT.json", help="write the figures")

    parsers["ablate"] = ablate = command(
        "ablate", "measure whether fusion helps: generate cohorts, train every model, evaluate them"
    )
    ablate.add_argument(
        "out", type=Path, metavar="OUT", help="folder of the study; an existing one is resumed"
    )
    ablate.add_argument(
        "--seed",
        type=int,
        required=True,
        metavar="S",
        help="seed of the training cohort; the test cohort has S + 1",
    )
    ablate.add_argument(
        "--train-cases", type=_count, default=2000, metavar="N", help="training cases (2000)"
    )
    ablate.add_argument(
        "--test-cases", type=_count, default=1000, metavar="M", help="test cases (1000)"
    )
    ablate.add_argument(
        "--shuffled", action="store_true", help="also train on shuffled labels, as a control"
    )
    return parser, parsers
