"""Settings: kept between runs, robust against what is in the file, silent about cases when asked."""

from __future__ import annotations

import json
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings

from fusion3d_gui.state.settings import Settings
from fusion3d_gui.state.settings_values import RECENT, SettingsValues, settings_path

#: A value other than the default for every setting.
OTHER = SettingsValues(
    theme="light",
    text_scale=1.3,
    remembers_cases=True,
    recent_cases=((Path("/scans/a, b"), Path("/scans/d")), (Path("/scans/ö\n"),)),
    folder=Path("/scans"),
    model=Path("/models/mine"),
    prevalences=(("demo", 0.3), ("other", 0.01)),
    window_geometry=b"\x01\xfe",
    shows_marks=True,
    shows_series=False,
    shows_side=False,
    side_width=400,
    series_width=190,
    marks_height=260,
    panes="{}",
    layout="GRID",
    opacity=0.7,
    threshold=0.2,
    heatmap_colors="Viridis",
    contours=True,
    interpolation="CUBIC",
    projection="MEAN",
    anatomy_colors="Viridis",
    surface=False,
    atlas=Path("/atlases/arteries.nii.gz"),
    audits=False,
    audits_names=True,
    reader="reader-7",
    worklist='{"modality": "MR"}',
    forwards_to="archive",
    keeps_fetched=True,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "settings.json"


def test_what_was_chosen_is_there_in_the_next_run(qapp, path):
    other = replace(OTHER, remembers_cases=False)
    for each in fields(SettingsValues):
        assert getattr(other, each.name) != getattr(SettingsValues(), each.name), each.name
    Settings(path).change(other)
    assert Settings(path).values == other
    assert [each.name for each in path.parent.iterdir()] == ["settings.json"]


def test_the_keys_in_the_file_are_those_of_earlier_versions(qapp, path):
    Settings(path).change(OTHER)
    assert sorted(json.loads(path.read_text(encoding="utf-8"))) == [
        "audit/names",
        "audit/on",
        "audit/reader",
        "look/text_scale",
        "look/theme",
        "model/folder",
        "model/prevalences",
        "pacs/forwards_to",
        "pacs/keeps_fetched",
        "pacs/worklist",
        "panels/marks",
        "panels/marks_height",
        "panels/series",
        "panels/series_width",
        "panels/side",
        "panels/side_width",
        "recent/folder",
        "recent/paths",
        "recent/remember",
        "views/anatomy_colors",
        "views/atlas",
        "views/colors",
        "views/contours",
        "views/interpolation",
        "views/layout",
        "views/opacity",
        "views/panes",
        "views/projection",
        "views/surface",
        "views/threshold",
        "window/geometry",
    ]


def test_settings_of_an_earlier_version_are_taken_over_and_its_file_goes(qapp, path):
    path.parent.mkdir()
    old = QSettings(str(path.with_suffix(".ini")), QSettings.Format.IniFormat)
    for key, value in {
        "look/theme": "light",
        "look/text_scale": "1.3",
        "recent/paths": "/scans/a, b\n/scans/c",
        "recent/remember": "true",
        "panels/marks": "true",
        "window/geometry": "01fe",
        "model/folder": "/models/mine",
        "views/opacity": "0.700",
        "views/threshold": "-1.000",
        "views/surface": "false",
    }.items():
        old.setValue(key, value)
    old.sync()
    settings = Settings(path)
    assert settings.values == SettingsValues(
        theme="light",
        text_scale=1.3,
        recent_cases=((Path("/scans/a, b"),), (Path("/scans/c"),)),
        shows_marks=True,
        window_geometry=b"\x01\xfe",
        model=Path("/models/mine"),
        opacity=0.7,
        surface=False,
    )
    settings.forget_cases()
    assert not path.with_suffix(".ini").exists()
    assert Settings(path).values == replace(settings.values, recent_cases=())


@pytest.mark.parametrize(
    "text",
    [
        "\x00\xff rubbish [[[",
        "[" * 100_000,
        "[]",
        "",
        '{"look/theme": 7, "look/text_scale": "huge", "window/geometry": "zz", "views/opacity": 2}',
        '{"look/text_scale": 99, "recent/paths": {"a": 1}, "model/folder": [], "panels/side": "no"}',
        '{"look/text_scale": NaN, "views/threshold": true, "recent/paths": [1], "views/layout": 1}',
    ],
)
def test_a_damaged_file_gives_the_defaults(qapp, path, text):
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    settings = Settings(path)
    assert settings.values == SettingsValues()
    settings.change(OTHER)
    assert Settings(path).values == OTHER


def test_a_value_that_makes_no_sense_costs_no_other(qapp, path):
    path.parent.mkdir()
    path.write_text('{"look/theme": "pink", "views/layout": "GRID"}', encoding="utf-8")
    assert Settings(path).values == SettingsValues(layout="GRID")


@pytest.mark.parametrize(
    "wrong", [{"theme": "pink"}, {"text_scale": 0.4}, {"text_scale": 3.1}, {"opacity": 1.1}]
)
def test_a_value_out_of_its_range_is_refused(wrong):
    with pytest.raises(ValueError, match=r"theme|scale|opacity"):
        replace(SettingsValues(), **wrong)


def test_two_windows_keep_what_each_has_changed(qapp, path):
    first, second = Settings(path), Settings(path)
    first.change(replace(first.values, theme="light"))
    second.change(replace(second.values, layout="GRID"))
    assert Settings(path).values == SettingsValues(theme="light", layout="GRID")


def test_a_panel_is_shown_and_hidden_by_its_name(qapp):
    settings = Settings()
    assert [settings.panel_shown(name) for name in ("marks", "series", "side")] == [0, 1, 1]
    for name in ("marks", "series", "side"):
        settings.toggle_panel(name)
    assert [settings.panel_shown(name) for name in ("marks", "series", "side")] == [1, 0, 0]


def test_recent_cases_are_few_newest_first_and_none_twice(qapp):
    settings = Settings()
    for number in range(RECENT + 3):
        settings.remember_case([Path(f"/scans/{number}")])
    settings.remember_case([Path("/scans/5")])
    recent = settings.values.recent_cases
    assert len(recent) == RECENT
    assert recent[0] == (Path("/scans/5"),)
    assert len(set(recent)) == RECENT


def test_recent_cases_can_be_forgotten_and_not_remembered_at_all(qapp, path):
    settings = Settings(path)
    settings.remember_case([Path("/scans/DOE_JOHN")])
    settings.toggle_remembering_cases()
    settings.remember_case([Path("/scans/ROE_JANE")])
    assert settings.values.recent_cases == ()
    text = path.read_text(encoding="utf-8")
    assert "DOE" not in text
    assert "ROE" not in text


def test_settings_without_a_file_touch_no_disk(qapp, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = Settings()
    settings.change(replace(settings.values, theme="light"))
    assert settings.values.theme == "light"
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_costs_the_settings_only(qapp, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    settings = Settings(tmp_path / "file" / "settings.json")
    settings.change(OTHER)
    assert settings.values == OTHER


def test_the_users_file_can_be_moved(monkeypatch, tmp_path):
    monkeypatch.setenv("FUSION3D_CONFIG_DIR", str(tmp_path))
    assert settings_path() == tmp_path / "settings.json"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other folders")
def test_without_it_the_file_lies_in_the_users_configuration_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("FUSION3D_CONFIG_DIR", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert settings_path() == tmp_path / "fusion3d" / "settings.json"
