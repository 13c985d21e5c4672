"""The page of results: every record has its place on it."""

import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[1] / "tools"


def test_every_record_is_on_the_page(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    import record
    import results
    monkeypatch.delitem(sys.modules, "record")
    monkeypatch.delitem(sys.modules, "results")

    records = record.read_records()
    page = "\n".join(results.page(records))
    for name, found in records.items():
        assert {"command", "tools"} <= set(found) or name == "peers"
        if "title" in found:
            assert f"## {found['title']}" in page
        elif found.get("kind") == "speed":
            assert f"{found['cycles_per_token']:,.0f} | {found['roofline']:.2%}" in page
        elif found.get("kind") == "prefill":
            assert "## Prefill by preset" in page and f"`{found['preset']}`" in page
        else:
            assert found["command"] in page
    assert "A laptop's CPU is faster" in page and "measured silicon" in page
