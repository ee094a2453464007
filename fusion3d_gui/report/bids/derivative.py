"""``write_derivative``: maps, sidecars and tables of predicted scans as a BIDS derivative."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusion3d_gui import RESEARCH_USE_ONLY, __version__
from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.files.bids_name import DATATYPES, BidsName
from fusion3d_gui.inference.batch.batch_row import field_columns
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.input_file import read_bounded
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.output_file import whole_file, write_whole_text
from fusion3d_gui.report.bids.columns import (
    NUMBERS,
    PREDICTED,
    PROVENANCE,
    column_descriptions,
)
from fusion3d_gui.report.bids.data_set import DerivativeSet, describe, json_text
from fusion3d_gui.report.heatmap_file import raw_path
from fusion3d_gui.table_file import plain_cell

_NOT_KNOWN = "n/a"
_LARGEST_SIDECAR_BYTES = 1_000_000
_LARGEST_TABLE_BYTES = 50_000_000
#: Entities that stand behind ``res`` in names.
_BEHIND_RESOLUTION = ("den", "label", "desc")


@dataclass(frozen=True)
class PredictedScan:
    """A scan with the cells of its result (columns as in ``results.csv``) and the file of its heatmap, if it has one."""

    image: Path
    cells: Mapping[str, object]
    heatmap: Path | None


def write_derivative(
    derivative: DerivativeSet,
    info: BundleInfo,
    weights_sha256: str,
    explanation: Explanation,
    scans: Sequence[PredictedScan],
    *,
    tables: bool = True,
) -> list[Path]:
    """Write the maps, sidecars and tables of scans; what is there of other scans stays.

    Parameters
    ----------
    derivative
        See :func:`~fusion3d_gui.report.bids.data_set.derivative_of`; it knows all of ``scans``.
    info, weights_sha256
        The model.
    explanation
        How the heatmaps were computed.
    scans
        What was predicted. A raw map beside a heatmap is written too.
    tables
        Whether to write the tables of participants; not by one of several processes that write at the same time.

    Returns
    -------
    list
        The maps, in the order of ``scans``, and the tables.

    Raises
    ------
    UserError
        A heatmap is not there, or a table there is none of ours.
    OSError
        Something can't be written.
    """
    describe(derivative, info, weights_sha256)
    if tables:
        write_whole_text(
            derivative.folder / "predictions.json", json_text(column_descriptions(info.schema))
        )
    written: list[Path] = []
    rows: dict[str, dict[str, dict[str, str]]] = {}
    skull_stripped = info.scope is not None and info.scope.coverage == "skull_stripped"
    for scan in scans:
        name = derivative.names[scan.image]
        maps = []
        if scan.heatmap is not None:
            maps = _write_maps(derivative, info, explanation, scan, skull_stripped)
            written += maps
        row = _row(derivative, scan, maps, info.schema)
        rows.setdefault(name.participant, {})[row["scan"]] = row
    if tables:
        for participant, own in rows.items():
            written.append(_write_table(derivative.folder, participant, own))
    return written


def map_name(name: BidsName, explanation: Explanation, *, raw: bool) -> BidsName:
    """Name of a scan's map: the scan's, with ``res-map`` and a ``desc`` of method, side and rawness."""
    method = explanation.method.replace("+", "plus").replace("-", "")
    side = "" if explanation.side == "raised" else explanation.side
    kept = {key: label for key, label in name.entities.items() if key not in ("desc", "res")}
    last = {key: kept.pop(key) for key in _BEHIND_RESOLUTION if key in kept}
    label = f"{name.entities.get('desc', '')}{method}{side}{'raw' if raw else ''}"
    return BidsName({**kept, "res": "map", **last, "desc": label}, name.suffix)


def _write_maps(
    derivative: DerivativeSet,
    info: BundleInfo,
    explanation: Explanation,
    scan: PredictedScan,
    skull_stripped: bool,
) -> list[Path]:
    """Copy the map, and the raw one where there is one, each with its sidecar; the map is first."""
    assert scan.heatmap is not None
    name = derivative.names[scan.image]
    datatype = scan.image.absolute().parent.name
    folder = derivative.folder / name.folder / (datatype if datatype in DATATYPES else "anat")
    folder.mkdir(parents=True, exist_ok=True)
    files = [(scan.heatmap, False)]
    if raw_path(scan.heatmap).is_file():
        files.append((raw_path(scan.heatmap), True))
    own = _sidecar_of(scan.image).get("SkullStripped")
    found = []
    for file, raw in files:
        target = folder / f"{map_name(name, explanation, raw=raw).text}.nii.gz"
        moved = ""
        if len(files) > 1:
            not_ = "not " if raw else ""
            moved = f", {not_}corrected for the displacement of the model's maps"
        try:
            source = file.open("rb")
        except FileNotFoundError:
            raise UserError(
                "the heatmap of a result is not there",
                path=file,
                remedy="Delete the table of results beside it, and predict again.",
            ) from None
        with source, whole_file(target) as whole, whole.open("wb") as sink:
            shutil.copyfileobj(source, sink)
        plain = {
            "Description": f"{explanation.name}, regions that {explanation.side} the probability{moved}. "
            f"{RESEARCH_USE_ONLY}.",
            "Sources": [derivative.uri(scan.image)],
            "SkullStripped": own if isinstance(own, bool) else skull_stripped,
            "Resolution": {"map": _grid_text(target)},
            **_result_json(scan.cells, info.schema),
            "Model": {
                "Name": info.name,
                "Version": info.version,
                "WeightsSHA256": str(scan.cells["weights_sha256"]),
            },
            "GeneratedBy": f"Fusion3D {__version__}",
            "Notice": RESEARCH_USE_ONLY,
        }
        write_whole_text(
            target.with_name(target.name[: -len(".nii.gz")] + ".json"), json_text(plain)
        )
        found.append(target)
    return found


def _grid_text(path: Path) -> str:
    import nibabel

    header: Any = nibabel.load(path).header
    shape = " × ".join(str(count) for count in header.get_data_shape())
    size = " × ".join(f"{mm:.4g}" for mm in header.get_zooms()[:3])
    return f"The grid on which the map was computed: {shape} cells of {size} mm (i, j, k)."


def _sidecar_of(image: Path) -> dict[str, Any]:
    """What the scan's own sidecar says; empty where there is none, or it is no JSON object."""
    name = BidsName.of(image)
    path = image.with_name(f"{name.text}.json") if name else image
    if name is None or not path.is_file():
        return {}
    try:
        plain = json.loads(read_bounded(path, _LARGEST_SIDECAR_BYTES).decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return {}
    return plain if isinstance(plain, dict) else {}


def _result_json(cells: Mapping[str, object], schema: MetadataSchema) -> dict[str, Any]:
    """The result as JSON: numbers as numbers, null for what is not known."""

    def typed(name: str) -> object:
        text = str(cells.get(name, ""))
        if name in ("positive", "despite_misfit"):
            return bool(int(text)) if text else None
        return float(text) if text and name in NUMBERS else text or None

    columns = field_columns(schema)
    values = {
        field.name: field.parse(str(cells.get(columns[field.name], "")).removeprefix("'"))
        for field in schema.fields
    }
    return {
        "Prediction": {name: typed(name) for name in PREDICTED if name != "error"},
        "Metadata": values,
        "Provenance": {name: typed(name) for name in PROVENANCE if name != "weights_sha256"},
    }


def _row(
    derivative: DerivativeSet,
    scan: PredictedScan,
    maps: Sequence[Path],
    schema: MetadataSchema,
) -> dict[str, str]:
    name = derivative.names[scan.image]
    of_map = maps[0].relative_to(derivative.folder).as_posix() if maps else ""
    own = {
        "scan": derivative.scan(scan.image),
        "session_id": name.session,
        "run": name.entities.get("run", ""),
        "map": of_map,
    }
    others = {each: str(scan.cells.get(each, "")) for each in _result_columns(schema)}
    return {
        key: " ".join(str(plain_cell(text)).split()) or _NOT_KNOWN
        for key, text in {**own, **others, "notice": RESEARCH_USE_ONLY}.items()
    }


def _result_columns(schema: MetadataSchema) -> list[str]:
    return [*PREDICTED, *field_columns(schema).values(), *PROVENANCE]


def _write_table(folder: Path, participant: str, rows: Mapping[str, dict[str, str]]) -> Path:
    """Write a participant's table; rows of other scans that it has stay."""
    path = folder / participant / f"{participant}_predictions.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(next(iter(rows.values())))
    kept: dict[str, dict[str, str]] = {}
    if path.is_file():
        text = read_bounded(path, _LARGEST_TABLE_BYTES).decode("utf-8", errors="replace")
        reader = csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
        if list(reader.fieldnames or []) != columns:
            raise UserError(
                "has other columns than these results", path=path, remedy="Give another --bids-out."
            )
        kept = {
            line["scan"]: {name: line[name] or _NOT_KNOWN for name in columns} for line in reader
        }
    every = kept | dict(rows)
    lines = ["\t".join(columns), *("\t".join(every[scan].values()) for scan in sorted(every))]
    write_whole_text(path, "\n".join(lines) + "\n", newline="")
    return path
