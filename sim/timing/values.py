"""How long scalars take, which depends on their values: usually, or as golden finds them."""

from typing import ClassVar

from trine.firmware.isa import Opcode, Statistic
from trine.sim.golden.machine import Machine

from .scalar import normalizing, operation

__all__ = ["TracedValues", "TracingMachine", "UsualValues"]

_PRODUCTS = Opcode.SCALAR_MULTIPLY, Opcode.SCALAR_MULTIPLY_CONSTANT


class UsualValues:
    """What is assumed where nobody computed the values: means, because lengths are not known.

    Vectors are kept with nearly all bits of int32 (the exporter leaves headroom of 4 to 8 times,
    and a usual maximum is half the largest one), so an absolute maximum has 24 to 31 bits, and a
    sum of squares of some hundreds of elements 52 to 59. A product of two mantissas needs to be
    normalised by one place in half of the cases.
    """

    _LENGTHS: ClassVar = {Statistic.ABSMAX: range(24, 32), Statistic.SUM_SQUARES: range(52, 60)}
    _MEANS: ClassVar = {
        statistic: round(sum(normalizing(1 << bits - 1) for bits in lengths) / len(lengths))
        for statistic, lengths in _LENGTHS.items()}

    def scalar(self, play, index, slot, instruction):
        """Return the clocks of a scalar instruction on a slot."""
        clocks = operation(instruction.opcode)
        if instruction.opcode in _PRODUCTS:
            clocks -= index % 2
        return clocks

    def statistic(self, play, index, slot, instruction):
        """Return the clocks of normalising a statistic of a slot."""
        return self._MEANS[instruction.fields.get("statistic", Statistic.ABSMAX)]

    def token(self, play, slot):
        """Return the input token of a slot in a play."""
        return 1 << 9


class TracingMachine(Machine):
    """The golden machine, which also keeps how long its scalars take the gateware.

    After :meth:`play` it is what ``values`` of the timing model wants, for all plays so far.
    """

    def __init__(self, config, image=b""):
        super().__init__(config, image)
        self.plays = []
        self.tokens = []

    def play(self, tape, tokens=None, active=None, source=None):
        """Play ``tape`` once, see :class:`Machine`."""
        self.plays.append({})
        self.tokens.append(tokens)
        self._index, self._fields = -1, None
        return super().play(tape, tokens, active, source)

    def _count(self, fields):
        """Count the instructions: each comes once for every slot."""
        if fields is not self._fields:
            self._index, self._fields = self._index + 1, fields

    def _interpolate(self, slot, before, fields):
        self._count(fields)
        super()._interpolate(slot, before, fields)

    def _execute(self, index, slot, opcode, fields, payload):
        self._count(fields)
        if opcode >= Opcode.SCALAR_SET:
            registers = slot.scalars
            a = registers[0] if opcode == Opcode.SCALAR_SET else registers[fields["a"]]
            b = ((fields["mantissa"], fields["exponent"]) if "mantissa" in fields
                 else registers[fields["b"]] if "b" in fields else None)
            self.plays[-1][self._index, index] = operation(opcode, a, b)
        super()._execute(index, slot, opcode, fields, payload)

    def _gathered(self, slot, register, value):
        super()._gathered(slot, register, value)
        number, = (n for n, other in enumerate(self.slots) if other is slot)
        self.plays[-1][self._index, number] = normalizing(value)


class TracedValues:
    """Values of one play after another, from a :class:`TracingMachine` that ``skipped`` some."""

    def __init__(self, machine, skipped=0):
        self._plays = machine.plays[skipped:]
        self._tokens = machine.tokens[skipped:]

    def scalar(self, play, index, slot, instruction):
        """Return the clocks of a scalar instruction on a slot, or of a statistic."""
        return self._plays[play][index, slot]

    statistic = scalar

    def token(self, play, slot):
        """Return the input token of a slot in a play."""
        return self._tokens[play][slot]
