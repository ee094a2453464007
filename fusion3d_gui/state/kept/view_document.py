"""``KeptView`` as the document of a session file holds it, and back."""

from __future__ import annotations

import msgspec
import numpy as np

from fusion3d_gui.imaging.plane import ORIENTATIONS, Orientation
from fusion3d_gui.imaging.reslice.sampling import Interpolation
from fusion3d_gui.imaging.reslice.slab import Projection
from fusion3d_gui.plain_text import visible_text
from fusion3d_gui.report.session import document as doc
from fusion3d_gui.report.session.document import affine_of, affine_rows
from fusion3d_gui.state.display.arrangement import CameraPose, ViewArrangement
from fusion3d_gui.state.kept.kept_work import KeptView


def view_document(view: KeptView) -> doc.ViewDocument:
    """How a case is looked at, as the document holds it."""
    arranged = view.arrangement
    return doc.ViewDocument(
        crosshair=view.crosshair,
        layout=arranged.layout,
        alone=arranged.alone,
        planes={name: affine_rows(each) for name, each in view.matrices.items()},
        snaps=view.snaps,
        orientations={
            name: msgspec.convert(
                {key: getattr(each, key) for key in doc.OrientationDocument.__struct_fields__},
                doc.OrientationDocument,
            )
            for name, each in arranged.orientations.items()
        },
        cameras={
            name: doc.CameraDocument(each.fitted, each.zoom, each.center)
            for name, each in arranged.cameras.items()
        },
        orbit=arranged.orbit,
        surface=view.surface,
        level=view.level,
        cut=view.cut,  # type: ignore[arg-type]
        cut_mm=view.cut_mm,
        inverted=view.inverted,
        anatomy_colors=view.anatomy_colors,  # type: ignore[arg-type]
        slab_mm=view.slab_mm,
        projection=view.projection,
        interpolation=view.interpolation,
    )


def view_of(plain: doc.ViewDocument) -> KeptView:
    """How a case was looked at. Raises ValueError where it makes no sense."""
    if plain.projection not in ("", *Projection.__members__):
        raise ValueError("no such projection")
    if plain.interpolation not in ("", *Interpolation.__members__):
        raise ValueError("no such interpolation")
    return KeptView(
        crosshair=plain.crosshair,
        planes={name: tuple(_rigid(each).ravel().tolist()) for name, each in plain.planes.items()},
        snaps=plain.snaps,
        arrangement=ViewArrangement(
            visible_text(plain.layout),
            visible_text(plain.alone),
            {
                name: CameraPose(each.fitted, each.zoom, each.center)
                for name, each in plain.cameras.items()
            },
            {name: _orientation(each) for name, each in plain.orientations.items()},
            plain.orbit,
        ),
        surface=plain.surface,
        level=plain.level,
        cut=plain.cut,
        cut_mm=plain.cut_mm,
        inverted=plain.inverted,
        anatomy_colors=plain.anatomy_colors,
        slab_mm=plain.slab_mm,
        projection=plain.projection,
        interpolation=plain.interpolation,
    )


def _orientation(plain: doc.OrientationDocument) -> Orientation:
    """One of the three planes, flipped or rotated; nothing else is a plane of this name."""
    usual = next(each for each in ORIENTATIONS if each.name == plain.name)
    for _ in range(4):
        for each in (usual, usual.flipped()):
            if (each.right, each.right_sign, each.down, each.down_sign) == (
                plain.right,
                plain.right_sign,
                plain.down,
                plain.down_sign,
            ):
                return each
        usual = usual.rotated()
    raise ValueError("a view shows no such plane")


def _rigid(plain: doc.Affine) -> np.ndarray:
    matrix = affine_of(plain)
    if not np.allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-6):
        raise ValueError("a plane is not rotated but distorted")
    return matrix
