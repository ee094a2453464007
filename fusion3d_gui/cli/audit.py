"""What the command line writes to the audit log: predictions, refusals, and the files that were written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from fusion3d_gui.cli.terminal import say
from fusion3d_gui.plain_text import visible_text
from fusion3d_gui.report.audit.entry import AuditEvent, FileLeft, ModelSaid
from fusion3d_gui.report.audit.log_folder import append, audit_folder


def log_prediction(
    scan_sha256: str,
    model: ModelSaid,
    asked: Mapping[str, Any],
    answered: Mapping[str, Any],
    written: Sequence[tuple[str, Path]] = (),
) -> None:
    """Log one prediction, and the (kind, path) of the files of its result; as the user's settings say.

    That the log can't be written is said, and ends nothing.
    """

    def events(when: str, who: str, left: tuple[FileLeft, ...]) -> list[AuditEvent]:
        made = [AuditEvent("predict", when, who, scan_sha256, model, dict(asked), dict(answered))]
        if left:
            made.append(
                AuditEvent("export", when, who, scan_sha256, model, left=left, place="file")
            )
        return made

    _log(written, events)


def log_left(
    left: Sequence[tuple[str, Path]],
    place: Literal["file", "pacs"],
    asked: Mapping[str, Any] | None = None,
) -> None:
    """Log that files, (kind, path) each, have left, without a prediction; otherwise as :func:`log_prediction`."""
    _log(
        left,
        lambda when, who, files: [
            AuditEvent("export", when, who, asked=dict(asked or {}), left=files, place=place)
        ],
    )


def _log(
    written: Sequence[tuple[str, Path]],
    events: Callable[[str, str, tuple[FileLeft, ...]], list[AuditEvent]],
) -> None:
    from fusion3d_gui.state.data.departure import files_left
    from fusion3d_gui.state.settings_values import read_settings, settings_path

    settings = read_settings(settings_path())
    if not settings.audits:
        return
    when, who = datetime.now(UTC).isoformat(timespec="milliseconds"), visible_text(settings.reader)
    try:
        left = tuple(
            FileLeft(
                each.kind,
                each.sha256,
                each.size,
                *(_place(path) if settings.audits_names else ("", "")),
            )
            for (_, path), each in zip(written, files_left(written), strict=True)
        )
        append(audit_folder(), events(when, who, left))
    except OSError as error:
        say(f"notice: the audit log can't be written ({error.strerror})", error=True)


def _place(path: Path) -> tuple[str, str]:
    path = path.absolute()
    return visible_text(path.name), visible_text(str(path.parent))
