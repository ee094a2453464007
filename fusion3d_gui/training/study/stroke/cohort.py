"""``read_cohort``: lesion maps, clinical values, outcome and territories of the SOOP folder, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.labels.atlas import read_label_names
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.model.scope import Scope
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.table_file import read_table_file
from fusion3d_gui.training.data.bids_table import bids_table
from fusion3d_gui.training.data.inputs import load_inputs
from fusion3d_gui.training.data.table import CaseRow, CaseTable, fit_schema, read_table

#: 185 × 185 × 140 mm (left to right, front to back, up) about the middle of the lesion maps' field, at 5.6 mm.
GRID = Preprocessing((25, 33, 33), 5.6, "lesion", center_lps_mm=(0.0, 18.0, 17.5))

#: The clinical values that a model takes, columns of ``participants.tsv``.
FIELDS = ("age", "sex", "race", "priorstroke", "bmi", "nihss")
OUTCOME = "gs_rankin_6isdeath"

#: Any template's grid will do: a map is averaged onto the model's.
SCOPE = Scope(
    modality="MR",
    body_part="brain",
    voxel_mm=(0.5, 3.0),
    field_mm=(130.0, 245.0),
    fewest_slices=30,
    kind="lesion_map",
    space="standard",
    population="real",
)

_ATLAS = "ArterialAtlas136"

#: Labels and help of the form's fields where the data set has none.
_TEXTS: Mapping[str, Mapping[str, Any]] = {
    "age": {"help": "Age at admission; 89 stands for 89 and above."},
    "race": {
        "help": "As recorded by the center; it may stand for access to care.",
        "choices": (("b", "Black"), ("w", "White")),
    },
    "priorstroke": {"label": "Prior stroke", "help": "Whether there was a stroke before this one."},
}


@dataclass(frozen=True, eq=False)
class StrokeCohort:
    """All participants with a lesion map; n of them.

    Parameters
    ----------
    names
        [n] of participants, ascending.
    maps
        Lesion share of each cell of :data:`GRID`, float16 [n, k, j, i].
    affine
        The grid's, 4x4, LPS mm.
    volumes_mm3
        [n], from the whole maps.
    territories
        Share (0..1) of each arterial territory that lies in the lesion, [n, t].
    atlas
        Share of each grid cell that lies in each territory, float32 [t, k, j, i]; in ``territory_names`` their names.
    table
        One row a participant; all values None where the participant is not in ``participants.tsv``.
    rankin, nihss
        [n], NaN where not known.
    """

    names: tuple[str, ...]
    maps: np.ndarray
    affine: np.ndarray
    volumes_mm3: np.ndarray
    territories: np.ndarray
    atlas: np.ndarray
    territory_names: tuple[str, ...]
    table: CaseTable
    rankin: np.ndarray
    nihss: np.ndarray

    @property
    def with_outcome(self) -> np.ndarray:
        """Row numbers of the participants whose outcome is known."""
        return np.flatnonzero(np.isfinite(self.rankin))

    @property
    def without_outcome(self) -> np.ndarray:
        """Row numbers of the others."""
        return np.flatnonzero(~np.isfinite(self.rankin))

    def schema(self, training: np.ndarray, *, leave_out: tuple[str, ...] = ()) -> MetadataSchema:
        """The form's schema, with means, deviations and ranges of these (training) rows."""
        fitted = fit_schema(self.table.schema, [self.table.cases[n] for n in training])
        return MetadataSchema(tuple(f for f in fitted.fields if f.name not in leave_out))

    def encoded(self, schema: MetadataSchema, rows: np.ndarray) -> np.ndarray:
        """The clinical values of these rows, encoded by a fitted schema, float32 [m, W]."""
        names = [field.name for field in schema.fields]
        return np.stack(
            [
                schema.encode({name: self.table.cases[n].values[name] for name in names})
                for n in rows
            ]
        )


def read_cohort(
    folder: Path, work: Path, progress: Progress = no_progress, *, most: int | None = None
) -> StrokeCohort:
    """Read the cohort; what takes long is kept in ``work/cohort.npz``.

    Parameters
    ----------
    folder
        With ``participants.tsv``, lesion maps named ``PARTICIPANT_lesion.nii.gz`` below it, and the atlas
        (``ArterialAtlas136.nii.gz`` and ``.txt``).
    most
        Read this many participants at most, evenly spread over all: to try the program out.

    Raises
    ------
    UserError
        Naming the file that is missing or wrong.
    """
    folder, work = Path(folder), Path(work)
    work.mkdir(parents=True, exist_ok=True)
    table = _table(folder, work / "clinical.csv")
    cases = table.cases
    if most is not None and most < len(cases):
        cases = tuple(cases[n] for n in np.linspace(0, len(cases) - 1, most).astype(int))
        table = replace(table, cases=cases)
    listing = read_table_file(folder / "participants.tsv")
    if OUTCOME not in listing.columns:
        raise UserError(f"there is no column {OUTCOME!r}", path=listing.path)
    outcome = {row.cells["participant_id"]: row.cells[OUTCOME] for row in listing.rows}
    names = tuple(case.patient for case in cases)
    stored = _stored(work / "cohort.npz", names)
    if stored is None:
        maps, affines = load_inputs(cases, GRID, part_of(progress, 0.0, 0.6))
        volumes, shares = _territories(folder, cases, part_of(progress, 0.6, 1.0))
        stored = {
            "maps": maps,
            "affine": affines[0],
            "volumes": volumes,
            "territories": shares,
            "names": np.array(names),
        }
        partial = work / "cohort.partial.npz"
        np.savez_compressed(partial, allow_pickle=False, **stored)
        partial.replace(work / "cohort.npz")
    nihss = [case.values["nihss"] for case in cases]
    return StrokeCohort(
        names,
        stored["maps"],
        stored["affine"],
        stored["volumes"],
        stored["territories"],
        *_atlas_on_grid(folder),
        table,
        np.array([_number(outcome.get(name, "")) for name in names]),
        np.array([np.nan if value is None else float(value) for value in nihss]),
    )


def _table(folder: Path, out: Path) -> CaseTable:
    """All maps with their clinical values; a map without a row in participants.tsv comes last, without any."""
    bids_table(folder, out, suffix="lesion", columns=FIELDS, scope=SCOPE.to_json())
    table = read_table(out, labelled=False)
    fields = (replace(f, **_TEXTS.get(f.name, {})) for f in table.schema.fields)
    table = replace(table, schema=MetadataSchema(tuple(fields)))
    listed = {case.patient for case in table.cases}
    nothing = dict.fromkeys(FIELDS)
    others = [
        CaseRow(0, path.name.split(".")[0], path, None, nothing, -1, None, "", participant)
        for path in sorted(folder.rglob("sub-*_lesion.nii.gz"))
        if (participant := path.name.split("_")[0]) not in listed
    ]
    every = sorted((*table.cases, *others), key=lambda case: case.patient)
    return replace(table, cases=tuple(every))


def _stored(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray] | None:
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as found:
        kept = {key: found[key] for key in found.files}
    if tuple(kept["names"].tolist()) != names or kept["maps"].shape[1:] != GRID.shape_kji:
        raise UserError(
            "it holds other participants", path=path, remedy="Name another folder, or delete it."
        )
    return kept


def _territories(
    folder: Path, cases: tuple[CaseRow, ...], progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """Lesion volumes (mm³) [n] and the share of each territory that lies in the lesion [n, t]."""
    atlas = open_volume(folder / f"{_ATLAS}.nii.gz")
    labels = atlas.real(atlas.voxels).astype(int)
    sizes = np.bincount(labels.ravel())
    volumes, shares = [], []
    for number, case in enumerate(cases):
        lesion = open_volume(case.path)
        if lesion.shape != atlas.shape or not np.allclose(lesion.affine, atlas.affine, atol=1e-3):
            raise UserError("its grid is not the atlas's", path=case.path)
        inside = lesion.real(lesion.voxels) != 0
        volumes.append(inside.sum() * np.prod(lesion.spacing_mm))
        hit = np.bincount(labels[inside], minlength=len(sizes))
        shares.append(hit[1:] / np.maximum(sizes[1:], 1))
        progress((number + 1) / len(cases), "Measuring territories")
    return np.array(volumes), np.array(shares)


def _atlas_on_grid(folder: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Share of each grid cell in each territory, [t, k, j, i]; names of the territories."""
    atlas = open_volume(folder / f"{_ATLAS}.nii.gz")
    labels = atlas.real(atlas.voxels).astype(int)
    names = read_label_names(folder / f"{_ATLAS}.txt")
    shares = [
        GRID.apply(
            replace(atlas, voxels=(labels == number).astype(np.uint8), slope=1.0, intercept=0.0)
        ).voxels
        for number in range(1, labels.max() + 1)
    ]
    return np.stack(shares), tuple(
        names.get(n, f"territory {n}") for n in range(1, len(shares) + 1)
    )


def _number(text: Any) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
