"""Deeds of a walk in the views: scroll, drag, measure, rotate planes, change the window level."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QWidget
from shiboken6 import isValid
from walk_scene import ALT, CTRL, LEFT, MIDDLE, NONE, RIGHT, SHIFT, DeedGroup, Deeds

from fusion3d_gui.state.marks.tool import TOOLS
from fusion3d_gui.widgets.charts.window_histogram import WindowHistogram
from fusion3d_gui.widgets.marks.mark_painter import marks_on_screen
from fusion3d_gui.widgets.slice.slice_slider import SliceSlider
from fusion3d_gui.widgets.slice.slice_view import SliceView
from fusion3d_gui.widgets.volume.volume_view import VolumeView


class ViewDeeds(DeedGroup):
    """Mouse and keys over slice views, heatmaps side by side and the 3D view."""

    def deeds(self) -> Deeds:
        """By name."""
        return {
            "scroll": (8, self.scroll),
            "drag": (8, self.drag),
            "move": (4, self.move),
            "double": (1, self.double),
            "view key": (4, self.view_key),
            "measure": (6, self.measure),
            "edit a mark": (3, self.edit_mark),
            "undo and redo": (2, self.undo),
            "oblique": (3, self.oblique),
            "window": (3, self.change_window),
            "slice slider": (1, self.slide),
            "turn in 3D": (1.5, self.turn_volume),
            "menu of a view": (0.7, self.view_menu),
        }

    def scroll(self) -> None:
        """The wheel, over a view or the side panel."""
        scene = self.scene
        widget: QWidget | None = (
            scene.any_view() if self.chance.random() < 0.9 else self.window.side
        )
        if widget is None or not widget.isVisible():
            return
        modifier = self.chance.choices((NONE, CTRL, SHIFT, ALT), (8, 3, 1, 1))[0]
        turn = self.chance.choice((-360, -120, -15, 15, 120, 240))
        self.hands.wheel(widget, scene.place(widget), turn, modifier)

    def drag(self) -> None:
        """Any button, with any modifier, from anywhere to anywhere."""
        view = self.scene.any_view()
        if view is None:
            return
        button = self.chance.choices((LEFT, RIGHT, MIDDLE), (6, 2, 2))[0]
        modifier = self.chance.choices((NONE, SHIFT, CTRL), (8, 1, 1))[0]
        self.scene.drag_within(view, button, modifier)
        self.scene.use_menu()

    def move(self) -> None:
        """The pointer wanders."""
        view = self.scene.any_view()
        if view is not None:
            self.hands.move(view, self.scene.place(view))

    def double(self) -> None:
        """A double click on a view."""
        view = self.scene.any_view()
        if view is not None:
            where = self.scene.place(view)
            self.hands.click(view, LEFT, NONE, where)
            self.hands.double(view, LEFT, NONE, where)

    def view_key(self) -> None:
        """A key that a view handles itself."""
        view = self.scene.any_view()
        if view is not None:
            view.setFocus()
            names = ("Up", "Down", "PageUp", "PageDown", "Plus", "Minus", "Left", "Right", "Home")
            self.hands.key(view, getattr(Qt.Key, f"Key_{self.chance.choice(names)}"))

    def measure(self) -> None:
        """A tool by its key, then a drag or clicks."""
        scene = self.scene
        scene.press_command(f"tool_{self.chance.choice(TOOLS)}")
        view = scene.slice_view()  # after the key: what it lets arrive may build views anew
        if view is None:
            return
        if self.chance.random() < 0.5:
            scene.drag_within(view)
            return
        for _ in range(self.chance.randint(1, 4)):
            if not isValid(view):
                return
            where = scene.place(view)
            self.hands.move(view, where)
            self.hands.click(view, LEFT, NONE, where)

    def edit_mark(self) -> None:
        """Take a mark by a handle or a line, and drag it; or take it away; or point at the crosshair."""
        scene = self.scene
        scene.press_command("tool_crosshair")
        view = scene.slice_view()
        if view is None:
            return
        found = marks_on_screen(view, self.window.session.annotations.shown)
        handles = [where.toPoint() for mark in found for _, where in mark.handles]
        inside = [where for where in handles if view.rect().contains(where)]
        if not inside or self.chance.random() < 0.1:
            scene.press_command("point_here")
            return
        where = self.chance.choice(inside)
        scene.drag(view, where, scene.place(view))
        if self.chance.random() < 0.15:
            scene.press_command("delete_mark")

    def undo(self) -> None:
        """Steps back, and some of them again."""
        for _ in range(self.chance.randint(1, 3)):
            self.scene.press_command("undo")
        if self.chance.random() < 0.5:
            self.scene.press_command("redo")

    def oblique(self) -> None:
        """Turn an arm of the crosshair by its grip; sometimes both planes; sometimes straight again."""
        scene = self.scene
        scene.press_command("tool_crosshair")
        view = scene.slice_view()
        if view is None:
            return
        grip = self._grip(view)
        if grip is None:
            scene.press_command(self.chance.choice(("straighten", "follow_scan", "center")))
            return
        self.hands.move(view, grip)
        modifier = self.chance.choice((NONE, NONE, ALT))
        scene.drag(view, grip, scene.place(view), LEFT, modifier)

    @staticmethod
    def _grip(view: SliceView) -> QPoint | None:
        """Where an arm of the crosshair can be taken, if that is on screen."""
        if view.slicer is None:
            return None
        center = view.crosshair_px
        for arm in view.arms:
            for px in range(-view.height(), view.height(), 4):
                where = center + QPointF(arm.x, arm.y) * px
                inside = view.rect().contains(where.toPoint())
                if inside and view.grip_at(QPointF(where.toPoint())) is not None:
                    return where.toPoint()
        return None

    def change_window(self) -> None:
        """By a drag, a number key, the wheel, or the ends of the histogram."""
        scene, way = self.scene, self.chance.randrange(4)
        view = scene.slice_view()
        if view is None:
            return
        if way == 0:
            scene.drag_within(view, RIGHT)
            scene.use_menu()
        elif way == 1:
            names = [f"preset_{number}" for number in range(1, 11)]
            scene.press_command(self.chance.choice([*names, "invert", "auto_window"]))
        elif way == 2:
            self.hands.wheel(view, scene.place(view), self.chance.choice((-120, 120)), ALT)
        else:
            for bar in scene.shown(WindowHistogram)[:1]:
                scene.drag_within(bar)

    def slide(self) -> None:
        """The slider beside a view."""
        slider = self.scene.any_of(SliceSlider)
        if slider is not None:
            self.scene.drag_within(slider)

    def turn_volume(self) -> None:
        """The 3D view: fetched if it is not there, then turned, zoomed, lit or spun."""
        scene = self.scene
        shown = scene.shown(VolumeView)
        if not shown:
            if self.chance.random() < 0.3:
                scene.press_command("layout_grid")
            return
        view, way = shown[0], self.chance.random()
        if way < 0.6:
            scene.drag_within(view, self.chance.choice((LEFT, MIDDLE)))
        elif way < 0.8:
            self.hands.wheel(view, scene.place(view), self.chance.choice((-120, 120)), NONE)
        else:
            scene.press_command(self.chance.choice(("surface", "spin")))

    def view_menu(self) -> None:
        """The menu of a view, by a click of the right button."""
        view = self.scene.slice_view()
        if view is None:
            return
        where = self.scene.place(view)
        self.hands.move(view, where)
        self.hands.click(view, RIGHT, NONE, where)
        self.scene.use_menu()
