"""Packages: the same bytes from build to build, and files that a desktop understands."""

from __future__ import annotations

import configparser
import hashlib
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGING = ROOT / "resources" / "packaging"
MIME = "{http://www.freedesktop.org/standards/shared-mime-info}"


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_two_builds_are_the_same_bytes(kind, tmp_path):
    digests = set()
    for build in ("first", "second"):
        command = [sys.executable, "-m", "hatchling", "build", "--target", kind]
        subprocess.run([*command, "--directory", tmp_path / build], cwd=ROOT, check=True)
        (made,) = (tmp_path / build).iterdir()
        digests.add(hashlib.sha256(made.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_the_desktop_entry_is_valid_and_every_type_of_it_has_its_files():
    if shutil.which("desktop-file-validate"):
        subprocess.run(["desktop-file-validate", PACKAGING / "fusion3d.desktop"], check=True)
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read(PACKAGING / "fusion3d.desktop", encoding="utf-8")
    entry = parser["Desktop Entry"]
    assert entry["Exec"].endswith(" %F")
    types = {
        each.get("type"): {glob.get("pattern") for glob in each.iter(f"{MIME}glob")}
        for each in ElementTree.parse(PACKAGING / "fusion3d.xml").iter(f"{MIME}mime-type")
    }
    assert set(entry["MimeType"].strip(";").split(";")) == set(types)
    patterns = set().union(*types.values())
    assert {"*.nii", "*.nii.gz", "*.dcm", "*.nrrd", "*.fusion3d"} <= patterns
