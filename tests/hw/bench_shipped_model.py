"""The shipped model on the core with its SDRAM, driven by frames. Run by test_shipped_model.py."""

import cocotb

from bench_core import CONFIG, connect, play
from trine.firmware.registers import Counter, RunFlags, State
from trine.host.model import Model, shipped_model
from trine.sim.golden.machine import Machine

TOKENS = 32


@cocotb.test()
async def shipped_model_generates(dut):
    """Play a prompt, then what the board sampled: every logit's CRC, SDRAM rules, cycles."""
    board = await connect(dut)
    model = Model.load(shipped_model())
    image = model.image(CONFIG)
    machine = Machine(CONFIG, image.data)
    await board.upload(image.data)
    machine.play(image.tapes["load"])
    await board.run(image.tapes["load"], active=1)

    prompt = [model.tokenizer.begin, *model.tokenizer.encode("Once upon a time")]
    expected = []
    for step in range(TOKENS):
        token = prompt[step] if step < len(prompt) else expected[-1][0]
        expected.append(play(machine, image.tapes["token"], [token], [0])[0])
    for token in prompt:
        await board.write("TOKEN_QUEUE", 0, token)
    before = await board.counters()
    await board.start(image.tapes["token"], TOKENS, active=1, reset=1, feedback=1,
                      flags=RunFlags.TOKENS)
    # No question is asked meanwhile: Python need not see these cycles.
    await board.wait(TOKENS * 204_000)
    await board.until(State.IDLE)

    assert await board.newest(TOKENS, 0) == expected
    assert int(dut.violations.value) == 0
    counted = await board.counters() - before
    ideal = model.ternary_weights / 5 / CONFIG.memory_bytes
    assert ideal / (counted[Counter.CYCLES] / TOKENS) > 0.95
