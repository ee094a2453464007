"""The command line: a thin layer over the functions that the window uses too."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from fusion3d_gui import RESEARCH_USE_ONLY, __version__
from fusion3d_gui.cli import commands
from fusion3d_gui.errors import UserError
from fusion3d_gui.model.network_config import FUSIONS
from fusion3d_gui.training.fit.recipe import LOSSES, SAMPLINGS

_DEVICES = ("auto", "cpu", "cuda", "mps")
_ENGINES = ("auto", "torch", "torch-half", "openvino")
_METHODS = (
    *("gradcam", "gradcam++", "hirescam", "layercam"),
    *("occlusion", "integrated-gradients", "smoothgrad"),
)


class _Parser(argparse.ArgumentParser):
    """Reports a wrong call in one line."""

    def error(self, message: str) -> NoReturn:
        raise UserError(message, remedy=f"See {self.prog} --help.")


def run(arguments: Sequence[str]) -> int:
    """Run the command line; returns the exit status (0 done, 2 wrong input or call, 1 otherwise)."""
    try:
        status = _dispatch(list(arguments))
        sys.stdout.flush()
        return status
    except UserError as error:
        print(f"fusion3d: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read our output (e.g. `| head`) has had enough. Nothing more can be flushed to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("fusion3d: interrupted", file=sys.stderr)
        return 1


def _dispatch(arguments: list[str]) -> int:
    parser, parsers = _build_parsers()
    if arguments and arguments[0] in commands.COMMANDS:
        name = arguments[0]
        return commands.COMMANDS[name](parsers[name].parse_args(arguments[1:]))
    if arguments and arguments[0] in ("-h", "--help", "--version"):
        parser.parse_args(arguments)
    return commands.window(parsers["window"].parse_args(arguments))


def _build_parsers() -> tuple[_Parser, dict[str, _Parser]]:
    parser = _Parser(
        prog="fusion3d",
        description="Look at a model's prediction on a 3D scan. " + RESEARCH_USE_ONLY + ".",
        epilog="Without a command, `fusion3d [PATH]` opens the window, on a file or folder if given. "
        "A path that is named like a command is written ./demo.",
    )
    parser.add_argument("--version", action="version", version=f"fusion3d {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=False)

    def command(name: str, text: str) -> _Parser:
        added: _Parser = subparsers.add_parser(name, help=text, description=text)
        return added

    def add_device_and_engine(to: _Parser) -> None:
        to.add_argument("--device", choices=_DEVICES, default="auto", help="where the model runs")
        to.add_argument(
            "--engine",
            choices=_ENGINES,
            default="auto",
            help="what runs it; auto takes the fastest",
        )

    parsers = {"window": _Parser(prog="fusion3d", description="Open the window.")}
    window = parsers["window"]
    window.add_argument("path", nargs="?", type=Path, metavar="PATH", help="a scan: file or folder")
    window.add_argument("--series", metavar="UID", help="which series of a folder to open")
    parsers["demo"] = demo = command("demo", "open the window on the shipped case, and predict")
    for one in (window, demo):
        one.add_argument("--model", type=Path, metavar="DIR", help="model bundle to start with")
        add_device_and_engine(one)
        one.add_argument(
            "--anonymous", action="store_true", help="hide who the patient is, for the session"
        )
        one.add_argument(
            "--screenshot", type=Path, metavar="FILE.png", help="save the window, exit"
        )

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
        "--json", type=Path, metavar="OUT.json", help="write result and provenance"
    )
    predict.add_argument("--heatmap", type=Path, metavar="OUT.nii.gz", help="write the heatmap")
    predict.add_argument(
        "--out", type=Path, metavar="DIR", help="for a table: where results go; the same goes on"
    )
    add_device_and_engine(predict)
    predict.add_argument(
        "--method",
        choices=_METHODS,
        help="how it is explained; default: what pointed best when the model was evaluated",
    )
    predict.add_argument(
        "--stage",
        type=_stages,
        metavar="N",
        help="stage of the network that a CAM explains, 1 to 4, or several as 3+4",
    )
    predict.add_argument(
        "--side",
        choices=("raised", "lowered"),
        default="raised",
        help="heatmap of the regions that raised the probability, or that lowered it",
    )

    parsers["info"] = info = command("info", "print every series found, as JSON")
    info.add_argument("path", type=Path, metavar="PATH", help="a scan: file or folder")

    parsers["convert"] = convert = command("convert", "write the volume as the viewer holds it")
    convert.add_argument("path", type=Path, metavar="PATH", help="a scan: file or folder")
    convert.add_argument("out", type=Path, metavar="OUT.nii.gz", help="NIfTI file to write")
    convert.add_argument("--series", metavar="UID", help="which series of a folder to take")

    parsers["cohort"] = cohort = command("cohort", "make the semi-synthetic cohort")
    cohort.add_argument("out", type=Path, metavar="OUT", help="folder to make")
    cohort.add_argument("--cases", type=_count, required=True, metavar="N", help="how many")
    cohort.add_argument(
        "--seed", type=int, required=True, metavar="S", help="same seed, same cases"
    )
    cohort.add_argument(
        "--prevalence", type=float, default=0.1, metavar="P", help="share of positives (0.1)"
    )
    for name, usual, what in (
        ("lesion", 4.0, "log odds of a lesion"),
        ("metadata", 1.25, "log odds of a standard deviation of the metadata's score"),
        ("interaction", 1.25, "what a lesion adds to that"),
    ):
        cohort.add_argument(
            f"--{name}", type=float, default=usual, metavar="X", help=f"{what} ({usual:g})"
        )
    cohort.add_argument("--spacing", type=float, default=3.0, metavar="MM", help="voxel size (3)")

    parsers["schema"] = schema = command("schema", "infer a table's metadata schema, to edit it")
    schema.add_argument("cases", type=Path, metavar="CASES.csv", help="one row a case")
    schema.add_argument(
        "--out", type=Path, metavar="OUT.json", help="default: beside the table, under its name"
    )

    parsers["train"] = train = command("train", "train a model on a table of cases")
    train.add_argument("cases", type=Path, metavar="CASES.csv", help="one row a case")
    train.add_argument("--fusion", choices=FUSIONS, required=True, help="how the branches meet")
    train.add_argument("--out", type=Path, metavar="DIR", required=True, help="bundle to write")
    train.add_argument("--seed", type=int, default=0, metavar="S", help="default 0")
    train.add_argument("--epochs", type=_count, metavar="N", help="passes on the whole grid")
    train.add_argument(
        "--coarse-epochs", type=int, metavar="N", help="passes before them on half the resolution"
    )
    train.add_argument("--batch", type=_count, metavar="N", help="cases a step, all processes")
    train.add_argument("--loss", choices=LOSSES, help="default focal")
    train.add_argument("--sampling", choices=SAMPLINGS, help="default shuffled")
    train.add_argument(
        "--width", type=float, default=0.125, metavar="W", help="of ResNet50's channels (0.125)"
    )
    train.add_argument(
        "--init", type=Path, metavar="PATH", help="MedicalNet's ResNet50 file, or a bundle's folder"
    )
    train.add_argument("--folds", type=int, metavar="K", help="cross-validate: DIR/fold-1 to K")
    train.add_argument(
        "--threshold-rule", default="youden", metavar="RULE", help="youden, or sensitivity=X"
    )
    train.add_argument("--cache", type=Path, metavar="DIR", help="keep preprocessed volumes there")

    parsers["evaluate"] = evaluate = command("evaluate", "measure a model on a table of cases")
    evaluate.add_argument("model", type=Path, metavar="DIR", help="model bundle")
    evaluate.add_argument("cases", type=Path, metavar="CASES.csv", help="one row a case")
    evaluate.add_argument("--json", type=Path, metavar="OUT.json", help="write the figures")
    evaluate.add_argument("--html", type=Path, metavar="OUT.html", help="write a page to print")
    evaluate.add_argument("--csv", type=Path, metavar="OUT.csv", help="write one row a case")
    evaluate.add_argument("--plots", type=Path, metavar="DIR", help="write plots as SVG and PNG")
    evaluate.add_argument("--record", action="store_true", help="put them on the model's card too")

    parsers["reference"] = reference = command(
        "reference", "what a model tells of its cases: compute it again, see what it catches"
    )
    reference.add_argument("model", type=Path, metavar="DIR", help="model bundle")
    reference.add_argument(
        "cases", type=Path, metavar="CASES.csv", help="the table it was trained on"
    )
    reference.add_argument(
        "--check",
        type=Path,
        metavar="TEST.csv",
        help="other cases: try ordinary and odd scans, put what is caught on the card",
    )

    parsers["compare"] = compare = command("compare", "compare two models on the same cases")
    compare.add_argument("model_a", type=Path, metavar="A", help="model bundle")
    compare.add_argument("model_b", type=Path, metavar="B", help="model bundle")
    compare.add_argument("cases", type=Path, metavar="CASES.csv", help="one row a case")
    compare.add_argument("--json", type=Path, metavar="OUT.json", help="write the figures")

    parsers["ablate"] = ablate = command(
        "ablate", "does fusion help? Make cohorts, train every model, score them"
    )
    ablate.add_argument("out", type=Path, metavar="OUT", help="folder; the same again goes on")
    ablate.add_argument("--seed", type=int, required=True, metavar="S", help="tests on S + 1")
    ablate.add_argument("--train-cases", type=_count, default=2000, metavar="N", help="2000")
    ablate.add_argument("--test-cases", type=_count, default=1000, metavar="M", help="1000")
    ablate.add_argument(
        "--shuffled", action="store_true", help="train once on shuffled labels too, as a control"
    )
    return parser, parsers


def _stages(text: str) -> tuple[int, ...]:
    stages = tuple(int(part) if part.isdecimal() else 0 for part in text.split("+"))
    if len(set(stages)) != len(stages) or not set(stages) <= {1, 2, 3, 4}:
        raise argparse.ArgumentTypeError(f"{text} is not a stage from 1 to 4, or several as 3+4")
    return stages


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return number
