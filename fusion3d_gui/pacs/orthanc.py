"""``Orthanc``: Debian's PACS server in a network namespace of its own, for the demo and the tests.

Orthanc 1.10 listens for DICOM on every interface of the machine. Here it has no interface but the loopback of
its own namespace; Unix sockets in a private folder lead in and out, and this program's ports on 127.0.0.1 to
them. Linux only.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from fusion3d_gui.errors import UserError

#: Where Debian's packages put the program and the plug-in for DICOMweb.
_PROGRAMS = ("Orthanc", "/usr/sbin/Orthanc")
_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
#: Ports within the namespace: DICOM, HTTP, and the one to which Orthanc sends a C-MOVE.
_DICOM_PORT, _WEB_PORT, _MOVE_PORT = 4242, 8042, 11112
_STARTED_WITHIN_S = 30.0
_CHUNK = 1 << 18

AE_TITLE = "ORTHANC"
#: Who may ask it to send a C-MOVE.
OWN_AE_TITLE = "FUSION3D"
USER, PASSWORD = "demo", "demo"


def missing() -> str:
    """Why Orthanc can't be run here, as a sentence; empty where it can."""
    if not sys.platform.startswith("linux"):
        return "Orthanc is run on Linux only."
    if _program() is None or not _PLUGIN.exists():
        return "Orthanc is not installed: apt-get install orthanc orthanc-dicomweb."
    tried = subprocess.run([*_namespace(), "true"], capture_output=True, check=False)
    if tried.returncode:
        return "Orthanc can't be isolated: this user may not make a network namespace."
    return ""


def _program() -> str | None:
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)


def _namespace() -> list[str]:
    return ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]


class Orthanc:
    """A running server; a context manager, which stops it.

    Parameters
    ----------
    settings
        Added to its configuration, as in Orthanc's manual.
    folder
        Its database; None: a temporary folder.
    move_port
        Port on 127.0.0.1 to which a C-MOVE to :data:`OWN_AE_TITLE` is led; 0: nowhere.

    Raises
    ------
    UserError
        It isn't installed, or doesn't start.
    """

    def __init__(
        self,
        settings: Mapping[str, Any] | None = None,
        *,
        folder: Path | None = None,
        move_port: int = 0,
    ) -> None:
        reason = missing()
        if reason:
            raise UserError(reason.rstrip("."))
        self._temporary = tempfile.TemporaryDirectory(prefix="fusion3d-orthanc-")
        self._sockets = Path(self._temporary.name)
        self._folder = self._sockets / "database" if folder is None else folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._in: list[Relay] = []
        self._out: Relay | None = None
        if move_port:
            self._out = Relay(
                _unix_listener(self._sockets / "out"), lambda: _tcp_to("127.0.0.1", move_port)
            )
        for name in ("dicom", "web"):
            self._in.append(Relay(_tcp_listener(), self._entrance(name)))
        self.dicom_relay, self.web_relay = self._in
        self.start()

    def _entrance(self, name: str) -> Callable[[], socket.socket]:
        return lambda: _unix_to(self._sockets / name)

    @property
    def dicom_port(self) -> int:
        """Port on 127.0.0.1 for DIMSE."""
        return self.dicom_relay.port

    @property
    def url(self) -> str:
        """Address of its DICOMweb."""
        return f"http://127.0.0.1:{self.web_relay.port}/dicom-web"

    def start(self) -> None:
        """Start the server, again with the same ports and database after :meth:`stop`."""
        configuration = {
            "Name": "Fusion3D",
            "StorageDirectory": str(self._folder),
            "IndexDirectory": str(self._folder),
            "Plugins": [str(_PLUGIN)],
            "HttpPort": _WEB_PORT,
            "KeepAlive": True,
            "TcpNoDelay": True,
            "DefaultEncoding": "Utf8",  # else names in other letters are asked for and answered in vain
            "RemoteAccessAllowed": True,
            "AuthenticationEnabled": True,
            "RegisteredUsers": {USER: PASSWORD},
            "DicomAet": AE_TITLE,
            "DicomPort": _DICOM_PORT,
            "DicomCheckCalledAet": True,
            "DicomAlwaysAllowEcho": True,
            "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowMove": True,
            "DicomModalities": {"own": [OWN_AE_TITLE, "127.0.0.1", _MOVE_PORT]},
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            **self._settings,
        }
        path = self._sockets / "orthanc.json"
        path.write_text(json.dumps(configuration), encoding="utf-8")
        self._process = subprocess.Popen(
            [*_namespace(), sys.executable, __file__, str(_program()), str(self._sockets)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + _STARTED_WITHIN_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise UserError("Orthanc does not start")
            time.sleep(0.05)

    def _answers(self) -> bool:
        for name in ("dicom", "web"):
            try:
                with _unix_to(self._sockets / name) as tried:
                    tried.settimeout(1.0)
                    # The relay in the namespace closes at once while Orthanc doesn't listen.
                    with contextlib.suppress(TimeoutError):
                        tried.settimeout(0.05)
                        if tried.recv(1) == b"":
                            return False
            except OSError:
                return False
        return True

    def stop(self) -> None:
        """Stop the server; its ports then refuse, and :meth:`start` starts it again."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(30)

    def close(self) -> None:
        """Stop it for good, and delete a temporary database."""
        self.stop()
        for relay in (*self._in, self._out):
            if relay is not None:
                relay.close()
        self._temporary.cleanup()

    def __enter__(self) -> Orthanc:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Relay:
    """Passes bytes between every connection to a listening socket and one that ``connect`` makes.

    ``cut_after``: bytes towards the caller after which a connection is cut; ``silent``: nothing is passed on.
    """

    def __init__(self, listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
        self.cut_after: int | None = None
        self.silent = False
        self._listener = listener
        self._connect = connect
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """Port of the listener."""
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        """Accept nothing more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = self._connect()
            except OSError:
                near.close()
                continue
            for end in (near, far):
                if end.family == socket.AF_INET:
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for source, target, limited in ((near, far, False), (far, near, True)):
                threading.Thread(
                    target=self._pass, args=(source, target, limited), daemon=True
                ).start()

    def _pass(self, source: socket.socket, target: socket.socket, limited: bool) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK):
                while self.silent:
                    time.sleep(0.05)
                passed += len(chunk)
                if limited and self.cut_after is not None and passed > self.cut_after:
                    break
                target.sendall(chunk)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def _tcp_listener(port: int = 0) -> socket.socket:
    return socket.create_server(("127.0.0.1", port))


def _unix_listener(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    path.unlink(missing_ok=True)
    listener.bind(str(path))
    listener.listen(128)
    return listener


def _tcp_to(host: str, port: int) -> socket.socket:
    connected = socket.create_connection((host, port), 10.0)
    connected.settimeout(None)
    return connected


def _unix_to(path: Path) -> socket.socket:
    connected = socket.socket(socket.AF_UNIX)
    connected.connect(str(path))
    return connected


# -- from here on: the process within the namespace ---------------------------------------------


def _serve_inside(program: str, folder: Path) -> None:
    """Run Orthanc until standard input ends, which it does when the program that started us has ended."""
    _bring_loopback_up()
    for name, port in (("dicom", _DICOM_PORT), ("web", _WEB_PORT)):
        Relay(_unix_listener(folder / name), lambda port=port: _tcp_to("127.0.0.1", port))  # type: ignore[misc]
    if (folder / "out").exists():
        Relay(_tcp_listener(_MOVE_PORT), lambda: _unix_to(folder / "out"))
    server = subprocess.Popen([program, str(folder / "orthanc.json")], preexec_fn=_end_with_parent)
    threading.Thread(target=lambda: os._exit(server.wait()), daemon=True).start()
    sys.stdin.buffer.read()
    server.terminate()
    server.wait(30)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _bring_loopback_up() -> None:
    """As ``ip link set lo up`` does, which a small system lacks."""
    with socket.socket() as any_socket:
        name = b"lo".ljust(16, b"\0")
        flags = struct.unpack(
            "16sH", fcntl.ioctl(any_socket, 0x8913, struct.pack("16sH", name, 0))[:18]
        )[1]
        fcntl.ioctl(
            any_socket, 0x8914, struct.pack("16sH", name, flags | 1)
        )  # SIOCSIFFLAGS: IFF_UP


if __name__ == "__main__":
    _serve_inside(sys.argv[1], Path(sys.argv[2]))
