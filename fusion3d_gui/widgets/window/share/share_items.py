"""What can leave of a result, and what each option of the share dialog is for."""

from __future__ import annotations

from collections.abc import Mapping

from fusion3d_gui.state.export.sharing import Item

#: The session file, which is no part of a result.
SESSION = "session"

#: What can leave, in the order of the list: its name and what it is for.
ROWS: tuple[tuple[str, str, str], ...] = (
    (
        "pdf",
        "Page for a colleague (PDF)",
        "One sheet: the answer with its doubt, the planes, the figures",
    ),
    (
        "html",
        "Page for a colleague (HTML)",
        "The same for a browser; one file that needs nothing else",
    ),
    ("json", "Everything as JSON", "All figures, with hashes; by a published schema"),
    ("heatmap", "Heatmap (NIfTI)", "On the grid on which it was computed"),
    ("marks", "Marks and measurements (CSV)", "A row for each mark"),
    ("spots", "Pictures of the hot spots", "Three planes each, with heat and plain"),
    ("view", "Picture of the view", "The view that was used last, as it is on screen"),
    ("layout", "Picture of the layout", "All views as they are on screen"),
    (
        "tour",
        "Tour of the hot spots (WebP)",
        "A movie from one hot spot to the next, in three planes",
    ),
    (
        "scroll",
        "Scroll through the scan (WebP)",
        "A movie of every slice, the scan beside the heatmap",
    ),
    ("dicom", "DICOM objects", "Heatmap, report, segmentation, marks, picture and page for a PACS"),
    (SESSION, "Session", "Opens again in Fusion3D as it is now; without the scan"),
)
#: What is chosen as the dialog opens.
CHECKED = ("pdf", "json")
#: How pictures are written: name, scale, whether as SVG.
PICTURES: tuple[tuple[str, float, bool], ...] = (
    ("PNG, for a screen (1440 px wide)", 1.0, False),
    ("PNG, for slides (2880 px wide)", 2.0, False),
    ("PNG, for print (4320 px wide)", 3.0, False),
    ("SVG, texts and lines stay sharp", 2.0, True),
)
#: What each option is for.
USED_BY: Mapping[str, frozenset[Item]] = {
    "Sheet": frozenset(("pdf", "dicom")),
    "Pictures": frozenset(("spots", "view", "layout")),
    "DICOM": frozenset(("dicom",)),
}
#: Into which study DICOM objects go.
STUDY = ("Into the scan's study", "As a new study, with the scan")
