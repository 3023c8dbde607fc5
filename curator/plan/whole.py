"""The verdict on a video as a whole, by what its container says."""

from __future__ import annotations

from fractions import Fraction

from curator.abc.measure import ClipSeries
from curator.media.probe import Probe
from curator.model.clip import Decision, Row, Unit
from curator.model.signal import Signal
from curator.model.span import Span
from curator.plan.checks import Said, Scope
from curator.plan.logical import LogicalPlan
from curator.plan.physical import Plan
from curator.plan.verdicts import Known, Verdicts
from curator.spec.manifests import column_of

__all__ = ["manifest_signals", "video_row"]


def manifest_signals(logical: LogicalPlan, known: Known) -> dict[str, Signal]:
    """What the manifest says of a video in the columns that checks are about."""
    out: dict[str, Signal] = {}
    for check in logical.scoped(Scope.video):
        column = column_of(check.operand)
        if column is not None:
            said = known.column(column)
            out[check.column] = Signal(said, absent="no-value" if said is None else None)
    return out


def video_row(plan: Plan, probe: Probe, whole: Span, known: Known) -> Verdicts | None:
    """The verdict on the whole video, when its manifest or container facts decide it; None when they do not."""
    checks = plan.logical.scoped(Scope.video)
    signals = manifest_signals(plan.logical, known)
    for name in {check.operand.measure for check in checks} & plan.nodes.keys():
        measure = plan.nodes[name].measure
        said = measure.summarise(ClipSeries(whole, probe.info))
        signals |= {f"{name}.{signal}": value for signal, value in said.items()}
    judged: dict[str, tuple[Fraction, Fraction]] = {}
    fallen: Row | None = None
    failing: list[str] = []
    for check in checks:
        judgement = check.judge(signals[check.column])
        passed = judgement.said is Said.holds
        judged[check.name] = (whole.seconds, whole.seconds if passed else Fraction(0))
        if passed:
            continue
        failing.append(check.name)
        if fallen is None:
            fallen = Row(
                span=whole,
                unit=Unit.rest,
                decision=Decision.dropped if judgement.said is Said.fails else Decision.unscored,
                reason=judgement.reason,
                margin=judgement.margin,
                threshold=check.name,
                signals=signals,
            )
    if fallen is None:
        return None
    comeback = {failing[0]: (whole.seconds, 0)} if len(failing) == 1 else {}
    return Verdicts(rows=(fallen,), judged=judged, comeback=comeback)
