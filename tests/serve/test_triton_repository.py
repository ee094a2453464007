"""A Triton model repository: what its files say, what ONNX Runtime makes of them, and a server that serves it.

The server reads the repository as Triton does, but is not Triton, which comes in no Python package.
"""

from __future__ import annotations

import re
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.cli.parser import run
from fusion3d_gui.errors import Cancelled
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.inference.demo_cases import demo_cases
from fusion3d_gui.inference.engines.remote_server import RemoteServer
from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.shipped import models_dir
from tests.serve.repository_server import repository_server

#: Shipped models, with metadata and without.
MODELS = ("demo-concat", "demo-image-only")


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """One repository of two bundles, written by the command line."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    out = tmp_path_factory.mktemp("triton") / "repository"
    for name in MODELS:
        assert run(["bundle", "export-triton", str(models_dir() / name), str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def local():
    """A predictor of each shipped model on this machine."""
    return {name: load_predictor(models_dir() / name, "cpu", engine="torch") for name in MODELS}


def shipped_case(predictor):
    case = demo_cases()[0]
    return open_volume(case.path), case.metadata if predictor.info.schema.fields else {}


def edited(repository: Path, tmp_path: Path, change) -> Path:
    """A copy of the repository in which ``change`` was made to the text of each configuration."""
    copy = tmp_path / "edited"
    shutil.copytree(repository, copy)
    for path in copy.glob("*/config.pbtxt"):
        path.write_text(change(path.read_text()))
    return copy


def test_the_files_lie_where_triton_looks_for_them(repository, local):
    expected = set()
    for name, predictor in local.items():
        model = f"{name}-{predictor.weights_sha256}"
        for each in (model, f"{model}-logit") if predictor.info.schema.fields else (model,):
            expected |= {f"{each}/config.pbtxt", f"{each}/1/model.onnx"}
    found = {path for path in repository.rglob("*") if path.is_file()}
    assert {str(path.relative_to(repository)) for path in found} == expected


def test_the_configuration_is_tritons_and_tells_what_the_onnx_file_takes_and_gives(
    repository, local
):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tritonclient.grpc")
    from google.protobuf import text_format
    from tritonclient.grpc import model_config_pb2 as messages

    types = {"tensor(float)": messages.TYPE_FP32}
    digests = {name: predictor.weights_sha256 for name, predictor in local.items()}
    for folder in repository.iterdir():
        text = (folder / "config.pbtxt").read_text(encoding="utf-8")
        config = text_format.Parse(text, messages.ModelConfig())
        file = folder / "1" / "model.onnx"
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        for said, read in (
            (config.input, session.get_inputs()),
            (config.output, session.get_outputs()),
        ):
            assert [(each.name, each.data_type, list(each.dims)) for each in said] == [
                (
                    each.name,
                    types[each.type],
                    [-1 if isinstance(size, str) else size for size in each.shape],
                )
                for each in read
            ]
        assert (config.name, config.platform) == (folder.name, "onnxruntime_onnx")
        assert config.max_batch_size == 0
        assert list(config.version_policy.specific.versions) == [1]
        assert [each.kind for each in config.instance_group] == [
            messages.ModelInstanceGroup.KIND_AUTO
        ]
        (digest,) = (each for name, each in digests.items() if folder.name.startswith(f"{name}-"))
        assert config.parameters["weights_sha256"].string_value == digest


@pytest.mark.parametrize("name", MODELS)
def test_onnx_runtime_gives_the_local_logit_features_and_means(repository, local, name):
    onnxruntime = pytest.importorskip("onnxruntime")
    predictor = local[name]
    volume, values = shipped_case(predictor)
    info = predictor.info
    image = info.preprocessing.apply(volume).voxels[None, None].astype(np.float32)
    other = np.random.default_rng(0).normal(size=image.shape).astype(np.float32)
    images = np.concatenate([image, other])
    model = repository / f"{name}-{predictor.weights_sha256}"

    def session(folder: Path):
        file = folder / "1" / "model.onnx"
        return onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])

    found = session(model).run(["feature_maps", "pooled"], {"image": images})
    for maps, pooled, one in zip(*found, images, strict=True):
        np.testing.assert_allclose(maps, predictor.features(one[0]), atol=1e-4)
        np.testing.assert_allclose(pooled, predictor.pooled(one)[0], atol=1e-4)
    given = {"image": images}
    if info.schema.fields:
        code = info.schema.encode(info.schema.parse(values))[None]
        model = model.with_name(f"{model.name}-logit")
        given["metadata"] = np.repeat(code, 2, axis=0).astype(np.float32)
    (logits,) = session(model).run(["logit"], given)
    assert logits.shape == (2, 1)
    assert float(logits[0, 0]) == pytest.approx(predictor.predict(volume, values).logit, abs=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_the_remote_engine_predicts_a_shipped_case_by_a_server_of_the_repository(
    repository, local, name
):
    pytest.importorskip("tritonclient")
    volume, values = shipped_case(local[name])
    expected = local[name].predict(volume, values)
    with repository_server(repository) as (served, *addresses):
        model = served.models[f"{name}-{local[name].weights_sha256}"]
        for address in addresses:
            server = RemoteServer(address, attempts=1)
            predictor = load_predictor(models_dir() / name, "cpu", engine="remote", server=server)
            found = predictor.predict(volume, values)
            assert found.device == f"Server {server.place}", found.notices
            assert found.logit == pytest.approx(expected.logit, abs=1e-4)
            np.testing.assert_allclose(found.heatmap.values, expected.heatmap.values, atol=1e-4)
    # The image, and nothing of the form.
    assert model.asked
    assert set(model.asked) == {("image",)}


def test_a_request_that_the_server_has_is_cancelled_and_its_late_answer_goes_to_nobody(
    repository, local
):
    pytest.importorskip("tritonclient")
    own = local["demo-image-only"]
    shape = (2, *own.info.preprocessing.shape_kji)
    images = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    with repository_server(repository) as (served, *addresses):
        model = served.models[f"demo-image-only-{own.weights_sha256}"]
        for address in addresses:
            server = RemoteServer(address, attempts=1)
            predictor = load_predictor(own.info.folder, "cpu", engine="remote", server=server)
            model.asked.clear()
            model.goes_on.clear()

            def stop_once_it_came(fraction: float, message: str) -> None:
                if model.asked:
                    raise Cancelled

            with pytest.raises(Cancelled):
                predictor.features(images[0], stop_once_it_came)
            # Given up while the server is still at it; it answers during the next request.
            assert not model.goes_on.is_set()
            threading.Timer(0.2, model.goes_on.set).start()
            found = predictor.features(images[1])
            assert len(model.asked) == 2
            np.testing.assert_allclose(found, own.features(images[1]), atol=1e-4)
            assert predictor.device_text.startswith("Server")


def test_a_client_without_the_bundle_gets_the_logit_of_image_and_metadata(repository, local):
    client = pytest.importorskip("tritonclient.grpc")
    predictor = local["demo-concat"]
    volume, values = shipped_case(predictor)
    info = predictor.info
    tensors = {
        "image": info.preprocessing.apply(volume).voxels[None, None],
        "metadata": info.schema.encode(info.schema.parse(values))[None],
    }
    inputs = []
    for name, given in tensors.items():
        inputs.append(client.InferInput(name, list(given.shape), "FP32"))
        inputs[-1].set_data_from_numpy(np.ascontiguousarray(given, dtype=np.float32))
    name = f"demo-concat-{predictor.weights_sha256}-logit"
    with (
        repository_server(repository) as (_, address, _http),
        client.InferenceServerClient(address.removeprefix("grpc://")) as asker,
    ):
        logit = float(asker.infer(name, inputs).as_numpy("logit")[0, 0])
    assert logit == pytest.approx(predictor.predict(volume, values).logit, abs=1e-4)


def without_parameter(text: str) -> str:
    return re.sub(r'parameters \{ key: "weights_sha256".*\n', "", text)


def other_digest(text: str) -> str:
    return re.sub(
        r'(key: "weights_sha256" value \{ string_value: ")[0-9a-f]{64}', rf"\g<1>{'0' * 64}", text
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (without_parameter, "its parameter weights_sha256 is missing"),
        (other_digest, "names other weights"),
    ],
)
def test_a_configuration_without_these_weights_is_not_used(
    repository, tmp_path, local, change, sentence
):
    pytest.importorskip("tritonclient")
    with repository_server(edited(repository, tmp_path, change)) as (_, *addresses):
        for address in addresses:
            _assert_here(local["demo-concat"], address, sentence)


def test_of_several_versions_under_one_configuration_none_is_used(repository, tmp_path, local):
    pytest.importorskip("tritonclient")
    copy = edited(repository, tmp_path, lambda text: text.replace("[ 1 ]", "[ 1, 2 ]"))
    for folder in copy.iterdir():
        shutil.copytree(folder / "1", folder / "2")
    with repository_server(copy) as (_, address, _http):
        _assert_here(local["demo-concat"], address, "several versions of demo-concat-")


def test_a_model_whose_name_lacks_the_digest_is_not_used(repository, tmp_path, local):
    pytest.importorskip("tritonclient")
    digest = local["demo-concat"].weights_sha256
    copy = edited(
        repository,
        tmp_path,
        lambda text: text.replace(f'name: "demo-concat-{digest}"', 'name: "demo-concat"'),
    )
    (copy / f"demo-concat-{digest}").rename(copy / "demo-concat")
    with repository_server(copy) as (_, address, _http):
        _assert_here(
            local["demo-concat"], address, "does not say which weights its model demo-concat has"
        )


def test_a_server_that_has_no_configurations_is_believed_by_the_models_name(repository, local):
    pytest.importorskip("tritonclient")
    volume, values = shipped_case(local["demo-concat"])
    with repository_server(repository, has_configurations=False) as (_, *addresses):
        for address in addresses:
            server = RemoteServer(address, attempts=1)
            predictor = load_predictor(
                models_dir() / "demo-concat", "cpu", engine="remote", server=server
            )
            found = predictor.predict(volume, values)
            assert found.device.startswith("Server"), found.notices


def _assert_here(local, address: str, sentence: str) -> None:
    """The remote engine is not used for that reason: this machine predicts, with the same number."""
    volume, values = shipped_case(local)
    server = RemoteServer(address, attempts=1)
    predictor = load_predictor(local.info.folder, "cpu", engine="remote", server=server)
    found = predictor.predict(volume, values)
    assert found.device.startswith("CPU")
    assert any(sentence in notice and "is not used" in notice for notice in found.notices)
    assert found.logit == pytest.approx(local.predict(volume, values).logit, abs=1e-4)


def test_a_model_that_is_there_is_not_written_over(repository, capsys):
    before = {path: path.stat().st_mtime_ns for path in repository.rglob("*")}
    name = "demo-image-only"
    assert run(["bundle", "export-triton", str(models_dir() / name), str(repository)]) == 2
    assert "it exists already" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in repository.rglob("*")} == before


def test_a_name_that_no_folder_can_have_is_refused_in_a_sentence(make_bundle, tmp_path, capsys):
    pytest.importorskip("onnx")
    folder = make_bundle()
    path = folder / "configs" / "metadata.json"
    path.write_text(path.read_text().replace("test-concat", "../test"))
    assert run(["bundle", "export-triton", str(folder), str(tmp_path / "out")]) == 2
    assert "can't be the name of a model" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
