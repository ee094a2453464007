"""What the model looks at, averaged over patients in standard space, beside the lesion-deficit association."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from fusion3d_gui.imaging.template import template_values
from fusion3d_gui.model.attribution.cam import explain
from fusion3d_gui.model.attribution.input_gradient import gradient_times_input, smoothed
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.output_file import whole_file, write_whole_text
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.training.measure.lesion_deficit import LesionDeficit, lesion_deficit
from fusion3d_gui.training.measure.metrics import Estimate
from fusion3d_gui.training.report.plots import png, style
from fusion3d_gui.training.study.stroke.cohort import StrokeCohort
from fusion3d_gui.training.study.stroke.faithfulness import (
    CAM,
    FEWEST_CELLS,
    GRADIENT,
    MIDDLE,
    lesion_faithfulness,
)

#: Cells in which fewer patients have lesion are not shown.
FEWEST = 10
_BATCH = 32
#: Heights (mm above the commissures' plane) of the slices in the pictures.
_HEIGHTS_MM = (-32.0, -18.0, -4.0, 10.0, 24.0, 38.0, 52.0)
#: A cell counts as lesioned from this share on.
_LESIONED = 0.25


def average_attribution(
    bundle: ModelBundle, cohort: StrokeCohort, rows: np.ndarray, progress: Progress = no_progress
) -> np.ndarray:
    """Mean gradient × input per lesioned cell over patients, [k, j, i]; NaN where fewer than 10 have lesion.

    What the cell added to the logit, for a cell that is lesion altogether: the sum of gradient × input over
    patients divided by that of the lesion shares, both smoothed as the window smooths its maps: the strided first
    convolution weighs neighbouring cells unevenly.
    """
    total = np.zeros(cohort.maps.shape[1:])
    weight = np.zeros_like(total)
    counts = np.zeros_like(total)
    for start in range(0, len(rows), _BATCH):
        progress(start / len(rows), "Averaging attributions")
        part = rows[start : start + _BATCH]
        image = torch.from_numpy(cohort.maps[part].astype(np.float32))[:, None]
        found, _ = gradient_times_input(bundle.network, image, _metadata(bundle, cohort, part))
        shares = cohort.maps[part].astype(np.float64)
        total += found.numpy().sum(axis=0)
        weight += shares.sum(axis=0)
        counts += (shares > 0).sum(axis=0)
    both = smoothed(torch.from_numpy(np.stack([total, weight])), float(cohort.affine[0, 0]))
    total, weight = both.numpy()
    averaged: np.ndarray = np.where(counts >= FEWEST, total / np.maximum(weight, 1e-9), np.nan)
    return averaged


def cam_displacement_mm(
    bundle: ModelBundle, cohort: StrokeCohort, rows: np.ndarray
) -> dict[str, list[float]]:
    """Median vector (LPS mm) from the lesion's middle to the peak of Grad-CAM at stages 1 to 4, and its length.

    Patients whose map is 0 everywhere are left out. Gradient × input is 0 outside the lesion and can't be displaced.
    """
    found: dict[str, list[float]] = {}
    middles = _middles(cohort, rows)
    spacing = cohort.affine[0, 0]
    for stage in (1, 2, 3, 4):
        offsets = []
        for start in range(0, len(rows), _BATCH):
            part = rows[start : start + _BATCH]
            image = torch.from_numpy(cohort.maps[part].astype(np.float32))[:, None]
            maps = explain(
                bundle.network,
                image,
                _metadata(bundle, cohort, part),
                stages=(stage,),
                method="gradcam",
            )
            raised = maps.raised.numpy()
            for n, one in enumerate(raised):
                if one.max() > 0:
                    k, j, i = np.unravel_index(int(one.argmax()), one.shape)
                    place = cohort.affine[:3, 3] + spacing * maps.stride * np.array([i, j, k])
                    offsets.append(place - middles[start + n])
        median = np.median(offsets, axis=0) if offsets else np.full(3, np.nan)
        found[f"stage {stage}"] = [
            *(round(float(mm), 1) for mm in median),
            round(float(np.median(np.linalg.norm(offsets, axis=1))), 1) if offsets else np.nan,
        ]
    return found


def reference_association(cohort: StrokeCohort, rows: np.ndarray) -> LesionDeficit:
    """Association of lesion with NIHSS (log of 1 + NIHSS), given the log of lesion volume."""
    volume = np.log1p(cohort.volumes_mm3[rows])[:, None]
    return lesion_deficit(cohort.maps[rows], np.log1p(cohort.nihss[rows]), volume, fewest=FEWEST)


def territory_means(values: np.ndarray, cohort: StrokeCohort) -> dict[str, float]:
    """Mean of a map [k, j, i] over the cells of each territory, weighed by its share of them; without NaN."""
    known = np.isfinite(values)
    found = {}
    for name, share in zip(cohort.territory_names, cohort.atlas, strict=True):
        weight = share * known
        if weight.sum() > 1:
            found[name] = float((weight * np.where(known, values, 0)).sum() / weight.sum())
    return found


def maps_figure(cohort: StrokeCohort, values: np.ndarray, title: str, unit: str) -> Figure:
    """Axial slices of a map [k, j, i] over the template; the patient's left is at the viewer's right."""
    reach = float(np.nanquantile(np.abs(values), 0.98)) if np.isfinite(values).any() else 1.0
    with style():
        figure = Figure(figsize=(2 * len(_HEIGHTS_MM) * 0.75, 2.9), layout="constrained")
        axes = figure.subplots(1, len(_HEIGHTS_MM))
        shown = None
        for one, height in zip(axes, _HEIGHTS_MM, strict=True):
            background, extent = _template_slice(height)
            one.imshow(background, cmap="gray", extent=extent, origin="lower", vmax=300)
            k = round((height - cohort.affine[2, 3]) / cohort.affine[2, 2])
            plane = values[k]
            low = cohort.affine[:2, 3] - cohort.affine[0, 0] / 2
            high = low + cohort.affine[0, 0] * np.array(plane.shape[::-1])
            shown = one.imshow(
                plane,
                cmap="RdBu_r",
                vmin=-reach,
                vmax=reach,
                alpha=0.75,
                extent=(low[0], high[0], low[1], high[1]),
                origin="lower",
                interpolation="nearest",
            )
            one.set(xlim=(-80, 80), ylim=(112, -78), xticks=[], yticks=[])
            one.set_title(f"z {height:+.0f} mm", fontsize=8)
            one.grid(visible=False)
            one.text(-76, 106, "R", color="white", fontsize=8)
            one.text(68, 106, "L", color="white", fontsize=8)
        figure.suptitle(title, x=0.01, ha="left", fontsize=10)
        if shown is not None:
            figure.colorbar(shown, ax=axes, label=unit, shrink=0.8)
    return figure


def write_maps_page(
    cohort: StrokeCohort, bundles: Mapping[str, ModelBundle], folder: Path, progress: Progress
) -> dict[str, Any]:
    """Write ``maps.md`` and its pictures; returns the figures as a JSON object."""
    rows = cohort.with_outcome
    reference = reference_association(cohort, np.flatnonzero(np.isfinite(cohort.nihss)))
    averaged = {
        name: average_attribution(bundle, cohort, rows, progress)
        for name, bundle in bundles.items()
    }
    pictures = {
        "lesion-deficit": maps_figure(
            cohort, reference.t, "Lesion and NIHSS, given lesion volume", "t"
        ),
        **{
            f"attribution-{name}": maps_figure(
                cohort, values, f"Mean attribution, {name}", "logit per cell"
            )
            for name, values in averaged.items()
        },
    }
    for name, figure in pictures.items():
        with whole_file(folder / f"{name}.png") as partial:
            partial.write_bytes(png(figure))
    found: dict[str, Any] = {
        "limit": round(reference.limit, 2),
        "beyond": int((np.abs(np.nan_to_num(reference.t)) > reference.limit).sum()),
        "models": {
            name: {
                "correlation": round(_correlation(values, reference.t), 3),
                "displacement_mm": cam_displacement_mm(bundles[name], cohort, rows),
                "faithfulness": lesion_faithfulness(bundles[name], cohort, rows, progress),
            }
            for name, values in averaged.items()
        },
    }
    write_whole_text(folder / "maps.md", _page(cohort, reference, averaged, found))
    return found


def _page(
    cohort: StrokeCohort,
    reference: LesionDeficit,
    averaged: Mapping[str, np.ndarray],
    found: Mapping[str, Any],
) -> str:
    tables = {"t, lesion and NIHSS": territory_means(reference.t, cohort)}
    tables |= {name: territory_means(values, cohort) for name, values in averaged.items()}
    pictures = "\n\n".join(
        f"```{{image}} attribution-{name}.png\n:alt: Mean attribution of {name} in axial slices\n```"
        for name in averaged
    )
    correlations = "; ".join(
        f"`{name}` {each['correlation']:.2f}" for name, each in found["models"].items()
    )
    return f"""# What the stroke models look at

Written by `fusion3d study stroke SOOP --out WORK --models models --maps docs/stroke`. Gradient × input of the shipped
models, averaged over the {len(cohort.with_outcome)} patients with an outcome (on whom they were trained), in standard space: what
a cell of {cohort.affine[0, 0]:g} mm adds to the logit when it is lesion. Cells in which fewer than {FEWEST} patients have lesion are blank. The
patient's left is at the viewer's right. This describes the model, not the brain.

{pictures}

## For reference: lesion-deficit association

Linear regression of log (1 + NIHSS) on the lesion's share in each cell, given the log of lesion volume, in all
participants with NIHSS; {found["beyond"]} cells lie beyond |t| = {found["limit"]:.2f}, which 95 % of 500 permutations nowhere exceed.

```{{image}} lesion-deficit.png
:alt: t of the association of lesion with NIHSS in axial slices
```

Correlation of the mean attribution with it, over cells: {correlations}.

## By territory

Mean over the territory's cells.

{_territory_table(tables)}

## Within the lesion

Gradient × input is 0 outside the lesion: that it lies in the lesion says nothing. What can be wrong is the place within it. A ball of 12 mm at
the map's peak is blanked, and the fall of the logit compared with that at random places in the same lesion: mean over the patients
with a lesion of at least {FEWEST_CELLS} cells, with its 95 % interval. Above 0 the map knows more than chance does.

{_faithfulness_table(found["models"])}

The test against random weights, by which the default map of other models is chosen, can't be failed by a map that is 0 outside the lesion:
for a model of lesion maps `fusion3d displacement` takes gradient × input where blanking its peak lowers the logit by more than
blanking random places of the same lesion, as in this table. The rule was written after the first results, its condition after this table.

## Displacement

Grad-CAM can lie beside the lesion: median from the lesion's middle to
the map's peak, in mm to the left, back and up, and median distance.

{_displacement_table(found["models"])}

The corticospinal tract, the insula and the left perisylvian cortex are where a stroke of a given size is known to cost
most. Whether the pictures show that is to be judged against the lesion-deficit picture, which knows nothing of the models.
"""


def _territory_table(tables: Mapping[str, Mapping[str, float]]) -> str:
    first = next(iter(tables.values()))
    names = sorted(first, key=lambda name: -first[name])
    head = "| territory | " + " | ".join(tables) + " |\n| --- |" + " --- |" * len(tables)
    lines = [
        f"| {name} | "
        + " | ".join(f"{values[name]:+.3f}" if name in values else "" for values in tables.values())
        + " |"
        for name in names
    ]
    return "\n".join([head, *lines])


def _displacement_table(models: Mapping[str, Mapping[str, Any]]) -> str:
    lines = ["| model | stage | left | back | up | distance |", "| --- |" + " --- |" * 5]
    for name, each in models.items():
        for stage, numbers in each["displacement_mm"].items():
            cells = " | ".join("" if np.isnan(mm) else f"{mm:+.1f}" for mm in numbers)
            lines.append(f"| {name} | {stage} | {cells} |")
    return "\n".join(lines)


def _faithfulness_table(models: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        f"| model | patients | fall at a random place | {GRADIENT} more | {CAM} more | {MIDDLE} more |",
        "| --- |" + " --- |" * 5,
    ]
    for name, each in models.items():
        found = each["faithfulness"]
        cells = [found["chance"], *(found["gain"][key] for key in (GRADIENT, CAM, MIDDLE))]
        texts = " | ".join(Estimate.from_json(cell).text().replace("-", "−") for cell in cells)
        lines.append(f"| {name} | {found['patients']} | {texts} |")
    return "\n".join(lines)


def _metadata(
    bundle: ModelBundle, cohort: StrokeCohort, rows: Sequence[int] | np.ndarray
) -> torch.Tensor | None:
    schema = bundle.info.schema
    if not schema.fields:
        return None
    return torch.from_numpy(cohort.encoded(schema, np.asarray(rows)))


def _middles(cohort: StrokeCohort, rows: np.ndarray) -> np.ndarray:
    """Middle of each lesion (LPS mm), [m, 3]."""
    found = []
    for row in rows:
        share = cohort.maps[row].astype(np.float64)
        kji = np.array([(axis * share).sum() for axis in np.indices(share.shape)])
        kji /= max(share.sum(), 1e-9)
        found.append(cohort.affine[:3, 3] + cohort.affine[0, 0] * kji[::-1])
    return np.array(found)


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    both = np.isfinite(one) & np.isfinite(other)
    return float(np.corrcoef(one[both], other[both])[0, 1]) if both.sum() > 2 else float("nan")


def _template_slice(height_mm: float) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """The template's axial slice [y, x] at 2 mm, x to the left and y to the back, and its extent in mm."""
    x, y = np.arange(-79.0, 80.0, 2.0), np.arange(-77.0, 112.0, 2.0)
    places = np.stack(np.broadcast_arrays(x[None, :], y[:, None], height_mm), axis=-1)
    values = template_values(places.reshape(-1, 3)).reshape(len(y), len(x))
    return values, (-80.0, 80.0, -78.0, 112.0)
