"""The scalar operand of a vector instruction, one for each slot."""

from amaranth import *
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from trine.firmware.isa import N_SCALARS

from .slot_walk import SlotWalk

__all__ = ["FACTOR", "ScalarOperands"]

#: A scalar as the multiplier and the rounding shift take it.
FACTOR = data.StructLayout({"mantissa": 31, "shift": 6, "left": 1})


class ScalarOperands(wiring.Component):
    """Fetches one scalar register of every active slot, and keeps them for the elements.

    A register is taken when no instruction that writes it is under way any more; a slot takes
    three clocks then. Sums come slot by slot within each tile, so all slots are kept.

    Parameters
    ----------
    slots : :class:`int`
        Number of slots.

    Members
    -------
    start : :py:`In(1)`
        Strobe: fetch register ``reg`` of the slots in ``active``, and forget the previous ones.
    active : :py:`In(slots)`
        Slots that take part, with ``start``.
    reg : :py:`In(6)`
        Scalar register. Constant from the clock after ``start`` on, until all are loaded.
    scalar_slot, scalar_reg : :py:`Out(range(slots))`, :py:`Out(6)`
        Register that is read.
    scalar_m, scalar_e, scalar_pending : :py:`In(31)`, :py:`In(signed(10))`, :py:`In(1)`
        Its mantissa and exponent, and whether it is about to change, two clocks later.
    loaded : :py:`Out(1)`
        Strobe: one more slot's scalar is there, in the order of slots.
    all_loaded : :py:`Out(1)`
        They are all there.
    slot : :py:`In(range(slots))`
        Slot of an element.
    factor : :py:`Out(FACTOR)`
        That slot's scalar, one clock later: x * scalar is x * mantissa, shifted right and rounded
        by ``shift``, or where ``left`` limited. A shift of 64 or more has become a mantissa of 0.
    """

    #: Clocks from `start` to `all_loaded`, for each active slot, where nothing is pending.
    latency = 3

    def __init__(self, *, slots):
        self.slots = slots

        super().__init__({
            "start": In(1),
            "active": In(slots),
            "reg": In(range(N_SCALARS)),
            "scalar_slot": Out(range(slots)),
            "scalar_reg": Out(range(N_SCALARS)),
            "scalar_m": In(31),
            "scalar_e": In(signed(10)),
            "scalar_pending": In(1),
            "loaded": Out(1),
            "all_loaded": Out(1),
            "slot": In(range(slots)),
            "factor": Out(FACTOR),
        })

    def elaborate(self, platform):
        m = Module()

        m.submodules.factors = factors = Memory(
            shape=Shape.cast(FACTOR), depth=self.slots, init=[])
        write, read = factors.write_port(), factors.read_port(domain="comb")

        # What is read now belongs to the address of two clocks ago: that address has to be as old.
        m.submodules.walk = walk = SlotWalk(slots=self.slots)
        age = Signal(range(3))
        m.d.comb += [
            walk.begin.eq(self.start),
            walk.mask.eq(self.active),
            walk.step.eq(self.loaded),
            self.scalar_slot.eq(walk.slot),
            self.scalar_reg.eq(self.reg),
            self.loaded.eq(walk.valid & (age == 2) & ~self.scalar_pending),
        ]
        with m.If(walk.valid & (age != 2)):
            m.d.sync += age.eq(age + 1)
        with m.If(self.loaded):
            m.d.sync += [age.eq(0), self.all_loaded.eq(walk.last)]
        with m.If(self.start):
            m.d.sync += [age.eq(0), self.all_loaded.eq(0)]

        # The shift is -e. What is compared with it is looked up in e itself: negating takes longer.
        e = self.scalar_e
        too_far = e[9] & (~e[6:9].all() | ~e[:6].any())
        entry = Signal(FACTOR)
        m.d.comb += [
            entry.mantissa.eq(Mux(too_far, 0, self.scalar_m)),
            entry.shift.eq(-e),
            entry.left.eq(~e[9] & e.any()),
            write.addr.eq(walk.slot),
            write.data.eq(entry),
            write.en.eq(self.loaded),
        ]

        m.d.comb += read.addr.eq(self.slot)
        m.d.sync += self.factor.eq(read.data)

        return m
