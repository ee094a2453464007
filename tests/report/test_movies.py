"""Movies: every frame says whose, by which model and for what; shots lie where they should; files play elsewhere."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.imaging.plane import AXIAL, CORONAL
from fusion3d_gui.progress import no_progress
from fusion3d_gui.report.framed_picture import FrameTexts, frame_texts, picture_of_view
from fusion3d_gui.report.movie.framed import Framer
from fusion3d_gui.report.movie.movie_file import write_movie
from fusion3d_gui.report.movie.scenes import TurnLook, scroll, tour, turn
from fusion3d_gui.report.movie.shot import Shot, draw_scale
from fusion3d_gui.report.picture.paint import drawing_rgb

pytestmark = pytest.mark.usefixtures("qapp")


@pytest.fixture
def result(make_result):
    return make_result()


def few(shots, count: int = 4):
    return min(count, shots[0]), islice(shots[1], count)


@pytest.mark.parametrize(("mm", "length_mm"), [(0.5, 50.0), (0.25, 10.0)])
def test_the_scale_bar_has_the_length_that_it_names_and_a_dark_edge(mm, length_mm) -> None:
    canvas = np.full((80, 220, 3), 90, np.uint8)
    draw_scale(canvas, mm)
    below = canvas[-12:]  # without the number
    white, dark = (np.argwhere((below == shade).all(axis=2)) for shade in (255, 0))
    (top, left), (bottom, right) = white.min(axis=0), white.max(axis=0)
    assert (right - left + 1) * mm == length_mm and bottom - top == 1
    assert left == 8 and (dark.min(axis=0) == (top - 1, left - 1)).all()
    assert (dark.max(axis=0) == (bottom + 1, right + 1)).all()


def test_a_framed_shot_is_what_the_drawing_of_it_would_be() -> None:
    ramp = np.indices((330, 660))[1].astype(np.float32) * 255 / 660
    shot = Shot(np.repeat(ramp[..., None], 3, axis=2).astype(np.uint8), "A title", 50)
    for misfit in (False, True):
        texts = FrameTexts("Somebody", "MR", "40 %", ("DOUBTFUL: odd",), misfit)
        framed = Framer(texts).framed(shot)
        drawn = drawing_rgb(picture_of_view(texts, shot.rgb, shot.title), 5.0)
        assert framed.shape == drawn.shape
        difference = np.abs(framed.astype(int) - drawn)
        assert difference.mean() < 1.0 and np.percentile(difference, 99.5) < 12


def test_each_new_title_is_painted_and_all_else_stays(result) -> None:
    framer = Framer(frame_texts(result))
    black = np.zeros((100, 200, 3), np.uint8)
    one, two = (framer.framed(Shot(black, title, 1)) for title in ("One", "Two"))
    changed = np.argwhere((one != two).any(axis=2))
    height = changed[:, 0].max() - changed[:, 0].min()
    assert len(changed) and height < 25
    np.testing.assert_array_equal(framer.framed(Shot(black, "One", 1)), one)


def test_the_scroll_shows_each_slice_once_with_the_heat_beside(result) -> None:
    count, shots = scroll(result, AXIAL)
    found = list(shots)
    assert len(found) == count == result.volume.shape[0]
    assert len({shot.rgb.shape for shot in found}) == 1 == len({shot.title for shot in found})
    # The bright ball lies at k = 14, and under it the plain half is gray alone.
    brightest = [shot.rgb[40:-40, 30 : shot.rgb.shape[1] // 2 - 30].mean() for shot in found]
    assert abs(int(np.argmax(brightest)) - 14) <= 2
    half = found[14].rgb[:, : found[14].rgb.shape[1] // 2 - 4]
    assert np.ptp(half.astype(int), axis=2).max() == 0
    assert np.ptp(found[14].rgb.astype(int), axis=2).max() > 30


def test_another_plane_has_its_own_slices(result) -> None:
    count, shots = scroll(result, CORONAL)
    assert count == result.volume.shape[1] and "Coronal" in next(shots).title


def test_the_tour_holds_every_hot_spot_in_the_middle_of_its_ring(result) -> None:
    _, shots = tour(result)
    found = list(shots)
    held = [shot for shot in found if shot.milliseconds > 1000]
    spots = result.hot_spots[:8]
    assert len(held) == len(spots) > 0
    assert all(shot.title.startswith(f"Hot spot {n} of") for n, shot in enumerate(held, start=1))
    assert len({shot.rgb.shape for shot in found}) == 1
    none = list(tour(replace(result, hot_spots=()))[1])
    assert len(none) == 1 and none[0].title == "No hot spot above the threshold"


def test_the_ring_of_the_tour_lies_about_its_spot_in_all_three_planes(result) -> None:
    spot = result.hot_spots[0]
    # On black, where all of a white ring shows.
    dark = replace(result.appearance, window=Window(1e6, 1.0), opacity=0.0)
    place = np.array(result.volume.center_lps) + (11.0, -7.0, 9.0)

    def held(radius_mm: float) -> np.ndarray:
        ringed = replace(spot, position_lps=place, radius_mm=radius_mm)
        return list(tour(replace(result, hot_spots=(ringed,), appearance=dark))[1])[-1].rgb.astype(
            int
        )

    changed = (held(9.0) != held(12.0)).any(axis=2)
    (x, y, z), (low, high) = place, result.volume.bounds_lps
    width = high - low
    # Axial, coronal and sagittal planes in a row: (across, down) from the left upper corner, mm.
    planes = (
        (width[0], width[1], x - low[0], y - low[1]),
        (width[0], width[2], x - low[0], high[2] - z),
        (width[1], width[2], y - low[1], high[2] - z),
    )
    mm = sum(plane[0] for plane in planes) / (3 * 330)
    left = 0
    for across, down, right_mm, down_mm in planes:
        columns, rows = round(across / mm), round(down / mm)
        top = (changed.shape[0] - rows) // 2
        found = np.argwhere(changed[:, left : left + columns])
        row, column = (found.min(axis=0) + found.max(axis=0)) / 2
        assert column == pytest.approx(right_mm / mm - 0.5, abs=2.0)
        assert row == pytest.approx(top + down_mm / mm - 0.5, abs=2.0)
        left += columns + 6


def test_the_turn_goes_once_around_and_shows_the_patients_sides(result) -> None:
    # A ball on the patient's left, in front: from the front on the screen's right, from behind on its left.
    voxels = np.zeros((40, 40, 40), np.int16)
    voxels[18:23, 8:13, 28:33] = 1000
    affine = np.diag([5.0, 5.0, 5.0, 1.0])
    volume = replace(
        result.volume, voxels=voxels, affine=affine, image_numbers=(), slice_locations_mm=()
    )
    empty = replace(
        result.prediction,
        heatmap=replace(result.prediction.heatmap, values=np.zeros((3, 3, 3), np.float32)),
    )
    shown = replace(result, volume=volume, prediction=empty)
    for look in (TurnLook(500.0), TurnLook(None)):
        count, shots = turn(shown, look)
        found = list(shots)
        assert len(found) == count
        inner = [shot.rgb[60:-60, 40:-40].astype(float) for shot in found]
        columns = np.arange(inner[0].shape[1])
        where = [
            float((image.sum(axis=(0, 2)) * columns).sum() / max(image.sum(), 1)) for image in inner
        ]
        middle = inner[0].shape[1] / 2
        assert where[0] > middle + 20 and where[count // 2] < middle - 20
        # From the patient's left the front is on the screen's left (radiological, as in the 3D view).
        assert where[count // 4] < middle - 20 and where[3 * count // 4] > middle + 20


def test_an_inverted_turn_is_the_negative_of_the_plain_one(result) -> None:
    voxels = np.zeros((40, 40, 40), np.int16)
    voxels[10:30, 10:30, 10:30] = 700
    affine = np.diag([5.0, 5.0, 5.0, 1.0])
    volume = replace(
        result.volume, voxels=voxels, affine=affine, image_numbers=(), slice_locations_mm=()
    )
    empty = replace(
        result.prediction,
        heatmap=replace(result.prediction.heatmap, values=np.zeros((3, 3, 3), np.float32)),
    )
    shown = replace(result, volume=volume, prediction=empty)
    middles = []
    for inverted in (False, True):
        look = replace(result.appearance, window=Window(500.0, 1000.0), inverted=inverted)
        _, shots = turn(replace(shown, appearance=look), TurnLook(None))
        rgb = next(iter(shots)).rgb
        middles.append(rgb[rgb.shape[0] // 2, rgb.shape[1] // 2].astype(int))
    plain, negative = middles
    assert plain.min() > 150
    np.testing.assert_allclose(negative, 255 - plain, atol=1)


@pytest.mark.parametrize("suffix", [".webp", ".gif"])
def test_other_libraries_read_the_files(result, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"movie{suffix}"
    write_movie(path, result, few(scroll(result), 5), no_progress)
    content = path.read_bytes()
    if suffix == ".gif":
        frames = imagecodecs.gif_decode(content)
        assert frames.shape[0] == 5
        first = frames[0, ..., :3]
    else:
        assert content[:4] == b"RIFF" and content.count(b"ANMF") == 5
        first = imagecodecs.webp_decode(content, index=0)[..., :3]
    expected = Framer(frame_texts(result)).framed(next(scroll(result)[1]))
    assert np.abs(first.astype(int) - expected).mean() < 6


def test_nothing_is_written_where_it_is_cancelled_or_of_another_kind(result, tmp_path) -> None:
    def cancel(fraction: float, message: str) -> None:
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        write_movie(tmp_path / "a.webp", result, few(scroll(result), 4), cancel)
    with pytest.raises(UserError, match=r"\.webp or \.gif"):
        write_movie(tmp_path / "a.mp4", result, few(scroll(result), 4), no_progress)
    assert not list(tmp_path.glob("a.*"))


def test_no_name_is_in_a_movie_without_identity(result) -> None:
    named, hidden = frame_texts(result), frame_texts(result.without_identity())
    assert "Plantovsky" in named.patient and "Plantovsky" not in str(hidden)
    black = np.zeros((100, 200, 3), np.uint8)
    one, two = (Framer(texts).framed(Shot(black, "x", 1)) for texts in (named, hidden))
    assert (one != two).any()
