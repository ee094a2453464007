"""Small cohorts, and bundles of untrained networks to judge on them."""

from pathlib import Path

import pytest
import torch

from fusion3d_gui.model.bundle.bundle import save_bundle
from fusion3d_gui.model.bundle.bundle_info import Decision
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.network.network_config import NetworkConfig
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.model.scope import Scope
from fusion3d_gui.training.cohort.make_cohort import make_cohort
from fusion3d_gui.training.cohort.population import OutcomeModel
from fusion3d_gui.training.data.table import fit_schema, read_table
from fusion3d_gui.training.measure.metadata_baseline import MetadataBaseline

CARD = "# A model\n\nWeights (SHA-256): not yet.\n\n## Held-out figures\n\nNone.\n\n## Limits\n\nMany.\n"


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table of a cohort of 24 cases at 6 mm, with more lesions and positives than usual."""
    return make_cohort(
        tmp_path_factory.mktemp("cohort") / "c",
        24,
        seed=5,
        spacing_mm=6.0,
        prevalence=0.4,
        model=OutcomeModel(lesion_rate=0.5),
        workers=1,
    )


@pytest.fixture(scope="session")
def judged_table(tmp_path_factory) -> Path:
    """A cohort in which two in five are positive, at 8 mm."""
    out = tmp_path_factory.mktemp("cohort") / "c"
    return make_cohort(out, 30, seed=11, spacing_mm=8.0, prevalence=0.4, workers=1)


@pytest.fixture(scope="session")
def make_untrained(judged_table, tmp_path_factory):
    """A bundle of an untrained network, whose threshold calls about half of the cases positive."""

    def make_one(fusion: str, seed: int) -> Path:
        torch.manual_seed(seed)
        known = fit_schema(read_table(judged_table).schema, read_table(judged_table).cases)
        schema = MetadataSchema() if fusion == "image_only" else known
        network = LearnedFeatureFusion3D(
            NetworkConfig(
                fusion=fusion,
                metadata_width=schema.width,
                width=1 / 16,
                stem_pool=False,
                stage_strides=(2, 1, 1),
            )
        )
        folder = tmp_path_factory.mktemp("bundle") / f"{fusion}-{seed}"
        save_bundle(
            folder,
            network,
            metadata={"name": folder.name, "version": "1.0.0", "task": "A <made-up> task"},
            preprocessing=Preprocessing((25, 33, 25), 7.5),
            schema=schema,
            decision=Decision(("no", "yes"), threshold=0.3),
            card=CARD,
            scope=Scope(body_part="brain"),
        )
        if schema.fields:
            MetadataBaseline.fit(
                read_table(judged_table).encode_metadata(schema), read_table(judged_table).labels
            ).save(folder)
        return folder

    return make_one
