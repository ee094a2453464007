"""All commands of the main window, in the order of its menus."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from fusion3d_gui.state.case.tag_reading import dicom_files
from fusion3d_gui.state.export.result_export import can_export
from fusion3d_gui.state.marks.tool import TOOLS, ToolName
from fusion3d_gui.state.settings import RECENT, Panel
from fusion3d_gui.widgets.window.commands.command import Command
from fusion3d_gui.widgets.window.commands.view_commands import view_commands

if TYPE_CHECKING:
    from fusion3d_gui.widgets.window.main_window import MainWindow

#: Window presets that have a number key: 1 to 9, then 0.
PRESET_KEYS = 10

_TOOLS: dict[ToolName, tuple[str, str, str]] = {
    "crosshair": ("Crosshair", "V", "Crosshair: move it, and take marks"),
    "distance": ("Distance", "D", "Distance in mm: drag, or click twice"),
    "angle": ("Angle", "A", "Angle: end, vertex, end"),
    "rectangle": ("Rectangle", "R", "Rectangle: mean, spread and area"),
    "ellipse": ("Ellipse", "E", "Ellipse: mean, spread and area"),
    "point": ("Point", "X", "Point: its value and position"),
    "arrow": ("Arrow with text", "T", "Arrow with text: tip, then tail"),
}

#: The strip beside the images: (id of the command, its picture), in groups.
STRIP = (
    tuple((f"tool_{name}", name) for name in TOOLS),
    (("undo", "undo"), ("redo", "redo")),
    (("marks", "table"), ("series", "series")),
)


def window_commands(window: MainWindow) -> list[Command]:
    """Everything that the window's menus, keys and palette offer."""
    return [
        *_file(window),
        *_edit(window),
        *_view(window),
        *_presets(window),
        *_tools(window),
        *_model(window),
        *_help(window),
    ]


def _file(window: MainWindow) -> list[Command]:
    session, settings = window.session, window.settings

    def has_case() -> bool:
        return session.store.case is not None

    def has_recent(number: int) -> bool:
        return len(settings.values.recent_cases) > number

    recent = [
        Command(
            f"recent_{number}",
            "&File/Open recent",
            f"Recent {number + 1}",
            partial(window.open_recent, number),
            enabled=partial(has_recent, number),
        )
        for number in range(RECENT)
    ]
    demos = [
        Command(
            f"demo_{demo.name}",
            "&File",
            demo.title,
            partial(session.open_demo, demo),
            begins_group=demo is window.demos[0],
        )
        for demo in window.demos
    ]
    return [
        Command("open_folder", "&File", "Open folder…", window.files.open_folder, "Ctrl+O"),
        Command("open_file", "&File", "Open file…", window.files.open_file, "Ctrl+Shift+O"),
        *recent,
        Command(
            "remember",
            "&File/Open recent",
            "Remember recent cases",
            settings.toggle_remembering_cases,
            checked=lambda: settings.values.remembers_cases,
            begins_group=True,
        ),
        Command(
            "forget",
            "&File/Open recent",
            "Forget recent cases",
            settings.forget_cases,
            enabled=lambda: bool(settings.values.recent_cases),
        ),
        *demos,
        Command(
            "start",
            "&File",
            "Start screen",
            window.toggle_start,
            "Ctrl+Home",
            has_case,
            begins_group=True,
            checked=lambda: window.pages.currentWidget() is window.start,
        ),
        Command(
            "anonymous",
            "&File",
            "Hide who the patient is",
            session.store.identity.toggle,
            "Ctrl+Shift+H",
            checked=lambda: session.store.identity.hidden,
            tip="Hide names, numbers, dates and file names, for this session",
        ),
        Command(
            "tags",
            "&File",
            "DICOM tags…",
            window.show_tags,
            "Ctrl+T",
            lambda: bool(dicom_files(session.store)),
        ),
        Command(
            "export_marks",
            "&File",
            "Export measurements…",
            window.files.export_measurements,
            "Ctrl+E",
            lambda: bool(session.annotations.items),
        ),
        Command("quit", "&File", "Quit", window.close, "Ctrl+Q", begins_group=True),
    ]


def _edit(window: MainWindow) -> list[Command]:
    marks = window.session.annotations

    def has_selected() -> bool:
        return marks.selected is not None

    return [
        Command("undo", "&Edit", "Undo", marks.undo, "Ctrl+Z", lambda: marks.can_undo),
        Command(
            "redo",
            "&Edit",
            "Redo",
            marks.redo,
            "Ctrl+Y",
            lambda: marks.can_redo,
            also="Ctrl+Shift+Z",
        ),
        Command(
            "write_mark",
            "&Edit",
            "Write on the mark…",
            window.write_on_selected,
            "F2",
            has_selected,
            begins_group=True,
        ),
        Command(
            "delete_mark",
            "&Edit",
            "Delete mark",
            window.delete_selected,
            "Del",
            has_selected,
            also="Backspace",
        ),
        Command(
            "clear_marks",
            "&Edit",
            "Delete all marks",
            marks.remove_all,
            enabled=lambda: bool(marks.items),
        ),
    ]


def _view(window: MainWindow) -> list[Command]:
    session, settings, views = window.session, window.settings, window.views

    def has_case() -> bool:
        return session.store.case is not None

    enabled: dict[Panel, Callable[[], bool] | None] = {
        "marks": has_case,
        "series": lambda: window.series.has_choice,
        "side": None,
    }

    def panel(name: Panel, title: str, key: str) -> Command:
        return Command(
            name,
            "&View",
            title,
            partial(window.toggle_panel, name),
            key,
            enabled[name],
            begins_group=name == "marks",
            checked=partial(settings.panel_shown, name),
        )

    return [
        *view_commands(session, views),
        Command("center", "&View", "Crosshair to centre", window.center, "C", has_case),
        panel("marks", "Measurements", "M"),
        panel("series", "Series", "S"),
        panel("side", "Model and heatmap", "B"),
        Command(
            "light",
            "&View",
            "Light theme",
            window.toggle_theme,
            "Ctrl+Shift+L",
            checked=lambda: settings.values.theme == "light",
            begins_group=True,
        ),
        Command(
            "presentation",
            "&View",
            "Presentation",
            window.presentation.toggle,
            "F11",
            has_case,
            checked=lambda: window.presentation.on,
            begins_group=True,
            tip="The images alone, patient hidden, with a tour of the hot spots",
        ),
        Command(
            "tour",
            "&View",
            "Tour of the hot spots",
            window.presentation.toggle_tour,
            "F12",
            lambda: window.presentation.can_tour,
            checked=lambda: window.presentation.touring,
        ),
        Command(
            "larger",
            "&View",
            "Larger text",
            partial(window.step_text, 1),
            "Ctrl+=",
            begins_group=True,
        ),
        Command("smaller", "&View", "Smaller text", partial(window.step_text, -1), "Ctrl+-"),
        Command("usual", "&View", "Usual text size", partial(window.step_text, 0), "Ctrl+0"),
    ]


def _presets(window: MainWindow) -> list[Command]:
    level = window.session.display.window_level

    def has_preset(number: int) -> bool:
        return len(level.presets) >= number

    return [
        Command(
            f"preset_{number}",
            "&Window",
            f"Preset {number}",
            partial(level.apply_preset, number - 1),
            str(number % 10),
            partial(has_preset, number),
            listed=False,
        )
        for number in range(1, PRESET_KEYS + 1)
    ]


def _tools(window: MainWindow) -> list[Command]:
    session = window.session
    tool, marks = session.tool, session.annotations

    def has_case() -> bool:
        return session.store.case is not None

    def is_chosen(name: ToolName) -> bool:
        return tool.name == name

    return [
        *[
            Command(
                f"tool_{name}",
                "&Tools",
                title,
                partial(tool.choose, name),
                key,
                has_case,
                checked=partial(is_chosen, name),
                begins_group=name == "distance",
                tip=tip,
            )
            for name, (title, key, tip) in _TOOLS.items()
        ],
        Command(
            "point_here",
            "&Tools",
            "Point at the crosshair",
            lambda: marks.add_point(session.display.crosshair.position_lps),
            "Shift+X",
            has_case,
            begins_group=True,
        ),
        Command(
            "show_marks",
            "&Tools",
            "Show marks",
            marks.toggle_visible,
            "Shift+M",
            has_case,
            checked=lambda: marks.visible,
        ),
    ]


def _model(window: MainWindow) -> list[Command]:
    session = window.session
    return [
        Command(
            "predict",
            "&Model",
            "Predict",
            session.predictions.predict,
            "Ctrl+Return",
            lambda: session.store.can_predict,
        ),
        Command("cancel", "&Model", "Cancel", window.cancel, "Esc", window.can_cancel),
        Command(
            "save_result",
            "&Model",
            "Save the result…",
            window.files.save_result,
            "Ctrl+S",
            lambda: can_export(session.predictions),
            begins_group=True,
            tip="As JSON with all that it came from, or its heatmap as NIfTI",
        ),
        Command(
            "copy_result",
            "&Model",
            "Copy the result",
            window.copy_result,
            "Ctrl+Shift+C",
            lambda: can_export(session.predictions),
        ),
        Command("model", "&Model", "Use another model…", window.files.add_model, begins_group=True),
    ]


def _help(window: MainWindow) -> list[Command]:
    return [
        Command(
            "palette",
            "&Help",
            "Find a command…",
            window.show_palette,
            "Ctrl+K",
            also="Ctrl+Shift+P",
        ),
        Command("keys", "&Help", "Mouse and keys", window.show_keys, "?", also="F1"),
        Command("about", "&Help", "About Fusion3D", window.show_about, begins_group=True),
    ]
