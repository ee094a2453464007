"""How fluid the table of 10,000 cases is: sort, filter, select, scroll: ``python tests/benchmarks/bench_cases.py``.

Needs a display or QT_QPA_PLATFORM=offscreen. Times are of what the user waits for: until the table is painted again.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtWidgets import QApplication, QWidget

from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.look.theme import apply_theme
from fusion3d_gui.widgets.window.main_window import MainWindow

_REPEATS = 15
#: As long as the shipped models' image embeddings.
_EMBEDDING = 512


def make_table(folder: Path, count: int) -> Path:
    """A table of cases with results of two models."""
    random = np.random.default_rng(0)
    labels = random.random(count) < 0.2
    columns = ("case", "path", "label", "age", "sex", "site", "comment")
    words = ("left frontal", "right temporal", "motion", "no contrast", "follow-up")
    with (folder / "cases.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for n in range(count):
            writer.writerow(
                (
                    *(f"case-{n:05d}", f"scans/{n}.nii.gz", int(labels[n])),
                    *(random.integers(20, 90), "FM"[n % 2], f"site {n % 7}", words[n % 5]),
                )
            )
    head = ("row", "case", "path", "probability", "positive", "fit", "reasons", "error")
    for model in (0, 1):
        (folder / f"model{model}").mkdir()
        with (folder / f"model{model}" / "results.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow((*head, "model", "version", "weights_sha256", "heatmap"))
            chances = np.clip(0.2 + 0.4 * labels + random.normal(0, 0.2, count), 0, 1)
            for n, chance in enumerate(chances):
                fit = "doubtful" if n % 11 == 0 else "fits"
                writer.writerow(
                    (
                        *(n + 2, f"case-{n:05d}", f"scans/{n}.nii.gz", f"{chance:.9g}"),
                        *(int(chance >= 0.5), fit, "", "", f"m{model}", "1", "0" * 64),
                        f"heatmaps/{n}.nii.gz",
                    )
                )
    embeddings = random.normal(0, 1, (count, _EMBEDDING)) + 3 * labels[:, None]
    (folder / "model0" / "embeddings").mkdir()
    for n, embedding in enumerate(embeddings.astype(np.float32)):
        np.save(folder / "model0" / "embeddings" / f"{n}.npy", embedding)
    return folder


def main() -> None:
    """Print medians and the longest time of each action, in ms."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    count = parser.parse_args().cases
    app = QApplication([])
    apply_theme(app)
    session = Session(device="cpu")
    window = MainWindow(session)
    window.resize(1500, 950)
    window.show()
    table, page = session.cases.table, window.cases
    with tempfile.TemporaryDirectory() as name:
        folder = make_table(Path(name), count)
        began = time.perf_counter()
        table.open([folder])
        while table.cases is None or table.busy:
            app.processEvents()
        print(f"{'read and join 3 tables':34}{1000 * (time.perf_counter() - began):8.0f} ms")
        began = time.perf_counter()
        session.cases.embeddings.want()
        while session.cases.embeddings.map is None:
            app.processEvents()
        print(f"{'read and map embeddings':34}{1000 * (time.perf_counter() - began):8.0f} ms")
    window.pages.show_cases()
    end = time.perf_counter() + 3
    while time.perf_counter() < end:
        app.processEvents()

    def measure(name: str, actions: list[Callable[[], object]], painted: QWidget = page) -> None:
        times = []
        for number in range(_REPEATS):
            began = time.perf_counter()
            actions[number % len(actions)]()
            painted.repaint()
            app.processEvents()
            times.append(1000 * (time.perf_counter() - began))
        print(f"{name:34}{statistics.median(times):8.1f} ms   longest {max(times):.1f}")

    names = ("error", "probability", "case", "doubt", "disagreement")
    measure("sort", [lambda n=n: table.sort_by(n, descending=True) for n in names])
    filters = ("error > 0.5 and sex = F", "temporal", "age > 60 or site = 'site 3'", "")
    measure("filter", [lambda t=t: table.set_filter(t) for t in filters])
    seen = page.view.viewport()
    bar = page.view.verticalScrollBar()
    steps = np.linspace(0, bar.maximum(), 7).astype(int).tolist()
    measure("scroll to elsewhere", [lambda v=v: bar.setValue(v) for v in steps], seen)
    measure("scroll by a row", [lambda n=n: bar.setValue(bar.value() + 1) for n in (0, 1)], seen)
    assert table.curves is not None
    wrong = table.curves.misclassified(0.5)
    one = wrong[:1]
    measure(
        f"select {len(wrong):,} wrong ones",
        [lambda: table.select(wrong), lambda: table.select(one)],
    )
    page.charts.map_button.click()
    measure(
        f"the same, with the map of {count:,}",
        [lambda: table.select(wrong), lambda: table.select(one)],
    )
    # In this order, with the application still there: a shown window that outlives it can end the process.
    window.close()
    session.close()
    window.deleteLater()
    app.processEvents()


if __name__ == "__main__":
    main()
