"""Small files are read up to a bound; files are written beside their name with exact rights and endings."""

from __future__ import annotations

import errno
import os
import stat

import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.input_file import read_bounded
from fusion3d_gui.output_file import (
    PARTIAL,
    check_not_input,
    is_unused,
    whole_file,
    write_whole_text,
)


def test_a_file_is_read_up_to_the_bound(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_bounded(path, 5) == read_bounded(path, 6) == b"12345"
    with pytest.raises(ValueError, match="more than 4 bytes"):
        read_bounded(path, 4)
    path.write_bytes(b"")
    assert read_bounded(path, 0) == b""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is no regular file") as error:
        read_bounded(tmp_path / "pipe", 5)
    assert (error.value.errno, error.value.filename) == (errno.EINVAL, str(tmp_path / "pipe"))
    with pytest.raises(FileNotFoundError):
        read_bounded(tmp_path / "none", 5)


@pytest.mark.parametrize("private", [False, True])
def test_rights_of_new_and_old_files(tmp_path, private):
    before = os.umask(0)
    try:
        for name, mode in (("new", None), ("old", 0o640)):
            path = tmp_path / name
            if mode is not None:
                path.write_text("old")
                path.chmod(mode)
            expected = mode or (0o600 if private else 0o666)
            with whole_file(path, private=private) as partial:
                assert stat.S_IMODE(partial.stat().st_mode) == expected
                partial.write_text("new")
            assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", expected)
    finally:
        os.umask(before)


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("a.nii.gz", ".nii.gz"),
        ("A.NII.GZ", ".nii.gz"),
        ("a.json", ".json"),
        ("a.tar.gz", ".gz"),
        ("a", ""),
    ],
)
def test_the_name_to_write_to_is_hidden_and_ends_like_the_final_one(tmp_path, name, ending):
    with whole_file(tmp_path / name) as partial:
        assert partial.parent == tmp_path and partial.name.startswith(".")
        assert partial.name[17:] == f"{PARTIAL}{ending}"
        partial.write_text("x")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_error_names_the_file_that_the_user_knows(tmp_path):
    path = tmp_path / "a.txt"
    with pytest.raises(OSError, match="No space") as error, whole_file(path) as partial:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(partial))
    assert error.value.filename == str(path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(IsADirectoryError, match="it is a folder") as folder:
        write_whole_text(tmp_path, "x")
    assert (folder.value.errno, folder.value.filename) == (errno.EISDIR, str(tmp_path))


def test_a_write_protected_file_is_not_replaced(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("old")
    asked = []

    def access(target: object, mode: int) -> bool:
        asked.append((target, mode))
        return False

    monkeypatch.setattr(os, "access", access)  # the superuser may write everything
    with pytest.raises(PermissionError, match="it is write-protected") as error:
        write_whole_text(path, "new")
    assert (error.value.errno, error.value.filename) == (errno.EACCES, str(path))
    assert asked == [(path, os.W_OK)] and path.read_text() == "old"


def test_line_ends_are_those_asked_for(tmp_path):
    write_whole_text(tmp_path / "a", "ä\n", newline="\r\n")
    assert (tmp_path / "a").read_bytes() == "ä\r\n".encode()
    write_whole_text(tmp_path / "a", "ä\n", newline="")
    assert (tmp_path / "a").read_bytes() == "ä\n".encode()


def test_a_folder_with_nothing_whole_in_it_is_unused(tmp_path):
    folder = tmp_path / "out"
    assert is_unused(folder)
    (folder / "below").mkdir(parents=True)
    assert is_unused(folder)
    (folder / "below" / f".0123{PARTIAL}.json").write_text("half")
    assert is_unused(folder)
    for name in (".hidden", f"a{PARTIAL}.json", "a.json"):
        path = folder / "below" / name
        path.write_text("")
        assert not is_unused(folder)
        path.unlink()
    (tmp_path / "file").write_text("")
    assert not is_unused(tmp_path / "file")


def test_what_is_read_is_not_written_over_and_the_sentence_says_why(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    inside, other = folder / "a", tmp_path / "b"
    inside.write_text("a")
    other.write_text("b")
    for read, why in ((inside, "it is the input"), (folder, "it lies in the folder that is read")):
        with pytest.raises(UserError) as error:
            check_not_input(inside, [None, other, read])
        assert error.value.problem == f"{why}, and would be overwritten"
        assert (error.value.path, error.value.remedy) == (inside, "Name another file.")
    check_not_input(other, [None, inside, folder, tmp_path / "none"])
    check_not_input(folder / "new", [folder])
    check_not_input(folder, [folder])
