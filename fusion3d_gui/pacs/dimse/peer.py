"""``DimsePeer``: a node reached by DIMSE."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from pynetdicom import build_context
from pynetdicom.sop_class import Verification

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.dimse import commitment, find, get, store
from fusion3d_gui.pacs.dimse.association import association, line_broken
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.peer import Outcome, Sink
from fusion3d_gui.pacs.query import InstanceEntry, SeriesEntry, Study, StudyQuery
from fusion3d_gui.progress import Progress, no_progress


class DimsePeer:
    """See :class:`~fusion3d_gui.pacs.peer.Peer`."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def echo(self) -> None:
        """C-ECHO."""
        with association(self.node, [build_context(Verification)]) as line:
            status = line.send_c_echo()
            if "Status" not in status:
                raise line_broken(self.node)
            if status.Status:
                raise UserError(
                    f"{self.node.name}: the node answers with status {int(status.Status):04X}"
                )

    def find_studies(self, query: StudyQuery, progress: Progress) -> list[Study]:
        """C-FIND at the level of studies."""
        return find.find_studies(self.node, query, progress)

    def find_series(self, study_uid: str, progress: Progress) -> list[SeriesEntry]:
        """C-FIND at the level of series."""
        return find.find_series(self.node, study_uid, progress)

    def find_instances(
        self, study_uid: str, series_uid: str, progress: Progress
    ) -> list[InstanceEntry]:
        """C-FIND at the level of images."""
        return find.find_instances(self.node, study_uid, series_uid, progress)

    def has_instance(self, study_uid: str, series_uid: str, uid: str) -> bool:
        """C-FIND of one image."""
        found = find.find_instances(self.node, study_uid, series_uid, no_progress, uid)
        return any(each.uid == uid for each in found)

    def fetch(self, instances: Sequence[InstanceEntry], sink: Sink) -> None:
        """C-GET or C-MOVE, as the node is set."""
        if instances:
            (get.get if self.node.retrieval == "get" else get.move)(self.node, instances, sink)

    def send(self, files: Sequence[Path], told: Callable[[int, Outcome], None]) -> None:
        """C-STORE."""
        store.send(self.node, files, told)

    def commit(self, classes: Mapping[str, str]) -> set[str]:
        """Storage commitment."""
        return commitment.commit(self.node, classes)

    def thumbnail(self, instance: InstanceEntry) -> np.ndarray | None:
        """DIMSE has no rendered pictures."""
        return None
