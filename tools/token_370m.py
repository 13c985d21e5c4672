"""Run tokens of a model of published size on simulated boards and compare them with golden.

    python tools/token_370m.py [sdram] [ecpix-5]

Random weights in the shape of the MatMul-free LM of 370 M (24 layers, dim 1024, hidden 2816,
32,000 tokens), on boards that nobody has, filled by the back door. But for their memories they are
the gateware, cycle by cycle.

sdram: one token with the preset `ulx3s`, larger memories, and an SDRAM of 256 MB, which no ULX3S
carries. The timing model predicts the cycles from what golden saw; it does not know when the chip
was refreshed last.

ecpix-5: a text of some tokens with the preset of that name, whose memory has the rate of an
ECPIX-5's and nothing else of it.

Each takes some minutes and 4 GB of memory; writes records.
"""

import argparse
import sys
import time

import numpy as np
from record import write_record
from tqdm import tqdm

from trine.firmware.config import preset
from trine.host.bench import CAUSES, run_tokens
from trine.host.board import Board
from trine.host.simulated import SimulatedTransport
from trine.host.synthetic import parse_shape, synthetic_model
from trine.hw.memory.sdram_timing import SDRAMGeometry
from trine.sim.timing.memory import SDRAM, memory_of
from trine.sim.timing.predict import predict, token_code
from trine.sim.timing.values import TracedValues, TracingMachine
from trine.sim.verilator import progress_bar

MODEL = "synthetic-370m"
#: What the model needs more than the preset `ulx3s` has.
CHANGES = {"memory_size": 256 << 20, "vector_words": 8192, "state_words": 32768,
           "code_words": 4096, "max_cols": 4096, "fifo_bytes": 8192}
TOKEN = 12345
#: The hypothetical chip.
CHIP = SDRAMGeometry(rows=16384, cols=2048)
#: Tokens of the text on the board with the faster memory.
TEXT = 4


def measure(model, config, memory, count):
    """Return what ``count`` tokens took, each the next one's input, and whether all was equal.

    memory : function without arguments, the timing model's memory
    """
    image = model.image(config)
    with tqdm(total=4, unit="step", file=sys.stderr, disable=None) as steps:
        def step(text):
            steps.set_description(text)
            steps.update()

        step("golden model")
        machine, token, expected = TracingMachine(config, image.data), TOKEN, []
        machine.play(image.tapes["load"])
        for _ in range(count):
            (token,) = machine.play(image.tapes["token"], [token])
            expected.append((token, machine.slots[0].sampler.crc))
        step("building the simulated board")
        with progress_bar(f"the simulated board of {config.name}") as progress:
            transport = SimulatedTransport(config, progress=progress)
        with Board(transport, "assumed") as board:
            transport.load(image.data)
            board.adopt(image)
            step(f"{count} tokens")
            first, begin, cycles = board.read("TOKEN_COUNT", 0), time.time(), transport.cycles
            counters = run_tokens(board, [[TOKEN]], count, feedback=count > 1)
            seconds, cycles = time.time() - begin, transport.cycles - cycles
            sampled = board.sampled(first, count)
            state = np.array_equal(board.state(), machine.state(image))
            violations = transport.violations
        step("the timing model")
        predicted = predict(config, token_code(image, config), base=image.tapes["token"].base,
                            plays=count, memory=memory(), values=TracedValues(machine, skipped=1))
    taken = counters.cycles_per_token
    return {
        "model": MODEL, "shape": vars(parse_shape(MODEL)),
        "ternary_weights": model.ternary_weights,
        "tokens": count, "clock_hz": config.clock_hz, "clock_source": "assumed",
        "tape_bytes": image.tapes["token"].size,
        "cycles": taken, "predicted_cycles": predicted.cycles / count,
        "roofline": model.ternary_weights / 5 / config.memory_bytes / taken,
        "cycles_by_cause": {name: counters[counter] for name, counter in CAUSES.items()},
        "logits_equal": sampled == expected, "logits": model.vocab_size, "state_equal": state,
        "saturations": machine.saturations, "sdram_violations": violations,
        "simulated_cycles_per_second": round(cycles / seconds),
    }


def sdram(model):
    """Measure with an SDRAM of 256 MB."""
    config = preset("ulx3s").replace(name="ulx3s-256mb", **CHANGES)
    return measure(model, config, lambda: SDRAM(clock_hz=config.clock_hz, geometry=CHIP), 1) | {
        "board": "hypothetical: ulx3s with an SDRAM of 256 MB", "changes": CHANGES}


def ecpix_5(model):
    """Measure with a memory of an ECPIX-5's rate."""
    config = preset("ecpix-5")
    found = measure(model, config, lambda: memory_of(config), TEXT)
    off = found["predicted_cycles"] / found["cycles"] - 1
    equal = found["logits_equal"] and found["state_equal"]
    return found | {
        "title": "A text of a model of published size, at the memory rate of an ECPIX-5",
        "order": 81,
        "text": [
            f"The same weights, {TEXT} tokens, each sampled and fed back on the board. Preset "
            "`ecpix-5`: 80 lanes, 4 vector lanes, and a memory of 8 bytes a clock that gives a "
            "beat in 93 % of the clocks. It stands for a DDR3 controller that is not there yet: "
            "cycles are exact for this memory, not for a board. "
            "(`python tools/token_370m.py ecpix-5`)"],
        "columns": ["", ""],
        "rows": [
            ["cycles a token, counted by the gateware", f"{found['cycles']:,.0f}"],
            ["cycles, predicted by the timing model",
             f"{found['predicted_cycles']:,.0f} ({off:+.4%})"],
            ["roofline, of 8 bytes in every clock", f"{found['roofline']:.2%}"],
            [f"tokens/s at {found['clock_hz'] / 1e6:g} MHz ({found['clock_source']})",
             f"{found['clock_hz'] / found['cycles']:.2f}"],
            [f"all {found['logits']:,} logits of every token and the state equal golden",
             "yes" if equal else "NO"]]}


#: Name of the record and what measures it, by argument.
RUNS = {"sdram": ("real_size", sdram), "ecpix-5": ("real_size_ecpix-5", ecpix_5)}


def main():
    """Measure, write the records, and say whether all was equal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="*", metavar="RUN", help=f"of {', '.join(RUNS)}; all")
    runs = parser.parse_args().runs or list(RUNS)
    if unknown := [run for run in runs if run not in RUNS]:
        sys.exit(f"tools/token_370m.py: run {unknown[0]!r} does not exist; choose of "
                 f"{', '.join(RUNS)}")
    model, failed = synthetic_model(parse_shape(MODEL), name=MODEL), False
    for run in runs:
        name, take = RUNS[run]
        found = take(model)
        path = write_record(name, "make token-370m", **found)
        equal = found["logits_equal"] and found["state_equal"] and not found["sdram_violations"]
        failed |= not equal
        print(f"{found['cycles']:,.0f} cycles a token, {found['predicted_cycles']:,.0f} predicted, "
              f"{found['roofline']:.2%} of the roofline; "
              f"{'equal to golden' if equal else 'DIFFERS from golden'}; written to {path}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
