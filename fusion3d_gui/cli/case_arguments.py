"""Arguments of the commands about one scan: predict, info, convert; and of the audit log."""

from __future__ import annotations

from pathlib import Path

from fusion3d_gui.cli.argument_types import AddCommand, add_device_and_engine, count, shard, stages

_METHODS = (
    *("gradcam", "gradcam++", "hirescam", "layercam"),
    *("input-gradient", "occlusion", "integrated-gradients", "smoothgrad"),
)


def add_case_arguments(command: AddCommand) -> None:
    """Add the parsers of ``predict``, ``info``, ``convert`` and ``audit``."""
    _add_predict(command)
    _add_info(command)
    _add_mask(command)
    _add_convert(command)
    _add_register(command)
    _add_audit(command)


def _add_predict(command: AddCommand) -> None:
    predict = command("predict", "predict one scan, or a table of scans")
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
        "--bids-out",
        type=Path,
        metavar="DIR",
        help="write map, sidecar and table as a BIDS derivative, e.g. DATA/derivatives/fusion3d",
    )
    predict.add_argument(
        "--jobs",
        type=count,
        metavar="N",
        help="for a table: that many processes with one thread each",
    )
    predict.add_argument(
        "--shard",
        type=shard,
        metavar="I/N",
        help="for a table: only part I of N, as a table of its own; the call without it joins them",
    )
    predict.add_argument(
        "--scheduler",
        metavar="tcp://HOST:PORT",
        help="for a table: predict on the workers of this Dask scheduler (extra cluster)",
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
    add_device_and_engine(predict, remote=True)
    predict.add_argument(
        "--method",
        choices=_METHODS,
        help="method of the heatmap; default: the one that localised best in the model's evaluation",
    )
    predict.add_argument(
        "--stage",
        type=stages,
        metavar="N",
        help="stage of the network for a class activation map, 1 to 4, or several as 3+4",
    )
    predict.add_argument(
        "--side",
        choices=("raised", "lowered"),
        default="raised",
        help="heatmap of the regions that raised the probability, or that lowered it",
    )


def _add_info(command: AddCommand) -> None:
    info = command("info", "print every series found, as JSON")
    info.add_argument("path", type=Path, metavar="PATH", help="a scan: file or folder")


def _add_mask(command: AddCommand) -> None:
    mask = command("mask", "print the masks of a file on a scan, as JSON")
    mask.add_argument(
        "mask",
        type=Path,
        metavar="MASK",
        help="NIfTI, NRRD, DICOM Segmentation or RT Structure Set",
    )
    mask.add_argument(
        "--scan", type=Path, required=True, metavar="PATH", help="the scan that it lies on"
    )
    mask.add_argument("--series", metavar="UID", help="which series of the scan (default: largest)")


def _add_convert(command: AddCommand) -> None:
    convert = command("convert", "write a scan as NIfTI, exactly as the viewer holds it")
    convert.add_argument("path", type=Path, metavar="PATH", help="a scan: file or folder")
    convert.add_argument("out", type=Path, metavar="OUT.nii.gz", help="NIfTI file to write")
    convert.add_argument("--series", metavar="UID", help="which series of a folder to take")


def _add_register(command: AddCommand) -> None:
    register = command(
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


def _add_audit(command: AddCommand) -> None:
    audit = command("audit", "check or export the audit log of this computer")
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
