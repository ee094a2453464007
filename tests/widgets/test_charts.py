"""Charts: read, zoomed, moved, saved, in the theme's colours, and loaded only when they are shown."""

from __future__ import annotations

import csv
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QContextMenuEvent, QHelpEvent, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox, QToolTip

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.inference.analysis.result_types import Curve
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.explain.sanity_report import SanityReport
from fusion3d_gui.model.schema import Field
from fusion3d_gui.widgets.charts.chart_menu import ChartMenu, save_chart
from fusion3d_gui.widgets.charts.curve_chart import CurveChart
from fusion3d_gui.widgets.charts.map_check_chart import MapCheckChart
from fusion3d_gui.widgets.charts.score_chart import ScoreChart
from fusion3d_gui.widgets.charts.share_chart import Share, ShareChart
from fusion3d_gui.widgets.look import theme

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
REST = ("points", "probabilities", "own", "chance")
AGES = np.linspace(40.0, 90.0, 51)


@pytest.fixture
def shown(qapp, qtbot):
    """Show a chart in a window of its own, 300 px wide."""
    theme.apply_theme(qapp)

    def show(chart, width: int = 300):
        qtbot.addWidget(chart)
        chart.resize(width, chart.sizeHint().height())
        chart.show()
        QApplication.processEvents()
        return chart

    yield show
    theme.change(qapp, "dark", 1.0)


def age_curve(own: float = 71.0) -> Curve:
    field = Field("age", "Age <b>now</b>", "number", unit="years", decimals=0, mean=60, std=8)
    chances = (AGES - 40) / 50
    return Curve(field, tuple(AGES.tolist()), chances, own, (own - 40) / 50)


def sex_curve() -> Curve:
    field = Field("sex", "Sex", "category", choices=(("F", "Female"), ("M", "Male")))
    return Curve(field, ("F", "M"), np.array([0.5, 0.25]), "F", 0.5)


@pytest.fixture
def curves(shown):
    chart = CurveChart()
    chart.show_curves([age_curve(), sex_curve()], 0.5)
    return shown(chart)


@pytest.fixture
def scores(shown):
    chart = ScoreChart()
    chart.show_scores(("no lesion", "lesion"), (np.array([0.11, 0.12, 0.3]), np.array([0.9])), 0.62)
    return shown(chart)


def report() -> SanityReport:
    step = np.linspace(0, 1, 11)
    return SanityReport(
        Explanation("gradcam", (4,)),
        ("head", "stage 4"),
        (0.6, 0.1),
        (0.9, 0.95, 0.93),
        {"gradcam++": 0.8},
        1 - step,
        np.stack([1 - step**2] * 3),
        step,
        np.stack([step**2] * 3),
    )


def move(widget, where: QPointF) -> None:
    # The pointer is met by the window that lies under it: none that another test left open may lie above.
    for other in QApplication.topLevelWidgets():
        if other is not widget.window():
            other.hide()
    QApplication.processEvents()  # a window that goes sends Leave to what lay under the pointer
    # A pointer that is there already sends nothing.
    QTest.mouseMove(widget, where.toPoint() + QPoint(1, 1))
    QTest.mouseMove(widget, where.toPoint())
    QApplication.processEvents()


@pytest.mark.parametrize("module", ["fusion3d_gui.app", "fusion3d_gui.widgets.window.main_window"])
def test_the_window_is_imported_without_pyqtgraph_cmap_and_matplotlib(module):
    heavy = ("pyqtgraph", "cmap", "matplotlib")
    code = f"import sys, {module}; sys.exit(any(name in sys.modules for name in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_chart_shown_before_pyqtgraph_is_there_appears_once_another_thread_has_imported_it():
    code = """
import os, sys, threading, time
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from PySide6.QtWidgets import QApplication
app = QApplication([])
from fusion3d_gui.widgets.look.theme import apply_theme
from fusion3d_gui.widgets.charts.share_chart import Share, ShareChart
apply_theme(app)
chart = ShareChart()
chart.show_shares([Share("Image", 1.0)])
chart.show()
assert chart.plot is None
names = [each.name for each in threading.enumerate()]
assert "chart library" in names or "pyqtgraph" in sys.modules, names  # it may be done already
end = time.monotonic() + 60
while chart.plot is None and time.monotonic() < end:
    app.processEvents()
assert len(chart.plot.panels) == 1
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_title_line_reads_the_value_under_the_pointer_and_the_range_without_one(curves):
    panel = curves.plot.panels[0]
    assert panel.title.summary == "< 0.1 % to > 99.9 %"
    move(curves, panel.px_at(60.0, 0.5))
    assert panel.title.reading == "60 years: 40 %"
    move(curves, curves.plot.panels[1].px_at(1.0, 0.5))
    assert panel.title.reading == ""
    assert curves.plot.panels[1].title.reading == "Male: 25 %"
    QApplication.sendEvent(curves, QEvent(QEvent.Type.Leave))
    assert curves.plot.panels[1].title.reading == ""


def test_a_drag_that_leaves_its_panel_goes_on_with_the_field_that_it_began_with(curves, qtbot):
    tried = []
    curves.tried.connect(lambda *each: tried.append(each))
    age, sex = curves.plot.panels
    QTest.mousePress(curves, LEFT, pos=age.px_at(50, 0.5).toPoint())
    assert tried.pop() == ("age", 50.0)
    QTest.mouseMove(curves, sex.px_at(1.0, 0.5).toPoint())
    QTest.mouseRelease(curves, LEFT, pos=sex.px_at(1.0, 0.5).toPoint())
    assert {name for name, _ in tried} <= {"age"}
    tried.clear()
    QTest.mouseClick(curves, LEFT, pos=sex.px_at(1.0, 0.5).toPoint())
    assert tried == [("sex", "M")]


def test_a_model_with_other_names_for_its_fields_gets_panels_of_its_own(curves):
    field = Field("sex", "Sex at birth", "category", choices=(("F", "Woman"), ("M", "Man")))
    curve = sex_curve()
    curves.show_curves([Curve(field, *[getattr(curve, n) for n in REST])], 0.5)
    (panel,) = curves.plot.panels
    assert panel.title.title == "Sex at birth"
    move(curves, panel.px_at(1.0, 0.5))
    assert panel.title.reading == "Man: 25 %"
    QApplication.sendEvent(curves, QEvent(QEvent.Type.Leave))


def test_the_present_value_is_marked_where_the_curve_is(curves):
    def marked_at(age: float) -> bool:
        # Above the line, which is thinner than the mark.
        at = curves.plot.panels[0].px_at(age, (age - 40) / 50).toPoint() - QPoint(0, 3)
        return curves.grab().toImage().pixelColor(at) == QColor(theme.ACCENT)

    assert [marked_at(age) for age in (71.0, 45.0)] == [True, False]
    curves.show_curves([age_curve(45.0), sex_curve()], 0.5)
    assert [marked_at(age) for age in (71.0, 45.0)] == [False, True]


def test_ctrl_and_wheel_zoom_about_the_pointer_and_a_double_click_shows_all_again(
    curves, turn_wheel
):
    panel = curves.plot.panels[0]
    where = panel.px_at(60.0, 0.4)
    turn_wheel(curves, 120, where)
    assert not curves.is_zoomed  # without ctrl the panel around it scrolls
    turn_wheel(curves, 360, where, ctrl=True)
    assert curves.is_zoomed
    assert panel.value_at(where) == pytest.approx((60.0, 0.4), abs=0.5)
    assert panel.px_at(70.0, 0.4).x() - where.x() > 80
    curves.show_curves([age_curve(50.0), sex_curve()], 0.5)
    assert curves.is_zoomed  # other values of the form don't end it
    QTest.mouseDClick(curves, LEFT, pos=where.toPoint())
    assert not curves.is_zoomed
    turn_wheel(curves, -1200, where, ctrl=True)
    assert not curves.is_zoomed


def test_shift_and_drag_moves_what_is_zoomed_within_its_whole_range(curves, turn_wheel):
    panel = curves.plot.panels[0]
    where = panel.px_at(60.0, 0.4)
    turn_wheel(curves, 480, where, ctrl=True)
    QTest.mousePress(curves, LEFT, Qt.KeyboardModifier.ShiftModifier, where.toPoint())
    QTest.mouseMove(curves, where.toPoint() + QPoint(40, 0))
    assert panel.px_at(60.0, 0.4).x() == pytest.approx(where.x() + 40, abs=2)
    QTest.mouseMove(curves, where.toPoint() + QPoint(5000, 0))
    QTest.mouseRelease(curves, LEFT, pos=where.toPoint())
    assert panel.value_at(panel.area_px.topLeft())[0] >= 38.9


def test_both_histograms_zoom_together(scores, turn_wheel):
    first, last = scores.plot.panels
    turn_wheel(scores, 480, last.px_at(0.5, 0.5), ctrl=True)
    QApplication.processEvents()
    assert first.is_zoomed
    assert first.px_at(0.6, 0).x() == pytest.approx(last.px_at(0.6, 0).x(), abs=1)


def test_a_bar_of_a_histogram_says_how_many_cases_it_holds(scores):
    panel = scores.plot.panels[0]
    move(scores, panel.px_at(0.11, 0.5))
    assert panel.title.reading == "10 to 12.5 %: 2 cases"
    assert panel.title.summary == "3 cases"


def test_contributions_are_as_long_as_their_amounts(shown):
    chart = ShareChart()
    chart.show_shares([Share("Image", 1.0), Share("Clinical data", -0.5)])
    shown(chart)
    panel, image = chart.plot.panels[0], chart.grab().toImage()

    def length(row: int, color: str) -> int:
        y = round(panel.px_at(0, row).y())
        return sum(image.pixelColor(x, y) == QColor(color) for x in range(image.width()))

    assert length(0, theme.WARNING) == pytest.approx(2 * length(1, theme.ACCENT), abs=3)
    at = panel.px_at(-0.2, 1).toPoint()
    QApplication.sendEvent(chart, QHelpEvent(QEvent.Type.ToolTip, at, chart.mapToGlobal(at)))
    assert QToolTip.text().startswith("Clinical data lowers the logit by 0.500.")


def test_a_chart_never_takes_the_keyboard(curves):
    QTest.mouseClick(curves, LEFT, pos=QPoint(20, 30))
    for widget in (curves, curves.plot.view, curves.plot.view.viewport()):
        assert widget.focusPolicy() == Qt.FocusPolicy.NoFocus


def test_charts_follow_theme_and_text_size_while_they_are_shown(shown, qapp):
    chart = shown(ScoreChart())
    chart.show_scores(("no", "yes"), (np.array([0.2]), np.array([0.8])), 0.5)
    QApplication.processEvents()
    before = theme.TEXT, chart.sizeHint().height()

    def line() -> str:
        at = chart.plot.panels[0].px_at(0.5, 0.9).toPoint()
        return chart.grab().toImage().pixelColor(at).name()

    assert line() == theme.TEXT
    theme.change(qapp, "light", 1.5)
    QApplication.processEvents()
    assert before[0] != theme.TEXT
    assert line() == theme.TEXT
    assert chart.sizeHint().height() == pytest.approx(1.5 * before[1], abs=2)


def test_names_from_a_bundle_are_never_rich_text(curves):
    assert curves.plot.panels[0].title.title == "Age <b>now</b>"
    assert "<b>" in curves.accessibleName()


def test_the_context_menu_offers_image_svg_numbers_and_the_whole_range(curves, turn_wheel):
    def menu() -> ChartMenu:
        at = QPoint(40, 30)
        event = QContextMenuEvent(
            QContextMenuEvent.Reason.Mouse, at, curves.mapToGlobal(at), Qt.KeyboardModifier(0)
        )
        QApplication.sendEvent(curves, event)
        return curves.findChildren(ChartMenu)[-1]

    made = menu()
    texts = [each.text() for each in made.actions() if each.text()]
    assert texts == [
        "Copy image",
        "Save as PNG…",
        "Save as SVG…",
        "Save numbers as CSV…",
        "Show all",
    ]
    assert not made.show_all.isEnabled()
    made.copy.trigger()
    assert not QApplication.clipboard().image().isNull()
    made.close()
    turn_wheel(curves, 480, QPointF(100, 30), ctrl=True)
    made = menu()
    made.show_all.trigger()
    made.close()
    assert not curves.is_zoomed


def test_saved_charts_say_where_they_come_from(curves, tmp_path, monkeypatch):
    curves.set_source("model 1.0, scan 01234567")

    def save(ending: str):
        path = tmp_path / f"chart.{ending}"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
        save_chart(curves, curves.content(), ending)
        return path

    png = QImage(str(save("png")))
    assert png.width() == 3 * (300 + 24)
    assert png.text("Source").startswith("model 1.0, scan 01234567\n")
    assert RESEARCH_USE_ONLY in png.text("Source")
    svg = ElementTree.parse(save("svg")).getroot()
    described = "".join(each.text or "" for each in svg.iter() if each.tag.endswith("desc"))
    assert "scan 01234567" in described
    assert RESEARCH_USE_ONLY in "".join(svg.itertext())
    lines = save("csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# model 1.0, scan 01234567"
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    assert len(rows) == 53
    assert rows[31] == {
        "field": "age",
        "unit": "years",
        "value": "71.0",
        "probability": str(31 / 50),
        "is_present_value": "1",
    }


def test_a_file_that_cannot_be_written_is_told_in_one_sentence(curves, tmp_path, monkeypatch):
    path = tmp_path / "missing" / "chart.png"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    save_chart(curves, curves.content(), "png")
    (box,) = curves.findChildren(QMessageBox)
    assert str(path) in box.text()
    assert "No such file or directory" in box.text()
    box.close()


def test_the_checks_of_a_map_are_read_zoomed_and_saved(shown, turn_wheel, qtbot):
    chart = shown(MapCheckChart(report()), 760)
    qtbot.waitUntil(lambda: len(chart.plot.panels) == 4)
    QApplication.processEvents()
    undoing, alike, deletion, insertion = chart.plot.panels
    move(chart, undoing.px_at(2, 0.5))
    assert undoing.title.reading == "stage 4: 0.10"
    move(chart, alike.px_at(0.2, 1))
    assert alike.title.reading == "Grad-CAM++: 0.80"
    move(chart, deletion.px_at(50, 0.5))
    assert deletion.title.reading == "50 %: 0.50, random 0.75"
    turn_wheel(chart, 240, insertion.px_at(50, 0.5))
    assert insertion.is_zoomed
    assert not deletion.is_zoomed
    rows = chart.table().rows
    assert ("randomisation", "intact", 1.0) in rows
    assert ("likeness", "A little noise", 0.93) in rows
    assert len([row for row in rows if str(row[0]).startswith("deletion")]) == 4 * 11
