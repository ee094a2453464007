"""The Model menu: predict, cancel, save and copy the prediction, other models."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from fusion3d_gui.state.export.left import note_copied
from fusion3d_gui.state.export.result_export import can_export, prediction_text, shown_values
from fusion3d_gui.state.export.sharing import Sharing
from fusion3d_gui.state.marks.annotations import Annotations
from fusion3d_gui.state.marks.tool import Tool
from fusion3d_gui.state.prediction.model_comparison import ModelComparison
from fusion3d_gui.state.prediction.models import Models
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.prediction.presentation import Presentation
from fusion3d_gui.state.store import Store
from fusion3d_gui.state.tasks import TaskLane
from fusion3d_gui.widgets.window.commands.command import Command
from fusion3d_gui.widgets.window.dialogs.file_dialogs import FileDialogs
from fusion3d_gui.widgets.window.layout.pages import Pages
from fusion3d_gui.widgets.window.layout.view_grabber import ViewGrabber, image_of


def model_commands(
    store: Store,
    models: Models,
    predictions: Predictions,
    comparison: ModelComparison,
    pages: Pages,
    grabber: ViewGrabber,
    sharing: Sharing,
    files: FileDialogs,
    cancel: Callable[[], object],
    can_cancel: Callable[[], bool],
    share: Callable[[], object],
    show_page: Callable[[], object],
) -> list[Command]:
    """Commands of the Model menu.

    ``cancel`` is what Escape does; ``share`` opens the dialog of what leaves, ``show_page`` the model's page.
    """

    def exportable() -> bool:
        return can_export(predictions)

    def can_compare() -> bool:
        several = len(models.bundles) > 1
        return several and store.shown_prediction is not None and not store.predicting

    def copy_picture() -> None:
        if sharing.can_share:
            sharing.frame(grabber.layout(), lambda rgb: put(image_of(rgb)))
        else:
            put(pages.grab().toImage())

    def put(picture: QImage) -> None:
        QApplication.clipboard().setImage(picture)
        values = shown_values(predictions) if exportable() else None
        note_copied(store, "picture", bytes(picture.constBits()), values)

    def copy() -> None:
        text = prediction_text(predictions)
        QApplication.clipboard().setText(text)
        note_copied(store, "result", text.encode(), shown_values(predictions))

    return [
        Command(
            "predict",
            "&Model",
            "Predict",
            predictions.predict,
            "Ctrl+Return",
            lambda: store.can_predict,
        ),
        Command("cancel", "&Model", "Cancel", cancel, "Esc", can_cancel),
        Command(
            "share",
            "&Model",
            "Share…",
            share,
            "Ctrl+Shift+E",
            lambda: sharing.can_share,
            begins_group=True,
            tip="A page for a colleague, pictures, JSON, heatmap, marks, DICOM objects, a session",
            synonyms=("export", "report", "pdf", "page", "send", "print", "dicom", "html"),
        ),
        Command(
            "save_result",
            "&Model",
            "Save the result…",
            files.save_result,
            "Ctrl+S",
            exportable,
            tip="As JSON with all that it came from, or its heatmap as NIfTI",
        ),
        Command("copy_result", "&Model", "Copy the result", copy, "Ctrl+Shift+C", exportable),
        Command(
            "copy_picture",
            "&Model",
            "Copy a picture of the images",
            copy_picture,
            enabled=lambda: store.case is not None and not pages.shows_start,
            tip="All views as they are on screen, with the result around them, to paste elsewhere",
            synonyms=("screenshot", "snapshot", "capture", "picture", "image"),
        ),
        Command(
            "compare_models",
            "&Model",
            "Compare models",
            comparison.start,
            enabled=can_compare,
            tip="Predict this case with each model in the list, one after the other",
        ),
        Command(
            "model_page",
            "&Model",
            "About this model…",
            show_page,
            "",
            lambda: store.bundle is not None,
            begins_group=True,
            tip="Its card, scope, ROC and calibration curve, subgroups, heatmaps, and my prevalence",
        ),
        Command("model", "&Model", "Use another model…", files.add_model),
    ]


class Escape:
    """What Escape ends: the nearest of a mark being drawn, running work, a tool, a presentation, a selection."""

    def __init__(
        self,
        lanes: Sequence[TaskLane],
        annotations: Annotations,
        tool: Tool,
        presentation: Presentation,
        cancel_drawing: Callable[[], bool],
    ) -> None:
        """``lanes`` run what it ends; ``cancel_drawing`` returns whether a mark was being drawn or dragged."""
        self._lanes = tuple(lanes)
        self._annotations = annotations
        self._tool = tool
        self._presentation = presentation
        self._cancel_drawing = cancel_drawing

    def can_cancel(self) -> bool:
        """Whether there is anything to end."""
        return (
            any(lane.running for lane in self._lanes)
            or self._annotations.draft is not None
            or self._annotations.selected is not None
            or self._tool.name != "crosshair"
            or self._presentation.on
        )

    def cancel(self) -> None:
        """End what is nearest."""
        if self._cancel_drawing():
            return
        running = next((lane for lane in self._lanes if lane.running), None)
        if running is not None:
            running.cancel()
        elif self._tool.name != "crosshair":
            self._tool.choose("crosshair")
        elif self._presentation.on:
            self._presentation.toggle()
        else:
            self._annotations.select(None)
