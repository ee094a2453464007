"""``fusion3d predict``: one scan or a table of scans, and the files that come of it.

Heavy libraries are imported inside the functions that need them, so that ``--help`` is immediate.
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.cli.network.server_argument import named_server
from fusion3d_gui.cli.terminal import check_can_write, print_notices, say, terminal_progress
from fusion3d_gui.errors import UserError
from fusion3d_gui.input_file import read_bounded
from fusion3d_gui.output_file import check_not_input
from fusion3d_gui.progress import part_of

if TYPE_CHECKING:
    from fusion3d_gui.imaging.series import Series
    from fusion3d_gui.model.bundle.bundle_info import BundleInfo
    from fusion3d_gui.report.bids.data_set import DerivativeSet
    from fusion3d_gui.report.case_result import CaseResult

_LARGEST_METADATA_BYTES = 1_000_000


def predict(options: Namespace) -> int:
    """``fusion3d predict``: predict one scan or a table of scans; write the requested files."""
    if options.path.suffix.lower() == ".csv":
        return _predict_table(options)
    for name in ("out", "jobs", "shard", "scheduler"):
        if getattr(options, name) is not None:
            raise UserError(
                f"--{name} is for a table of cases", remedy="Use --json, --heatmap and --dicom."
            )
    from fusion3d_gui.inference.runtime.torch_import import (
        load_torch_libraries_beside,
        nonblocking_torch_import,
    )

    load_torch_libraries_beside()
    from fusion3d_gui.imaging.catalog.find import find_series
    from fusion3d_gui.imaging.catalog.open import choose_series, read_series
    from fusion3d_gui.inference.fit.fit_report import MisfitError
    from fusion3d_gui.model.bundle.bundle_info import BundleInfo

    info = BundleInfo.read(options.model)
    given = _given_metadata(options.metadata, options.set)
    # Cheap checks first: a wrong value is reported before the scan is read and torch is imported.
    for name, value in given.items():
        info.schema[name].parse(value)
    server = named_server(options)
    derivative = _derivative(options, info, (options.path,))
    inputs = (options.path, options.model, options.metadata)
    for out in _outputs(options):
        check_can_write(out, inputs)
    if options.report:
        from fusion3d_gui.report.page.page_file import check_page_name

        check_page_name(options.report)
    progress = terminal_progress()
    found = find_series(options.path, part_of(progress, 0.0, 0.1))
    series, notices = choose_series(found, options.series, options.path)
    if options.dicom:
        _check_study(series, options)
    volume = read_series(series, notices=notices, progress=part_of(progress, 0.1, 0.4))
    print_notices(volume.notices)
    # As in the main window: DICOM attributes prefill the form, the user's values override them.
    metadata = info.schema.case_values(volume.attributes, given)

    from fusion3d_gui.cli.audit import log_prediction
    from fusion3d_gui.inference.fit.judge import judge_case
    from fusion3d_gui.report.audit.entry import ModelSaid
    from fusion3d_gui.report.json_file import write_json
    from fusion3d_gui.report.refusal import refusal_json

    report = judge_case(info, volume, metadata)
    asked = {"despite_misfit": options.despite_misfit, "method": options.method}
    if report.fit == "refused" and not options.despite_misfit:
        if options.json:
            write_json(refusal_json(report, info, volume), options.json)
        log_prediction(
            volume.sha256,
            ModelSaid(info.name, info.version),
            asked,
            {"probability": None, "fit": report.fit},
            [("result", options.json)] if options.json else [],
        )
        raise MisfitError(report)

    with nonblocking_torch_import():
        from fusion3d_gui.inference.analysis.workbench import Workbench
        from fusion3d_gui.inference.explain.explanation import Explanation
        from fusion3d_gui.inference.pipeline import predict_and_explain
        from fusion3d_gui.inference.predictor import load_predictor
        from fusion3d_gui.report.collect import collect_result

        predictor = load_predictor(
            options.model,
            options.device,
            part_of(progress, 0.4, 0.6),
            engine=options.engine,
            server=server,
        )
    explanation = Explanation.for_model(info, options.method, options.stage, options.side)
    predicted = predict_and_explain(
        predictor,
        volume,
        metadata,
        explanation,
        part_of(progress, 0.6, 0.9),
        despite_misfit=options.despite_misfit,
    )
    prediction = predicted.prediction
    print_notices(prediction.notices)
    heatmap = prediction.heatmap
    from_file = [name for name in info.schema.prefill(volume.attributes) if name not in given]
    result = collect_result(
        prediction,
        info,
        volume,
        opened=(options.path,),
        series=series,
        sources={name: "dicom" if name in from_file else "typed" for name in prediction.metadata},
        explanation=explanation,
        workbench=Workbench(predicted, predictor.reference, volume),
        progress=part_of(progress, 0.9, 0.95),
    )
    written = _write(result, options)
    if derivative is not None:
        from fusion3d_gui.cli.bids_output import write_bids_scan

        # The names of a BIDS data set are pseudonyms: no identity is in it, with --identity or without.
        hidden = result.without_identity()
        files = write_bids_scan(derivative, hidden, explanation)
        written += [("BIDS derivative", path) for path in files]
    log_prediction(
        prediction.volume_sha256,
        ModelSaid(prediction.bundle_name, prediction.bundle_version, prediction.weights_sha256),
        asked,
        {
            "probability": prediction.probability,
            "class": prediction.class_name,
            "threshold": prediction.threshold,
            "fit": prediction.fit.fit,
        },
        written,
    )
    progress(1.0, "Done")
    fit = prediction.fit
    if fit.mark:
        say(f"{fit.mark}: {fit.summary}")
    say(f"{info.title}: {prediction.class_text}")
    say(
        f"{'probability' if fit.fit == 'fits' else 'number':<12} {prediction.probability:.4f}  (threshold {prediction.threshold:.4f})"
    )
    say(f"logit        {prediction.logit:.6f}")
    say(f"metadata     {_metadata_text(prediction.metadata, from_file)}")
    told = "" if heatmap.correction is None else f", {heatmap.correction.text}"
    say(f"heatmap      {heatmap.method} of {heatmap.layer}, {heatmap.grid_text}{told}")
    say(f"model        {prediction.bundle_name} {prediction.bundle_version}, {prediction.device}")
    if not fit.mark:
        say(f"fit          {fit.summary}")
    if fit.demonstration:
        say(fit.demonstration)
    say(f"{RESEARCH_USE_ONLY}.")
    return 0


def _write(full: CaseResult, options: Namespace) -> list[tuple[str, Path]]:
    """Write the files that were asked for; returns what each is, and its path.

    DICOM objects that go into the patient's study have the study's identity; all else only with ``--identity``.
    """
    from fusion3d_gui.report.heatmap_file import raw_path, write_heatmap
    from fusion3d_gui.report.json_file import write_json_text
    from fusion3d_gui.report.result_json import result_text

    result = full if options.identity else full.without_identity()
    shows_pixels = bool(options.report) or bool(options.dicom and options.new_study)
    if shows_pixels and result.identity is None and result.burnt_in and not options.pixels_checked:
        raise UserError(
            " ".join(result.burnt_in),
            path=options.path,
            remedy="Look at the images; where no text names the patient, give --pixels-checked.",
        )
    prediction, written = result.prediction, []
    if options.report or options.dicom:
        from fusion3d_gui.cli.offscreen import qt_without_window

        qt_without_window()
    if options.json:
        write_json_text(result_text(result), options.json)
        written.append(("result", options.json))
    if options.heatmap:
        write_heatmap(prediction.heatmap, options.heatmap, note=prediction.fit.file_note)
        written.append(("heatmap", options.heatmap))
        if prediction.heatmap.raw is not prediction.heatmap:
            written.append(("heatmap", raw_path(options.heatmap)))
    if options.dicom:
        from fusion3d_gui.report.dicom.write_results import write_dicom_results
        from fusion3d_gui.report.page.result_page import result_page
        from fusion3d_gui.report.page.sheet import Sheet
        from fusion3d_gui.report.share import result_rgb

        joining = result if options.new_study else full
        page = result_page(joining)
        files = write_dicom_results(
            joining,
            options.dicom,
            picture=result_rgb(joining),
            page=Sheet(page.content, joining, page.pictures, options.paper).pdf(),
            new_study=options.new_study,
            corrects=options.corrects,
            notify=lambda notice: print_notices((notice,)),
        )
        written += [("DICOM object", path) for path in files]
    if options.report:
        from fusion3d_gui.report.page.page_file import write_page

        write_page(result, options.report, options.paper)
        written.append(("page", options.report))
    return written


def _derivative(
    options: Namespace, info: BundleInfo, images: Sequence[Path]
) -> DerivativeSet | None:
    """Where ``--bids-out`` leads; refused before anything is computed."""
    if options.bids_out is None:
        return None
    from fusion3d_gui.cli.bids_output import bids_derivative

    return bids_derivative(options.bids_out, images, info)


def _check_study(series: Series, options: Namespace) -> None:
    """Refuse, before anything is computed, DICOM results that could join no study."""
    if not options.new_study and series.format != "DICOM":
        raise UserError(
            "the scan is no DICOM: there is no study that the results could join",
            path=options.path,
            remedy="Write them as a new study (--new-study).",
        )


def _predict_table(options: Namespace) -> int:
    from fusion3d_gui.cli.audit import log_prediction
    from fusion3d_gui.inference.batch.predict_cases import Shard, read_table, results_file
    from fusion3d_gui.model.bundle.bundle_info import BundleInfo
    from fusion3d_gui.report.audit.entry import ModelSaid

    if options.out is None:
        raise UserError("a table of cases needs a folder for the results", remedy="Give --out DIR.")
    for name in ("json", "heatmap", "dicom", "report", "series"):
        if getattr(options, name) is not None:
            raise UserError(f"--{name} does not go with a table of cases", remedy="Leave it out.")
    if options.jobs and options.scheduler:
        raise UserError("--jobs and --scheduler exclude each other", remedy="Give one.")
    info = BundleInfo.read(options.model)
    given = _given_metadata(options.metadata, options.set)
    for name, value in given.items():
        info.schema[name].parse(value)
    rows = read_table(options.path, info.schema, lambda notice: print_notices((notice,)))
    check_can_write(options.out)
    shard = None if options.shard is None else Shard(*options.shard)
    inputs = (options.path, options.model, options.metadata)
    check_not_input(results_file(options.out, shard), inputs)
    derivative = _derivative(options, info, [row.path for row in rows])

    from fusion3d_gui.cli.predict_table import fill

    progress = terminal_progress()
    summary = fill(options, info, rows, given, shard, progress)
    written = [("table of results", summary.results)]
    if derivative is not None:
        from fusion3d_gui.cli.bids_output import write_bids_table
        from fusion3d_gui.inference.explain.explanation import Explanation

        explanation = Explanation.for_model(info, options.method, options.stage, options.side)
        # Shards may end at the same time: only the call that joins them writes the tables of participants.
        folder = write_bids_table(
            derivative, info, explanation, rows, summary, tables=shard is None
        )
        written.append(("BIDS derivative", folder / "dataset_description.json"))
    log_prediction(
        "",
        ModelSaid(info.name, info.version),
        {"table": True, "despite_misfit": options.despite_misfit, "method": options.method},
        {name: getattr(summary, name) for name in ("predicted", "known", "refused", "failed")},
        written,
    )
    progress(1.0, "Done")
    say(f"predicted    {summary.predicted}, known from before {summary.known}")
    if summary.refused:
        say(f"refused      {summary.refused}: see the column reasons")
    if summary.failed:
        say(f"failed       {summary.failed}: see the column error")
    say(f"results      {summary.results}")
    if derivative is not None:
        say(f"BIDS         {derivative.folder}")
    say(f"{RESEARCH_USE_ONLY}.")
    return 0


def _outputs(options: Namespace) -> list[Path]:
    """The files and the folder that a prediction of one scan may write."""
    from fusion3d_gui.report.heatmap_file import raw_path

    heatmaps = [] if options.heatmap is None else [options.heatmap, raw_path(options.heatmap)]
    names = [each for each in (options.json, options.report, options.dicom) if each is not None]
    return [*names, *heatmaps]


def _given_metadata(path: Path | None, assignments: list[str]) -> dict[str, Any]:
    """Values from ``--metadata`` and, over them, from ``--set``."""
    values: dict[str, Any] = {}
    if path is not None:
        try:
            plain = json.loads(read_bounded(path, _LARGEST_METADATA_BYTES))
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
