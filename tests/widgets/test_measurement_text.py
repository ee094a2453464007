"""What is written beside marks: names, units, and as many digits in each number of a mark."""

from __future__ import annotations

import numpy as np
import pytest

from fusion3d_gui.imaging.annotations.annotation import Annotation
from fusion3d_gui.imaging.annotations.measurement import measure
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.widgets.look.measurement_text import label_lines, measurement_line


@pytest.fixture
def box():
    """A rectangle over 2 × 2 voxels, and a point in the first of them, on voxels of these values."""

    def make(values, unit: str = "HU"):
        voxels = np.array(values).reshape(1, 2, 2)
        volume = Volume(voxels, np.eye(4), unit=unit)
        corners = ((-0.5, -0.5, 0.0), (1.5, 1.5, 0.0))
        region = Annotation(3, "rectangle", corners, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
        point = Annotation(7, "point", ((0.0, 0.0, 0.0),), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
        return measure(region, volume), measure(point, volume)

    return make


def test_mean_and_sd_are_named_and_written_to_the_same_digit(box):
    region, point = box(np.array([40, 43, 43, 46], np.int16))
    assert label_lines(region) == [
        "Mean 43.0   SD 2.4 HU",
        "Min 40   Max 46 HU",
        "Area 4.0 mm²",
    ]
    assert label_lines(region, whole=False) == ["Mean 43.0 HU"]
    assert measurement_line(region).endswith("Max 46 HU   Area 4.0 mm²   Voxels 4")
    assert label_lines(point) == ["Point 7: 40 HU"]


@pytest.mark.parametrize(
    ("values", "first", "second"),
    [
        ([0.5, 1.25, 1.25, 12.0], "Mean 3.75   SD 5.51", "Min 0.50   Max 12.00"),
        (
            [0.001, 0.002, 0.002, 0.003],
            "Mean 0.002000   SD 0.000816",
            "Min 0.001000   Max 0.003000",
        ),
        (
            [1e-9, 2e-9, 2e-9, 3e-9],
            "Mean 2.000e-09   SD 8.165e-10",
            "Min 1.000e-09   Max 3.000e-09",
        ),
        ([1000.5, 2000, 2000, 3000], "Mean 2000.1   SD 816.3", "Min 1000.5   Max 3000.0"),
    ],
)
def test_numbers_that_are_not_whole_have_as_many_decimals_each(box, values, first, second):
    region, _ = box(np.array(values, np.float64), "")
    assert label_lines(region)[:2] == [first, second]


def test_an_unknown_unit_leaves_no_gap(box):
    _, point = box(np.array([234, 0, 0, 0], np.int16), "")
    assert label_lines(point) == ["Point 7: 234"]
