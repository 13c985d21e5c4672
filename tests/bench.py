"""Stream test bench: drive components with random stalls and hold them to the stream rules."""

import os
import re
from pathlib import Path
from random import Random

from amaranth import ClockDomain, Module
from amaranth.lib import data
from amaranth.sim import Simulator

__all__ = ["bus_read", "bus_write", "latency", "plain", "run", "simulate", "stream_get",
           "stream_put", "transfers"]


#: Folder for waveforms, one file a simulation; set by pytest's ``--vcd`` (``conftest.py``).
vcd_folder = None


def plain(value):
    """Turn a sampled payload into ints, dicts (structures) and lists (arrays)."""
    if not isinstance(value, data.Const):
        return value
    layout = value.shape()
    if isinstance(layout, data.ArrayLayout):
        return [plain(value[n]) for n in range(layout.length)]
    return {name: plain(value[name]) for name, _ in layout}


def port(dut, name):
    """Look up ``dut.a.b[0]`` by the dotted name ``"a.b.0"``."""
    found = dut
    for part in name.split("."):
        found = found[int(part)] if part.isdigit() else getattr(found, part)
    return found


def simulate(dut, *testbenches, background=()):
    """Run ``dut`` on one clock until the last of ``testbenches`` returns."""
    top = Module()
    top.domains.sync = ClockDomain()  # also where the component is combinational
    top.submodules.dut = dut
    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    for testbench in background:
        simulator.add_testbench(testbench, background=True)
    for testbench in testbenches:
        simulator.add_testbench(testbench)
    if vcd_folder is None:
        simulator.run()
        return
    Path(vcd_folder).mkdir(parents=True, exist_ok=True)
    test = re.sub(r"[^\w.-]+", "_", os.environ.get("PYTEST_CURRENT_TEST", "bench").split(" ")[0])
    number = len(list(Path(vcd_folder).glob(f"{test}*.vcd")))
    with simulator.write_vcd(str(Path(vcd_folder) / f"{test}.{number}.vcd")):
        simulator.run()


async def stream_put(ctx, stream, payload):
    """Offer ``payload`` until it is taken. A verb for hand-written test benches."""
    ctx.set(stream.payload, payload)
    ctx.set(stream.valid, 1)
    await ctx.tick().until(stream.ready)
    ctx.set(stream.valid, 0)


async def stream_get(ctx, stream):
    """Wait for a payload, take it and return it, as plain values."""
    ctx.set(stream.ready, 1)
    payload, = await ctx.tick().sample(stream.payload).until(stream.valid)
    ctx.set(stream.ready, 0)
    return plain(payload)


async def bus_write(ctx, bus, addr, data):
    """Write one register."""
    await stream_put(ctx, bus.request, {"addr": addr, "write": 1, "data": data})


async def bus_read(ctx, bus, addr):
    """Read one register."""
    await stream_put(ctx, bus.request, {"addr": addr, "write": 0})
    return await stream_get(ctx, bus.reply)


def transfers(dut, inputs, counts, *, pins=None, seed=0, stall=0.5, settle=16, patience=2000,
              background=()):
    """Feed and drain any number of streams and tell what moved when.

    Parameters
    ----------
    inputs : :class:`dict`
        Payloads for each input stream, by port name (``"i"``, ``"bus.request"``).
    counts : :class:`dict`
        Payloads expected from each output stream, by port name.
    pins : :class:`dict`
        Values of inputs that are no stream, by port name, set before the first clock edge.
    stall : :class:`float` or :class:`dict`
        Probability that a stream's end that belongs to the bench stalls in a cycle; one for all,
        or by port name. Where it is not 0, sinks also wait for ``valid`` before they give
        ``ready``, half of the time: a source must not wait for its sink.
    settle : :class:`int`
        Cycles to listen beyond the last expected payload, so that a surplus one is seen.
    patience : :class:`int`
        Cycles without any transfer after which the component is taken for dead.
    background : iterable
        Further test benches, stopped with the simulation.

    Returns
    -------
    :class:`dict`
        A list of ``(cycle, payload)`` for every port, inputs included. Payloads are plain
        (:func:`plain`).

    Raises
    ------
    AssertionError
        If an output stream breaks the stream rules (``valid`` withdrawn, or payload changed,
        before a transfer), or if nothing moves any more while payloads are missing.
    """
    moved = {name: [] for name in [*inputs, *counts]}
    quiet, alive, now = 0, 0, 0

    def stalls(name):
        rate = stall.get(name, 0.0) if isinstance(stall, dict) else stall
        return Random(f"{seed} {name}"), rate

    def source(name, payloads):
        stream = port(dut, name)
        rng, rate = stalls(name)

        async def testbench(ctx):
            nonlocal alive
            for payload in payloads:
                while rng.random() < rate:
                    await ctx.tick()
                if not stream.signature.always_valid:
                    ctx.set(stream.valid, 1)
                ctx.set(stream.payload, payload)
                await ctx.tick().until(stream.ready)
                moved[name].append((now, payload))
                alive = now
                if not stream.signature.always_valid:
                    ctx.set(stream.valid, 0)
        return testbench

    def sink(name):
        stream = port(dut, name)
        rng, rate = stalls(name)

        async def testbench(ctx):
            nonlocal alive
            offered, patient = None, False
            while True:
                ready = rng.random() >= rate and (offered is not None or not patient)
                if stream.signature.always_ready:
                    ready = True
                else:
                    ctx.set(stream.ready, ready)
                _, _, valid, payload = await ctx.tick().sample(stream.valid, stream.payload)
                assert offered is None or valid, f"{name}: valid withdrawn before a transfer"
                assert offered is None or payload == offered, \
                    f"{name}: payload changed before a transfer"
                offered = payload if valid and not ready else None
                if valid and ready:
                    moved[name].append((now, plain(payload)))
                    alive = now
                    patient = rate > 0 and rng.random() < 0.5
        return testbench

    async def clock(ctx):
        # First in the list: it counts the edge before the others see it.
        nonlocal now
        while True:
            await ctx.tick()
            now += 1

    async def supervisor(ctx):
        nonlocal quiet
        for name, value in (pins or {}).items():
            ctx.set(port(dut, name), value)
        while quiet <= settle:
            await ctx.tick()
            quiet += all(len(moved[name]) >= count for name, count in counts.items()) and \
                all(len(moved[name]) >= len(payloads) for name, payloads in inputs.items())
            missing = {name: f"{len(moved[name])} of {count}" for name, count in counts.items()}
            taken = {name: f"{len(moved[name])} of {len(all_)}" for name, all_ in inputs.items()}
            assert now - alive < patience or quiet, (
                f"nothing moved for {patience} cycles: inputs taken {taken}, outputs {missing} "
                "(does an output wait for ready before it gives valid?)")

    inputs = {name: list(payloads) for name, payloads in inputs.items()}
    simulate(dut, supervisor, background=[
        clock, *(source(*item) for item in inputs.items()), *map(sink, counts), *background])
    return moved


def run(dut, inputs, count, **options):
    """Feed ``inputs`` and collect ``count`` payloads: the bench of most components.

    ``inputs`` is a list for ``dut.i``, or a dict of lists by port name; ``count`` is a number for
    ``dut.o``, or a dict of numbers by port name. Returns a list, or a dict of lists, likewise:
    longer than ``count`` where the component offered more. ``options`` and errors are those of
    :func:`transfers`.
    """
    counts = count if isinstance(count, dict) else {"o": count}
    moved = transfers(dut, inputs if isinstance(inputs, dict) else {"i": inputs}, counts, **options)
    outputs = {name: [payload for _, payload in moved[name]] for name in counts}
    return outputs if isinstance(count, dict) else outputs["o"]


def latency(dut, inputs, *, i="i", o="o", **options):
    """Cycles from the last of ``inputs`` taken on ``i`` to the first payload offered on ``o``.

    ``inputs`` is one payload or a list of them, or a dict of lists by port name. Nothing stalls.
    """
    if not isinstance(inputs, dict) or i not in inputs:
        inputs = {i: inputs if isinstance(inputs, list) else [inputs]}
    moved = transfers(dut, inputs, {o: 1}, stall=0.0, settle=0, **options)
    return moved[o][0][0] - moved[i][-1][0]
