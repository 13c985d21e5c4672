"""Status LEDs: what the machine is doing, for people."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from trine.firmware.registers import State

__all__ = ["LEDS", "StatusLEDs"]

#: What there is to show, most important first: a board has an LED for each of the first few.
LEDS = {
    "idle": "The machine waits for a command.",
    "loading": "The host writes to memory.",
    "running": "A run is under way, or waits for the host's token.",
    "error": "A run ended in an error, until RESET.",
    "receiving": "A byte came from the host.",
    "sending": "A byte goes to the host.",
    "reading": "The memory delivers the tape.",
    "alive": "Blinks as long as there is a clock.",
}


class StatusLEDs(wiring.Component):
    """Levels for LEDs. Short events are stretched until one can see them.

    Parameters
    ----------
    clock_hz : :class:`int`
        Frequency of the clock; an event lasts one to four sixteenths of a second.

    Members
    -------
    state : :py:`In(State)`
        State of the machine.
    loading, receiving, sending, reading : :py:`In(1)`
        Events, any number of clocks long.
    leds : :py:`Out(len(LEDS))`
        One bit for each of :data:`LEDS`, from bit 0.
    """

    state: In(State)
    loading: In(1)
    receiving: In(1)
    sending: In(1)
    reading: In(1)
    leds: Out(len(LEDS))

    def __init__(self, *, clock_hz):
        self.clock_hz = clock_hz
        super().__init__()

    def elaborate(self, platform):
        m = Module()

        # The top bits of one counter are a slow clock; its turn is carried in two steps.
        low, high = Signal(12), Signal(max(2, (self.clock_hz // 16).bit_length() - 11))
        turn, full, tick = Signal(), Signal(), Signal()
        m.d.sync += [Cat(low, turn).eq(low + 1), full.eq(high[:-1].all()), tick.eq(turn & full)]
        with m.If(turn):
            m.d.sync += high.eq(high + 1)

        def stretched(strobe):
            # Events come from afar.
            event, level, seen = Signal(), Signal(), Signal()
            m.d.sync += event.eq(strobe)
            m.d.sync += seen.eq(event | (seen & ~tick))
            with m.If(event):
                m.d.sync += level.eq(1)
            with m.Elif(tick):
                m.d.sync += level.eq(seen)
            return level

        levels = {
            "idle": self.state == State.IDLE,
            "loading": stretched(self.loading),
            "running": (self.state == State.RUNNING) | (self.state == State.WAITING),
            "error": self.state == State.ERROR,
            "receiving": stretched(self.receiving),
            "sending": stretched(self.sending),
            "reading": stretched(self.reading),
            "alive": high[-1],
        }
        m.d.sync += self.leds.eq(Cat(levels[name] for name in LEDS))

        return m
