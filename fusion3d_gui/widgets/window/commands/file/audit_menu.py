"""The submenu of the audit log: whether it is kept, with names, for which reader; check it, export it."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtWidgets import QInputDialog, QWidget

from fusion3d_gui.state.export.audit_trail import AuditTrail
from fusion3d_gui.state.settings import Settings
from fusion3d_gui.widgets.window.commands.command import Command
from fusion3d_gui.widgets.window.dialogs.file_dialogs import FileDialogs

_MENU = "&File/Audit log"


def audit_commands(
    audit: AuditTrail, settings: Settings, files: FileDialogs, window: QWidget
) -> list[Command]:
    """Commands of the audit log; the question for the reader opens over ``window``."""

    def toggle() -> None:
        settings.change(replace(settings.values, audits=not settings.values.audits))

    def toggle_names() -> None:
        settings.change(replace(settings.values, audits_names=not settings.values.audits_names))

    def ask_reader() -> None:
        text, is_given = QInputDialog.getText(
            window,
            "Reader",
            "Your reader ID, for the audit log (empty: none):",
            text=settings.values.reader,
        )
        if is_given:
            settings.change(replace(settings.values, reader=text.strip()[:64]))

    return [
        Command(
            "audit",
            _MENU,
            "Keep an audit log",
            toggle,
            checked=lambda: settings.values.audits,
            tip="Log what is predicted, explained and exported on this computer",
            synonyms=("audit", "log", "trail", "protocol"),
        ),
        Command(
            "audit_names",
            _MENU,
            "Also name files and form values",
            toggle_names,
            enabled=lambda: settings.values.audits,
            checked=lambda: settings.values.audits_names,
            tip="File names often name the patient; without them the log has hashes only",
        ),
        Command("audit_reader", _MENU, "Reader ID…", ask_reader),
        Command(
            "audit_check",
            _MENU,
            "Check the audit log",
            audit.check,
            enabled=lambda: audit.can_log,
            begins_group=True,
            tip="Whether every entry is as it was written and none is missing",
        ),
        Command(
            "audit_export",
            _MENU,
            "Export the audit log…",
            files.export_audit_log,
            enabled=lambda: audit.can_log,
        ),
    ]
