"""Blocks cover every row once, in order, and are never empty."""

from __future__ import annotations

import pytest

from fusion3d_gui.imaging.reslice.row_blocks import row_blocks


@pytest.mark.parametrize(("rows", "block"), [(0, 4), (1, 4), (7, 3), (5, 0), (100, 1), (64, 64)])
def test_every_row_is_taken_once_and_in_order(rows, block):
    taken = [range(rows)[each] for each in row_blocks(rows, block)]
    assert [row for each in taken for row in each] == list(range(rows))
    assert all(0 < len(each) <= max(1, block) for each in taken)
