"""``FetchedSeriesStore``: the folder of fetched series, made with the first one; erased at the end, or kept encrypted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from fusion3d_gui.pacs.fetch.cache import Cache, Keeping, erase_copies
from fusion3d_gui.pacs.fetch.retrieve import FetchedSeries, retrieve_series
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.peer import Peer
from fusion3d_gui.pacs.query import InstanceEntry, SeriesEntry
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.pacs.arriving_case import Fetch


class FetchedSeriesStore:
    """Series of nodes on this computer's disk, for as long as the window is open."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cache: Cache | None = None
        self._keeping: Keeping = "erase"
        self._lock = threading.Lock()

    def set_keeping(self, keeping: Keeping) -> None:
        """What of fetched series stays when the window closes, from the next one on; nothing: at once."""
        if keeping == self._keeping:
            return
        self._keeping = keeping
        if keeping == "erase":
            erase_copies(self._folder)

    def holds(self, paths: Iterable[Path]) -> bool:
        """Whether paths are in the folder of fetched series."""
        return any(path.is_relative_to(self._folder) for path in paths)

    def fetcher(self, peer: Peer, node: Node, series: SeriesEntry) -> Fetch:
        """What fetches a series of a node, for a worker thread."""

        def fetch(
            progress: Progress,
            listed: Callable[[list[InstanceEntry]], None],
            arrived: Callable[[Path], None],
        ) -> FetchedSeries:
            cache = self._opened()
            cache.prepare(series.study_uid, series.uid)
            fetched = retrieve_series(
                peer,
                node.name,
                series.study_uid,
                series.uid,
                cache.root,
                progress,
                listed=listed,
                arrived=arrived,
            )
            cache.keep(series.study_uid, series.uid)
            return fetched

        return fetch

    def close(self) -> None:
        """Erase what was fetched."""
        with self._lock:
            if self._cache is not None:
                self._cache.close()
                self._cache = None

    def _opened(self) -> Cache:
        with self._lock:
            if self._cache is None:
                self._cache = Cache(self._folder, self._keeping)
            self._cache.use(self._keeping)
            return self._cache
