"""``XHands``: mouse and keys through the X server (XTEST), as real events reach the window."""

from __future__ import annotations

import ctypes
from collections import Counter

from event_loop import wait
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid

_NONE = Qt.KeyboardModifier.NoModifier
_BUTTONS = {
    Qt.MouseButton.LeftButton: 1,
    Qt.MouseButton.MiddleButton: 2,
    Qt.MouseButton.RightButton: 3,
}
_WHEEL_UP, _WHEEL_DOWN = 4, 5

#: X11's names of keys (keysymdef.h) that are not those of a character.
_KEYSYMS = {
    Qt.Key.Key_Backspace: 0xFF08,
    Qt.Key.Key_Tab: 0xFF09,
    Qt.Key.Key_Return: 0xFF0D,
    Qt.Key.Key_Enter: 0xFF8D,
    Qt.Key.Key_Escape: 0xFF1B,
    Qt.Key.Key_Home: 0xFF50,
    Qt.Key.Key_Left: 0xFF51,
    Qt.Key.Key_Up: 0xFF52,
    Qt.Key.Key_Right: 0xFF53,
    Qt.Key.Key_Down: 0xFF54,
    Qt.Key.Key_PageUp: 0xFF55,
    Qt.Key.Key_PageDown: 0xFF56,
    Qt.Key.Key_End: 0xFF57,
    Qt.Key.Key_Delete: 0xFFFF,
    **{getattr(Qt.Key, f"Key_F{n}"): 0xFFBD + n for n in range(1, 13)},
}
_SHIFT = 0xFFE1
_MODIFIERS = {
    Qt.KeyboardModifier.ShiftModifier: _SHIFT,
    Qt.KeyboardModifier.ControlModifier: 0xFFE3,
    Qt.KeyboardModifier.AltModifier: 0xFFE9,
}


class XHands:
    """Has the methods of QTest that a walk needs. Needs the platform ``xcb`` and XTEST.

    A place at which another widget lies is left alone, since a real click would hit that one; keys
    go to whatever has the keyboard.
    """

    def __init__(self) -> None:
        self._x, self._test = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXtst.so.6")
        self._x.XOpenDisplay.restype = ctypes.c_void_p
        self._x.XkbKeycodeToKeysym.restype = ctypes.c_ulong
        self._x.XKeysymToKeycode.restype = ctypes.c_ubyte
        display = self._x.XOpenDisplay(None)
        if not display:
            raise OSError("no X server")
        self._display = ctypes.c_void_p(display)
        self._held: int | None = None
        #: What was meant and what lay over it, of the deeds that found another widget at their place.
        self.missed: Counter[str] = Counter()

    # -- the mouse ----------------------------------------------------------------------------

    def move(self, widget: QWidget, at: QPoint) -> None:
        """Move the pointer there, if that is still there."""
        if not isValid(widget):
            return
        # The server counts the screen's own pixels: the middle one of a pixel of the window.
        place = (QPointF(widget.mapToGlobal(at)) + QPointF(0.5, 0.5)) * widget.devicePixelRatioF()
        x, y = int(place.x()), int(place.y())
        self._test.XTestFakeMotionEvent(self._display, -1, x, y, ctypes.c_ulong(0))
        self._arrive()

    def press(self, widget: QWidget, button, modifiers=_NONE, at: QPoint | None = None) -> None:
        """Go there and press a button, with modifiers held until its release."""
        at = widget.rect().center() if at is None else at
        if not self._is_free(widget, at):
            return
        self.move(widget, at)
        self._hold(modifiers, True)
        self._held = _BUTTONS[button]
        self._button(_BUTTONS[button], True)

    def release(self, widget: QWidget, button, modifiers=_NONE, at: QPoint | None = None) -> None:
        """Go there, unless the press has sent the widget away, and let the button go if it is down."""
        if self._held is None:
            return
        self._held = None
        if isValid(widget):
            self.move(widget, widget.rect().center() if at is None else at)
        self._button(_BUTTONS[button], False)
        self._hold(modifiers, False)

    def click(self, widget: QWidget, button, modifiers=_NONE, at: QPoint | None = None) -> None:
        """Press and let go."""
        self.press(widget, button, modifiers, at)
        self.release(widget, button, modifiers, at)

    def double(self, widget: QWidget, button, modifiers=_NONE, at: QPoint | None = None) -> None:
        """The second click of two."""
        self.click(widget, button, modifiers, at)

    def wheel(self, widget: QWidget, at: QPoint, turn: int, modifiers) -> None:
        """Turn the wheel by whole notches, which is what a wheel can do."""
        if not self._is_free(widget, at):
            return
        self.move(widget, at)
        self._hold(modifiers, True)
        for _ in range(max(1, abs(turn) // 120)):
            for down in (True, False):
                self._button(_WHEEL_UP if turn > 0 else _WHEEL_DOWN, down)
        self._hold(modifiers, False)

    def _is_free(self, widget: QWidget, at: QPoint) -> bool:
        """Whether it is this widget that a click there would hit."""
        if not isValid(widget):
            self.missed["something that has gone"] += 1
            return False
        found = QApplication.widgetAt(widget.mapToGlobal(at))
        if found is not None and (found is widget or widget.isAncestorOf(found)):
            return True
        over = "nothing" if found is None else f"{type(found.window()).__name__}"
        self.missed[f"{type(widget).__name__} under {over}"] += 1
        return False

    def _button(self, number: int, down: bool) -> None:
        self._test.XTestFakeButtonEvent(self._display, number, int(down), ctypes.c_ulong(0))
        self._arrive()

    # -- keys ---------------------------------------------------------------------------------

    def key(self, widget: QWidget, key, modifiers=_NONE) -> None:
        """Press and let go a key."""
        key = Qt.Key(key)
        keysym = _KEYSYMS.get(key)
        self._strike(ord(chr(key).lower()) if keysym is None else keysym, modifiers)

    def keys(self, widget: QWidget, text: str) -> None:
        """Type."""
        for letter in text:
            self._strike(ord(letter), _NONE)

    def _strike(self, keysym: int, modifiers) -> None:
        code = self._x.XKeysymToKeycode(self._display, ctypes.c_ulong(keysym))
        if not code:
            raise ValueError(f"the keyboard has no key for {keysym:#x}")
        plain = self._x.XkbKeycodeToKeysym(self._display, ctypes.c_ubyte(code), 0, 0)
        shifted = self._x.XkbKeycodeToKeysym(self._display, ctypes.c_ubyte(code), 0, 1)
        if keysym != plain and keysym == shifted:
            modifiers = modifiers | Qt.KeyboardModifier.ShiftModifier
        self._hold(modifiers, True)
        for down in (True, False):
            self._key(code, down)
        self._hold(modifiers, False)
        self._arrive()

    def _hold(self, modifiers, down: bool) -> None:
        for modifier, keysym in _MODIFIERS.items():
            if modifiers & modifier:
                self._key(self._x.XKeysymToKeycode(self._display, ctypes.c_ulong(keysym)), down)

    def _key(self, code: int, down: bool) -> None:
        self._test.XTestFakeKeyEvent(self._display, int(code), int(down), ctypes.c_ulong(0))

    def _arrive(self) -> None:
        """Wait until the window has got it."""
        self._x.XSync(self._display, 0)
        wait(2)
