"""Commands of the command line for windows, prediction and conversion.

Heavy libraries are imported inside the commands that need them, so that ``--help`` is immediate.
"""

from __future__ import annotations

import gc
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.cli import bundle_command, check_command, predict_command
from fusion3d_gui.cli.network import pacs_command, serve_command
from fusion3d_gui.cli.terminal import (
    check_can_write,
    print_json,
    print_notices,
    say,
    terminal_progress,
)
from fusion3d_gui.cli.training import training_commands
from fusion3d_gui.errors import UserError
from fusion3d_gui.progress import part_of

if TYPE_CHECKING:
    from fusion3d_gui.state.pacs.pacs_parts import PacsPlaces


def window(options: Namespace) -> int:
    """``fusion3d [PATH ...]``: open the window."""
    return _open_window(options, demo=False, paths=tuple(options.paths), series_uid=options.series)


def demo(options: Namespace) -> int:
    """``fusion3d demo``: open the window on the shipped case, predict, show the heatmap."""
    if options.pacs:
        from fusion3d_gui.cli.network.demo_pacs import demo_pacs

        with demo_pacs() as places:
            return _open_window(options, demo=False, paths=(), series_uid=None, pacs=places)
    return _open_window(options, demo=True, paths=(), series_uid=None)


def info(options: Namespace) -> int:
    """``fusion3d info``: every series found, its geometry and warnings, as JSON."""
    from fusion3d_gui.imaging.catalog.find import find_series

    found = find_series(options.path, terminal_progress())
    print_json({"series": [series.to_json() for series in found]})
    return 0


def convert(options: Namespace) -> int:
    """``fusion3d convert``: the volume exactly as the viewer holds it, as NIfTI."""
    from fusion3d_gui.imaging.catalog.open import open_volume
    from fusion3d_gui.imaging.files.nifti import write_nifti

    check_can_write(options.out, (options.path,))
    volume = open_volume(options.path, series_uid=options.series, progress=terminal_progress())
    print_notices(volume.notices)
    write_nifti(volume, options.out)
    return 0


def mask(options: Namespace) -> int:
    """``fusion3d mask``: the masks of a file on a scan: names, volumes and places, as JSON."""
    from fusion3d_gui.imaging.catalog.find import find_series
    from fusion3d_gui.imaging.catalog.open import choose_series, read_series
    from fusion3d_gui.imaging.dicom.source_series import read_source_series
    from fusion3d_gui.imaging.labels.label_map_file import is_label_file
    from fusion3d_gui.imaging.labels.read_masks import mask_document, read_masks

    progress = terminal_progress()
    found = find_series(options.scan, progress)
    series, notices = choose_series(found, options.series, options.scan)
    scan = read_series(series, notices=notices, progress=progress)
    is_dicom = series.format == "DICOM" and not is_label_file(options.mask)
    source = read_source_series(series.paths, scan, progress) if is_dicom else None
    print_json(mask_document(read_masks(options.mask, scan, source, progress), scan))
    return 0


def register(options: Namespace) -> int:
    """``fusion3d register``: bring a scan onto another, and write it on that one's grid."""
    from fusion3d_gui.imaging.catalog.open import open_volume
    from fusion3d_gui.imaging.files.nifti import write_nifti
    from fusion3d_gui.imaging.registration.register import register as find_map
    from fusion3d_gui.imaging.registration.resampled import on_grid_of
    from fusion3d_gui.report.json_file import write_json

    inputs = (options.fixed, options.moving)
    for output in (options.out, options.transform):
        check_can_write(output, inputs)
    progress = terminal_progress()
    fixed = open_volume(options.fixed, progress=part_of(progress, 0.0, 0.2))
    moving = open_volume(options.moving, progress=part_of(progress, 0.2, 0.4))
    kind: Literal["rigid", "affine"] = "affine" if options.affine else "rigid"
    found = find_map(fixed, moving, kind=kind, progress=part_of(progress, 0.4, 0.9))
    write_nifti(on_grid_of(fixed, moving, found, part_of(progress, 0.9, 1.0)), options.out)
    if options.transform is not None:
        write_json({**found.to_json(), "notice": RESEARCH_USE_ONLY}, options.transform)
    say(f"registered   {kind}, turned by {found.degrees:.2f} degrees,")
    say(
        f"             moved by {found.shift_mm(fixed.center_lps):.2f} mm in the middle of the scan"
    )
    say(f"quality      {found.summary}")
    say(f"{RESEARCH_USE_ONLY}.")
    return 0


def audit(options: Namespace) -> int:
    """``fusion3d audit``: check the audit log, or write it into one file."""
    from fusion3d_gui.report.audit.log_folder import audit_folder, export_log
    from fusion3d_gui.report.audit.verify import verify

    folder = audit_folder()
    if options.action == "export":
        if options.file is None:
            raise UserError("audit export needs a file to write", remedy="Give FILE.jsonl.")
        check_can_write(options.file, (folder,))
        say(f"entries      {export_log(folder, options.file)}")
        return 0
    found = verify(folder if options.file is None else options.file)
    for problem in found.problems:
        say(problem, error=True)
    if found.problems:
        raise UserError("The audit log was changed", remedy="See the lines above.")
    say(f"entries      {found.entries}")
    if found.first is not None and found.last is not None:
        say(f"from         {found.first.event.when}  (entry {found.first.number})")
        say(f"to           {found.last.event.when}  (entry {found.last.number})")
    say(f"last SHA-256 {found.last_sha256}")
    say("whole        yes")
    return 0


COMMANDS: Mapping[str, Callable[[Namespace], int]] = {
    "demo": demo,
    "predict": predict_command.predict,
    "info": info,
    "convert": convert,
    "mask": mask,
    "register": register,
    "audit": audit,
    "pacs": pacs_command.pacs,
    "serve": serve_command.serve,
    "bundle": bundle_command.bundle,
    "check": check_command.check,
    **training_commands.COMMANDS,
}


def _open_window(
    options: Namespace,
    *,
    demo: bool,
    paths: tuple[Path, ...],
    series_uid: str | None,
    pacs: PacsPlaces | None = None,
) -> int:
    gc.disable()  # nothing that is imported is garbage: a fifth of a second
    try:
        from fusion3d_gui.app import WindowOptions, run_window
    finally:
        gc.enable()

    check_can_write(options.screenshot, (*paths, options.model))
    return run_window(
        WindowOptions(
            paths=paths,
            series_uid=series_uid,
            model_dir=options.model,
            demo=demo,
            screenshot=options.screenshot,
            device=options.device,
            anonymous=options.anonymous,
            engine=options.engine,
            demo_pacs=pacs,
        )
    )
