"""The domain file's section `experiments`."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from include.config.section import Number, Share, Text, Texts, expects, section, unlike

_NAME = "a name of letters, digits, _ and -, at most 40"
_VARIANTS = "a mapping of two variants or more to their shares, above 0, together 1"


def _name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name):
        raise unlike(_NAME)
    return name


def _variants(value: object) -> dict[str, float]:
    shares = value if isinstance(value, dict) else {}
    numbers = [
        share for share in shares.values() if isinstance(share, int | float) and not isinstance(share, bool)
    ]
    if len(shares) < 2 or len(numbers) < len(shares) or min(numbers) <= 0 or abs(sum(numbers) - 1) > 1e-6:
        raise unlike(_VARIANTS)
    return {str(name): float(share) for name, share in shares.items()}


def _no_experiments(value: object) -> object:
    return [] if value is None else value


@section
class ExperimentConfig:
    """An A/B test: who sees what is the app's, which variant that was comes back with events (`variant`)."""

    name: Annotated[Text, AfterValidator(_name), expects(_NAME)]
    """What ops.experiment_results calls it."""

    variants: Annotated[dict[str, float], BeforeValidator(_variants), expects(_VARIANTS)]
    """Variant, as events name it -> the share of people who are to see it. The first is what the others are
    compared with."""

    starts: datetime
    """First instant that counts, UTC."""

    ends: datetime | None = None
    """From then on nothing counts; without it the experiment goes on."""

    outcomes: Annotated[Texts, expects("a list of event types")] = ()
    """Event types that are counted from a person's first event with a variant on; none: all that weigh above
    0."""

    before_days: Annotated[Number, Field(gt=0, le=365)] = 28.0
    """Days before a person's first event with a variant whose events tell how active they are anyway: taking
    that out narrows the intervals (CUPED)."""

    max_loss: Share = 0.1
    """Share of the control's outcomes that a variant may lose: one that has surely lost more is to be
    stopped."""

    salt: Text | None = None
    """For `python -m bin.assign`, and apps that do as it does: the name without one."""


Experiments = Annotated[tuple[ExperimentConfig, ...], BeforeValidator(_no_experiments)]


def check_experiments(experiments: tuple[ExperimentConfig, ...]) -> tuple[str, Any, str] | None:
    """(key, value, expected) of the first experiment that does not fit, else None."""
    names = [experiment.name for experiment in experiments]
    for at, experiment in enumerate(experiments):
        if names.index(experiment.name) < at:
            return f"experiments[{at}].name", experiment.name, "a name that no other experiment has"
        if experiment.ends is not None and experiment.ends <= experiment.starts:
            return f"experiments[{at}].ends", experiment.ends, "an instant after starts"
    return None
