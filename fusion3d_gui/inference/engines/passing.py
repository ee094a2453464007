"""``choose_passing_engine``: the engine of a bundle that passes a check; one that fails is replaced by the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.engines.available import Candidate, available_engines
from fusion3d_gui.inference.engines.remote_server import RemoteServer
from fusion3d_gui.inference.engines.select import SelectedEngine, choose_engine
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.progress import Progress, no_progress, part_of

#: Says what is wrong with the numbers of an engine, a sentence each; nothing where it may be used.
EngineCheck = Callable[[SelectedEngine, Progress], Sequence[str]]


def choose_passing_engine(
    bundle: ModelBundle,
    choice: str,
    device: str,
    check: EngineCheck,
    progress: Progress = no_progress,
    *,
    server: RemoteServer | None = None,
    candidates: Callable[[ModelBundle, str], Sequence[Candidate]] = available_engines,
) -> SelectedEngine:
    """Choose as :func:`~fusion3d_gui.inference.engines.select.choose_engine` does, until an engine passes ``check``.

    Each engine that fails leaves a notice that names it and what differed. After a requested engine or GPU the others
    of that device are tried, then those of the CPU. A server is not checked: it checks itself.

    Raises
    ------
    UserError
        As :func:`choose_engine` does, and where no engine passes.
    """
    chosen = choose_engine(
        bundle, choice, device, part_of(progress, 0.0, 0.3), server=server, candidates=candidates
    )
    report = part_of(progress, 0.3, 1.0)
    failed: dict[str, str] = {}
    while (candidate := chosen.candidate) is not None:
        # PyTorch on the CPU also stands in where no other engine works.
        has_failed = candidate.key in failed
        wrong = () if has_failed else check(chosen, report)
        if not has_failed and not wrong:
            break
        if wrong:
            failed[candidate.key] = _sentence(chosen, wrong)
        others = (*candidates(bundle, device), *candidates(bundle, "cpu"))
        left = {each.key: each for each in others if each.key not in failed}
        if has_failed or not left:
            raise UserError(
                "there is no number, since no engine of this machine computes what it should. "
                + " ".join(failed.values()),
                remedy="Install Fusion3D again or update the driver; then run `fusion3d check`.",
            )
        chosen = choose_engine(
            bundle, "auto", device, report, candidates=_only(tuple(left.values()))
        )
    return replace(chosen, notices=(*failed.values(), *chosen.notices))


def _only(left: Sequence[Candidate]) -> Callable[[ModelBundle, str], Sequence[Candidate]]:
    return lambda bundle, device: left


def _sentence(chosen: SelectedEngine, wrong: Sequence[str]) -> str:
    more = f"; {len(wrong) - 1} more differ" if len(wrong) > 1 else ""
    return f"{chosen.engine.text} is not used: it computes other numbers than it should ({wrong[0]}{more})."
