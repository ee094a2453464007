"""The faults that plant.py finds in a piece of code."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def faults_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    from candidates import find_faults

    def faults(source: str) -> set[str]:
        (tmp_path / "code.py").write_text(source)
        found = find_faults(tmp_path, "code.py")
        return {fault.applied(source.encode()).decode().strip() for fault in found}

    return faults


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("x = 99.5", {"x = 124.375"}),
        ("x = 3", {"x = 4", "x = 2"}),
        ("x = -a", {"x = (a)"}),
        ("x = a - b", {"x = (a + b)", "x = (b - a)"}),
        ("x = a < b", {"x = (a > b)"}),
        ("x = a < len(b)", {"x = (a > len(b))", "x = (a <= len(b))"}),
        ("x = a and b", {"x = (a or b)"}),
        ("x = f(a, b)", {"x = f(b, a)"}),
        ("x = v[k, j, i]", {"x = v[j, k, i]"}),
        ("x = v.sum(axis=0)", {"x = v.sum(axis=1)"}),
        ("x = m.T", {"x = m"}),
        ("x = v[a:b]", {"x = v[a + 1:b]", "x = v[a:b + 1]"}),
        ("x += a", {"pass"}),
        ("x = a if b else c", {"x = (c if b else a)"}),
        ("x: int | None = a", set()),
        ('"""A docstring of 3 words."""', set()),
        ("log.info('%d', 3 + a)", set()),
        ("x = f'{a - 1}'", set()),
        ("x = 1e-6", set()),
        ("x = np.maximum(a, b)", set()),
        ("x = np.clip(a, b, c)", set()),
        ("x = a.clip(b, c)", {"x = a.clip(c, b)"}),
        ("_BLOCK_ROWS = 64", set()),
        ("Kind = Literal['a', 'b']", set()),
    ],
)
def test_each_is_one_small_change_that_matters(faults_of, source, wrong):
    assert faults_of(source) == wrong


def test_a_check_is_left_out_and_a_function_returns_early(faults_of):
    source = "def f(x):\n    if x:\n        return a\n    return b"
    assert faults_of(source) == {source.replace("if x", f"if {always}") for always in (True, False)}


def test_every_module_and_test_of_the_targets_is_there(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    from plant import ROOT, load_targets

    targets = load_targets([])
    assert len(targets) > 50
    for module, tests in targets.items():
        assert (ROOT / module).is_file()
        assert tests and all((ROOT / test).is_file() for test in tests)
