"""The states of the window that are taken as pictures, in parts, each in an order in which one leads to the next."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from beside import Beside  # in this folder, as are the next two
from case_scenes import CaseScenes
from limits import Limits
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton, QWidget

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.reslice.clip import Side
from fusion3d_gui.imaging.reslice.sampling import Interpolation
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.model.attribution.displacement import (
    Displacement,
    Displacements,
    write_displacements,
)
from fusion3d_gui.model.attribution.localisation_record import Estimate
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.state.display.display import middle_voxel_lps
from fusion3d_gui.widgets.model_page.model_page import ModelPage
from fusion3d_gui.widgets.side.sanity_dialog import SanityDialog
from fusion3d_gui.widgets.volume.find_ray_caster import find_ray_caster
from fusion3d_gui.widgets.volume.ray_caster import SWITCH
from fusion3d_gui.widgets.volume.volume_view import VolumeView
from fusion3d_gui.widgets.window.dialogs.tag_browser import TagBrowser
from fusion3d_gui.widgets.window.overlays.command_palette import CommandPalette
from fusion3d_gui.widgets.window.overlays.keys_overlay import KeysOverlay
from fusion3d_gui.widgets.window.share.share_dialog import ShareDialog

WIDTH, HEIGHT = 1280, 800


class Scenes:
    """Each public method is a part; the demo's prediction is on screen before and after each but ``start``.

    ``wait(done, seconds)`` runs the event loop until ``done()``; ``picture(name, widget, now)`` takes the
    window or a widget; ``now``: without waiting until all views have their final resolution.
    """

    def __init__(self, window, wait: Callable, picture: Callable) -> None:
        self.window, self.wait, self.picture = window, wait, picture
        self.session = window.session

    def start(self) -> None:
        """Before anything is open."""
        self.window.resize(WIDTH, HEIGHT)
        self.picture("start")
        with self.light():
            self.picture("light-start")
        for name in ("CT thorax 2024-03", "T1 follow-up.nii.gz", "MR head"):
            self.window.settings.remember_case([Path("/scans/study") / name])
        self.picture("start-recent")
        self.window.settings.forget_cases()

    def prediction(self) -> None:
        """From opening the demo case to its prediction, current and outdated."""
        session = self.session
        session.open_demo(self.window.demos[0])
        self.wait(lambda: session.store.case is not None and session.store.predicting)
        self.picture("predicting")
        # The number comes before its map.
        self.wait(lambda: session.predictions.heatmap is not None and self.is_idle())
        session.hot_spots.go_to_peak()
        self.picture("prediction")
        with self.light():
            self.picture("light-prediction")
        before = session.form.values["age"]
        session.form.set_value("age", 50)
        self.picture("prediction-outdated")
        session.form.set_value("age", before)
        self.wait(self.is_idle)

    def layouts(self) -> None:
        """Every layout; oblique planes; a slab; 3D as surface and MIP, by processor and by OpenGL."""
        views, display = self.window.views, self.session.display
        first = views.layout_name
        for layout in type(first):
            views.set_layout(layout)
            self.picture(f"layout-{layout.name.lower().replace('_', '-')}")
        views.set_layout(first)
        views.toggle_maximised(views.axial)
        self.picture("layout-alone")
        views.toggle_maximised(views.axial)
        views.toggle_maximised(views.volume)
        self.picture("3d-surface")
        views.volume.display.volume_look.toggle_surface()
        self.picture("3d-mip")
        views.volume.display.volume_look.toggle_surface()
        views.volume.display.volume_look.cut_from(Side.LEFT)
        self.picture("3d-cut")
        views.volume.display.volume_look.reset()
        look = views.volume.display.volume_look
        for preset in [each for each in look.presets if each.transfer is not None]:
            look.apply(preset)
            self.picture(f"3d-{preset.name.lower()}")
        look.apply(look.presets[0])
        self._by_graphics_card()
        views.toggle_maximised(views.volume)
        views.axial.turn_others(0.35)
        views.coronal.turn_others(0.2)
        self.picture("oblique")
        views.straighten()
        display.slab.set_thickness(20)
        self.picture("slab")
        display.slab.set_thickness(0)

    def _by_graphics_card(self) -> None:
        """3D drawn by OpenGL where there is any, also in software: ``xvfb-run python take.py …``."""
        os.environ[SWITCH] = "any"
        caster = find_ray_caster()
        if caster is None:
            print("3d-opengl: not taken, there is no OpenGL on this screen", flush=True)
        else:
            caster.close()
            view = VolumeView(self.session.display)
            view.resize(self.window.views.size())
            view.set_volume(self.session.store.case.volume)
            view.set_heatmap(self.session.predictions.current.heatmap)
            view.show()
            self.wait(lambda: view.is_settled, 20)
            self.picture("3d-opengl", view)
            view.display.volume_look.toggle_surface()
            self.picture("3d-opengl-mip", view)
            view.display.volume_look.toggle_surface()
            view.display.volume_look.cut_from(Side.LEFT)
            self.picture("3d-opengl-cut", view)
            view.display.volume_look.reset()
            view.close()
        os.environ[SWITCH] = "off"

    def appearance(self) -> None:
        """Colour maps, interpolation, contours, blinking, cine."""
        views, display = self.window.views, self.session.display
        level, overlay = display.window_level, display.overlay
        before = level.color_map
        level.set_color_map("Hot iron")
        level.invert()
        self.picture("colours-inverted")
        level.invert()
        level.set_color_map(before)
        overlay.toggle_contours()
        self.picture("contours")
        overlay.toggle_contours()
        overlay.toggle_blinking()
        self.picture("blink-shown", now=True)
        self.wait(lambda: not overlay.is_drawn, 5)
        self.picture("blink-hidden", now=True)
        overlay.toggle_blinking()
        at = views.axial.crosshair_px
        views.axial.camera.zoom_about(at.x(), at.y(), 6.0)
        for interpolation in Interpolation:
            display.smoothing.set_interpolation(interpolation)
            self.picture(f"interpolation-{interpolation.name.lower()}")
        display.smoothing.set_interpolation(Interpolation.LINEAR)
        views.axial.fit()
        views.toggle_cine()
        self.picture("cine", now=True)
        views.toggle_cine()
        self.session.hot_spots.go_to_peak()

    def tools(self) -> None:
        """Every kind of mark, one selected, with the table; then two tools chosen."""
        marks, window = self.session.annotations, self.window
        # In the slice on screen, within the brain.
        where = middle_voxel_lps(self.session.store.case)
        where[2] = self.session.display.crosshair.position_lps[2]

        def draw(kind: str, *places: tuple[float, float, float]) -> None:
            points = tuple(tuple(float(x) for x in where + np.array(each)) for each in places)
            marks.set_draft(kind, points, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
            marks.keep_draft()

        draw("distance", (-18, -72, 0), (10, -46, 0))
        draw("angle", (-40, 66, 0), (-22, 44, 0), (4, 62, 0))
        draw("ellipse", (24, -30, 0), (44, -10, 0))
        draw("rectangle", (-50, -14, 0), (-30, 6, 0))
        draw("arrow", (16, 36, 0), (34, 52, 0))
        marks.set_text(5, "compare with June")
        draw("distance", (-10, 8, -30), (20, 26, 30))
        marks.add_point(where + np.array([-36.0, 28.0, 0.0]))
        marks.select(3)
        window.settings.toggle_panel("marks")
        self.picture("marks")
        with self.light():
            self.picture("light-marks")
        for tool in ("distance", "ellipse"):
            self.session.tool.choose(tool)
            self.picture(f"tool-{tool}")
        self.session.tool.choose("crosshair")
        window.settings.toggle_panel("marks")
        self._dialog("export", window.files.export_measurements)
        marks.remove_all()

    def dialogs(self) -> None:
        """Dialogs."""
        window = self.window
        window.menus.actions["slab_mm"].trigger()
        self._dialog("slab-thickness")
        window.menus.actions["about"].trigger()
        self._dialog("about", of=QMessageBox)
        self._dialog("save-result", window.files.save_result)
        self._dialog("open-file", window.files.open_file)
        window.menus.actions["share"].trigger()
        self.wait(lambda: bool(window.findChildren(ShareDialog)))
        share = window.findChildren(ShareDialog)[-1]
        self.wait(lambda: bool(share.preview.pages))
        self._dialog("share", of=ShareDialog)

    def _dialog(
        self, name: str, ask: Callable[[], object] | None = None, of: type = QWidget
    ) -> None:
        """Take the modal dialog that is open, or that ``ask`` opens."""

        def take() -> None:
            dialog = QApplication.activeModalWidget()
            found = dialog or self.window.findChildren(of)[-1]
            self.picture(f"dialog-{name}", found)
            found.close()

        if ask is None:
            take()
        else:
            QTimer.singleShot(100, take)
            ask()

    def workbench(self) -> None:
        """Every page of the workbench in the whole side panel; checks of a heatmap; all models; occlusion."""
        window, session = self.window, self.session
        side, panel, page = window.side, window.side.widget(), window.side.workbench
        self.wait(self.is_idle)
        session.form.set_value("age", 50)
        page.show_page(0)
        self.picture("what-if", panel)
        session.predictions.reset_form()
        page.show_page(1)
        self.picture("why", panel)
        page.show_page(2)
        session.augmentation.start()
        self.wait(self.is_idle)
        self.picture("how-sure", panel)
        with self.light():
            self.picture("light-how-sure", panel)
        session.form.set_value("age", 101)
        self.picture("how-sure-outside", panel)
        session.predictions.reset_form()
        page.show_page(None)
        session.explainer.check()
        self.picture("checking", panel)
        self.wait(lambda: bool(window.findChildren(SanityDialog)))
        for dialog in window.findChildren(SanityDialog):
            self.picture("checks", dialog)
            with self.light():
                self.picture("light-checks", dialog)
            dialog.close()
        session.model_comparison.start()
        self.wait(self.is_idle)
        session.model_comparison.show_maps(True)
        side.verticalScrollBar().setValue(side.verticalScrollBar().maximum())
        self.picture("models")
        session.model_comparison.show_maps(False)
        before = session.explanation_choice.wanted
        session.explainer.show_both_sides()
        self.wait(self.is_idle)
        self.picture("raised-and-lowered")
        session.side_by_side.hide()
        session.explanation_choice.choose(Explanation("input-gradient", ()))
        self.wait(self.is_idle)
        self.picture("input-gradient")
        session.explainer.toggle_beside_gradcam()
        self.wait(self.is_idle)
        self.picture("beside-gradcam")
        session.side_by_side.hide()
        session.display.overlay.keep_scale(2 * session.predictions.heatmap.peak)
        self.picture("kept-scale")
        session.display.overlay.keep_scale(None)
        session.explanation_choice.choose(Explanation("occlusion", ()))
        self.wait(lambda: session.store.shown_prediction.explanation is None or self.is_idle())
        self.picture("occlusion-coarse")
        self.wait(self.is_idle)
        self.picture("occlusion")
        session.explanation_choice.choose(before)
        self.wait(self.is_idle)
        side.verticalScrollBar().setValue(0)

    def limits(self) -> None:
        """A refused entry; a case that is doubtful, refused, shown despite that, or no simulated one."""
        Limits(self).take()

    def cases(self) -> None:
        """The table of cases with curves and map; a reader study; the page of the PACS and its studies as cases."""
        scenes = CaseScenes(self)
        scenes.table()
        scenes.reading()
        scenes.pacs()

    def beside(self) -> None:
        """A second scan, drawn over the first in every way; masks."""
        Beside(self).take()

    def in_both_themes(self, name: str) -> None:
        """Take the window in the dark theme, then in the light one."""
        self.picture(name)
        with self.light():
            self.picture(f"light-{name}")

    def looks(self) -> None:
        """Larger text, the smallest window, presentation."""
        window = self.window
        for steps, name in ((2, "text-130"), (1, "text-150")):
            for _ in range(steps):
                window.menus.actions["larger"].trigger()
            self.picture(name)
        window.menus.actions["usual"].trigger()
        window.resize(window.minimumSize())
        self.picture("smallest")
        window.resize(WIDTH, HEIGHT)
        for name, size in (("presentation", (WIDTH, HEIGHT)), ("presentation-1024", (1024, 768))):
            window.presentation.toggle()
            window.showNormal()  # the screen of a machine without one is small
            window.resize(*size)
            self.picture(name)
            if name == "presentation":
                with self.light():
                    self.picture("light-presentation")
            window.presentation.toggle()
        window.resize(WIDTH, HEIGHT)

    def displaced(self) -> None:
        """A map corrected for its displacement, the same raw, and one that does not point."""
        session, choice = self.session, self.session.explanation_choice
        own = session.store.bundle
        one = Displacement(
            "gradcam", 4, 8, 2.75, 40, (2.0, -1.5, 1.0), (1.5, -2.0, 0.5), (2.5, -1.0, 1.5),
            (1.0, 1.0, 1.0), 0.9, 0.0, Estimate(0.8),
        )  # fmt: skip
        empty = replace(one, method="layercam", stage=3, deletion=Estimate(0.02))
        with TemporaryDirectory() as scratch:
            folder = Path(shutil.copytree(own.folder, Path(scratch) / own.name))
            sha = ModelBundle.load(folder).weights_sha256
            write_displacements(folder, Displacements((one, empty), sha, 0.0, "cases.csv"))
            session.models.choose_and_load(BundleInfo.read(folder))
            self.wait(self.is_idle)
            choice.choose(Explanation())
            session.predictions.predict()
            self.wait(self.is_idle)
            session.hot_spots.go_to_peak()
            self.picture("map-corrected")
            choice.toggle_raw()
            self.wait(self.is_idle)
            self.picture("map-raw")
            choice.toggle_raw()
            choice.choose(Explanation("layercam", (3,)))
            self.wait(self.is_idle)
            self.picture("map-does-not-point")
            choice.choose(Explanation(*own.default_map))
            session.models.choose_and_load(own)
            self.wait(self.is_idle)
            session.predictions.predict()
            self.wait(self.is_idle)

    def finding(self) -> None:
        """Command palette, keys, tags, the model's page, hidden identity, an error notice."""
        window = self.window
        window.menus.actions["palette"].trigger()
        palette = window.findChildren(CommandPalette)[-1]
        palette.line.setText("me")
        self.picture("palette", palette)
        palette.close()
        window.menus.actions["keys"].trigger()
        self.picture("keys")
        with self.light():
            self.picture("light-keys")
        for overlay in window.findChildren(KeysOverlay):
            overlay.close()
        window.menus.actions["tags"].trigger()
        browser = window.findChildren(TagBrowser)[-1]
        self.wait(lambda: browser.model.rowCount() > 0, 20)
        self.picture("tags", browser)
        with self.light():
            self.picture("light-tags", browser)
        browser.close()
        self._model_page()
        self.session.store.identity.set_hidden(True)
        self.picture("hidden")
        self.session.store.identity.set_hidden(False)
        self.session.opener.open(Path(__file__))
        self.wait(lambda: bool(self.window.notices.texts), 20)
        self.picture("mistake")
        window.notices.clear()

    def _model_page(self) -> None:
        self.window.menus.actions["model_page"].trigger()
        page = self.window.findChildren(ModelPage)[-1]
        for button in page.segments.findChildren(QPushButton):
            button.click()
            self.picture(f"model-{button.text().lower()}", page)
        page.close()

    def files(self) -> None:
        """A folder of several series, while it is read and afterwards; lossy compression."""
        session, window = self.session, self.window
        demo = session.store.case.volume
        with TemporaryDirectory() as scratch:
            folder = Path(scratch) / "MR study"
            fine = Volume(
                np.repeat(demo.voxels, 4, axis=0),
                demo.affine @ np.diag([1, 1, 0.25, 1]),
                modality="MR",
                description="T1 thin",
            )
            about = {"PatientName": "Demo^Positive", "PatientID": "DEMO-1"}
            lossy = about | {"LossyImageCompression": "01", "SeriesNumber": "2"}
            half = Volume(
                demo.voxels[:, ::2, ::2],
                demo.affine @ np.diag([2, 2, 1, 1]),
                modality="MR",
                description="T1 half the matrix",
            )
            write_dicom_series(fine, folder / "thin", attributes=about, uid_seed="thin")
            write_dicom_series(half, folder / "half", attributes=lossy, uid_seed="half")
            session.opener.open(folder)
            self.wait(
                lambda: window.loading_card.isVisible() or not session.store.loading.running, 20
            )
            if session.store.loading.running:
                self.picture("loading", now=True)
            self.wait(lambda: not session.store.loading.running)
            self.wait(lambda: not session.store.browsing.running, 20)
            self.picture("series")
            with self.light():
                self.picture("light-series")
            uid = next(each.uid for each in session.store.case.series if "half" in each.description)
            session.opener.open(folder, uid)
            self.wait(lambda: not session.store.loading.running)
            self.picture("lossy")
        session.open_demo(window.demos[0])
        self.wait(lambda: session.predictions.current is not None and self.is_idle())

    def is_idle(self) -> bool:
        """Whether nothing is read or computed, and no heatmap is awaited: the number comes before its map."""
        store, shown = self.session.store, self.session.store.shown_prediction
        awaits_heatmap = shown is not None and shown.awaits_heatmap
        return not (store.loading.running or store.inference.running or awaits_heatmap)

    def light(self) -> _Light:
        """Context in which the light theme is on."""
        return _Light(self.window.settings)


class _Light:
    """Context in which the light theme is on."""

    def __init__(self, settings) -> None:
        self._settings = settings

    def __enter__(self) -> None:
        self._settings.change(replace(self._settings.values, theme="light"))

    def __exit__(self, *_: object) -> None:
        self._settings.change(replace(self._settings.values, theme="dark"))
