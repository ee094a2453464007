"""The displacement of a model's maps: kept in the bundle, in mm by a case's affine, corrected by a rule."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.attribution.displacement import (
    Displacement,
    Displacements,
    displacement_path,
    write_displacements,
)
from fusion3d_gui.model.attribution.localisation_record import Estimate
from fusion3d_gui.model.bundle.bundle_info import BundleInfo

GOOD = Displacement(
    method="gradcam",
    stage=4,
    stride=8,
    spacing_mm=2.75,
    cases=40,
    vector_ijk=(2.0, -3.0, 6.0),
    low_ijk=(1.0, -4.0, 5.0),
    high_ijk=(3.0, -2.0, 7.0),
    spread_ijk=(1.0, 2.0, 3.0),
    near=0.9,
    random_near=0.02,
    deletion=Estimate(0.8, 0.6, 1.0),
)


def test_a_bundle_keeps_what_was_measured(make_bundle):
    folder = make_bundle("image_only")
    assert BundleInfo.read(folder).displacements is None
    written = Displacements((GOOD, replace(GOOD, stage=1)), "ab" * 32, 0.0, "cases.csv")
    write_displacements(folder, written)
    read = BundleInfo.read(folder).displacements
    assert read == written
    assert read.of("gradcam", (4,)) == GOOD
    assert read.of("gradcam", (3, 4)) is None
    assert read.of("layercam", (4,)) is None


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("vector_ijk", [1, 2]),
        ("vector_ijk", [1, 2, float("nan")]),
        ("stage", 7),
        ("stride", 0),
        ("against", "guess"),
        ("deletion", {"value": None, "low": None, "high": None}),
        ("random_near", float("inf")),
    ],
)
def test_a_broken_file_is_named(make_bundle, key, wrong):
    folder = make_bundle("image_only")
    plain = Displacements((GOOD,), "ab" * 32, 0.0, "cases.csv").to_json()
    plain["maps"][0][key] = wrong
    displacement_path(folder).write_text(json.dumps(plain))
    with pytest.raises(UserError, match=r"configs/displacement\.json"):
        BundleInfo.read(folder)


def test_a_case_with_a_coarser_grid_is_displaced_by_more_mm():
    axes = np.array([[0, 0, 1.0], [1, 0, 0], [0, -1, 0]])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = 4 * axes, (100, 200, 300)
    # i runs along y, j along -z, k along x.
    np.testing.assert_allclose(GOOD.vector_lps(affine), [24, 8, 12])


def test_it_is_corrected_only_where_the_map_means_something():
    assert GOOD.applied and GOOD.reasons == ()
    for change, word in (
        ({"cases": 7}, "7 cases"),
        ({"random_near": 0.11}, "random weights"),
        ({"deletion": Estimate(0.49)}, "49 %"),
        ({"spread_ijk": (0.0, 0.0, 4.1)}, "varies"),
        ({"vector_ijk": (0.0, 0.0, 8.0)}, "22 mm"),
    ):
        changed = replace(GOOD, **change)
        assert not changed.applied
        assert len(changed.reasons) == 1 and word in changed.reasons[0]
    assert replace(GOOD, random_near=0.10, deletion=Estimate(0.5)).applied
    assert replace(GOOD, spread_ijk=(4.0, 4.0, 4.0), vector_ijk=(7.9, 0.0, 0.0)).applied
