"""Reports of what several slots do together: many texts, or one whose tokens are drafted."""

from dataclasses import dataclass

from trine.firmware.registers import Counter

from .report import Report

__all__ = ["ParallelReport", "SpeculationReport"]


@dataclass(frozen=True)
class ParallelReport(Report):
    """Figures of several texts that shared the board's slots.

    texts : list of dict, one for each; cycles_per_token is from a text's token to its next, and
    tokens_per_second counts the tokens of all, while prompts are read through queues included
    """

    texts: list = ()

    @property
    def tokens_per_play(self):
        """Mean tokens that a play gave the texts."""
        plays = self.counters[Counter.TOKENS]
        return self.generated_tokens / plays if plays else 0.0

    def as_dict(self):
        """Return the report as the JSON object of ``--json``."""
        figures = super().as_dict()
        del figures["text"]
        speed = figures.pop("tokens_per_second")
        return {"texts": self.texts} | figures | {
            "slots": self.config.slots, "tokens_per_play": round(self.tokens_per_play, 3),
            "aggregate_tokens_per_second": speed}

    def _head(self):
        yield (f"{len(self.texts)} texts, {self.prompt_tokens} prompt tokens, "
               f"{self.generated_tokens} generated, seed {self.seed}")
        yield f"{self.tokens_per_play:.2f} tokens a play of {self.config.slots} slots"


@dataclass(frozen=True)
class SpeculationReport(Report):
    """Figures of a text whose tokens were drafted and checked.

    plays : how many it took; drafted, accepted : drafted tokens, and how many were right
    """

    plays: int = 0
    drafted: int = 0
    accepted: int = 0

    @property
    def tokens_per_play(self):
        """Mean tokens that a play gave."""
        return self.generated_tokens / self.plays if self.plays else 0.0

    @property
    def cycles_per_token(self):
        """Mean cycles a token of the text."""
        cycles, tokens = self.cycles_per_play, self.tokens_per_play
        return cycles / tokens if cycles and tokens else None

    def as_dict(self):
        """Return the report as the JSON object of ``--json``."""
        acceptance = self.accepted / self.drafted if self.drafted else None
        return super().as_dict() | {
            "plays": self.plays, "drafted": self.drafted, "accepted": self.accepted,
            "acceptance": None if acceptance is None else round(acceptance, 4),
            "tokens_per_play": round(self.tokens_per_play, 3)}

    def _head(self):
        yield from super()._head()
        share = f" ({self.accepted / self.drafted:.0%})" if self.drafted else ""
        yield (f"{self.plays} plays, {self.tokens_per_play:.2f} tokens a play: {self.accepted} of "
               f"{self.drafted} drafted tokens accepted{share}")
