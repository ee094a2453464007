"""``predict_by_processes``: rows of a table of cases by worker processes on this machine.

Each worker loads the model once and computes with one thread: several of them use several cores better than one
process with as many threads. A worker that ends (memory, a fault in a codec, a signal) costs the row that it had,
which is tried once more at the end, and is replaced.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.batch.batch_row import BatchRow, RowSettings, first_cells
from fusion3d_gui.inference.batch.reading_record import ReadingRecord
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.serve.jobs.model_place import ModelPlace, load_once

#: The numerical libraries read these when they are loaded.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
#: So many workers may end in a row before one has loaded the model.
_MOST_FAILED_STARTS = 3
#: Interval at which ``progress`` may cancel.
_POLL_S = 0.2

Cells = Mapping[str, object]


def predict_by_processes(
    place: ModelPlace,
    schema: MetadataSchema,
    settings: RowSettings,
    rows: Sequence[BatchRow],
    record: ReadingRecord,
    jobs: int,
    progress: Progress = no_progress,
) -> Iterator[Cells]:
    """Predict rows by ``jobs`` processes; gives the cells of each as soon as they are known, in any order.

    Parameters
    ----------
    place
        The model. With the engine ``auto`` the first worker selects, and the others take the same.
    schema
        The model's.
    settings
        What is asked of every row.
    rows
        The rows.
    record
        Remembers which rows have ended a process, also for the next call.
    jobs
        Number of processes at most.
    progress
        Progress callback; when it raises, all workers are ended.

    Raises
    ------
    UserError
        The model can't be loaded, the results can't be written, or workers end while they load the model.
    """
    waiting, done, failed_starts = deque(rows), 0, 0
    workers: list[_Worker] = []
    is_chosen = place.engine != "auto"
    progress(0.0, "Starting processes")
    try:
        while waiting or any(worker.row for worker in workers):
            wanted = min(jobs, len(waiting) + sum(worker.row is not None for worker in workers))
            while len(workers) < (wanted if is_chosen else 1):
                workers.append(_Worker.start(place, settings))
            for worker in _speaking(workers):
                answer = worker.answer()
                if answer is None:
                    workers.remove(worker)
                    worker.end()
                    failed_starts += not worker.is_ready
                    if failed_starts >= _MOST_FAILED_STARTS:
                        raise UserError(
                            "worker processes end while they load the model",
                            remedy="Give fewer --jobs: each needs memory for the model.",
                        )
                    if worker.row is not None:
                        waiting.append(worker.row)  # its record stays
                        worker.row = None
                    continue
                kind, said = answer
                if kind == "stopped":
                    raise UserError(str(said))
                if kind == "ready":
                    worker.is_ready, failed_starts = True, 0
                    if not is_chosen:
                        place, is_chosen = replace(place, engine=str(said)), True
                else:
                    assert worker.row is not None and isinstance(said, dict)
                    record.end(worker.row.number)
                    worker.row, done = None, done + 1
                    yield said
            # Also to those that were idle: a lost row comes back.
            for worker in workers:
                while waiting and worker.is_ready and worker.row is None:
                    refused = worker.give(waiting.popleft(), record)
                    if refused:
                        row, reason = refused
                        done += 1
                        yield {**first_cells(row, schema, place.weights_sha256), "error": reason}
            progress(done / len(rows), f"Predicted {done} of {len(rows)}")
    finally:
        for worker in workers:
            worker.end()
            if worker.row is not None:
                record.end(worker.row.number)  # given up, not lost


@dataclass(eq=False)
class _Worker:
    """A worker process as the main one sees it; ``row`` is what it computes now."""

    process: SpawnProcess
    connection: Connection
    is_ready: bool = False
    row: BatchRow | None = None

    @classmethod
    def start(cls, place: ModelPlace, settings: RowSettings) -> _Worker:
        # Spawned, not forked: the fork of a process that runs torch's threads could hang.
        context = multiprocessing.get_context("spawn")
        own, others = context.Pipe()
        process = context.Process(target=_work, args=(others, place, settings), daemon=True)
        process.start()
        # The worker holds the only other end: when it ends, however it does, reading here says so.
        others.close()
        return cls(process, own)

    def give(self, row: BatchRow, record: ReadingRecord) -> tuple[BatchRow, str] | None:
        """Have it compute a row; returns the row and the reason where it has ended processes too often."""
        try:
            record.begin(row.number)
        except UserError as error:
            return row, str(error)
        self.row = row
        with contextlib.suppress(OSError):  # it has just ended, as reading will say
            self.connection.send(row)
        return None

    def answer(self) -> tuple[str, object] | None:
        """What it says; None: it has ended."""
        try:
            kind, said = self.connection.recv()
        except (EOFError, OSError):
            return None
        return kind, said

    def end(self) -> None:
        """End the process, whatever it does."""
        self.connection.close()
        self.process.kill()
        self.process.join()


def _speaking(workers: Sequence[_Worker]) -> list[_Worker]:
    ready = wait([worker.connection for worker in workers], timeout=_POLL_S)
    return [worker for worker in workers if worker.connection in ready]


def _work(connection: Connection, place: ModelPlace, settings: RowSettings) -> None:
    """The worker: rows come in, cells go out, until the main process closes the connection or ends."""
    # Ctrl+C reaches the whole group; the main process ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, "1"))
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            predictor = load_once(place)
        except UserError as error:
            connection.send(("stopped", str(error)))
            return
        connection.send(("ready", predictor.engine_name))
        from fusion3d_gui.inference.batch.predict_row import predict_row

        while True:
            row: BatchRow = connection.recv()
            try:
                cells = predict_row(predictor, row, settings)
            except OSError as error:
                text = UserError(
                    f"the results can't be written ({error.strerror})", path=settings.out
                )
                connection.send(("stopped", str(text)))
                return
            connection.send(("cells", cells))
