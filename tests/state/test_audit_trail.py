"""What the window writes to the audit log: scans, predictions, maps and exports, without names unless wanted."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.report.audit.log_folder import log_files
from fusion3d_gui.report.audit.verify import verify
from fusion3d_gui.state.export.audit_trail import AuditOptions
from fusion3d_gui.state.export.left import note_copied
from fusion3d_gui.state.export.result_export import export_prediction
from fusion3d_gui.state.session import Session


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audit"


@pytest.fixture
def logged(qapp, make_bundle, folder):
    """A session that logs; closed when the test is over."""
    session = Session([BundleInfo.read(make_bundle())], device="cpu", audit_folder=folder)
    session.told = []
    session.store.noticed.connect(lambda notice: session.told.append(notice))
    yield session
    assert session.close()


@pytest.fixture
def written(qtbot, folder):
    """The events in the log, once all are written."""

    def wait(session: Session) -> list[dict]:
        qtbot.waitUntil(lambda: not session.audit._waiting, timeout=30_000)
        lines = [line for path in log_files(folder) for line in path.read_bytes().splitlines()]
        return [json.loads(line)["event"] for line in lines]

    return wait


def predict(session: Session, path: Path, settled) -> None:
    session.opener.open(path, metadata={"age": 71.0, "sex": "F"}, then_predict=True)
    settled(session)


def test_what_is_asked_answered_and_exported_is_logged(
    logged, make_case, settled, written, qtbot, tmp_path, folder
) -> None:
    logged.audit.set_options(AuditOptions(reader="reader-7"))
    predict(logged, make_case("querido"), settled)
    made = logged.predictions.current
    out = tmp_path / "querido-result.json"
    export_prediction(logged.store, logged.predictions, logged.result_collector, out)
    qtbot.waitUntil(lambda: out.exists() and not logged.store.saving.running)
    events = written(logged)
    assert [each["what"] for each in events] == ["open", "predict", "explain", "export"]
    for each in events:
        assert each["who"] == "reader-7" and each["when"].endswith("+00:00")
        assert each["scan_sha256"] == logged.store.case.volume.sha256
    _, predicted, explained, left = events
    assert predicted["model"] == {
        "name": "test-concat",
        "version": "1.2.3",
        "weights_sha256": made.weights_sha256,
    }
    assert predicted["answered"]["probability"] == made.probability
    assert predicted["answered"]["fit"] == made.fit.fit
    assert explained["asked"]["method"] == made.heatmap.method
    (item,) = left["left"]
    assert item["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert (item["kind"], item["size"], left["place"]) == ("result", out.stat().st_size, "file")
    assert not verify(folder).problems
    # No names, and nothing of the form.
    text = b"".join(path.read_bytes() for path in log_files(folder)).lower()
    assert b"querido" not in text and b'"age"' not in text


def test_names_and_values_are_logged_where_they_are_wanted(
    logged, make_case, settled, written, qtbot, tmp_path
) -> None:
    logged.audit.set_options(AuditOptions(names=True))
    predict(logged, make_case("querido"), settled)
    out = tmp_path / "querido-result.json"
    export_prediction(logged.store, logged.predictions, logged.result_collector, out)
    qtbot.waitUntil(lambda: out.exists() and not logged.store.saving.running)
    opened, predicted, _, left = written(logged)
    assert opened["asked"] == {"names": ["querido.nii.gz"]}
    assert predicted["asked"]["values"] == {"age": 71.0, "sex": "F", "diabetes": None}
    assert left["left"][0]["name"] == out.name
    assert left["left"][0]["folder"] == str(tmp_path)


def test_what_is_copied_is_logged_and_nothing_is_while_it_is_off(
    logged, make_case, settled, written
) -> None:
    predict(logged, make_case(), settled)
    note_copied(logged.store, "result", b"some text", {"age": 71.0})
    events = written(logged)
    assert events[-1]["place"] == "clipboard"
    assert events[-1]["left"][0]["sha256"] == hashlib.sha256(b"some text").hexdigest()
    logged.audit.set_options(AuditOptions(on=False))
    predict(logged, make_case("b", seed=1), settled)
    assert len(written(logged)) == len(events)


def test_a_log_that_cant_be_written_is_told_once_and_what_waits_is_not_lost(
    logged, make_case, settled, written, qtbot, folder, monkeypatch
) -> None:
    real, full = os.write, [True]

    def write(handle: int, content: bytes) -> int:
        return real(handle, content[:5] if full[0] and b'"event"' in content else content)

    monkeypatch.setattr(os, "write", write)
    predict(logged, make_case(), settled)
    qtbot.waitUntil(lambda: not logged.audit._lane.running)
    note_copied(logged.store, "result", b"x", {})
    qtbot.waitUntil(lambda: not logged.audit._lane.running)
    told = [each for each in logged.told if "audit log" in each.text]
    assert len(told) == 1 and "no space" in told[0].text and told[0].level == "warning"
    full[0] = False
    note_copied(logged.store, "result", b"y", {})
    assert [each["what"] for each in written(logged)] == [
        *("open", "predict", "explain", "export", "export")
    ]
    assert not verify(folder).problems


def test_the_log_is_checked_and_exported_from_the_window(
    logged, make_case, settled, written, qtbot, folder, tmp_path
) -> None:
    predict(logged, make_case(), settled)
    out = tmp_path / "out.jsonl"
    logged.audit.export(out)
    qtbot.waitUntil(lambda: not logged.store.saving.running)
    assert logged.told[-1].text == "3 entries of the audit log written to out.jsonl."
    assert verify(out).entries == 3
    logged.audit.check()
    qtbot.waitUntil(lambda: not logged.store.saving.running)
    assert logged.told[-1].text.startswith("The audit log is whole: 3 entries")
    path = folder / "audit.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"probability":0', b'"probability":1', 1))
    logged.audit.check()
    qtbot.waitUntil(lambda: not logged.store.saving.running)
    assert logged.told[-1].level == "error" and "was changed" in logged.told[-1].text


def test_a_form_changed_after_a_result_left_is_told_until_it_is_put_back_or_leaves_anew(
    session, make_case, settled
) -> None:
    predict(session, make_case(), settled)
    assert session.left.mismatch == ""
    note_copied(session.store, "picture", b"", None)  # no result in it
    session.form.set_value("age", 60.0)
    assert session.left.mismatch == ""
    session.form.set_value("age", 71.0)
    note_copied(session.store, "result", b"", dict(session.predictions.current.metadata))
    assert session.left.mismatch == ""
    session.form.type_text("age", "63")
    told = session.left.mismatch
    assert "(result) no longer matches the form: Age 71 years → 63 years." in told
    session.form.type_text("age", "1e9")
    assert "Age 71 years → “1e9”" in session.left.mismatch
    session.form.set_value("age", 71.0)
    assert session.left.mismatch == ""
    session.form.set_value("sex", None)
    assert "Sex Female → not given" in session.left.mismatch
    note_copied(session.store, "result", b"", dict(session.form.values))
    assert session.left.mismatch == ""
    # Another scan: nothing of it has left.
    predict(session, make_case("b", seed=1), settled)
    session.form.set_value("age", 20.0)
    assert session.left.mismatch == ""
