"""``ModelPicker``: the model that predicts, and the device and engine that run it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from fusion3d_gui.state.prediction.models import Models
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.controls.fields import NoScrollComboBox
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_tip


class ModelPicker(QWidget):
    """A combo box of the known bundles, and a button to choose another folder."""

    #: The user wants to choose a bundle's folder.
    browse_requested = Signal()
    #: The user wants to see the chosen model's page.
    page_requested = Signal()

    def __init__(self, store: Store, models: Models, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._models = models
        self.box = NoScrollComboBox()
        self.box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.box.setAccessibleName("Model")
        self.browse = QPushButton("Other…")
        self.browse.setProperty("quiet", True)
        self.browse.setToolTip("Use a model bundle from a folder")
        self.page = QPushButton("About…")
        self.page.setProperty("quiet", True)
        self.page.setToolTip("The model's card, scope, performance, subgroups and heatmaps")
        self.detail = theme.label(size=12, color=theme.FAINT)
        self.detail.setWordWrap(True)
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 0, 0)
        head.addWidget(theme.section_title("Model"))
        head.addStretch(1)
        head.addWidget(self.page)
        head.addWidget(self.browse)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(head)
        layout.addWidget(self.box)
        layout.addWidget(self.detail)
        self._connect()
        self._on_bundles_changed()

    def _connect(self) -> None:
        self.browse.clicked.connect(self.browse_requested)
        self.page.clicked.connect(self.page_requested)
        self.box.activated.connect(self._on_activated)
        self._models.changed.connect(self._on_bundles_changed)
        self._store.bundle_changed.connect(self._on_bundle_changed)
        self._store.model_loaded.connect(self._show_detail)
        self._store.inference.changed.connect(self._show_detail)

    def _on_activated(self, index: int) -> None:
        bundles = self._models.bundles
        if 0 <= index < len(bundles):
            self._models.choose_and_load(bundles[index])

    def _on_bundles_changed(self) -> None:
        self.box.clear()
        titles = [info.title for info in self._models.bundles]
        for info in self._models.bundles:
            # Models with the same title are distinguished by their names.
            ambiguous = titles.count(info.title) > 1
            self.box.addItem(f"{info.name} · {info.title}" if ambiguous else info.title)
            self.box.setItemData(
                self.box.count() - 1,
                plain_tip(f"{info.name} {info.version}"),
                Qt.ItemDataRole.ToolTipRole,
            )
        self.box.setEnabled(bool(self._models.bundles))
        if not self._models.bundles:
            self.box.addItem("No model found")
        self._on_bundle_changed()

    def _on_bundle_changed(self) -> None:
        info = self._store.bundle
        folders = [each.folder for each in self._models.bundles]
        if info is not None and info.folder in folders:
            self.box.setCurrentIndex(folders.index(info.folder))
            self.box.setToolTip("The model used for prediction; About… shows its card")
        self._show_detail()

    def _show_detail(self) -> None:
        self.page.setEnabled(self._store.bundle is not None)
        if self._store.bundle is None:
            self.detail.setText("Choose a model bundle's folder with Other…")
            return
        if self._models.device_text:
            where = self._models.device_text
        elif self._store.inference.running:
            where = "loading…"
        else:
            where = "loads with the first prediction"
        self.detail.setText(f"{self._store.bundle.name} {self._store.bundle.version}  ·  {where}")
        reason = self._models.engine_reason
        self.detail.setToolTip(plain_tip(f"Why this engine: {reason}" if reason else ""))
