"""A cohort's files: cases written by several processes, each row kept, so that an interrupted cohort goes on."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from fusion3d_gui.errors import UserError
from fusion3d_gui.output_file import is_unused, write_whole_text
from fusion3d_gui.progress import Progress
from fusion3d_gui.training.data.csv_file import write_csv

Row = dict[str, Any]

#: Folder of the rows that are done, until the table is written.
UNFINISHED = "unfinished"
#: Below this many cases, starting processes costs more than it saves.
_CASES_WORTH_PROCESSES = 8


def begin_cohort(out: Path, settings: dict[str, Any]) -> None:
    """Make the folders of a cohort, or check that it is an unfinished one of the same settings.

    Raises UserError where ``out`` holds anything else.
    """
    note = out / UNFINISHED / "settings.json"
    wanted = json.dumps(settings, indent=2)
    if note.is_file():
        if note.read_text(encoding="utf-8") != wanted:
            raise UserError(
                "it holds an unfinished cohort with other settings",
                path=out,
                remedy="Call it as before to go on, or delete the folder.",
            )
        return
    if not is_unused(out):
        raise UserError("it is not an empty folder", path=out, remedy="Name a new folder.")
    for name in ("volumes", "masks", UNFINISHED):
        (out / name).mkdir(parents=True, exist_ok=True)
    write_whole_text(note, wanted)


def write_cases(
    write: Callable[[Any], Row], jobs: Sequence[Any], workers: int | None, progress: Progress
) -> list[Row]:
    """The table's rows, in the order of the jobs; ``workers`` processes, by default one for each processor.

    ``write`` is a function of a module; it makes a case's files and returns its row.
    """
    processes = min(workers or os.cpu_count() or 1, len(jobs))
    if processes == 1 or (workers is None and len(jobs) < _CASES_WORTH_PROCESSES):
        return _collect(map(write, jobs), len(jobs), progress)
    # Spawned, not forked: the fork of a process that runs torch's threads could hang.
    context = get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=_use_one_thread) as pool:
        try:
            return _collect(pool.map(write, jobs), len(jobs), progress)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def kept_row(out: Path, number: int) -> Row | None:
    """The row of a case that is done; None where it is not."""
    note = _note(out, number)
    if not note.is_file():
        return None
    found: Row = json.loads(note.read_text(encoding="utf-8"))
    return found


def keep_row(out: Path, number: int, row: Row) -> None:
    """Note that a case's files are written."""
    write_whole_text(_note(out, number), json.dumps(row))


def finish_cohort(out: Path, rows: Sequence[Row], about: dict[str, Any]) -> Path:
    """Write ``cases.json`` (``about``) and ``cases.csv``, whose path is returned; forget the kept rows."""
    text = json.dumps(about, indent=2, ensure_ascii=False) + "\n"
    write_whole_text(out / "cases.json", text)
    table = out / "cases.csv"
    write_csv(table, rows)
    shutil.rmtree(out / UNFINISHED)
    return table


def _note(out: Path, number: int) -> Path:
    return out / UNFINISHED / f"{number:05d}.json"


def _use_one_thread() -> None:
    """Let NumPy use one thread: as many processes as cores, each with several, took 3 times as long."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)


def _collect(rows: Iterable[Row], cases: int, progress: Progress) -> list[Row]:
    collected = []
    for row in rows:
        collected.append(row)
        progress(len(collected) / cases, f"Case {len(collected)} of {cases}")
    return collected
