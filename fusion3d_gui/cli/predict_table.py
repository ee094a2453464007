"""How ``fusion3d predict CASES.csv`` computes: in this process, by several, or on a cluster."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fusion3d_gui.cli.network.server_argument import named_server
from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.batch.batch_row import BatchRow, RowSettings
from fusion3d_gui.inference.batch.predict_cases import (
    BatchSummary,
    Shard,
    fill_table,
    predict_table,
)
from fusion3d_gui.inference.batch.reading_record import ReadingRecord
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.progress import Progress, part_of


def fill(
    options: Namespace,
    info: BundleInfo,
    rows: Sequence[BatchRow],
    given: Mapping[str, object],
    shard: Shard | None,
    progress: Progress,
) -> BatchSummary:
    """Fill the table of results as ``--jobs``, ``--scheduler`` and ``shard`` say.

    Raises UserError as :func:`~fusion3d_gui.inference.batch.fill_table`, and where the model can't be loaded.
    """
    server = named_server(options)
    explanation = Explanation.for_model(info, options.method, options.stage, options.side)
    if options.jobs is None and options.scheduler is None:
        from fusion3d_gui.inference.predictor import load_predictor

        predictor = load_predictor(
            options.model,
            options.device,
            part_of(progress, 0.0, 0.05),
            engine=options.engine,
            server=server,
        )
        return predict_table(
            predictor,
            rows,
            options.out,
            explanation,
            given=given,
            despite_misfit=options.despite_misfit,
            shard=shard,
            progress=part_of(progress, 0.05, 1.0),
        )
    if server is not None:
        raise UserError(
            "--engine remote does not go with several processes",
            remedy="Leave --jobs and --scheduler out.",
        )
    from fusion3d_gui.model.bundle.weights_digest import weights_digest
    from fusion3d_gui.serve.jobs.model_place import ModelPlace

    # Workers run elsewhere: paths relative to this process's folder would mean nothing to them.
    settings = RowSettings(options.out.absolute(), explanation, given, options.despite_misfit)
    rows = [replace(row, path=row.path.absolute()) for row in rows]
    place = ModelPlace(
        Path(options.model).absolute(), options.device, options.engine, weights_digest(info)
    )

    def compute(
        missing: Sequence[BatchRow], record: ReadingRecord
    ) -> Iterator[Mapping[str, object]]:
        if options.scheduler is None:
            from fusion3d_gui.serve.jobs.processes import predict_by_processes

            return predict_by_processes(
                place, info.schema, settings, missing, record, options.jobs, progress
            )
        from fusion3d_gui.serve.jobs.cluster import predict_on_cluster

        return predict_on_cluster(
            options.scheduler, place, info.schema, settings, missing, progress
        )

    return fill_table(info.schema, place.weights_sha256, rows, settings, compute, shard=shard)
