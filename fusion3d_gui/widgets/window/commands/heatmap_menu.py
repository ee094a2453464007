"""The Heatmap menu: how the heatmap is shown, and its hot spots."""

from __future__ import annotations

from fusion3d_gui.state.display.overlay import OverlaySettings
from fusion3d_gui.state.prediction.hot_spot_list import HotSpotList
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.widgets.look.color_map import HEATMAPS
from fusion3d_gui.widgets.window.commands.color_maps import color_map_commands
from fusion3d_gui.widgets.window.commands.command import Command


def heatmap_commands(
    predictions: Predictions, overlay: OverlaySettings, hot_spots: HotSpotList
) -> list[Command]:
    """Commands of the Heatmap menu."""

    def has_heatmap() -> bool:
        return predictions.current is not None

    return [
        Command(
            "heatmap",
            "&Heatmap",
            "Show heatmap",
            overlay.toggle,
            "H",
            has_heatmap,
            checked=lambda: overlay.visible,
        ),
        Command(
            "blink",
            "&Heatmap",
            "Blink",
            overlay.toggle_blinking,
            "Shift+H",
            has_heatmap,
            checked=lambda: overlay.blinking,
        ),
        Command(
            "contours",
            "&Heatmap",
            "Contours",
            overlay.toggle_contours,
            "O",
            has_heatmap,
            checked=lambda: overlay.contours,
        ),
        *color_map_commands("heat", "&Heatmap/Colours", HEATMAPS, overlay, has_heatmap),
        Command(
            "next_spot",
            "&Heatmap",
            "Next hot spot",
            hot_spots.next,
            "N",
            has_heatmap,
            begins_group=True,
        ),
        Command(
            "previous_spot", "&Heatmap", "Previous hot spot", hot_spots.previous, "P", has_heatmap
        ),
        Command("peak", "&Heatmap", "Go to heatmap peak", hot_spots.go_to_peak, "G", has_heatmap),
    ]
