"""``predict_on_cluster``: rows of a table of cases by the workers of a Dask cluster.

Scheduler and workers are Dask's own (``dask scheduler``, ``dask worker``), with Fusion3D installed and the same
paths mounted everywhere. Dask sends functions and values as pickles: who can reach the scheduler can run code on
every worker and on the client, so it belongs on a closed network or behind TLS.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.batch.batch_row import BatchRow, RowSettings, first_cells
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.serve.jobs.model_place import ModelPlace, load_once

_CONNECT_S = 15
_FIRST_WORKER_S = 60
#: One row at a time in a worker process: a predictor belongs to one thread.
_one_row = threading.Lock()


def predict_on_cluster(
    address: str,
    place: ModelPlace,
    schema: MetadataSchema,
    settings: RowSettings,
    rows: Sequence[BatchRow],
    progress: Progress = no_progress,
) -> Iterator[Mapping[str, object]]:
    """Predict rows on a cluster; gives the cells of each as soon as they are known, in any order.

    Rows of a worker that is lost go to another one; a row over which several end counts as failed.

    Parameters
    ----------
    address
        The scheduler's, e.g. ``tcp://host:8786``, or ``tls://`` with Dask's own configuration of certificates.
    place, schema, settings, rows
        As for processes on one machine; all paths must be the same on every worker.
    progress
        Progress callback.

    Raises
    ------
    UserError
        Dask is not installed, the scheduler can't be reached or is lost, there is no worker, or a worker can't load
        the model or write the results.
    """
    try:
        from distributed import Client, KilledWorker, as_completed
    except ImportError:
        raise UserError(
            "Dask is not installed", remedy="Install it: pip install fusion3d[cluster]."
        ) from None
    try:
        client = Client(address, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError, RuntimeError, ImportError):
        raise UserError(
            f"no Dask scheduler answers at {address}",
            remedy="Start one: dask scheduler; its first lines name the address.",
        ) from None
    with client:
        progress(0.0, "Waiting for a worker")
        try:
            client.wait_for_workers(1, timeout=_FIRST_WORKER_S)
        except TimeoutError:
            raise UserError(
                "the scheduler has no worker", remedy=f"Start one: dask worker {address}."
            ) from None
        run = uuid.uuid4().hex
        futures = {
            client.submit(
                _predict_on_worker, place, settings, row, key=f"fusion3d-{run}-{row.number}"
            ): row
            for row in rows
        }
        try:
            for done, future in enumerate(as_completed(list(futures), loop=client.loop), start=1):
                row = futures.pop(future)
                if future.cancelled() or future.status == "lost":
                    raise UserError(
                        "the scheduler was lost", remedy="Run the same again: it goes on."
                    )
                error = future.exception()
                if isinstance(error, KilledWorker):
                    reason = str(UserError("ended several workers", remedy="Open it alone."))
                    cells = {**first_cells(row, schema, place.weights_sha256), "error": reason}
                elif error is not None:
                    raise UserError(f"a worker failed ({type(error).__name__}: {error})")
                else:
                    cells, stopped = future.result()
                    if stopped:
                        raise UserError(stopped)
                yield cells
                progress(done / len(rows), f"Predicted {done} of {len(rows)}")
        finally:
            client.cancel(list(futures))


def _predict_on_worker(
    place: ModelPlace, settings: RowSettings, row: BatchRow
) -> tuple[dict[str, object], str]:
    """The cells of a row; or none, and why this worker can't compute any."""
    from fusion3d_gui.inference.batch.predict_row import predict_row

    with _one_row:
        try:
            if not settings.heatmaps.is_dir():
                raise UserError(
                    "a worker does not find the folder of the results",
                    path=settings.out,
                    remedy="Every worker needs the same paths.",
                )
            return predict_row(load_once(place), row, settings), ""
        except UserError as error:
            return {}, str(error)
        except OSError as error:
            failed = UserError(
                f"the results can't be written ({error.strerror})", path=settings.out
            )
            return {}, str(failed)
