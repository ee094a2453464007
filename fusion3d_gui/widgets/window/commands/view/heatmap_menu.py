"""The Heatmap menu: how the heatmap is shown, and its hot spots."""

from __future__ import annotations

from fusion3d_gui.state.display.overlay import OverlaySettings
from fusion3d_gui.state.prediction.explainer import Explainer
from fusion3d_gui.state.prediction.explanation_choice import ExplanationChoice
from fusion3d_gui.state.prediction.hot_spot_list import HotSpotList
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.widgets.look.color_map import HEATMAPS
from fusion3d_gui.widgets.window.commands.command import Command
from fusion3d_gui.widgets.window.commands.view.color_maps import color_map_commands


def heatmap_commands(
    predictions: Predictions,
    overlay: OverlaySettings,
    hot_spots: HotSpotList,
    choice: ExplanationChoice,
    explainer: Explainer,
) -> list[Command]:
    """Commands of the Heatmap menu."""

    def has_heatmap() -> bool:
        return predictions.heatmap is not None

    def is_corrected() -> bool:
        heatmap = predictions.heatmap
        return heatmap is not None and heatmap.correction is not None and heatmap.correction.applied

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
            "keep_scale",
            "&Heatmap",
            "Keep this scale",
            lambda: overlay.toggle_kept_scale(predictions.heatmap),
            "U",
            lambda: overlay.kept_top is not None or has_heatmap(),
            checked=lambda: overlay.kept_top is not None,
            tip="Colour every heatmap on this one's scale: other cases, models and methods",
        ),
        Command(
            "gradcam",
            "&Heatmap",
            "Grad-CAM of the last stage",
            choice.toggle_gradcam,
            "L",
            lambda: predictions.current is not None and choice.can_toggle_gradcam,
            checked=lambda: choice.is_gradcam,
            begins_group=True,
            tip="Switch between the chosen heatmap and Grad-CAM of the network's last stage",
        ),
        Command(
            "beside_gradcam",
            "&Heatmap",
            "Beside Grad-CAM",
            explainer.toggle_beside_gradcam,
            "Shift+L",
            lambda: has_heatmap() and choice.can_toggle_gradcam,
            checked=lambda: explainer.shows_beside_gradcam,
            tip="Show the heatmap and Grad-CAM of the network's last stage side by side",
        ),
        Command(
            "raw_map",
            "&Heatmap",
            "Raw map, not corrected",
            choice.toggle_raw,
            "Shift+C",
            lambda: choice.raw or is_corrected(),
            checked=lambda: choice.raw,
            tip="Show the map where the network computed it, without the correction of its displacement",
        ),
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
