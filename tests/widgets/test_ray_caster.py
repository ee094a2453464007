"""3D by the graphics card: the same picture as the processor's, and none where there is no OpenGL."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from fusion3d_gui.widgets.volume.find_ray_caster import find_ray_caster

#: Run on a screen of its own: draws with Mesa's software OpenGL and compares with the processor.
COMPARE = """
import sys
import numpy as np
from PySide6.QtCore import QSize
from PySide6.QtWidgets import QApplication
from fusion3d_gui.imaging.reslice.projector_preparation import prepare_projector
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.imaging.display.window import presets
from fusion3d_gui.imaging.reslice.clip import Side
from fusion3d_gui.widgets.volume.find_ray_caster import find_ray_caster
from fusion3d_gui.widgets.volume.volume_view import VolumeView

app = QApplication([])
if find_ray_caster() is None:
    sys.exit(77)
k, j, i = np.mgrid[:40, :48, :52].astype(float)
ball = 1000 / (1 + np.exp((np.hypot(np.hypot(i - 26, j - 24), (k - 20) * 1.5) - 16) / 1.5))
ball += 900 * np.exp(-((i - 38) ** 2 + (j - 14) ** 2 + (k - 28) ** 2) / 12)
affine = np.diag([-1.0, 1.0, 1.5, 1.0])
caster = find_ray_caster()

def look(slope):
    global view
    volume = Volume(((ball - 20) / slope).astype(np.int16), affine, slope=slope, intercept=20.0)
    heat = np.zeros((5, 6, 6), np.float32)
    heat[3, 1, 4] = 1.0
    grid = affine @ np.diag([9.0, 8.0, 8.0, 1.0])
    display = Display()
    low, high = volume.bounds_lps
    display.crosshair.set_bounds(low, high, volume.center_lps)
    display.window_level.set_presets(presets(volume))
    display.volume_look.show_volume(volume)
    view = VolumeView(display)
    view.resize(150, 140)
    view.set_volume(volume)
    view.set_heatmap(Heatmap(heat, grid, "gradcam", "x"))
    view.show()
    while not view.is_settled:
        app.processEvents()

def picture(caster):
    view.picture.caster, view.picture.has_probed = caster, True
    image = view.grab().toImage().convertToFormat(view.grab().toImage().Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    assert (view.picture.caster is None) == (caster is None)
    return rows[25:-25, 25:-25, :3].astype(float)

def compare(name, likeness, difference):
    ours, theirs = picture(caster), picture(None)
    assert theirs.std() > 20, "nothing to be seen"
    for channel in range(3):
        alike = np.corrcoef(ours[..., channel].ravel(), theirs[..., channel].ravel())[0, 1]
        apart = np.abs(ours - theirs)[..., channel].mean()
        print(name, channel, round(alike, 3), round(apart, 1))
        assert alike > likeness, "another picture"
        assert apart < difference, "another brightness"
    return ours

for slope, surface, turn in ((1.0, True, 0), (1.0, False, 50), (-2.0, True, 120), (-2.0, False, 0)):
    look(slope)
    shown = view.display.volume_look
    if shown.is_surface != surface:
        shown.toggle_surface()
    view.turn(turn, 5)
    whole = compare((slope, surface, turn), 0.93 if surface else 0.97, 14)
    # Other levels of the surface; the small bright spot alone is above the highest.
    for level in (60.0, 600.0, 1100.0) if surface else ():
        shown.set_level(level)
        assert np.abs(compare((slope, "level", level), 0.93, 18) - whole).mean() > 0.5
    shown.set_level(None)
    # Each side; of what is turned away from the reader only a rim is seen to go.
    for side in Side:
        shown.cut_from(side)
        assert np.abs(compare((slope, surface, side), 0.92, 14) - whole).mean() > 0.5
    shown.set_depth(0.3 * shown.deepest_mm)
    compare((slope, surface, "less"), 0.92, 14)
    shown.cut_from(Side.FRONT)
    for inverted in (True, False):
        view.display.window_level.invert()
        # Of an inverted face only its rim is bright: a pixel or two, where the two paths differ.
        compare((slope, surface, "inverted", inverted), 0.85, 16)
    if surface:
        for preset in [each for each in shown.presets if each.transfer is not None]:
            shown.apply(preset)
            while not view.is_settled:
                app.processEvents()
            whole = compare((slope, preset.name), 0.93, 14)
            shown.cut_from(Side.LEFT)
            assert np.abs(compare((slope, preset.name, "cut"), 0.93, 14) - whole).mean() > 0.5
caster.close()
"""


def test_without_opengl_or_with_it_switched_off_the_processor_draws(qapp, monkeypatch):
    monkeypatch.setenv("FUSION3D_OPENGL", "off")
    assert find_ray_caster() is None


@pytest.mark.skipif(not shutil.which("Xvfb"), reason="needs a screen of its own (Xvfb)")
def test_the_graphics_card_draws_what_the_processor_draws():
    number, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "640x480x24", "-nolisten", "tcp"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    screen = subprocess.Popen(command, pass_fds=[write], **quiet)
    os.close(write)
    try:
        with os.fdopen(number) as told:
            display = told.readline().strip()
        if not display:
            pytest.skip("Xvfb would not start")
        about = {"DISPLAY": f":{display}", "QT_QPA_PLATFORM": "xcb", "FUSION3D_OPENGL": "any"}
        done = subprocess.run(
            [sys.executable, "-c", COMPARE],
            env=os.environ | about,
            capture_output=True,
            text=True,
            timeout=120,
        )
    finally:
        screen.terminate()
        screen.wait()
    if done.returncode == 77 or "could not load the Qt platform plugin" in done.stderr.lower():
        pytest.skip("no OpenGL 3.3 on this machine, not even in software")
    assert done.returncode == 0, done.stdout + done.stderr
