"""The session: what is shown as current always belongs to what is on screen."""

from __future__ import annotations

import gc
import os
import random
import threading
import weakref
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.demo_cases import DemoCase
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.state.session import Session


def open_and_wait(session, path, settled) -> None:
    session.opener.open(path)
    settled(session)


def predict_and_wait(session, settled) -> None:
    session.predictions.predict()
    settled(session)


def test_opening_puts_the_case_its_window_and_its_middle_on_screen(session, make_case, settled):
    open_and_wait(session, make_case("a"), settled)
    volume = session.store.case.volume
    assert volume.description == "a"
    assert session.display.window_level.window == session.store.case.presets[0].window
    index = volume.to_index(session.display.crosshair.position_lps)
    assert np.allclose(index, (15, 17, 13))


def test_the_windows_prediction_is_the_one_that_the_library_gives(session, make_case, settled):
    path = make_case("a")
    open_and_wait(session, path, settled)
    session.form.set_value("age", 71)
    session.form.set_value("sex", "M")
    predict_and_wait(session, settled)
    prediction = session.predictions.current
    expected = load_predictor(session.store.bundle.folder, "cpu").predict(
        session.store.case.volume, {"age": 71, "sex": "M", "diabetes": None}
    )
    assert prediction.probability == pytest.approx(expected.probability, abs=1e-9)
    assert dict(prediction.metadata) == {"age": 71, "sex": "M", "diabetes": None}
    assert session.models.device_text.startswith("CPU")


def test_editing_the_form_marks_the_result_outdated_at_once_and_undoing_it_current_again(
    session, make_case, settled
):
    open_and_wait(session, make_case("a"), settled)
    session.form.set_value("age", 71)
    predict_and_wait(session, settled)
    assert session.predictions.current is not None
    changes = []
    session.store.prediction_changed.connect(
        lambda: changes.append(session.predictions.is_outdated)
    )
    session.form.set_value("age", 72)
    assert session.predictions.is_outdated
    assert session.predictions.current is None
    session.form.set_value("age", 71)
    assert session.predictions.current is not None
    assert changes == [True, False]


def test_a_second_predict_replaces_the_queued_one(session, make_case, settled):
    open_and_wait(session, make_case("a"), settled)
    arrived = []

    def look() -> None:
        if session.store.shown_prediction is not None:
            arrived.append(session.store.shown_prediction.request.metadata["age"])

    session.store.prediction_changed.connect(look)
    for age in (50, 60, 71):
        session.form.set_value("age", age)
        session.predictions.predict()
    settled(session)
    assert set(arrived) == {71}
    assert session.predictions.current.metadata["age"] == 71


def test_a_result_asked_for_before_an_edit_arrives_as_outdated(session, make_case, settled):
    open_and_wait(session, make_case("a"), settled)
    session.predictions.predict()
    session.form.set_value("age", 50)
    settled(session)
    assert session.store.shown_prediction is not None
    assert session.predictions.is_outdated
    assert session.predictions.current is None


def test_opening_another_case_during_a_prediction_never_shows_the_old_result_on_it(
    session, make_case, settled
):
    open_and_wait(session, make_case("a", seed=1), settled)
    session.predictions.predict()
    session.opener.open(make_case("b", seed=2))
    wrong = []

    def look() -> None:
        result = session.store.shown_prediction
        if result is not None and result.request.case is not session.store.case:
            wrong.append(result)

    session.store.prediction_changed.connect(look)
    session.store.case_changed.connect(look)
    settled(session)
    assert session.store.case.volume.description == "b"
    assert not wrong
    assert session.store.shown_prediction is None
    predict_and_wait(session, settled)
    assert session.predictions.current.volume_sha256 == session.store.case.volume.sha256


def test_a_new_case_starts_with_an_empty_form(session, make_case, settled):
    open_and_wait(session, make_case("a"), settled)
    session.form.set_value("age", 71)
    open_and_wait(session, make_case("b"), settled)
    assert session.form.values == {"age": None, "sex": None, "diabetes": None}


def test_returning_to_a_case_finds_what_was_typed_and_marked_there(session, make_case, settled):
    first, second = make_case("a"), make_case("b")
    open_and_wait(session, first, settled)
    session.form.set_value("age", 71)
    session.annotations.add_point(np.array([1.0, 2.0, 3.0]))
    open_and_wait(session, second, settled)
    assert session.form.values["age"] is None
    assert not session.annotations.items
    session.form.set_value("age", 50)
    open_and_wait(session, first, settled)
    assert session.form.values["age"] == 71
    assert [mark.kind for mark in session.annotations.items] == ["point"]
    open_and_wait(session, second, settled)
    assert session.form.values["age"] == 50
    assert not session.annotations.items


def test_changing_the_model_drops_the_result_and_keeps_what_was_typed(
    session, make_case, make_bundle, settled
):
    open_and_wait(session, make_case("a"), settled)
    session.form.set_value("age", 71)
    predict_and_wait(session, settled)
    session.models.add(make_bundle("add"))
    settled(session)
    assert session.store.bundle.name == "test-add"
    assert session.store.shown_prediction is None
    assert session.form.values["age"] == 71
    predict_and_wait(session, settled)
    assert session.predictions.current.bundle_name == "test-add"


def test_cancelling_a_prediction_leaves_no_result_and_the_next_one_works(
    session, make_case, settled
):
    open_and_wait(session, make_case("a"), settled)
    session.predictions.predict()
    assert session.store.predicting
    session.store.inference.cancel()
    assert not session.store.predicting
    settled(session)
    assert session.store.shown_prediction is None
    predict_and_wait(session, settled)
    assert session.predictions.current is not None


def test_cancelling_a_prediction_keeps_the_result_before_it(session, make_case, settled):
    open_and_wait(session, make_case("a"), settled)
    predict_and_wait(session, settled)
    before = session.predictions.current
    session.predictions.predict()
    session.store.inference.cancel()
    settled(session)
    assert session.predictions.current is before


def test_a_file_that_is_no_scan_gives_a_sentence_and_the_present_case_stays(
    session, make_case, settled, tmp_path
):
    open_and_wait(session, make_case("a"), settled)
    case = session.store.case
    bad = tmp_path / "letter.dcm"
    bad.write_text("Dear colleague")
    notices = []
    session.store.noticed.connect(notices.append)
    open_and_wait(session, bad, settled)
    assert session.store.case is case
    assert [notice.level for notice in notices] == ["error"]
    assert "letter.dcm" in notices[0].text


def test_a_broken_model_gives_a_sentence_and_the_window_lives_on(
    session, make_case, make_bundle, settled
):
    broken = make_bundle("multiply")
    (broken / "models" / "model.safetensors").write_bytes(b"no weights")
    notices = []
    session.store.noticed.connect(notices.append)
    session.models.add(broken)
    settled(session)
    assert notices
    assert notices[-1].level == "error"
    session.models.choose_and_load(session.models.bundles[0])
    open_and_wait(session, make_case("a"), settled)
    predict_and_wait(session, settled)
    assert session.predictions.current is not None


def test_a_demo_opens_with_its_model_and_metadata_and_is_predicted(
    session, make_case, make_bundle, settled, qtbot
):
    demo = DemoCase(
        "positive",
        "A case",
        make_case("demo"),
        make_bundle("add"),
        {"age": 66, "sex": "F", "diabetes": True},
        "",
    )
    session.open_demo(demo)
    qtbot.waitUntil(lambda: session.predictions.current is not None, timeout=60_000)
    assert session.predictions.current.bundle_name == "test-add"
    assert dict(session.predictions.current.metadata) == dict(demo.metadata)


def test_the_crosshair_goes_to_the_heatmaps_peak_when_asked(session, make_case, settled):
    open_and_wait(session, make_case("a"), settled)
    before = session.display.crosshair.position_lps
    session.hot_spots.go_to_peak()
    assert np.array_equal(session.display.crosshair.position_lps, before)
    predict_and_wait(session, settled)
    session.hot_spots.go_to_peak()
    peak = session.predictions.current.heatmap.peak_lps
    low, high = session.store.case.volume.bounds_lps
    assert np.allclose(session.display.crosshair.position_lps, np.clip(peak, low, high))


def test_a_model_is_loaded_in_the_background_and_tells_its_device(session, settled):
    session.models.load()
    settled(session)
    assert session.models.device_text.startswith("CPU")


def test_closing_during_work_ends_both_threads(qapp, make_bundle, make_case, settled):
    session = Session([BundleInfo.read(make_bundle())], device="cpu")
    session.opener.open(make_case("a"))
    settled(session)
    session.predictions.predict()
    session.opener.open(make_case("b"))
    assert session.close()
    names = {thread.name for thread in threading.enumerate()}
    assert not {"fusion3d-loading", "fusion3d-inference"} & names


@pytest.mark.parametrize("seed", range(4))
def test_no_order_of_opening_editing_predicting_and_cancelling_shows_a_wrong_result(
    session, make_case, make_bundle, settled, qtbot, seed
):
    chance = random.Random(seed)
    paths = [make_case(f"case{number}", seed=number) for number in range(3)]
    infos = [session.store.bundle, BundleInfo.read(make_bundle("add"))]
    problems = []

    def look() -> None:
        prediction = session.predictions.current
        if prediction is None:
            return
        if (
            prediction.bundle_name != session.store.bundle.name
            or dict(prediction.metadata) != session.form.values
            or session.store.shown_prediction.request.case is not session.store.case
            or prediction.volume_sha256 != session.store.case.volume.sha256
        ):
            problems.append(prediction)

    for signal in (
        session.store.prediction_changed,
        session.store.case_changed,
        session.store.bundle_changed,
    ):
        signal.connect(look)
    session.form.edited.connect(look)
    moves = {
        "open": lambda: session.opener.open(chance.choice(paths)),
        "predict": session.predictions.predict,
        "cancel": session.store.inference.cancel,
        "cancel_loading": session.store.loading.cancel,
        "edit": lambda: session.form.set_value("age", float(chance.randint(40, 60))),
        "model": lambda: session.models.choose_and_load(chance.choice(infos)),
        "prepare": session.models.load,
    }
    open_and_wait(session, paths[0], settled)
    for _ in range(40):
        name = chance.choices(list(moves), weights=(3, 6, 1, 1, 3, 1, 1))[0]
        moves[name]()
        look()
        qtbot.wait(chance.choice((0, 1, 5, 30, 120)))
        look()
    settled(session)
    predict_and_wait(session, settled)
    look()
    assert session.predictions.current is not None
    assert not problems


@pytest.fixture
def slow_reading(monkeypatch):
    """Hold the reader after the first slice of a NIfTI file until the test lets it go on."""
    from fusion3d_gui.imaging.files import nifti

    go_on = threading.Event()
    add = nifti.LoadedSlices.add

    def add_then_wait(loaded_slices, k):
        if loaded_slices.share > 0:
            go_on.wait(30)
        add(loaded_slices, k)

    monkeypatch.setattr(nifti.LoadedSlices, "add", add_then_wait)
    yield go_on
    go_on.set()


@pytest.fixture
def make_plain_case(make_case):
    """An uncompressed NIfTI file: its middle slice is read first."""

    def make(name: str, seed: int = 0):
        image = nib.load(make_case(name, seed=seed))
        path = image.get_filename().removesuffix(".gz")
        nib.save(image, path)
        return Path(path)

    return make


def test_a_case_is_on_screen_before_it_is_whole_and_is_predicted_only_then(
    session, make_plain_case, settled, qtbot, slow_reading
):
    session.opener.open(make_plain_case("a"), then_predict=True)
    qtbot.waitUntil(lambda: session.store.case is not None)
    first = session.store.case
    assert not first.is_complete
    assert session.store.loading.running
    assert not session.store.can_predict
    session.predictions.predict()
    assert not session.store.predicting
    volume = first.volume
    assert volume.value_at(session.display.crosshair.position_lps) is not None
    filled = []
    session.store.case_filled.connect(lambda: filled.append(True))
    session.form.set_value("age", 71)
    session.display.window_level.set_window(Window(123.0, 456.0))
    slow_reading.set()
    qtbot.waitUntil(lambda: session.predictions.current is not None, timeout=60_000)
    assert filled
    assert session.store.case.is_complete
    assert session.store.case.volume.voxels is volume.voxels
    assert session.predictions.current.metadata["age"] == 71
    assert session.display.window_level.window == Window(123.0, 456.0)


def test_the_default_window_is_that_of_the_whole_volume_once_it_is_there(
    session, make_plain_case, settled, qtbot, slow_reading
):
    session.opener.open(make_plain_case("a"))
    qtbot.waitUntil(lambda: session.store.case is not None)
    slow_reading.set()
    settled(session)
    assert session.store.case.is_complete
    assert session.display.window_level.window == session.store.case.presets[0].window


@pytest.mark.parametrize("way", ["cancel", "damage"])
def test_a_scan_that_does_not_arrive_whole_gives_way_to_the_one_before_it(
    way, session, make_plain_case, settled, qtbot, slow_reading
):
    slow_reading.set()
    open_and_wait(session, make_plain_case("a"), settled)
    session.form.set_value("age", 71)
    session.form.set_value("sex", "M")
    predict_and_wait(session, settled)
    case, prediction = session.store.case, session.predictions.current
    session.display.window_level.set_window(Window(300.0, 200.0))
    session.display.crosshair.move_to(np.array([1.0, 2.0, 3.0]))
    slow_reading.clear()
    path = make_plain_case("b", seed=1)
    errors = []
    session.store.failed.connect(errors.append)
    session.opener.open(path)
    qtbot.waitUntil(lambda: session.store.case is not case)
    assert session.predictions.current is None
    if way == "cancel":
        session.store.loading.cancel()
    else:
        os.truncate(path, path.stat().st_size // 4)
    slow_reading.set()
    qtbot.waitUntil(lambda: session.store.case is case)
    settled(session)
    assert session.predictions.current is prediction
    assert session.form.values["age"] == 71
    assert session.display.window_level.window == Window(300.0, 200.0)
    assert np.allclose(session.display.crosshair.position_lps, [1, 2, 3])
    assert len(errors) == (way == "damage")


def test_the_case_before_returns_without_the_answer_of_a_model_that_is_no_longer_chosen(
    session, make_plain_case, make_bundle, settled, qtbot, slow_reading
):
    slow_reading.set()
    open_and_wait(session, make_plain_case("a"), settled)
    predict_and_wait(session, settled)
    case = session.store.case
    slow_reading.clear()
    session.opener.open(make_plain_case("b", seed=1))
    qtbot.waitUntil(lambda: session.store.case is not case)
    session.models.choose_and_load(BundleInfo.read(make_bundle("multiply")))
    session.store.loading.cancel()
    assert session.store.case is case
    assert session.store.shown_prediction is None
    assert session.predictions.workbench is None


def test_an_answer_returns_with_its_case_though_who_it_is_was_hidden_meanwhile(
    session, make_plain_case, settled, qtbot, slow_reading
):
    slow_reading.set()
    open_and_wait(session, make_plain_case("doe"), settled)
    predict_and_wait(session, settled)
    case, prediction = session.store.case, session.predictions.current
    slow_reading.clear()
    session.opener.open(make_plain_case("b", seed=1))
    qtbot.waitUntil(lambda: session.store.case is not case)
    session.store.identity.set_hidden(True)
    session.store.loading.cancel()
    assert session.store.case.volume.description == "Scan"
    assert session.predictions.current is prediction


def test_another_scan_written_to_the_same_path_gets_nothing_of_the_one_before(
    session, make_case, settled
):
    path = make_case("a", seed=1)
    open_and_wait(session, path, settled)
    session.form.set_value("age", 71)
    session.annotations.add_point(np.zeros(3))
    open_and_wait(session, path, settled)
    assert session.form.values["age"] == 71
    assert len(session.annotations.items) == 1
    assert make_case("a", seed=2) == path
    open_and_wait(session, path, settled)
    assert session.form.values["age"] is None
    assert session.annotations.items == ()


def test_the_first_scan_given_up_half_way_leaves_the_start_page(
    session, make_plain_case, qtbot, slow_reading
):
    session.opener.open(make_plain_case("a"))
    qtbot.waitUntil(lambda: session.store.case is not None)
    session.form.set_value("age", 71)
    session.store.loading.cancel()
    assert session.store.case is None
    assert not session.store.can_predict
    assert set(session.form.values.values()) == {None}


def test_another_series_of_the_folder_on_screen_is_read_without_a_new_scan(
    session, make_plain_case, settled
):
    path = make_plain_case("a")
    make_plain_case("b")
    open_and_wait(session, path.parent, settled)
    found = session.store.case.series
    assert len(found) > 1
    session.opener.open(path.parent, found[1].uid)
    settled(session)
    assert session.store.case.series is found
    assert session.store.case.volume.series_uid == found[1].uid


@pytest.fixture
def named_folder(tmp_path):
    """A DICOM series of a named patient, beside a damaged file that is named after her."""
    volume = Volume(
        np.arange(5 * 6 * 7, dtype=np.int16).reshape(5, 6, 7),
        np.diag([10.0, 10, 10, 1]),
        modality="CT",
        description="Head",
    )
    who = {
        "PatientName": "Doe^Jane",
        "PatientID": "DOE-4711",
        "PatientBirthDate": "19500301",
        "PatientSex": "F",
        "StudyDate": "20200229",
        "AccessionNumber": "ACC-DOE",
        "InstitutionName": "Doe Hospital",
    }
    paths = write_dicom_series(volume, tmp_path / "DOE_JANE", attributes=who, uid_seed="n")
    (tmp_path / "DOE_JANE" / "doe_jane.dcm").write_bytes(paths[0].read_bytes()[:-9])
    return tmp_path / "DOE_JANE"


def _said(session, notices) -> str:
    case = session.store.case
    texts = [repr(dict(case.volume.attributes)), case.volume.description, repr(case.volume)]
    texts += [repr(each) for each in case.volume.notices]
    texts += [series.description + repr(series.notices) for series in case.series]
    texts += [notice.text for notice in notices]
    return " ".join(texts).lower()


def test_a_scan_opened_anonymously_keeps_nothing_of_who_it_is(
    session, named_folder, settled, make_case
):
    session.store.identity.set_hidden(True)
    notices, labels = [], []
    session.store.noticed.connect(notices.append)
    session.store.loading.changed.connect(lambda: labels.append(session.store.loading.label))
    open_and_wait(session, named_folder, settled)
    said = _said(session, notices)
    for secret in ("doe", "4711", "1950", "2020"):
        assert secret not in said, secret
    assert "1 file was left out." in session.store.case.volume.notices
    assert session.form.values["age"] == 69
    assert session.form.values["sex"] == "F"
    assert "doe" not in " ".join(labels).lower()
    session.store.identity.set_hidden(False)
    assert "doe" not in _said(session, notices)
    session.store.identity.set_hidden(True)
    open_and_wait(session, make_case("doe"), settled)
    assert session.store.case.volume.description == "Scan"
    open_and_wait(session, named_folder / "doe_jane.dcm", settled)
    assert notices[-1].level == "error"
    assert "doe" not in notices[-1].text.lower()


def test_identity_can_be_hidden_and_shown_again_while_a_case_is_open(
    session, named_folder, settled
):
    open_and_wait(session, named_folder, settled)
    session.form.set_value("diabetes", True)
    predict_and_wait(session, settled)
    prediction = session.predictions.current
    assert session.store.case.volume.attributes["PatientName"] == "Doe^Jane"
    window = session.display.window_level.window
    session.store.identity.toggle()
    assert "doe" not in _said(session, [])
    assert session.predictions.current is prediction
    assert session.form.values["diabetes"] is True
    assert session.display.window_level.window == window
    session.store.identity.toggle()
    assert session.store.case.volume.attributes["PatientName"] == "Doe^Jane"


def test_a_closed_session_leaves_memory_with_its_model_even_while_it_explains(
    qapp, make_bundle, make_case, settled
):
    session = Session([BundleInfo.read(make_bundle())], device="cpu", engine="torch")
    open_and_wait(session, make_case("a"), settled)
    predict_and_wait(session, settled)
    session.explanation_choice.choose(Explanation("hirescam", (3,)))
    settled(session)
    session.explanation_choice.choose(Explanation("layercam", (1,)))
    assert session.close()
    left = [
        weakref.ref(each) for each in (session, session.store.engine, session.predictions.workbench)
    ]
    session.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    del session
    gc.collect()
    assert [each() for each in left] == [None, None, None]
