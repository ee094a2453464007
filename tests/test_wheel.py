"""A wheel carries what the program ships, and works where it is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*command, "--no-build-isolation", "--wheel-dir", out, ROOT], check=True)
    (built,) = out.glob("fusion3d-*.whl")
    return built


def test_it_holds_resources_models_and_licence(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for part in (
        "_shipped/models/demo-concat/models/model.safetensors",
        "_shipped/models/demo-concat/docs/README.md",
        "_shipped/resources/demo/cases.json",
        "_shipped/resources/demo/positive/",
        "_shipped/resources/fonts/Inter-Regular.otf",
        "fusion3d_gui/training/report/templates/base.html.j2",
        "fusion3d_gui/training/report/templates/style.css",
        "licenses/LICENSE",
    ):
        assert any(part in name for name in names), part


def test_it_predicts_the_demo_case_where_it_is_installed(wheel, tmp_path):
    site = tmp_path / "site packages"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site]
    subprocess.run([*command, wheel], check=True)
    code = (
        "from fusion3d_gui import shipped\n"
        "from fusion3d_gui.cli.parser import run\n"
        f"assert str(shipped.__file__).startswith({str(site)!r}), shipped.__file__\n"
        "case = shipped.resources_dir() / 'demo' / 'negative.nii.gz'\n"
        "model = shipped.models_dir() / 'demo-concat'\n"
        "values = ['age=70', 'sex=F', 'mmse=27', 'hypertension=true']\n"
        "given = [word for value in values for word in ('--set', value)]\n"
        "raise SystemExit(run(['predict', str(case), '--model', str(model), *given]))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "probability" in done.stdout
