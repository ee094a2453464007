"""``KeptSecond`` as the document of a session file holds it, and back."""

from __future__ import annotations

from pathlib import Path

from fusion3d_gui.imaging.registration.registration import Registration
from fusion3d_gui.report.session import document as doc
from fusion3d_gui.report.session.document import affine_of, affine_rows
from fusion3d_gui.report.session.scan_reference import scan_document
from fusion3d_gui.state.kept.kept_work import KeptSecond

#: What a registration says about itself besides the matrix and how it was found.
_FIGURES = (
    *("mutual_information", "start_information", "overlap", "consistency_mm"),
    *("iterations", "residual_mm"),
)


def second_document(second: KeptSecond, path: Path | None) -> doc.SecondDocument:
    """The scan beside as a session file at ``path`` (None: kept work) holds it."""
    scan, made = second.scan, second.registration
    assert scan.shape is not None
    return doc.SecondDocument(
        scan_document(
            scan.voxels_sha256, tuple(map(Path, scan.paths)), scan.series_uid, scan.shape, path
        ),
        None
        if made is None
        else doc.RegistrationDocument(
            affine_rows(made.matrix),
            made.kind,
            **{name: getattr(made, name) for name in _FIGURES},
        ),
    )


def second_of(plain: doc.SecondDocument | None, session: Path | None) -> KeptSecond | None:
    """The scan beside; ``session``: the file that names it. Raises ValueError where it makes no sense."""
    if plain is None:
        return None
    if plain.scan.shape is None:
        raise ValueError("a scan beside has no shape")
    made = plain.registration
    registration = None
    if made is not None:
        figures = {name: getattr(made, name) for name in _FIGURES}
        registration = Registration(affine_of(made.matrix), made.kind, **figures)
    return KeptSecond(plain.scan, registration, session)
