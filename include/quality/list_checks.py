"""What the domain demands of a whole staged set beyond soundness: limits of its health, and nobody pushed.

In plain SQL and arithmetic, as a suite of its own beside the output gate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from include.config.domain import PUBLISHED, Domain
from include.quality.check_kinds import FIGURES, Check, Figure, NoRows
from include.quality.exposure import PushedItem
from include.quality.gate_report import Finding, GateContext, GateReport, show
from include.ranking.first_places import K

SUITE = "lists"
NAMED = 5  # pushed items that a finding spells out


def judge_lists(
    context: GateContext, health: Mapping[str, float], pushed: Sequence[PushedItem] | None
) -> GateReport:
    """The suite's findings.

    health: figure -> value, as published_coverage@10; a bounded figure that is not among them fails.
    pushed: what find_pushed_items found, None where no set is live to compare with.
    """
    findings = [
        _bounded(name, lowest, highest, health.get(name))
        for name, (lowest, highest) in context.domain.gate.bounds.items()
        if name.startswith(PUBLISHED)
    ]
    return GateReport(SUITE, context, (*findings, _nobody_pushed(context.domain, pushed)))


def _bounded(name: str, lowest: float | None, highest: float | None, value: float | None) -> Finding:
    rule = Figure(name, "", lowest, highest)
    check = Check(FIGURES, name, rule)
    if value is None:
        return Finding(check, False, "not measured: the set has nothing to measure it by")
    return Finding(check, rule.holds(value), show(value))


def _blocks(domain: Domain, pushed: Sequence[PushedItem]) -> bool:
    quality = domain.quality
    if quality.pushed_items == "auto":
        return any(item.growth > quality.block_exposure_growth for item in pushed)
    return quality.pushed_items == "block"


def _nobody_pushed(domain: Domain, pushed: Sequence[PushedItem] | None) -> Finding:
    growth = domain.quality.max_exposure_growth
    severity = "critical" if _blocks(domain, pushed or ()) else "warning"
    says = f"no item's top-{K} exposure grows more than {growth:g} times by new accounts"
    check = Check(FIGURES, says, NoRows(""), severity)
    if pushed is None:
        return Finding(check, True, "no live set to compare with")
    told = "; ".join(item.describe() for item in pushed[:NAMED])
    rest = f"; and {len(pushed) - NAMED} more" if len(pushed) > NAMED else ""
    return Finding(check, not pushed, f"{told}{rest}" if pushed else "0")
