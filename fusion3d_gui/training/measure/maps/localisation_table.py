"""``Localisation``: how well every map of a model points, as measured, and which one explains it best."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fusion3d_gui.model.attribution.localisation_record import METHOD_NAMES
from fusion3d_gui.training.measure.metrics import Estimate

#: A map with more of its sum in the air is not the default while another may be.
MOST_IN_AIR = 0.02

#: How :func:`best_map` chooses, for whoever reads the result.
BEST_RULE = (
    "Of the maps that pass the randomisation test, those with at most 2 % of their sum in the air (where there are "
    "any); of these, those whose share of peaks within the tolerance is not "
    "clearly below the best one's (their 95 % interval reaches it); of these, those whose share of peaks "
    "inside is not; of these, the one with the most energy inside the lesion."
)


@dataclass(frozen=True)
class PointingFigures:
    """How well a map points over the cases, each with a bootstrap interval over them.

    Parameters
    ----------
    pointing
        Share of cases whose strongest voxel lies in the lesion (pointing game, Zhang et al. 2018);
        where it is shared by several voxels, the share of them that do.
    pointing_near
        The same within the tolerance of the lesion.
    energy
        Mean share of the map's sum over the brain that lies in the lesion (energy-based pointing game,
        Wang et al. 2020).
    distance_mm
        Median distance from the strongest voxel to the lesion; empty maps left out; None if all are.

    A map that is empty within the brain is a miss with no energy.
    """

    pointing: Estimate
    pointing_near: Estimate
    energy: Estimate
    distance_mm: Estimate | None

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "pointing": self.pointing.to_json(),
            "pointing_near": self.pointing_near.to_json(),
            "energy": self.energy.to_json(),
            "distance_mm": None if self.distance_mm is None else self.distance_mm.to_json(),
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> PointingFigures:
        """Read back :meth:`to_json`."""
        distance = plain["distance_mm"]
        return cls(
            Estimate.from_json(plain["pointing"]),
            Estimate.from_json(plain["pointing_near"]),
            Estimate.from_json(plain["energy"]),
            None if distance is None else Estimate.from_json(distance),
        )


@dataclass(frozen=True)
class MapFigures:
    """How well one map points.

    Parameters
    ----------
    method, stage
        ``stage`` is None for a method that attributes to input voxels.
    corrected
        Whether it was moved by its measured displacement.
    grid_kji, cell_mm
        Its grid in the first case.
    empty
        Number of cases in which it is empty within the brain.
    deletion
        Logit drop for blanking a ball at its peak, as a share of that at the lesion's centre; None where
        the latter is not above 0 (or was not measured).
    random_pointing
        Share of cases in which the same map, of random weights and with their own displacement
        corrected, peaks in the lesion; None where it was not measured.
    eligible
        Whether it may be the default: it passes the randomisation test, and points for this model.
    in_air
        Mean share of its sum that lies further than a cell from all tissue, empty maps left out; None if all are,
        or where it was not measured.
    """

    method: str
    stage: int | None
    corrected: bool
    grid_kji: tuple[int, ...]
    cell_mm: float
    empty: int
    figures: PointingFigures
    deletion: Estimate | None = None
    random_pointing: float | None = None
    eligible: bool = True
    in_air: Estimate | None = None

    @property
    def name(self) -> str:
        """Method and stage in words, and whether it is corrected."""
        stage = "" if self.stage is None else f", stage {self.stage}"
        return f"{METHOD_NAMES[self.method]}{stage}{', corrected' if self.corrected else ''}"

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "method": self.method,
            "stage": self.stage,
            "corrected": self.corrected,
            "grid_kji": list(self.grid_kji),
            "cell_mm": self.cell_mm,
            "empty": self.empty,
            **self.figures.to_json(),
            "deletion": None if self.deletion is None else self.deletion.to_json(),
            "random_pointing": self.random_pointing,
            "eligible": self.eligible,
            "in_air": None if self.in_air is None else self.in_air.to_json(),
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> MapFigures:
        """Read back :meth:`to_json`; also of evaluations before there were corrections and controls."""
        deletion, in_air = plain.get("deletion"), plain.get("in_air")
        return cls(
            method=plain["method"],
            stage=plain["stage"],
            corrected=plain.get("corrected", False),
            grid_kji=tuple(plain["grid_kji"]),
            cell_mm=plain["cell_mm"],
            empty=plain["empty"],
            figures=PointingFigures.from_json(plain),
            deletion=None if deletion is None else Estimate.from_json(deletion),
            random_pointing=plain.get("random_pointing"),
            eligible=plain.get("eligible", True),
            in_air=None if in_air is None else Estimate.from_json(in_air),
        )


@dataclass(frozen=True)
class Localisation:
    """How well every map of a model points at the lesions of some cases.

    Parameters
    ----------
    cases, tolerance_mm
        Number of cases; largest distance that counts as near.
    chance
        Of a random brain voxel, and of an even map over the brain.
    brightness
        Of the smoothed input alone, without a model; None where it was not measured.
    maps
        One for each map, raw and corrected.
    chosen
        Method and stage of the map chosen as the default on other cases; None: chosen on these.
    """

    cases: int
    tolerance_mm: float
    chance: PointingFigures
    brightness: PointingFigures | None
    maps: tuple[MapFigures, ...]
    chosen: tuple[str, int | None] | None = None

    @property
    def best(self) -> MapFigures | None:
        """The map that explains the model by default, chosen on other cases or else by :data:`BEST_RULE`.

        The pointing game of Zhang et al. 2018 has a tolerance too; without one it would reward chance hits,
        since a lesion is smaller than a cell. Of equals the first in the table. None where no map may be.
        """
        able = [one for one in self.maps if one.eligible]
        if self.chosen is not None:
            # As the window shows it: corrected, where it may be.
            named = [one for one in self.maps if (one.method, one.stage) == self.chosen]
            return next(iter([one for one in named if one.eligible] or named), None)
        if not able:
            return None
        # A map that is empty in every case has nothing in the air, and nothing to show.
        inside_the_head = [
            one for one in able if one.in_air is not None and one.in_air.value <= MOST_IN_AIR
        ]
        near = _not_clearly_below(inside_the_head or able, lambda one: one.figures.pointing_near)
        inside = _not_clearly_below(near, lambda one: one.figures.pointing)
        return max(inside, key=lambda one: one.figures.energy.value)

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "cases": self.cases,
            "tolerance_mm": self.tolerance_mm,
            "chosen": None if self.chosen is None else list(self.chosen),
            "chance": self.chance.to_json(),
            "brightness": None if self.brightness is None else self.brightness.to_json(),
            "maps": [one.to_json() for one in self.maps],
        }

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Localisation:
        """Read back :meth:`to_json`."""
        brightness, chosen = plain.get("brightness"), plain.get("chosen")
        return cls(
            cases=plain["cases"],
            tolerance_mm=plain["tolerance_mm"],
            chance=PointingFigures.from_json(plain["chance"]),
            brightness=None if brightness is None else PointingFigures.from_json(brightness),
            maps=tuple(MapFigures.from_json(one) for one in plain["maps"]),
            chosen=None if chosen is None else (chosen[0], chosen[1]),
        )


def explanation_json(found: Localisation) -> dict[str, Any] | None:
    """The entry ``explanation`` of a bundle's metadata: the default map with its figures; None without one."""
    best = found.best
    if best is None:
        return None
    return {
        "method": best.method,
        "stage": best.stage,
        "corrected": best.corrected,
        "rule": BEST_RULE,
        "chosen_on": "these cases" if found.chosen is None else "validation cases",
        "cases": found.cases,
        "tolerance_mm": found.tolerance_mm,
        **best.figures.to_json(),
        "deletion": None if best.deletion is None else best.deletion.to_json(),
        "in_air": None if best.in_air is None else best.in_air.to_json(),
        "chance": {
            "pointing_near": found.chance.pointing_near.to_json()["value"],
            "energy": found.chance.energy.to_json()["value"],
        },
    }


def _not_clearly_below(
    maps: Sequence[MapFigures], figure: Callable[[MapFigures], Estimate]
) -> list[MapFigures]:
    """The maps whose figure's 95 % interval reaches the highest value of the figure among them."""
    most = max(figure(one).value for one in maps)
    highs = ((one, figure(one).high) for one in maps)
    return [one for one, high in highs if high is None or high >= most]
