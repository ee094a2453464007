"""Where a finding lies, as the last stage learns it: on the cells' own grid, and after each augmentation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from fusion3d_gui.model.attribution.gradcam import cell_affine
from fusion3d_gui.training.data.cases import Cases, coarsen
from fusion3d_gui.training.fit.batches import Batches
from fusion3d_gui.training.fit.mask_supervision import CellFinder, cell_targets
from fusion3d_gui.training.fit.recipe import Recipe


def test_a_voxel_belongs_to_the_cell_whose_centre_is_nearest():
    stride, cells = 8, (5, 6, 7)
    centres = np.stack(np.meshgrid(*map(np.arange, cells), indexing="ij"), -1).reshape(-1, 3)
    mm = centres[:, ::-1] @ cell_affine(np.eye(4), stride)[:3, :3].T
    for voxel in np.random.default_rng(0).integers(0, [33, 41, 49], (200, 3)):
        distance = np.linalg.norm(mm - voxel[::-1], axis=1)
        target = cell_targets(voxel[None], stride, cells)
        assert target.sum() == 1
        found = tuple(int(n) for n in np.argwhere(target)[0])
        at = np.flatnonzero((centres == found).all(axis=1))[0]
        assert distance[at] == pytest.approx(distance.min())


def test_cells_share_a_finding_by_its_voxels_and_the_fullest_counts_as_one():
    voxels = np.array([[0, 0, 0]] * 4 + [[0, 0, 8]] * 3 + [[16, 8, 8]])
    target = cell_targets(voxels, 8, (3, 3, 3))
    assert (target[0, 0, 0], target[0, 0, 1], target[2, 1, 1]) == (1, 0.75, 0.25)
    assert target.sum() == 2
    assert not cell_targets(np.zeros((0, 3)), 8, (3, 3, 3)).any()


def test_the_loss_is_torchs_weighted_cross_entropy():
    torch.manual_seed(0)
    finder = CellFinder(6)
    features, targets = torch.randn(2, 6, 3, 4, 5), torch.randint(0, 2, (2, 3, 4, 5)).float()
    weights = torch.where(targets > 0, 50.0, 1.0)
    expected = binary_cross_entropy_with_logits(
        finder.score(features)[:, 0], targets, weights, reduction="sum"
    )
    assert float(finder.loss(features, targets).detach()) == pytest.approx(
        float(expected.detach() / weights.sum()), rel=1e-5
    )


@pytest.mark.parametrize("coarse_epochs", [0, 1])
def test_the_finding_moves_with_its_image_whatever_is_done_to_it(coarse_epochs):
    """Each image is 1 in its finding and 0 elsewhere: what is seen there must be the finding."""
    shape, rng = (17, 25, 21), np.random.default_rng(3)
    images, findings = np.zeros((12, *shape), np.float16), []
    for image in images:
        # Away from the faces, over which a shift would roll it, and on voxels that coarse grids keep.
        corner = 2 * rng.integers(3, [5, 9, 7])
        block = tuple(slice(c - 1, c + 2) for c in corner)
        image[block] = 1
        findings.append(np.argwhere(image).astype(np.int16))
    cases = Cases(images, np.zeros((12, 0), np.float32), np.arange(12) % 2, tuple(findings))
    recipe = Recipe(
        coarse_epochs=coarse_epochs, epochs=1, batch=4, intensity_scale=0.0, intensity_shift=0.0
    )
    seen = 0
    for batch in Batches(cases, np.arange(12), recipe, seed=1):
        assert batch.findings is not None
        for image, voxels in zip(batch.image[:, 0].numpy(), batch.findings, strict=True):
            middle = np.rint(voxels.mean(axis=0)).astype(int)
            strongest = np.argwhere(image == image.max()).mean(axis=0)
            np.testing.assert_allclose(middle, strongest, atol=0.51)
            seen += 1
    assert seen == 12
    assert coarsen(torch.zeros(1, 1, *shape), 2).shape[2:] == (9, 13, 11)
