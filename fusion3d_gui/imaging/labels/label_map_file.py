"""``read_label_maps``: label maps of NIfTI, NRRD (3D Slicer's segments too) and MetaImage files."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.files.nifti import is_nifti, nifti_series, read_nifti
from fusion3d_gui.imaging.files.voxel_file import (
    is_voxel_file,
    read_voxel_file,
    voxel_file_series,
)
from fusion3d_gui.imaging.labels.label_map import MOST_LABELS, Label, LabelMap, label_map_of
from fusion3d_gui.input_file import read_bounded
from fusion3d_gui.plain_text import visible_text
from fusion3d_gui.progress import Progress, no_progress, part_of

#: How names end of files that are masks by common custom (BIDS, 3D Slicer, ITK-SNAP, nnU-Net). Not "lesion": a map
#: of a lesion may be the case itself.
_CUSTOM = re.compile(
    r"(^|[_\-. ])(dseg|seg|segmentation|mask|label|labels|labelmap)$", re.IGNORECASE
)
_SUFFIXES = re.compile(r"\.(nii|nii\.gz|nrrd|nhdr|mha|mhd)$", re.IGNORECASE)
#: 3D Slicer's description of one of its segments in an NRRD header.
_SEGMENT = re.compile(r"Segment(\d{1,3})_(Name|LabelValue|Layer|Color):=(.*)")
_LONGEST_HEADER = 1 << 20
_LONGEST_TABLE = 1 << 20


def is_label_file(path: Path) -> bool:
    """Whether a file can hold a label map: by its name, not by what is in it."""
    return is_nifti(path) or is_voxel_file(path)


def is_named_as_mask(path: Path) -> bool:
    """Whether the name says that it is a mask: ``x_dseg.nii.gz``, ``x.seg.nrrd``, ``x_mask.nii``."""
    return is_label_file(path) and bool(_CUSTOM.search(_SUFFIXES.sub("", path.name)))


def read_label_maps(
    path: Path, progress: Progress = no_progress
) -> tuple[tuple[LabelMap, ...], tuple[str, ...]]:
    """Read the label maps of a file: one, or one for each layer where 3D Slicer's segments overlap.

    Names and colours come from 3D Slicer's header, or from a table of the same name beside it
    (``x_dseg.tsv`` with the columns index, name and color, as BIDS has it).

    Returns
    -------
    maps
        In the order of the file.
    notices
        What is odd about the file's position in the patient.

    Raises
    ------
    UserError
        The file is damaged, too large for memory, or holds no labels.
    """
    if not is_label_file(path):
        raise UserError("is no NIfTI, NRRD or MetaImage file", path=path)
    read, series = (
        (read_nifti, nifti_series(path))
        if is_nifti(path)
        else (read_voxel_file, voxel_file_series(path))
    )
    if len(series) > MOST_LABELS:
        raise UserError(f"holds {len(series)} volumes, more than a mask has", path=path)
    layers = _labels_of_layers(path, len(series))
    maps = []
    notices: list[str] = []
    for number in range(len(series)):
        part = part_of(progress, number / len(series), (number + 1) / len(series))
        volume = read(path, number, part)
        notices += [each for each in volume.notices if each not in notices]
        labels = layers.get(number, ())
        try:
            maps.append(label_map_of(volume, labels))
        except ValueError as error:
            if len(series) > 1 and "is empty" in str(error):
                continue  # a segment that nothing was drawn in
            raise UserError(
                f"is no mask: {error}",
                path=path,
                remedy="Give a file with a whole number for each voxel, 0 outside.",
            ) from None
    if not maps:
        raise UserError("is no mask: it is empty, no voxel has a label", path=path)
    return tuple(maps), tuple(notices)


def _labels_of_layers(path: Path, count: int) -> dict[int, tuple[Label, ...]]:
    """Names of labels for each volume of a file."""
    if path.name.lower().endswith((".nrrd", ".nhdr")):
        return _slicer_labels(path)
    table = _table_beside(path)
    return dict.fromkeys(range(count), table)


def _slicer_labels(path: Path) -> dict[int, tuple[Label, ...]]:
    try:
        with path.open("rb") as stream:
            head = stream.read(_LONGEST_HEADER)
    except OSError as error:
        raise UserError(f"can't be read ({error.strerror})", path=path) from None
    lines = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0].decode("utf-8", "replace").splitlines()
    segments: dict[int, dict[str, str]] = defaultdict(dict)
    for line in lines:
        if (found := _SEGMENT.fullmatch(line.strip())) is not None:
            segments[int(found[1])][found[2]] = found[3].strip()
    layers: dict[int, tuple[Label, ...]] = {}
    for number, fields in sorted(segments.items()):
        value, layer = fields.get("LabelValue", "1"), fields.get("Layer", str(number))
        if not (value.isdigit() and layer.isdigit() and len(value) < 6 and len(layer) < 6):
            continue
        name = visible_text(fields.get("Name", "")) or f"Segment {number + 1}"
        label = Label(int(value), name, _color_of_shares(fields.get("Color", "")))
        layers[int(layer)] = (*layers.get(int(layer), ()), label)
    return layers


def _color_of_shares(text: str) -> str:
    """``"#RRGGBB"`` of red, green and blue from 0 to 1; empty where it is none."""
    try:
        shares = [float(each) for each in text.split()]
    except ValueError:
        return ""
    if len(shares) != 3 or not all(0 <= each <= 1 for each in shares):
        return ""
    return "#" + "".join(f"{round(255 * each):02X}" for each in shares)


def _table_beside(path: Path) -> tuple[Label, ...]:
    """The labels of a BIDS table of the same name; none where there is no such table, or it can't be read."""
    table = path.with_name(_SUFFIXES.sub("", path.name) + ".tsv")
    try:
        text = read_bounded(table, _LONGEST_TABLE).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ()
    rows = [line.split("\t") for line in text.splitlines() if line.strip()]
    if not rows or not {"index", "name"} <= set(rows[0]):
        return ()
    found = []
    for cells in rows[1 : MOST_LABELS + 1]:
        row = dict(zip(rows[0], map(str.strip, cells), strict=False))
        index, color = row.get("index", ""), row.get("color", "")
        if index.isdigit() and 0 < int(index) < 65_536:
            color = color.upper() if re.fullmatch(r"#[0-9A-Fa-f]{6}", color) else ""
            found.append(Label(int(index), visible_text(row.get("name", "")), color))
    return tuple(found)
