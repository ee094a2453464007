"""A table of cases by several processes, in shards and on a Dask cluster: the rows of the serial run, each once."""

from __future__ import annotations

import os

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from fusion3d_gui.cli.parser import run
from fusion3d_gui.inference.batch.predict_cases import Shard, predict_table, read_table
from fusion3d_gui.inference.predictor import load_predictor

#: These say when, how fast and on what a row was computed.
_OF_THE_RUN = ["seconds", "created", "device"]

#: Read by every Python that starts: ends a worker where it opens certain scans.
_ENDS_WORKERS = """
import os, sys
def end(event, given):
    if event == "open":
        name = str(given[0])
        if name.endswith("always.nii.gz"):
            os.kill(os.getpid(), 9)
        if name.endswith("once.nii.gz"):
            seen = name + ".seen"
            if not os.path.exists(seen):
                os.close(os.open(seen, os.O_CREAT))
                os.kill(os.getpid(), 9)
sys.addaudithook(end)
"""


@pytest.fixture
def table(tmp_path):
    """Eight rows: one is no scan, one has a value that is not allowed."""
    rng = np.random.default_rng(0)
    lines = ["case,path,age,sex"]
    for name in ("a", "once", "b", "c", "d", "e"):
        values = rng.integers(0, 900, (20, 22, 18)).astype(np.int16)
        nib.save(nib.Nifti1Image(values, np.diag([5.0, 5, 5, 1])), tmp_path / f"{name}.nii.gz")
        lines.append(f"{name},{name}.nii.gz,{50 + len(lines)},F")
    (tmp_path / "broken.nii.gz").write_bytes(b"no scan")
    lines += ["no scan,broken.nii.gz,60,M", "too old,a.nii.gz,500,M"]
    path = tmp_path / "cases.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def bundle(make_bundle):
    return make_bundle()


@pytest.fixture
def serial(table, bundle, tmp_path):
    """The results of one process, and their heatmaps."""
    predictor = load_predictor(bundle, "cpu", engine="torch")
    rows = read_table(table, predictor.info.schema)
    return rows_of(predict_table(predictor, rows, tmp_path / "serial").results)


@pytest.fixture
def workers_end(tmp_path, monkeypatch):
    """Workers that open ``once.nii.gz`` for the first time, or ``always.nii.gz``, get SIGKILL."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_ENDS_WORKERS)
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    )


def rows_of(results) -> pd.DataFrame:
    found = pd.read_csv(results, keep_default_na=False)
    return found.drop(columns=_OF_THE_RUN)


def assert_same(found: pd.DataFrame, serial: pd.DataFrame) -> None:
    numbers = ["logit", "probability"]
    for name in numbers:
        given = [pd.to_numeric(each[name], errors="coerce") for each in (found, serial)]
        np.testing.assert_allclose(*given, rtol=0, atol=1e-6)
    pd.testing.assert_frame_equal(found.drop(columns=numbers), serial.drop(columns=numbers))


def test_processes_that_are_killed_cost_no_row_and_give_the_serial_rows(
    table, bundle, serial, workers_end, tmp_path, capsys
):
    out = tmp_path / "out"
    call = ["predict", table, "--model", bundle, "--out", out, "--engine", "torch", "--jobs", "2"]
    assert run([str(word) for word in call]) == 0
    assert "predicted    6, known from before 0" in capsys.readouterr().out
    assert (tmp_path / "once.nii.gz.seen").exists()
    assert_same(rows_of(out / "results.csv"), serial)
    for name in serial["heatmap"][serial["heatmap"] != ""]:
        one, other = (nib.load(each / name) for each in (out, tmp_path / "serial"))
        np.testing.assert_allclose(one.get_fdata(), other.get_fdata(), atol=1e-5)
    # A row that ends each of its workers counts as failed; what was known is not computed again.
    (tmp_path / "a.nii.gz").rename(tmp_path / "always.nii.gz")
    table.write_text(table.read_text().replace("a,a.nii.gz", "a,always.nii.gz"))
    assert run([str(word) for word in call]) == 0
    assert "predicted    0, known from before 5" in capsys.readouterr().out
    again = rows_of(out / "results.csv")
    assert list(again["case"]) == list(serial["case"])
    assert "ended the program 2 times" in again["error"][0]


def test_shards_are_disjoint_and_joined_they_are_the_serial_rows(table, bundle, serial, tmp_path):
    predictor = load_predictor(bundle, "cpu", engine="torch")
    rows, out = read_table(table, predictor.info.schema), tmp_path / "out"
    parts = []
    for number in (1, 2, 3):
        summary = predict_table(predictor, rows, out, shard=Shard(number, 3))
        parts.append(rows_of(summary.results))
    numbers = [number for part in parts for number in part["row"]]
    assert sorted(numbers) == list(serial["row"])
    joined = predict_table(predictor, rows, out)
    assert (joined.predicted, joined.known, joined.failed) == (0, 6, 2)
    assert_same(rows_of(joined.results), serial)


def test_a_shard_that_can_not_be_is_refused(table, bundle, tmp_path, capsys):
    call = ["predict", str(table), "--model", str(bundle), "--out", str(tmp_path / "out")]
    for text in ("0/3", "4/3", "1", "a/b"):
        assert run([*call, "--shard", text]) == 2
        assert "--shard" in capsys.readouterr().err
    assert run([*call, "--jobs", "2", "--scheduler", "tcp://127.0.0.1:1"]) == 2
    assert "exclude" in capsys.readouterr().err


def test_a_cluster_that_loses_a_worker_gives_the_serial_rows(
    table, bundle, serial, workers_end, tmp_path, capsys
):
    distributed = pytest.importorskip("distributed")
    out = tmp_path / "out"
    call = ["predict", table, "--model", bundle, "--out", out, "--engine", "torch"]
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        at = ["--scheduler", cluster.scheduler_address]
        assert run([str(word) for word in [*call, *at]]) == 0
    assert (tmp_path / "once.nii.gz.seen").exists()
    assert_same(rows_of(out / "results.csv"), serial)
    assert "predicted    6" in capsys.readouterr().out


def test_a_scheduler_that_is_not_there_is_a_sentence(table, bundle, tmp_path, capsys, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("fusion3d_gui.serve.jobs.cluster._CONNECT_S", 1)
    call = ["predict", table, "--model", bundle, "--out", tmp_path / "out"]
    at = ["--scheduler", "tcp://127.0.0.1:9"]
    assert run([str(word) for word in [*call, *at]]) == 2
    assert "no Dask scheduler answers" in capsys.readouterr().err
