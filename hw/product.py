"""Product of two numbers, in one multiplier with its own registers."""

from amaranth import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Product"]


class Product(wiring.Component):
    """The exact product of two numbers, one a clock.

    On an ECP5 the registers are those of a MULT18X18D: without them a factor that comes from
    afar, the multiplier's 3.9 ns and a product that goes far share one clock. Yosys has no pass
    that moves registers there.

    Ref: Lattice FPGA-TN-02205, ECP5 and ECP5-5G sysDSP Usage Guide.

    Parameters
    ----------
    a_shape, b_shape : shape-like
        Of the factors: signed of 18 bits or fewer, or unsigned of 17 or fewer.
    latency : :class:`int`
        Clocks from factors to product: 2 with a register before and one behind the multiplier, 1
        with only the one behind.

    Members
    -------
    a, b : :py:`In(a_shape)`, :py:`In(b_shape)`
        Factors.
    en : :py:`In(1)`
        Low, it holds the registers. High where it is not connected.
    o : :py:`Out(...)`
        The product, of as many bits as both factors; signed where one of them is.
    """

    def __init__(self, a_shape, b_shape, *, latency=2):
        self.latency = latency
        a, b = Shape.cast(a_shape), Shape.cast(b_shape)
        if latency not in (1, 2):
            raise ValueError(f"Latency must be 1 or 2, not {latency!r}")
        for shape in a, b:
            if shape.width > 17 + shape.signed:
                raise ValueError(f"Factor must be at most signed of 18 bits or unsigned of 17, "
                                 f"not {shape!r}")
        super().__init__({
            "a": In(a), "b": In(b),
            "en": In(1, init=1),
            "o": Out(Shape(a.width + b.width, a.signed or b.signed)),
        })

    def elaborate(self, platform):
        m = Module()

        if getattr(platform, "family", None) == "ecp5":
            # Both factors count as signed: what is unsigned leaves the sign's bit free.
            a, b = Signal(signed(18)), Signal(signed(18))
            product = Signal(signed(36))
            m.d.comb += [a.eq(self.a), b.eq(self.b), self.o.eq(product)]
            registers = ("INPUTA", "INPUTB", "OUTPUT") if self.latency == 2 else ("OUTPUT",)
            m.submodules.cell = Instance(
                "MULT18X18D", p_GSR="DISABLED",
                **{f"p_REG_{name}_CLK": "CLK0" for name in registers},
                i_CLK0=ClockSignal(), i_CE0=self.en, i_RST0=C(0), i_SIGNEDA=C(1), i_SIGNEDB=C(1),
                i_SOURCEA=C(0), i_SOURCEB=C(0),
                **{f"i_A{n}": a[n] for n in range(18)},
                **{f"i_B{n}": b[n] for n in range(18)},
                **{f"i_C{n}": C(0) for n in range(18)},
                **{f"o_P{n}": product[n] for n in range(36)})
            return m

        a, b = self.a, self.b
        if self.latency == 2:
            a, b = Signal.like(a, reset_less=True), Signal.like(b, reset_less=True)
            with m.If(self.en):
                m.d.sync += [a.eq(self.a), b.eq(self.b)]
        product = Signal.like(self.o, reset_less=True)
        with m.If(self.en):
            m.d.sync += product.eq(a * b)
        m.d.comb += self.o.eq(product)
        return m
