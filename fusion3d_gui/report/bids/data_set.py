"""The data set into which results are written as a BIDS derivative: where it lies, what it is of, what it says of itself.

See https://bids-specification.readthedocs.io/en/stable/derivatives/introduction.html.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusion3d_gui import RESEARCH_USE_ONLY, __version__
from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.files.bids_name import BidsName, data_set_of
from fusion3d_gui.input_file import read_bounded
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.output_file import is_unused, write_whole_text

_BIDS_VERSION = "1.10.0"
_LARGEST_BYTES = 1_000_000
_NAME = "Fusion3D"
#: Key of the model in ``dataset_description.json``.
_MODEL = "Fusion3DModel"
#: BIDS has no name for tables of predictions yet; this is how a data set names what BIDS doesn't cover.
_IGNORED = "*_predictions.tsv\npredictions.json\n"

_README = """# Predictions of {model}

{notice}. Not a medical device; not for diagnosis.

Written by Fusion3D {version}: model {model} {model_version} ({title}), weights SHA-256 {weights}.

- `sub-*/[ses-*/]*/*_desc-*_*.nii.gz`: for each scan the map that explains the prediction, on the grid on which it was computed
  (float32, not negative, larger where more evidence lies; position by the affine, RAS mm). The sidecar has the same name
  and ends in `.json`: prediction, model, provenance. A map with `raw` at the end of its `desc` is not corrected for the displacement of the
  model's maps.
- `sub-*/*_predictions.tsv`: a row for each scan of a participant; columns are explained in `predictions.json`. A scan that the
  model is not meant for, or that could not be read, has a row with the reason.
"""


@dataclass(frozen=True)
class DerivativeSet:
    """A BIDS derivative.

    Parameters
    ----------
    folder
        Where it lies or will lie, usually ``DATA/derivatives/NAME``.
    source
        The data set of the scans.
    names
        What the names of the scans say, by path.
    """

    folder: Path
    source: Path
    names: Mapping[Path, BidsName]

    def uri(self, image: Path) -> str:
        """BIDS URI of a scan."""
        return f"bids:raw:{self.scan(image)}"

    def scan(self, image: Path) -> str:
        """Path of a scan in its data set."""
        return image.absolute().relative_to(self.source).as_posix()


def derivative_of(folder: Path, images: Sequence[Path], weights_sha256: str) -> DerivativeSet:
    """The derivative that results of some scans belong to; nothing is written.

    Parameters
    ----------
    folder
        New or empty, or a derivative that the same model has been written into.
    images
        The scans: NIfTI files of one data set, named as BIDS wants it.
    weights_sha256
        The model's.

    Raises
    ------
    UserError
        A scan's name is not one of BIDS, the scans are of several data sets, or the folder holds something else.
    """
    names: dict[Path, BidsName] = {}
    sources: dict[Path, Path] = {}
    for image in images:
        name = BidsName.of(image)
        if name is None:
            raise UserError(
                "is not named as in BIDS (sub-LABEL_..._SUFFIX.nii.gz)",
                path=image,
                remedy="Leave --bids-out out, or name it so.",
            )
        names[image] = name
        sources.setdefault(data_set_of(image, name), image)
    if len(sources) > 1:
        raise UserError(
            "is of another BIDS data set than the first scan",
            path=list(sources.values())[1],
            remedy="Predict each data set with its own --bids-out.",
        )
    source = next(iter(sources))
    plain = _description(folder)
    if plain is None and not is_unused(folder):
        raise UserError(
            "holds other files", path=folder, remedy="Name a new one: DATA/derivatives/fusion3d."
        )
    if plain is not None:
        made_by = plain.get("GeneratedBy")
        first = made_by[0] if isinstance(made_by, list) and made_by else None
        if not isinstance(first, dict) or first.get("Name") != _NAME:
            raise UserError(
                "is a BIDS data set of something else",
                path=folder,
                remedy="Name a folder of its own: DATA/derivatives/fusion3d.",
            )
        model = plain.get(_MODEL)
        if not isinstance(model, dict) or model.get("WeightsSHA256") != weights_sha256:
            raise UserError(
                "it holds results of other weights", path=folder, remedy="Give another --bids-out."
            )
    return DerivativeSet(folder, source, names)


def describe(derivative: DerivativeSet, info: BundleInfo, weights_sha256: str) -> None:
    """Write ``dataset_description.json``, ``README.md`` and ``.bidsignore``. Raises OSError."""
    folder = derivative.folder
    folder.mkdir(parents=True, exist_ok=True)
    link = Path(os.path.relpath(derivative.source, folder.absolute())).as_posix()
    source: dict[str, str] = {"URL": link}
    doi = (_description(derivative.source) or {}).get("DatasetDOI")
    if isinstance(doi, str) and doi:
        source["DOI"] = doi
    model = {"Name": info.name, "Version": info.version, "WeightsSHA256": weights_sha256}
    plain = {
        "Name": f"Fusion3D: {info.title}",
        "BIDSVersion": _BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [
            {
                "Name": _NAME,
                "Version": __version__,
                "Description": f"Predictions of {info.name} {info.version} and maps that explain them. {RESEARCH_USE_ONLY}.",
            }
        ],
        "SourceDatasets": [source],
        "DatasetLinks": {"raw": link},
        _MODEL: model,
        "Notice": RESEARCH_USE_ONLY,
    }
    readme = _README.format(
        notice=RESEARCH_USE_ONLY,
        version=__version__,
        model=info.name,
        model_version=info.version,
        title=info.title,
        weights=weights_sha256,
    )
    write_whole_text(folder / "README.md", readme)
    write_whole_text(folder / ".bidsignore", _IGNORED)
    # Last: with it the folder is a data set.
    write_whole_text(folder / "dataset_description.json", json_text(plain))


def json_text(plain: Any) -> str:
    """A document as the derivative's files have it."""
    return json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _description(folder: Path) -> dict[str, Any] | None:
    """The content of ``dataset_description.json``; None where there is none, empty where it is no JSON object."""
    path = folder / "dataset_description.json"
    if not path.is_file():
        return None
    try:
        plain = json.loads(read_bounded(path, _LARGEST_BYTES).decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return {}
    except OSError as error:
        raise UserError(f"can't be read ({error.strerror})", path=path) from None
    return plain if isinstance(plain, dict) else {}
