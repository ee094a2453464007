"""``write_rerun_page``: the study from another seed beside the first run, figure by figure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusion3d_gui.errors import UserError
from fusion3d_gui.input_file import read_bounded
from fusion3d_gui.output_file import write_whole_text
from fusion3d_gui.training.measure.metrics import Estimate
from fusion3d_gui.training.study.stroke.opponents import PRIMARY_OPPONENT
from fusion3d_gui.training.study.stroke.page import TITLES, verdict
from fusion3d_gui.training.study.stroke.selection import FUSED

_LARGEST_BYTES = 5_000_000
#: Figures of a model: name and decimals.
_FIGURES = {
    "auroc": ("AUROC", 3),
    "auprc": ("AUPRC", 3),
    "brier": ("Brier", 3),
    "slope": ("slope", 2),
    "intercept": ("intercept", 2),
}


def read_results(path: Path) -> dict[str, Any]:
    """A study's figures from ``study.json`` or ``results.json``. Raises UserError where it holds none."""
    try:
        found = json.loads(read_bounded(path, _LARGEST_BYTES))
        for name in ("plan", "models", "primary", "secondary", "further", "controls"):
            found[name]
    except OSError as error:
        raise UserError(f"it can't be read ({error.strerror})", path=path) from None
    except (ValueError, KeyError, TypeError):
        raise UserError("it does not hold a study's figures", path=path) from None
    plain: dict[str, Any] = found
    return plain


def write_rerun_page(first: Mapping[str, Any], again: Mapping[str, Any], folder: Path) -> None:
    """Write ``rerun.md``. Raises UserError where both runs have the folds of the same seeds."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole_text(folder / "rerun.md", rerun_page(first, again))


def rerun_page(first: Mapping[str, Any], again: Mapping[str, Any]) -> str:
    """The page, in Markdown."""
    seeds = [
        set(range(run["plan"]["seed"], run["plan"]["seed"] + run["plan"]["repeats"]))
        for run in (first, again)
    ]
    if seeds[0] & seeds[1]:
        raise UserError(
            f"both runs divide the patients by seed {min(seeds[0] & seeds[1])}",
            remedy=f"Use a seed that is at least {first['plan']['repeats']} away.",
        )
    rows = list(_rows(first, again))
    outside = [row for row in rows if not row.inside]
    shifts = sorted((row for row in rows if row.key == "auroc"), key=lambda row: abs(row.change))
    chosen = [
        ", ".join(f"`{name}` {run['chosen']['fusion'].count(name)}" for name in FUSED)
        for run in (first, again)
    ]
    lines = "\n".join(row.line for row in rows)
    rounded = " Its figures are known as rounded on its page." if "note" in first else ""
    return f"""# The study from another seed

Everything of the [](study.md) again, with seed {again["plan"]["seed"]} in place of {first["plan"]["seed"]}: other folds, other initial weights of
the image branch and the heads, other draws of every kind. Patients and protocol are the same. Written by

```
fusion3d study stroke SOOP --out WORK2 --seed {again["plan"]["seed"]} --minutes 10     # again until nothing is left
fusion3d study stroke SOOP --out WORK2 --seed {again["plan"]["seed"]} --page docs/stroke --rerun-of docs/stroke/study.json
```

**First run:** {verdict(first)}{rounded}

**This run:** {verdict(again)}

{len(rows) - len(outside)} of {len(rows)} figures lie within the first run's 95 % interval. That is a weak test: the interval is that of other *patients*, and
both runs have the same ones. What the seed alone does to a figure is its change: the AUROCs change by {abs(shifts[len(shifts) // 2].change):.3f} in the
median and by {abs(shifts[-1].change):.3f} at most ({shifts[-1].title}).

Inner validation chose, in {len(again["chosen"]["fusion"])} folds: {chosen[1]}; in the first run {chosen[0]}.

| model | figure | first run | this run | change | within |
| --- | --- | --- | --- | --- | --- |
{lines}

Differences in AUROC, fused minus:

| | first run | p | this run | p |
| --- | --- | --- | --- | --- |
{_differences(first, again)}
"""


@dataclass(frozen=True)
class _Row:
    """One figure of both runs."""

    title: str
    key: str
    digits: int
    first: Estimate
    again: float

    @property
    def change(self) -> float:
        return self.again - self.first.value

    @property
    def inside(self) -> bool:
        low, high = self.first.low, self.first.high
        return low is None or high is None or low <= self.again <= high

    @property
    def line(self) -> str:
        change = f"{self.change:+.{self.digits}f}".replace("-", "−")
        return (
            f"| {self.title} | {_FIGURES[self.key][0]} | {self.first.text(self.digits)} | "
            f"{self.again:.{self.digits}f} | {change} | {'yes' if self.inside else '**no**'} |"
        )


def _rows(first: Mapping[str, Any], again: Mapping[str, Any]) -> Iterator[_Row]:
    for name, title in TITLES.items():
        for key, (_, digits) in _FIGURES.items():
            one = Estimate.from_json(first["models"][name][key])
            yield _Row(title, key, digits, one, again["models"][name][key]["value"])
    for target, models in first["further"].items():
        for name, found in models.items():
            if name in again["further"][target]:  # the fusion chosen most often may be another one
                other = again["further"][target][name]["value"]
                title = f"{target}: {TITLES.get(name, name)}"
                yield _Row(title, "auroc", 3, Estimate.from_json(found), other)
    for name, found in first["controls"].items():
        other = again["controls"][name]["value"]
        yield _Row(f"control: {name}", "auroc", 3, Estimate.from_json(found), other)


def _differences(first: Mapping[str, Any], again: Mapping[str, Any]) -> str:
    def cells(found: Mapping[str, Any]) -> str:
        gap = Estimate.from_json(found["difference"])
        text = f"{gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})".replace("-", "−")
        return f"{text} | {found['p']:.2g}"

    lines = [
        f"| {TITLES[PRIMARY_OPPONENT]} (primary) | {cells(first['primary'])} | {cells(again['primary'])} |"
    ]
    others = {each["opponent"]: each for each in again["secondary"]}
    lines += [
        f"| {TITLES[each['opponent']]} | {cells(each)} | {cells(others[each['opponent']])} |"
        for each in first["secondary"]
    ]
    return "\n".join(lines)
