"""``KeptWork`` as the document of a session file, and back; what makes no sense is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fusion3d_gui import __version__
from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.annotations.annotation import REGIONS, Annotation
from fusion3d_gui.imaging.labels.scan_object import Mask
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.fit import FitReport
from fusion3d_gui.inference.map_correction import MapCorrection
from fusion3d_gui.inference.prediction import Heatmap, Prediction
from fusion3d_gui.inference.tissue_outline import TissueOutline
from fusion3d_gui.model.attribution.localisation_record import METHOD_NAMES
from fusion3d_gui.model.bundle.bundle_schema import FieldFile
from fusion3d_gui.model.schema import Field
from fusion3d_gui.plain_text import LONGEST_TEXT, visible_text
from fusion3d_gui.report.case_result import ReaderNotes
from fusion3d_gui.report.session import document as doc
from fusion3d_gui.report.session.archive import SessionFile
from fusion3d_gui.report.session.document import affine_of, affine_rows
from fusion3d_gui.state.case.entry import Entry
from fusion3d_gui.state.case.notes import note_text
from fusion3d_gui.state.export.left import LeftResult
from fusion3d_gui.state.kept.kept_work import KeptPrediction, KeptWork, MapSettings
from fusion3d_gui.state.kept.second_document import second_document, second_of
from fusion3d_gui.state.kept.view_document import view_document, view_of
from fusion3d_gui.state.masks.mask_list import CaseMask

#: A probability is that of its logit and temperature to this difference.
_SAME_PROBABILITY = 1e-5


def session_of(
    work: KeptWork, scan: doc.ScanDocument | None = None, path: Path | None = None
) -> SessionFile:
    """The work as the content of a session file at ``path`` (None: kept work); ``scan`` says of which scan."""
    arrays: dict[str, np.ndarray] = {}
    view, left = work.view, work.left
    plain = doc.SessionDocument(
        program=f"Fusion3D {__version__}",
        saved=datetime.now().isoformat(timespec="seconds"),
        scan=scan,
        marks=list(map(_mark_document, work.marks[: doc.MOST_MARKS])),
        masks=[_mask_document(each, arrays) for each in work.masks[: doc.MOST_MASKS]],
        window=work.window,
        form=[_entry_document(*each) for each in work.form.items()],
        map=None if work.map_settings is None else _map_document(work.map_settings),
        notes=doc.NotesDocument(work.notes.reading, work.notes.comment),
        predictions=[_prediction_document(each, arrays) for each in work.predictions],
        left=None
        if left is None
        else doc.LeftDocument(
            left.when.isoformat(timespec="seconds"), list(left.kinds), left.model, dict(left.values)
        ),
        view=None if view is None else view_document(view),
        second=None if work.second is None else second_document(work.second, path),
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
            tuple(_prediction(each, arrays) for each in plain.predictions),
            None if plain.left is None else _left(plain.left),
            None if plain.view is None else view_of(plain.view),
            saved or (_when(plain.saved) if plain.saved else None),
            tuple(_mask(number, each, arrays) for number, each in enumerate(plain.masks, 1)),
            # Kept work names no scan, and lies nowhere near one.
            second_of(plain.second, None if plain.scan is None else path),
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


def _mask_document(item: CaseMask, arrays: dict[str, np.ndarray]) -> doc.MaskDocument:
    grid = item.mask.grid
    name = _add(arrays, grid.voxels > 0)
    return doc.MaskDocument(item.mask.name[:300], item.color, name, affine_rows(grid.affine))


def _mask(number: int, plain: doc.MaskDocument, arrays: Mapping[str, np.ndarray]) -> CaseMask:
    inside = arrays[plain.array]
    if inside.dtype != np.bool_ or not inside.any():
        raise ValueError("a mask is empty, or none")
    name = visible_text(plain.name)
    grid = Volume(inside.view(np.uint8), affine_of(plain.affine), description=name)
    return CaseMask(number, Mask(name, grid, plain.color), plain.color, is_drawn=True)


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


def _explanation_document(made: Explanation) -> doc.ExplanationDocument:
    return doc.ExplanationDocument(made.method, list(made.stages), made.side, made.raw)


def _explanation(plain: doc.ExplanationDocument) -> Explanation:
    if plain.method not in METHOD_NAMES:
        raise ValueError("no such map")
    return Explanation(plain.method, tuple(plain.stages), plain.side, plain.raw)


def _map_document(shown: MapSettings) -> doc.MapDocument:
    return doc.MapDocument(
        shown.bundle,
        _explanation_document(shown.explanation),
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
        _explanation(plain.explanation),
        plain.visible,
        plain.opacity,
        plain.threshold,
        plain.contours,
        plain.color_map,
        plain.kept_top,
    )


# -- predictions ------------------------------------------------------------------------------


def _prediction_document(
    each: KeptPrediction, arrays: dict[str, np.ndarray]
) -> doc.PredictionDocument:
    made = each.prediction
    heatmap, fit, correction = made.heatmap, made.fit, made.heatmap.correction
    outline = heatmap.outline
    return doc.PredictionDocument(
        probability=made.probability,
        logit=made.logit,
        temperature=made.temperature,
        threshold=made.threshold,
        class_names=made.class_names,
        metadata=dict(made.metadata),
        bundle_name=made.bundle_name,
        bundle_version=made.bundle_version,
        weights_sha256=made.weights_sha256,
        volume_sha256=made.volume_sha256,
        device=made.device,
        seconds=made.seconds,
        created=made.created.isoformat(),
        # PyTorch gives its version as a kind of its own.
        libraries={key: str(text) for key, text in made.libraries.items()},
        fit=doc.FitDocument(fit.fit, list(fit.reasons), list(fit.looked_at), fit.demonstration),
        heatmap=doc.HeatmapDocument(
            _add(arrays, heatmap.values.astype(np.float32, copy=False)),
            affine_rows(heatmap.affine),
            heatmap.method,
            heatmap.layer,
            heatmap.side,
            heatmap.finished,
            None
            if outline is None
            else doc.OutlineDocument(_add(arrays, outline.tissue), affine_rows(outline.affine)),
            None
            if correction is None
            else doc.CorrectionDocument(
                _triple(correction.vector_lps), list(correction.reasons), correction.applied
            ),
        ),
        explanation=_explanation_document(each.explanation),
        notices=list(made.notices),
    )


def _prediction(plain: doc.PredictionDocument, arrays: Mapping[str, np.ndarray]) -> KeptPrediction:
    chance = 1 / (1 + math.exp(-min(max(plain.logit / plain.temperature, -700.0), 700.0)))
    if abs(chance - plain.probability) > _SAME_PROBABILITY:
        raise ValueError("a probability is not that of its logit")
    made = Prediction(
        probability=plain.probability,
        logit=plain.logit,
        temperature=plain.temperature,
        threshold=plain.threshold,
        class_names=_texts(plain.class_names)[:2],  # type: ignore[arg-type]
        heatmap=_heatmap(plain.heatmap, arrays),
        metadata={visible_text(name): value for name, value in plain.metadata.items()},
        bundle_name=visible_text(plain.bundle_name),
        bundle_version=visible_text(plain.bundle_version),
        weights_sha256=plain.weights_sha256,
        volume_sha256=plain.volume_sha256,
        device=visible_text(plain.device),
        seconds=plain.seconds,
        created=_when(plain.created).astimezone(UTC),
        libraries={visible_text(key): visible_text(text) for key, text in plain.libraries.items()},
        fit=FitReport(
            plain.fit.fit,
            _texts(plain.fit.reasons),
            _texts(plain.fit.looked_at),
            None if plain.fit.demonstration is None else visible_text(plain.fit.demonstration),
        ),
        notices=_texts(plain.notices),
    )
    if (plain.fit.fit == "fits") == bool(plain.fit.reasons):
        raise ValueError("a case that fits has reasons, or one that doesn't has none")
    if plain.heatmap.method != plain.explanation.method:
        raise ValueError("a heatmap is of another method than it says")
    return KeptPrediction(made, _explanation(plain.explanation))


def _heatmap(plain: doc.HeatmapDocument, arrays: Mapping[str, np.ndarray]) -> Heatmap:
    values = arrays[plain.array]
    if values.dtype != np.float32 or values.min() < 0:
        raise ValueError("a heatmap is negative, or no heatmap")
    outline, correction = plain.outline, plain.correction
    if outline is not None and arrays[outline.array].dtype != np.bool_:
        raise ValueError("an outline is none")
    return Heatmap(
        values=values,
        affine=affine_of(plain.affine),
        method=visible_text(plain.method),
        layer=visible_text(plain.layer),
        side=plain.side,
        finished=plain.finished,
        outline=None
        if outline is None
        else TissueOutline(arrays[outline.array], affine_of(outline.affine)),
        correction=None
        if correction is None
        else MapCorrection(
            np.array(correction.vector), _texts(correction.reasons), correction.applied
        ),
    )


def _add(arrays: dict[str, np.ndarray], array: np.ndarray) -> str:
    name = f"arrays/{len(arrays)}.npy"
    arrays[name] = array
    return name


def _when(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    if not 1990 <= when.year <= 2200:
        raise ValueError("a time is none of this century")
    return when


def _texts(plain: Any) -> tuple[str, ...]:
    return tuple(visible_text(each, LONGEST_TEXT) for each in plain)


def _triple(vector: np.ndarray) -> doc.Triple:
    x, y, z = (float(each) for each in vector)
    return x, y, z


# -- what left -------------- ------------------------------------------------------------------


def _left(plain: doc.LeftDocument) -> LeftResult:
    return LeftResult(
        _when(plain.when), _texts(plain.kinds), visible_text(plain.model), plain.values
    )
