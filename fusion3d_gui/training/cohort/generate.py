"""The semi-synthetic cohort: real anatomy, simulated people, and a label of known probability.

Generative model of case n of a cohort with seed S. Every draw comes from a random stream that is seeded
by (S, n) and its purpose only, so that a case does not depend on the cohort's size, the number of
processes, or the resolution at which it is made.

1. A person: age, sex, MMSE, hypertension, lesion or not
   (:class:`~fusion3d_gui.training.cohort.population.Person`).
2. The true probability of the label, logistic in the lesion, the metadata and their product, and the
   label, a Bernoulli draw with it (:class:`~fusion3d_gui.training.cohort.population.OutcomeModel`).
3. A brain: the MNI152 T1 template under an affine and an elastic deformation
   (:class:`~fusion3d_gui.training.cohort.anatomy.Anatomy`).
4. The lesion, if any, and distractors, on which the label does not depend. There are two kinds of scene:

   ``varied``
       Lesions as medicine knows them (irregular, uneven, with rims and oedema, several at once, 4 to
       25 mm wide) among vessels, calcified spots, dural patches and rings that are brighter; ventricles,
       cortex and the contrast of tissues vary (:mod:`~fusion3d_gui.training.cohort.varied`).
   ``simple``
       One bright blob of radius 9 to 15 mm centred in deep white matter and, in three people of ten, a ring
       of the same size, site and brightness with a dark core
       (:class:`~fusion3d_gui.training.cohort.lesion.Lesion`). The lesion is the brightest thing in the scan, so
       that pointing at it says nothing of an explanation. It was the cohort of the first demo models.
   ``mixed``
       Every third case is simple, the others are varied: what the demo models are trained on.
5. A scan: contrast, intensity inhomogeneity, noise, brain mask
   (:class:`~fusion3d_gui.training.cohort.anatomy.Acquisition`), in int16.
6. The row of the table: metadata with gaps.

Beside the label the table holds its probability given all, the image alone and the metadata alone
(:class:`~fusion3d_gui.training.cohort.population.Truth`), so that the highest AUC that can be reached from
each on these very cases is known. With the defaults they are expected at about 0.94, 0.84 and 0.78;
``cases.json``, beside the table, holds them (over 20,000 people) and the cohort's coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np

from fusion3d_gui.imaging.simulated import SIMULATED_ATTRIBUTES
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.model.schema import Value
from fusion3d_gui.training.cohort.anatomy import Acquisition, Anatomy
from fusion3d_gui.training.cohort.lesion import Lesion
from fusion3d_gui.training.cohort.population import (
    OutcomeModel,
    Person,
    Truth,
    recorded_values,
)
from fusion3d_gui.training.cohort.varied import (
    BrightStructure,
    EnhancingLesion,
    draw_distractors,
    draw_lesions,
)

SceneKind = Literal["varied", "simple", "mixed"]
SCENE_KINDS: tuple[SceneKind, ...] = get_args(SceneKind)

#: Field of view, right-left, anterior-posterior, inferior-superior.
FIELD_OF_VIEW_MM = (176.0, 208.0, 176.0)

DEFAULT_OUTCOME = OutcomeModel()


@dataclass(frozen=True, eq=False)
class SimulatedRecord:
    """All of a simulated case but its scan.

    ``values`` is what the table says of the metadata (None where missing), ``truth`` what could be
    known of the label (arrays of length 1).
    """

    person: Person
    values: dict[str, Value]
    truth: Truth
    label: int


@dataclass(frozen=True, eq=False)
class SimulatedCase(SimulatedRecord):
    """One simulated person with a scan.

    ``lesion_mask`` is a bool array [k, j, i] on the voxels of ``volume``, of all lesions together, or None
    without any; ``lesions`` begins with the largest.
    """

    name: str
    volume: Volume
    lesion_mask: np.ndarray | None
    lesions: tuple[Lesion | EnhancingLesion, ...]
    distractors: tuple[Lesion | BrightStructure, ...]


def draw_record(number: int, seed: int, model: OutcomeModel) -> SimulatedRecord:
    """Draw person, label and metadata of case ``number`` of the cohort ``seed``; makes no scan."""
    streams = _streams(number, seed)
    person = Person.draw(streams.person, model.lesion_rate)
    truth = model.truth([person])
    return SimulatedRecord(
        person=person,
        values=dict(recorded_values(person, streams.gaps)),
        truth=truth,
        label=int(streams.label.random() < truth.probability[0]),
    )


class _Scene(NamedTuple):
    """What lies in a scan before it is made."""

    anatomy: Anatomy
    acquisition: Acquisition
    lesions: tuple[Lesion | EnhancingLesion, ...]
    distractors: tuple[Lesion | BrightStructure, ...]


def _simple_scene(streams: _Streams, has_lesion: bool, model: OutcomeModel) -> _Scene:
    anatomy, acquisition = Anatomy.draw(streams.anatomy), Acquisition.draw(streams.scanner)
    lesion = Lesion.draw(streams.lesion, anatomy) if has_lesion else None
    distractors: tuple[Lesion, ...] = ()
    if streams.has_distractor.random() < model.distractor_rate:
        ring = Lesion.draw(streams.distractor, anatomy, ring=True, apart_from=lesion)
        distractors = (ring,)
    return _Scene(anatomy, acquisition, () if lesion is None else (lesion,), distractors)


def _varied_scene(streams: _Streams, has_lesion: bool, model: OutcomeModel) -> _Scene:
    anatomy = Anatomy.draw_varied(streams.anatomy)
    acquisition = Acquisition.draw_varied(streams.scanner)
    lesions = draw_lesions(streams.lesion, anatomy) if has_lesion else ()
    distractors = draw_distractors(streams.distractor, anatomy, model.distractor_rate, lesions)
    return _Scene(anatomy, acquisition, lesions, distractors)


def make_case(
    number: int,
    seed: int,
    model: OutcomeModel,
    spacing_mm: tuple[float, float, float],
    kind: SceneKind = "varied",
) -> SimulatedCase:
    """Make case ``number`` of the cohort ``seed`` at a spacing (x, y, z), in memory."""
    record, streams = draw_record(number, seed, model), _streams(number, seed)
    simple = kind == "simple" or (kind == "mixed" and number % 3 == 0)
    make_scene = _simple_scene if simple else _varied_scene
    scene = make_scene(streams, record.person.lesion, model)

    counts = [round(mm / step) for mm, step in zip(FIELD_OF_VIEW_MM, spacing_mm, strict=True)]
    axes = tuple(
        step * (np.arange(n) - (n - 1) / 2) for n, step in zip(counts, spacing_mm, strict=True)
    )
    # The first two axes run to the right and to the front, so that the NIfTI header is RAS.
    x, y, z = -axes[0], -axes[1], axes[2]
    voxels = np.empty((counts[2], counts[1], counts[0]), dtype=np.int16)
    mask = np.zeros(voxels.shape, dtype=bool) if scene.lesions else None
    # Slab by slab: at 1 mm the coordinates of all voxels at once would need gigabytes.
    for start in range(0, len(z), 16):
        slab = slice(start, start + 16)
        intensity, brain = scene.anatomy.on_grid(x, y, z[slab])
        for lesion in scene.lesions:
            intensity = lesion.add_on_grid(intensity, x, y, z[slab])
            if mask is not None:
                mask[slab] |= (lesion.share_on_grid(x, y, z[slab]) > 0.5) & brain
        for distractor in scene.distractors:
            intensity = distractor.add_on_grid(intensity, x, y, z[slab])
        signal = scene.acquisition.signal(intensity, (x, y, z[slab]), streams.noise)
        voxels[slab] = np.rint(np.where(brain, signal, 0))
    affine = np.diag([-spacing_mm[0], -spacing_mm[1], spacing_mm[2], 1.0])
    affine[:3, 3] = [x[0], y[0], z[0]]
    name = f"case-{number:05d}"
    return SimulatedCase(
        **vars(record),
        name=name,
        volume=Volume(
            voxels=voxels,
            affine=affine,
            modality="MR",
            description=name,
            attributes=SIMULATED_ATTRIBUTES,
        ),
        lesion_mask=mask,
        lesions=scene.lesions,
        distractors=scene.distractors,
    )


class _Streams(NamedTuple):
    """A case's random numbers, one stream a purpose, so that no draw depends on another's number of draws.

    The order is that of the streams: changed, it changes every cohort.
    """

    person: np.random.Generator
    label: np.random.Generator
    anatomy: np.random.Generator
    lesion: np.random.Generator
    scanner: np.random.Generator
    noise: np.random.Generator
    gaps: np.random.Generator
    has_distractor: np.random.Generator
    distractor: np.random.Generator


def _streams(number: int, seed: int) -> _Streams:
    streams = np.random.SeedSequence(seed, spawn_key=(number,)).spawn(len(_Streams._fields))
    return _Streams(*map(np.random.default_rng, streams))
