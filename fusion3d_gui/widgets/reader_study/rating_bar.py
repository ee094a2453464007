"""``RatingBar``: under the images, what is asked, the rating scale, the confidence, and the clock."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from fusion3d_gui.state.reader_study.reading import Reading
from fusion3d_gui.widgets.controls.segments import Segments
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_tip


class RatingBar(QFrame):
    """Shows a reading, and says what the reader chooses."""

    def __init__(self, reading: Reading, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._reading = reading
        self.setObjectName("presentation")
        self.position = theme.label(color=theme.MUTED)
        self.arm = theme.label(medium=True)
        self.model = theme.label(size=theme.LARGE, medium=True)
        self.note = theme.label(size=theme.SMALL, color=theme.WARNING)
        self.note.setWordWrap(True)
        self.clock = theme.label(color=theme.MUTED)
        self.clock.setToolTip(plain_tip("How long this case has been looked at"))
        self.question = theme.label(size=theme.LARGE, medium=True)
        self.ratings, self.rating_buttons = self._scale(
            "Rating", reading.rating_labels, "", reading.rate
        )
        self.confidences, self.confidence_buttons = self._scale(
            "Confidence", reading.confidence_labels, "Ctrl+", reading.be_confident
        )
        self.pause = self._button("Pause", "Hide the images and stop the clock (F8)")
        self.mark = self._button("Mark", "Click where the finding is (P); Delete removes a mark")
        self.mark.setCheckable(True)
        self.confirm = self._button("Next", "Keep this read and show the next case (Return)")
        self.confirm.setProperty("primary", True)
        self._build()
        self._ticks = QTimer(self)
        self._ticks.setInterval(1000)
        self._ticks.timeout.connect(self._show_clock)
        self._ticks.start()
        reading.changed.connect(self._show)
        self.confirm.clicked.connect(reading.confirm)
        self.pause.clicked.connect(reading.toggle_pause)
        self._show()

    def _scale(
        self, name: str, labels: tuple[str, ...], key: str, choose: Callable[[int], None]
    ) -> tuple[Segments, list[QPushButton]]:
        made = Segments()
        made.setAccessibleName(name)
        buttons = []
        for number, text in enumerate(labels, start=1):
            button = made.add(
                f"{number}  {text}" if not key else text, f"{name}: {text} ({key}{number})"
            )
            button.setAccessibleName(f"{name}: {text}")
            button.clicked.connect(lambda _=False, chosen=number: choose(chosen))
            buttons.append(button)
        return made, buttons

    @staticmethod
    def _button(text: str, tip: str) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(plain_tip(tip))
        button.setAccessibleName(text)
        return button

    def _build(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 8, 20, 12)
        layout.setSpacing(8)
        top = QHBoxLayout()
        top.setSpacing(24)
        top.addWidget(self.question)
        top.addStretch(1)
        for label in (self.model, self.arm, self.position, self.clock):
            label.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
            label.setWordWrap(False)
            top.addWidget(label)
        bottom = QHBoxLayout()
        bottom.setSpacing(16)
        bottom.addWidget(self.ratings, 5)
        bottom.addWidget(theme.label("Confidence", color=theme.MUTED))
        bottom.addWidget(self.confidences, 2)
        for button in (self.mark, self.pause, self.confirm):
            bottom.addWidget(button)
        layout.addLayout(top)
        layout.addWidget(self.note)
        layout.addLayout(bottom)

    def _show(self) -> None:
        reading = self._reading
        number, count = reading.position
        is_reading = reading.phase == "reading"
        self.question.setText(reading.question)
        self.arm.setText(reading.arm_title)
        # In a pause the time does not count: then nothing is shown that could be thought about.
        said = reading.model_text if is_reading else ""
        self.model.setText(said)
        self.model.setVisible(bool(said))
        note = reading.model_note if is_reading else ""
        self.note.setText(note)
        self.note.setVisible(bool(note))
        self.position.setText("" if reading.phase == "done" else f"Read {number} of {count}")
        for scale, buttons, chosen in (
            (self.ratings, self.rating_buttons, reading.rating),
            (self.confidences, self.confidence_buttons, reading.confidence),
        ):
            scale.set_chosen(None if chosen is None else buttons[chosen - 1])
            scale.setEnabled(is_reading)
        self.mark.setEnabled(is_reading)
        self.confirm.setEnabled(reading.can_confirm)
        self.pause.setEnabled(reading.phase in ("reading", "paused"))
        self.pause.setText("Go on" if reading.phase == "paused" else "Pause")
        self._show_clock()

    def _show_clock(self) -> None:
        minutes, seconds = divmod(int(self._reading.seconds), 60)
        is_running = self._reading.phase in ("reading", "paused")
        self.clock.setText(f"{minutes}:{seconds:02}" if is_running else "")
