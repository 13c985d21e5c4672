"""Goes through the slots of a mask."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .lowest import lowest

__all__ = ["SlotWalk"]


class SlotWalk(wiring.Component):
    """Goes from slot to slot of a mask, the lowest first.

    The slot at hand stands in registers, and the next one is found while it does: to find it takes
    a good part of a clock.

    Parameters
    ----------
    slots : :class:`int`
        Number of slots.

    Members
    -------
    begin : :py:`In(1)`
        Strobe: go to the lowest slot of ``mask``.
    mask : :py:`In(slots)`
        Slots to go through, with ``begin``.
    step : :py:`In(1)`
        Strobe: go on to the next slot. ``begin`` prevails.
    valid : :py:`Out(1)`
        There is a slot at hand.
    slot, bit : :py:`Out(range(slots))`, :py:`Out(slots)`
        That slot, and a mask of it alone; both 0 where there is none.
    last : :py:`Out(1)`
        No slot follows.
    """

    def __init__(self, *, slots):
        self.slots = slots
        super().__init__({
            "begin": In(1),
            "mask": In(slots),
            "step": In(1),
            "valid": Out(1),
            "slot": Out(range(slots)),
            "bit": Out(slots),
            "last": Out(1, init=1),
        })

    def elaborate(self, platform):
        m = Module()

        # Slots that follow. Slot 0 never does.
        others = Signal(self.slots - 1)

        def take(mask):
            slot, bit = lowest(mask)
            rest = mask & ~bit
            m.d.sync += [self.slot.eq(slot), self.bit.eq(bit), self.valid.eq(mask.any()),
                         others.eq(rest[1:]), self.last.eq(~rest[1:].any())]

        with m.If(self.begin):
            take(self.mask)
        with m.Elif(self.step):
            take(Cat(C(0, 1), others))

        return m
