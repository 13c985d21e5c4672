"""Netlists: models of the ECP5's cells against portable twins, and the core's against golden.

The cells: bench_cells.py. What is tested is what synthesis makes, before it is placed.
"""

from pathlib import Path
from random import Random

import pytest
from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from checkpoints import tiny_model
from cocotb_support import run_bench
from trine.firmware.config import preset
from trine.host.board import Board
from trine.host.commands.selftest import compare
from trine.host.simulated import SimulatedTransport
from trine.hw.core import Core
from trine.hw.flow.verilog import to_verilog
from trine.hw.product import Product
from trine.sim.board_gateware import BoardGateware
from trine.sim.netlist import Netlist, add_prefix, cell_models, library_models, netlist
from trine.sim.simulated import HARNESS, SimulatedBoard
from trine.sim.verilator import build

BENCH = Path(__file__).with_name("bench_cells.py")
#: Memories: bits, rows, bits of a write enable, and whether a read sees what is being written.
MEMORIES = [
    (1, 16384, 1, False), (2, 8192, 2, False), (4, 4096, 4, False), (9, 2048, 9, False),
    (18, 1024, 18, False), (18, 1024, 9, False), (36, 512, 36, False), (36, 512, 9, False),
    (32, 256, 8, False), (9, 2048, 9, True), (36, 512, 36, True), (40, 1024, 40, False),
    (7, 16, 7, False), (20, 32, 20, True),
]
#: Memories with one address for both: bits, rows, and what a read in the clock of a write gives.
SHARED = [(18, 1024, "old"), (9, 2048, "new"), (4, 4096, "nothing")]
#: Multipliers: bits of the factors, and whether they are signed.
PRODUCTS = [(18, 18, True), (18, 18, False), (16, 17, True), (9, 12, False), (32, 32, True)]


class MultiplierLeaf(wiring.Component):
    """A MULT18X18D with all its registers, and the same in Amaranth."""

    a: In(signed(18))
    b: In(18)
    en: In(1)
    clear: In(1)
    o: Out(signed(36))

    def elaborate(self, platform):
        m = Module()

        if getattr(platform, "family", None) == "ecp5":
            registers = {"INPUTA": "0", "INPUTB": "0", "PIPELINE": "1", "OUTPUT": "0"}
            m.submodules.cell = Instance(
                "MULT18X18D", **{f"p_REG_{name}_CLK": "CLK" + number
                                 for name, number in registers.items()},
                p_REG_PIPELINE_CE="CE1", p_REG_PIPELINE_RST="RST2",
                i_CLK0=ClockSignal(), i_CLK1=ClockSignal(), i_CE0=self.en, i_CE1=C(1),
                i_RST0=C(0), i_RST2=self.clear, i_SIGNEDA=C(1), i_SIGNEDB=C(0),
                **{f"i_A{n}": self.a[n] for n in range(18)},
                **{f"i_B{n}": self.b[n] for n in range(18)},
                **{f"o_P{n}": self.o[n] for n in range(36)})
            return m

        a, b, held = Signal(signed(18)), Signal(18), Signal(signed(36))
        with m.If(self.en):
            m.d.sync += [a.eq(self.a), b.eq(self.b), self.o.eq(held)]
        m.d.sync += held.eq(Mux(self.clear, 0, a * b))
        return m


class MemoryLeaf(wiring.Component):
    """A PDPW16KD with its output register and byte enables, and the same in Amaranth."""

    w_addr: In(9)
    w_data: In(36)
    w_en: In(4)
    r_addr: In(9)
    r_en: In(1)
    o: Out(36)

    def elaborate(self, platform):
        m = Module()

        if getattr(platform, "family", None) == "ecp5":
            word = Signal(36)
            m.submodules.cell = Instance(
                "PDPW16KD", p_DATA_WIDTH_R=36, p_REGMODE="OUTREG", p_CSDECODE_W="0b001",
                p_CSDECODE_R="0b100",
                i_CLKW=ClockSignal(), i_CLKR=ClockSignal(), i_CEW=C(1), i_CER=self.r_en,
                i_OCER=C(1), i_RST=C(0), i_CSW0=self.w_en.any(), i_CSW1=C(0), i_CSW2=C(0),
                i_CSR0=C(0), i_CSR1=C(0), i_CSR2=C(1),
                **{f"i_BE{n}": self.w_en[n] for n in range(4)},
                **{f"i_ADW{n}": self.w_addr[n] for n in range(9)},
                **{f"i_ADR{n}": self.r_addr[n - 5] if n >= 5 else C(0) for n in range(14)},
                **{f"i_DI{n}": self.w_data[n] for n in range(36)},
                **{f"o_DO{n}": word[n] for n in range(36)})
            m.d.comb += self.o.eq(Cat(word[18:], word[:18]))
            return m

        m.submodules.storage = storage = Memory(shape=36, depth=512, init=[])
        write, read = storage.write_port(granularity=9), storage.read_port()
        m.d.comb += [write.addr.eq(self.w_addr), write.data.eq(self.w_data),
                     write.en.eq(self.w_en), read.addr.eq(self.r_addr), read.en.eq(self.r_en)]
        m.d.sync += self.o.eq(read.data)
        return m


class Cells(wiring.Component):
    """Memories, multipliers and leaves, all on the same inputs, and their outputs side by side."""

    def __init__(self):
        widths = [*(width for width, *_ in MEMORIES), *(width for width, *_ in SHARED),
                  *(a + b for a, b, _ in PRODUCTS), 36, 36, 34, 34, 20, 36]
        super().__init__({
            "w_addr": In(14), "w_data": In(40), "w_en": In(5), "r_addr": In(14), "r_en": In(1),
            **{f"o_{n}": Out(width) for n, width in enumerate(widths)}})

    def elaborate(self, platform):
        m = Module()

        for n, (width, depth, granularity, transparent) in enumerate(MEMORIES):
            rng = Random(n)
            storage = Memory(shape=width, depth=depth,
                             init=[rng.getrandbits(width) for _ in range(depth)])
            m.submodules[f"memory_{n}"] = storage
            write = storage.write_port(granularity=granularity)
            read = storage.read_port(transparent_for=[write] if transparent else [])
            m.d.comb += [
                write.addr.eq(self.w_addr), write.data.eq(self.w_data), write.en.eq(self.w_en),
                read.addr.eq(self.r_addr), read.en.eq(self.r_en),
                getattr(self, f"o_{n}").eq(read.data),
            ]
        for n, (width, depth, seen) in enumerate(SHARED, len(MEMORIES)):
            m.submodules[f"memory_{n}"] = storage = Memory(shape=width, depth=depth, init=[])
            write = storage.write_port()
            read = storage.read_port(transparent_for=[write] if seen == "new" else [])
            m.d.comb += [
                write.addr.eq(self.w_addr), write.data.eq(self.w_data), write.en.eq(self.w_en),
                read.addr.eq(self.w_addr), getattr(self, f"o_{n}").eq(read.data),
                read.en.eq(self.r_en & ~((seen == "nothing") & write.en)),
            ]
        for n, (a, b, is_signed) in enumerate(PRODUCTS, len(MEMORIES) + len(SHARED)):
            factors = self.w_data[:a], Cat(self.r_addr, self.w_addr, self.w_data)[:b]
            if is_signed:
                factors = [factor.as_signed() for factor in factors]
            m.d.sync += getattr(self, f"o_{n}").eq(factors[0] * factors[1])

        n = len(MEMORIES) + len(SHARED) + len(PRODUCTS)
        m.submodules.multiplier = multiplier = MultiplierLeaf()
        m.submodules.memory = memory = MemoryLeaf()
        m.d.comb += [
            multiplier.a.eq(self.w_data), multiplier.b.eq(Cat(self.r_addr, self.w_addr)),
            multiplier.en.eq(self.r_en), multiplier.clear.eq(self.w_en.all()),
            getattr(self, f"o_{n}").eq(multiplier.o),
            memory.w_addr.eq(self.w_addr), memory.w_data.eq(self.w_data),
            # Nobody promises what a block RAM alone reads of a row that is being written.
            memory.w_en.eq(Mux(self.w_addr[:9] == self.r_addr[:9], 0, self.w_en)),
            memory.r_addr.eq(self.r_addr), memory.r_en.eq(self.r_en),
            getattr(self, f"o_{n + 1}").eq(memory.o),
        ]
        for latency in (1, 2):
            m.submodules += (product := Product(signed(17), 17, latency=latency))
            m.d.comb += [
                product.a.eq(self.w_data[23:]), product.b.eq(self.w_data),
                getattr(self, f"o_{n + 1 + latency}").eq(product.o),
            ]

        # Two registers in a row behind a memory: both become the block RAM's where it is not as
        # wide as both ports.
        for number, (width, depth) in enumerate([(20, 2048), (36, 512)], n + 4):
            m.submodules += (behind := Memory(shape=width, depth=depth, init=[], attrs={
                "no_rw_check": 1, "ram_style": "block"}))
            write, read = behind.write_port(), behind.read_port(domain="comb")
            first, second = Signal(width, reset_less=True), Signal(width, reset_less=True)
            m.d.comb += [
                write.addr.eq(self.w_addr), write.data.eq(self.w_data),
                write.en.eq(self.w_en[0] & (write.addr != read.addr)),
                read.addr.eq(self.r_addr), getattr(self, f"o_{number}").eq(second),
            ]
            m.d.sync += [first.eq(read.data), second.eq(first)]

        return m


class Twins(wiring.Component):
    """The cells in Amaranth and as netlists, and for each output whether they differ."""

    def __init__(self, modules):
        self.portable = Cells()
        self.netlists = [Netlist(Cells(), module=module) for module in modules]
        self.inputs = ("w_addr", "w_data", "w_en", "r_addr", "r_en")
        self.outputs = [name for name in self.portable.signature.members if name[:2] == "o_"]
        super().__init__({
            **{name: self.portable.signature.members[name] for name in self.inputs},
            "differs": Out(len(modules) * len(self.outputs))})

    def elaborate(self, platform):
        m = Module()

        m.submodules.portable = self.portable
        m.submodules += self.netlists
        for each in (self.portable, *self.netlists):
            m.d.comb += [getattr(each, name).eq(getattr(self, name)) for name in self.inputs]
        m.d.comb += self.differs.eq(Cat(
            getattr(each, name) != getattr(self.portable, name)
            for each in self.netlists for name in self.outputs))

        return m


def run_cells(spoil=lambda text: text):
    text = netlist(Cells(), name="cells")
    sources = {"cells.v": spoil(text),
               "yosys_cells.v": add_prefix(text, "yosys_").replace("module cells(",
                                                                   "module yosys_cells("),
               "library.v": library_models("yosys_"), **cell_models()}
    dut = Twins(["cells", "yosys_cells"])
    run_bench(BENCH, dut, top="twins", sources=sources, values={"outputs": len(dut.outputs)})
    return text


@pytest.mark.slow
def test_cells_equal_their_twins():
    text = run_cells()
    # All that the models know, but for byte-wide ports and resets, is in it.
    for what in ("DP16KD #", "PDPW16KD #", "MULT18X18D #", "CCU2C #", "TRELLIS_DPR16X4 #",
                 *(f".DATA_WIDTH_B(32'd{width})" for width in (1, 2, 4, 9, 18, 36)),
                 '.REGMODE_B("OUTREG")',
                 *(f'.WRITEMODE_A("{mode}")'
                   for mode in ("NORMAL", "WRITETHROUGH", "READBEFOREWRITE"))):
        assert what in text


@pytest.mark.slow
def test_a_wrong_cell_is_noticed():
    def spoil(text):
        assert ".DATA_WIDTH_B(32'd4)" in text
        return text.replace(".DATA_WIDTH_B(32'd4)", ".DATA_WIDTH_B(32'd2)", 1)

    with pytest.raises(AssertionError, match="outputs differ"):
        run_cells(spoil)


class NetlistTransport(SimulatedTransport):
    """The simulated board with a library of one's own."""

    def __init__(self, config, library):
        self._clock_hz = config.clock_hz
        self._board = SimulatedBoard(library)


@pytest.mark.slow
def test_netlist_of_the_core_equals_golden():
    """Tokens of the tiny model: every logit's CRC, every token, the state at the end."""
    config = preset("tiny")
    core = Core(config=config)
    board = BoardGateware(config=config, core=Netlist(core, module="core"))
    sources = {"core.v": netlist(core, name="core"),
               "simulated_board.v": to_verilog(board, name="simulated_board"), **cell_models()}
    library = build(sources, [HARNESS], top="simulated_board", fast="-O0")

    with Board(NetlistTransport(config, library), "assumed") as board:
        board.upload(tiny_model().image(config))
        result = compare(board, tiny_model(), [0, 3], 4, temperature=0.8, seed=11)

    assert result == {"tokens": 4, "mismatches": 0, "first_mismatch": None, "state_equal": True}
