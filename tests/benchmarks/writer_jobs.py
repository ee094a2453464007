"""Everything that writes files, with small inputs: what :mod:`break_writers` kills and starves of space."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fusion3d_gui.cli.parser import run
from fusion3d_gui.errors import UserError

#: Two sets of inputs, so that an output is written over one that differs from it.
VERSIONS = (1, 2)
_TABLE, _FEW = "cohort/cases.csv", "cohort/few.csv"
_TORCH = ("--engine", "torch")
_SMALL = ("--width", "0.0625", "--epochs", "1", "--coarse-epochs", "1", "--batch", "8")


@dataclass(frozen=True)
class Job:
    """A way to write files.

    Parameters
    ----------
    work
        Called in a folder with the inputs of :func:`make_inputs`; returns an exit status. Writes into ``out/``.
    inputs
        Files and folders that it must not touch.
    is_new
        It refuses to write over what is there.
    is_resumed
        It goes on where it was interrupted, and ends with the same files.
    is_quiet
        No command of its own: where the disk is full it raises OSError or UserError, or writes nothing.
    """

    work: Callable[[], int]
    inputs: tuple[str, ...] = ()
    is_new: bool = False
    is_resumed: bool = False
    is_quiet: bool = False


def _command(
    *words: str, inputs: tuple[str, ...], is_new: bool = False, is_resumed: bool = False
) -> Job:
    def work() -> int:
        _use_small_settings()
        return run(words)

    return Job(work, inputs, is_new, is_resumed)


def _predict(*words: str, is_new: bool = False) -> Job:
    words = ("predict", *words, "--model", "bundle", *_TORCH, "--despite-misfit")
    return _command(
        *words,
        inputs=("bundle", "scan.nii.gz", "series", "table.csv"),
        is_new=is_new,
        is_resumed=True,
    )


def _convert(source: str, target: str) -> Job:
    return _command("convert", source, f"out/{target}", inputs=(source,))


def jobs() -> Mapping[str, Job]:
    """All of them by name."""
    model_and_table = ("bundle", "cohort")
    return {
        "convert-nifti": _convert("scan.nii.gz", "scan.nii.gz"),
        "convert-nrrd": _convert("scan.nrrd", "scan.nii"),
        "convert-meta": _convert("scan.mha", "scan.nii.gz"),
        "convert-folder": _convert("series", "scan.nii.gz"),
        "convert-gz-folder": _convert("packed", "scan.nii"),
        "convert-zip": _convert("series.zip", "scan.nii.gz"),
        "predict": _predict("scan.nii.gz", "--json", "out/a.json", "--heatmap", "out/map.nii.gz"),
        "predict-page": _predict("scan.nii.gz", "--report", "out/a.html"),
        "predict-sheet": _predict("scan.nii.gz", "--report", "out/a.pdf"),
        "predict-dicom": _predict("series", "--dicom", "out/results", "--new-study"),
        "predict-table": _predict("table.csv", "--out", "out", is_new=True),
        "cohort": _command(
            *("cohort", "out/cohort", "--cases", "2", "--seed", "4", "--spacing", "8"),
            inputs=(),
            is_new=True,
            is_resumed=True,
        ),
        "schema": _command(
            "schema", _TABLE, "--out", "out/new.json", inputs=("cohort",), is_new=True
        ),
        "train": _command(
            *("train", _TABLE, "--fusion", "concat", "--out", "out/trained"),
            *("--cache", "out/cache", *_SMALL),
            inputs=("cohort",),
            is_new=True,
            is_resumed=True,
        ),
        "evaluate": _command(
            *("evaluate", "bundle", _FEW, "--json", "out/e.json", "--html", "out/e.html"),
            *("--csv", "out/e.csv", "--plots", "out/plots"),
            inputs=model_and_table,
        ),
        "evaluate-record": _command("evaluate", "bundle", _FEW, "--record", inputs=("cohort",)),
        "reference": _command("reference", "bundle", _TABLE, inputs=("cohort",)),
        "displacement": _command(
            *("displacement", "bundle", _FEW, "--record", "--json", "out/d.json"),
            inputs=("cohort",),
        ),
        "compare": _command(
            *("compare", "bundle", "bundle", _FEW, "--json", "out/c.json"),
            inputs=model_and_table,
        ),
        "measurements": Job(_write_measurements, is_quiet=True),
        "settings": Job(_change_settings, is_quiet=True),
        "kept-work": Job(_keep_work, is_quiet=True),
        "chart": Job(_save_chart, is_quiet=True),
    }


def inputs_name(version: int) -> str:
    """Name of the folder of these inputs, beside the others."""
    return f"inputs-{version}"


def make_inputs(folder: Path, version: int) -> None:
    """Write a scan in several formats, a cohort, a table and a bundle into a folder."""
    import SimpleITK as sitk

    from fusion3d_gui.imaging.dicom.write import write_dicom_series
    from fusion3d_gui.imaging.files.nifti import write_nifti
    from fusion3d_gui.imaging.volume import Volume
    from fusion3d_gui.training.cohort.make_cohort import make_cohort

    (folder / "out").mkdir()
    voxels = np.random.default_rng(version).integers(0, 999, (17, 33, 33)).astype(np.int16)
    volume = Volume(voxels, np.diag([5.0, 5.0, 9.0, 1.0]), modality="MR")
    write_nifti(volume, folder / "scan.nii.gz")
    for name in ("scan.nrrd", "scan.mha"):
        sitk.WriteImage(sitk.GetImageFromArray(voxels), str(folder / name), useCompression=True)
    slices = write_dicom_series(volume, folder / "series", attributes={}, uid_seed=str(version))
    (folder / "packed").mkdir()
    with zipfile.ZipFile(folder / "series.zip", "w") as archive:
        for path in slices:
            archive.write(path, path.name)
            _pack(path, folder / "packed" / f"{path.name}.gz")
    if version == VERSIONS[0]:
        table = make_cohort(folder / "cohort", 24, seed=5, spacing_mm=8, prevalence=0.5, workers=1)
        lines = table.read_text().splitlines()
        (folder / _FEW).write_text("\n".join([*lines[:13], ""]))
        _make_bundle(folder / "bundle", table)
    else:
        for name in ("cohort", "bundle"):
            shutil.copytree(
                folder.absolute().parent / inputs_name(VERSIONS[0]) / name, folder / name
            )
        path = folder / "bundle" / "configs" / "decision.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "threshold": 0.25}))
    rows = [f"case{n},scan.nii.gz" for n in range(3)]
    (folder / "table.csv").write_text("\n".join(("case,path", *rows, "")))


def _pack(source: Path, target: Path) -> None:
    import gzip

    target.write_bytes(gzip.compress(source.read_bytes()))


def _make_bundle(folder: Path, table: Path) -> None:
    """A bundle of a small network, trained for a moment."""
    from fusion3d_gui.training.fit.recipe import Recipe
    from fusion3d_gui.training.train import train

    _use_small_settings()
    recipe = Recipe(epochs=1, coarse_epochs=0, batch=8)
    train(table, folder, "concat", seed=1, width=1 / 16, recipe=recipe)


def _use_small_settings() -> None:
    """Take seconds for what takes minutes by default, and has no option on the command line."""
    from fusion3d_gui.model.preprocessing import Preprocessing
    from fusion3d_gui.training.evaluate import evaluate
    from fusion3d_gui.training.find_displacement import find_displacement
    from fusion3d_gui.training.train import train

    _defaults(train)["preprocessing"] = Preprocessing((25, 33, 25), 7.5)
    for measure in (evaluate, find_displacement):
        _defaults(measure)["resamples"] = 20


def _defaults(function: Callable[..., object]) -> dict[str, object]:
    found = function.__kwdefaults__
    assert found is not None
    return found


# -- what the window writes, without the window -----------------------------------------------


def _write_measurements() -> int:
    from fusion3d_gui.imaging.annotations.annotation import Annotation
    from fusion3d_gui.imaging.annotations.measurement import measure
    from fusion3d_gui.imaging.catalog.open import open_volume
    from fusion3d_gui.report.measurement_file import write_measurements

    volume = open_volume(Path("scan.nii.gz"))
    found = [
        measure(Annotation(number, "distance", ((0, 0, 0), (number, 4, 0))), volume)
        for number in range(1, 60)
    ]
    for name in ("marks.csv", "marks.json"):
        write_measurements(Path("out") / name, found, volume)
    return 0


def _change_settings() -> int:
    from fusion3d_gui.state.settings import Settings

    settings = Settings(Path("out/settings.json"))
    for number in range(5):
        settings.change(replace(settings.values, folder=Path(f"folder {number} {'x' * 3000}")))
    return 0


def _keep_work() -> int:
    from fusion3d_gui.imaging.annotations.annotation import Annotation
    from fusion3d_gui.state.kept.kept_work import KeptWork
    from fusion3d_gui.state.kept.work_folder import write_work

    for count in range(1, 60, 20):
        marks = tuple(
            Annotation(number, "distance", ((0, 0, 0), (number, 4, 0)))
            for number in range(1, count + 1)
        )
        write_work(Path("out/cases"), "0" * 64, KeptWork(marks))
    return 0


def _save_chart() -> int:
    from PySide6.QtWidgets import QApplication

    from fusion3d_gui.widgets.charts.score_chart import ScoreChart
    from fusion3d_gui.widgets.look import theme

    application = QApplication.instance() or QApplication(["test"])
    assert isinstance(application, QApplication)
    theme.apply_theme(application)
    chart = ScoreChart()
    chart.show_scores(("no", "yes"), (np.array([0.11, 0.12, 0.3]), np.array([0.9])), 0.62)
    chart.resize(300, 200)
    chart.show()
    while chart.content() is None:
        application.processEvents()
    content = chart.content()
    assert content is not None
    content.write_png(Path("out/chart.png"))
    content.write_svg(Path("out/chart.svg"))
    content.write_csv(Path("out/chart.csv"))
    return 0


def quietly(work: Callable[[], int]) -> int:
    """Do what is no command; its errors that are for the user count as exit status 2."""
    try:
        return work()
    except (OSError, UserError):
        return 2
