"""How a point went: one word, carried as an integer through jit and vmap."""

from __future__ import annotations

import enum


class Status(enum.IntEnum):
    """Numerical status of one point.

    ok              the error estimate is within the promised accuracy
    under_resolved  a resonance was not resolved: do not use the numbers
    max_steps       an ODE solver ran out of steps: do not use the numbers
    non_finite      a number is not finite (theory outside the range of the tables, float32 …)
    no_freeze_out   thermal dark matter that annihilates too slowly to be in equilibrium until it is
                    non-relativistic: its abundance is not that of freeze-out
    runaway         self-interacting ν_s were, at some time, half as many as the active neutrinos
                    that they are made of, whose loss is not followed: an order of magnitude at best
    """

    ok = 0
    under_resolved = 1
    max_steps = 2
    non_finite = 3
    no_freeze_out = 4
    runaway = 5
