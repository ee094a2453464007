from pathlib import Path

import pytest

from fusion3d_gui.training.cohort import make_cohort


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table of a cohort of 24 cases at 6 mm."""
    return make_cohort(
        tmp_path_factory.mktemp("cohort") / "c", 24, seed=5, spacing_mm=6.0, workers=1
    )
