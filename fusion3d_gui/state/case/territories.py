"""``Territories``: the atlas whose regions are named where a lesion map in standard space is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.labels.atlas import Atlas, read_atlas
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.store import Store


class Territories(QObject):
    """An atlas that the user has; none at first.

    ``loaded`` is emitted with its path once it has been read, ``changed`` whenever the names may be others.
    """

    changed = Signal()
    loaded = Signal(object)

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._store = store
        self._atlas: Atlas | None = None
        #: Read once a map in standard space is opened.
        self.remembered: Path | None = None
        store.case_changed.connect(self._on_case_changed)
        store.case_completed.connect(lambda case: self._on_case_changed())

    def load(self, path: Path, *, quietly: bool = False) -> None:
        """Read an atlas in the background; ``quietly`` tells nothing where it succeeds."""

        def done(atlas: Atlas) -> None:
            self._atlas = atlas
            self.loaded.emit(path)
            self.changed.emit()
            if not quietly:
                said = (
                    f"{len(atlas.names)} regions are named where a map in standard space is open."
                )
                self._store.noticed.emit(Notice(said))

        self._store.run(
            self._store.listing, "Reading the atlas", lambda progress: read_atlas(path), done
        )

    def _on_case_changed(self) -> None:
        case, path = self._store.case, self.remembered
        if path is None or case is None or case.backdrop is None:
            return
        self.remembered = None
        if path.is_file():  # else the atlas is gone, which is no reason to disturb
            self.load(path, quietly=True)

    def forget(self) -> None:
        """Name no regions any more."""
        self.remembered = None
        self._atlas = None
        self.changed.emit()

    @property
    def is_loaded(self) -> bool:
        """Whether there is an atlas."""
        return self._atlas is not None

    def name_at(self, place_lps: np.ndarray) -> str:
        """Name of the region at a place (LPS mm) of the case on screen; empty for one not in standard space."""
        case = self._store.case
        if self._atlas is None or case is None or case.backdrop is None:
            return ""
        return self._atlas.name_at(place_lps)
