"""``KeptWork`` as the document of a session file, and back; what makes no sense is refused."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np

from fusion3d_gui import __version__
from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.annotations.annotation import REGIONS, Annotation
from fusion3d_gui.model.bundle.bundle_schema import FieldFile
from fusion3d_gui.model.schema import Field
from fusion3d_gui.plain_text import LONGEST_TEXT, visible_text
from fusion3d_gui.report.case_result import ReaderNotes
from fusion3d_gui.report.session import document as doc
from fusion3d_gui.report.session.archive import SessionFile
from fusion3d_gui.state.case.entry import Entry
from fusion3d_gui.state.case.notes import note_text
from fusion3d_gui.state.export.left import LeftResult
from fusion3d_gui.state.kept.kept_work import KeptWork, MapSettings
from fusion3d_gui.state.kept.mask_document import map_document, map_of, mask_documents, mask_of
from fusion3d_gui.state.kept.prediction_document import (
    explanation_document,
    explanation_of,
    prediction_document,
    prediction_of,
    texts_of,
    when_of,
)
from fusion3d_gui.state.kept.second_document import second_document, second_of
from fusion3d_gui.state.kept.view_document import view_document, view_of
from fusion3d_gui.state.masks.mask_list import MaskLook


def session_of(
    work: KeptWork, scan: doc.ScanDocument | None = None, path: Path | None = None
) -> SessionFile:
    """The work as the content of a session file at ``path`` (None: kept work); ``scan`` says of which scan."""
    arrays: dict[str, np.ndarray] = {}
    view, left, look = work.view, work.left, work.mask_look
    # Before masks and map, which have what room is left.
    predictions = [prediction_document(each, arrays) for each in work.predictions]
    second = None if work.second is None else second_document(work.second, path, arrays)
    masks = mask_documents(work.masks, arrays)
    opened_map = map_document(work.opened_map, arrays, in_session_file=scan is not None)
    plain = doc.SessionDocument(
        program=f"Fusion3D {__version__}",
        saved=datetime.now().isoformat(timespec="seconds"),
        scan=scan,
        marks=list(map(_mark_document, work.marks[: doc.MOST_MARKS])),
        masks=masks,
        mask_look=None if look is None else doc.MaskLookDocument(look.opacity, look.outlines),
        window=work.window,
        form=[_entry_document(*each) for each in work.form.items()],
        map=None if work.map_settings is None else _map_document(work.map_settings),
        notes=doc.NotesDocument(work.notes.reading, work.notes.comment),
        predictions=predictions,
        left=None
        if left is None
        else doc.LeftDocument(
            left.when.isoformat(timespec="seconds"), list(left.kinds), left.model, dict(left.values)
        ),
        view=None if view is None else view_document(view),
        second=second,
        opened_map=opened_map,
        stated_ct=work.stated_ct,
    )
    return SessionFile(plain, arrays)


def work_of(
    session: SessionFile, path: Path | None = None, saved: datetime | None = None
) -> KeptWork:
    """The work in a session file's content.

    Raises
    ------
    UserError
        It makes no sense; it is about ``path``.
    """
    plain, arrays = session.document, session.arrays
    look = plain.mask_look
    try:
        marks = tuple(map(_mark, plain.marks))
        if len({mark.number for mark in marks}) != len(marks):
            raise ValueError("two marks have one number")
        if plain.window is not None and plain.window[1] <= 0:
            raise ValueError("a window has no width")
        return KeptWork(
            marks,
            plain.window,
            dict(map(_entry, plain.form)),
            None if plain.map is None else _map_settings(plain.map),
            ReaderNotes(note_text(plain.notes.reading), note_text(plain.notes.comment)),
            tuple(prediction_of(each, arrays) for each in plain.predictions),
            None if plain.left is None else _left(plain.left),
            None if plain.view is None else view_of(plain.view),
            saved or (when_of(plain.saved) if plain.saved else None),
            tuple(mask_of(number, each, arrays) for number, each in enumerate(plain.masks, 1)),
            # Kept work names no scan, and lies nowhere near one.
            second_of(plain.second, None if plain.scan is None else path, arrays),
            None if look is None else MaskLook(look.opacity, look.outlines),
            map_of(plain.opened_map, arrays),
            plain.stated_ct,
        )
    except (ValueError, KeyError, TypeError) as error:
        why = str(error) if isinstance(error, ValueError) else "something in it is missing"
        raise UserError(f"is no session that can be read ({why})", path=path) from None


# -- marks, form, map settings ----------------------------------------------------------------


def _mark_document(mark: Annotation) -> doc.MarkDocument:
    text = mark.text[:LONGEST_TEXT]
    points = list(mark.points)
    return doc.MarkDocument(mark.number, mark.kind, points, list(mark.right), list(mark.down), text)


def _mark(plain: doc.MarkDocument) -> Annotation:
    text = visible_text(plain.text, LONGEST_TEXT)
    # Two points and an arrow may carry the directions of the plane in which they were drawn.
    right, down = (tuple(each) for each in (plain.right, plain.down))
    if any(len(each) not in (0, 3) for each in (right, down)):
        raise ValueError("a mark's plane has no direction")
    made = Annotation(plain.number, plain.kind, tuple(plain.points), right, down, text)  # type: ignore[arg-type]
    if plain.kind in REGIONS and not np.isclose(np.linalg.norm((right, down), axis=1), 1.0).all():
        raise ValueError("a mark's plane has no direction")
    return made


def _entry_document(each: Field, entry: Entry) -> doc.EntryDocument:
    declared = msgspec.convert(each.to_json(), FieldFile)
    return doc.EntryDocument(declared, entry.value, entry.text[:LONGEST_TEXT])


def _entry(plain: doc.EntryDocument) -> tuple[Field, Entry]:
    kept = Field.from_json(msgspec.to_builtins(plain.field))
    # Whether the field allows the text is judged anew.
    try:
        entry = Entry.typed(kept, plain.text) if plain.text else Entry(kept.parse(plain.value))
    except UserError as error:
        raise ValueError(error.problem) from None
    return kept, entry


def _map_document(shown: MapSettings) -> doc.MapDocument:
    return doc.MapDocument(
        shown.bundle,
        explanation_document(shown.explanation),
        shown.visible,
        shown.opacity,
        shown.threshold,
        shown.contours,
        shown.color_map,  # type: ignore[arg-type]
        shown.kept_top,
    )


def _map_settings(plain: doc.MapDocument) -> MapSettings:
    return MapSettings(
        plain.bundle,
        explanation_of(plain.explanation),
        plain.visible,
        plain.opacity,
        plain.threshold,
        plain.contours,
        plain.color_map,
        plain.kept_top,
    )


# -- what left --------------------------------------------------------------------------------


def _left(plain: doc.LeftDocument) -> LeftResult:
    return LeftResult(
        when_of(plain.when), texts_of(plain.kinds), visible_text(plain.model), plain.values
    )
