"""``MaskPanel``: the masks on the case: list, looks, the brush, and agreement with the heatmap."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QItemSelectionModel, QPoint, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.state.display.crosshair import Crosshair
from fusion3d_gui.state.display.overlay import OverlaySettings
from fusion3d_gui.state.marks.tool import Tool
from fusion3d_gui.state.masks.mask_drawing import MaskDrawing
from fusion3d_gui.state.masks.mask_list import MaskList
from fusion3d_gui.state.prediction.mask_agreements import MaskAgreements
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.controls.row_table import row_table
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_tip
from fusion3d_gui.widgets.masks.agreement_view import AgreementView
from fusion3d_gui.widgets.masks.brush_controls import BrushControls
from fusion3d_gui.widgets.masks.mask_table import MaskTableModel

_ROW = 26
_MOST_ROWS = 6
_VOLUME_WIDTH = 84


class MaskPanel(QWidget):
    """Hidden while there is no mask and no tool that draws one."""

    def __init__(
        self,
        store: Store,
        masks: MaskList,
        drawing: MaskDrawing,
        agreements: MaskAgreements,
        tool: Tool,
        crosshair: Crosshair,
        overlay: OverlaySettings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._store, self._masks, self._tool, self._crosshair = store, masks, tool, crosshair
        self.model = MaskTableModel(store, masks, self)
        self.table = row_table(self.model, "Masks", (), _ROW)
        self.toggle = _quiet("Hide", "Show or hide all masks (Shift+Y)")
        self.go = _quiet("Go to", "Move the crosshair to the middle of the selected mask (Shift+G)")
        self.outlines = QPushButton("Outlines")
        self.outlines.setProperty("segment", True)
        self.outlines.setCheckable(True)
        self.outlines.setToolTip("Draw only the outlines of masks (Ctrl+Shift+Y)")
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setRange(0, 100)
        self.opacity.setAccessibleName("Opacity of masks")
        self.opacity.setToolTip("Opacity of masks over the image")
        self.brush = BrushControls(tool, drawing)
        self.agreement = AgreementView(agreements, overlay)
        self._actions: Sequence[QAction] = ()
        self._build()
        self._connect()
        self._show()

    def set_actions(self, actions: Sequence[QAction]) -> None:
        """What the menu of a row offers."""
        self._actions = actions

    def _build(self) -> None:
        table = self.table
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = table.horizontalHeader()
        header.hide()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(1, theme.px(_VOLUME_WIDTH))
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.addWidget(theme.section_title("Masks"))
        head.addStretch(1)
        head.addWidget(self.go)
        head.addWidget(self.toggle)
        looks = QHBoxLayout()
        looks.setSpacing(2 * theme.GRID)
        looks.addWidget(theme.label("Opacity", color=theme.MUTED))
        looks.addWidget(self.opacity, 1)
        looks.addWidget(self.outlines)
        self._looks = QWidget()
        self._looks.setLayout(looks)
        looks.setContentsMargins(0, 0, 0, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * theme.GRID)
        layout.addLayout(head)
        layout.addWidget(self.table)
        layout.addWidget(self._looks)
        layout.addWidget(self.brush)
        layout.addWidget(self.agreement)

    def _connect(self) -> None:
        masks = self._masks
        self.toggle.clicked.connect(masks.toggle_all)
        self.go.clicked.connect(self.go_to_selected)
        self.outlines.clicked.connect(masks.toggle_outlines)
        self.opacity.valueChanged.connect(lambda value: masks.set_opacity(value / 100))
        self.table.selectionModel().selectionChanged.connect(self._on_row_chosen)
        self.table.doubleClicked.connect(lambda _: self.go_to_selected())
        self.table.customContextMenuRequested.connect(self._open_menu)
        masks.changed.connect(self._show)
        masks.selection_changed.connect(self._show_selected)
        self._tool.changed.connect(self._show)
        self._store.case_changed.connect(self._show)

    def go_to_selected(self) -> None:
        """Move the crosshair to the voxel of the selected mask that is nearest to its centre of gravity."""
        selected = self._masks.selected
        if selected is not None:
            self._crosshair.move_to(selected.mask.inner_lps)

    def _show(self) -> None:
        masks = self._masks
        count = len(masks.items)
        self.setVisible(self._store.case is not None and (count > 0 or self._tool.mask is not None))
        self.table.setVisible(count > 0)
        self._looks.setVisible(count > 0)
        self.toggle.setVisible(count > 0)
        self.go.setVisible(count > 0)
        self.table.setFixedHeight(theme.px(_ROW) * min(count, _MOST_ROWS) + 2)
        self.toggle.setText("Hide" if masks.shown else "Show")
        self.outlines.setChecked(masks.outlines)
        self.opacity.blockSignals(True)
        self.opacity.setValue(round(100 * masks.opacity))
        self.opacity.blockSignals(False)
        self.opacity.setEnabled(not masks.outlines)
        self._show_selected()

    def _show_selected(self) -> None:
        selected = self._masks.selected
        row = self.model.row_of(None if selected is None else selected.number)
        chosen = self.table.selectionModel()
        if row >= 0 and not chosen.isRowSelected(row):
            flags = QItemSelectionModel.SelectionFlag
            chosen.setCurrentIndex(
                self.model.index(row, 0), flags.ClearAndSelect | flags.Rows | flags.Current
            )

    def _on_row_chosen(self) -> None:
        rows = self.table.selectionModel().selectedRows()
        if rows:
            self._masks.select(self.model.number_at(rows[0].row()))

    def _open_menu(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addActions(list(self._actions))
        menu.popup(self.table.viewport().mapToGlobal(at))


def _quiet(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setProperty("quiet", True)
    button.setToolTip(plain_tip(tip))
    return button
