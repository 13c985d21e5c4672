"""Watts of a board, estimated: low, typical and high, every coefficient with its source.

Board power = (FPGA static + logic + block RAM + multipliers + SDRAM + pins) / efficiency of the
regulators + the rest of the board. Resources come from place and route, activity from simulation
(``placed.json``, written by ``tools/placed.py`` and ``tools/activity.py``), the units' shares of
the cycles from the board's counters. No coefficient was measured on a board by this project: where
a source is named the figure is from there, the others say "assumed". A reading of the user's own
meter (:mod:`.meter`) scales the estimate.

Ref: Micron TN-46-03, Calculating Memory System Power; docs/power.md has the method in words.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from trine.firmware.config import PRESETS
from trine.firmware.registers import Counter
from trine.hw.boards import find_board

from .files import write_atomically

__all__ = ["COEFFICIENTS", "PLACED", "REFERENCE_BOARD", "Coefficient", "Estimate", "Shares",
           "Watts", "activity_shares", "coefficients_of", "estimate", "estimate_board",
           "read_placed", "resources_for", "shares_of", "write_placed"]

#: Placed resources and simulated activity.
PLACED = Path(__file__).with_name("placed.json")
#: The board that a simulated one stands for.
REFERENCE_BOARD = "ulx3s-85f"

#: Resources of a configuration that nobody placed yet.
_ASSUMED = {"lut4": 12_000, "ff": 9_000, "bram": 55, "dsp": 15}


@dataclass(frozen=True)
class Watts:
    """An estimate in watts."""

    low: float
    typical: float
    high: float

    def scaled(self, factor):
        """Return all three multiplied by ``factor``, to whatever unit that leads."""
        return Watts(self.low * factor, self.typical * factor, self.high * factor)

    def as_dict(self, digits=2):
        """Return the three figures by name, rounded."""
        return {name: round(getattr(self, name), digits) for name in ("low", "typical", "high")}


@dataclass(frozen=True)
class Coefficient:
    """A number of the formula: as it makes for low, typical and high power, and where it is from.

    ``name`` is for people; ``source`` names a document, or says "assumed".
    """

    name: str
    low: float
    typical: float
    high: float
    unit: str
    source: str


def _static():
    """Yield the static currents of the devices, by (device, rail)."""
    for size, core, auxiliary in ("25F", 77, 16), ("45F", 116, 17), ("85F", 212, 26):
        for rail, milliamps, volts in ("core", core, "1.1"), ("auxiliary", auxiliary, "2.5"):
            yield (f"LFE5U-{size}", rail), Coefficient(
                f"LFE5U-{size}, {rail} current at {volts} V, standby", 0.75 * milliamps, milliamps,
                1.25 * milliamps, "mA", "Lattice FPGA-DS-02012, typical at 25 °C, quoted from "
                "memory, unverified; band of ±25 % assumed")


_WINBOND = "Winbond data sheets W9864G6JH, W9812G6IH, W9825G2JB (low, typical, high), maxima, -6"
_CMOS_40NM = "assumed for 40 nm, 100 to 300 fF a net, within a factor of three"

#: Every coefficient by its key.
COEFFICIENTS = {
    **dict(_static()),
    "lut": Coefficient("LUT4 and the net behind it, a toggle", 0.04, 0.12, 0.36, "pJ", _CMOS_40NM),
    "ff": Coefficient("flip-flop with its clock, a cycle", 0.02, 0.05, 0.15, "pJ", _CMOS_40NM),
    "bram": Coefficient("block RAM, an access", 2, 6, 18, "pJ", _CMOS_40NM),
    "dsp": Coefficient("18x18 multiplier, a product", 8 / 3, 8, 24, "pJ", _CMOS_40NM),
    "vdd": Coefficient("SDRAM and pins, supply", 3.3, 3.3, 3.3, "V", "supply of SDR SDRAM"),
    "idle": Coefficient("SDRAM IDD6 (low) and IDD2, left alone", 2, 30, 40, "mA", _WINBOND),
    "idd3n": Coefficient("SDRAM IDD3N, a row open", 35, 65, 70, "mA", _WINBOND),
    "idd4": Coefficient("SDRAM IDD4, reading", 75, 120, 150, "mA", _WINBOND),
    "idd5": Coefficient("SDRAM IDD5, refreshing", 60, 200, 130, "mA", _WINBOND),
    "rated": Coefficient("SDRAM clock of these currents", 166, 166, 166, "MHz", _WINBOND),
    "trfc": Coefficient("SDRAM refresh, length", 70, 70, 70, "ns", "hw/memory/sdram_timing.py"),
    "trefi": Coefficient("SDRAM refresh, interval", 7812.5, 7812.5, 7812.5, "ns",
                         "hw/memory/sdram_timing.py"),
    "pin": Coefficient("a pin with its trace", 6, 12, 18, "pF", "assumed"),
    "eta": Coefficient("efficiency of the regulators", 0.90, 0.85, 0.80, "",
                       "assumed (TLV62569 step-down converters)"),
    "rest": Coefficient("USB bridge, oscillator, LEDs; ESP32 held in reset", 0.06, 0.10, 0.30, "W",
                        "assumed"),
}


def _die(device):
    """Return the name of a device's silicon: what is sold as a 12F is a 25F."""
    return device.replace("-12F", "-25F")


def coefficients_of(device):
    """Return the coefficients that an estimate of ``device`` uses."""
    return [coefficient for key, coefficient in COEFFICIENTS.items()
            if isinstance(key, str) or key[0] == _die(device)]


@dataclass(frozen=True)
class Shares:
    """Shares of the cycles, 0 to 1, in which memory, array and vector engine are busy."""

    memory: float
    array: float
    vector: float


def shares_of(counters):
    """Return the :class:`Shares` that the board counted, waits for the host left out; or None."""
    cycles = counters[Counter.CYCLES] - counters[Counter.CAUSE_HOST]
    if cycles <= 0:
        return None
    return Shares(*(min(1.0, counters[counter] / cycles) for counter in (
        Counter.MEMORY_BUSY, Counter.ARRAY_BUSY, Counter.VECTOR_BUSY)))


def activity_shares(counters):
    """Return :func:`shares_of` as ``placed.json`` keeps them."""
    return {name: round(share, 4) for name, share in vars(shares_of(counters)).items()}


def estimate(*, device, clock_hz, shares, resources, toggle_rate, sdram=True):
    """Return the parts of a board's power: :class:`Watts` by name, "total" last.

    device : the FPGA's name; clock_hz : of core and SDRAM; shares : :class:`Shares`; resources :
    dict with lut4, ff, bram, dsp; toggle_rate : changes of a net in a cycle; sdram : whether the
    board's SDRAM is used; else it has no clock

    A block RAM is accessed as often as the units are busy: for low the least busy one, for typical
    their mean, for high every cycle. Multipliers work with the vector engine; for high, always.
    """
    busy = (shares.memory, shares.array, shares.vector)
    accesses = (min(busy), sum(busy) / 3, 1.0)
    products = (shares.vector, shares.vector, 1.0)
    die = _die(device)

    def parts(n):
        def value(key):
            coefficient = COEFFICIENTS[key]
            return (coefficient.low, coefficient.typical, coefficient.high)[n]

        clock, vdd = 1e-12 * clock_hz, value("vdd")
        standby, scale = value("idd3n"), clock_hz / (1e6 * value("rated"))
        refresh = (value("idd5") - standby) * value("trfc") / value("trefi")
        current = scale * (standby + shares.memory * (value("idd4") - standby)) + refresh
        # The clock's pin, and 16 data pins of which each changes in one cycle of two.
        pins = clock * value("pin") * vdd**2 * (1 + 16 * 0.25 * shares.memory)
        return {
            "static": 1e-3 * (1.1 * value((die, "core")) + 2.5 * value((die, "auxiliary"))),
            "logic": clock * (resources["lut4"] * toggle_rate * value("lut")
                              + resources["ff"] * value("ff")),
            "block RAM": clock * resources["bram"] * accesses[n] * value("bram"),
            "multipliers": clock * resources["dsp"] * products[n] * value("dsp"),
            "SDRAM": 1e-3 * vdd * (current if sdram else value("idle")),
            "pins": pins if sdram else 0.0,
        }

    columns = [parts(n) for n in range(3)]
    # At slow clocks the chip with the largest refresh current takes the most: put them in order.
    for column, watts in zip(columns, sorted(column["SDRAM"] for column in columns)):
        column["SDRAM"] = watts
    eta, rest = COEFFICIENTS["eta"], COEFFICIENTS["rest"]
    for column, efficiency, around in zip(columns, (eta.low, eta.typical, eta.high),
                                          (rest.low, rest.typical, rest.high)):
        column["regulators"] = sum(column.values()) * (1 / efficiency - 1)
        column["rest"] = around
        column["total"] = sum(column.values())
    return {name: Watts(*(column[name] for column in columns)) for name in columns[0]}


def read_placed():
    """Return what ``placed.json`` holds: "placed", a list of dicts, and "activity"."""
    return json.loads(PLACED.read_text())


def write_placed(content):
    """Replace ``placed.json``."""
    write_atomically(PLACED, (json.dumps(content, indent=1) + "\n").encode())


def resources_for(board, preset, clock_hz, placed):
    """Return (resources, sentence part that says where they are from).

    The gateware is the same on every board, so another board's placement serves where this one's
    is missing, and that at the nearest clock where none is at this one.
    """
    found = [entry for entry in placed if entry["preset"] == preset]
    if not found:
        return _ASSUMED, "assumed resources"
    entry = min(found, key=lambda entry: (entry["board"] != board,
                                          abs(entry["clock_hz"] - clock_hz)))
    resources = {name: entry[name] for name in _ASSUMED}
    return resources, f"resources placed for {entry['board']} at {entry['clock_hz'] / 1e6:g} MHz"


@dataclass(frozen=True)
class Estimate:
    """What is known about a board's power.

    parts : :class:`Watts` by name, "total" last, as the formula gives them; watts : what to
    report, which a meter's reading may have scaled; source : where it comes from, in words
    """

    board: str
    device: str
    preset: str
    clock_hz: int
    shares: Shares
    resources: dict
    toggle_rate: float
    parts: dict
    watts: Watts
    source: str
    reading: object = None


def estimate_board(board=REFERENCE_BOARD, preset="ulx3s", clock_hz=None, shares=None, *,
                   reading=None):
    """Return the :class:`Estimate` of a board by its name.

    preset : name of the configuration; clock_hz : None for the board's own; shares : None for
    those of the shipped model; reading : :class:`.meter.Reading` of that board, or None
    """
    known = find_board(board)
    clock_hz = clock_hz or known.clock_hz
    content = read_placed()
    activity = content["activity"]
    shares = shares or Shares(**activity["shares"])
    resources, source = resources_for(board, preset, clock_hz, content["placed"])
    parts = estimate(device=known.device, clock_hz=clock_hz, shares=shares, resources=resources,
                     toggle_rate=activity["toggle_rate"],
                     sdram=preset not in PRESETS or not PRESETS[preset].on_chip)
    watts, source = parts["total"], f"estimate: {source}, simulated activity, datasheet currents"
    if reading:
        metered = estimate_board(board, reading.preset, reading.clock_hz)
        watts = reading.scale(watts, metered.watts)
        source += f", {reading.text}"
    return Estimate(board, known.device, preset, clock_hz, shares, resources,
                    activity["toggle_rate"], parts, watts, source, reading)
