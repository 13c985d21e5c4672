"""Clocks and critical path, from nextpnr's report."""

from trine.hw.flow.timing import clocks, critical_path, crossings


class Names:
    """Names that need no telling."""

    def resolve(self, name):
        component, _, signal = name.split("_LUT4")[0].rpartition(".")
        return ("", "") if name.startswith("$") else (component, signal)

    def domain(self, net):
        return {"$glbnet$clk": "sync", "sdram_clk": "sdram"}.get(net, net)


def step(kind, delay, start, end, net=None):
    return {"type": kind, "delay": delay, "from": {"cell": start, "port": "Q"},
            "to": {"cell": end, "port": "D"}, **({"net": net} if net else {})}


def through(name, delay):
    return step("logic", delay, name, name)


LEFT, CHAIN, HALF, LEVEL = "a.left_FF_3", "a.busy_LUT4_Z", "$nextpnr_CCU2C_1", "b.level"
REPORT = {
    "fmax": {"$glbnet$clk": {"achieved": 90.0, "constraint": 100},
             "sdram_clk": {"achieved": 650.0, "constraint": 100}},
    "critical_paths": [
        {"from": "posedge sdram_clk", "to": "posedge sdram_clk", "path": [
            step("clk-to-q", 0.5, "x.y", "x.y"), step("routing", 1.0, "x.y", "x.z", "x.y"),
            step("setup", 0.0, "x.z", "x.z")]},
        {"from": "posedge $glbnet$clk", "to": "posedge $glbnet$clk", "path": [
            step("clk-to-q", 0.5, LEFT, LEFT),
            step("routing", 1.0, LEFT, CHAIN, "a.left[3]"),
            # A carry chain is one level: it goes on without routing.
            through(CHAIN, 0.5), step("routing", 0, CHAIN, HALF, "n1"),
            through(HALF, 0.25), step("routing", 2.0, HALF, CHAIN, "n2"),
            through(CHAIN, 0.25), step("routing", 3.0, CHAIN, LEVEL, "n3"),
            step("setup", 0.0, LEVEL, LEVEL)]},
        {"from": "<async>", "to": "posedge $glbnet$clk", "path": [
            step("source", 0, "pad", "pad"), step("routing", 4.9, "pad", "u.line", "u.rx")]},
    ],
}


def test_clocks():
    assert clocks(REPORT, Names()) == {
        "sync": {"achieved_hz": 90_000_000, "required_hz": 100_000_000},
        "sdram": {"achieved_hz": 650_000_000, "required_hz": 100_000_000}}


def test_crossings():
    assert crossings(REPORT, Names()) == [{"start": "<async>", "end": "sync", "ns": 4.9}]


def test_critical_path():
    assert critical_path(REPORT, Names()) == {
        "domain": "sync", "ns": 7.5, "levels": 2, "logic_ns": 1.5, "routing_ns": 6.0,
        "steps": [
            {"component": "a", "signal": "left[3]", "levels": 0, "ns": 0.5},
            {"component": "a", "signal": "busy", "levels": 2, "ns": 4.0},
            {"component": "b", "signal": "level", "levels": 0, "ns": 3.0}]}


def test_the_clock_furthest_from_its_goal_is_critical():
    report = REPORT | {"fmax": {"$glbnet$clk": {"achieved": 100.0, "constraint": 100},
                                "sdram_clk": {"achieved": 150.0, "constraint": 200}}}

    assert critical_path(report, Names())["domain"] == "sdram"
