"""Pictures of the table of cases with its charts, of the reader study's window, and of the page of the PACS."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from fusion3d_gui.inference.embedding_file import write_embedding
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.reference.reference import Reference
from fusion3d_gui.pacs import orthanc
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.report.reader_study.protocol import read_protocol
from fusion3d_gui.report.reader_study.read_log import ReadLog
from fusion3d_gui.state.pacs.pacs_parts import PacsPlaces
from fusion3d_gui.state.reader_study.reading import Reading
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.reader_study.reading_window import ReadingWindow
from fusion3d_gui.widgets.window.main_window import MainWindow

_COUNT = 60
_SIZE = (1280, 800)


class CaseScenes:
    """Starts from the demo's prediction and ends with it; ``scenes`` is the :class:`scenes.Scenes`."""

    def __init__(self, scenes) -> None:
        self.scenes, self.window, self.session = scenes, scenes.window, scenes.session
        self.demos = scenes.window.demos

    def table(self) -> None:
        """A table with results: errors first with its curves, then the map, with some cases selected in it."""
        page, table = self.window.cases, self.session.cases.table
        with TemporaryDirectory() as scratch:
            results = self._make_results(Path(scratch))
            self.window.pages.show_cases()
            self.scenes.picture("cases-empty")
            table.open((results,))
            self.scenes.wait(lambda: table.cases is not None and not table.busy)
            table.errors_first()
            page.view.selectRow(0)
            thumbnails = self.session.cases.thumbnails
            first = table.cases.paths[int(table.order[0])]
            self.scenes.wait(lambda: thumbnails.image(first) is not None, 20)
            self.scenes.in_both_themes("cases-curves")
            page.charts.map_button.click()
            self.scenes.wait(lambda: self.session.cases.embeddings.map is not None)
            table.select(np.flatnonzero(table.cases.columns["error"] > 0.5))
            self.scenes.in_both_themes("cases-map")
            page.charts.curves_button.click()
        self.window.pages.show_case()

    def _make_results(self, folder: Path) -> Path:
        """Results of made-up cases, near the model's reference cases."""
        info = self.session.store.bundle
        sha = ModelBundle.load(info.folder).weights_sha256
        reference = Reference.load(info, sha)
        random = np.random.default_rng(5)
        chosen = random.choice(len(reference.case_label), _COUNT, replace=False)
        labels = reference.case_label[chosen]
        chances = np.clip(reference.case_probability[chosen] + random.normal(0, 0.1, _COUNT), 0, 1)
        near = reference.case_embedding[chosen]
        near = near + 0.1 * near.std() * random.standard_normal(near.shape)
        cases, lines = [], []
        (folder / "out/embeddings").mkdir(parents=True)
        for n in range(_COUNT):
            path = os.fspath(self.demos[1].path.resolve())
            cases.append({"case": f"case-{n:02d}", "path": path, "label": labels[n]})
            cases[-1] |= {"age": 40 + n % 40, "sex": "FM"[n % 2]}
            write_embedding(folder / f"out/embeddings/{n:02d}.npy", near[n])
            lines.append(
                {
                    "row": n + 2,
                    "case": f"case-{n:02d}",
                    "path": path,
                    "probability": f"{chances[n]:.6f}",
                    "positive": int(chances[n] >= info.decision.threshold),
                    "fit": "doubtful" if n % 9 == 0 else "fits",
                    "error": "",
                    "model": info.name,
                    "version": info.version,
                    "weights_sha256": sha,
                    "heatmap": f"heatmaps/{n:02d}.nii.gz",
                }
            )
        for name, rows in (("cases.csv", cases), ("out/results.csv", lines)):
            with (folder / name).open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        return folder / "out"

    def reading(self) -> None:
        """A reader study: without the model, with probability and map, rated, and paused."""
        demo = self.demos[0]
        path = os.fspath(demo.path.resolve())
        declared = {
            "format": "fusion3d reader study",
            "version": 1,
            "seed": 1,
            "washout_days": 0,
            "question": "Is there a lesion?",
            "arms": ["unaided", "map"],
            "readers": ["R1"],
            "rating": {"labels": ["surely not", "unsure", "surely"], "positive_from": 3},
            "model": os.fspath(demo.bundle.resolve()),
            "cases": [{"id": "c1", "path": path, "metadata": dict(demo.metadata)}],
        }
        with TemporaryDirectory() as scratch:
            protocol = Path(scratch) / "protocol.json"
            protocol.write_text(json.dumps(declared), encoding="utf-8")
            study = read_protocol(protocol)
            session = Session([self.session.models.find(demo.bundle)], device="cpu")
            log = ReadLog(study, "R1")
            reading = Reading(session, study, log)
            window = ReadingWindow(session, reading)
            window.resize(*_SIZE)
            window.show()
            reading.start()
            for _ in range(2):
                self.scenes.wait(lambda: reading.phase == "reading")
                self.scenes.wait(lambda: window.views.is_settled, 20)
                name = "map" if "map" in reading.arm_title else "unaided"
                reading.rate(3)
                reading.be_confident(2)
                self._grab(f"reading-{name}", window)
                if name == "map":
                    reading.toggle_pause()
                    self._grab("reading-paused", window)
                    reading.toggle_pause()
                reading.confirm()
            self.scenes.wait(lambda: reading.phase == "done")
            self._grab("reading-done", window)
            window.close()
            session.close()
            log.close()
            window.deleteLater()

    def _grab(self, name: str, window: ReadingWindow) -> None:
        """Take the window, with a clock that shows no time of this machine's."""
        self.scenes.wait(lambda: False, 0.1)
        window.bar.clock.setText("0:12")
        self.scenes.picture(name, window, now=True)

    def pacs(self) -> None:
        """The page of a PACS with a study, and its studies as a table of cases; where Orthanc is installed."""
        problem = orthanc.missing()
        if problem:
            print(f"pacs: not taken. {problem}", flush=True)
            return
        with TemporaryDirectory() as scratch, orthanc.Orthanc() as server:
            self._fill(server)
            os.environ["FUSION3D_SECRET_DEMO"] = orthanc.PASSWORD
            places = PacsPlaces(
                *(Path(scratch) / name for name in ("nodes.json", "cache", "outbox", "inbox"))
            )
            session = Session([self.session.store.bundle], device="cpu", pacs=places)
            window = MainWindow(session, self.demos)
            window.resize(*_SIZE)
            window.show()
            node = Node(
                "Demo", "dicomweb", url=server.url, authentication="basic", user=orthanc.USER
            )
            session.pacs.nodes.put(node)
            session.pacs.nodes.choose(node.name)
            window.menus.actions["pacs"].trigger()
            session.pacs.finder.find()
            self.scenes.wait(lambda: bool(session.pacs.finder.studies), 30)
            window.pacs.studies.selectRow(0)
            self.scenes.wait(lambda: session.pacs.finder.picture is not None, 30)
            self._take("pacs", window)
            window.menus.actions["studies_as_cases"].trigger()
            session.cases.table.open_case(0)
            self.scenes.wait(lambda: session.predictions.current is not None)
            window.pages.show_cases()
            self._take("cases-of-pacs", window)
            session.store.identity.set_hidden(True)
            self._take("cases-of-pacs-hidden", window)
            window.close()
            session.close()
            window.deleteLater()

    def _take(self, name: str, window: MainWindow) -> None:
        self.scenes.wait(lambda: False, 0.5)
        self.scenes.picture(name, window, now=True)

    def _fill(self, server: orthanc.Orthanc) -> None:
        """Store the demo's study."""
        import requests

        base = server.url.removesuffix("/dicom-web")
        for file in sorted(self.demos[0].path.iterdir()):
            if file.suffix == ".dcm":
                requests.post(
                    f"{base}/instances",
                    data=file.read_bytes(),
                    auth=(orthanc.USER, orthanc.PASSWORD),
                    timeout=30,
                ).raise_for_status()
