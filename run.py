#!/usr/bin/env python3
"""Set everything up and run: ``python3 run.py`` the demo, ``python3 run.py test`` the tests.

Needs nothing but Python 3.11 or newer. What has been set up once is not set up again, until
pyproject.toml or constraints.txt change. Uses the standard library only.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
OUTPUT = ROOT / "output"

# What Qt loads at run time on Linux and its wheels do not carry: library, and Debian's package.
QT_LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libwayland-cursor.so.0": "libwayland-cursor0",
}


def main() -> int:
    if sys.version_info < (3, 11):
        sys.exit(f"Fusion3D needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    jobs = {"demo": run_demo, "test": run_tests}
    name = sys.argv[1] if len(sys.argv) > 1 else "demo"
    if name not in jobs or len(sys.argv) > 2:
        sys.exit("usage: python3 run.py [demo | test]")
    try:
        return jobs[name]()
    except KeyboardInterrupt:
        return 1
    except subprocess.CalledProcessError as error:
        step = " ".join(str(part) for part in error.cmd)
        sys.exit(f"This step failed with status {error.returncode}: {step}")


def run_demo() -> int:
    set_up(extras="train,pacs")
    if has_display():
        say("Opening the window on the demo case")
        return subprocess.call([PYTHON, "-m", "fusion3d_gui", "demo"], cwd=ROOT)
    say("No display: running the same window off screen")
    OUTPUT.mkdir(exist_ok=True)
    picture, result, heatmap = (
        OUTPUT / f"demo{end}" for end in (".png", ".json", "-heatmap.nii.gz")
    )
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    fusion3d = [PYTHON, "-m", "fusion3d_gui"]
    subprocess.run(
        [*fusion3d, "demo", "--screenshot", picture], cwd=ROOT, env=environment, check=True
    )
    case, model = ROOT / "resources/demo/positive", ROOT / "models/demo-concat"
    subprocess.run(
        [*fusion3d, "predict", case, "--model", model, "--json", result, "--heatmap", heatmap]
        + demo_metadata(),
        cwd=ROOT,
        check=True,
    )
    print(f"\nScreenshot: {picture}\nResult:     {result}\nHeatmap:    {heatmap}")
    return 0


def demo_metadata() -> list[str]:
    import json

    cases = json.loads((ROOT / "resources/demo/cases.json").read_text(encoding="utf-8"))
    values = {name: value for name, value in cases[0]["metadata"].items() if value is not None}
    return [word for name, value in values.items() for word in ("--set", f"{name}={value}")]


def run_tests() -> int:
    # remote and serve bring an older protobuf than the rest: their tests run where they are installed.
    set_up(extras="train,pacs,cluster,onnx,notebook,test,docs")
    if sys.platform == "linux" and shutil.which("pdftotext") is None:
        # Reads the page of a result back; tests that need it are skipped without.
        install_packages(["poppler-utils"])
    install_pacs_server()
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": "offscreen",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",  # a processor for each of the processes below
    }
    processes = min(4, os.cpu_count() or 1)  # each loads PyTorch: up to 2 GB
    for step in (
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["sphinx", "-W", "--keep-going", "-q", "-j", "auto", "docs", "build/docs"],
        # In the order that tests/conftest.py gives: the longest files first.
        [
            "pytest",
            "--numprocesses",
            str(processes),
            "--dist",
            "loadfile",
            "--no-loadscope-reorder",
        ],
    ):
        say(" ".join(step))
        subprocess.run([PYTHON, "-m", *step], cwd=ROOT, env=environment, check=True)
    return 0


def set_up(extras: str) -> None:
    """Make the virtual environment and install what the program needs, unless that is done."""
    if sys.platform == "linux":
        install_system_libraries()
    stamp = VENV / f"set-up-{extras.replace(',', '-')}"
    wanted = fingerprint()
    if PYTHON.exists() and stamp.is_file() and stamp.read_text() == wanted:
        return
    made_for = VENV / "made-for"
    if made_for.is_file() and made_for.read_text() != str(VENV):
        shutil.rmtree(VENV)  # a virtual environment does not survive being moved
    if not PYTHON.exists():
        say("Making the virtual environment in .venv")
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        made_for.write_text(str(VENV))
    say(f"Installing Fusion3D with [{extras}] into .venv (a few minutes the first time)")
    pip = [PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run(
        [*pip, "--constraint", "constraints.txt", "--editable", f".[{extras}]"],
        cwd=ROOT,
        check=True,
    )
    stamp.write_text(wanted)


def fingerprint() -> str:
    digest = hashlib.sha256(f"{VENV} {sys.version}".encode())
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def install_system_libraries() -> None:
    """What pip can't bring: Qt's system libraries and, where Debian split it off, Python's venv."""
    packages = [package for library, package in QT_LIBRARIES.items() if not can_load(library)]
    if importlib.util.find_spec("ensurepip") is None and not PYTHON.exists():
        packages.append(f"python{sys.version_info.major}.{sys.version_info.minor}-venv")
    if not packages:
        return
    if not install_packages(packages):
        sys.exit(
            "Qt needs system libraries that are missing here, and this script may not install "
            f"them. Ask an administrator for: apt-get install {' '.join(packages)}"
        )


def install_packages(packages: list[str]) -> bool:
    """Install Debian's packages; returns False where this script may not."""
    apt = shutil.which("apt-get")
    prefix = administrator_prefix()
    if apt is None or prefix is None:
        return False
    say(f"Installing system packages: {' '.join(packages)}")
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    subprocess.run([*prefix, apt, "update", "-qq"], check=True)
    subprocess.run(
        [*prefix, *environment, apt, "install", "-y", "-qq", "--no-install-recommends", *packages],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return True


def administrator_prefix() -> list[str] | None:
    """What to put before a command to run it as root: nothing, sudo, or None where neither works."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo is None:
        return None
    if sys.stdin.isatty():
        return [sudo]
    quiet = subprocess.run([sudo, "-n", "true"], capture_output=True, check=False)
    return [sudo, "-n"] if quiet.returncode == 0 else None


def install_pacs_server() -> None:
    """Install Orthanc and dcmtk, where that is allowed: tests of the room pacs that need them are skipped without."""
    if sys.platform != "linux":
        return
    wanted = {"Orthanc": ["orthanc", "orthanc-dicomweb"], "findscu": ["dcmtk"]}
    known = {name: shutil.which(name) or shutil.which(f"/usr/sbin/{name}") for name in wanted}
    packages = [each for name in wanted if known[name] is None for each in wanted[name]]
    if not packages:
        return
    install_packages(packages)
    prefix = administrator_prefix()
    if "orthanc" in packages and prefix is not None and Path("/run/systemd/system").exists():
        # The package starts its server, which listens on every interface.
        subprocess.run([*prefix, "systemctl", "disable", "--now", "orthanc"], check=False)


def can_load(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def has_display() -> bool:
    if sys.platform != "linux":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def say(text: str) -> None:
    print(f"── {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
