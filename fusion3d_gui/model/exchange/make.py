"""``make_bundle``: a bundle of weights that were trained elsewhere."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle import ModelBundle, empty_network
from fusion3d_gui.model.bundle.bundle_info import Decision, read_schema
from fusion3d_gui.model.bundle.license_file import license_text
from fusion3d_gui.model.bundle.monai_bundle import OWN_AXES
from fusion3d_gui.model.bundle.write_bundle import write_bundle
from fusion3d_gui.model.exchange.axes import in_own_axes
from fusion3d_gui.model.exchange.mapping import (
    NoMappingError,
    Shape,
    WeightMapping,
    infer_mapping,
    mapped,
    read_mapping,
    write_mapping,
)
from fusion3d_gui.model.exchange.weights_file import read_weights
from fusion3d_gui.model.network.architectures import ARCHITECTURES, OPTIONS, OWN, UNSEEN
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.monai_backbone import monai_names
from fusion3d_gui.model.network.network_config import Fusion, NetworkConfig
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.output_file import is_unused
from fusion3d_gui.plain_text import markdown_text

#: Options of the own network, which are fields of its configuration.
_OWN_OPTIONS = ("stem_stride", "stem_pool", "stage_strides", "width")
_COUNTER = "num_batches_tracked"


@dataclass(frozen=True)
class BundleRequest:
    """What a bundle is to be made of.

    Parameters
    ----------
    weights
        A state dict: safetensors, or a file of ``torch.save``.
    network
        A key of :data:`~fusion3d_gui.model.network.architectures.ARCHITECTURES`.
    preprocessing, decision
        As the weights were trained; the temperature and the threshold can be fitted afterwards.
    schema
        File of the metadata fields (``fusion3d schema`` writes one); None for a network of the image alone.
    fusion
        How the embeddings are fused; None: ``concat`` with a schema, else ``image_only``.
    options
        Options of the architecture that differ from MONAI's, or from the published ones of the own network.
    mapping
        An edited mapping of names; None: inferred.
    key
        Which dictionary of a ``.pt`` file.
    task
        What the model predicts, in words.
    axes
        Directions along which the axes of the training images ran, as MONAI's ``Orientationd`` names them.
    license_file
        File of the terms of use; None: the bundle's LICENSE says that none were given.
    """

    weights: Path
    network: str
    preprocessing: Preprocessing
    decision: Decision
    schema: Path | None = None
    fusion: Fusion | None = None
    options: Mapping[str, Any] | None = None
    mapping: Path | None = None
    key: str | None = None
    task: str = ""
    axes: str = OWN_AXES
    license_file: Path | None = None


@dataclass(frozen=True, eq=False)
class MadeBundle:
    """A bundle that was made, how its weights were found, and what the user must know of it."""

    bundle: ModelBundle
    mapping: WeightMapping
    mapping_file: Path
    notices: tuple[str, ...]


def make_bundle(request: BundleRequest, out: Path) -> MadeBundle:
    """Make the bundle in the new folder ``out``, and its mapping of names in ``docs/weight-mapping.json``.

    Raises
    ------
    UserError
        For weights, options or a mapping that do not fit; the mapping as far as it goes then lies beside ``out``, to be
        edited.
    """
    if not is_unused(out):
        raise UserError("it exists already", path=out, remedy="Name a new folder.")
    terms = None if request.license_file is None else license_text(request.license_file)
    schema = MetadataSchema() if request.schema is None else read_schema(request.schema)
    found = read_weights(request.weights, request.key)
    shapes = {name: tuple(value.shape) for name, value in found.items()}
    _check_channels(shapes, request.weights)
    try:
        network, mapping = _fitting(request, schema, shapes, out)
    except ValueError as error:  # of options or a fusion without sense
        raise UserError(str(error), remedy="See fusion3d bundle make --help.") from None
    state = in_own_axes(mapped(mapping.names, found), request.axes, request.network)
    _check_values(state, request.weights)
    full = {
        name: torch.zeros((), dtype=torch.long) if name.endswith(_COUNTER) else state[name]
        for name in network.state_dict()
    }
    full = {
        name: value.float() if value.is_floating_point() else value for name, value in full.items()
    }
    network.load_state_dict(full, assign=True)
    network.eval().requires_grad_(False)
    _check_runs(network, request.preprocessing)
    digest = hashlib.sha256(request.weights.read_bytes()).hexdigest()
    name = out.name
    write_bundle(
        out,
        network,
        metadata={
            "name": name,
            "version": "1.0.0",
            "changelog": {"1.0.0": f"made of {request.weights.name}"},
            "task": request.task or f"{request.decision.class_names[1]} (as its makers say)",
            "description": f"Weights trained elsewhere ({request.weights.name}, SHA-256 {digest}).",
            "authors": "not stated",
            "copyright": "see LICENSE" if terms else "not stated: that of the weights' makers",
            "intended_use": f"{RESEARCH_USE_ONLY}.",
            "data_source": "not stated",
            "eval_metrics": {},
            "references": [],
        },
        preprocessing=request.preprocessing,
        schema=schema,
        decision=request.decision,
        card=_card(name, request, network.config, digest),
        terms=terms,
    )
    mapping_file = out / "docs" / "weight-mapping.json"
    write_mapping(mapping_file, mapping.names, _unused(shapes, mapping.names))
    return MadeBundle(ModelBundle.load(out), mapping, mapping_file, _notices(request))


def _fitting(
    request: BundleRequest, schema: MetadataSchema, shapes: Mapping[str, Shape], out: Path
) -> tuple[LearnedFeatureFusion3D, WeightMapping]:
    """The first network of those that the shapes suggest whose weights all find a tensor."""
    best: NoMappingError | None = None
    problem: UserError | None = None
    for config in _configs(request, schema, shapes):
        network = empty_network(config, out)
        wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
        try:
            if request.mapping is not None:
                return network, read_mapping(request.mapping, wanted, shapes)
            usual = []
            if config.outputs:
                usual = monai_names(list(wanted), ARCHITECTURES[config.backbone])
            return network, infer_mapping(wanted, shapes, usual)
        except NoMappingError as error:
            if best is None or len(error.names) > len(best.names):
                best, tried = error, wanted
        except UserError as error:
            problem = problem or error
    if problem is not None:
        raise problem
    if best is None:
        raise UserError(
            f"no tensor of it could follow {request.network}'s feature maps",
            path=request.weights,
            remedy="Is it the right --network, --fusion and --schema?",
        )
    proposed = out.with_name(f"{out.name}.mapping.json")
    known: dict[str, str | None] = {
        name: best.names.get(name) for name in tried if not name.endswith(_COUNTER)
    }
    write_mapping(proposed, known, _unused(shapes, best.names))
    raise UserError(
        f"its tensors do not fit {request.network}: {best.problem}",
        path=request.weights,
        remedy=f"Check --network, --fusion, --schema and --option, or edit {proposed.name} and give --mapping.",
    )


def _configs(
    request: BundleRequest, schema: MetadataSchema, shapes: Mapping[str, Shape]
) -> Iterator[NetworkConfig]:
    """Configurations that the shapes suggest; an option that was given is never varied."""
    given = dict(request.options or {})
    fusion = request.fusion or ("concat" if schema.fields else "image_only")
    linear = [shape for shape in shapes.values() if len(shape) == 2]
    if request.network == OWN:
        unknown = sorted(set(given) - set(_OWN_OPTIONS))
        if unknown:
            raise UserError(
                f"{OWN} has no option {unknown[0]}", remedy=f"It takes {', '.join(_OWN_OPTIONS)}."
            )
        stem = next(iter(_convolutions(shapes)), None)
        given.setdefault("width", 1.0 if stem is None else stem[0] / 64)
        base = NetworkConfig(fusion=fusion, metadata_width=schema.width, **given)
        yield from _with_heads(base, linear)
        return
    for options in _variants(request.network, given, shapes):
        for channels in sorted({shape[1] for shape in linear}, reverse=True):
            base = NetworkConfig(
                fusion=fusion,
                metadata_width=schema.width,
                backbone=request.network,
                options=options,
                channels=channels,
            )
            if not _makes(base):
                continue
            if fusion == "image_only":
                outputs = [shape[0] for shape in linear if shape[1] == channels]
                for count in (1, 2):
                    if count in outputs:
                        yield replace(base, outputs=count)
            yield from _with_heads(base, linear)


def _makes(config: NetworkConfig) -> bool:
    """Whether the architecture has this number of channels."""
    try:
        empty_network(config, Path())
    except UserError as error:
        if " channels, not " in error.problem:
            return False
        raise
    return True


def _with_heads(base: NetworkConfig, linear: Sequence[Shape]) -> Iterator[NetworkConfig]:
    """The own head in the sizes that the linear layers allow."""

    def leaving(width: int) -> list[int]:
        return sorted({shape[0] for shape in linear if shape[1] == width}, reverse=True)

    for embedding in leaving(base.feature_channels):
        fused = embedding * (2 if base.fusion == "concat" else 1)
        hidden = leaving(base.metadata_width) if base.metadata_width else [base.metadata_hidden]
        for metadata_hidden, classifier_hidden in itertools.product(hidden, leaving(fused)):
            yield replace(
                base,
                embedding=embedding,
                metadata_hidden=metadata_hidden,
                classifier_hidden=classifier_hidden,
            )


def _variants(
    network: str, given: Mapping[str, Any], shapes: Mapping[str, Shape]
) -> Iterator[dict[str, Any]]:
    """Options that the shapes tell, and those of which each value is to be tried."""
    family = ARCHITECTURES[network]
    seen: dict[str, list[Any]] = {}
    convolutions = _convolutions(shapes)
    stem = next(iter(convolutions), None)
    if stem is not None and family == "resnet":
        seen = {
            "conv1_t_size": [stem[2]],
            "widen_factor": [stem[0] / 64],
            "bias_downsample": [True, False],
            "shortcut_type": ["B", "A"],
        }
    elif stem is not None and family == "densenet":
        seen = {"init_features": [stem[0]]}
    elif family == "vit":
        seen = {"post_activation": ["Tanh", "none"], "qkv_bias": [False, True]}
    names = [name for name in seen if name not in given]
    for values in itertools.product(*(seen[name] for name in names)):
        yield {**given, **dict(zip(names, values, strict=True))}


def _convolutions(shapes: Mapping[str, Shape]) -> list[Shape]:
    """Convolutions of one channel: the network's first layer."""
    return [shape for shape in shapes.values() if len(shape) == 5 and shape[1] == 1]


def _check_channels(shapes: Mapping[str, Shape], path: Path) -> None:
    dimensions = {len(shape) for shape in shapes.values()}
    if 4 in dimensions and 5 not in dimensions:
        raise UserError(
            "it is a network of flat images: its convolutions have two dimensions", path=path
        )
    if 5 in dimensions and not _convolutions(shapes):
        raise UserError(
            "none of its convolutions takes one channel: its images have several", path=path
        )


def _check_values(state: Mapping[str, Tensor], path: Path) -> None:
    for name, value in state.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise UserError(f"weight {name} holds values that are not finite", path=path)


def _check_runs(network: LearnedFeatureFusion3D, preprocessing: Preprocessing) -> None:
    """Raise UserError where the network can't take images of the grid."""
    config = network.config
    code = None if config.fusion == "image_only" else torch.zeros(1, config.metadata_width)
    try:
        with torch.inference_mode():
            logit = network(torch.zeros(1, 1, *preprocessing.shape_kji), code)
    except RuntimeError as error:
        grid = " × ".join(map(str, preprocessing.shape_kji))
        first = str(error).splitlines()[0]
        raise UserError(
            f"{config.backbone} can't take images of {grid} voxels ({first})",
            remedy="Give the --grid with which it was trained.",
        ) from None
    if not torch.isfinite(logit).all():
        raise UserError("its logit of an empty image is no finite number")


def _notices(request: BundleRequest) -> tuple[str, ...]:
    given = request.options or {}
    if request.network == OWN:
        names: Sequence[str] = ("stem_stride", "stem_pool", "stage_strides")
        usual: Mapping[str, Any] = {n: NetworkConfig.__dataclass_fields__[n].default for n in names}
    else:
        family = ARCHITECTURES[request.network]
        names, usual = UNSEEN.get(family, ()), OPTIONS[family]
    assumed = [f"{name}={usual[name]}" for name in names if name not in given]
    found = []
    if assumed:
        found.append(
            f"Weights don't tell {', '.join(assumed)}: these were assumed. Give --option where training differed."
        )
    if request.license_file is None:
        found.append(
            "No terms of use were given: LICENSE says so. Give --license, or replace it before you pass the bundle on."
        )
    if request.decision.temperature == 1.0:
        found.append(
            "The probabilities are not calibrated: run `fusion3d bundle calibrate DIR CASES.csv`."
        )
    return tuple(found)


def _unused(shapes: Mapping[str, Shape], names: Mapping[str, str]) -> list[str]:
    used = set(names.values())
    return [name for name in shapes if name not in used and not name.endswith(_COUNTER)]


def _card(name: str, request: BundleRequest, config: NetworkConfig, digest: str) -> str:
    grid = " × ".join(map(str, request.preprocessing.shape_kji))
    maps = "maps of its four stages" if config.has_stages else "gradient × input"
    return f"""# {markdown_text(name)}

{markdown_text(request.task or request.decision.class_names[1])}. Trained elsewhere.

**{RESEARCH_USE_ONLY}.**

## Intended use

For research. Who made the weights, of which cases and for whom, is not known to the program that made this bundle.

## Model

{config.backbone}, fusion `{config.fusion}`, of `{markdown_text(request.weights.name)}` (SHA-256 `{digest}`). Input grid
{grid} (k, j, i) at {request.preprocessing.spacing_mm:g} mm. Explained by {maps}.

Weights (SHA-256): not recorded yet.

## Held-out figures

None recorded yet: run `fusion3d evaluate BUNDLE CASES.csv --record` on cases that training has not seen.

## Limits

Nothing was measured here yet: neither how right it is nor where its heatmaps point.
"""
