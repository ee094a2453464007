"""Commands about the second scan: open it, register, align by hand, draw it over the first."""

from __future__ import annotations

from functools import partial

import numpy as np

from fusion3d_gui.state.beside.alignment import Alignment
from fusion3d_gui.state.beside.comparison import Comparison, Way
from fusion3d_gui.state.beside.prior_prediction import PriorPrediction
from fusion3d_gui.state.beside.second_scan import SecondScan
from fusion3d_gui.state.pacs.pacs_parts import PacsParts
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.views.second_views import SecondViews
from fusion3d_gui.widgets.window.commands.command import Command
from fusion3d_gui.widgets.window.commands.file.prior_study_commands import prior_study_commands
from fusion3d_gui.widgets.window.dialogs.file_dialogs import FileDialogs

_MENU = "&View/Second scan"
_BY_HAND = f"{_MENU}/Align by hand"
#: One step by key.
_STEP_MM, _STEP_DEGREES = 1.0, 1.0


def beside_commands(
    store: Store,
    second: SecondScan,
    alignment: Alignment,
    comparison: Comparison,
    prior: PriorPrediction,
    views: SecondViews,
    files: FileDialogs,
    pacs: PacsParts | None,
) -> list[Command]:
    """Commands of the second scan."""

    def is_open() -> bool:
        return second.case is not None

    def is_linked() -> bool:
        return bool(second.link)

    def can_open() -> bool:
        return store.case is not None and store.case.is_complete

    def is_way(way: Way) -> bool:
        return comparison.way is way and is_open()

    def toggle_drag() -> None:
        views.align_layer.on = not views.align_layer.on

    def turn(axis: int, degrees: float) -> None:
        alignment.turn(np.eye(3)[axis], degrees, second.display.crosshair.position_lps)

    prior_studies = (
        []
        if pacs is None
        else prior_study_commands(
            store,
            pacs,
            ("prior", "&File/PACS/Open beside", "Prior"),
            lambda study: pacs.worklist.open_study_beside(study, second),
        )
    )
    return [
        Command(
            "open_beside",
            "&File",
            "Open beside…",
            partial(files.open_beside, second.open),
            "Ctrl+B",
            can_open,
            begins_group=True,
            tip="Open a second scan beside this one: a prior, another sequence",
            synonyms=("prior", "second scan", "two scans", "follow-up"),
        ),
        Command(
            "open_folder_beside",
            "&File",
            "Open folder beside…",
            partial(files.open_folder_beside, second.open),
            "Ctrl+Shift+B",
            can_open,
            synonyms=("prior",),
        ),
        *prior_studies,
        Command(
            "register",
            _MENU,
            "Register",
            alignment.register,
            "Ctrl+G",
            lambda: alignment.can_register and not alignment.is_registering,
            tip="Find the rigid map between the two scans by mutual information",
            synonyms=("align", "fuse", "registration"),
        ),
        Command(
            "register_affine",
            _MENU,
            "Register with scale and shear",
            partial(alignment.register, "affine"),
            "Ctrl+Shift+G",
            lambda: alignment.can_register and not alignment.is_registering,
            synonyms=("affine",),
        ),
        Command(
            "cancel_registration",
            _MENU,
            "Cancel registering",
            alignment.cancel,
            enabled=lambda: alignment.is_registering,
        ),
        Command(
            "undo_alignment",
            _MENU,
            "Undo the last alignment",
            alignment.undo,
            "Ctrl+Alt+Z",
            lambda: alignment.can_undo,
        ),
        Command(
            "drag_alignment",
            _BY_HAND,
            "Drag the second scan",
            toggle_drag,
            "Ctrl+Alt+D",
            is_open,
            checked=lambda: views.align_layer.on,
            tip="Drag in the second scan's views to move it; with Ctrl to turn it about the crosshair",
        ),
        Command(
            "mark_pair",
            _BY_HAND,
            "Pair the crosshairs",
            alignment.mark_pair,
            "Ctrl+Alt+P",
            is_open,
            tip="Put both crosshairs on the same place and pair them; three pairs align the scans",
            synonyms=("landmarks", "points"),
        ),
        Command(
            "forget_pairs",
            _BY_HAND,
            "Forget the pairs",
            alignment.forget_pairs,
            enabled=lambda: alignment.pairs > 0,
        ),
        *[
            Command(
                f"shift_{name}",
                _BY_HAND,
                f"1 mm to the {name}" if axis < 2 else f"1 mm {name}",
                partial(alignment.shift, sign * _STEP_MM * np.eye(3)[axis]),
                enabled=is_open,
                begins_group=name == "left",
            )
            for name, axis, sign in (
                ("left", 0, 1),
                ("right", 0, -1),
                ("back", 1, 1),
                ("front", 1, -1),
                ("up", 2, 1),
                ("down", 2, -1),
            )
        ],
        *[
            Command(
                f"turn_{axis}_{sign}",
                _BY_HAND,
                f"Turn by {sign * _STEP_DEGREES:+g}° about the {name} axis",
                partial(turn, axis, sign * _STEP_DEGREES),
                enabled=is_open,
                begins_group=(axis, sign) == (0, 1),
            )
            for axis, name in enumerate(("left–right", "front–back", "head–foot"))
            for sign in (1, -1)
        ],
        *[
            Command(
                f"way_{way.name.lower()}",
                _MENU,
                "In views of its own only" if way is Way.NONE else f"{way.value} view",
                partial(comparison.choose, way),
                f"Ctrl+{number}",
                is_open if way is Way.NONE else is_linked,
                checked=partial(is_way, way),
                begins_group=way is Way.NONE,
                synonyms=("fusion", "overlay", "subtraction"),
            )
            for number, way in enumerate(Way, start=1)
        ],
        Command(
            "predict_both",
            _MENU,
            "Predict the second scan too",
            prior.predict,
            "Ctrl+Alt+Return",
            lambda: prior.can_predict,
            begins_group=True,
            tip="Both predictions, and what changed it: the image or the values",
        ),
        Command(
            "close_beside",
            _MENU,
            "Close the second scan",
            second.close,
            "Ctrl+Alt+W",
            is_open,
        ),
    ]
