"""The Masks menu: open, show, clean up, export."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtGui import QColor
from PySide6.QtWidgets import QColorDialog, QInputDialog, QWidget

from fusion3d_gui.state.case.scan_objects import ScanObjects
from fusion3d_gui.state.display.crosshair import Crosshair
from fusion3d_gui.state.export.mask_export import export_mask
from fusion3d_gui.state.masks.mask_drawing import MaskDrawing
from fusion3d_gui.state.masks.mask_list import CaseMask, MaskList
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.window.commands.command import Command
from fusion3d_gui.widgets.window.dialogs.file_dialogs import FileDialogs

#: What the menu of a row in the list of masks offers.
OF_A_MASK = (
    *("mask_go_to", "mask_rename", "mask_color", "mask_copy"),
    *("mask_fill_holes", "mask_keep_part", "mask_export", "mask_remove"),
)


def mask_commands(
    store: Store,
    masks: MaskList,
    drawing: MaskDrawing,
    objects: ScanObjects,
    crosshair: Crosshair,
    files: FileDialogs,
    window: QWidget,
) -> list[Command]:
    """Commands of the Masks menu; dialogs open over ``window``."""
    menu = "M&asks"

    def has_case() -> bool:
        return store.case is not None and store.case.is_complete

    def has_selected() -> bool:
        return masks.selected is not None

    def is_drawn() -> bool:
        return drawing.target is not None

    def of_selected(act: Callable[[CaseMask], None]) -> Callable[[], None]:
        def run() -> None:
            if masks.selected is not None:
                act(masks.selected)

        return run

    def open_mask() -> None:
        paths = files.mask_paths()
        if paths:
            objects.open(paths)

    def rename(each: CaseMask) -> None:
        name, done = QInputDialog.getText(window, "Rename the mask", "Name", text=each.mask.name)
        if done:
            masks.rename(each.number, name.strip())

    def choose_color(each: CaseMask) -> None:
        color = QColorDialog.getColor(QColor(each.color), window, "Colour of the mask")
        if color.isValid():
            masks.set_color(each.number, color.name().upper())

    def export(each: CaseMask) -> None:
        path: Path | None = files.mask_target("mask" if store.identity.hidden else each.mask.name)
        if path is not None:
            export_mask(store, each, path)

    return [
        Command(
            "mask_open",
            menu,
            "Open a mask on this scan…",
            open_mask,
            "Ctrl+M",
            has_case,
            tip="NIfTI, NRRD, MetaImage, DICOM Segmentation or RT Structure Set",
            synonyms=("segmentation", "label", "contour", "ground truth", "overlay"),
        ),
        Command(
            "mask_show",
            menu,
            "Show masks",
            masks.toggle_all,
            "Shift+Y",
            lambda: bool(masks.items),
            checked=lambda: bool(masks.shown),
            begins_group=True,
        ),
        Command(
            "mask_outlines",
            menu,
            "Only outlines",
            masks.toggle_outlines,
            "Ctrl+Shift+Y",
            lambda: bool(masks.items),
            checked=lambda: masks.outlines,
        ),
        Command(
            "mask_go_to",
            menu,
            "Go to the mask",
            of_selected(lambda each: crosshair.move_to(each.mask.inner_lps)),
            "Shift+G",
            has_selected,
        ),
        Command(
            "mask_rename",
            menu,
            "Rename…",
            of_selected(rename),
            enabled=lambda: has_selected() and not store.identity.hidden,
            begins_group=True,
        ),
        Command("mask_color", menu, "Colour…", of_selected(choose_color), enabled=has_selected),
        Command(
            "mask_copy",
            menu,
            "Copy to draw on",
            drawing.copy_selected,
            enabled=has_selected,
            tip="A copy that the brush can change: masks of files stay as they are",
        ),
        Command("mask_fill_holes", menu, "Fill holes in 3D", drawing.fill_holes, enabled=is_drawn),
        Command(
            "mask_keep_part",
            menu,
            "Keep the part at the crosshair",
            lambda: drawing.keep_part(crosshair.position_lps),
            enabled=is_drawn,
            tip="Only what hangs together with the voxel at the crosshair; else the largest part",
        ),
        Command(
            "mask_3d",
            menu,
            "Brush in 3D",
            drawing.toggle_3d,
            "Ctrl+J",
            has_case,
            checked=lambda: drawing.in_3d,
        ),
        Command(
            "mask_smaller",
            menu,
            "Smaller brush",
            lambda: drawing.set_radius(drawing.radius_mm / 1.25),
            "Ctrl+[",
            has_case,
        ),
        Command(
            "mask_larger",
            menu,
            "Larger brush",
            lambda: drawing.set_radius(drawing.radius_mm * 1.25),
            "Ctrl+]",
            has_case,
        ),
        Command(
            "mask_export",
            menu,
            "Export the mask…",
            of_selected(export),
            "Ctrl+Shift+M",
            has_selected,
            begins_group=True,
            tip="As NIfTI, or as DICOM Segmentation in the scan's study",
        ),
        Command(
            "mask_remove",
            menu,
            "Remove the mask",
            of_selected(lambda each: masks.remove(each.number)),
            enabled=has_selected,
            tip="Can be undone; files stay as they are",
        ),
        Command(
            "remove_masks",
            menu,
            "Remove masks and maps of files",
            objects.clear,
            enabled=lambda: objects.any_shown,
            tip="Those that were opened on this scan; files stay as they are",
            synonyms=("segmentation", "overlay", "outline"),
        ),
    ]
