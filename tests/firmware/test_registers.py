"""The register map is consistent, and its page is current."""

from pathlib import Path

import pytest

from trine.firmware import registers
from trine.firmware.isa import INSTRUCTIONS, Opcode
from trine.firmware.registers import PAGES, REGISTERS, Cause, Counter, address
from trine.firmware.registers_doc import document

ROOT = Path(__file__).resolve().parents[2]


def test_no_two_registers_share_an_address():
    taken = {}
    for register in REGISTERS.values():
        for at in range(register.address, register.address + register.words):
            assert at not in taken, f"{register.name} and {taken[at]} share {at:#x}"
            taken[at] = register.name


def test_names_are_unique():
    assert len(registers._ALL) == len(REGISTERS)


def test_pages_are_aligned_and_hold_their_registers():
    for page in PAGES.values():
        assert page.size & (page.size - 1) == 0 and page.address % page.size == 0
        assert page.address + page.size <= 1 << 20
    for register in REGISTERS.values():
        assert any(page.address <= register.address
                   and register.address + register.words <= page.address + page.size
                   for page in PAGES.values()), register.name


def test_arrays_are_row_major():
    assert address("CANDIDATES", 1, 2, 1) == PAGES["candidates"].address + 2 * 64 + 2 * 2 + 1
    assert address("STATUS") == PAGES["run"].address


def test_an_index_out_of_range_is_refused():
    with pytest.raises(IndexError, match="Index of register SEED must be 0 to 15, not 16"):
        address("SEED", 16)
    with pytest.raises(IndexError, match="Register SEED has 1 indices, not 0"):
        address("SEED")


def test_every_cause_has_its_counter():
    for cause in Cause:
        assert Counter[f"CAUSE_{cause.name}"] == Counter.CAUSE_HOST + cause


def test_every_error_has_a_sentence():
    for error in registers.Error:
        assert registers.describe_error(error, 12, 60)


def test_a_token_is_as_wide_as_a_row():
    fields = {field.name: field.bits for field in INSTRUCTIONS[Opcode.MATVEC].fields}
    assert fields["rows"] == registers.TOKEN_BITS


def test_page_is_current():
    assert (ROOT / "docs/registers.md").read_text() == document()
