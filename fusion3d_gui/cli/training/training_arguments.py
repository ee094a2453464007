"""Arguments of the commands that generate, train and measure."""

from __future__ import annotations

from pathlib import Path

from fusion3d_gui.cli.argument_types import AddCommand, add_device_and_engine, count
from fusion3d_gui.cli.training.cohort_command import add_cohort_arguments
from fusion3d_gui.model.network.network_config import FUSIONS
from fusion3d_gui.training.fit.recipe import LOSSES, SAMPLINGS


def add_training_arguments(command: AddCommand) -> None:
    """Add the parsers of ``cohort``, ``train``, ``evaluate`` and their like."""
    add_cohort_arguments(command)
    _add_schema(command)
    _add_train(command)
    _add_evaluate(command)
    _add_reference(command)
    _add_displacement(command)
    _add_compare(command)
    _add_cohort_map(command)
    _add_ablate(command)


def _add_schema(command: AddCommand) -> None:
    schema = command("schema", "infer a table's metadata schema, for editing")
    schema.add_argument("cases", type=Path, metavar="CASES.csv", help="table, one row per case")
    schema.add_argument(
        "--out", type=Path, metavar="OUT.json", help="default: beside the table, with its name"
    )


def _add_train(command: AddCommand) -> None:
    train = command("train", "train a model on a table of cases")
    train.add_argument("cases", type=Path, metavar="CASES.csv", help="table, one row per case")
    train.add_argument(
        "--fusion", choices=FUSIONS, required=True, help="how image and metadata are fused"
    )
    train.add_argument("--out", type=Path, metavar="DIR", required=True, help="bundle to write")
    train.add_argument("--seed", type=int, default=0, metavar="S", help="default 0")
    train.add_argument("--epochs", type=count, metavar="N", help="epochs at full resolution")
    train.add_argument(
        "--coarse-epochs", type=int, metavar="N", help="preceding epochs at half the resolution"
    )
    train.add_argument("--rate", type=float, metavar="R", help="peak learning rate (5e-4)")
    train.add_argument(
        "--batch", type=count, metavar="N", help="cases per step, over all processes"
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
    train.add_argument(
        "--license", type=Path, metavar="FILE", help="terms of use, for the bundle's LICENSE"
    )
    train.add_argument("--folds", type=int, metavar="K", help="cross-validate: DIR/fold-1 to K")
    train.add_argument(
        "--threshold-rule", default="youden", metavar="RULE", help="youden, or sensitivity=X"
    )
    train.add_argument(
        "--cache", type=Path, metavar="DIR", help="folder to cache preprocessed volumes in"
    )


def _add_evaluate(command: AddCommand) -> None:
    evaluate = command("evaluate", "measure a model on a table of cases")
    evaluate.add_argument("model", type=Path, metavar="DIR", help="model bundle")
    evaluate.add_argument("cases", type=Path, metavar="CASES.csv", help="table, one row per case")
    evaluate.add_argument("--json", type=Path, metavar="OUT.json", help="write the figures")
    evaluate.add_argument("--html", type=Path, metavar="OUT.html", help="write a printable report")
    evaluate.add_argument("--csv", type=Path, metavar="OUT.csv", help="write one row per case")
    evaluate.add_argument("--plots", type=Path, metavar="DIR", help="write plots as SVG and PNG")
    evaluate.add_argument(
        "--record", action="store_true", help="also write the figures to the model card"
    )


def _add_reference(command: AddCommand) -> None:
    reference = command(
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


def _add_displacement(command: AddCommand) -> None:
    displacement = command(
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


def _add_compare(command: AddCommand) -> None:
    compare = command("compare", "compare two models on the same cases")
    compare.add_argument("model_a", type=Path, metavar="A", help="model bundle")
    compare.add_argument("model_b", type=Path, metavar="B", help="model bundle")
    compare.add_argument("cases", type=Path, metavar="CASES.csv", help="table, one row per case")
    compare.add_argument("--json", type=Path, metavar="OUT.json", help="write the figures")


def _add_cohort_map(command: AddCommand) -> None:
    made = command("cohort-map", "average the heatmaps of many cases on a template, also by groups")
    made.add_argument(
        "cases",
        type=Path,
        metavar="CASES.csv",
        help="table, one row per case; with a column 'label' (0, 1) groups are averaged too",
    )
    made.add_argument("--model", type=Path, required=True, metavar="DIR", help="model bundle")
    made.add_argument(
        "--template",
        type=Path,
        required=True,
        metavar="T.nii.gz",
        help="what cases are brought onto",
    )
    made.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder of the maps; resumed"
    )
    add_device_and_engine(made)


def _add_ablate(command: AddCommand) -> None:
    ablate = command(
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
        "--train-cases", type=count, default=2000, metavar="N", help="training cases (2000)"
    )
    ablate.add_argument(
        "--test-cases", type=count, default=1000, metavar="M", help="test cases (1000)"
    )
    ablate.add_argument(
        "--shuffled", action="store_true", help="also train on shuffled labels, as a control"
    )
