"""Session files of strangers: whatever is in them, it is refused in one sentence, and nothing of it is run or written."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.report.session import archive
from fusion3d_gui.report.session.archive import (
    SessionFile,
    is_session_file,
    read_session,
    unpack_scan,
    write_session,
)
from fusion3d_gui.report.session.document import VERSION, MarkDocument, SessionDocument
from fusion3d_gui.report.session.migrations import document_of

GOOD = {"format": "fusion3d-session", "version": 2}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "case.fusion3d"


def pack(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_session(path)
    text = str(caught.value)
    assert text.startswith("case.fusion3d: ") and "\n" not in text
    return text


def test_what_is_written_is_read_back(path: Path) -> None:
    maps = {
        "arrays/0.npy": np.random.default_rng(0).random((3, 4, 5), np.float32),
        "arrays/1.npy": np.arange(60).reshape(3, 4, 5) % 3 == 0,
    }
    document = SessionDocument(marks=[MarkDocument(1, "point", [(1.0, 2.0, 3.0)])], window=(1, 2))
    write_session(path, SessionFile(document, maps))
    found = read_session(path)
    assert found.document == document and is_session_file(path)
    for name, array in maps.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype


def test_a_newer_version_is_refused_with_a_sentence(path: Path) -> None:
    pack(path, {"session.json": json.dumps({**GOOD, "version": VERSION + 1, "news": 1}).encode()})
    assert refusal(path) == (
        "case.fusion3d: was saved by a newer Fusion3D "
        f"(document version {VERSION + 1}, this one reads up to {VERSION}). "
        "Update Fusion3D to open it."
    )


@pytest.mark.parametrize(
    "plain",
    [
        {},
        [],
        {"version": 2},
        {**GOOD, "format": "x"},
        {**GOOD, "version": "2"},
        {**GOOD, "version": True},
        {**GOOD, "version": 0},
        {**GOOD, "version": 1},
        {**GOOD, "unknown": 1},
        {**GOOD, "marks": {}},
        {**GOOD, "marks": [{"number": 0, "kind": "point", "points": [[1, 2, 3]]}]},
        {**GOOD, "marks": [{"number": 1, "kind": "cube", "points": [[1, 2, 3]]}]},
        {**GOOD, "marks": [{"number": 1, "kind": "point", "points": [[1, 2]]}]},
        {**GOOD, "marks": [{"number": 1, "kind": "point", "points": [["1", 2, 3]]}]},
        {**GOOD, "window": [1]},
        {**GOOD, "window": ["1", 2]},
        {**GOOD, "form": [{"field": {"name": "../x", "label": "x", "kind": "number"}}]},
        {**GOOD, "form": [{"field": {"name": "x", "label": "x", "kind": "code"}}]},
        {**GOOD, "notes": {"reading": "x" * 20_001}},
        {**GOOD, "view": {"crosshair": [1, 2, 3], "slab_mm": 1e9}},
        {**GOOD, "scan": {"voxels_sha256": "no hash"}},
        {**GOOD, "predictions": [{"probability": 2}]},
        {**GOOD, "second": {}},
        {**GOOD, "second": {"scan": {"voxels_sha256": "0" * 64}, "registration": {"kind": "x"}}},
    ],
)
def test_a_document_of_other_types_is_refused(plain: object, path: Path) -> None:
    pack(path, {"session.json": json.dumps(plain).encode()})
    assert "no session that can be read" in refusal(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"format": "fusion3d-session", "version": 2, "window": [NaN, 1]}',
        b'{"format": "fusion3d-session", "version": 2, "window": [1e999, 1]}',
        b"[" * 200_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_json_is_refused(content: bytes, path: Path) -> None:
    assert "no session that can be read" in refusal(pack(path, {"session.json": content}))


@pytest.mark.parametrize(
    "content",
    [
        b"no npy at all",
        npy(np.zeros((2, 2), np.float32)),
        npy(np.zeros((2, 2, 2), np.float64)),
        npy(np.zeros((2, 2, 2), ">f4")),
        npy(np.full((2, 2, 2), np.nan, np.float32)),
        npy(np.full((2, 2, 2), np.inf, np.float32)),
        npy(np.asfortranarray(np.zeros((2, 3, 4), np.float32))),
        npy(np.zeros((2, 2, 2), np.float32))[:-4],
        npy(np.zeros((2, 2, 2), np.float32)) + b"1234",
        npy(np.zeros((2, 2, 2), np.float32)).replace(b"(2, 2, 2)", b"(2048, 2048, 2048)"),
        npy(np.zeros((2, 2, 2), np.float32)).replace(b"(2, 2, 2)", b"(2, 2, -2)"),
        npy(np.zeros((2, 2, 2), np.float32)).replace(b"(2, 2, 2)", b"(2, 2, 2.0)"),
        npy(np.zeros((2, 2, 2), bool)).replace(b"\x00" * 8, b"\x02" * 8),
        npy(np.array([[[{}]]], dtype=object)),
    ],
)
def test_an_array_of_another_kind_is_refused(content: bytes, path: Path) -> None:
    members = {"session.json": json.dumps(GOOD).encode(), "arrays/0.npy": content}
    assert "holds an array that can't be read" in refusal(pack(path, members))


class _Code:
    def __reduce__(self):
        return (Path.touch, (Path("/tmp/fusion3d-was-run"),))


def test_a_pickle_in_an_array_is_never_opened(path: Path, tmp_path: Path) -> None:
    header = npy(np.array([[[{}]]], dtype=object))[:128]
    marker = Path("/tmp/fusion3d-was-run")
    marker.unlink(missing_ok=True)
    members = {
        "session.json": json.dumps(GOOD).encode(),
        "arrays/0.npy": header + pickle.dumps(_Code()),
    }
    refusal(pack(path, members))
    assert not marker.exists()


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "scan/../../x", "scan/x", "arrays/x.npy", "code.py", "scan/000001.a/b"],
)
def test_a_member_that_is_none_of_a_session_is_refused(name: str, path: Path) -> None:
    pack(path, {"session.json": json.dumps(GOOD).encode(), name: b"x"})
    assert "do not belong to a session" in refusal(path)


def test_a_bomb_is_refused_before_it_is_unpacked(path: Path, monkeypatch) -> None:
    monkeypatch.setattr(archive, "LARGEST_ARRAYS", 5_000_000)
    zeros = npy(np.zeros((200, 100, 100), np.float32))
    members = {"session.json": json.dumps(GOOD).encode()}
    assert "unpacks to more" in refusal(pack(path, {**members, "arrays/0.npy": zeros}))
    # Several that are small enough each.
    half = npy(np.zeros((80, 100, 100), np.float32))
    both = {"arrays/0.npy": half, "arrays/1.npy": half}
    assert "unpacks to more" in refusal(pack(path, {**members, **both}))
    blanks = json.dumps(GOOD).encode() + b" " * 9_000_000
    assert "unpacks to more" in refusal(pack(path, {"session.json": blanks}))
    # An enclosed scan is stored, never packed.
    assert "unpacks to more than it is" in refusal(
        pack(path, {**members, "scan/000000.dcm": b"\0" * 100_000})
    )


def test_an_archive_that_lies_about_sizes_or_is_damaged_is_refused(path: Path) -> None:
    pack(path, {"session.json": json.dumps(GOOD).encode()})
    whole = path.read_bytes()
    read_session(path)
    for changed in (b"", b"PK", whole[:-30], whole[:20], b"no zip" * 100):
        path.write_bytes(changed)
        assert "no session file, or is damaged" in refusal(path)
    for offset in range(0, len(whole), 7):
        path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 0xFF]) + whole[offset + 1 :])
        try:
            read_session(path)
        except UserError as error:
            assert "\n" not in str(error)


def test_two_members_of_one_name_and_other_packings_are_refused(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file, pytest.warns(UserWarning):
        file.writestr("session.json", json.dumps(GOOD))
        file.writestr("session.json", json.dumps(GOOD))
    assert "do not belong" in refusal(path)
    pack(path, {"session.json": json.dumps(GOOD).encode()}, zipfile.ZIP_LZMA)
    assert "packed in a way" in refusal(path)
    pack(path, {"arrays/0.npy": b""})
    assert "no session.json" in refusal(path)


def test_a_folder_and_a_pipe_are_no_session(path: Path) -> None:
    import os

    path.mkdir()
    assert not is_session_file(path)
    assert "no file that can be read" in refusal(path)
    path.rmdir()
    os.mkfifo(path)
    assert "no file that can be read" in refusal(path)


def test_an_enclosed_scan_is_unpacked_into_the_folder_alone(path: Path, tmp_path: Path) -> None:
    files = []
    for number, name in enumerate(("b.dcm", "a.nii.gz", "no suffix", "odd.x y")):
        files.append(tmp_path / name)
        files[-1].write_bytes(bytes([number]) * 10)
    write_session(path, SessionFile(SessionDocument()), files)
    folder = tmp_path / "out"
    folder.mkdir()
    unpacked = unpack_scan(path, folder, lambda fraction, message: None)
    assert [each.read_bytes()[0] for each in unpacked] == [0, 1, 2, 3]
    assert [each.name for each in unpacked] == ["000000.dcm", "000001.nii.gz", "000002", "000003"]


def test_the_first_version_becomes_the_present_one() -> None:
    stored = Path(__file__).parents[1] / "state" / "documents" / "kept_version_1.json"
    found = document_of(stored.read_bytes())
    assert found.version == VERSION and found.scan is None
    assert [mark.number for mark in found.marks] == [1, 2, 4]
    assert found.marks[1].text == "left <b>hilum</b>"
    assert found.window == (321.0, 123.0)
    assert [each.field.name for each in found.form] == ["age", "sex", "diabetes"]
    assert found.map.explanation.method == "hirescam"
