"""``ShareDialog``: what leaves of a result, where to, with or without identity; the page as it will leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.state.data.departure import LeftItem
from fusion3d_gui.state.export.sharing import ITEMS, Item, Shareable, ShareChoice, Sharing, Stop
from fusion3d_gui.state.kept.session_files import SessionFiles
from fusion3d_gui.state.session import Session
from fusion3d_gui.state.settings import Settings
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.controls.fields import NoScrollComboBox
from fusion3d_gui.widgets.controls.progress_bar import ProgressBar
from fusion3d_gui.widgets.controls.segments import Segments
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.dialog_position import center_over
from fusion3d_gui.widgets.look.plain_tip import plain_tip
from fusion3d_gui.widgets.pacs.send_dialog import SendDialog
from fusion3d_gui.widgets.window.layout.view_grabber import ViewGrabber
from fusion3d_gui.widgets.window.share.share_items import (
    CHECKED,
    PICTURES,
    ROWS,
    SESSION,
    STUDY,
    USED_BY,
)
from fusion3d_gui.widgets.window.share.share_preview import SharePreview
from fusion3d_gui.widgets.window.share.shared_files import SharedFiles
from fusion3d_gui.widgets.window.share.titled_rows import scrolling, titled


def share_result(
    session: Session, settings: Settings, grabber: ViewGrabber, parent: QWidget
) -> None:
    """Collect the result on screen, then open the dialog over ``parent``."""
    store, pacs = session.store, session.pacs

    def send_to_pacs() -> None:
        assert pacs is not None
        SendDialog(store, pacs, parent).open()

    def on_collected(shareable: Shareable) -> None:
        if shareable.case is not store.case:
            return
        can_send = pacs is not None and pacs.sender.can_send and bool(pacs.nodes.nodes)
        send = send_to_pacs if can_send else None
        ShareDialog(
            store, session.sharing, session.files, settings, grabber, shareable, send, parent
        ).open()

    session.sharing.collect(on_collected)


class ShareDialog(QDialog):
    """Modal over the window, so that what it shows is what leaves.

    ``send`` asks for a PACS to send the result to; None: no node is known, or the result has no study there.
    """

    def __init__(
        self,
        store: Store,
        sharing: Sharing,
        sessions: SessionFiles,
        settings: Settings,
        grabber: ViewGrabber,
        shareable: Shareable,
        send: Callable[[], None] | None,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Share this result")
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self._store = store
        self._sharing = sharing
        self._sessions = sessions
        self._settings = settings
        self._grabber = grabber
        self._shareable = shareable
        self._send = send
        self._folder = self._first_folder()
        self.items: dict[str, QCheckBox] = {}
        self.identity = Segments()
        self.named = self.identity.add("Name the patient", "Name, ID, dates, UIDs and paths leave")
        self.unnamed = self.identity.add(
            "Without identity", "None of these leave; hashes stand for UIDs"
        )
        self.paper = Segments()
        self.a4, self.letter = self.paper.add("A4"), self.paper.add("Letter")
        self.pictures, self.study = NoScrollComboBox(), NoScrollComboBox()
        #: The rows of options, by title: each is shown while something that is chosen needs it.
        self._rows: dict[str, QWidget] = {}
        self.folder = theme.label(size=12, color=theme.MUTED)
        self.stops = QVBoxLayout()
        self.confirmations: dict[Stop, QCheckBox] = {}
        self.preview = SharePreview()
        self.share = QPushButton("Share")
        self.cancel = QPushButton("Cancel")
        self.progress = ProgressBar()
        self.message = theme.label(size=12, color=theme.MUTED)
        self.shared = SharedFiles()
        self._build()
        self._connect()
        self._start_choice()
        self.resize(
            theme.px(980), min(theme.px(760), parent.screen().availableGeometry().height() - 60)
        )
        center_over(self, parent)

    # -- building -----------------------------------------------------------------------------

    def _build(self) -> None:
        left = QVBoxLayout()
        left.setSpacing(2 * theme.GRID)
        left.addWidget(scrolling(self._choices()), 1)
        left.addWidget(self.message)
        left.addWidget(self.progress)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.share)
        left.addLayout(buttons)
        self._left = QWidget()
        self._left.setLayout(left)
        self._left.setFixedWidth(theme.px(400))
        left.setContentsMargins(0, 0, 0, 0)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(20, 18, 20, 16)
        whole.setSpacing(5 * theme.GRID)
        whole.addWidget(self._left)
        whole.addWidget(self.shared)
        whole.addWidget(self.preview, 1)
        self.shared.setFixedWidth(theme.px(400))
        self.shared.hide()
        self.share.setProperty("primary", True)
        self.share.setDefault(True)
        self.progress.hide()
        self.message.setWordWrap(True)
        self.message.hide()

    def _choices(self) -> QWidget:
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(0, 0, 2 * theme.GRID, 0)
        layout.setSpacing(theme.GRID)
        layout.addWidget(theme.section_title("Patient"))
        layout.addWidget(self.identity)
        self.hidden_note = theme.label(
            "The identity is hidden in the window, so it can't leave.", size=12, color=theme.MUTED
        )
        self.hidden_note.setWordWrap(True)
        layout.addWidget(self.hidden_note)
        layout.addSpacing(2 * theme.GRID)
        layout.addWidget(theme.section_title("What leaves"))
        why = self._why_not()
        for key, name, tip in ROWS:
            box = QCheckBox(name)
            box.setToolTip(plain_tip(why.get(key, tip)))
            box.setEnabled(key not in why)
            box.setChecked(key in CHECKED)
            self.items[key] = box
            layout.addWidget(box)
        layout.addSpacing(2 * theme.GRID)
        for name, _, _ in PICTURES:
            self.pictures.addItem(name)
        for name in STUDY:
            self.study.addItem(name)
        for title, control in (
            ("Sheet", self.paper),
            ("Pictures", self.pictures),
            ("DICOM", self.study),
        ):
            self._rows[title] = titled(title, control)
            layout.addWidget(self._rows[title])
        layout.addSpacing(2 * theme.GRID)
        layout.addWidget(theme.section_title("Where to"))
        row = QHBoxLayout()
        row.addWidget(self.folder, 1)
        self.choose = QPushButton("Choose…")
        self.choose.setToolTip("Choose the folder")
        row.addWidget(self.choose)
        self.pacs = QPushButton("PACS…")
        if self._send is None:
            self.pacs.setToolTip("No PACS is set up (File, PACS), or the scan has no study in one")
        else:
            self.pacs.setToolTip("Send DICOM objects into the study of the scan, with its patient")
        row.addWidget(self.pacs)
        layout.addLayout(row)
        layout.addLayout(self.stops)
        layout.addStretch(1)
        self.a4.setChecked(True)
        return body

    def _why_not(self) -> Mapping[str, str]:
        """Why some things can't leave, by key."""
        found = {}
        if not self._shareable.marks:
            found["marks"] = "There are no marks on this scan"
        if self._grabber.view is None:
            found["view"] = "No view of a plane is on screen"
        if not self._sessions.can_save:
            found[SESSION] = "The case is not completely read"
        return found

    def _connect(self) -> None:
        for box in self.items.values():
            box.toggled.connect(self._on_choice_changed)
        self.named.toggled.connect(self._on_identity_chosen)
        self.a4.toggled.connect(self._show_preview)
        self.study.currentIndexChanged.connect(self._on_choice_changed)
        self.choose.clicked.connect(self._on_choose)
        self.pacs.clicked.connect(self._on_pacs)
        self.cancel.clicked.connect(self._on_cancel)
        self.share.clicked.connect(self._on_share)
        self.shared.closed.connect(self.accept)
        self._store.saving.changed.connect(self._show_progress)

    def _start_choice(self) -> None:
        hidden = self._shareable.is_hidden
        self.named.setEnabled(not hidden)
        self.hidden_note.setVisible(hidden)
        (self.unnamed if hidden else self.named).setChecked(True)
        self._on_identity_chosen()

    # -- what is chosen -----------------------------------------------------------------------

    def choice(self) -> ShareChoice:
        """What is chosen now; without the pictures of the window."""
        _, scale, as_svg = PICTURES[self.pictures.currentIndex()]
        return ShareChoice(
            items=frozenset(self._chosen()),
            folder=self._folder,
            identity=self.named.isChecked(),
            paper="A4" if self.a4.isChecked() else "Letter",
            picture_scale=scale,
            as_svg=as_svg,
            new_study=self.study.currentIndex() == 1,
        )

    def _chosen(self) -> list[Item]:
        found: list[Item] = []
        for key in ITEMS:
            if self.items[key].isChecked() and self.items[key].isEnabled():
                found.append(key)
        return found

    def _on_identity_chosen(self) -> None:
        can_join = self.named.isChecked() and self._shareable.has_study
        if not can_join:
            self.study.setCurrentIndex(1)
        self.study.setEnabled(can_join)
        self.pacs.setEnabled(can_join and self._send is not None)
        self._show_preview()
        self._on_choice_changed()

    def _on_choice_changed(self) -> None:
        self._show_stops()
        chosen = self._chosen()
        for title, items in USED_BY.items():
            self._rows[title].setVisible(not items.isdisjoint(chosen))
        wants = any(box.isChecked() and box.isEnabled() for box in self.items.values())
        confirmed = all(box.isChecked() for box in self.confirmations.values())
        self.share.setEnabled(wants and confirmed)
        if confirmed:
            self.share.setToolTip("Write the files into the folder")
        else:
            self.share.setToolTip("Confirm what is asked for on the left first")
        name = str(self._folder)
        metrics = self.folder.fontMetrics()
        self.folder.setText(metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, theme.px(280)))
        self.folder.setToolTip(plain_tip(name))

    def _show_stops(self) -> None:
        needed = self._shareable.stops(self.choice(), shows_3d=self._grabber.shows_3d)
        if tuple(self.confirmations) == needed:
            return
        while (item := self.stops.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        self.confirmations = {}
        for stop in needed:
            text = theme.label(stop.text, size=12, color=theme.WARNING)
            text.setWordWrap(True)
            box = QCheckBox(stop.confirmation)
            box.toggled.connect(self._on_choice_changed)
            self.stops.addWidget(text)
            self.stops.addWidget(box)
            self.confirmations[stop] = box

    def _show_preview(self) -> None:
        self.preview.show_waiting()
        self._sharing.preview(
            self._shareable,
            identity=self.named.isChecked(),
            paper="A4" if self.a4.isChecked() else "Letter",
            done=self.preview.show_pages,
        )

    def _first_folder(self) -> Path:
        folder = None if self._store.identity.hidden else self._settings.values.folder
        return folder if folder is not None and folder.is_dir() else Path.home()

    def _on_pacs(self) -> None:
        self.reject()
        if self._send is not None:
            self._send()

    def _on_choose(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Where to", str(self._folder))
        if name:
            self.set_folder(Path(name))

    def set_folder(self, folder: Path) -> None:
        """Write into another folder."""
        self._folder = folder
        if not self._store.identity.hidden:
            self._settings.remember_folder(folder)
        self._on_choice_changed()

    # -- sharing ------------------------------------------------------------------------------

    def _on_share(self) -> None:
        choice = self._grabber.with_pictures(self.choice(), self._shareable)
        self._set_busy(True)
        self._sharing.share(self._shareable, choice, self._on_shared, lambda: self._set_busy(False))

    def _on_shared(self, left: tuple[LeftItem, ...]) -> None:
        paths = [item.path for item in left if item.path is not None]
        if self.items[SESSION].isChecked():
            choice = self.choice()
            path = self._shareable.session_path(choice)
            self._sessions.save(path, hide_identity=not choice.identity)
            paths.append(path)
        self._set_busy(False)
        self._left.hide()
        self.shared.show_files(self._folder, paths)
        self.shared.show()

    def _on_cancel(self) -> None:
        if self._is_busy:
            self._store.saving.cancel()
        else:
            self.reject()

    def _set_busy(self, busy: bool) -> None:
        self._is_busy = busy
        self.share.setEnabled(not busy)
        self.progress.setVisible(busy)
        self.message.setVisible(busy)
        if not busy:
            self._on_choice_changed()

    _is_busy = False

    def _show_progress(self) -> None:
        if self._is_busy:
            self.progress.show_fraction(self._store.saving.fraction)
            self.message.setText(self._store.saving.message)
