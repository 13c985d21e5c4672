"""Run one token of a model of published size on the simulated board and compare it with golden.

    python tools/token_370m.py

Random weights in the shape of the MatMul-free LM of 370 M (24 layers, dim 1024, hidden 2816,
32,000 tokens). The board is hypothetical: an SDRAM of 256 MB, which no ULX3S carries, filled by
the back door, and larger memories than the preset `ulx3s` has. Everything
else is the preset, cycle by cycle. The timing model predicts the cycles from what golden
saw; it does not know when the chip was refreshed last. Takes some minutes and 4 GB of memory;
writes a record.
"""

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
from trine.sim.timing.memory import SDRAM
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


def measure():
    """Return the record's content."""
    shape = parse_shape(MODEL)
    config = preset("ulx3s").replace(name="ulx3s-256mb", **CHANGES)
    with tqdm(total=5, unit="step", file=sys.stderr, disable=None) as steps:
        def step(text):
            steps.set_description(text)
            steps.update()

        step("model and image")
        model = synthetic_model(shape, name=MODEL)
        image = model.image(config)
        step("golden model")
        machine = TracingMachine(config, image.data)
        machine.play(image.tapes["load"])
        (sampled,) = machine.play(image.tapes["token"], [TOKEN])
        step("building the simulated board")
        with progress_bar("the simulated board of 256 MB") as progress:
            transport = SimulatedTransport(config, progress=progress)
        with Board(transport, "assumed") as board:
            transport.load(image.data)
            board.adopt(image)
            step("the token")
            first, begin, cycles = board.read("TOKEN_COUNT", 0), time.time(), transport.cycles
            counters = run_tokens(board, [[TOKEN]], 1)
            seconds, cycles = time.time() - begin, transport.cycles - cycles
            ((token, crc),) = board.sampled(first, 1)
            state = np.array_equal(board.state(), machine.state(image))
            violations = transport.violations
        step("the timing model")
        predicted = predict(config, token_code(image, config), base=image.tapes["token"].base,
                            memory=SDRAM(clock_hz=config.clock_hz, geometry=CHIP),
                            values=TracedValues(machine, skipped=1)).cycles
    taken = counters.cycles_per_token
    return {
        "model": MODEL, "shape": vars(shape), "ternary_weights": model.ternary_weights,
        "board": "hypothetical: ulx3s with an SDRAM of 256 MB", "changes": CHANGES,
        "clock_hz": config.clock_hz, "clock_source": "assumed",
        "tape_bytes": image.tapes["token"].size,
        "cycles": taken, "predicted_cycles": predicted,
        "roofline": model.ternary_weights / 5 / config.memory_bytes / taken,
        "cycles_by_cause": {name: counters[counter] for name, counter in CAUSES.items()},
        "logits_equal": crc == machine.slots[0].sampler.crc and token == sampled,
        "logits": shape.vocab, "state_equal": state, "saturations": machine.saturations,
        "sdram_violations": violations, "simulated_cycles_per_second": round(cycles / seconds),
    }


def main():
    """Measure, write the record, and say whether all was equal."""
    content = measure()
    path = write_record("real_size", "make token-370m", **content)
    equal = content["logits_equal"] and content["state_equal"] and not content["sdram_violations"]
    print(f"{content['cycles']:,.0f} cycles, {content['predicted_cycles']:,} predicted, "
          f"{content['roofline']:.2%} of the roofline; "
          f"{'equal to golden' if equal else 'DIFFERS from golden'}; written to {path}")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
