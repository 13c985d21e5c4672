"""When the vector engine takes, finishes and hands on its elements."""

from amaranth.utils import exact_log2

from trine.hw.element_issue import ElementIssue
from trine.hw.scalar_operands import ScalarOperands
from trine.hw.vector_engine import VectorEngine

__all__ = ["beats_of", "end_of", "filled", "issue_counted", "load_scalars",
           "statistic_latency"]


def beats_of(elements, vector_lanes):
    """Return in how many clocks so many elements of a slot are issued."""
    return -(-elements // vector_lanes)


def load_scalars(scalars, register, taken, slots):
    """Return the clocks from which each of ``slots`` slots has its scalar operand.

    scalars : :class:`ScalarTimeline`; taken : clock in which the command is taken
    """
    clock, loaded = taken + VectorEngine.begin_latency - 1, []
    for _ in range(slots):
        clock = scalars.read(register, clock + ScalarOperands.latency)
        loaded.append(clock + 1)
    return loaded


def issue_counted(taken, beats, loaded, settling=0):
    """Return (first, last) clocks of issue, for each slot.

    beats : of a slot; loaded : clocks from which the slots have what they wait for; settling :
    clocks between a slot's last beat and the next one's first
    """
    clock, issued = taken + VectorEngine.begin_latency, []
    for there in loaded:
        first = max(clock, there)
        issued.append((first, first + beats - 1))
        clock = first + beats + settling
    return issued


def filled(last):
    """Return the clock from which the engine is free again, after FILL's last element."""
    return last + ElementIssue.latency + 2


def statistic_latency(vector_lanes):
    """Return the clocks from the last result to the first statistic: lanes are added in pairs."""
    return VectorEngine.statistic_latency + exact_log2(vector_lanes)


def end_of(last_result, *, gathered=None, left=None):
    """Return the clock from which the engine is free again.

    last_result : clock of the last result; gathered : in which the last statistic is taken, or
    None; left : in which the last result leaves for sampler or memory, or None
    """
    ends = [last_result + 2]
    if gathered is not None:
        ends.append(gathered + 2)
    if left is not None:
        # `leaving`, the number of those outstanding, and that it is zero, are registers.
        ends.append(left + 4)
    return max(ends)
