"""Settings: kept between runs, robust against what is in the file, silent about cases when asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusion3d_gui.state.settings import RECENT, Settings, settings_path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "settings.ini"


def test_what_was_chosen_is_there_in_the_next_run(qapp, path):
    first = Settings(path)
    first.set_theme("light")
    first.set_text_scale(1.3)
    first.set_panel_shown("marks", True)
    first.remember_case(Path("/scans/a, b"))
    first.set_layout("GRID")
    first.set_model(Path("/models/mine"))
    first.set_overlay(0.7, 0.2, "Viridis")
    first.set_drawing("CUBIC", "MEAN", True)
    first.set_anatomy("Viridis", False, False)
    del first
    second = Settings(path)
    assert (second.theme, second.text_scale) == ("light", 1.3)
    assert second.panel_shown("marks")
    assert second.recent_cases == (Path("/scans/a, b"),)
    assert second.layout == "GRID"
    assert second.model == Path("/models/mine")
    assert second.overlay == (0.7, 0.2, "Viridis")
    assert second.drawing == ("CUBIC", "MEAN", True)
    assert second.anatomy == ("Viridis", False, False)


@pytest.mark.parametrize(
    "text",
    [
        "\x00\xff rubbish [[[",
        "[look]\ntheme=7\ntext_scale=huge\n[window]\ngeometry=zz\n",
        "[look]\ntext_scale=99\n[recent]\npaths=@Invalid()\n",
        "",
    ],
)
def test_a_damaged_file_gives_the_defaults(qapp, path, text):
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    settings = Settings(path)
    assert (settings.theme, settings.text_scale) == ("dark", 1.0)
    assert settings.window_geometry == b""
    assert settings.overlay == (-1, -1, "")
    assert settings.drawing == ("", "", False)
    assert settings.anatomy == ("", True, True)
    assert settings.recent_cases == ()
    assert settings.model is None


def test_recent_cases_are_few_newest_first_and_none_twice(qapp):
    settings = Settings()
    for number in range(RECENT + 3):
        settings.remember_case(Path(f"/scans/{number}"))
    settings.remember_case(Path("/scans/5"))
    assert len(settings.recent_cases) == RECENT
    assert settings.recent_cases[0] == Path("/scans/5")
    assert len(set(settings.recent_cases)) == RECENT


def test_recent_cases_can_be_forgotten_and_not_remembered_at_all(qapp, path):
    settings = Settings(path)
    settings.remember_case(Path("/scans/DOE_JOHN"))
    settings.set_remembers_cases(False)
    settings.remember_case(Path("/scans/ROE_JANE"))
    assert settings.recent_cases == ()
    del settings
    text = path.read_text(encoding="utf-8")
    assert "DOE" not in text
    assert "ROE" not in text


def test_settings_without_a_file_touch_no_disk(qapp, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = Settings()
    settings.set_theme("light")
    assert settings.theme == "light"
    assert not list(tmp_path.iterdir())


def test_the_users_file_can_be_moved(monkeypatch, tmp_path):
    monkeypatch.setenv("FUSION3D_CONFIG_DIR", str(tmp_path))
    assert settings_path() == tmp_path / "settings.ini"
