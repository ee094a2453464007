"""NRRD and MetaImage headers of every kind, drawn at random: voxels and places as ITK reads them."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.catalog.open import read_series

_NRRD_TYPES = {
    "i1": "int8",
    "u1": "uchar",
    "i2": "short int",
    "u2": "ushort",
    "i4": "int",
    "u4": "uint32",
    "i8": "longlong",
    "u8": "uint64_t",
    "f4": "float",
    "f8": "double",
}
_META_TYPES = {
    "i1": "CHAR",
    "u1": "UCHAR",
    "i2": "SHORT",
    "u2": "USHORT",
    "i4": "INT",
    "u4": "ULONG",
    "i8": "LONG_LONG",
    "u8": "ULONG_LONG",
    "f4": "FLOAT",
    "f8": "DOUBLE",
}
_SPACES = ("right-anterior-superior", "LAS", "left-posterior-superior", "scanner-xyz", "RAS")


def _values(rng: np.random.Generator, kind: str, sizes: list[int]) -> np.ndarray:
    if kind[0] == "f":
        return rng.normal(size=sizes[::-1]).astype(kind).round(3)
    low = 0 if kind[0] == "u" else -99
    return rng.integers(low, 120, sizes[::-1]).astype(kind)


def _as_text(values: np.ndarray, rng: np.random.Generator) -> bytes:
    between = rng.choice([" ", "\n", " , "])
    return between.join([*map(repr, values.ravel().tolist()), "\n"]).encode()


def _vector(numbers: np.ndarray) -> str:
    return f"({','.join(repr(float(each)) for each in numbers)})"


def _write_nrrd(folder: Path, rng: np.random.Generator) -> Path:
    kind = str(rng.choice(list(_NRRD_TYPES)))
    axes = int(rng.choice([2, 3, 3, 3]))
    sizes = [int(each) for each in rng.integers(2, 6, axes)]
    kinds, lines = ["domain"] * axes, []
    geometry = rng.choice(["space", "spacings", "mins", "none"])
    if geometry == "space":
        steps = rng.normal(size=(axes, axes)) * rng.uniform(0.5, 4)
        directions = [_vector(step) for step in steps]
        is_named = axes == 3 and rng.random() < 0.8
        lines.append(f"space: {rng.choice(_SPACES)}" if is_named else f"space dimension: {axes}")
        lines.append(f"space origin: {_vector(rng.normal(size=axes) * 100)}")
        if rng.random() < 0.4:  # an axis of volumes anywhere
            where = int(rng.integers(0, axes + 1))
            sizes.insert(where, int(rng.integers(2, 4)))
            kinds.insert(where, "list")
            directions.insert(where, "none")
        lines += [f"space directions: {' '.join(directions)}", f"kinds: {' '.join(kinds)}"]
    if geometry in ("spacings", "mins"):
        lines.append(f"spacings: {' '.join(map(str, rng.uniform(0.2, 5, axes).tolist()))}")
    if geometry == "mins":
        lines.append(f"axis mins: {' '.join(map(str, rng.normal(size=axes).tolist()))}")
        lines.append(f"centerings: {' '.join(rng.choice(['cell', 'node'], axes).tolist())}")
    order = str(rng.choice(["<", ">"]))
    values = _values(rng, kind, sizes)
    raw = values.astype(order + kind).tobytes()
    encoding = str(rng.choice(["raw", "gzip", "gz", "ascii", "text", "hex"]))
    if encoding == "ascii" and kind in ("i8", "u8"):
        encoding = "raw"
    data = {
        "raw": raw,
        "gzip": gzip.compress(raw),
        "gz": gzip.compress(raw),
        "hex": raw.hex("\n", 8).encode(),
    }.get(encoding) or _as_text(values, rng)
    lines += [f"type: {_NRRD_TYPES[kind]}", f"endian: {'little' if order == '<' else 'big'}"]
    lines += [f"encoding: {encoding}", "# a comment", "key:=value: 3"]
    is_apart = rng.random() < 0.3
    if is_apart:
        lines.append("data file: voxels.dat")
        if encoding == "raw" and rng.random() < 0.6:
            skip = int(rng.choice([-1, 0, 7]))
            lines.append(f"byte skip: {skip}")
            data = b"x" * (13 if skip == -1 else skip) + data
        if rng.random() < 0.3 and "byte skip: -1" not in lines:
            lines.append("line skip: 2")
            data = b"one\ntwo\n" + data
    rng.shuffle(lines)
    head = [f"NRRD000{rng.integers(4, 6)}", f"dimension: {len(sizes)}"]
    head += [f"sizes: {' '.join(map(str, sizes))}"]
    # The space comes before what is measured in it.
    lines.sort(key=lambda line: line.startswith(("space origin", "space directions")))
    text = "\n".join([*head, *lines, "", ""]).encode()
    path = folder / ("a.nhdr" if is_apart else "a.nrrd")
    path.write_bytes(text + (b"" if is_apart else data))
    if is_apart:
        (folder / "voxels.dat").write_bytes(data)
    return path


def _write_meta(folder: Path, rng: np.random.Generator) -> Path:
    kind = str(rng.choice(list(_META_TYPES)))
    axes = int(rng.choice([2, 3, 3, 4]))
    sizes = [int(each) for each in rng.integers(2, 6, axes)]
    values = _values(rng, kind, sizes)
    order = str(rng.choice(["<", ">"]))
    packing = str(rng.choice(["raw", "zlib", "ascii"]))
    if packing == "ascii":  # ITK turns the bytes of numbers in letters, too
        order = "<"
    lines = [f"ElementType = MET_{_META_TYPES[kind]}"]
    msb = rng.choice(["BinaryDataByteOrderMSB", "ElementByteOrderMSB"])
    lines.append(f"{msb} = {order == '>'}")
    lines.append(f"BinaryData = {packing != 'ascii'}")
    for names, count, scale in (
        (("ElementSpacing", "ElementSize"), axes, 1.0),
        (("Offset", "Position", "Origin"), axes, 100.0),
    ):
        for name in rng.choice(names, int(rng.integers(0, len(names) + 1)), replace=False):
            numbers = rng.uniform(0.1, 1.0, count) * scale
            lines.append(f"{name} = {' '.join(f'{each:.6f}' for each in numbers)}")
    if rng.random() < 0.7:
        turned = np.eye(axes)
        turned[:3, :3] = np.linalg.qr(rng.normal(size=(min(axes, 3),) * 2))[0]
        name = rng.choice(["TransformMatrix", "Rotation", "Orientation"])
        lines.append(f"{name} = {' '.join(f'{each:.9f}' for each in turned.ravel())}")
    raw = values.astype(order + kind).tobytes()
    data = {"raw": raw, "zlib": zlib.compress(raw)}.get(packing) or _as_text(values, rng).replace(
        b",", b" "
    )
    if packing == "zlib":
        lines += ["CompressedData = True", f"CompressedDataSize = {len(data)}"]
    is_apart = rng.random() < 0.3
    if is_apart and packing == "raw" and rng.random() < 0.6:
        skip = int(rng.choice([-1, 7]))
        lines.append(f"HeaderSize = {skip}")
        data = b"x" * 7 + data
    rng.shuffle(lines)
    head = ["ObjectType = Image", f"NDims = {axes}", f"DimSize = {' '.join(map(str, sizes))}"]
    last = f"ElementDataFile = {'voxels.dat' if is_apart else 'LOCAL'}"
    path = folder / ("a.mhd" if is_apart else "a.mha")
    text = "\n".join([*head, *lines, last, ""]).encode()
    path.write_bytes(text + (b"" if is_apart else data))
    if is_apart:
        (folder / "voxels.dat").write_bytes(data)
    return path


def _volumes_by_itk(image: sitk.Image) -> np.ndarray:
    """All volumes, [n, k, j, i]."""
    values = sitk.GetArrayFromImage(image)
    if image.GetNumberOfComponentsPerPixel() > 1:
        values = np.moveaxis(values, -1, 0)
        return values.reshape(len(values), -1, *values.shape[-2:])
    return values.reshape(-1, *(1, *values.shape)[-3:])


@pytest.mark.parametrize("write", [_write_nrrd, _write_meta])
@pytest.mark.parametrize("seed", range(60))
def test_a_header_of_any_kind_is_read_as_itk_reads_it(write, seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    path = write(tmp_path, rng)
    image = sitk.ReadImage(str(path))
    theirs, found = _volumes_by_itk(image), find_series(path)
    assert len(found) == len(theirs), path.read_bytes()[:900]
    for series, expected in zip(found, theirs, strict=True):
        volume = read_series(series)
        np.testing.assert_array_equal(volume.voxels, expected)
        assert volume.voxels.dtype.newbyteorder("=") == expected.dtype
    used = min(image.GetDimension(), 3)
    for index in np.eye(4, dtype=int)[:, :used].tolist():
        place = image.TransformIndexToPhysicalPoint(index + [0] * (image.GetDimension() - used))
        ours = found[0].affine @ [*index, *[0] * (3 - used), 1]
        np.testing.assert_allclose(ours[:used], place[:used], atol=1e-4)
