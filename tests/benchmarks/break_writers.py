"""Kill all that writes files, and fill its disk: ``python tests/benchmarks/break_writers.py --kills 40 --full 40 --seed 1``.

Each writer (:mod:`writer_jobs`) runs in forks of this process, which has imported the libraries: once undisturbed, to
count what it does to files; then killed by SIGKILL at one of these moments, drawn by the seed; then on a disk with too
little space, drawn likewise: by turns a tmpfs, where this process may mount one, and a limit on a file's size.

After each, every file under a final name must be whole, all that was there must be there, and every input must be
untouched. A command on a full disk must say one line and exit with status 2, without leaving half a file; what can be
resumed must end as if it had never been killed. Prints what was broken; exit status 1 if anything was.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from whole_files import is_final, problem_of
from writer_jobs import VERSIONS, Job, inputs_name, jobs, make_inputs, quietly

_PAGE = 4096
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod")
#: Half of the kills come later than the moment that was drawn, by up to so many seconds.
_LATER_S = 0.03
_LIMIT_S = 120
_CRASHED = 70


@dataclass(frozen=True)
class _Ended:
    """How a run ended: status (negative: the signal), what it said on standard error, changes to files."""

    status: int
    said: str
    changes: int


def _run(
    job: Job,
    folder: Path,
    *,
    kill_at: int | None = None,
    later_s: float = 0.0,
    largest_bytes: int | None = None,
) -> _Ended:
    """Do a job in a fork of this process, in a folder with its inputs."""
    said, counted = folder.with_suffix(".said"), folder.with_suffix(".count")
    counted.write_bytes(b"")
    child = os.fork()
    if child == 0:
        _become(job, folder, said, counted, kill_at, later_s, largest_bytes)
    ended, began = 0, time.monotonic()
    while ended == 0:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended == 0 and time.monotonic() - began > _LIMIT_S:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return _Ended(_CRASHED, f"it hung for {_LIMIT_S} s", 0)
        time.sleep(0.002)
    code = os.waitstatus_to_exitcode(status)
    return _Ended(code, said.read_text(errors="replace"), counted.stat().st_size)


def _become(
    job: Job,
    folder: Path,
    said: Path,
    counted: Path,
    kill_at: int | None,
    later_s: float,
    largest_bytes: int | None,
) -> None:
    """In the fork: do the job, and end the process."""
    status = _CRASHED
    try:
        os.chdir(folder)
        for number, path in ((1, "/dev/null"), (2, str(said))):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        Path("tmp").mkdir(exist_ok=True)
        tempfile.tempdir = str(folder / "tmp")
        os.environ["XDG_CACHE_HOME"] = os.environ["FUSION3D_CONFIG_DIR"] = str(folder / "home")
        count = os.open(counted, os.O_WRONLY | os.O_APPEND)
        moments = itertools.count(1)

        def on_event(event: str, given: tuple[object, ...]) -> None:
            writes = event == "open" and isinstance(given[2], int) and given[2] & _WRITES
            if not (writes or event in _CHANGES):
                return
            os.write(count, b".")
            if next(moments) == kill_at:
                if later_s == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                # Without a handler the alarm ends the process where it is, as SIGKILL does.
                signal.setitimer(signal.ITIMER_REAL, later_s)

        if largest_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_bytes, largest_bytes))
        sys.addaudithook(on_event)
        status = quietly(job.work) if job.is_quiet else job.work()
        sys.stdout.flush()
    except BaseException:
        with contextlib.suppress(OSError):
            traceback.print_exc()
            sys.stderr.flush()
    finally:
        os._exit(status)


# -- judging ----------------------------------------------------------------------------------


def _files(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file below a folder, by its path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _outputs(folder: Path) -> set[str]:
    """The final files, but those of a cache, whose names tell where the inputs are."""
    return {
        name for name in _files(folder / "out") if is_final(name) and not name.startswith("cache/")
    }


def _problems(job: Job, before: dict[str, str], folder: Path) -> list[str]:
    """What a disturbed run has broken."""
    found, now = [], _files(folder)
    for name, digest in before.items():
        if name not in now and is_final(name):
            found.append(f"{name} is gone")
        elif name.split("/")[0] in job.inputs and now[name] != digest:
            found.append(f"the input {name} is not what it was")
    for name, digest in now.items():
        if before.get(name) != digest and is_final(name):
            problem = problem_of(folder / name)
            found += [f"{name} is not whole: {problem}"] if problem else []
    return found


def _problems_when_full(job: Job, ended: _Ended, folder: Path) -> list[str]:
    """What a run on a full disk should have said and done."""
    found = [] if ended.status in (0, 2) else [f"status {ended.status}: {ended.said[-700:]}"]
    lines = [line for line in ended.said.splitlines() if not line.startswith("notice: ")]
    if ended.status == 2 and not job.is_quiet:
        is_told = len(lines) == 1 and lines[0].startswith("fusion3d: ")
        found += [] if is_told else [f"it said {lines}"]
    elif "Traceback" in ended.said:
        found.append(f"a traceback: {ended.said[-700:]}")
    left = [name for name in _files(folder) if not is_final(name) and ".part" in name]
    found += [f"half a file is left: {name}" for name in left]
    return found


# -- disturbing -------------------------------------------------------------------------------


@contextlib.contextmanager
def _small_disk(start: Path, folder: Path, free_pages: int) -> Iterator[bool]:
    """A copy of a folder on a disk with so little space left; gives whether there can be such a disk here."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        folder.rmdir()
        shutil.copytree(start, folder)
        yield False
        return
    try:
        shutil.copytree(start, folder, dirs_exist_ok=True)
        (folder / "tmp").mkdir(exist_ok=True)
        about = os.statvfs(folder)
        used = (about.f_blocks - about.f_bfree) * about.f_frsize
        size = used + free_pages * _PAGE
        again = ["mount", "-o", f"remount,size={size}", str(folder)]
        subprocess.run(again, check=True, capture_output=True)
        yield True
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def _large_disk(start: Path, folder: Path, free_pages: int) -> Iterator[bool]:
    """A copy of a folder where there is room."""
    shutil.copytree(start, folder)
    yield False


class _Breaker:
    """Disturbs one job; ``tell`` gets each problem."""

    def __init__(self, name: str, job: Job, work: Path, seed: int) -> None:
        self._name, self._job, self._work = name, job, work
        self._seed = seed
        self._attempt = 0
        self.problems: list[str] = []

    def _fresh(self) -> Path:
        self._attempt += 1
        return self._work / f"{self._name}-{self._attempt}"

    def _copy(self, source: Path) -> Path:
        return Path(shutil.copytree(source, self._fresh()))

    def _tell(self, what: str, problems: list[str]) -> None:
        self.problems += [f"{self._name}, {what}: {problem}" for problem in problems]

    def begin(self) -> None:
        """Run undisturbed, over the outputs of other inputs where there can be any."""
        self._start = self._copy(self._work / inputs_name(VERSIONS[1]))
        if not self._job.is_new:
            other = self._copy(self._work / inputs_name(VERSIONS[0]))
            self._undisturbed(other)
            shutil.copytree(other / "out", self._start / "out", dirs_exist_ok=True)
        self._before = _files(self._start)
        whole = self._copy(self._start)
        self._changes = self._undisturbed(whole).changes
        self._wanted = _outputs(whole)
        sizes = [path.stat().st_size for path in (whole / "out").rglob("*") if path.is_file()]
        self._largest = max(sizes, default=_PAGE)
        self._pages = sum(-(-size // _PAGE) for size in sizes) + 4
        self._tell("undisturbed", _problems(self._job, self._before, whole))

    def _undisturbed(self, folder: Path) -> _Ended:
        ended = _run(self._job, folder)
        if ended.status != 0:
            sys.exit(f"{self._name} does not work: status {ended.status}, {ended.said}")
        return ended

    def kill(self, number: int) -> None:
        """Kill it at one moment."""
        chance = random.Random(f"{self._seed}/{self._name}/kill/{number}")
        at = chance.randint(1, max(1, self._changes))
        later = chance.choice((0.0, chance.uniform(0.0001, _LATER_S)))
        folder = self._copy(self._start)
        ended = _run(self._job, folder, kill_at=at, later_s=later)
        what = f"killed {1000 * later:.1f} ms after change {at} of {self._changes}"
        if ended.status not in (-signal.SIGKILL, -signal.SIGALRM, 0):
            self._tell(what, [f"status {ended.status}: {ended.said[-700:]}"])
        self._tell(what, _problems(self._job, self._before, folder))
        if self._job.is_resumed:
            self._resume(folder, f"{what}, then resumed")
        shutil.rmtree(folder)

    def fill(self, number: int) -> None:
        """Run it on a disk with too little space."""
        chance = random.Random(f"{self._seed}/{self._name}/full/{number}")
        free = chance.choice((chance.randint(0, 3), chance.randint(0, self._pages)))
        largest = chance.randint(0, self._largest)
        folder = self._fresh()
        # By turns: a disk is full from page to page, a limit on files holds for each byte.
        disk = _small_disk if number % 2 == 0 else _large_disk
        with disk(self._start, folder, free) as is_small:
            limit = None if is_small else largest
            ended = _run(self._job, folder, largest_bytes=limit)
            told = f"{free} pages free" if is_small else f"at most {largest} bytes a file"
            problems = _problems_when_full(self._job, ended, folder)
            self._tell(told, problems + _problems(self._job, self._before, folder))
            if self._job.is_resumed and not problems:
                left = Path(shutil.copytree(folder, self._fresh()))
                self._resume(left, f"{told}, then resumed")
                shutil.rmtree(left)
        shutil.rmtree(folder)

    def _resume(self, folder: Path, what: str) -> None:
        ended = _run(self._job, folder)
        refused = ended.status == 2 and "not an empty folder" in ended.said
        if ended.status != 0 and not (refused and self._wanted == _outputs(folder)):
            self._tell(what, [f"status {ended.status}: {ended.said[-700:]}"])
        elif self._wanted != _outputs(folder):
            differing = sorted(self._wanted ^ _outputs(folder))
            self._tell(what, [f"other files than usual: {differing}"])
        self._tell(what, _problems(self._job, self._before, folder))


def _import_libraries() -> None:
    """What the jobs would import, so that each fork need not."""
    import lightning.pytorch  # noqa: F401
    import nibabel  # noqa: F401
    import PySide6.QtWidgets  # noqa: F401
    import SimpleITK  # noqa: F401
    import sklearn.linear_model  # noqa: F401
    import torch

    import fusion3d_gui.training.evaluate
    import fusion3d_gui.training.find_displacement
    import fusion3d_gui.training.train  # noqa: F401
    from fusion3d_gui.cli.terminal import keep_log_plain

    torch.set_num_threads(1)  # a pool of threads does not survive a fork
    keep_log_plain()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10, help="of each writer")
    parser.add_argument("--full", type=int, default=10, help="full disks for each writer")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these writers")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    _import_libraries()
    chosen = {name: job for name, job in jobs().items() if name in (options.only or jobs())}
    problems: list[str] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as work:
        for version in VERSIONS:
            # In a fork: torch's gradients start threads, without which a process can't be forked again.
            made = Job(lambda number=version: make_inputs(Path(), number) or 0)
            ended = _run(made, _new(Path(work) / inputs_name(version)))
            assert ended.status == 0, ended.said
        for name, job in chosen.items():
            breaker, started = _Breaker(name, job, Path(work), options.seed), time.monotonic()
            breaker.begin()
            _each(breaker.kill, options.kills)
            _each(breaker.fill, options.full)
            for problem in breaker.problems:
                print(problem, flush=True)
            problems += breaker.problems
            if os.environ.get("VERBOSE"):
                print(f"{name}: {time.monotonic() - started:.1f} s", flush=True)
    print(
        f"{len(chosen)} writers, each killed {options.kills} times and on {options.full} full disks, "
        f"seed {options.seed}: {len(problems)} problems, {time.monotonic() - began:.0f} s"
    )
    return 1 if problems else 0


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _each(disturb: Callable[[int], None], count: int) -> None:
    for number in range(count):
        disturb(number)


if __name__ == "__main__":
    sys.exit(main())
