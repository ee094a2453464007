"""``png_bytes``: a picture as the bytes of a PNG file. Qt itself writes half a file where the disk is full, and is content."""

from __future__ import annotations

from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QImage


def png_bytes(image: QImage) -> bytes:
    """The picture as a PNG file has it, with the texts that it carries."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]  # PySide's own stubs take bytes here
    return bytes(buffer.data().data())
