"""``Cache``: where fetched series lie, bounded in size, and erased or encrypted when the program ends."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import platformdirs

from fusion3d_gui.errors import UserError
from fusion3d_gui.output_file import PARTIAL
from fusion3d_gui.pacs.fetch.retrieve import series_folder
from fusion3d_gui.pacs.nodes.secret import keep_secret, read_secret
from fusion3d_gui.pacs.process_name import own_process_name, process_lives

Keeping = Literal["erase", "encrypt"]

#: The usual bound, in bytes.
USUAL_BYTES = 20 * 10**9
_KEY_NAME = "cache key"
_NONCE_BYTES = 12
_SEALED = ".sealed"


def cache_folder() -> Path:
    """The user's folder of fetched series; the variable FUSION3D_CONFIG_DIR moves it."""
    chosen = os.environ.get("FUSION3D_CONFIG_DIR")
    folder = Path(chosen) if chosen else platformdirs.user_cache_path("fusion3d", appauthor=False)
    return folder / "pacs"


class Cache:
    """One process's part of the cache.

    Files lie readable only in a folder of this process, which :meth:`close` erases; after a crash, the next
    process does. With ``"encrypt"`` a copy of each series stays, encrypted by AES-256-GCM with a key that is
    in the system's keyring.

    Parameters
    ----------
    folder
        As :func:`cache_folder`.
    keeping
        What stays when the program ends: nothing, or encrypted copies.
    most_bytes
        Bound on the readable files, and on the encrypted ones: series used longest ago go first.

    Raises
    ------
    UserError
        The folder can't be made, or there is no keyring to keep the key in.
    """

    def __init__(
        self, folder: Path, keeping: Keeping = "erase", most_bytes: int = USUAL_BYTES
    ) -> None:
        self._sealed = folder / "sealed"
        self._sessions = folder / "open"
        self.root = self._sessions / own_process_name()
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._in_use: set[Path] = set()
        self._key: bytes | None = None
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            folder.chmod(0o700)
            _erase_sessions_of_the_dead(self._sessions)
        except OSError as error:
            raise UserError(
                f"can't be made ({error.strerror}), so that nothing can be fetched", path=folder
            ) from None
        self.use(keeping)

    def use(self, keeping: Keeping) -> None:
        """Keep this from now on; what is not to be kept any more is erased. Raises UserError without a keyring."""
        if keeping == "encrypt":
            self._key = self._key or _key()
        else:
            self._key = None
            erase_copies(self._sealed.parent)

    def prepare(self, study_uid: str, series_uid: str) -> None:
        """Have a series' encrypted files readable again, and the series not dropped, before it is fetched."""
        folder = series_folder(self.root, study_uid, series_uid)
        with self._lock:
            self._in_use.add(folder)
        sealed = self._sealed_folder(study_uid, series_uid)
        if self._key is not None and sealed.is_dir():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.utime(sealed)
            for each in sealed.glob(f"*{_SEALED}"):
                self._unseal(each, folder)

    def keep(self, study_uid: str, series_uid: str) -> None:
        """Encrypt a copy of a series that has arrived, where wanted, and drop what is beyond the bound."""
        folder = series_folder(self.root, study_uid, series_uid)
        with contextlib.suppress(FileNotFoundError):
            os.utime(folder)
        if self._key is not None:
            sealed = self._sealed_folder(study_uid, series_uid)
            sealed.mkdir(parents=True, exist_ok=True, mode=0o700)
            for file in folder.glob("[!.]*.dcm"):
                self._seal(file, sealed)
        with self._lock:
            in_use = set(self._in_use)
        _drop_oldest(self.root.glob("*/*"), self._most_bytes, in_use)
        _drop_oldest(self._sealed.glob("*"), self._most_bytes, set())

    def let_go(self, study_uid: str, series_uid: str) -> None:
        """The series is on screen no more: it may be dropped for others."""
        with self._lock:
            self._in_use.discard(series_folder(self.root, study_uid, series_uid))

    def close(self) -> None:
        """Erase the readable files."""
        shutil.rmtree(self.root, ignore_errors=True)

    def _sealed_folder(self, study_uid: str, series_uid: str) -> Path:
        name = hashlib.sha256(f"{study_uid} {series_uid}".encode()).hexdigest()
        return self._sealed / name

    def _seal(self, file: Path, folder: Path) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        target = folder / f"{hashlib.sha256(file.stem.encode()).hexdigest()}{_SEALED}"
        if target.exists() or self._key is None:
            return
        nonce = secrets.token_bytes(_NONCE_BYTES)
        content = file.stem.encode().ljust(64, b" ") + file.read_bytes()
        partial = folder / f".{secrets.token_hex(8)}{PARTIAL}"
        try:
            partial.write_bytes(nonce + AESGCM(self._key).encrypt(nonce, content, None))
            partial.replace(target)
        except OSError:
            pass  # it is fetched again the next time
        finally:
            partial.unlink(missing_ok=True)

    def _unseal(self, sealed: Path, folder: Path) -> None:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        assert self._key is not None
        try:
            content = sealed.read_bytes()
            plain = AESGCM(self._key).decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], None)
        except (OSError, InvalidTag, ValueError):
            sealed.unlink(missing_ok=True)  # damaged, or of another key: it is fetched again
            return
        path = folder / f"{plain[:64].decode('ascii').strip()}.dcm"
        if not path.exists():
            path.write_bytes(plain[64:])


def erase_copies(folder: Path) -> None:
    """Erase the encrypted copies of a cache."""
    shutil.rmtree(folder / "sealed", ignore_errors=True)


def _key() -> bytes:
    kept = read_secret(
        _KEY_NAME,
        remedy="Unlock or install it, or let fetched images be erased when the program ends.",
    )
    if kept is None:
        kept = secrets.token_hex(32)
        keep_secret(_KEY_NAME, kept)
    return bytes.fromhex(kept)


def _erase_sessions_of_the_dead(folder: Path) -> None:
    """Erase what processes that are no more have left behind."""
    for session in folder.iterdir():
        if not process_lives(session.name):
            shutil.rmtree(session, ignore_errors=True)


def _drop_oldest(folders: Iterable[Path], most_bytes: int, in_use: set[Path]) -> None:
    """Delete the folders used longest ago until the rest, with those in use, is within the bound."""
    with contextlib.suppress(OSError):
        known = sorted(folders, key=lambda each: (each not in in_use, -each.stat().st_mtime))
        total = 0
        for folder in known:
            total += sum(file.stat().st_size for file in folder.glob("*"))
            if total > most_bytes and folder not in in_use:
                shutil.rmtree(folder, ignore_errors=True)
