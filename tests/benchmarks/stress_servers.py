"""Predictions by model servers that are killed and restarted on the way: the right number, or a sentence, each time.

``python tests/benchmarks/stress_servers.py [--mlserver PYTHON] [--kserve PYTHON] [--count 200] [--kills 6]`` needs the extra
``[remote]`` here, and ``[serve]`` or ``[kserve]`` in the environment of each named interpreter, which runs that server. Two
threads predict eight scans in turn, by gRPC and by HTTP, while the server gets SIGKILL at random times; each second time it
comes back with other weights under the same name. Every logit is compared with that of its own scan, computed here before; those
of the scans differ by more than a hundred times the tolerance. Exits with 1 if one is wrong, or no prediction was served.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from scipy.ndimage import gaussian_filter

from fusion3d_gui.api import shipped_models
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.engines.remote_server import RemoteServer
from fusion3d_gui.inference.predictor import Predictor, load_predictor

_SCANS, _THREADS, _TOLERANCE = 8, 2, 1e-4
#: What a sentence on the computation by this machine holds.
_FELL_BACK = ("PyTorch on the CPU", "This machine computed")
_TOKEN = "stress"
_BY = {"mlserver": (), "kserve": ("--by", "kserve", "--host", "0.0.0.0")}


class Server:
    """A server process that is killed and started again."""

    def __init__(self, python: str, by: str, port: int) -> None:
        self.port = port
        self._command = [python, "-m", "fusion3d_gui", "serve", "--engine", "torch", *_BY[by]]
        self._process: subprocess.Popen | None = None
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - as long as the process

    def start(self, bundle: Path) -> None:
        """Start it and wait until it is ready."""
        self._process = subprocess.Popen(
            [*self._command, "--port", str(self.port), "--model", str(bundle)],
            env={**os.environ, "FUSION3D_SERVER_TOKEN": _TOKEN},
            stdout=subprocess.DEVNULL,
            stderr=self._log,
        )
        for _ in range(12_000):
            with suppress(OSError), urllib.request.urlopen(self._ready_address) as answer:
                if answer.status == 200:
                    return
            if self._process.poll() is not None:
                self._log.seek(0)
                sys.exit(f"the server has ended: {self._log.read()[-2000:]}")
            time.sleep(0.1)
        sys.exit("the server did not start")

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    @property
    def _ready_address(self) -> str:
        return f"http://127.0.0.1:{self.port}/v2/health/ready"


class Clients:
    """Threads that predict scans in turn, and what came of it."""

    def __init__(self, bundle: Path, port: int, volumes: list[Volume], logits: list[float]) -> None:
        self._bundle, self._volumes, self._logits = bundle, volumes, logits
        self._addresses = [f"grpc://127.0.0.1:{port + 1}", f"http://127.0.0.1:{port}"]
        self.found: Counter[str] = Counter()
        self.sentences: Counter[str] = Counter()
        self.done = 0

    def run(self, number: int, count: int) -> None:
        """Predict so many cases; after a fallback the next one asks the server again."""
        server = RemoteServer(self._addresses[number % 2], token=_TOKEN, timeout_s=20)
        predictor: Predictor | None = None
        for step in range(count):
            which = (step * _THREADS + number) % _SCANS
            volume = self._volumes[which]
            if predictor is None:
                predictor = load_predictor(self._bundle, "cpu", engine="remote", server=server)
            found = predictor.predict(Volume(volume.voxels, volume.affine), {})
            right = abs(found.logit - self._logits[which]) <= _TOLERANCE
            served = found.device.startswith("Server")
            kind = "served" if served else "computed here, with a sentence"
            if not served:
                said = [each for each in found.notices if any(word in each for word in _FELL_BACK)]
                self.sentences.update(said[:1])
                kind = kind if said else "computed here, without a sentence"
                predictor = None
            self.found[kind if right else "wrong"] += 1
            self.done += 1


def main() -> int:
    """Returns 0 where all is right."""
    parser = argparse.ArgumentParser()
    for by in _BY:
        parser.add_argument(f"--{by}", metavar="PYTHON", help=f"interpreter with {by}")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--port", type=int, default=18080)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as text:
        bundle, other = _bundles(Path(text))
        own = load_predictor(bundle, "cpu", engine="torch")
        found = [(own.predict(each, {}).logit, each) for each in map(_scan, range(3 * _SCANS))]
        chosen = sorted(found, key=lambda each: each[0])[::3]
        logits, volumes = [each[0] for each in chosen], [each[1] for each in chosen]
        nearest = min(abs(a - b) for a, b in pairwise(logits))
        assert nearest > 100 * _TOLERANCE, f"logits of two scans differ by {nearest} only"
        wrong = False
        for by in _BY:
            python = getattr(options, by)
            if python:
                clients = Clients(bundle, options.port, volumes, logits)
                server = Server(python, by, options.port)
                wrong |= not _stressed(by, server, clients, [bundle, other], options)
    return int(wrong)


def _scan(number: int) -> Volume:
    """A head with texture and a bright ball of its own."""
    rng = np.random.default_rng(number)
    k, j, i = np.ogrid[-1:1:48j, -1:1:60j, -1:1:48j]
    texture = gaussian_filter(rng.normal(size=(48, 60, 48)), 1.5) * 250
    place = rng.uniform(-0.4, 0.4, 3)
    ball = (k - place[0]) ** 2 + (j - place[1]) ** 2 + (i - place[2]) ** 2 < rng.uniform(0, 0.1)
    voxels = np.where(k**2 + j**2 + i**2 < 0.8, 500 + texture + 400 * ball, 0)
    return Volume(voxels.astype(np.int16), np.diag([4.0, 3, 4, 1]))


def _bundles(folder: Path) -> tuple[Path, Path]:
    """A copy of a shipped bundle, and one of the same name with other weights."""
    source = shipped_models()["demo-image-only"]
    made = []
    for name in ("own", "other"):
        copy = folder / name
        shutil.copytree(source, copy)
        # Half the voxels along each axis: a prediction takes an eighth of the time.
        settings = copy / "configs" / "preprocessing.json"
        plain = json.loads(settings.read_text(encoding="utf-8"))
        plain |= {"shape_kji": [33, 41, 33], "spacing_mm": 2 * plain["spacing_mm"]}
        settings.write_text(json.dumps(plain), encoding="utf-8")
        made.append(copy)
    path = made[1] / "models" / "model.safetensors"
    state = load_file(path)
    save_file(
        {key: each * 1.01 if each.is_floating_point() else each for key, each in state.items()},
        path,
    )
    return made[0], made[1]


def _stressed(
    by: str, server: Server, clients: Clients, bundles: list[Path], options: argparse.Namespace
) -> bool:
    """Run the threads while the server is killed and restarted; print what came of it."""
    chance = random.Random(1)
    server.start(bundles[0])
    started = time.perf_counter()
    share = options.count // _THREADS
    threads = [
        threading.Thread(target=clients.run, args=(number, share), daemon=True)
        for number in range(_THREADS)
    ]
    for thread in threads:
        thread.start()
    kills = 0
    for number in range(options.kills):
        until = (number + chance.uniform(0.2, 0.8)) * options.count / options.kills
        while clients.done < until and any(thread.is_alive() for thread in threads):
            time.sleep(0.005)
        server.kill()
        kills += 1
        time.sleep(chance.uniform(0.1, 2))
        server.start(bundles[kills % 2])
    for thread in threads:
        thread.join()
    server.kill()
    found = dict(clients.found)
    print(f"{by}: {clients.done} predictions, {kills} kills, {time.perf_counter() - started:.0f} s")
    print(json.dumps(found))
    for sentence, times in clients.sentences.most_common():
        print(f"  {times} x {sentence}")
    allowed = {"served", "computed here, with a sentence"}
    return set(found) <= allowed and found.get("served", 0) > 0 and clients.done == share * _THREADS


if __name__ == "__main__":
    sys.exit(main())
