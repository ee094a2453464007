"""What each command of the command line does; ``cli`` reads the arguments.

Heavy libraries are imported inside the commands that need them: ``--help`` answers at once.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.errors import UserError
from fusion3d_gui.progress import Progress, no_progress, part_of

if TYPE_CHECKING:
    from fusion3d_gui.inference.explanation import Explanation
    from fusion3d_gui.model.bundle_info import BundleInfo


def window(options: Namespace) -> int:
    """``fusion3d [PATH]``: open the window."""
    return _open_window(options, demo=False, path=options.path, series_uid=options.series)


def demo(options: Namespace) -> int:
    """``fusion3d demo``: open the window on the shipped case, predict, show the heatmap."""
    return _open_window(options, demo=True, path=None, series_uid=None)


def predict(options: Namespace) -> int:
    """``fusion3d predict``: predict one scan, or a table; write what was asked for."""
    if options.path.suffix.lower() == ".csv":
        return _predict_table(options)
    if options.out is not None:
        raise UserError("--out is for a table of cases", remedy="Use --json and --heatmap.")
    from fusion3d_gui.imaging.open import open_volume
    from fusion3d_gui.model.bundle_info import BundleInfo

    info = BundleInfo.read(options.model)
    given = _given_metadata(options.metadata, options.set)
    # Cheap checks first: a wrong value is reported before the scan is read and torch is imported.
    for name, value in given.items():
        info.schema[name].parse(value)
    for out in (options.json, options.heatmap):
        _check_can_write(out)
    progress = _terminal_progress()
    volume = open_volume(
        options.path, series_uid=options.series, progress=part_of(progress, 0.0, 0.4)
    )
    _print_notices(volume.notices)
    # As the window does: what the file says fills the form, what the user says overrides it.
    prefilled = info.schema.prefill(volume.attributes)
    metadata = {**prefilled, **given}
    info.schema.parse(metadata)

    from fusion3d_gui.inference.explain import make_heatmap
    from fusion3d_gui.inference.predictor import load_predictor
    from fusion3d_gui.report.export import write_heatmap, write_json

    predictor = load_predictor(
        options.model, options.device, part_of(progress, 0.4, 0.6), engine=options.engine
    )
    answer = predictor.answer(volume, metadata, part_of(progress, 0.6, 0.8))
    heatmap = make_heatmap(
        predictor,
        answer.case,
        answer.prediction.metadata,
        _explanation(options, info),
        part_of(progress, 0.8, 1.0),
    )
    result = replace(answer.prediction, heatmap=heatmap)
    progress(1.0, "Done")
    _print_notices(result.notices)
    if options.json:
        write_json(result.to_json(), options.json)
    if options.heatmap:
        write_heatmap(result.heatmap, options.heatmap)
    taken = [name for name in prefilled if name not in given]
    print(f"{info.title}: {result.class_name}")
    print(f"probability  {result.probability:.4f}  (threshold {result.threshold:.4f})")
    print(f"logit        {result.logit:.6f}")
    print(f"metadata     {_metadata_text(result.metadata, taken)}")
    print(f"heatmap      {heatmap.method} of {heatmap.layer}, {heatmap.grid_text}")
    print(f"model        {result.bundle_name} {result.bundle_version}, {result.device}")
    print(f"{RESEARCH_USE_ONLY}.")
    return 0


def _predict_table(options: Namespace) -> int:
    from fusion3d_gui.inference.batch import predict_table, read_table
    from fusion3d_gui.model.bundle_info import BundleInfo

    if options.out is None:
        raise UserError("a table of cases needs a folder for the results", remedy="Give --out DIR.")
    for name in ("json", "heatmap", "series"):
        if getattr(options, name) is not None:
            raise UserError(f"--{name} does not go with a table of cases", remedy="Leave it out.")
    info = BundleInfo.read(options.model)
    given = _given_metadata(options.metadata, options.set)
    for name, value in given.items():
        info.schema[name].parse(value)
    rows = read_table(options.path, info.schema)
    _check_can_write(options.out)

    from fusion3d_gui.inference.predictor import load_predictor

    progress = _terminal_progress()
    predictor = load_predictor(
        options.model, options.device, part_of(progress, 0.0, 0.05), engine=options.engine
    )
    summary = predict_table(
        predictor,
        rows,
        options.out,
        _explanation(options, info),
        given=given,
        progress=part_of(progress, 0.05, 1.0),
    )
    progress(1.0, "Done")
    print(f"predicted    {summary.predicted}, known from before {summary.known}")
    if summary.failed:
        print(f"failed       {summary.failed}: see the column error")
    print(f"results      {summary.results}")
    print(f"{RESEARCH_USE_ONLY}.")
    return 0


def info(options: Namespace) -> int:
    """``fusion3d info``: every series found, its geometry and warnings, as JSON."""
    from fusion3d_gui.imaging.open import find_series

    found = find_series(options.path, _terminal_progress())
    print(json.dumps({"series": [series.to_json() for series in found]}, indent=2))
    return 0


def convert(options: Namespace) -> int:
    """``fusion3d convert``: the volume exactly as the viewer holds it, as NIfTI."""
    from fusion3d_gui.imaging.nifti import write_nifti
    from fusion3d_gui.imaging.open import open_volume

    _check_can_write(options.out)
    volume = open_volume(options.path, series_uid=options.series, progress=_terminal_progress())
    _print_notices(volume.notices)
    write_nifti(volume, options.out)
    return 0


def cohort(options: Namespace) -> int:
    """``fusion3d cohort``: make the semi-synthetic cohort."""
    _need_training_extra()
    from fusion3d_gui.training.cohort import make_cohort
    from fusion3d_gui.training.population import OutcomeModel

    try:
        model = OutcomeModel(
            lesion=options.lesion, metadata=options.metadata, interaction=options.interaction
        )
    except ValueError as error:
        raise UserError(str(error)) from None
    make_cohort(
        options.out,
        options.cases,
        options.seed,
        spacing_mm=options.spacing,
        prevalence=options.prevalence,
        model=model,
        progress=_terminal_progress(),
    )
    return 0


def schema(options: Namespace) -> int:
    """``fusion3d schema``: infer a table's metadata schema and write it out for editing."""
    from fusion3d_gui.training.table import write_schema

    out = options.out or options.cases.with_suffix(".json")
    _check_can_write(out)
    found = write_schema(options.cases, out)
    for field in found.fields:
        print(f"{field.name}: {field.kind}, {field.range_text}")
    print(f"Written to {out}; training reads it when it lies beside the table under its name.")
    return 0


def train(options: Namespace) -> int:
    """``fusion3d train``: train a model on a table of cases; write a bundle."""
    _need_training_extra()
    from dataclasses import replace

    from fusion3d_gui.training.calibration import ThresholdRule
    from fusion3d_gui.training.recipe import default_recipe
    from fusion3d_gui.training.train import train as train_bundle
    from fusion3d_gui.training.train import train_folds

    given = {
        name: getattr(options, name)
        for name in ("epochs", "coarse_epochs", "batch", "loss", "sampling")
        if getattr(options, name) is not None
    }
    try:
        usual = default_recipe(options.init is not None and options.init.is_dir())
        recipe = replace(usual, **given)
    except ValueError as error:
        raise UserError(str(error)) from None
    settings = {
        "seed": options.seed,
        "recipe": recipe,
        "width": options.width,
        "init": options.init,
        "threshold_rule": ThresholdRule.parse(options.threshold_rule),
        "cache": options.cache,
        "progress": _terminal_progress(),
    }
    if options.folds is not None:
        result = train_folds(options.cases, options.out, options.fusion, options.folds, **settings)
        print(json.dumps(result, indent=2))
    else:
        train_bundle(options.cases, options.out, options.fusion, **settings)
    return 0


def evaluate(options: Namespace) -> int:
    """``fusion3d evaluate``: measure a model on a table of cases."""
    _need_training_extra()
    from fusion3d_gui.report.export import write_json
    from fusion3d_gui.training.evaluate import evaluate as evaluate_bundle
    from fusion3d_gui.training.evaluation_page import evaluation_page, evaluation_plots
    from fusion3d_gui.training.page import write_page
    from fusion3d_gui.training.plots import write_plots
    from fusion3d_gui.training.scores import write_rows

    for out in (options.json, options.html, options.csv, options.plots):
        _check_can_write(out)
    figures = evaluate_bundle(
        options.model, options.cases, record=options.record, progress=_terminal_progress()
    )
    if options.json:
        write_json(figures, options.json)
    if options.csv:
        write_rows(options.csv, figures["cases"])
    if options.html:
        write_page(options.html, evaluation_page(figures))
    if options.plots:
        write_plots(options.plots, evaluation_plots(figures))
    # One line a case belongs in a file, not on the screen.
    print(json.dumps({key: value for key, value in figures.items() if key != "cases"}, indent=2))
    return 0


def reference(options: Namespace) -> int:
    """``fusion3d reference``: renew a bundle's reference statistics; measure what they catch."""
    _need_training_extra()
    from fusion3d_gui.training.outside import measure_outside, outside_text, record_outside
    from fusion3d_gui.training.reference import renew_reference

    renew_reference(options.model, options.cases, progress=_terminal_progress())
    if options.check:
        found = measure_outside(options.model, options.check, progress=_terminal_progress())
        record_outside(options.model, found)
        print(outside_text(found))
    return 0


def compare(options: Namespace) -> int:
    """``fusion3d compare``: two models on the same cases."""
    _need_training_extra()
    from fusion3d_gui.report.export import write_json
    from fusion3d_gui.training.comparison import compare as compare_bundles

    _check_can_write(options.json)
    figures = compare_bundles(
        options.model_a, options.model_b, options.cases, progress=_terminal_progress()
    )
    if options.json:
        write_json(figures, options.json)
    print(json.dumps(figures, indent=2))
    return 0


def ablate(options: Namespace) -> int:
    """``fusion3d ablate``: image, metadata and their fusion side by side."""
    _need_training_extra()
    from fusion3d_gui.training.ablation import ablate as run_ablation

    found = run_ablation(
        options.out,
        seed=options.seed,
        train_cases=options.train_cases,
        test_cases=options.test_cases,
        shuffled=options.shuffled,
        progress=_terminal_progress(),
    )
    for row in found["rows"]:
        area = row["figures"]["auroc"]
        interval = "" if area["low"] is None else f"({area['low']:.3f} to {area['high']:.3f})"
        print(f"{row['title']:<40} AUROC {area['value']:.3f} {interval}")
    print(f"written: {options.out / 'ablation.html'}")
    return 0


COMMANDS: Mapping[str, Callable[[Namespace], int]] = {
    "demo": demo,
    "predict": predict,
    "info": info,
    "convert": convert,
    "cohort": cohort,
    "schema": schema,
    "train": train,
    "evaluate": evaluate,
    "reference": reference,
    "compare": compare,
    "ablate": ablate,
}


def _open_window(
    options: Namespace, *, demo: bool, path: Path | None, series_uid: str | None
) -> int:
    from fusion3d_gui.app import WindowOptions, run_window

    _check_can_write(options.screenshot)
    return run_window(
        WindowOptions(
            path=path,
            series_uid=series_uid,
            model_dir=options.model,
            demo=demo,
            screenshot=options.screenshot,
            device=options.device,
            anonymous=options.anonymous,
            engine=options.engine,
        )
    )


def _explanation(options: Namespace, info: BundleInfo) -> Explanation:
    """As asked for; what was left open as suits the model best, or as is usual for the method."""
    from fusion3d_gui.inference.explanation import Explanation

    method, stages = info.default_map
    if options.method is not None and options.method != method:
        method, stages = options.method, Explanation().stages
    return Explanation(method, options.stage or stages, options.side)


def _given_metadata(path: Path | None, assignments: list[str]) -> dict[str, Any]:
    """Values from ``--metadata`` and, over them, from ``--set``."""
    values: dict[str, Any] = {}
    if path is not None:
        try:
            plain = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise UserError(f"can't be read ({error.strerror})", path=path) from None
        except (ValueError, RecursionError):
            raise UserError(
                "is not valid JSON", path=path, remedy='Write it like {"age": 71, "sex": "F"}.'
            ) from None
        if not isinstance(plain, dict):
            raise UserError(
                "must hold one JSON object", path=path, remedy='Write it like {"age": 71}.'
            )
        values.update(plain)
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not name:
            raise UserError(f"--set {assignment} is not NAME=VALUE", remedy="E.g. --set age=71.")
        values[name.strip()] = value
    return values


def _metadata_text(values: Mapping[str, Any], from_file: list[str]) -> str:
    parts = [
        f"{name}={'not given' if value is None else value}"
        + (" (from the file)" if name in from_file else "")
        for name, value in values.items()
    ]
    return ", ".join(parts) or "none"


def _check_can_write(path: Path | None) -> None:
    """Refuse an output that could not be written, before the work that would be lost."""
    if path is not None and not path.absolute().parent.is_dir():
        raise UserError("the folder to write to does not exist", path=path, remedy="Make it first.")


def _need_training_extra() -> None:
    import importlib.util

    if not all(
        importlib.util.find_spec(name)
        for name in ("nilearn", "sklearn", "lightning", "matplotlib", "MLstatkit")
    ):
        raise UserError(
            "training needs the extra packages", remedy="Install them: pip install fusion3d[train]."
        )


def _print_notices(notices: tuple[str, ...]) -> None:
    for notice in notices:
        print(f"notice: {notice}", file=sys.stderr)


def _terminal_progress() -> Progress:
    """A line that renews itself, on a terminal; silence elsewhere."""
    if not sys.stderr.isatty():
        return no_progress

    def show(fraction: float, message: str) -> None:
        end = "\n" if fraction >= 1 else ""
        print(f"\r\033[K{100 * fraction:3.0f} %  {message}", end=end, file=sys.stderr, flush=True)

    return show
