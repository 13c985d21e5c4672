"""What a generation reports: tokens, cycles, roofline, speed and estimated power."""

from dataclasses import dataclass

from trine.firmware.config import PRESETS
from trine.firmware.registers import Counter

from .power import REFERENCE_BOARD, estimate_board, shares_of

__all__ = ["Report"]


@dataclass(frozen=True)
class Report:
    """Figures of one generation.

    model : the :class:`Model`; config : the board's configuration; counters : what the board
    counted over the generation, prompt_counters what before it while the prompt went through all
    slots; seconds : wall-clock time of it, for a board on a port; board :
    name of the board whose power is estimated; reading : its :class:`.meter.Reading`, or None
    """

    model: object
    config: object
    text: str
    prompt_tokens: int
    generated_tokens: int
    seed: int
    counters: object
    clock_source: str
    seconds: float
    simulated_cycles: int | None = None
    board: str = REFERENCE_BOARD
    reading: object = None
    prompt_counters: object = None

    @property
    def cycles_per_play(self):
        """Mean cycles of a play of the tape, or None on a device that knows no time."""
        return self.counters.cycles_per_token

    @property
    def tokens_per_play(self):
        """Tokens that a play gives."""
        return 1

    @property
    def cycles_per_token(self):
        """Mean cycles a token, or None on a device that knows no time."""
        return self.cycles_per_play

    @property
    def roofline(self):
        """Share of the memory's peak that went into ternary weights, or None."""
        if self.cycles_per_play is None:
            return None
        ideal = self.model.ternary_weights / 5 / self.config.memory_bytes
        return ideal / self.cycles_per_play

    @property
    def tokens_per_second(self):
        """Tokens a second at the board's clock, or None."""
        if self.cycles_per_play is None or not self.tokens_per_play:
            return None
        return self.config.clock_hz * self.tokens_per_play / self.cycles_per_play

    @property
    def prompt_cycles(self):
        """Cycles while prompts went through all slots."""
        return self.prompt_counters[Counter.CYCLES] if self.prompt_counters else 0

    @property
    def power(self):
        """The :class:`.power.Estimate` of the board, or None."""
        if self.tokens_per_second is None:
            return None
        digest = self.config.digest()
        preset = next((name for name, known in PRESETS.items() if known.digest() == digest), "")
        return estimate_board(self.board, preset, self.config.clock_hz, shares_of(self.counters),
                              reading=self.reading)

    def as_dict(self):
        """Return the report as the JSON object of ``--json``."""
        speed, power = self.tokens_per_second, self.power

        def rounded(value, digits):
            return None if value is None else round(value, digits)

        simulated = None
        if self.simulated_cycles is not None and self.seconds > 0:
            simulated = round(self.simulated_cycles / self.seconds)
        return {
            "text": self.text, "prompt_tokens": self.prompt_tokens,
            "generated_tokens": self.generated_tokens, "seed": self.seed,
            "cycles_per_token": rounded(self.cycles_per_token, 1),
            "roofline": rounded(self.roofline, 4), "clock_hz": self.config.clock_hz,
            "clock_source": self.clock_source, "tokens_per_second": rounded(speed, 2),
            "wall_tokens_per_second": rounded(
                self.generated_tokens / self.seconds if self.seconds else None, 2),
            "weights_per_second": rounded(
                None if speed is None else speed * self.model.ternary_weights, 0),
            "watts": None if power is None else power.watts.as_dict(),
            "watts_source": None if power is None else power.source,
            "joules_per_token": (
                None if power is None else power.watts.scaled(1 / speed).as_dict(5)),
            "nanojoules_per_weight": None if power is None else power.watts.scaled(
                1e9 / speed / self.model.ternary_weights).as_dict(3),
            "host_wait_cycles": (self.counters[Counter.CAUSE_HOST] if speed else None),
            "prompt_cycles": self.prompt_cycles,
            "saturations": self.counters[Counter.SATURATIONS],
            "simulated_cycles_per_second": simulated,
        }

    def _head(self):
        yield (f"{self.prompt_tokens} prompt tokens, {self.generated_tokens} generated, "
               f"seed {self.seed}")

    def lines(self):
        """Yield the report as lines of text."""
        yield from self._head()
        if self.tokens_per_second is None:
            yield "golden model: no gateware ran, so there is no speed to report"
            return
        figures = self.as_dict()
        watts, joules = figures["watts"], figures["joules_per_token"]
        if self.prompt_cycles:
            yield f"{self.prompt_cycles:,} cycles for what of the prompt went through all slots"
        yield (f"{self.cycles_per_token:,.0f} cycles a token, {self.roofline:.1%} of the memory's "
               f"roofline")
        yield (f"{self.tokens_per_second:.0f} tokens/s and "
               f"{figures['weights_per_second'] / 1e9:.2f} G weights/s at "
               f"{self.config.clock_hz / 1e6:g} MHz ({self.clock_source} clock)")
        how = f"{self.reading.text}:" if self.reading else "estimated"
        yield (f"{how} {watts['typical']:.2f} W ({watts['low']:.2f} to {watts['high']:.2f}), "
               f"{1000 * joules['typical']:.2f} mJ a token, "
               f"{figures['nanojoules_per_weight']['typical']:.2f} nJ a weight")
        if figures["simulated_cycles_per_second"]:
            yield (f"simulated {figures['simulated_cycles_per_second'] / 1e6:.2f} M cycles/s, "
                   f"{figures['wall_tokens_per_second']:.1f} tokens/s here")
        else:
            yield f"{figures['wall_tokens_per_second']:.1f} tokens/s by the wall clock"

    def causes(self):
        """Yield a line for each cause of cycles, with its share."""
        total = self.counters[Counter.CYCLES] - self.counters[Counter.CAUSE_HOST]
        for counter in Counter:
            if counter.name.startswith("CAUSE_") and counter != Counter.CAUSE_HOST and total:
                name = counter.name.removeprefix("CAUSE_").lower()
                yield f"  {name:8}{self.counters[counter] / total:8.2%}"
