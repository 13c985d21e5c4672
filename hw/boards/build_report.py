"""What a build came to: area, Fmax and critical path, for people and as JSON."""

from dataclasses import dataclass

from ..flow.placement import with_parts

__all__ = ["BuildReport"]

_NAMES = {"lut4": "LUT4 (placed TRELLIS_COMB)", "ff": "flip-flops", "bram": "block RAMs",
          "dsp": "18x18 multipliers"}


def closes(placement):
    """Whether every clock of a placement reaches what is required of it."""
    return all(clock["achieved_hz"] >= clock["required_hz"]
               for clock in placement["clocks"].values())


def fmax(placement, clock_hz):
    """Return the clock that a placement would close at, were all its clocks scaled alike."""
    return round(clock_hz * min(clock["achieved_hz"] / clock["required_hz"]
                                for clock in placement["clocks"].values()))


@dataclass(frozen=True, kw_only=True)
class BuildReport:
    """One bitstream.

    Parameters
    ----------
    board : Board
        What it is for.
    preset : str
        Name of the configuration.
    clock_hz : int
        Clock of the core.
    degrees : float
        Phase of the SDRAM's clock.
    baud : int
        Speed of the serial port.
    placements : list of dict
        What :func:`trine.hw.flow.ecp5.place` returned for each seed that was routed.
    unrouted : list of int
        Seeds that the router did not end with.
    synthesis_seconds : float
        Time that the synthesis took, whenever that was.
    tools : dict
        Versions by package.
    """

    board: object
    preset: str
    clock_hz: int
    degrees: float
    baud: int
    placements: list
    unrouted: list
    synthesis_seconds: float
    tools: dict

    @property
    def best(self):
        """The placement that the bitstream is made from: the fastest."""
        return max(self.placements, key=lambda placement: fmax(placement, self.clock_hz))

    @property
    def closed(self):
        """Whether timing closes."""
        return closes(self.best)

    @property
    def fmax_hz(self):
        """The fastest clock that :attr:`best` would close at."""
        return fmax(self.best, self.clock_hz)

    @property
    def build_seconds(self):
        """Time that synthesis and all placements took, whenever that was."""
        return self.synthesis_seconds + sum(placed["seconds"] for placed in self.placements)

    def as_dict(self):
        """Return everything by name, as JSON can hold it."""
        best = self.best
        return {
            "board": self.board.name, "preset": self.preset, "clock_hz": self.clock_hz,
            "closed": self.closed, "fmax_hz": self.fmax_hz, "seed": best["seed"], **best["used"],
            "available": best["available"], "degrees": round(self.degrees, 2), "baud": self.baud,
            "clocks": best["clocks"], "critical_path": best["critical_path"],
            "crossings": best["crossings"], "area": best["area"],
            "seeds": [{"seed": placed["seed"], "closed": closes(placed),
                       "fmax_hz": fmax(placed, self.clock_hz), **placed["used"],
                       "seconds": placed["seconds"]} for placed in self.placements],
            "unrouted": self.unrouted,
            "build_seconds": round(self.build_seconds, 1), "tools": self.tools,
        }

    def headline(self):
        """Say in one sentence whether timing closes, and where not, by which path."""
        name = f"{self.board.title}, preset {self.preset}, {self.clock_hz / 1e6:g} MHz"
        seed, reached = self.best["seed"], f"{self.fmax_hz / 1e6:.1f} MHz"
        if self.closed:
            return f"{name}: timing closes, Fmax {reached} with seed {seed}"
        path = self.best["critical_path"]
        start, end = where(path["steps"][0]), where(path["steps"][-1])
        tried = ", ".join(str(placed["seed"]) for placed in self.placements)
        return (f"{name}: timing does not close with seed {tried}; the best reached {reached}, "
                f"limited by {start} -> {end} ({path['ns']:.2f} ns, {path['levels']} levels); "
                f"lower --clock or try other seeds")

    def lines(self):
        """Yield the lines of the report for people."""
        best = self.best
        yield self.headline()
        yield f"SDRAM clock {self.degrees:.0f} degrees behind, serial port {self.baud:,} baud"
        yield ""
        yield f"{'':28}{'used':>8}{'of':>9}{'share':>8}"
        for kind, name in _NAMES.items():
            used, there = best["used"][kind], best["available"][kind]
            yield f"{name:28}{used:8,}{there:9,}{used / there:8.1%}"
        yield ""
        for placed in self.placements:
            yield f"seed {placed['seed']}: Fmax {fmax(placed, self.clock_hz) / 1e6:.1f} MHz"
        for seed in self.unrouted:
            yield f"seed {seed}: not routed, the router did not end"
        for domain, clock in best["clocks"].items():
            yield (f"clock {domain}: {clock['achieved_hz'] / 1e6:.1f} MHz of "
                   f"{clock['required_hz'] / 1e6:g} MHz required")
        for path in best["crossings"]:
            yield f"from {path['start']} to {path['end']}, no limit: {path['ns']:.2f} ns"
        yield ""
        path = best["critical_path"]
        yield (f"critical path, of clock {path['domain']}: {path['ns']:.2f} ns, "
               f"{path['logic_ns']:.2f} logic and {path['routing_ns']:.2f} routing, "
               f"{path['levels']} levels")
        for number, step in enumerate(path["steps"]):
            levels = f", {step['levels']} levels" if step["levels"] > 1 else ""
            yield f"  {'->' if number else '  '} {where(step)} ({step['ns']:.2f} ns{levels})"
        yield ""
        yield f"{'component, with its parts':32}{'LUT4':>8}{'FF':>8}{'RAM':>6}{'mult':>6}"
        for component, used in with_parts(best["area"], 2).items():
            *parents, name = component.split(".")
            yield (f"{2 * len(parents) * ' ' + name:32}{used['lut4']:8,}{used['ff']:8,}"
                   f"{used['bram']:6}{used['dsp']:6}")
        yield ""
        tools = ", ".join(f"{name} {version}" for name, version in self.tools.items())
        yield f"built in {self.build_seconds:.0f} s with {tools}"


def where(step):
    """Return a step of a path as people write it."""
    return ".".join(filter(None, (step["component"], step["signal"]))) or "the device's own cells"
