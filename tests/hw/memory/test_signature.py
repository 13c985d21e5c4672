"""MemorySignature: members, comparison, errors."""

import pytest
from amaranth.lib.wiring import In, Out

from trine.hw.memory.signature import MemorySignature


def test_is_the_initiators_view():
    signature = MemorySignature(beat_bytes=2, addr_width=24)
    flows = {name: member.flow for name, member in signature.members.items()}
    assert flows == {"tape": Out, "data": In, "cancel": Out, "idle": In, "burst": Out,
                     "wdata": Out, "rdata": In, "done": In}
    memory = signature.create()
    assert len(memory.tape.p.addr) == 24
    assert len(memory.tape.p.beats) == 25
    assert len(memory.burst.p.beats) == 12
    assert len(memory.data.payload) == 16


def test_equals_its_like():
    signature = MemorySignature(beat_bytes=2, addr_width=24)
    assert signature == MemorySignature(beat_bytes=2, addr_width=24)
    assert signature != MemorySignature(beat_bytes=4, addr_width=24)
    assert signature != MemorySignature(beat_bytes=2, addr_width=25)
    assert repr(signature) == "MemorySignature(beat_bytes=2, addr_width=24)"


def test_rejects_bad_sizes():
    with pytest.raises(ValueError, match="Beat must be a power of two of bytes, not 3"):
        MemorySignature(beat_bytes=3, addr_width=24)
    with pytest.raises(ValueError, match="Address width must be positive, not 0"):
        MemorySignature(beat_bytes=2, addr_width=0)
