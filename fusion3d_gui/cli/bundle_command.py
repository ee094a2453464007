"""``fusion3d bundle …``: bundles from weights trained elsewhere, checks of bundles, copies for other tools."""

from __future__ import annotations

import argparse
import json
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.cli.terminal import check_can_write, print_notices, say, terminal_progress
from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.monai_bundle import OWN_AXES
from fusion3d_gui.model.network.architectures import ARCHITECTURES, OWN
from fusion3d_gui.model.network.network_config import FUSIONS


def add_bundle_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the actions and their options."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)

    def action(name: str, text: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=text, description=text)

    make = action("make", "make a bundle of weights that were trained elsewhere")
    make.add_argument(
        "weights",
        type=Path,
        metavar="WEIGHTS",
        help="state dict: .safetensors, .pt or .pth; or the folder of a MONAI bundle, which tells what isn't given here",
    )
    make.add_argument("--network", choices=ARCHITECTURES, metavar="NAME", help=_networks_text())
    make.add_argument("--out", type=Path, required=True, metavar="DIR", help="bundle to write")
    make.add_argument(
        "--schema",
        type=Path,
        metavar="FILE.json",
        help="metadata fields, as `fusion3d schema` writes them; without it the network takes the image alone",
    )
    make.add_argument("--fusion", choices=FUSIONS, help="concat with a schema, else image_only")
    make.add_argument("--grid", type=_grid, metavar="K,J,I", help="voxels of the network's input")
    make.add_argument("--spacing", type=float, metavar="MM", help="distance of these voxels")
    make.add_argument(
        "--axes",
        metavar="LPS",
        help=f"directions along which the training images' axes ran (Orientationd); default: {OWN_AXES}, this "
        "program's k, j, i",
    )
    make.add_argument(
        "--window",
        type=_window,
        metavar="CENTER,WIDTH",
        help="for CT: clip to it and scale to -1..1; without it intensities are standardised, as for MR",
    )
    make.add_argument("--classes", type=_classes, metavar="NEGATIVE,POSITIVE")
    make.add_argument("--task", metavar="TEXT", help="what it predicts, in words")
    make.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="option of the network that differs from MONAI's default, e.g. conv1_t_stride=2; repeatable",
    )
    make.add_argument(
        "--mapping", type=Path, metavar="FILE.json", help="the mapping of names, edited by you"
    )
    make.add_argument("--key", metavar="NAME", help="which dictionary of tensors of a .pt file")
    make.add_argument(
        "--license",
        type=Path,
        metavar="FILE",
        help="terms of use of the weights, for the bundle's LICENSE",
    )
    make.add_argument("--names", action="store_true", help="print the mapping of names in full")

    check = action("check", "say everything that is wrong with a bundle")
    calibrate = action("calibrate", "fit a bundle's temperature and threshold on a table of cases")
    monai = action("export-monai", "write a copy for MONAI's own tools, with models/model.pt")
    onnx = action("export-onnx", "write the network as an ONNX file")
    triton = action("export-triton", "add the network to a model repository of a Triton server")
    for one in (check, calibrate, monai, onnx, triton):
        one.add_argument("model", type=Path, metavar="DIR", help="model bundle")
    calibrate.add_argument(
        "cases", type=Path, metavar="CASES.csv", help="cases that training has not seen"
    )
    calibrate.add_argument(
        "--threshold-rule", default="youden", metavar="RULE", help="youden, or sensitivity=X"
    )
    monai.add_argument("out", type=Path, metavar="OUT", help="folder to write")
    onnx.add_argument("out", type=Path, metavar="OUT.onnx", help="file to write")
    triton.add_argument(
        "out", type=Path, metavar="OUT", help="model repository, new or with others"
    )


def bundle(options: Namespace) -> int:
    """``fusion3d bundle``: run an action."""
    return _ACTIONS[options.action](options)


def _make(options: Namespace) -> int:
    from fusion3d_gui.model.bundle.bundle_info import Decision
    from fusion3d_gui.model.exchange.from_monai import monai_values
    from fusion3d_gui.model.exchange.make import BundleRequest, make_bundle
    from fusion3d_gui.model.preprocessing import Preprocessing

    given = dict(map(_option, options.option))
    notices: tuple[str, ...] = ()
    if options.weights.is_dir():
        described, notices = monai_values(options.weights, options.axes)
        given = {**described.pop("options"), **given}
        options = Namespace(
            **{
                **vars(options),
                **{
                    name: value
                    for name, value in described.items()
                    if name == "weights" or getattr(options, name) is None
                },
            }
        )
    for name in ("network", "grid", "spacing"):
        if getattr(options, name) is None:
            raise UserError(f"--{name} is missing", remedy="See fusion3d bundle make --help.")
    check_can_write(
        options.out, (options.weights, options.schema, options.mapping, options.license)
    )
    center, width = options.window or (0.0, 0.0)
    try:
        preprocessing = Preprocessing(
            options.grid,
            options.spacing,
            "window" if options.window else "percentile",
            center,
            width,
        )
        decision = Decision(options.classes or ("negative", "positive"))
    except ValueError as error:
        raise UserError(str(error), remedy="See fusion3d bundle make --help.") from None
    made = make_bundle(
        BundleRequest(
            weights=options.weights,
            network=options.network,
            preprocessing=preprocessing,
            decision=decision,
            schema=options.schema,
            fusion=options.fusion,
            options=given,
            mapping=options.mapping,
            key=options.key,
            task=options.task or "",
            axes=options.axes or OWN_AXES,
            license_file=options.license,
        ),
        options.out,
    )
    if options.names:
        for name, source in made.mapping.names.items():
            say(f"{name}  <-  {source}")
    print_notices((*notices, *made.notices))
    config = made.bundle.network.config
    head = "its own last layer" if config.outputs else f"fusion {config.fusion}"
    say(f"network      {config.backbone}, {head}")
    say(f"mapping      {made.mapping.text}: {made.mapping_file}")
    say(f"weights      SHA-256 {made.bundle.weights_sha256}")
    say(f"bundle       {options.out}")
    say(f"{RESEARCH_USE_ONLY}.")
    return 0


def _check(options: Namespace) -> int:
    from fusion3d_gui.model.exchange.check import check_bundle

    problems = check_bundle(options.model)
    for problem in problems:
        say(problem)
    if problems:
        count = "1 thing is" if len(problems) == 1 else f"{len(problems)} things are"
        raise UserError(f"{count} wrong with it", path=options.model, remedy="See the lines above.")
    say("nothing is wrong with it")
    return 0


def _calibrate(options: Namespace) -> int:
    from fusion3d_gui.training.calibrate import calibrate_bundle

    found = calibrate_bundle(
        options.model, options.cases, options.threshold_rule, terminal_progress()
    )
    say(f"cases        {found.cases}, {found.positives} positive")
    say(f"temperature  {found.decision.temperature:g}  (before {found.before.temperature:g})")
    say(f"threshold    {found.decision.threshold:g}  (before {found.before.threshold:g})")
    say(f"log loss     {found.log_loss:.4f}  (before {found.log_loss_before:.4f})")
    say(f"{RESEARCH_USE_ONLY}.")
    return 0


def _export_monai(options: Namespace) -> int:
    from fusion3d_gui.model.exchange.monai_copy import export_monai

    check_can_write(options.out, (options.model,))
    say(f"weights      {export_monai(options.model, options.out, terminal_progress())}")
    say(f"bundle       {options.out}")
    return 0


def _export_onnx(options: Namespace) -> int:
    from fusion3d_gui.model.exchange.onnx_file import export_onnx

    check_can_write(options.out, (options.model,))
    loaded = export_onnx(options.model, options.out)
    say(f"network      {options.out}")
    say(f"weights      SHA-256 {loaded.weights_sha256}")
    return 0


def _export_triton(options: Namespace) -> int:
    from fusion3d_gui.serve.triton_repository import export_triton

    check_can_write(options.out, (options.model,))
    for name in export_triton(options.model, options.out, terminal_progress()):
        say(f"model        {name}")
    say(f"repository   {options.out}")
    say(f"{RESEARCH_USE_ONLY}.")
    return 0


_ACTIONS: Mapping[str, Callable[[Namespace], int]] = {
    "make": _make,
    "check": _check,
    "calibrate": _calibrate,
    "export-monai": _export_monai,
    "export-onnx": _export_onnx,
    "export-triton": _export_triton,
}


def _networks_text() -> str:
    monai = [name for name in ARCHITECTURES if name != OWN]
    return f"{OWN} (this program's own), or one of MONAI's: {', '.join(monai)}"


def _grid(text: str) -> tuple[int, ...]:
    parts = text.replace("x", ",").split(",")
    if len(parts) != 3 or not all(part.strip().isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text} is not three sizes such as 96,96,96")
    return tuple(int(part) for part in parts)


def _window(text: str) -> tuple[float, float]:
    try:
        center, width = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not CENTER,WIDTH, such as 40,400") from None
    return center, width


def _classes(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(","))
    if len(names) != 2:
        raise argparse.ArgumentTypeError(f"{text} is not NEGATIVE,POSITIVE")
    return names


def _option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UserError(f"--option {text} is not NAME=VALUE", remedy="E.g. --option num_heads=8.")
    try:
        plain = json.loads(value)
    except (ValueError, RecursionError):
        plain = value
    return name, tuple(plain) if isinstance(plain, list) else plain
