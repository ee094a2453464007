"""``NodeDialog``: the nodes, one form for each, with a test that says what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.nodes.node import OWN_AE_TITLE, Node
from fusion3d_gui.state.pacs.node_list import NodeList
from fusion3d_gui.state.settings import Settings
from fusion3d_gui.widgets.controls.fields import NoScrollComboBox
from fusion3d_gui.widgets.look import theme

_WAYS = (("DIMSE: fetch by C-GET", "get"), ("DIMSE: fetch by C-MOVE", "move"), ("DICOMweb", "web"))
_SIGN_ON = (("No password", "none"), ("Name and password", "basic"), ("Token", "bearer"))


class NodeDialog(QDialog):
    """Add, change, test and remove nodes; what goes to one by itself, and what stays of what was fetched."""

    def __init__(self, nodes: NodeList, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._nodes, self._settings = nodes, settings
        #: Name of the node in the form; empty: a new one.
        self._shown = ""
        self.setWindowTitle("Nodes")
        self.names = QListWidget()
        self.names.setAccessibleName("Nodes")
        self.names.setSpacing(theme.GRID)
        self.add = QPushButton("New")
        self.remove = QPushButton("Remove")
        self.name, self.own_ae_title = QLineEdit(), QLineEdit()
        self.way, self.sign_on = _choice(_WAYS), _choice(_SIGN_ON)
        self.ae_title, self.host, self.port = QLineEdit(), QLineEdit(), QLineEdit()
        self.own_port, self.url, self.user = QLineEdit(), QLineEdit(), QLineEdit()
        self.secret = QLineEdit()
        self.secret.setEchoMode(QLineEdit.EchoMode.Password)
        self.secret.setPlaceholderText("Kept in the system's keyring")
        self.tls = QCheckBox("Encrypted line (TLS)")
        self.commitment = QCheckBox("Ask it to commit to what it stores")
        self.authority = QLineEdit()
        self.authority.setPlaceholderText("Those of the system")
        self.browse = QPushButton("…")
        self.is_test = QCheckBox("A test system: takes results of simulated models too")
        self.forward = QCheckBox("Send it results that fit, by themselves")
        self.forward.setToolTip(
            "Each finished result goes into the study of its scan without being asked for: "
            "none that is doubtful or was refused, and none of simulated cases but to a test system"
        )
        self.copies = QCheckBox("Keep fetched series, encrypted")
        self.copies.setToolTip(
            "When the window closes, encrypted copies stay on this computer, so that a series is not "
            "fetched again; otherwise all is erased"
        )
        self.copies.setChecked(settings.values.keeps_fetched)
        self.status = theme.label(color=theme.MUTED)
        self.status.setWordWrap(True)
        self.status.setTextFormat(Qt.TextFormat.PlainText)
        self.status.setMinimumHeight(theme.px(44))
        self.test, self.keep = QPushButton("Test"), QPushButton("Keep")
        self.keep.setProperty("primary", True)
        self.done_button = QPushButton("Close")
        self._build()
        self._connect()
        self._list()
        self._show(nodes.chosen)
        self.resize(theme.px(760), theme.px(600))

    def _build(self) -> None:
        left = QVBoxLayout()
        left.addWidget(self.names, 1)
        row = QHBoxLayout()
        row.addWidget(self.add)
        row.addWidget(self.remove)
        left.addLayout(row)
        left.addWidget(self.copies)
        self.form = QFormLayout()
        self.form.setVerticalSpacing(2 * theme.GRID)
        authority = QWidget()
        beside = QHBoxLayout(authority)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.addWidget(self.authority, 1)
        beside.addWidget(self.browse)
        self._of_dimse: tuple[QWidget, ...] = (
            self.ae_title,
            self.host,
            self.port,
            self.own_ae_title,
            self.tls,
            self.commitment,
        )
        self._of_web: tuple[QWidget, ...] = (self.url, self.sign_on)
        self.authority.setFixedHeight(theme.CONTROL)
        rows: tuple[tuple[str, QWidget], ...] = (
            ("Name", self.name),
            ("Way", self.way),
            ("AE title", self.ae_title),
            ("Host", self.host),
            ("Port", self.port),
            ("Own AE title", self.own_ae_title),
            ("Own port", self.own_port),
            ("Address", self.url),
            ("Sign on by", self.sign_on),
            ("User", self.user),
            ("Secret", self.secret),
            ("", self.tls),
            ("", self.commitment),
            ("Authority", authority),
            ("", self.is_test),
            ("", self.forward),
        )
        for title, widget in rows:
            if isinstance(widget, QLineEdit):
                widget.setFixedHeight(theme.CONTROL)
            widget.setAccessibleName(title or widget.accessibleName())
            self.form.addRow(title, widget)
        foot = QHBoxLayout()
        foot.addWidget(self.test)
        foot.addStretch(1)
        foot.addWidget(self.keep)
        foot.addWidget(self.done_button)
        right = QVBoxLayout()
        right.addLayout(self.form)
        right.addStretch(1)
        right.addWidget(self.status)
        right.addLayout(foot)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(*(4 * theme.GRID,) * 4)
        outer.setSpacing(4 * theme.GRID)
        outer.addLayout(left, 1)
        outer.addLayout(right, 2)

    def _connect(self) -> None:
        self._nodes.changed.connect(self._list)
        self._nodes.tested.connect(self._on_tested)
        self.names.currentTextChanged.connect(self._on_name_chosen)
        self.add.clicked.connect(lambda: self._show(None))
        self.remove.clicked.connect(self._remove)
        self.way.currentIndexChanged.connect(self._show_rows)
        self.sign_on.currentIndexChanged.connect(self._show_rows)
        self.commitment.toggled.connect(self._show_rows)
        self.copies.toggled.connect(self._on_copies_chosen)
        self.browse.clicked.connect(self._browse)
        self.test.clicked.connect(lambda: self._with_node(self._test))
        self.keep.clicked.connect(lambda: self._with_node(self._keep))
        self.done_button.clicked.connect(self.accept)
        for button in (self.add, self.remove, self.test, self.browse, self.done_button):
            button.setAutoDefault(False)

    def _list(self) -> None:
        self.names.blockSignals(True)
        self.names.clear()
        for node in self._nodes.nodes:
            self.names.addItem(node.name)
            if node.name == self._shown:
                self.names.setCurrentRow(self.names.count() - 1)
        self.names.blockSignals(False)
        self.remove.setEnabled(bool(self._shown))

    def _on_name_chosen(self, name: str) -> None:
        self._show(next((each for each in self._nodes.nodes if each.name == name), None))

    def _show(self, node: Node | None) -> None:
        """Fill the form with a node, or for a new one."""
        self._shown = "" if node is None else node.name
        shown = node or Node("new", "dimse", ae_title="PACS", host="localhost", port=104)
        blank = node is None
        way = "web" if shown.way == "dicomweb" else shown.retrieval
        self.way.setCurrentIndex(self.way.findData(way))
        self.sign_on.setCurrentIndex(self.sign_on.findData(shown.authentication))
        for field, text in (
            (self.name, shown.name),
            (self.ae_title, shown.ae_title),
            (self.host, shown.host),
            (self.url, shown.url),
            (self.user, shown.user),
            (self.authority, str(shown.authority or "")),
        ):
            field.setText("" if blank else text)
        self.port.setText(str(shown.port) if shown.port else "104")
        self.own_ae_title.setText(shown.own_ae_title or OWN_AE_TITLE)
        self.own_port.setText(str(shown.own_port))
        self.secret.clear()
        self.tls.setChecked(shown.tls)
        self.commitment.setChecked(shown.commitment)
        self.is_test.setChecked(shown.is_test)
        self.forward.setChecked(not blank and self._settings.values.forwards_to == shown.name)
        self._tell("", good=True)
        self._list()
        self._show_rows()

    def _show_rows(self) -> None:
        web, move = self.way.currentData() == "web", self.way.currentData() == "move"
        for widget in self._of_dimse:
            self.form.setRowVisible(widget, not web)
        for widget in self._of_web:
            self.form.setRowVisible(widget, web)
        self.form.setRowVisible(self.own_port, move or (not web and self.commitment.isChecked()))
        self.form.setRowVisible(self.user, web and self.sign_on.currentData() == "basic")
        self.form.setRowVisible(self.secret, web and self.sign_on.currentData() != "none")

    def _browse(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Certificates of the authority")
        if chosen:
            self.authority.setText(chosen)

    def _with_node(self, then: Callable[[Node], None]) -> None:
        try:
            then(self._node())
        except UserError as error:
            self._tell(str(error), good=False)

    def _node(self) -> Node:
        """The node in the form. Raises UserError where it makes no sense."""
        authority = self.authority.text().strip()
        values: dict[str, Any] = {
            "name": self.name.text().strip(),
            "authority": Path(authority) if authority else None,
            "is_test": self.is_test.isChecked(),
        }
        if authority and not Path(authority).is_file():
            raise UserError("there is no such file", path=Path(authority))
        if self.way.currentData() == "web":
            values |= {
                "url": self.url.text().strip(),
                "authentication": self.sign_on.currentData(),
                "user": self.user.text().strip() if self.sign_on.currentData() == "basic" else "",
            }
            return Node(way="dicomweb", **values)
        return Node(
            way="dimse",
            ae_title=self.ae_title.text().strip(),
            host=self.host.text().strip(),
            port=_number(self.port),
            own_ae_title=self.own_ae_title.text().strip(),
            own_port=_number(self.own_port),
            retrieval=self.way.currentData(),
            tls=self.tls.isChecked(),
            commitment=self.commitment.isChecked(),
            **values,
        )

    def _test(self, node: Node) -> None:
        self._tell("Waiting for an answer…", good=True)
        self._nodes.test(node, self.secret.text())

    def _keep(self, node: Node) -> None:
        taken = any(each.name == node.name for each in self._nodes.nodes)
        if taken and node.name != self._shown:
            raise UserError(f"there is a node {node.name} already")
        before, self._shown = self._shown, node.name
        if self._nodes.put(node, self.secret.text(), before):
            self.secret.clear()
            self._keep_forwarding(node.name, before)
            self._tell("Kept.", good=True)
        else:
            self._shown = before
        self._list()

    def _keep_forwarding(self, name: str, before: str) -> None:
        """Results go to the node of this name by themselves, or not to the one that was called ``before``."""
        values = self._settings.values
        if self.forward.isChecked():
            self._settings.change(replace(values, forwards_to=name))
        elif values.forwards_to in (name, before):
            self._settings.change(replace(values, forwards_to=""))

    def _on_copies_chosen(self, kept: bool) -> None:
        self._settings.change(replace(self._settings.values, keeps_fetched=kept))

    def _remove(self) -> None:
        if self._shown:
            self._nodes.remove(self._shown)
            if self._settings.values.forwards_to == self._shown:
                self._settings.change(replace(self._settings.values, forwards_to=""))
        self._show(self._nodes.chosen)

    def _on_tested(self, sentence: str, good: bool) -> None:
        self._tell(sentence, good=good)

    def _tell(self, text: str, *, good: bool) -> None:
        self.status.setText(text)
        theme.set_color(self.status, theme.MUTED if good else theme.ERROR)


def _choice(choices: tuple[tuple[str, str], ...]) -> NoScrollComboBox:
    box = NoScrollComboBox()
    for title, value in choices:
        box.addItem(title, value)
    return box


def _number(field: QLineEdit) -> int:
    text = field.text().strip()
    return int(text) if text.isdecimal() and len(text) < 6 else 0
