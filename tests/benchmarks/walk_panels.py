"""Deeds of a walk with panels, menus and keys, and with the model."""

from __future__ import annotations

from event_loop import wait
from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QComboBox,
    QDialog,
    QLineEdit,
    QSlider,
    QWidget,
)
from shiboken6 import isValid
from walk_scene import LEFT, LEFT_OUT, NONE, DeedGroup, Deeds, Scene

from fusion3d_gui.widgets.marks.text_editor import MarkTextEditor
from fusion3d_gui.widgets.window.overlays.command_palette import CommandPalette

#: Buttons that open a dialog of files or run the network have their own deeds, and so their own chance.
BUTTONS_LEFT_OUT = {
    "Open folder…",
    "Open files…",
    "Other…",
    "Export…",
    "Save picture…",
    "Predict",
    "Compare models",
    "Check this heatmap",
}


class PanelDeeds(DeedGroup):
    """Keys, buttons, sliders, lists, line edits, menus and the palette, at random."""

    def deeds(self) -> Deeds:
        """By name."""
        return {
            "key": (9, self.key),
            "click": (5, self.click),
            "slider": (2, self.slide),
            "list": (1, self.choose),
            "type": (3, self.type),
            "palette": (1, self.palette),
            "menu": (2, self.menu),
            "present": (0.2, self.present),
            "resize": (0.5, self.resize),
        }

    def key(self) -> None:
        """The key of any command."""
        keys = [
            key
            for command in self.window.menus.commands
            if command.id not in LEFT_OUT
            for key in self.window.menus.actions[command.id].shortcuts()
        ]
        self.scene.press(self.chance.choice(keys))

    def click(self) -> None:
        """Any button that can be seen."""
        buttons = [
            button
            for button in self.scene.shown(QAbstractButton)
            if button.isEnabled() and button.text() not in BUTTONS_LEFT_OUT
        ]
        if buttons:
            self.hands.click(self.chance.choice(buttons), LEFT)
        for dialog in self.window.findChildren(QDialog):
            if not isinstance(dialog, CommandPalette) and self.chance.random() < 0.5:
                dialog.close()

    def slide(self) -> None:
        """Any slider that can be seen, by mouse."""
        slider = self.scene.any_of(QSlider)
        if slider is not None:
            self.scene.drag_within(slider)

    def choose(self) -> None:
        """Any combo box, by its keys."""
        shown = self.scene.shown(QComboBox)
        boxes = [each for each in shown if each.isEnabled() and each.count() > 1]
        if boxes:
            self.scene.turn_over(self.chance.choice(boxes))

    def type(self) -> None:
        """Into any line that can be seen."""
        shown = self.scene.shown(QLineEdit)
        lines = [each for each in shown if each.isEnabled() and not each.isReadOnly()]
        if not lines:
            return
        editors = [line for line in lines if isinstance(line, MarkTextEditor)]
        line = self.chance.choice(editors or lines)
        self.hands.click(line, LEFT)
        if not isValid(line):
            return  # the click went to what lies over it, and that closed it
        if isinstance(line.parent(), QAbstractSpinBox) and self.chance.random() < 0.5:
            line.selectAll()
        for letter in self.chance.choices("0123456789 aDm.-", k=3):
            if isValid(line):
                self.hands.keys(line, letter)
        last = (Qt.Key.Key_Return, Qt.Key.Key_Escape, Qt.Key.Key_Tab, Qt.Key.Key_Backspace)
        if isValid(line):
            self.hands.key(line, self.chance.choice(last))

    def palette(self) -> None:
        """Find a command by letters, and run it or not."""
        self.window.menus.actions["palette"].trigger()
        found = self.scene.shown(CommandPalette)
        if not found:
            return
        palette = found[-1]
        self.hands.keys(palette.line, "".join(self.chance.choices("adefhilmnoprst", k=2)))
        for _ in range(self.chance.randrange(4)):
            self.hands.key(palette.line, Qt.Key.Key_Down)
        item = palette.list.currentItem()
        command = None if item is None else item.data(Qt.ItemDataRole.UserRole)
        safe = command is not None and command.id not in LEFT_OUT | {"predict"}
        run = safe and self.chance.random() < 0.6
        self.hands.key(palette.line, Qt.Key.Key_Return if run else Qt.Key.Key_Escape)
        if isValid(palette):
            palette.close()

    def menu(self) -> None:
        """A menu of the bar, by the mouse, and what stands in it."""
        bar = self.window.menuBar()
        menus = [each for each in bar.actions() if each.isVisible()]
        if bar.isVisible() and menus:
            where = bar.actionGeometry(self.chance.choice(menus)).center()
            self.hands.click(bar, LEFT, NONE, where)
            self.scene.use_menu()

    def present(self) -> None:
        """The images alone, the tour, and back."""
        for name in ("presentation", "tour"):
            self.scene.press_command(name)
            wait(20)
        if self.chance.random() < 0.7:
            self.scene.press_command("presentation")

    def resize(self) -> None:
        """Another size of the window."""
        room = self.window.screen().availableSize().boundedTo(QSize(1500, 950))
        least, most = self.window.minimumSize(), room.expandedTo(self.scene.size)
        self.window.resize(
            self.chance.randint(least.width(), most.width()),
            self.chance.randint(least.height(), most.height()),
        )


class ModelDeeds(DeedGroup):
    """Predict, explain by any method, what-if and uncertainty, compare models, check the heatmap."""

    def __init__(self, scene: Scene, *, predict: float, check: float) -> None:
        super().__init__(scene)
        self._predict, self._check = predict, check

    def deeds(self) -> Deeds:
        """By name."""
        return {
            "predict": (self._predict, self.predict),
            "explain": (0.4, self.explain),
            "workbench": (1.5, self.workbench),
            "overlay": (1.5, self.overlay),
            "model": (self._predict / 2, self.model),
            "compare models": (self._predict / 4, self.compare),
            "check the map": (self._check, self.check_map),
        }

    def _wait(self, share: float, seconds: float = 10.0) -> None:
        """Mostly wait for the answer, though not for ever; else go on while it is under way."""
        if self.chance.random() < share:
            self.scene.settle_or_give_up(seconds)

    def _ensure_answer(self) -> bool:
        """Whether there is an answer to what the form says, in a panel that can be seen; else one is asked for."""
        session, side = self.window.session, self.window.side
        self.scene.close_overlays()
        if self.window.presentation.on:
            self.scene.press_command("presentation")
        if not side.isVisible():
            self.scene.press_command("side")
        if session.store.shown_prediction is not None and session.predictions.is_outdated:
            self._show_and_click(side.prediction.readout.reset)
        if session.predictions.current is None:
            self._show_and_click(side.prediction.button)
            self.scene.settle_or_give_up(30)
        return session.predictions.current is not None and side.isVisible()

    def predict(self) -> None:
        """Ask the model, sometimes give up, sometimes open another case meanwhile."""
        if self.chance.random() < 0.5:
            self._show_and_click(self.window.side.prediction.button)
        else:
            self.scene.press_command("predict")
        self._wait(0.7)

    def explain(self) -> None:
        """Another method, or the other question; occlusion goes on while the walk does."""
        if not self._ensure_answer():
            return
        picker = self.window.side.method
        if self.chance.random() < 0.6:
            self._show(picker.box)
            if picker.box.isVisible():
                for _ in range(self.chance.randint(1, 3)):
                    self.scene.turn_over(picker.box)
        else:
            self._show_and_click(self.chance.choice([*picker.sides.values(), picker.both]))
        self._wait(0.5)

    def workbench(self) -> None:
        """What if, why, how sure; a click into the curves; the image moved and mirrored."""
        panel = self.window.side.workbench
        if self.chance.random() < 0.2:
            self._ensure_answer()
        self._show_and_click(self.chance.choice(panel.buttons))
        wait(1)
        if panel.curves.isVisible():
            self._show(panel.curves)
            self.scene.drag_within(panel.curves)
        elif panel.uncertainty.augment.isVisible() and self.chance.random() < 0.3:
            self._show_and_click(panel.uncertainty.augment)
            self._wait(0.7)

    def overlay(self) -> None:
        """Opacity, threshold, blinking, contours, side by side, hot spots."""
        names = ("heatmap", "blink", "contours", "next_spot", "previous_spot", "peak")
        if self.chance.random() < 0.3:
            sliders = self.window.side.overlay.findChildren(QSlider)
            slider = self.chance.choice(sliders)
            self._show(slider)
            self.scene.drag_within(slider)
        else:
            self.scene.press_command(self.chance.choice((*names, "layout_side_by_side")))

    def model(self) -> None:
        """Another of the models."""
        box = self.window.side.model_picker.findChild(QComboBox)
        if box is not None and box.isVisible() and box.count() > 1:
            self._show(box)
            self.scene.turn_over(box)
            self._wait(0.7)

    def compare(self) -> None:
        """All models, then their maps beside each other."""
        panel = self.window.side.comparison
        if not self._ensure_answer():
            return
        self._show_and_click(panel.button)
        self._wait(0.8, 30.0)
        if panel.side_by_side.isVisible():
            self._show_and_click(panel.side_by_side)

    def check_map(self) -> None:
        """Check the heatmap, which takes long; sometimes go on meanwhile."""
        if not self._ensure_answer():
            return
        self._show_and_click(self.window.side.method.check)
        self._wait(0.8, 60.0)

    def _show(self, widget: QWidget) -> None:
        """Scroll the side panel to it."""
        self.window.side.ensureWidgetVisible(widget)
        wait(1)

    def _show_and_click(self, button: QAbstractButton) -> None:
        self._show(button)
        if button.isVisible() and button.isEnabled():
            self.hands.click(button, LEFT)
