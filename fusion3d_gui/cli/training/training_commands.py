"""Commands that generate cohorts and train, evaluate and compare models.

Libraries of the extra ``[train]`` are imported inside the commands.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import replace

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.cli.terminal import check_can_write, print_json, say, terminal_progress
from fusion3d_gui.cli.training.cohort_command import cohort
from fusion3d_gui.cli.training.reader_study_command import reader_study
from fusion3d_gui.cli.training.study_command import lesion_map, study, table
from fusion3d_gui.cli.training.training_extra import need_training_extra
from fusion3d_gui.errors import UserError
from fusion3d_gui.progress import part_of


def schema(options: Namespace) -> int:
    """``fusion3d schema``: infer a table's metadata schema and write it out for editing."""
    from fusion3d_gui.training.data.table import write_inferred_schema

    out = options.out or options.cases.with_suffix(".json")
    check_can_write(out, (options.cases,))
    found = write_inferred_schema(options.cases, out)
    for field in found.fields:
        say(f"{field.name}: {field.kind}, {field.range_text}")
    say(f"Written to {out}; training reads it when it lies beside the table under its name.")
    return 0


def train(options: Namespace) -> int:
    """``fusion3d train``: train a model on a table of cases; write a bundle."""
    need_training_extra()
    from fusion3d_gui.model.bundle.license_file import license_text
    from fusion3d_gui.training.fit.recipe import default_recipe
    from fusion3d_gui.training.measure.calibration import ThresholdRule
    from fusion3d_gui.training.train import train as train_bundle
    from fusion3d_gui.training.train import train_folds

    given = {
        name: getattr(options, name)
        for name in (
            "epochs",
            "coarse_epochs",
            "rate",
            "batch",
            "loss",
            "sampling",
            "kernel_symmetry",
            "mask_weight",
            "mirrored",
        )
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
        "terms": None if options.license is None else license_text(options.license),
        "progress": terminal_progress(),
    }
    if options.folds is not None:
        result = train_folds(options.cases, options.out, options.fusion, options.folds, **settings)
        print_json(result)
    else:
        train_bundle(options.cases, options.out, options.fusion, **settings)
    return 0


def evaluate(options: Namespace) -> int:
    """``fusion3d evaluate``: measure a model on a table of cases."""
    need_training_extra()
    from fusion3d_gui.report.json_file import write_json
    from fusion3d_gui.training.data.csv_file import write_csv
    from fusion3d_gui.training.evaluate import evaluate as evaluate_bundle
    from fusion3d_gui.training.report.evaluation_page import evaluation_page, evaluation_plots
    from fusion3d_gui.training.report.page import write_page
    from fusion3d_gui.training.report.plots import write_plots

    for out in (options.json, options.html, options.csv, options.plots):
        check_can_write(out, (options.model, options.cases))
    figures = evaluate_bundle(
        options.model, options.cases, record=options.record, progress=terminal_progress()
    )
    if options.json:
        write_json(figures, options.json)
    if options.csv:
        write_csv(options.csv, figures["cases"])
    if options.html:
        write_page(options.html, evaluation_page(figures))
    if options.plots:
        write_plots(options.plots, evaluation_plots(figures))
    # One line per case, or per point of a curve, belongs in a file, not on the screen.
    print_json({key: value for key, value in figures.items() if key not in ("cases", "curves")})
    return 0


def reference(options: Namespace) -> int:
    """``fusion3d reference``: recompute a bundle's reference statistics; measure what they detect."""
    need_training_extra()
    from fusion3d_gui.training.measure.reference_statistics import recompute_reference
    from fusion3d_gui.training.report.ood_record import ood_detection_text, record_ood_detection
    from fusion3d_gui.training.study.ood_detection import measure_ood_detection

    recompute_reference(options.model, options.cases, progress=terminal_progress())
    if options.check:
        found = measure_ood_detection(options.model, options.check, progress=terminal_progress())
        record_ood_detection(options.model, found)
        for line in ood_detection_text(found).splitlines():
            say(line)
    return 0


def displacement(options: Namespace) -> int:
    """``fusion3d displacement``: measure how far a model's heatmaps lie from the evidence."""
    need_training_extra()
    from fusion3d_gui.report.json_file import write_json
    from fusion3d_gui.training.find_displacement import find_displacement

    check_can_write(options.json, (options.model, options.cases))
    found = find_displacement(
        options.model,
        options.cases,
        validation=options.validation,
        record=options.record,
        methods=tuple(options.also),
        progress=terminal_progress(),
    )
    if options.json:
        write_json(found, options.json)
    print_json(found)
    return 0


def compare(options: Namespace) -> int:
    """``fusion3d compare``: compare two models on the same cases."""
    need_training_extra()
    from fusion3d_gui.report.json_file import write_json
    from fusion3d_gui.training.measure.auroc_comparison import compare_bundles

    check_can_write(options.json, (options.model_a, options.model_b, options.cases))
    figures = compare_bundles(
        options.model_a, options.model_b, options.cases, progress=terminal_progress()
    )
    if options.json:
        write_json(figures, options.json)
    print_json(figures)
    return 0


def ablate(options: Namespace) -> int:
    """``fusion3d ablate``: compare models of the image, of the metadata and of both."""
    need_training_extra()
    from fusion3d_gui.training.study.ablation import ablate as run_ablation

    found = run_ablation(
        options.out,
        seed=options.seed,
        train_cases=options.train_cases,
        test_cases=options.test_cases,
        shuffled=options.shuffled,
        progress=terminal_progress(),
    )
    for row in found["rows"]:
        area = row["figures"]["auroc"]
        interval = "" if area["low"] is None else f"({area['low']:.3f} to {area['high']:.3f})"
        say(f"{row['title']:<40} AUROC {area['value']:.3f} {interval}")
    say(f"written: {options.out / 'ablation.html'}")
    return 0


def cohort_map(options: Namespace) -> int:
    """``fusion3d cohort-map``: average heatmaps on a template."""
    from fusion3d_gui.inference.predictor import load_predictor
    from fusion3d_gui.training.study.cohort_map import cohort_map as average

    check_can_write(options.out)
    progress = terminal_progress()
    predictor = load_predictor(
        options.model, options.device, part_of(progress, 0.0, 0.05), engine=options.engine
    )
    found = average(
        predictor, options.cases, options.template, options.out, part_of(progress, 0.05, 1.0)
    )
    for one in found["left_out"]:
        say(f"left out: {one['case']}: {one['reason']}", error=True)
    for name, count in found["groups"].items():
        say(f"{name}: {count} cases, {options.out / f'mean-{name}.nii.gz'}")
    say(f"{RESEARCH_USE_ONLY}.")
    return 0


COMMANDS: Mapping[str, Callable[[Namespace], int]] = {
    "cohort": cohort,
    "table": table,
    "study": study,
    "reader-study": reader_study,
    "lesion-map": lesion_map,
    "cohort-map": cohort_map,
    "schema": schema,
    "train": train,
    "evaluate": evaluate,
    "reference": reference,
    "displacement": displacement,
    "compare": compare,
    "ablate": ablate,
}
