"""A reading that may be looked at every day: an interval that holds at all times at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

ALPHA = 0.05


@dataclass(frozen=True)
class Reading:
    """difference: treatment - control, of means.  low, high: hold with probability 1 - ALPHA at all sample
    sizes together, however often one looks, once samples are large enough for a normal mean."""

    difference: float
    low: float
    high: float


def narrowest_at(n: int) -> float:
    """rho, the width of the mixture, for which the interval is narrowest at n people."""
    return math.sqrt((-2 * math.log(ALPHA) + math.log(-2 * math.log(ALPHA)) + 1) / n)


def radius(n: np.ndarray | float, deviation: np.ndarray | float, rho: float) -> np.ndarray:
    """Half the width at n people with that standard deviation.

    Source: Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2021, "Time-uniform central limit theory and
    asymptotic confidence sequences", Theorem 2.2, and what follows it on the choice of rho.
    """
    scaled = n * rho**2 + 1
    return deviation * np.sqrt(2 * scaled / (np.square(n) * rho**2) * np.log(np.sqrt(scaled) / ALPHA))


def pseudo_outcomes(outcome: np.ndarray, is_treated: np.ndarray, share: float) -> np.ndarray:
    """float64 (n,): one number a person whose mean is the difference of means.

    outcome: (n,).  is_treated: bool (n,).  share: of people who were to be treated.  Each outcome counts by
    the inverse of its chance (Horvitz, Thompson 1952), less the mean of all, which changes no mean and takes
    out what both sides share.
    """
    centred = outcome - outcome.mean()
    return np.where(is_treated, centred / share, -centred / (1 - share))


def read_difference(outcome: np.ndarray, is_treated: np.ndarray, share: float, planned: int) -> Reading:
    """planned: people at whom the interval is to be narrowest, chosen beforehand; it holds at any number."""
    values = pseudo_outcomes(outcome.astype(np.float64), is_treated, share)
    mean = float(values.mean())
    half = float(radius(len(values), float(values.std()), narrowest_at(planned)))
    return Reading(mean, mean - half, mean + half)
