"""Time to open series, against pydicom and SimpleITK in the same run: ``python tests/benchmarks/bench_imaging.py``."""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.encaps import encapsulate

from fusion3d_gui.errors import Cancelled
from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.catalog.open import open_volume, read_series
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume

SLICES, COMPRESSED_SLICES, SIDE, RUNS = 300, 60, 512, 3


def _series(folder: Path) -> list[Path]:
    """Write a series of smooth values with noise, like CT."""
    chance = np.random.default_rng(0)
    k, j, i = np.ogrid[:SLICES, :SIDE, :SIDE]
    smooth = 600 * np.sin(j / 40) * np.cos(i / 55 + k / 30)
    voxels = (smooth + chance.normal(0, 12, (1, SIDE, SIDE))).astype(np.int16)
    volume = Volume(voxels, np.diag([0.7, 0.7, 1.0, 1.0]), modality="CT", intercept=-24.0)
    return write_dicom_series(volume, folder, attributes={}, uid_seed="benchmark")


def _compressed(paths: list[Path], folder: Path, syntax: str) -> list[Path]:
    folder.mkdir()
    made = []
    for path in paths:
        dataset = pydicom.dcmread(path)
        pixels = dataset.pixel_array
        if syntax == pydicom.uid.JPEGLSLossless:
            frame = imagecodecs.jpegls_encode(pixels.view(np.uint16))
        else:
            frame = imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="j2k", reversible=True)
        dataset.PixelData = encapsulate([frame])
        dataset["PixelData"].VR = "OB"
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.save_as(folder / path.name)
        made.append(folder / path.name)
    return made


def _median(name: str, work: Callable[[], object]) -> float:
    work()
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    middle = statistics.median(seconds)
    print(f"  {name:<28} {middle:7.3f} s")
    return middle


def _by_pydicom(paths: list[Path]) -> np.ndarray:
    return np.stack([pydicom.dcmread(path).pixel_array for path in paths])


def _by_simpleitk(folder: Path) -> np.ndarray:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return sitk.GetArrayViewFromImage(reader.Execute()).copy()


def _first_slice(folder: Path, whole_s: float) -> None:
    """How soon the middle slice is there: since the call, and since the headers are known."""
    found = find_series(folder)

    def seconds(work: Callable[[Callable[[Volume], None]], object]) -> float:
        took = []
        for _ in range(RUNS):
            start = time.perf_counter()
            work(lambda volume, start=start: took.append(time.perf_counter() - start))
        return statistics.median(took)

    reading = _median("read_series, headers known", lambda: read_series(found[0]))
    from_call = seconds(lambda watch: open_volume(folder, watch=watch))
    from_headers = seconds(lambda watch: read_series(found[0], watch=watch))
    print(f"  first slice                  {from_call:7.3f} s, {from_call / whole_s:4.0%} of all")
    print(f"  ... once headers are known   {from_headers:7.3f} s, {from_headers / reading:4.0%}")


def _from_disk(folder: Path) -> None:
    """The same where the system has none of the files in memory, as when a case is opened first."""
    if not hasattr(os, "posix_fadvise"):
        return
    shares, wholes = [], []
    for _ in range(RUNS):
        for path in folder.iterdir():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
                os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        seen: list[float] = []
        start = time.perf_counter()
        open_volume(folder, watch=lambda volume, seen=seen: seen.append(time.perf_counter()))
        wholes.append(time.perf_counter() - start)
        shares.append((seen[0] - start) / wholes[-1])
    whole, share = statistics.median(wholes), statistics.median(shares)
    print(f"  not in memory: open_volume   {whole:7.3f} s, first slice at {share:4.0%} of that")


def _cancel(folder: Path) -> None:
    """The longest time from the wish to cancel to the end of the work, over moments of the reading."""
    worst = 0.0
    for number in range(12):
        asked = threading.Event()
        since = [0.0]

        def progress(fraction: float, message: str, asked: threading.Event = asked) -> None:
            if asked.is_set():
                raise Cancelled

        def ask(asked: threading.Event = asked, since: list[float] = since) -> None:
            since[0] = time.perf_counter()
            asked.set()

        timer = threading.Timer(0.02 * (number + 1), ask)
        timer.start()
        try:
            open_volume(folder, progress=progress)
        except Cancelled:
            worst = max(worst, time.perf_counter() - since[0])
        timer.cancel()
    print(f"  cancelled within             {worst:7.3f} s")


def _tree(folder: Path) -> None:
    """A folder tree of 10,000 small files: 20 series of 500 slices, looked through."""
    for number in range(20):
        voxels = np.full((500, 16, 16), number, np.int16)
        small = Volume(voxels, np.eye(4), modality="CT")
        write_dicom_series(small, folder / f"{number}", attributes={}, uid_seed=f"{number}")
    told: list[float] = []

    def progress(fraction: float, message: str) -> None:
        told.append(time.perf_counter())

    def scan() -> None:
        told[:] = [time.perf_counter()]
        found = find_series(folder, progress)
        told.append(time.perf_counter())
        assert len(found) == 20

    print("A tree of 10,000 files in 20 series")
    took = _median("find_series", scan)
    print(f"  header scan                  {10_000 / took:7.0f} files/s")
    gaps = np.diff(told)
    print(f"  longest time without a word  {gaps.max():7.3f} s, {len(told) - 2} words in all")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        raw = Path(name) / "raw"
        paths = _series(raw)
        folders = {"uncompressed": raw}
        for title, syntax in (
            ("JPEG-LS", pydicom.uid.JPEGLSLossless),
            ("JPEG 2000", pydicom.uid.JPEG2000Lossless),
        ):
            folders[title] = Path(name) / title
            _compressed(paths[:COMPRESSED_SLICES], folders[title], syntax)
        for title, folder in folders.items():
            print(f"{title}, {len(list(folder.iterdir()))} slices {SIDE}x{SIDE}")
            ours = _median("open_volume", lambda folder=folder: open_volume(folder))
            peer = _median(
                "SimpleITK ImageSeriesReader", lambda folder=folder: _by_simpleitk(folder)
            )
            print(f"  ratio to SimpleITK           {peer / ours:7.2f}")
            _first_slice(folder, ours)
            _from_disk(folder)
            _cancel(folder)
            files = sorted(folder.iterdir())
            peer = _median("pydicom loop", lambda files=files: _by_pydicom(files))
            print(f"  ratio to pydicom             {peer / ours:7.2f}")
        scan = _median("headers of the raw series", lambda: find_series(raw))
        print(f"  header scan                  {SLICES / scan:7.0f} files/s")
        _tree(Path(name) / "tree")


if __name__ == "__main__":
    main()
