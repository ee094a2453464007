"""The focal loss against MONAI's and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.losses.focal_loss import FocalLoss as MonaiFocalLoss
from torch.nn.functional import binary_cross_entropy_with_logits

from fusion3d_gui.model.network.loss import FocalLoss


@pytest.mark.parametrize("alpha", [0.1, 0.25, 0.9, None])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_agrees_with_monai_in_value_and_gradient(alpha, gamma, reduction):
    generator = torch.Generator().manual_seed(0)
    ours = (torch.randn(64, generator=generator) * 4).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    targets = (torch.rand(64, generator=generator) < 0.2).float()
    loss = FocalLoss(alpha, gamma, reduction=reduction)(ours, targets)
    judge = MonaiFocalLoss(gamma=gamma, alpha=alpha, reduction=reduction)
    reference = judge(theirs[:, None, None], targets[:, None, None]).squeeze()
    torch.testing.assert_close(loss, reference, rtol=1e-5, atol=1e-6)
    loss.sum().backward()
    reference.sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)


@settings(max_examples=200, deadline=None)
@given(
    logit=st.floats(-30, 30),
    positive=st.booleans(),
    alpha=st.floats(0, 1),
    gamma=st.floats(0, 5),
    smoothing=st.floats(0, 0.5),
)
def test_equals_the_closed_form_in_double_precision(logit, positive, alpha, gamma, smoothing):
    p = 1 / (1 + math.exp(-logit))
    not_p = 1 / (1 + math.exp(logit))
    if_positive = -alpha * not_p**gamma * math.log(p)
    if_negative = -(1 - alpha) * p**gamma * math.log(not_p)
    soft = positive * (1 - smoothing) + smoothing / 2
    expected = soft * if_positive + (1 - soft) * if_negative
    loss = FocalLoss(alpha, gamma, label_smoothing=smoothing, reduction="sum")
    found = loss(
        torch.tensor([logit], dtype=torch.float64), torch.tensor([positive], dtype=torch.float64)
    )
    assert float(found) == pytest.approx(expected, rel=1e-10, abs=1e-14)


def test_gamma_zero_without_alpha_is_cross_entropy_also_with_smoothing():
    logits = torch.linspace(-8, 8, 33)
    targets = (torch.arange(33) % 2).float()
    smooth = targets * 0.9 + 0.05
    torch.testing.assert_close(
        FocalLoss(None, 0.0, label_smoothing=0.1)(logits, targets),
        binary_cross_entropy_with_logits(logits, smooth),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_is_finite_with_finite_gradient_at_extreme_logits(dtype, gamma):
    logits = torch.tensor([-100.0, -50, 0, 50, 100], dtype=dtype).repeat(2).requires_grad_()
    targets = torch.tensor([0.0] * 5 + [1.0] * 5)
    loss = FocalLoss(0.25, gamma, label_smoothing=0.1, reduction="none")(logits, targets)
    assert torch.isfinite(loss).all()
    loss.sum().backward()
    assert torch.isfinite(logits.grad).all()


def test_a_confident_mistake_costs_what_the_logit_says():
    loss = FocalLoss(alpha=None, gamma=2.0)(torch.tensor([-100.0]), torch.tensor([1.0]))
    assert float(loss) == pytest.approx(100.0, rel=1e-6)


def test_gradients_agree_with_finite_differences():
    logits = torch.linspace(-6, 6, 13, dtype=torch.float32).requires_grad_()
    targets = (torch.arange(13) % 3 == 0).float()
    loss = FocalLoss(0.3, 1.5, label_smoothing=0.2, reduction="sum")
    loss(logits, targets).backward()
    step = 1e-2
    for index in range(13):
        shift = torch.zeros(13)
        shift[index] = step
        with torch.no_grad():
            slope = (loss(logits + shift, targets) - loss(logits - shift, targets)) / (2 * step)
        assert float(logits.grad[index]) == pytest.approx(float(slope), rel=2e-2, abs=2e-3)


def test_autocast_gives_the_float32_value_and_a_gradient():
    logits = torch.linspace(-20, 20, 21).requires_grad_()
    targets = (torch.arange(21) % 2).float()
    plain = FocalLoss()(logits, targets)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under_autocast = FocalLoss()(logits, targets)
    assert under_autocast.dtype == torch.float32
    assert float(under_autocast.detach()) == float(plain.detach())
    under_autocast.backward()
    assert torch.isfinite(logits.grad).all()


def test_dynamic_alpha_gives_both_classes_the_same_total_weight():
    targets = torch.tensor([1.0] + [0.0] * 9)
    losses = FocalLoss(dynamic_alpha=True, gamma=0.0, reduction="none")(torch.zeros(10), targets)
    weights = losses / math.log(2)
    assert float(weights[0]) == pytest.approx(0.9)
    assert float(weights[1:].sum()) == pytest.approx(0.9)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_dynamic_alpha_of_a_batch_of_one_class_is_a_half(label):
    logits, targets = torch.randn(6), torch.full((6,), label)
    torch.testing.assert_close(
        FocalLoss(dynamic_alpha=True)(logits, targets), FocalLoss(alpha=0.5)(logits, targets)
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"alpha": 1.5},
        {"gamma": -1.0},
        {"gamma": np.nan},
        {"label_smoothing": 1.0},
        {"reduction": "max"},
    ],
)
def test_refuses_options_without_meaning(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FocalLoss(**wrong)


def test_refuses_shapes_that_would_broadcast():
    with pytest.raises(ValueError, match="shape"):
        FocalLoss()(torch.zeros(4), torch.zeros(4, 1))


def test_under_autocast_the_loss_is_computed_in_single_precision():
    logits = torch.linspace(-4, 4, 33)
    targets = (torch.arange(33) % 3 == 0).float()
    expected = FocalLoss()(logits, targets)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = FocalLoss()(logits.to(torch.bfloat16).float(), targets)
        half = FocalLoss()(logits.to(torch.bfloat16), targets)
    assert found.dtype == half.dtype == torch.float32
    assert float(found) == pytest.approx(float(expected), rel=2e-3)
