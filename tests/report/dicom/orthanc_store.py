"""Run in a network namespace of its own: starts Orthanc there, stores DICOM files, prints what it says as JSON.

Usage: ``unshare --map-root-user --net python orthanc_store.py FOLDER FILE...``; FOLDER is for its database.
"""

from __future__ import annotations

import fcntl
import json
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

_URL = "http://127.0.0.1:8042"
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


def main(folder: Path, files: list[Path]) -> None:
    raise_loopback()
    config = {
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "Plugins": [],
        "HttpPort": 8042,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomServerEnabled": False,
    }
    (folder / "orthanc.json").write_text(json.dumps(config))
    server = subprocess.Popen(
        ["Orthanc", str(folder / "orthanc.json")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_server()
        print(json.dumps(stored(files)))
    finally:
        server.terminate()
        server.wait(30)


def raise_loopback() -> None:
    """A new network namespace has its loopback interface down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", 0)
        answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request)
        flags = struct.unpack("16sH14x", answer)[1] | _IFF_UP
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags))


def wait_for_server() -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{_URL}/system", timeout=5).read()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise TimeoutError("Orthanc did not start")


def stored(files: list[Path]) -> dict[str, object]:
    """Status of each file, whether it comes back byte by byte, and how many studies and patients there are."""
    status, same = {}, {}
    for path in files:
        content = path.read_bytes()
        request = urllib.request.Request(f"{_URL}/instances", data=content, method="POST")
        answer = json.loads(urllib.request.urlopen(request, timeout=30).read())
        status[path.name] = answer["Status"]
        back = urllib.request.urlopen(f"{_URL}/instances/{answer['ID']}/file", timeout=30)
        same[path.name] = back.read() == content
    counts = json.loads(urllib.request.urlopen(f"{_URL}/statistics", timeout=30).read())
    return {
        "status": status,
        "same": same,
        "studies": counts["CountStudies"],
        "patients": counts["CountPatients"],
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(each) for each in sys.argv[2:]])
