"""``load_case``: read a case from disk, on a worker thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fusion3d_gui.imaging.display.window import ON_TEMPLATE, Preset, presets
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, part_of
from fusion3d_gui.state.data.case import Case, FileStamp


def load_case(
    paths: tuple[Path, ...],
    series_uid: str | None,
    progress: Progress,
    *,
    known: tuple[Series, ...] = (),
    hide_identity: bool = False,
    on_first: Callable[[Case], None],
) -> Case:
    """Read a case from disk, and do everything slow that its display needs.

    Parameters
    ----------
    paths, series_uid
        What to open, and which of its series; None: the largest volume.
    progress
        Called with 0 to 1; raises :class:`~fusion3d_gui.errors.Cancelled` to stop.
    known
        The series of ``paths`` where they have been found already.
    hide_identity
        Remove the patient's identity for good.
    on_first
        Called with an incomplete case as soon as the middle slice has been read, for formats that
        can be read slice by slice. The returned case shares its voxels.

    Raises
    ------
    UserError
        When there is no such series, or it can't be read.
    """
    from fusion3d_gui.imaging.catalog.find import find_series_of
    from fusion3d_gui.imaging.catalog.open import choose_series, read_series

    found = known or tuple(find_series_of(paths, part_of(progress, 0.0, 0.2)))
    series, notices = choose_series(found, series_uid, paths[0])
    stamps = _file_stamps(series, paths)

    def case_of(volume: Volume, levels: tuple[Preset, ...], backdrop: Volume | None = None) -> Case:
        case = Case(
            paths,
            volume,
            levels,
            found,
            file_stamps=stamps,
            backdrop=backdrop,
            lesion_lps=None if backdrop is None else _lesion_lps(volume),
        )
        return case.hide_identity(for_good=True) if hide_identity else case

    def watch(volume: Volume) -> None:
        on_first(case_of(volume, presets(_slices_read(volume))))

    reading = part_of(progress, 0.2 if not known else 0.0, 0.95)
    volume = read_series(series, notices=notices, progress=reading, watch=watch)
    progress(0.95, "Choosing the window level")
    backdrop = _backdrop(volume)
    if backdrop is not None:
        return case_of(volume, (ON_TEMPLATE,), backdrop)
    return case_of(volume, presets(volume))


def _backdrop(volume: Volume) -> Volume | None:
    """A lesion map in standard space on the template; None for any other volume."""
    from fusion3d_gui.imaging.template import on_template
    from fusion3d_gui.inference.fit.scan_values import ScanValues
    from fusion3d_gui.inference.fit.standard_space import standard_space_faults

    content = ScanValues.of(volume)
    if not content.are_labels or content.constant or any(standard_space_faults(volume)):
        return None
    return on_template(volume)


def _lesion_lps(lesion_map: Volume) -> tuple[float, float, float] | None:
    """A voxel (mm, LPS) in the middle of the lesion's largest part; None without a lesion."""
    from fusion3d_gui.imaging.largest_part import middle_of_largest_part

    inside = lesion_map.real(lesion_map.voxels) != 0
    if not inside.any():
        return None
    x, y, z = lesion_map.to_lps(middle_of_largest_part(inside)[::-1])
    return float(x), float(y), float(z)


def _file_stamps(series: Series, paths: tuple[Path, ...]) -> tuple[FileStamp, ...]:
    if series.format == "DICOM":
        return ()
    # Files unpacked from an archive are new each time: the archive's own stamp counts.
    named = {path.absolute() for path in paths}
    is_unpacked = not all(
        named.intersection((file.absolute(), *file.absolute().parents)) for file in series.paths
    )
    files = paths if is_unpacked else series.paths
    try:
        found = [each.stat() for each in files]
    except OSError:
        return ()  # reading them fails too, and says why
    return tuple((each.st_mtime_ns, each.st_size) for each in found)


def _slices_read(volume: Volume) -> Volume:
    """The slices read so far, as a volume of their own."""
    if volume.loaded_slices is None:
        return volume
    return replace(volume, voxels=volume.voxels[volume.loaded_slices.is_read], loaded_slices=None)
