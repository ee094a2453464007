"""``Models``: the bundles to choose from; choosing, reading and loading them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.case.form import Form
from fusion3d_gui.state.inference_engine import LoadedModel
from fusion3d_gui.state.store import Store


class Models(QObject):
    """Reads and loads bundles on the inference lane; the form takes the chosen one's schema."""

    #: There are other bundles to choose from.
    changed = Signal()

    def __init__(self, store: Store, form: Form, bundles: Sequence[BundleInfo]) -> None:
        super().__init__(store)
        self._store = store
        self._form = form
        self._bundles = list(bundles)
        store.bundle_chosen.connect(self._on_bundle_chosen)

    @property
    def bundles(self) -> tuple[BundleInfo, ...]:
        """All bundles to choose from, in order."""
        return tuple(self._bundles)

    @property
    def device_text(self) -> str:
        """Where the chosen model computes; empty until it is loaded."""
        loaded = self._store.loaded_model
        return "" if loaded is None else loaded.device_text

    @property
    def engine_reason(self) -> str:
        """Why the engine of :attr:`device_text` was chosen; empty until the model is loaded."""
        loaded = self._store.loaded_model
        return "" if loaded is None else loaded.engine_reason

    def find(self, folder: Path) -> BundleInfo:
        """The bundle in a folder, read if it is not known yet.

        Raises
        ------
        UserError
            When the bundle is broken.
        """
        for info in self._bundles:
            if info.folder == folder:
                return info
        info = BundleInfo.read(folder)
        self._add(info)
        return info

    def choose(self, info: BundleInfo) -> None:
        """Use this bundle from now on, without loading it yet."""
        if info is not self._store.bundle:
            self._store.choose_bundle(info)

    def choose_and_load(self, info: BundleInfo) -> None:
        """Use this bundle from now on, and load it in the background."""
        self.choose(info)
        self.load()

    def add(self, folder: Path) -> None:
        """Read a bundle anew from a folder that the user chose, and use it."""
        folder, store = Path(folder), self._store

        def work(progress: Progress) -> BundleInfo:
            return BundleInfo.read(folder)

        def on_read(info: BundleInfo) -> None:
            self._add(info)
            self.choose_and_load(info)

        store.run(store.inference, f"Reading {folder.name}", work, on_read)

    def load(self) -> None:
        """Load the chosen model in the background, unless it is loaded or predicting."""
        store, bundle = self._store, self._store.bundle
        if bundle is None or store.predicting or store.loaded_model is not None:
            return
        folder = bundle.folder

        def work(progress: Progress) -> LoadedModel:
            return store.engine.load(folder, progress)

        store.run(store.inference, "Loading the model", work, store.set_loaded_model)

    def _add(self, info: BundleInfo) -> None:
        self._bundles = [each for each in self._bundles if each.folder != info.folder] + [info]
        self.changed.emit()

    def _on_bundle_chosen(self, info: BundleInfo) -> None:
        self._form.start_schema(info.schema)
