"""``CaseParts``: the parts of the window's state that are about the table of cases."""

from __future__ import annotations

from fusion3d_gui.state.case.opening import Opener
from fusion3d_gui.state.cases.case_embeddings import CaseEmbeddings
from fusion3d_gui.state.cases.case_table import CaseTable
from fusion3d_gui.state.cases.case_thumbnails import CaseThumbnails
from fusion3d_gui.state.prediction.models import Models
from fusion3d_gui.state.store import Store


class CaseParts:
    """Creates the parts."""

    def __init__(self, store: Store, opener: Opener, models: Models) -> None:
        self.table = CaseTable(store, opener, models)
        self.thumbnails = CaseThumbnails(store)
        self.embeddings = CaseEmbeddings(self.table, models)

    def close(self) -> bool:
        """Cancel all work; returns whether the threads ended in time."""
        ended = [each.close() for each in (self.table, self.thumbnails, self.embeddings)]
        return all(ended)
