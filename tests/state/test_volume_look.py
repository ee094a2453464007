"""How 3D shows a volume: its presets, the level of the surface, and what is cut away."""

from __future__ import annotations

import numpy as np
import pytest

from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.imaging.reslice.clip import Side
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.display.volume_look import VolumeLook

WINDOW = Window(100.0, 400.0)


def scan(modality: str, unit: str = "", lowest: int = -1000) -> Volume:
    """40 x 60 x 100 mm of values from ``lowest`` to 999."""
    values = np.random.default_rng(0).integers(lowest, 1000, (50, 60, 40)).astype(np.int16)
    return Volume(values, np.diag([1.0, 1.0, 2.0, 1.0]), modality=modality, unit=unit)


@pytest.fixture
def look(qapp) -> VolumeLook:
    """A CT's."""
    look = VolumeLook()
    look.show_volume(scan("CT", "HU"))
    return look


def test_the_usual_level_is_a_quarter_of_the_window_level_and_a_chosen_one_stays(look) -> None:
    assert look.level_under(WINDOW) == -100.0 + 0.25 * 400.0
    look.set_level(320.0)
    assert look.level_under(WINDOW) == look.level_under(Window(0.0, 10.0)) == 320.0
    look.reset()
    assert look.level_under(WINDOW) == 0.0


def test_the_level_is_moved_within_the_values_of_the_volume(look) -> None:
    low, high = look.range
    assert -1000 <= low < -980
    assert 980 < high <= 999
    look.set_level(300.0)
    look.move_level(0.1, WINDOW)
    assert look.level_under(WINDOW) == pytest.approx(300 + 0.1 * (high - low))
    look.move_level(5.0, WINDOW)
    assert look.level_under(WINDOW) == high
    look.move_level(-5.0, WINDOW)
    assert look.level_under(WINDOW) == low


def test_a_cut_begins_in_the_middle_and_stays_within_the_volume(look) -> None:
    assert look.clip is None
    sizes = {Side.FRONT: 60, Side.BACK: 60, Side.LEFT: 40, Side.RIGHT: 40, Side.TOP: 100}
    for side, size in sizes.items():
        look.cut_from(side)
        assert look.deepest_mm == pytest.approx(size)
        assert look.depth_mm == pytest.approx(size / 2)
    middle = np.array([19.5, 29.5, 49.0])
    assert look.clip.beyond_mm(middle) == pytest.approx(0.0)
    assert look.clip.beyond_mm(middle + [0, 0, 1]) == pytest.approx(1.0)
    look.move_cut(-20.0)
    assert look.depth_mm == pytest.approx(30.0)
    look.set_depth(1e9)
    assert look.depth_mm == pytest.approx(100.0)
    look.move_cut(-1e9)
    assert look.depth_mm == 0.0
    look.cut_from(None)
    assert look.clip is None


def test_presets_of_ct_are_offered_for_ct_alone_and_in_hounsfield_units(look) -> None:
    titles = [preset.title for preset in look.presets]
    assert "Bone (200 HU)" in titles
    assert any(title.startswith("Lung") for title in titles)
    assert any(title.startswith("Soft tissue") for title in titles)
    # A preset beyond all values would show a box, or nothing.
    look.show_volume(scan("CT", "HU", lowest=0))
    titles = [preset.title for preset in look.presets]
    assert titles == ["Surface", "Bone (200 HU)", "Angiography", "MIP"]
    look.show_volume(scan("MR"))
    titles = [preset.title for preset in look.presets]
    assert titles == ["Surface", "Surface, cut open", "Translucent", "Glass", "MIP"]


def test_a_translucent_look_ends_with_a_scan_that_does_not_offer_it(look) -> None:
    preset = next(each for each in look.presets if each.name == "Angiography")
    look.apply(preset)
    assert look.is_translucent and look.takes_level and not look.is_surface
    # Its level is moved like that of a surface: all values with it.
    window = Window(40.0, 400.0)
    usual = look.transfer_under(window)
    assert look.level_under(window) == usual.level
    look.set_level(usual.level + 50)
    moved = look.transfer_under(window)
    assert [each.value for each in moved.stops] == [each.value + 50 for each in usual.stops]
    look.show_volume(scan("CT", "HU"))
    assert look.preset == preset
    look.show_volume(scan("MR"))
    assert look.is_surface and not look.is_translucent
    glass = next(each for each in look.presets if each.name == "Glass")
    look.apply(glass)
    # Shares of the window level: the same colours at the same grey.
    narrow, wide = (
        look.transfer_under(Window(center, width)) for center, width in ((100, 50), (300, 600))
    )
    for share in (0.2, 0.5):
        one, other = (
            narrow.colors(np.array([75 + 50 * share])),
            wide.colors(np.array([600 * share])),
        )
        np.testing.assert_allclose(one[0], other[0])
        np.testing.assert_allclose(one[1], other[1])
    look.toggle_surface()
    assert look.is_surface and not look.is_translucent


def test_a_preset_is_applied_and_recognised_also_where_its_cut_was_moved(look) -> None:
    for preset in look.presets:
        look.apply(preset)
        assert look.preset == preset
        assert look.is_surface == preset.is_surface
        assert look.cut is preset.cut
        if preset.level is not None:
            assert look.level_under(WINDOW) == preset.level
    named = {preset.name: preset for preset in look.presets}
    look.apply(named["Bone"])
    look.cut_from(Side.LEFT)
    assert look.preset == named["Bone"]
    look.apply(named["Soft tissue, cut open"])
    look.set_depth(5.0)
    assert look.preset == named["Soft tissue, cut open"]
    look.cut_from(None)
    assert look.preset == named["Skin"]
    look.set_level(123.0)
    assert look.preset is None
    look.toggle_surface()  # a projection has no level
    assert look.preset == named["MIP"]


def test_level_and_cut_end_with_the_scan_and_surface_or_projection_stays(look) -> None:
    look.toggle_surface()
    look.set_level(300.0)
    look.cut_from(Side.TOP)
    look.show_volume(scan("MR"))
    assert not look.is_surface
    assert not look.has_level
    assert look.cut is None
    assert look.unit == ""
