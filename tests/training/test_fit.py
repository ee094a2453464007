"""The optimisation: interrupted and divided trainings end at the same weights as plain ones."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import NetworkConfig
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.fit.batches import Batches
from fusion3d_gui.training.fit.distributed_layers import (
    SynchronisedBatchNorm,
    restore_torch_layers,
    use_distributed_layers,
)
from fusion3d_gui.training.fit.optimise import fit
from fusion3d_gui.training.fit.recipe import Recipe

RECIPE = Recipe(coarse_epochs=1, epochs=2, batch=4, shift_voxels=1, loss="focal_dynamic")

#: What each process of a divided training runs; the one process of a plain one runs it too.
SCRIPT = """
import os, sys
import numpy as np, torch
from pathlib import Path
from fusion3d_gui.errors import UserError
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import NetworkConfig
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.fit.optimise import fit
from fusion3d_gui.training.fit.recipe import Recipe

work, out, die_at = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
torch.use_deterministic_algorithms(True)
rng = np.random.default_rng(0)
labels = np.array([0, 1] * 11)
images = rng.standard_normal((22, 17, 17, 17)).astype(np.float16)
images[labels == 1, 4:13, 4:13, 4:13] += 2
cases = Cases(images, rng.standard_normal((22, 3)).astype(np.float32), labels)
torch.manual_seed(0)
network = LearnedFeatureFusion3D(
    NetworkConfig(fusion="concat", metadata_width=3, width=1 / 16, stage_strides=(2, 1, 1))
).double()
calls = 0
def progress(fraction, message):
    global calls
    calls += 1
    if calls == die_at:
        os._exit(9)
recipe = Recipe(coarse_epochs=1, epochs=1, batch=4, shift_voxels=1, loss="focal_dynamic")
rows = np.arange(22)
history = fit(network, cases, rows[:15], rows[15:], recipe, 3, work=work, checkpoint_steps=1, progress=progress)
if os.environ.get("RANK", "0") == "0":
    torch.save({"weights": network.state_dict(), "loss": [e.loss for e in history],
                "auc": [e.validation_auc for e in history]}, out)
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("script") / "train.py"
    path.write_text(SCRIPT, encoding="utf-8")
    return path


def run(script: Path, out: Path, *, die_at: int = 0, processes: int = 1, work: Path | None = None):
    work = work or out.with_suffix(".work")
    work.mkdir(exist_ok=True)
    launcher = (
        [sys.executable]
        if processes == 1
        else [
            sys.executable,
            *("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)),
        ]
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        environment.pop(name, None)
    return subprocess.run(
        [*launcher, str(script), str(work), str(out), str(die_at)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def result(path: Path):
    return torch.load(path, weights_only=True)


@pytest.fixture(scope="module")
def plain(script, tmp_path_factory):
    out = tmp_path_factory.mktemp("plain") / "plain.pt"
    done = run(script, out)
    assert done.returncode == 0, done.stderr[-2000:]
    return result(out)


def test_a_killed_training_goes_on_to_the_very_same_weights(script, plain, tmp_path):
    out, work = tmp_path / "resumed.pt", tmp_path / "work"
    work.mkdir()
    # Killed in the coarse epoch and in the first whole one: 4 steps an epoch.
    for die_at in (3, 5):
        assert run(script, out, die_at=die_at, work=work).returncode == 9
        assert (work / "last.ckpt").is_file()
    assert run(script, out, work=work).returncode == 0
    found = result(out)
    for name, value in plain["weights"].items():
        assert torch.equal(found["weights"][name], value), name
    assert found["loss"] == plain["loss"]
    assert found["auc"] == plain["auc"]


def test_two_processes_reach_the_weights_of_one(script, plain, tmp_path):
    out = tmp_path / "two.pt"
    done = run(script, out, processes=2)
    assert done.returncode == 0, done.stderr[-2000:]
    found = result(out)
    for name, value in plain["weights"].items():
        # In float64: sums in another order, through Adam's division by small numbers.
        torch.testing.assert_close(found["weights"][name], value, rtol=1e-5, atol=1e-7, msg=name)
    np.testing.assert_allclose(found["loss"], plain["loss"], rtol=1e-7)
    assert found["auc"] == plain["auc"]


def small_cases(count: int = 22) -> Cases:
    rng = np.random.default_rng(0)
    labels = np.array([0, 1] * (count // 2))
    images = rng.standard_normal((count, 9, 9, 9)).astype(np.float16)
    images[labels == 1, 2:7, 2:7, 2:7] += 2
    return Cases(images, rng.standard_normal((count, 3)).astype(np.float32), labels)


def small_network() -> LearnedFeatureFusion3D:
    torch.manual_seed(0)
    return LearnedFeatureFusion3D(
        NetworkConfig(fusion="add", metadata_width=3, width=1 / 16, stage_strides=(2, 1, 1))
    )


def test_given_up_at_random_moments_it_still_ends_at_the_same_weights(tmp_path):
    cases, rows = small_cases(), np.arange(22)
    parts = rows[:15], rows[15:]
    (tmp_path / "a").mkdir()
    whole = small_network()
    history = fit(whole, cases, *parts, RECIPE, 5, work=tmp_path / "a")
    (tmp_path / "b").mkdir()
    lottery = random.Random(0)
    for _ in range(20):
        patience = lottery.randint(2, 8)

        def lose_patience(fraction: float, message: str) -> None:
            nonlocal patience
            patience -= 1
            if patience < 0:
                raise Cancelled

        network = small_network()
        try:
            again = fit(
                network,
                cases,
                *parts,
                RECIPE,
                5,
                work=tmp_path / "b",
                checkpoint_steps=2,
                progress=lose_patience,
            )
            break
        except Cancelled:
            continue
    else:
        pytest.fail("it never came to an end")
    for name, value in whole.state_dict().items():
        assert torch.equal(network.state_dict()[name], value), name
    assert [e.validation_auc for e in again] == [e.validation_auc for e in history]


@pytest.mark.parametrize("side", [5, 6, 7])
def test_images_smaller_than_the_stem_are_trained_as_without_onednn(side, tmp_path):
    rng = np.random.default_rng(1)
    images = rng.standard_normal((8, side, side, side)).astype(np.float16)
    metadata = rng.standard_normal((8, 3)).astype(np.float32)
    cases = Cases(images, metadata, np.array([0, 1] * 4))
    recipe = Recipe(coarse_epochs=0, epochs=2, batch=6, shift_voxels=0)
    ours, plain = small_network(), small_network()
    for network, name, context in (
        (ours, "ours", nullcontext()),
        (plain, "plain", torch.backends.mkldnn.flags(enabled=False, allow_tf32=False)),
    ):
        (tmp_path / name).mkdir()
        with context:
            fit(network, cases, np.arange(6), np.arange(8), recipe, 2, work=tmp_path / name)
    for name, value in plain.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value), name


def test_it_learns_an_obvious_sign(tmp_path):
    history = fit(
        small_network(),
        small_cases(40),
        np.arange(30),
        np.arange(30, 40),
        Recipe(coarse_epochs=0, epochs=20, rate=3e-3, batch=6, shift_voxels=1),
        0,
        work=tmp_path,
    )
    assert history[-1].validation_auc == 1.0
    assert (tmp_path / "log-1" / "metrics.csv").is_file()


def test_it_stops_early_when_the_validation_auc_no_longer_rises(tmp_path):
    cases = small_cases()
    history = fit(
        small_network(),
        # Labels that nothing predicts: the best epoch comes soon, and no better one.
        Cases(cases.images, cases.metadata, np.random.default_rng(1).permutation(cases.labels)),
        np.arange(14),
        np.arange(14, 22),
        Recipe(coarse_epochs=0, epochs=12, batch=7, patience=2, shift_voxels=1),
        0,
        work=tmp_path,
    )
    aucs = [epoch.validation_auc for epoch in history]
    best = aucs.index(max(aucs))
    assert len(aucs) == best + 3 < 12


def test_a_damaged_checkpoint_is_reported(tmp_path):
    (tmp_path / "last.ckpt").write_bytes(b"no checkpoint")
    with pytest.raises(UserError, match="checkpoint can't be read"):
        fit(
            small_network(),
            small_cases(),
            np.arange(15),
            np.arange(15, 22),
            RECIPE,
            0,
            work=tmp_path,
        )


def test_the_rate_follows_torchs_one_cycle():
    recipe, steps = Recipe(coarse_epochs=0, epochs=4, rate=1e-3), 50
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    judge = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 1e-3, total_steps=4 * steps, pct_start=0.25
    )
    for step in range(4 * steps):
        # torch rises over pct_start * total - 1 steps: one step apart at most.
        theirs = optimizer.param_groups[0]["lr"]
        ours = [recipe.rate_at(n, steps) for n in (step - 1, step, step + 1) if n >= 0]
        assert min(ours) - 1e-9 <= theirs <= max(ours) + 1e-9 or max(ours) == pytest.approx(
            1e-3, rel=1e-2
        )
        optimizer.step()
        judge.step()
    assert recipe.rate_at(50, steps) == pytest.approx(1e-3)


def test_every_process_sees_its_part_of_the_same_batch():
    cases = small_cases()
    whole = list(Batches(cases, np.arange(22), RECIPE, 1))
    parts = [list(Batches(cases, np.arange(22), RECIPE, 1, rank=r, world=3)) for r in range(3)]
    for batch, *shares in zip(whole, *parts, strict=True):
        assert torch.equal(torch.cat([share.image for share in shares]), batch.image)
        assert torch.equal(torch.cat([share.labels for share in shares]), batch.labels)
        assert all(torch.equal(share.all_labels, batch.labels) for share in shares)


def test_an_epoch_sees_every_case_once_and_the_next_in_another_order():
    cases = small_cases()
    cases.metadata[:, 0] = np.arange(22)
    batches = Batches(cases, np.arange(22), RECIPE, 1)
    epochs = [torch.cat([batch.metadata[:, 0] for batch in batches]).tolist() for _ in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(22))
    assert epochs[0] != epochs[1]


def test_weighted_sampling_balances_rare_positives():
    labels = np.array([1] * 20 + [0] * 380)
    cases = Cases(np.zeros((400, 9, 9, 9), np.float16), np.zeros((400, 1), np.float32), labels)
    recipe = Recipe(coarse_epochs=0, batch=8, sampling="weighted")
    drawn = torch.cat([batch.labels for batch in Batches(cases, np.arange(400), recipe, 0)])
    assert 0.4 < drawn.mean() < 0.6


def test_synchronised_layers_alone_are_torchs_own():
    network = small_network()
    names = set(network.state_dict())
    image, metadata = torch.randn(4, 1, 9, 9, 9), torch.randn(4, 3)
    network.eval()
    before = network(image, metadata)
    use_distributed_layers(network)
    assert any(isinstance(layer, SynchronisedBatchNorm) for layer in network.modules())
    assert set(network.state_dict()) == names
    network.eval()
    assert torch.equal(network(image, metadata), before)
    restore_torch_layers(network)
    assert not any(isinstance(layer, SynchronisedBatchNorm) for layer in network.modules())
    assert any(type(layer) is nn.Dropout for layer in network.modules())
    network.eval()
    assert torch.equal(network(image, metadata), before)
