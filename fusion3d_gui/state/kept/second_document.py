"""``KeptSecond`` as the document of a session file holds it, and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fusion3d_gui.imaging.registration.registration import Registration
from fusion3d_gui.inference.analysis.result_types import Change
from fusion3d_gui.report.session import document as doc
from fusion3d_gui.report.session.document import affine_of, affine_rows
from fusion3d_gui.report.session.scan_reference import scan_document
from fusion3d_gui.state.beside.comparison import ComparisonLook, Way
from fusion3d_gui.state.kept.kept_work import KeptPrior, KeptSecond
from fusion3d_gui.state.kept.prediction_document import (
    prediction_document,
    prediction_of,
    texts_of,
)
from fusion3d_gui.state.kept.view_document import view_document, view_of

#: What a registration says about itself besides the matrix and how it was found.
_FIGURES = (
    *("mutual_information", "start_information", "overlap", "consistency_mm"),
    *("iterations", "residual_mm"),
)


#: Probabilities are the same to this difference.
_SAME_PROBABILITY = 1e-4
#: What a change is, in the order in which it is built.
_CHANGE = doc.ChangeDocument.__struct_fields__


def second_document(
    second: KeptSecond, path: Path | None, arrays: dict[str, np.ndarray]
) -> doc.SecondDocument:
    """The scan beside as a session file at ``path`` (None: kept work) holds it; its arrays are added to ``arrays``."""
    scan, made, look, prior = second.scan, second.registration, second.look, second.prior
    assert scan.shape is not None
    return doc.SecondDocument(
        scan_document(
            scan.voxels_sha256,
            tuple(map(Path, scan.paths)),
            scan.series_uid,
            scan.shape,
            path,
            enclosed=scan.enclosed,
        ),
        None
        if made is None
        else doc.RegistrationDocument(
            affine_rows(made.matrix),
            made.kind,
            **{name: getattr(made, name) for name in _FIGURES},
        ),
        doc.ComparisonDocument()
        if look is None
        else doc.ComparisonDocument(look.way.name, look.blend, look.color_map),  # type: ignore[arg-type]
        second.window,
        None if second.view is None else view_document(second.view),
        None
        if prior is None
        else doc.PriorDocument(
            prediction_document(prior.made, arrays),
            doc.ChangeDocument(*(getattr(prior.change, name) for name in _CHANGE)),
            list(prior.assumed),
        ),
    )


def second_of(
    plain: doc.SecondDocument | None, session: Path | None, arrays: Mapping[str, np.ndarray]
) -> KeptSecond | None:
    """The scan beside; ``session``: the file that names it. Raises ValueError where it makes no sense."""
    if plain is None:
        return None
    if plain.scan.shape is None:
        raise ValueError("a scan beside has no shape")
    if plain.window is not None and plain.window[1] <= 0:
        raise ValueError("a window has no width")
    made, shown = plain.registration, plain.comparison
    registration = None
    if made is not None:
        figures = {name: getattr(made, name) for name in _FIGURES}
        registration = Registration(affine_of(made.matrix), made.kind, **figures)
    return KeptSecond(
        plain.scan,
        registration,
        session,
        ComparisonLook(Way[shown.way], shown.blend, shown.color_map),
        plain.window,
        None if plain.view is None else view_of(plain.view),
        None if plain.prior is None else _prior(plain.prior, plain.scan.voxels_sha256, arrays),
    )


def _prior(
    plain: doc.PriorDocument, voxels_sha256: str, arrays: Mapping[str, np.ndarray]
) -> KeptPrior:
    made = prediction_of(plain.prediction, arrays)
    change = Change(*(getattr(plain.change, name) for name in _CHANGE))
    if made.prediction.volume_sha256 != voxels_sha256:
        raise ValueError("the prediction of a scan beside is of another scan")
    if abs(change.before - made.prediction.probability) > _SAME_PROBABILITY:
        raise ValueError("a change begins at another probability than was predicted")
    for whole, parts in (
        (change.now - change.before, change.image + change.metadata),
        (change.logit_now - change.logit_before, change.logit_image + change.logit_metadata),
    ):
        # Also where one is not a number.
        if not abs(whole - parts) <= _SAME_PROBABILITY * max(1.0, abs(whole)):
            raise ValueError("the shares of a change do not add up to it")
    return KeptPrior(made, change, texts_of(plain.assumed))
