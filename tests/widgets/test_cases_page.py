"""The page with the table of cases: opened, sorted, filtered, selected in charts, a case opened by the keyboard."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor

from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.embedding_file import write_embedding
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.window.main_window import MainWindow

N = 30


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A table of 30 cases with results: errors grow from case to case, and three scans exist."""
    (tmp_path / "scans").mkdir()
    chances = np.linspace(0.05, 0.9, N).round(4)
    labels = np.arange(N) % 2
    cases, lines = [], []
    for n in range(N):
        name, path = f"case-{n:02d}", f"scans/{n}.nii"
        cases.append({"case": name, "path": path, "label": labels[n], "age": 50 + n})
        lines.append(
            {
                "row": n + 2,
                "case": name,
                "path": path,
                "probability": chances[n],
                "positive": int(chances[n] >= 0.5),
                "fit": "fits",
                "error": "",
                "model": "m",
                "version": "1",
                "weights_sha256": "0" * 64,
                "heatmap": "",
            }
        )
        if n < 3:
            voxels = np.random.default_rng(n).integers(0, 99, (9, 10, 11)).astype(np.int16)
            write_nifti(Volume(voxels, np.diag([2.0, 2, 2, 1])), tmp_path / path)
    for file, rows in (("cases.csv", cases), ("out/results.csv", lines)):
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        with path.open("w", newline="") as out:
            writer = csv.DictWriter(out, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return tmp_path / "out"


@pytest.fixture
def window(qtbot):
    made = MainWindow(Session(device="cpu"))
    qtbot.addWidget(made)
    made.resize(1200, 800)
    made.show()
    yield made
    assert made.session.close()


@pytest.fixture
def page(window, results, qtbot):
    window.menus.actions["cases"].trigger()
    assert window.pages.shows_cases
    table = window.session.cases.table
    table.open([results])
    qtbot.waitUntil(lambda: table.cases is not None and not table.busy)
    return window.cases


def names(page) -> list[str]:
    model = page.model
    return [model.data(model.index(row, 0)) for row in range(model.rowCount())]


def test_errors_come_first_and_a_header_sorts(page, qtbot):
    page.errors.click()
    table = page._table
    errors = table.cases.columns["error"][table.order]
    assert (np.diff(errors) <= 0).all()
    header = page.view.horizontalHeader()
    at = header.sectionViewportPosition(0) + 30
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(at, 8))
    assert names(page) == sorted(names(page))
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(at, 8))
    assert names(page) == sorted(names(page), reverse=True)


def test_typing_a_filter_shows_what_it_finds_and_says_what_is_wrong_with_it(page, qtbot):
    qtbot.keyClicks(page.filter, "error > 0.5 and age < 70")
    qtbot.keyClick(page.filter, Qt.Key.Key_Return)
    cases = page._table.cases
    wanted = (cases.columns["error"] > 0.5) & (cases.columns["age"] < 70)
    assert page.model.rowCount() == wanted.sum() > 0
    assert page.status.text().startswith(f"{wanted.sum()} of {N} cases")
    page.filter.setText("errror > 1")
    qtbot.keyClick(page.filter, Qt.Key.Key_Return)
    assert "no column errror" in page.status.text()
    assert page.model.rowCount() == wanted.sum()
    page.filter.setText("case-07")
    qtbot.keyClick(page.filter, Qt.Key.Key_Return)
    assert names(page) == ["case-07"]


def test_a_click_in_a_chart_selects_its_cases_and_a_row_is_marked_in_the_charts(page, qtbot):
    qtbot.waitUntil(
        lambda: page.charts.roc.plot is not None and page.charts.calibration.plot is not None
    )
    chart, curves = page.charts.calibration, page._table.curves
    number, mean, share, _ = curves.bins()
    panel = chart.plot.panels[0]
    at = panel.px_at(100 * mean[4], 100 * share[4]).toPoint()
    qtbot.mouseMove(chart, at)
    qtbot.mouseClick(chart, Qt.MouseButton.LeftButton, pos=at)
    rows = {page.model.row_at(each.row()) for each in page.view.selectionModel().selectedRows()}
    assert rows == set(curves.rows_of_bin(int(number[4])).tolist())
    at = (
        (panel := page.charts.roc.plot.panels[0])
        .px_at(100 * curves.one_minus_specificity[14], 100 * curves.sensitivity[14])
        .toPoint()
    )
    qtbot.mouseMove(page.charts.roc, at)
    qtbot.mouseClick(page.charts.roc, Qt.MouseButton.LeftButton, pos=at)
    chosen = page._table.selected
    assert sorted(chosen) == sorted(curves.misclassified(float(curves.thresholds[14])))
    assert panel.title.summary.startswith("AUC ")
    page.view.selectRow(3)
    (row,) = page._table.selected
    marked = [each for each in page.charts.roc._made[3]._items if each.isVisible()]
    assert len(marked) == 1
    place = int(np.searchsorted(-curves.thresholds, -page._table.cases.columns["probability"][row]))
    assert marked[0].pos().x() == pytest.approx(100 * curves.one_minus_specificity[place])


def test_a_doubtful_case_is_amber_in_a_selected_row_too(window, results, qtbot):
    file = results / "results.csv"
    file.write_text(file.read_text().replace("fits", "doubtful", 1))
    window.menus.actions["cases"].trigger()
    window.session.cases.table.open([results])
    qtbot.waitUntil(lambda: not window.session.cases.table.busy)
    page = window.cases
    column = page.model._columns.index("doubt")
    row = next(n for n in range(N) if page.model.index(n, column).data() not in (None, "", "fits"))
    index = page.model.index(row, column)
    page.view.scrollTo(index)
    amber = np.array(QColor(theme.WARNING).getRgb()[:3])

    def amber_pixels() -> int:
        image = page.view.viewport().grab(page.view.visualRect(index)).toImage()
        colors = [
            image.pixelColor(x, y).getRgb()[:3]
            for x in range(image.width())
            for y in range(image.height())
        ]
        return int((np.abs(np.array(colors) - amber).sum(axis=1) < 100).sum())

    page.view.clearSelection()
    plain = amber_pixels()
    page.view.selectRow(row)
    assert plain > 10
    assert amber_pixels() == pytest.approx(plain, rel=0.3)


def test_the_map_selects_rows_and_rows_are_marked_in_the_map(page, window, results, qtbot):
    rng = np.random.default_rng(4)
    embeddings = rng.standard_normal((N, 6)) * (9, 4, 1, 1, 1, 1)
    lines = list(csv.DictReader((results / "results.csv").open(newline="")))
    (results / "embeddings").mkdir()
    for n, line in enumerate(lines):
        line["heatmap"] = f"heatmaps/{n}.nii.gz"
        if n != 5:
            write_embedding(results / f"embeddings/{n}.npy", embeddings[n])
    page.charts.map_button.click()
    assert "hold no embeddings" in page.charts.map_text.text()
    with (results / "results.csv").open("w", newline="") as out:
        writer = csv.DictWriter(out, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    table, charts = page._table, page.charts
    table.open([results])
    state = window.session.cases.embeddings
    qtbot.waitUntil(lambda: state.map is not None and charts.map.plot is not None)
    assert "not in the list" in charts.map_text.text()
    assert state.map.rows.tolist() == [n for n in range(N) if n != 5]
    qtbot.wait(50)
    panel, chart = charts.map.plot.panels[0], charts.map

    def at(number: int) -> QPoint:
        return panel.px_at(*state.map.points[number]).toPoint()

    alone = int(np.abs(state.map.points[:, 0]).argmax())
    qtbot.mouseClick(chart, Qt.MouseButton.LeftButton, pos=at(alone))
    (row,) = {page.model.row_at(each.row()) for each in page.view.selectionModel().selectedRows()}
    assert row == state.map.rows[alone]
    # A drag around all of the right half.
    right = state.map.points[:, 0] > 0
    area = panel.area_px.toRect()
    middle = panel.px_at(0.0, 0.0).toPoint().x()
    start, end = QPoint(middle, area.top() + 2), QPoint(area.right() - 2, area.bottom() - 2)
    qtbot.mousePress(chart, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(chart, end - QPoint(9, 9))
    qtbot.mouseMove(chart, end)
    qtbot.mouseRelease(chart, Qt.MouseButton.LeftButton, pos=end)
    edge = np.abs(state.map.points[:, 0]) > 0.3  # within a pixel of the rectangle's side
    found = np.isin(state.map.rows, table.selected)
    np.testing.assert_array_equal(found[edge], right[edge])
    page.view.selectRow(3)
    marked = chart._made[1][-1].getData()
    place = int(np.flatnonzero(state.map.rows == table.selected[0])[0])
    np.testing.assert_allclose(np.ravel(marked), state.map.points[place])


def test_return_opens_the_case_and_says_what_was_predicted(page, window, results, qtbot):
    told: list[str] = []
    store = window.session.store
    store.noticed.connect(lambda notice: told.append(notice.text))
    page.view.selectRow(1)
    page.view.setFocus()
    qtbot.keyClick(page.view, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: store.case is not None and store.case.is_complete)
    assert store.case.paths == (results.parent / "scans/1.nii",)
    assert "In the table: 7.9 % by m 1, label 1." in told
    assert window.pages.has_images
    window.menus.actions["cases_next"].trigger()
    qtbot.waitUntil(lambda: store.case.paths == (results.parent / "scans/2.nii",))


def test_thumbnails_are_made_of_what_is_seen_and_names_are_hidden_with_the_identity(
    page, window, results, qtbot
):
    path = results.parent / "scans/2.nii"
    qtbot.waitUntil(lambda: window.session.cases.thumbnails.image(path) is not None)
    assert page.model.data(page.model.index(2, 0), Qt.ItemDataRole.DecorationRole) is not None
    window.session.store.identity.toggle()
    assert names(page)[:2] == ["Case 1", "Case 2"]
    assert "cases.csv" not in page.title.text()


def test_columns_are_chosen(page):
    page._toggle_column("age", True)
    assert page._table.columns[-1] == "age"
    page._toggle_column("label", False)
    assert "label" not in page._table.columns
    last = page.model.columnCount() - 1
    assert page.model.data(page.model.index(0, last)) == "50"


def test_the_distance_of_maps_from_lesions_is_measured_when_asked_for(window, results, qtbot):
    table = results.parent / "cases.csv"
    with table.open(newline="") as file:
        cases = list(csv.DictReader(file))
    with (results / "results.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    (results / "heatmaps").mkdir()
    for n in range(4):
        values = np.zeros((5, 6, 7), np.float32)
        values[2, 3, 4] = 1.0
        grid = Volume(values, np.diag([10.0, 10, 10, 1]))
        write_nifti(grid, results / f"heatmaps/{n}.nii.gz")
        lines[n]["heatmap"] = f"heatmaps/{n}.nii.gz"
    for n, case in enumerate(cases):
        for axis, value in zip("xyz", (40 + 3 * n, 30 + 4 * n, 20), strict=True):
            case[f"lesion_{axis}_lps_mm"] = value
    for path, rows in ((table, cases), (results / "results.csv", lines)):
        with path.open("w", newline="") as out:
            writer = csv.DictWriter(out, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    state = window.session.cases.table
    state.open([results])
    qtbot.waitUntil(lambda: state.cases is not None and not state.busy)
    window.menus.actions["cases"].trigger()
    assert window.cases.measure.isVisibleTo(window)
    window.cases.measure.click()
    qtbot.waitUntil(lambda: "displacement_mm" in state.cases.columns)
    np.testing.assert_allclose(
        state.cases.columns["displacement_mm"][:4], [0, 5, 10, 15], atol=1e-4
    )
    assert np.isnan(state.cases.columns["displacement_mm"][4:]).all()
    assert state.order[:4].tolist() == [3, 2, 1, 0]


def test_hiding_the_identity_does_not_leave_the_table(page, window, results, qtbot):
    store = window.session.store
    window.session.opener.open(results.parent / "scans/0.nii")
    qtbot.waitUntil(lambda: store.case is not None and store.case.is_complete)
    assert window.pages.has_images
    window.menus.actions["cases"].trigger()
    store.identity.set_hidden(True)
    assert window.pages.shows_cases
    assert names(page)[0] == "Case 1"
    # The same case again is a case that is opened.
    window.session.opener.open(results.parent / "scans/0.nii")
    qtbot.waitUntil(lambda: window.pages.has_images)


def test_window_level_is_offered_where_images_are_shown_and_not_beside_the_table(opened):
    controls = opened.header.window_controls
    assert controls.isVisible() and opened.header.title.isVisible()
    opened.pages.show_cases()
    assert not controls.isVisible() and opened.header.title.isVisible()
    opened.pages.show_case()
    assert controls.isVisible() and controls.histogram.isVisible()


def test_a_bids_folder_shows_its_outcome_and_whole_names(window, qtbot, tmp_path):
    stems = [f"sub-{n:02d}_ses-baseline_acq-highres_T1w" for n in (1, 2)]
    for stem in stems:
        path = tmp_path / stem[:6] / "ses-baseline" / "anat" / f"{stem}.nii.gz"
        path.parent.mkdir(parents=True)
        write_nifti(Volume(np.ones((3, 4, 5), np.int16), np.eye(4)), path)
    columns = ("age", "sex", "mmse", "hypertension", "diabetes", "smoker", "relapse")
    lines = ["\t".join(("participant_id", *columns))]
    lines += [f"sub-0{n}\t6{n}\tF\t2{n}\t0\t0\t1\t{n % 2}" for n in (1, 2)]
    (tmp_path / "participants.tsv").write_text("\n".join(lines) + "\n")
    window.menus.actions["cases"].trigger()
    table, page = window.session.cases.table, window.cases
    table.open([tmp_path])
    qtbot.waitUntil(lambda: table.cases is not None and not table.busy)
    header = [
        page.model.headerData(n, Qt.Orientation.Horizontal) for n in range(page.model.columnCount())
    ]
    assert header[:2] == ["Case", "Participant"] and header[-1] == "relapse"
    room = page.view.columnWidth(0) - page.view.iconSize().width()
    assert names(page) == stems
    assert room > page.view.fontMetrics().horizontalAdvance(stems[0]) + 8
