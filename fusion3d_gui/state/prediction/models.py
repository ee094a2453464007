"""``Models``: the bundles to choose from, and the one that is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.model.bundle_info import BundleInfo
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.prediction.engine import LoadedModel

if TYPE_CHECKING:
    from fusion3d_gui.state.session import Session


class Models(QObject):
    """Reads and loads bundles on the session's inference lane; which one is chosen, the session knows."""

    #: There are others to choose from.
    changed = Signal()
    #: A bundle has been loaded, or its engine has changed.
    ready = Signal()

    def __init__(self, session: Session, bundles: Sequence[BundleInfo]) -> None:
        super().__init__(session)
        self._session = session
        self._known = list(bundles)
        self._loaded: LoadedModel | None = None

    @property
    def known(self) -> tuple[BundleInfo, ...]:
        """All of them, in order."""
        return tuple(self._known)

    @property
    def loaded(self) -> LoadedModel | None:
        """What is known of the chosen model once it is loaded."""
        loaded, bundle = self._loaded, self._session.bundle
        if loaded is None or bundle is None or loaded.folder != bundle.folder:
            return None
        return loaded

    def find(self, folder: Path) -> BundleInfo:
        """The bundle in a folder, read if it is not known yet. Raises UserError when it is broken."""
        for info in self._known:
            if info.folder == folder:
                return info
        info = BundleInfo.read(folder)
        self._add(info)
        return info

    def add(self, folder: Path) -> None:
        """Read a bundle anew from a folder that the user chose, and use it."""
        session = self._session

        def work(progress: Progress) -> BundleInfo:
            return BundleInfo.read(folder)

        def on_read(info: object) -> None:
            assert isinstance(info, BundleInfo)
            self._add(info)
            session.choose_bundle(info)

        task = session.inference.submit(f"Reading {folder.name}", work)
        task.succeeded.connect(on_read)
        task.failed.connect(session.tell_failure)

    def prepare(self) -> None:
        """Load the chosen model in the background, unless it is loaded or busy with a prediction."""
        session = self._session
        if session.bundle is None or session.predicting or self.loaded is not None:
            return
        folder = session.bundle.folder

        def work(progress: Progress) -> LoadedModel:
            return session.engine.load(folder, progress)

        task = session.inference.submit("Loading the model", work)
        task.succeeded.connect(self.set_loaded)
        task.failed.connect(session.tell_failure)

    def set_loaded(self, loaded: object) -> None:
        """This model is in memory now."""
        assert isinstance(loaded, LoadedModel)
        self._loaded = loaded
        self.ready.emit()

    def _add(self, info: BundleInfo) -> None:
        self._known = [each for each in self._known if each.folder != info.folder] + [info]
        self.changed.emit()
