"""Work shared out among threads is done once each, in order, and its mistakes are seen."""

from __future__ import annotations

import numpy as np
import pytest

from fusion3d_gui.imaging.threads import ahead, in_bands, in_one_piece


@pytest.mark.parametrize(("rows", "band"), [(0, 4), (1, 4), (7, 3), (100, 1), (64, 64)])
def test_every_row_is_worked_on_once(rows, band):
    counts = np.zeros(rows, int)

    def work(top: int, bottom: int) -> None:
        assert 0 < bottom - top <= band
        counts[top:bottom] += 1

    in_bands(work, rows, band)
    assert (counts == 1).all()


def test_items_come_in_their_order_also_from_within_other_work():
    def work(number: int) -> list[int]:
        return list(ahead(lambda each: number * 10 + each, range(3)))

    found = list(ahead(work, range(9)))
    assert found == [[n * 10 + each for each in range(3)] for n in range(9)]


def test_a_mistake_in_a_band_is_raised():
    def work(top: int, bottom: int) -> None:
        if top == 6:
            raise ValueError("six")

    with pytest.raises(ValueError, match="six"):
        in_bands(work, 12, 2)


def test_a_picture_in_one_piece_is_the_same_picture():
    picture = np.arange(60_000).reshape(200, 300)
    assert in_one_piece(picture) is picture
    turned = in_one_piece(picture.T[::-1])
    assert turned.flags.c_contiguous
    assert np.array_equal(turned, picture.T[::-1])
