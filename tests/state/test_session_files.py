"""Sessions are saved and opened: the scan is found where it went, one that has changed is noticed, names stay out."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.imaging.labels.brush import part_of_mask
from fusion3d_gui.imaging.labels.scan_object import Mask
from fusion3d_gui.imaging.registration.registration import Registration
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.report.session.archive import read_session, write_session
from fusion3d_gui.state.beside.comparison import ComparisonLook, Way
from fusion3d_gui.state.kept.kept_document import session_of, work_of
from fusion3d_gui.state.session import Session

WHO = {"PatientName": "Querido^Jane", "PatientID": "QUERIDO4711", "PatientAge": "070Y"}


@pytest.fixture
def begin(qapp, make_bundle, settled, qtbot) -> Iterator:
    """A session of its own, as in a new run of the program; without a folder it keeps nothing."""
    bundle = make_bundle()
    begun: list[Session] = []

    def start(kept: Path | None = None) -> Session:
        session = Session([BundleInfo.read(bundle)], device="cpu", kept_folder=kept)
        begun.append(session)
        session.told, session.wanted = [], []
        session.store.noticed.connect(lambda notice: session.told.append(notice.text))
        session.files.scan_wanted.connect(session.wanted.append)
        return session

    start.bundle = bundle
    yield start
    for session in begun:
        assert session.close()


@pytest.fixture
def work_on(settled, qtbot):
    """Open a scan, predict, and do some work."""

    def do(session: Session, path: Path) -> None:
        session.opener.open(path, metadata={"age": 71.0}, then_predict=True)
        settled(session)
        qtbot.waitUntil(lambda: session.keeper.whole is not None)
        session.annotations.add_point(np.array([1.0, 2, 3]))
        session.annotations.set_text(1, "of Querido")
        session.display.window_level.set_window(Window(321, 123))
        session.notes.set_reading("Nothing.\nElse")

    return do


@pytest.fixture
def save(qtbot):
    def to(session: Session, path: Path, **options) -> Path:
        session.files.save(path, **options)
        qtbot.waitUntil(lambda: not session.store.saving.running)
        return path

    return to


@pytest.fixture
def open_in(settled, qtbot):
    def do(session: Session, path: Path) -> None:
        session.open(path)
        settled(session)
        qtbot.waitUntil(lambda: session.keeper.whole is not None)
        qtbot.waitUntil(lambda: not session.keeper._checking.running)

    return do


def dicom(folder: Path, seed: int = 0) -> Path:
    voxels = np.random.default_rng(seed).integers(0, 900, (24, 30, 32)).astype(np.int16)
    volume = Volume(voxels, np.diag([3.0, 3, 4, 1]), modality="MR", description="T1")
    write_dicom_series(volume, folder, attributes=WHO, uid_seed="same")
    return folder


def document(path: Path) -> dict:
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("session.json"))


def test_a_session_brings_the_case_back_with_its_prediction_and_map(
    begin, work_on, save, open_in, tmp_path
) -> None:
    one = begin()
    work_on(one, dicom(tmp_path / "scan"))
    saved = save(one, tmp_path / "case.fusion3d")
    made = one.predictions.current
    assert one.told[-1] == "Session saved to case.fusion3d." and one.files.path == saved
    two = begin()
    open_in(two, saved)
    found = two.predictions.current
    assert found is not made and found.to_json() == made.to_json()
    np.testing.assert_array_equal(two.predictions.heatmap.values, made.heatmap.values)
    assert found.heatmap.share_in_air == made.heatmap.share_in_air
    assert two.form.values == {"age": 71.0, "sex": None, "diabetes": None}
    assert two.notes.now.reading == "Nothing.\nElse"
    assert two.display.window_level.window.center == 321
    # It is told apart from one of this run, and made again where more is asked of it.
    assert two.predictions.is_restored and two.predictions.workbench is None
    assert not two.explainer.can_check and not two.augmentation.can_start
    two.form.set_value("age", 50.0)
    assert two.predictions.is_outdated and two.predictions.what_if is None
    assert two.form.source("age") == "typed"


def test_another_map_of_a_restored_prediction_predicts_again_with_the_same_number(
    begin, work_on, save, open_in, settled, qtbot, tmp_path
) -> None:
    one = begin()
    work_on(one, dicom(tmp_path / "scan"))
    saved, chance = save(one, tmp_path / "case.fusion3d"), one.predictions.current.probability
    two = begin()
    open_in(two, saved)
    wanted = replace(two.explanation_choice.wanted, method="hirescam")
    two.explanation_choice.choose(wanted)
    qtbot.waitUntil(lambda: two.store.shown_prediction.explanation == wanted, timeout=60_000)
    assert not two.predictions.is_restored
    assert two.predictions.current.probability == pytest.approx(chance, abs=1e-6)


def test_a_scan_that_moved_with_its_session_is_found_and_one_that_did_not_is_asked_for(
    begin, work_on, save, open_in, settled, qtbot, tmp_path
) -> None:
    (tmp_path / "home" / "scans").mkdir(parents=True)
    one = begin()
    work_on(one, dicom(tmp_path / "home" / "scans" / "scan"))
    save(one, tmp_path / "home" / "case.fusion3d")
    # Both moved together.
    moved = (tmp_path / "home").rename(tmp_path / "moved")
    two = begin()
    open_in(two, moved / "case.fusion3d")
    assert two.store.case.paths == (moved / "scans" / "scan",) and not two.wanted
    # The scan lies deeper now, under its name.
    (moved / "deeper" / "still").mkdir(parents=True)
    (moved / "scans" / "scan").rename(moved / "deeper" / "still" / "scan")
    three = begin()
    open_in(three, moved / "case.fusion3d")
    assert three.store.case.paths == (moved / "deeper" / "still" / "scan",)
    # It is somewhere else, under another name: the user says where.
    (moved / "deeper" / "still" / "scan").rename(tmp_path / "other name")
    four = begin()
    four.open(moved / "case.fusion3d")
    settled(four)
    assert four.wanted == ["scan"] and four.store.case is None
    four.files.open_with_scan([tmp_path / "other name"])
    settled(four)
    qtbot.waitUntil(lambda: four.keeper.whole is not None)
    qtbot.waitUntil(lambda: four.predictions.current is not None)
    assert len(four.annotations.items) == 1


def test_a_scan_that_has_changed_is_told_and_its_predictions_are_never_shown(
    begin, work_on, save, open_in, tmp_path
) -> None:
    one = begin()
    work_on(one, dicom(tmp_path / "scan"))
    saved, made = save(one, tmp_path / "case.fusion3d"), one.predictions.current
    for path in (tmp_path / "scan").iterdir():
        path.unlink()
    dicom(tmp_path / "scan", seed=1)
    two = begin()
    open_in(two, saved)
    assert any("The scan has changed since this session was saved" in text for text in two.told)
    assert two.store.shown_prediction is None and two.predictions.heatmap is None
    assert len(two.annotations.items) == 1 and two.form.values["age"] == 71.0
    (other,) = two.keeper.predictions_of_other_scans
    assert other.prediction.probability == made.probability
    # Saved again, it is still one of the other scan.
    again = save(two, tmp_path / "again.fusion3d")
    (kept,) = work_of(read_session(again)).predictions
    assert (
        kept.prediction.volume_sha256
        == made.volume_sha256
        != document(again)["scan"]["voxels_sha256"]
    )


def test_a_prediction_of_other_weights_is_told_and_not_shown(
    begin, work_on, save, open_in, tmp_path
) -> None:
    one = begin()
    work_on(one, dicom(tmp_path / "scan"))
    saved = save(one, tmp_path / "case.fusion3d")
    weights = begin.bundle / "models" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    two = begin()
    open_in(two, saved)
    assert two.store.shown_prediction is None
    assert any("is of other weights" in text for text in two.told)


def test_no_name_goes_into_a_session_while_the_identity_is_hidden(
    begin, work_on, save, settled, tmp_path
) -> None:
    one = begin()
    work_on(one, dicom(tmp_path / "QUERIDO_JANE"))
    one.store.identity.set_hidden(True)
    one.notes.set_comment("Mrs Querido was restless.")
    assert one.files.suggested_name == "case.fusion3d"
    saved = save(one, tmp_path / "case.fusion3d")
    with zipfile.ZipFile(saved) as archive:
        text = b"".join(archive.read(name) for name in archive.namelist()).lower()
    for planted in (b"querido", b"4711", b"1.2.826", str(tmp_path).encode().lower()):
        assert planted not in text
    plain = document(saved)
    assert plain["scan"]["paths"] == [] and plain["scan"]["series_uid"] == ""
    assert "removed" in plain["marks"][0]["text"] and "removed" in plain["notes"]["comment"]
    # With the scan's own files it would leave with the name.
    save(one, tmp_path / "with.fusion3d", enclose=True)
    assert not (tmp_path / "with.fusion3d").exists()
    assert "can't be enclosed" in one.told[-1]
    # Opened, it asks for the scan, whose hash it knows.
    two = begin()
    two.open(saved)
    settled(two)
    assert two.wanted == [""]


def test_an_enclosed_scan_opens_without_the_original(
    begin, work_on, save, open_in, tmp_path
) -> None:
    one = begin()
    scan = dicom(tmp_path / "scan")
    work_on(one, scan)
    saved = save(one, tmp_path / "case.fusion3d", enclose=True)
    assert one.told[-1] == "Session saved with its scan to case.fusion3d."
    digest = one.store.case.volume.sha256
    for path in scan.iterdir():
        path.unlink()
    scan.rmdir()
    two = begin()
    open_in(two, saved)
    assert two.store.case.volume.sha256 == digest
    assert two.predictions.current is not None and two.files.path == saved
    assert not any("has changed" in text for text in two.told)


def test_a_session_never_overwrites_the_scan(begin, work_on, save, make_case, tmp_path) -> None:
    one, scan = begin(), make_case()
    work_on(one, scan)
    before = scan.read_bytes()
    save(one, scan)
    assert scan.read_bytes() == before and "overwritten" in one.told[-1]


def test_a_session_takes_the_place_of_what_was_kept_which_is_set_aside(
    begin, work_on, save, open_in, settled, qtbot, tmp_path
) -> None:
    kept = tmp_path / "kept"
    one = begin()
    work_on(one, dicom(tmp_path / "scan"))
    saved = save(one, tmp_path / "case.fusion3d")
    two = begin(kept)
    two.opener.open(tmp_path / "scan")
    settled(two)
    qtbot.waitUntil(lambda: two.keeper.whole is not None)
    for x in (5.0, 6.0):
        two.annotations.add_point(np.array([x, 0, 0]))
    two.keeper.finish()
    three = begin(kept)
    open_in(three, saved)
    assert [mark.points[0][0] for mark in three.annotations.items] == [1.0]
    assert any("takes the place of what was kept here: 2 marks" in text for text in three.told)
    (aside,) = kept.glob("*-before.fusion3d")
    assert [mark.points[0][0] for mark in work_of(read_session(aside)).marks] == [5.0, 6.0]
    # And the session's work is what is kept from now on.
    three.keeper._keep()
    three.keeper.finish()
    four = begin(kept)
    four.opener.open(tmp_path / "scan")
    settled(four)
    qtbot.waitUntil(lambda: four.keeper.whole is not None)
    assert [mark.points[0][0] for mark in four.annotations.items] == [1.0]


def test_a_forged_prediction_that_contradicts_itself_is_refused(
    begin, work_on, save, settled, tmp_path
) -> None:
    one = begin()
    work_on(one, dicom(tmp_path / "scan"))
    saved = save(one, tmp_path / "case.fusion3d")
    session = read_session(saved)
    (made,) = session.document.predictions
    import msgspec

    forged = msgspec.structs.replace(made, probability=1 - made.probability)
    write_session(
        saved,
        replace(session, document=msgspec.structs.replace(session.document, predictions=[forged])),
    )
    two = begin()
    two.open(saved)
    settled(two)
    assert two.store.case is None
    assert two.told[-1] == (
        "case.fusion3d: is no session that can be read (a probability is not that of its logit)."
    )


def test_singular_affines_and_distorted_planes_are_refused(begin, work_on, save, tmp_path) -> None:
    import msgspec

    from fusion3d_gui.errors import UserError

    one = begin()
    work_on(one, dicom(tmp_path / "scan"))
    session = session_of(one.keeper.whole)
    (made,) = session.document.predictions
    flat = ((1.0, 0, 0, 0), (0, 0.0, 0, 0), (0, 0, 1.0, 0), (0, 0, 0, 1.0))
    heatmap = msgspec.structs.replace(made.heatmap, affine=flat)
    missing = msgspec.structs.replace(made.heatmap, array="arrays/9.npy")
    outline = msgspec.structs.replace(made.heatmap, array=made.heatmap.outline.array)
    for broken in (heatmap, missing, outline):
        forged = msgspec.structs.replace(made, heatmap=broken)
        with pytest.raises(UserError, match="no session that can be read"):
            work_of(
                replace(
                    session,
                    document=msgspec.structs.replace(session.document, predictions=[forged]),
                )
            )
    view = msgspec.structs.replace(session.document.view, planes={"Axial": flat})
    with pytest.raises(UserError, match="no session that can be read"):
        work_of(replace(session, document=msgspec.structs.replace(session.document, view=view)))


def test_kept_work_of_the_first_version_is_restored_and_kept_in_the_present_one(
    begin, settled, qtbot, tmp_path
) -> None:
    from fusion3d_gui.state.kept.work_folder import work_key

    kept = tmp_path / "kept"
    scan = dicom(tmp_path / "scan")
    one = begin()
    one.opener.open(scan)
    settled(one)
    key = work_key(one.store.case.volume)
    kept.mkdir()
    stored = Path(__file__).parent / "documents" / "kept_version_1.json"
    (kept / f"{key}.json").write_bytes(stored.read_bytes())
    two = begin(kept)
    two.opener.open(scan)
    settled(two)
    qtbot.waitUntil(lambda: two.keeper.whole is not None)
    assert [mark.number for mark in two.annotations.items] == [1, 2, 4]
    assert two.form.values == {"age": 61.0, "sex": "F", "diabetes": True}
    assert two.form.entry("age").text == "61"
    assert two.display.window_level.window.center == 321
    assert two.display.overlay.threshold == 0.6
    assert two.explanation_choice.wanted.method == "hirescam"
    two.annotations.remove(4)
    two.keeper.finish()
    assert [path.name for path in kept.iterdir()] == [f"{key}.fusion3d"]


def test_the_notes_are_part_of_what_leaves(begin, work_on, tmp_path) -> None:
    one = begin()
    work_on(one, dicom(tmp_path / "scan"))
    result = one.result_collector.work()(lambda fraction, message: None)
    assert result.notes.reading == "Nothing.\nElse"


def drawn(session: Session, name: str = "lesion") -> np.ndarray:
    """Draw a ball, and return it on the scan's grid."""
    session.mask_drawing.set_3d(True)
    session.mask_drawing.set_radius(9.0)
    session.mask_drawing.begin(np.array([30.0, 40, 50]), np.array([0.0, 0, 1]), erase=False)
    session.mask_drawing.end()
    session.masks.rename(session.masks.items[-1].number, name)
    return mask_on_scan(session)


def mask_on_scan(session: Session) -> np.ndarray:
    volume = session.store.case.volume
    part = part_of_mask(session.masks.items[-1].mask, volume)
    full = np.zeros(volume.shape, bool)
    full[tuple(slice(a, b) for a, b in zip(part.start, part.stop, strict=True))] = part.inside
    return full


def test_a_drawn_mask_outlives_the_program(begin, work_on, open_in, tmp_path):
    scan = dicom(tmp_path / "scan")
    session = begin(tmp_path / "kept")
    work_on(session, scan)
    before = drawn(session)
    assert before.sum() > 50
    assert session.close()
    again = begin(tmp_path / "kept")
    open_in(again, scan)
    (mask,) = again.masks.items
    assert (mask.mask.name, mask.is_drawn) == ("lesion", True)
    np.testing.assert_array_equal(mask_on_scan(again), before)
    assert any("1 mask" in text for text in again.told)
    again.mask_drawing.set_radius(3.0)
    again.mask_drawing.begin(np.array([30.0, 40, 50]), np.array([0.0, 0, 1]), erase=True)
    again.mask_drawing.end()
    assert mask_on_scan(again).sum() < before.sum()
    assert len(again.masks.items) == 1


def test_a_session_carries_drawn_masks_and_their_names_only_with_the_identity(
    begin, work_on, save, open_in, tmp_path
):
    scan = dicom(tmp_path / "scan")
    session = begin()
    work_on(session, scan)
    before = drawn(session, "lesion of Querido")
    save(session, tmp_path / "named.fusion3d")
    save(session, tmp_path / "hidden.fusion3d", hide_identity=True)
    again = begin()
    open_in(again, tmp_path / "named.fusion3d")
    assert [each.mask.name for each in again.masks.items] == ["lesion of Querido"]
    np.testing.assert_array_equal(mask_on_scan(again), before)
    content = document(tmp_path / "hidden.fusion3d")
    assert "Querido" not in json.dumps(content["masks"])
    assert len(content["masks"]) == 1


PLACED = Registration(
    np.array([[1, 0, 0, 2.5], [0, 0.8, -0.6, 1], [0, 0.6, 0.8, -3], [0, 0, 0, 1.0]]),
    "rigid",
    mutual_information=0.75,
    overlap=0.9,
)


@pytest.fixture
def place_beside(qtbot):
    """Open a scan beside the one on screen, and register it."""

    def do(session: Session, path: Path) -> None:
        session.second.open(path)
        qtbot.waitUntil(lambda: session.second.case is not None)
        session.alignment.restore(PLACED)

    return do


@pytest.fixture
def both_saved(begin, work_on, place_beside, save, tmp_path) -> Path:
    """A session of two registered scans, ``scan`` and ``prior`` beside it."""
    one = begin()
    work_on(one, dicom(tmp_path / "scan"))
    place_beside(one, dicom(tmp_path / "prior", seed=1))
    return save(one, tmp_path / "case.fusion3d")


def reading_ended(session: Session) -> bool:
    return not session.second.lane.running


def test_a_registered_scan_beside_comes_back_where_it_was(
    begin, both_saved, open_in, qtbot
) -> None:
    two = begin()
    open_in(two, both_saved)
    qtbot.waitUntil(lambda: two.second.link == "registered")
    assert two.second.registration.to_json() == PLACED.to_json()
    assert two.second.case.paths == (both_saved.parent / "prior",)
    assert two.second.agreement == "same"
    assert "The scan beside is placed as it was left: registered (rigid)." in two.told


def test_a_scan_beside_that_has_changed_is_told_and_not_shown(
    begin, both_saved, open_in, qtbot
) -> None:
    for file in (both_saved.parent / "prior").iterdir():
        file.unlink()
    dicom(both_saved.parent / "prior", seed=2)
    two = begin()
    open_in(two, both_saved)
    qtbot.waitUntil(lambda: reading_ended(two))
    assert two.second.case is None
    assert two.told[-1] == (
        "prior: the scan that lay beside this one has changed since, and is not shown."
        " Open it beside and register it anew."
    )


def test_a_scan_beside_that_is_gone_is_told_and_placed_once_it_is_opened(
    begin, both_saved, open_in, qtbot, tmp_path
) -> None:
    (tmp_path / "prior").rename(tmp_path / "moved")
    two = begin()
    open_in(two, both_saved)
    qtbot.waitUntil(lambda: reading_ended(two))
    assert two.second.case is None
    assert "prior: the scan that lay beside this one is not found." in two.told[-1]
    two.second.open(tmp_path / "moved")
    qtbot.waitUntil(lambda: two.second.case is not None)
    assert two.second.registration.to_json() == PLACED.to_json()
    # Another scan does not get it.
    two.second.close()
    two.second.open(dicom(tmp_path / "other", seed=3))
    qtbot.waitUntil(lambda: two.second.case is not None)
    assert two.second.registration is None


def test_a_registration_to_a_scan_that_has_changed_is_told_and_not_used(
    begin, both_saved, open_in, qtbot
) -> None:
    for file in (both_saved.parent / "scan").iterdir():
        file.unlink()
    dicom(both_saved.parent / "scan", seed=5)
    two = begin()
    open_in(two, both_saved)
    assert two.second.case is None
    assert not two.second.lane.running
    assert "was registered to the other scan" in two.told[-1]


def test_no_path_of_the_scan_beside_is_saved_while_the_identity_is_hidden(
    begin, both_saved, open_in, save, qtbot, tmp_path
) -> None:
    two = begin()
    open_in(two, both_saved)
    qtbot.waitUntil(lambda: two.second.link == "registered")
    hidden = save(two, tmp_path / "hidden.fusion3d", hide_identity=True)
    assert document(hidden)["second"]["scan"] == {
        "voxels_sha256": two.second.case.volume.sha256,
        "paths": [],
        "relative": [],
        "series_uid": "",
        "shape": [24, 30, 32],
        "enclosed": False,
    }
    assert document(hidden)["second"]["registration"]["kind"] == "rigid"
    two.store.identity.set_hidden(True)
    save(two, tmp_path / "while-hidden.fusion3d")
    assert document(tmp_path / "while-hidden.fusion3d")["second"]["scan"]["paths"] == []
    three = begin()
    three.open(hidden)
    qtbot.waitUntil(lambda: three.wanted == [""])
    three.files.open_with_scan([tmp_path / "scan"])
    qtbot.waitUntil(lambda: three.keeper.whole is not None, timeout=60_000)
    qtbot.waitUntil(lambda: reading_ended(three))
    assert three.told[-1] == (
        "The scan that lay beside this one was saved without its name."
        " Open it beside. Its registration returns with it."
    )
    three.second.open(tmp_path / "prior")
    qtbot.waitUntil(lambda: three.second.link == "registered")


def test_a_scan_of_another_patient_is_not_saved(
    begin, work_on, save, settled, qtbot, tmp_path
) -> None:
    one = begin()
    work_on(one, dicom(tmp_path / "scan"))
    voxels = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    volume = Volume(voxels, np.diag([3.0, 3, 4, 1]), modality="MR")
    write_dicom_series(volume, tmp_path / "other", attributes={"PatientID": "D2"}, uid_seed="o")
    one.second.open(tmp_path / "other")
    qtbot.waitUntil(lambda: one.second.waiting is not None)
    one.second.confirm()
    assert one.second.agreement == "other"
    assert document(save(one, tmp_path / "case.fusion3d"))["second"] is None


def test_a_registration_is_kept_without_a_session_file(
    begin, place_beside, settled, qtbot, tmp_path
) -> None:
    kept, scan = tmp_path / "kept", dicom(tmp_path / "scan")
    one = begin(kept)
    one.open(scan)
    settled(one)
    qtbot.waitUntil(lambda: one.keeper.whole is not None)
    place_beside(one, dicom(tmp_path / "prior", seed=1))
    assert one.keeper.finish()
    two = begin(kept)
    two.open(scan)
    settled(two)
    qtbot.waitUntil(lambda: two.second.link == "registered")
    assert two.second.registration.to_json() == PLACED.to_json()
    # Closed by the reader, it is kept no more.
    two.second.close()
    assert two.keeper.finish()
    three = begin(kept)
    three.open(scan)
    settled(three)
    qtbot.waitUntil(lambda: three.keeper.whole is not None)
    assert not three.second.lane.running


def square(session: Session, at: int, name: str) -> Mask:
    """A mask as a file on the scan on screen gives it."""
    volume = session.store.case.volume
    affine = np.array(volume.affine)
    affine[:3, 3] = volume.to_lps(np.array([at, 3, 2]))
    inside = np.zeros((4, 5, 11), np.uint8)  # 11: no whole number of bytes
    inside[1:, 2:, at % 3 :] = 1
    return Mask(name, Volume(inside, affine), stored_ml=12.5)


def test_masks_of_files_come_back_as_they_were_shown(
    begin, work_on, save, open_in, tmp_path
) -> None:
    one = begin()
    work_on(one, dicom(tmp_path / "scan"))
    one.masks.add_all((square(one, 2, "liver"), square(one, 7, "spleen")))
    drawn(one)
    one.masks.set_shown(2, False)
    one.masks.set_color(1, "#123456")
    one.masks.select(2)
    one.masks.set_opacity(0.6)
    one.masks.toggle_outlines()
    saved = save(one, tmp_path / "case.fusion3d")
    two = begin()
    open_in(two, saved)
    assert len(two.masks.items) == 3
    for mine, other in zip(one.masks.items, two.masks.items, strict=True):
        assert mine.is_same(other) and mine.mask.grid.voxels.max() == 1
        assert (mine.color, mine.is_drawn) == (other.color, other.is_drawn)
        assert mine.mask.stored_ml == other.mask.stored_ml
    assert [each.mask.name for each in two.masks.shown] == ["liver", "lesion"]
    assert two.masks.selected.mask.name == "spleen"
    assert (two.masks.opacity, two.masks.outlines) == (0.6, True)
    # They are still those of files: removed together, and not to be drawn into.
    assert two.scan_objects.any_shown
    two.scan_objects.clear()
    assert [each.mask.name for each in two.masks.items] == ["lesion"]


def test_masks_of_files_are_kept_along_with_other_work_and_not_doubled(
    begin, open_in, settled, qtbot, tmp_path
) -> None:
    scan, kept = dicom(tmp_path / "scan"), tmp_path / "kept"
    one = begin(kept)
    open_in(one, scan)
    one.masks.add_all((square(one, 2, "liver"),))
    assert one.keeper.finish() and not list(kept.glob("*"))  # by themselves they are no work
    two = begin(kept)
    open_in(two, scan)
    two.masks.add_all((square(two, 2, "liver"),))
    two.annotations.add_point(np.array([1.0, 2, 3]))
    assert two.keeper.finish()
    three = begin(kept)
    three.opener.open(scan)
    settled(three)
    three.masks.add_all((square(three, 2, "liver"),))  # opened again before the kept work was read
    qtbot.waitUntil(lambda: three.keeper.whole is not None)
    assert [each.mask.name for each in three.masks.items] == ["liver"]


def test_a_large_mask_can_be_saved_and_opened_again(
    begin, open_in, save, monkeypatch, tmp_path
) -> None:
    from fusion3d_gui.report.session import archive
    from fusion3d_gui.state.kept import mask_document

    scan = dicom(tmp_path / "scan")
    one = begin()
    open_in(one, scan)
    before = drawn(one)
    for at in range(5):
        one.masks.add_all((square(one, 2 + at, f"part {at}"),))
    # A bit a voxel: as much room as the drawn mask and two of files need.
    room = one.masks.drawn[0].mask.grid.voxels[..., ::8].size + 2 * 4 * 5 * 2
    for module in (archive, mask_document):
        monkeypatch.setattr(module, "LARGEST_ARRAYS", room + 3000)
    monkeypatch.setattr(mask_document, "_SPARE", 3000)
    saved = save(one, tmp_path / "case.fusion3d")
    assert "Too large for a session, and not in it: 3 masks" in one.told[-1]
    two = begin()
    open_in(two, saved)
    assert [each.mask.name for each in two.masks.items] == ["lesion", "part 0", "part 1"]
    assert two.masks.items[0].mask.grid.voxels.sum() == before.sum()


def test_the_second_scan_comes_back_as_it_was_drawn_over_the_first(
    begin, work_on, place_beside, save, open_in, qtbot, tmp_path
) -> None:
    one = begin()
    work_on(one, dicom(tmp_path / "scan"))
    place_beside(one, dicom(tmp_path / "prior", seed=1))
    one.comparison.choose(Way.BLEND)
    one.comparison.set_blend(0.3)
    one.comparison.set_color_map("Viridis")
    one.second.display.window_level.set_window(Window(222, 77))
    one.second.display.window_level.invert()
    saved = save(one, tmp_path / "case.fusion3d")
    two = begin()
    open_in(two, saved)
    qtbot.waitUntil(lambda: two.second.link == "registered")
    assert two.comparison.look == ComparisonLook(Way.BLEND, 0.3, "Viridis")
    level = two.second.display.window_level
    assert (level.window.center, level.window.width, level.inverted) == (222, 77, True)
    assert two.display.window_level.window.center == 321
    crosshairs = [each.crosshair.position_lps for each in (two.display, two.second.display)]
    np.testing.assert_allclose(*crosshairs)


def test_a_second_scan_that_is_not_linked_comes_back_where_it_was_looked_at(
    begin, work_on, save, open_in, qtbot, tmp_path
) -> None:
    one = begin()
    work_on(one, dicom(tmp_path / "scan"))
    one.second.open(other_frame(tmp_path / "prior"))
    qtbot.waitUntil(lambda: one.second.case is not None)
    assert one.second.link == ""
    one.second.display.crosshair.move_to(np.array([30.0, 21.0, 40.0]))
    place = one.second.display.crosshair.position_lps
    saved = save(one, tmp_path / "case.fusion3d")
    two = begin()
    open_in(two, saved)
    qtbot.waitUntil(lambda: two.second.case is not None)
    assert two.second.link == ""
    np.testing.assert_allclose(two.second.display.crosshair.position_lps, place)
    assert two.comparison.way is Way.NONE


def other_frame(folder: Path) -> Path:
    """A scan of the same patient in a frame of reference of its own."""
    voxels = np.random.default_rng(8).integers(0, 900, (20, 22, 24)).astype(np.int16)
    volume = Volume(voxels, np.diag([3.0, 3, 4, 1]), modality="MR", description="T2")
    write_dicom_series(volume, folder, attributes=WHO, uid_seed="another")
    return folder


@pytest.fixture
def both_predicted(begin, work_on, place_beside, settled, tmp_path) -> Session:
    """A session of two registered scans, both predicted."""
    one = begin()
    work_on(one, dicom(tmp_path / "scan"))
    place_beside(one, dicom(tmp_path / "prior", seed=1))
    one.prior.predict()
    settled(one)
    assert one.prior.result is not None
    return one


def test_both_predictions_come_back_with_what_changed_them(
    begin, both_predicted, save, open_in, settled, qtbot, tmp_path
) -> None:
    made = both_predicted.prior.result
    saved = save(both_predicted, tmp_path / "case.fusion3d")
    two = begin()
    open_in(two, saved)
    qtbot.waitUntil(lambda: two.prior.result is not None)
    found = two.prior.result
    assert found.prediction.to_json() == made.prediction.to_json()
    assert (found.change, found.assumed) == (made.change, made.assumed)
    np.testing.assert_array_equal(
        two.prior.shown_heatmap.values, both_predicted.prior.shown_heatmap.values
    )
    np.testing.assert_allclose(
        two.prior.shown_heatmap.affine, both_predicted.prior.shown_heatmap.affine
    )
    # Saved again without being made again, it is still there; and it goes with the form's values.
    again = save(two, tmp_path / "again.fusion3d")
    assert document(again)["second"]["prior"] == document(saved)["second"]["prior"]
    two.form.set_value("age", 50.0)
    assert two.prior.result is None


def test_a_prediction_of_the_second_scan_waits_with_a_scan_that_is_gone(
    begin, both_predicted, save, open_in, qtbot, tmp_path
) -> None:
    saved = save(both_predicted, tmp_path / "case.fusion3d")
    (tmp_path / "prior").rename(tmp_path / "moved")
    two = begin()
    open_in(two, saved)
    qtbot.waitUntil(lambda: reading_ended(two))
    assert two.told[-1].startswith("prior: the scan that lay beside this one is not found.")
    assert two.second.case is None and two.prior.result is None
    # Saved without it, the session still holds what was found of it.
    again = save(two, tmp_path / "again.fusion3d")
    assert document(again)["second"]["prior"] == document(saved)["second"]["prior"]
    two.second.open(tmp_path / "moved")
    qtbot.waitUntil(lambda: two.prior.result is not None)
    assert two.prior.result.change == both_predicted.prior.result.change


def test_a_forged_prediction_of_the_second_scan_is_refused(both_predicted, save, tmp_path) -> None:
    import msgspec

    from fusion3d_gui.errors import UserError

    session = read_session(save(both_predicted, tmp_path / "case.fusion3d"))
    second = session.document.second
    change = msgspec.structs.replace(second.prior.change, image=0.9)
    other = msgspec.structs.replace(second.prior.prediction, volume_sha256="0" * 64)
    for forged in ({"change": change}, {"prediction": other}):
        prior = msgspec.structs.replace(second.prior, **forged)
        broken = msgspec.structs.replace(second, prior=prior)
        with pytest.raises(UserError, match="no session that can be read"):
            work_of(
                replace(session, document=msgspec.structs.replace(session.document, second=broken))
            )


def test_both_scans_are_enclosed_and_stay_so(
    begin, work_on, place_beside, save, open_in, qtbot, tmp_path
) -> None:
    one = begin()
    work_on(one, dicom(tmp_path / "scan"))
    place_beside(one, dicom(tmp_path / "prior", seed=1))
    saved = save(one, tmp_path / "case.fusion3d", enclose=True)
    assert one.told[-1] == "Session saved with its scan and the one beside it to case.fusion3d."
    digest = one.second.sha256
    for folder in ("scan", "prior"):
        shutil.rmtree(tmp_path / folder)
    two = begin()
    open_in(two, saved)
    # Saved in its own file before the second scan is on screen, both are still in it.
    assert two.files.encloses
    save(two, saved, enclose=two.files.encloses)
    qtbot.waitUntil(lambda: two.second.link == "registered")
    save(two, saved, enclose=two.files.encloses)
    three = begin()
    open_in(three, saved)
    qtbot.waitUntil(lambda: three.second.link == "registered")
    assert three.second.sha256 == digest
    assert three.second.registration.to_json() == PLACED.to_json()


def test_a_session_never_overwrites_the_second_scan(
    begin, work_on, save, make_case, qtbot, tmp_path
) -> None:
    one, beside = begin(), make_case("b", seed=2)
    work_on(one, make_case())
    one.second.open(beside)
    qtbot.waitUntil(lambda: one.second.case is not None)
    before = beside.read_bytes()
    save(one, beside)
    assert beside.read_bytes() == before and "overwritten" in one.told[-1]


def test_a_session_of_version_4_is_read(begin, settled, qtbot, tmp_path) -> None:
    """It was saved by the program before version 5, without paths: a mark, a drawn mask, a registered second scan."""
    stored = Path(__file__).parent / "documents" / "session_version_4.fusion3d"
    assert document(stored)["version"] == 4
    two = begin()
    two.open(stored)
    qtbot.waitUntil(lambda: two.wanted == [""])
    two.files.open_with_scan([dicom(tmp_path / "scan")])
    qtbot.waitUntil(lambda: two.keeper.whole is not None, timeout=60_000)
    assert [each.text for each in two.annotations.items] == ["hilum"]
    (mask,) = two.masks.items
    assert (mask.mask.name, mask.is_drawn, int(mask.mask.grid.voxels.sum())) == ("lesion", True, 84)
    qtbot.waitUntil(lambda: reading_ended(two))
    two.second.open(dicom(tmp_path / "prior", seed=1))
    qtbot.waitUntil(lambda: two.second.link == "registered")
    assert two.second.registration.to_json() == PLACED.to_json()


def test_work_that_was_set_aside_can_be_brought_back_again_and_again(
    begin, work_on, save, open_in, settled, qtbot, tmp_path
) -> None:
    kept, scan = tmp_path / "kept", dicom(tmp_path / "scan")

    def xs(session: Session) -> list[float]:
        return [mark.points[0][0] for mark in session.annotations.items]

    saved = []
    for x in (1.0, 2.0):
        session = begin()
        open_in(session, scan)
        session.annotations.add_point(np.array([x, 0, 0]))
        saved.append(save(session, tmp_path / f"{x:.0f}.fusion3d"))
    one = begin(kept)
    open_in(one, scan)
    assert not one.set_aside.can_bring_back
    for x in (5.0, 6.0):
        one.annotations.add_point(np.array([x, 0, 0]))
    one.keeper.finish()
    two = begin(kept)
    for number, path in enumerate(saved, 1):  # each sets aside what was there
        two.open(path)
        qtbot.waitUntil(lambda number=number: two.keeper.whole and xs(two) == [number])
    assert two.files.path == saved[1]
    for wanted in ([1.0], [5.0, 6.0], [2.0], [1.0]):
        qtbot.waitUntil(lambda: two.set_aside.can_bring_back)
        two.set_aside.bring_back()
        qtbot.waitUntil(lambda wanted=wanted: xs(two) == wanted)
    # It is not saved over the session, and is what is kept from now on.
    assert two.files.path is None
    assert two.told[-1].startswith("Brought back: 1 mark, ")
    assert two.told[-1].endswith("is set aside in turn.")
    two.annotations.add_point(np.array([9.0, 0, 0]))
    two.keeper.finish()
    three = begin(kept)
    open_in(three, scan)
    assert xs(three) == [1.0, 9.0]
    qtbot.waitUntil(lambda: three.set_aside.can_bring_back)
    three.keeper.forget()
    assert not three.set_aside.can_bring_back
    qtbot.waitUntil(lambda: not list(kept.glob("*")))
