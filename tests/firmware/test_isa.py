"""The instruction set's formats are sound, and its page is current."""

from pathlib import Path

import pytest

from trine.firmware.config import PRESETS, preset
from trine.firmware.isa import INSTRUCTIONS, Opcode
from trine.firmware.isa_doc import document

ROOT = Path(__file__).resolve().parents[2]


def test_formats_fill_whole_words():
    for form in INSTRUCTIONS.values():
        assert form.bits == 32 * form.words, form.opcode.name
        assert form.words <= 6
        names = [f.name for f in form.fields if f.name]
        assert len(names) == len(set(names))


def test_offsets_are_where_the_fields_are():
    form = INSTRUCTIONS[Opcode.MATVEC]

    assert form.offset("target") == 6
    assert form.offset("rows") == 64 and form.offset("cols") == 64 + 18
    with pytest.raises(KeyError):
        form.offset("nothing")


def test_page_is_current():
    assert (ROOT / "docs" / "isa.md").read_text() == document(), (
        "run python -m trine.firmware.isa_doc > docs/isa.md")


@pytest.mark.parametrize(("change", "message"), [
    ({"lanes": 12}, "Lane count must be a multiple of 5, not 12"),
    ({"lanes": 0}, "lanes must be a positive integer, not 0"),
    ({"memory_bytes": 1}, "memory beat must have 2 bytes or more, not 1"),
    ({"slots": 17}, "Slot count must be 16 or less, not 17"),
    ({"fifo_bytes": 1000}, "fifo_bytes must be a power of two, not 1000"),
    ({"vector_words": 1 << 17}, "vector_words must be 1 to 65536"),
    ({"vector_lanes": 3}, "Vector lane count must be 1, 2, 4 or 8, not 3"),
    ({"vector_lanes": 4}, "Lane count must be a multiple of the 4 vector lanes, not 10"),
    ({"vector_lanes": 2, "code_words": 1}, "code_words must be 2 to 65536, not 1"),
    ({"max_cols": 1 << 14}, "Column count must be below 16384"),
])
def test_configuration_is_validated(change, message):
    with pytest.raises(ValueError, match=message):
        preset("tiny").replace(**change)


def test_unknown_preset_names_those_that_exist():
    with pytest.raises(ValueError, match="Preset 'ulx' does not exist; choose one of tiny, ulx3s"):
        preset("ulx")


def test_digest_means_the_machine_not_its_name_or_clock():
    config = preset("tiny")

    assert config.digest() == config.replace(name="other", clock_hz=1).digest()
    assert len({c.digest() for c in PRESETS.values()}) == len(PRESETS)
    assert config.digest() != config.replace(fifo_bytes=1024).digest()
