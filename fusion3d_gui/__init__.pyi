"""What type checkers see of the public API, whose names ``__init__.py`` imports at their first use."""

from fusion3d_gui.api import Model as Model
from fusion3d_gui.api import Prediction as Prediction
from fusion3d_gui.api import explain as explain
from fusion3d_gui.api import find_series as find_series
from fusion3d_gui.api import load_model as load_model
from fusion3d_gui.api import open_volume as open_volume
from fusion3d_gui.api import shipped_cases as shipped_cases
from fusion3d_gui.api import shipped_models as shipped_models
from fusion3d_gui.errors import UserError as UserError
from fusion3d_gui.imaging.volume import Volume as Volume
from fusion3d_gui.inference.prediction import Heatmap as Heatmap
from fusion3d_gui.notebook.evaluation import evaluate as evaluate
from fusion3d_gui.notebook.masks import read_masks as read_masks
from fusion3d_gui.notebook.tables import read_results as read_results
from fusion3d_gui.notebook.view import view as view

__version__: str
RESEARCH_USE_ONLY: str
__all__: list[str]
