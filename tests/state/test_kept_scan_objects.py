"""A DICOM parametric map opened on a scan, and that the reader said "this is CT", outlive the program."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.report.session.archive import read_session
from fusion3d_gui.state.data.case import STATED_CT
from fusion3d_gui.state.kept.kept_document import work_of
from fusion3d_gui.state.session import Session
from tests.state.test_session_files import begin as begin  # fixtures
from tests.state.test_session_files import dicom, document, drawn
from tests.state.test_session_files import open_in as open_in
from tests.state.test_session_files import save as save

hd = pytest.importorskip("highdicom")


def values_at(k: np.ndarray, j: np.ndarray, i: np.ndarray) -> np.ndarray:
    """The map's values: below and above 0, different at every voxel."""
    return (np.sin(k / 5) * 100 + j - i / 7).astype(np.float32)


def parametric_map(scan: Path, path: Path, title: str) -> Path:
    """Write such a map on the images of a series with highdicom."""
    sources = sorted(map(pydicom.dcmread, scan.iterdir()), key=lambda each: each.InstanceNumber)
    pixels = values_at(*np.indices((len(sources), sources[0].Rows, sources[0].Columns)))
    made = hd.pm.ParametricMap(
        sources,
        pixels,
        *(hd.UID(), 9, hd.UID(), 1, "M", "N", "1", "2"),
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[
            hd.pm.RealWorldValueMapping(
                "ADC", "ADC", pydicom.sr.codedict.codes.UCUM.NoUnits, (-1e3, 1e3), 2.0, 10.0
            )
        ],
        voi_lut_transformations=[hd.VOILUTTransformation(window_center=0, window_width=100)],
        series_description=title,
    )
    made.save_as(path)
    return path


@pytest.fixture
def with_map(begin, open_in, qtbot, tmp_path):
    """A session, keeping work in a folder or not, with the scan and the map on it."""

    def start(kept: Path | None = None) -> Session:
        scan = tmp_path / "scan"
        if not scan.exists():
            dicom(scan)
        one = begin(kept)
        open_in(one, scan)
        one.open([parametric_map(scan, tmp_path / "map.dcm", "ADC of Querido")])
        qtbot.waitUntil(lambda: one.scan_objects.heat is not None)
        (tmp_path / "map.dcm").unlink()  # it must not be needed again
        return one

    return start


def check_map(session: Session) -> None:
    """Its values lie at the voxels of the scan (3 x 3 x 4 mm) on which they were written."""
    heat = session.scan_objects.heat
    for k, j, i in ((0, 0, 0), (23, 4, 31), (11, 29, 7)):
        wanted = 2.0 * values_at(*map(np.array, (k, j, i))) + 10
        assert heat.value_at(np.array([3.0 * i, 3.0 * j, 4.0 * k])) == pytest.approx(wanted)


def test_a_session_holds_the_map_of_a_file_with_its_title(
    with_map, begin, save, open_in, tmp_path
) -> None:
    one = with_map()
    check_map(one)
    saved = save(one, tmp_path / "case.fusion3d")
    two = begin()
    open_in(two, saved)
    check_map(two)
    assert two.scan_objects.heat_title == "ADC of Querido"
    # Removed, it is not there the next time.
    two.scan_objects.clear()
    save(two, saved)
    three = begin()
    open_in(three, saved)
    assert three.scan_objects.heat is None


def test_a_map_is_of_its_own_scan_alone_and_its_title_leaves_only_with_the_identity(
    with_map, begin, save, open_in, qtbot, tmp_path
) -> None:
    one = with_map()
    saved = save(one, tmp_path / "case.fusion3d")
    hidden = save(one, tmp_path / "hidden.fusion3d", hide_identity=True)
    with zipfile.ZipFile(hidden) as archive:
        text = b"".join(archive.read(name) for name in archive.namelist()).lower()
    assert b"querido" not in text
    assert work_of(read_session(hidden)).opened_map.volume.voxels.size == 24 * 30 * 32
    dicom(tmp_path / "scan", seed=1)  # other voxels at the same place
    two = begin()
    open_in(two, saved)
    assert two.scan_objects.heat is None
    assert any("maps of the session are of the other scan" in text for text in two.told)


def test_a_map_is_kept_along_with_other_work_and_returns_within_a_run(
    with_map, begin, open_in, make_case, settled, qtbot, tmp_path
) -> None:
    kept, scan = tmp_path / "kept", tmp_path / "scan"
    one = with_map(kept)
    one.annotations.add_point(np.array([1.0, 2, 3]))
    open_in(one, make_case("other"))
    assert one.scan_objects.heat is None
    open_in(one, scan)
    check_map(one)
    assert one.keeper.finish()
    two = begin(kept)
    open_in(two, scan)
    check_map(two)
    two.scan_objects.clear()
    assert two.keeper.finish()
    three = begin(kept)
    open_in(three, scan)
    assert three.scan_objects.heat is None
    assert len(three.annotations.items) == 1


def test_drawn_masks_go_before_a_map_that_is_too_large_which_is_told(
    with_map, save, monkeypatch, tmp_path
) -> None:
    from fusion3d_gui.state.kept import mask_document

    one = with_map()
    drawn(one)
    monkeypatch.setattr(mask_document, "LARGEST_ARRAYS", 4 * 24 * 30 * 32)
    monkeypatch.setattr(mask_document, "_SPARE", 0)
    work = work_of(read_session(save(one, tmp_path / "case.fusion3d")))
    assert one.told[-1] == "Too large for a session, and not in it: the map. Keep the files."
    assert work.opened_map is None and len(work.masks) == 1


@pytest.fixture
def ct(tmp_path: Path) -> Path:
    """A NIfTI file, which names no modality, with air and soft tissue in Hounsfield units."""
    values = np.full((26, 28, 24), -1000) + np.random.default_rng(0).integers(-9, 9, (26, 28, 24))
    values[5:20, 6:22, 4:20] += 1040
    path = tmp_path / "head.nii.gz"
    nib.save(nib.Nifti1Image(values.astype(np.int16), np.diag([4.0, 4, 4, 1])), path)
    return path


def test_that_it_is_ct_returns_with_a_session_with_what_followed(
    begin, save, open_in, settled, qtbot, ct, tmp_path
) -> None:
    one = begin()
    open_in(one, ct)
    one.switcher.toggle_ct()
    one.predictions.predict()
    settled(one)
    one.display.window_level.set_window(Window(40, 80))
    one.display.volume_look.set_level(700.0)
    saved = save(one, tmp_path / "case.fusion3d")
    assert document(saved)["stated_ct"] is True
    two = begin()
    open_in(two, saved)
    qtbot.waitUntil(lambda: two.predictions.current is not None)
    case = two.store.case
    assert (case.volume.modality, case.volume.unit, case.is_stated_ct) == ("CT", "HU", True)
    assert (two.display.window_level.window.center, two.display.volume_look.level) == (40, 700)
    assert "Brain" in [each.name for each in two.display.window_level.presets]
    assert STATED_CT in two.told
    # Taken back, it stays so.
    two.switcher.toggle_ct()
    save(two, saved)
    three = begin()
    open_in(three, saved)
    assert three.store.case.volume.modality == ""


def test_that_it_is_ct_is_work_that_is_kept_and_can_be_taken_back(
    begin, open_in, make_case, ct, tmp_path
) -> None:
    kept = tmp_path / "kept"
    one = begin(kept)
    open_in(one, ct)
    one.switcher.toggle_ct()
    open_in(one, make_case("other"))
    assert one.store.case.volume.modality == ""
    open_in(one, ct)
    assert one.store.case.is_stated_ct
    assert one.keeper.finish()
    two = begin(kept)
    open_in(two, ct)
    assert two.store.case.is_stated_ct
    assert any(text.startswith("Restored that it is CT") for text in two.told)
    two.switcher.toggle_ct()
    assert two.keeper.finish() and not list(kept.glob("*"))


def test_what_was_said_of_a_scan_is_not_said_of_one_that_has_changed_or_names_its_modality(
    begin, save, open_in, ct, tmp_path
) -> None:
    one = begin()
    open_in(one, ct)
    one.switcher.toggle_ct()
    saved = save(one, tmp_path / "case.fusion3d")
    image = nib.load(ct)
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj)[::-1], image.affine), ct)
    two = begin()
    open_in(two, saved)
    assert two.store.case.volume.modality == ""
    mr = begin()
    open_in(mr, dicom(tmp_path / "mr"))
    plain = document(save(mr, tmp_path / "mr.fusion3d"))
    assert plain["stated_ct"] is False
    with zipfile.ZipFile(tmp_path / "forged.fusion3d", "w") as archive:
        archive.writestr("session.json", json.dumps({**plain, "stated_ct": True}))
    again = begin()
    open_in(again, tmp_path / "forged.fusion3d")
    assert again.store.case.volume.modality == "MR"


def test_a_session_that_does_not_say_that_the_scan_is_a_ct_does_not_make_it_one(
    begin, save, open_in, ct, tmp_path
) -> None:
    one = begin()
    open_in(one, ct)
    saved = save(one, tmp_path / "case.fusion3d")
    said = document(saved)
    del said["stated_ct"]
    with zipfile.ZipFile(tmp_path / "old.fusion3d", "w") as archive:
        archive.writestr("session.json", json.dumps(said))
    two = begin()
    open_in(two, tmp_path / "old.fusion3d")
    assert (two.store.case.volume.modality, two.store.case.is_stated_ct) == ("", False)


def test_a_session_of_version_5_is_read(begin, qtbot, tmp_path) -> None:
    """It was saved by the program before version 6, without paths: a mark, a drawn mask, a mask of a file."""
    stored = Path(__file__).parent / "documents" / "session_version_5.fusion3d"
    assert document(stored)["version"] == 5
    two = begin()
    two.open(stored)
    qtbot.waitUntil(lambda: two.wanted == [""])
    two.files.open_with_scan([dicom(tmp_path / "scan")])
    qtbot.waitUntil(lambda: two.keeper.whole is not None, timeout=60_000)
    assert [each.text for each in two.annotations.items] == ["hilum"]
    assert [(each.mask.name, each.is_drawn) for each in two.masks.items] == [
        ("liver", False),
        ("lesion", True),
    ]
