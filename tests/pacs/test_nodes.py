"""Nodes are kept without secrets, and what makes no sense is refused with a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.fetch.cache import Cache
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.nodes.node_file import named_node, read_nodes, write_nodes
from fusion3d_gui.pacs.nodes.secret import keep_secret, secret_of
from fusion3d_gui.pacs.web.multipart import MalformedAnswer, PartTooLarge, boundary_of, parts

DIMSE = {"way": "dimse", "ae_title": "PACS", "host": "10.0.0.7", "port": 104}
WEB = {"way": "dicomweb", "url": "https://pacs.example/dicom-web"}


class MemoryKeyring(KeyringBackend):
    """A keyring in memory: keyring's own interface for systems."""

    priority = 1

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service, username):
        return self.kept.get((service, username))

    def set_password(self, service, username, password):
        self.kept[service, username] = password

    def delete_password(self, service, username):
        if self.kept.pop((service, username), None) is None:
            raise keyring.errors.PasswordDeleteError


@pytest.fixture
def memory_keyring():
    before = keyring.get_keyring()
    keyring.set_keyring(MemoryKeyring())
    yield keyring.get_keyring()
    keyring.set_keyring(before)


@pytest.fixture
def no_keyring():
    before = keyring.get_keyring()
    keyring.set_keyring(NoKeyring())
    yield
    keyring.set_keyring(before)


def test_nodes_come_back_as_they_were_kept(tmp_path):
    nodes = (
        Node("Main PACS", **DIMSE, tls=True, authority=Path("/etc/ca.pem"), is_test=True),
        Node("Cloud", **WEB, authentication="bearer", answer_s=12.5),
    )
    path = tmp_path / "folder" / "pacs.json"
    write_nodes(path, nodes)
    assert read_nodes(path) == nodes
    assert path.stat().st_mode & 0o077 == 0
    assert named_node(nodes, "Cloud") == nodes[1]
    with pytest.raises(UserError, match=r"no node Ward.*Main PACS, Cloud"):
        named_node(nodes, "Ward")


def test_a_secret_is_in_the_keyring_and_in_no_file(tmp_path, memory_keyring):
    node = Node("Cloud", **WEB, authentication="bearer")
    write_nodes(tmp_path / "pacs.json", [node])
    keep_secret(node.name, "s3cr3t-token")
    assert secret_of(node) == "s3cr3t-token"
    assert "s3cr3t" not in (tmp_path / "pacs.json").read_text() and "s3cr3t" not in repr(node)
    keep_secret(node.name, "")
    keep_secret(node.name, "")
    with pytest.raises(UserError, match="not in the keyring"):
        secret_of(node)


def test_without_a_keyring_the_variable_is_taken(no_keyring, monkeypatch):
    node = Node("Ward 3", **WEB, authentication="bearer")
    with pytest.raises(UserError, match="FUSION3D_SECRET_WARD_3"):
        secret_of(node)
    with pytest.raises(UserError, match="can't be kept"):
        keep_secret(node.name, "x")
    monkeypatch.setenv("FUSION3D_SECRET_WARD_3", "token")
    assert secret_of(node) == "token"


@pytest.mark.parametrize(
    "values, problem",
    [
        ({**DIMSE, "port": 0}, "port"),
        ({**DIMSE, "port": 65536}, "port"),
        ({**DIMSE, "ae_title": "SEVENTEEN-LETTERS"}, "AE title"),
        ({**DIMSE, "ae_title": "A\\B"}, "AE title"),
        ({**DIMSE, "own_ae_title": " "}, "AE title"),
        ({**DIMSE, "host": ""}, "host"),
        ({**DIMSE, "name": "x" * 41}, "name"),
        ({**DIMSE, "name": "a\u202eb"}, "name"),
        ({**DIMSE, "answer_s": 0.5}, "wait"),
        ({**WEB, "url": "ftp://pacs/x"}, "address"),
        ({**WEB, "url": "https://me:secret@pacs/x"}, "password"),
        ({**WEB, "url": "http://pacs/x", "authentication": "bearer"}, "unencrypted"),
        ({**WEB, "authentication": "basic"}, "user is missing"),
        ({**WEB, "way": "ftp"}, "dimse or dicomweb"),
    ],
)
def test_a_node_that_makes_no_sense_is_refused(values, problem):
    with pytest.raises(UserError, match=problem):
        Node(**{"name": "P", **values})


@pytest.mark.parametrize(
    "content",
    [
        "[",
        "[]",
        '{"nodes": 3}',
        '{"nodes": [{"name": "P", "way": "dimse", "port": "104"}]}',
        '{"nodes": [{"name": "P", "way": "dimse", "secret": "x"}]}',
        '{"nodes": [{"way": "dimse"}]}',
    ],
)
def test_a_file_of_nodes_that_makes_no_sense_is_refused(tmp_path, content):
    (tmp_path / "pacs.json").write_text(content)
    with pytest.raises(UserError, match=r"pacs\.json"):
        read_nodes(tmp_path / "pacs.json")


def test_two_nodes_of_one_name_are_refused(tmp_path):
    plain = {"name": "P", **DIMSE}
    (tmp_path / "pacs.json").write_text(json.dumps({"nodes": [plain, plain]}))
    with pytest.raises(UserError, match="two nodes"):
        read_nodes(tmp_path / "pacs.json")


# -- the cache ------------------------------------------------------------------------------------


def put(cache: Cache, series: str, content: bytes) -> Path:
    cache.prepare("1.2", series)
    folder = cache.root / "1.2" / series
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "1.2.3.4.dcm"
    if not path.exists():
        path.write_bytes(content)
    cache.keep("1.2", series)
    return path


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_an_erased_cache_leaves_nothing(tmp_path):
    cache = Cache(tmp_path)
    put(cache, "1.5", b"patient's pixels")
    assert cache.root.stat().st_mode & 0o077 == 0
    cache.close()
    assert everything_in(tmp_path) == b""


def test_an_encrypted_cache_comes_back_and_can_not_be_read_meanwhile(tmp_path, memory_keyring):
    cache = Cache(tmp_path, "encrypt")
    put(cache, "1.5", b"patient's pixels")
    cache.close()
    left = everything_in(tmp_path)
    assert left and b"pixels" not in left and b"1.2.3.4" not in left
    again = Cache(tmp_path, "encrypt")
    again.prepare("1.2", "1.5")
    assert (again.root / "1.2" / "1.5" / "1.2.3.4.dcm").read_bytes() == b"patient's pixels"
    again.close()
    # A changed file is not taken.
    (sealed,) = (tmp_path / "sealed").rglob("*.sealed")
    content = bytearray(sealed.read_bytes())
    content[20] ^= 1
    sealed.write_bytes(content)
    third = Cache(tmp_path, "encrypt")
    third.prepare("1.2", "1.5")
    assert not (third.root / "1.2" / "1.5" / "1.2.3.4.dcm").exists()
    third.close()
    Cache(tmp_path, "erase").close()
    assert everything_in(tmp_path) == b""


def test_what_a_killed_process_left_is_erased(tmp_path):
    left = tmp_path / "open" / "1-12345" / "1.2" / "1.5"
    left.mkdir(parents=True)
    (left / "1.2.3.4.dcm").write_bytes(b"pixels")
    Cache(tmp_path).close()
    assert everything_in(tmp_path) == b""


def test_the_cache_is_bounded_and_keeps_what_is_on_screen(tmp_path):
    cache = Cache(tmp_path, most_bytes=2500)
    paths = [put(cache, f"1.{number}", bytes(1000)) for number in range(2)]
    cache.let_go("1.2", "1.1")
    third = put(cache, "1.3", bytes(1000))
    assert paths[0].exists() and third.exists() and not paths[1].exists()


# -- multipart answers ----------------------------------------------------------------------------


def answer(*bodies: bytes) -> bytes:
    head = b"Content-Type: application/dicom\r\n\r\n"
    return b"".join(b"--xyz\r\n" + head + body + b"\r\n" for body in bodies) + b"--xyz--\r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_parts_come_whole_however_the_answer_is_cut(size):
    bodies = [b"", b"a" * 100, b"\r\n--xy\r\n" + bytes(range(256)), b"\r\n"]
    whole = b"preamble\r\n" + answer(*bodies)
    chunks = [whole[start : start + size] for start in range(0, len(whole), size)]
    assert list(parts(chunks, b"xyz", 1000)) == bodies


def test_a_part_beyond_its_bound_ends_reading():
    chunks = (bytes(100) for _ in range(10**9))

    def endless():
        yield b"--xyz\r\n\r\n"
        yield from chunks

    with pytest.raises(PartTooLarge):
        list(parts(endless(), b"xyz", 5000))


@pytest.mark.parametrize("content", [b"", b"nothing", answer(b"abc")[:-20], b"--xyz\r\nno head"])
def test_an_answer_that_ends_early_is_malformed(content):
    with pytest.raises(MalformedAnswer):
        list(parts([content], b"xyz", 1000))


def test_the_boundary_is_found():
    assert boundary_of('multipart/related; type="x"; boundary="a b-c"') == b"a b-c"
    assert boundary_of("Multipart/Related; boundary=abc; x=y") == b"abc"
    for wrong in ("application/json", "multipart/related", ""):
        with pytest.raises(MalformedAnswer):
            boundary_of(wrong)
