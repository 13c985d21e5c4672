"""Timing, from the report of nextpnr-ecp5: clocks, and the worst path in the design's terms."""

__all__ = ["clocks", "critical_path", "crossings"]


def clocks(report, hierarchy):
    """Return, by clock domain, dict of achieved_hz and required_hz."""
    return {hierarchy.domain(net): {"achieved_hz": round(1e6 * clock["achieved"]),
                           "required_hz": round(1e6 * clock["constraint"])}
            for net, clock in report["fmax"].items()}


def crossings(report, hierarchy):
    """Return the slowest path between each two different clocks, which none of them limits.

    Returns
    -------
    list of dict
        start, end (domains, or ``<async>``) and ns.
    """
    def domain(event):
        return hierarchy.domain(event.removeprefix("posedge ").removeprefix("negedge "))

    return [{"start": domain(path["from"]), "end": domain(path["to"]),
             "ns": round(sum(step["delay"] for step in path["path"]), 2)}
            for path in report["critical_paths"] if path["from"] != path["to"]]


def critical_path(report, hierarchy):
    """Describe the path that limits the design: of all clocks, the one furthest from its goal.

    Returns
    -------
    dict
        domain; ns, and of these logic_ns and routing_ns; levels: LUTs or carry chains in a row
        between the registers; steps: list of dict with the component and signal that the path
        comes to, and how many levels and ns later than the step before.
    """
    clock = min(report["fmax"], key=lambda net: report["fmax"][net]["achieved"]
                / report["fmax"][net]["constraint"])
    path = next(path["path"] for path in report["critical_paths"]
                if path["from"] == path["to"] == f"posedge {clock}")
    steps, levels, chained = [], 0, False
    logic = routing = late = 0.0
    for number, step in enumerate(path):
        late += step["delay"]
        if step["type"] == "routing":
            routing += step["delay"]
            chained = chained and step["delay"] == 0
        else:
            logic += step["delay"]
        if step["type"] == "logic" and step["delay"] > 0 and not chained:
            levels, chained = levels + 1, True
        # A path starts at a register, which its net is named after, and ends at one.
        start = path[1]["net"] if number == 0 else step["from"]["cell"]
        if step["type"] != "routing":
            component, signal = hierarchy.resolve(start)
            same = steps and (component, signal) == (steps[-1]["component"], steps[-1]["signal"])
            if not same and (component or signal or not steps):
                steps.append({"component": component, "signal": signal, "levels": 0, "ns": 0.0})
            steps[-1]["levels"] += levels - sum(s["levels"] for s in steps)
            steps[-1]["ns"] += late
            late = 0.0
    for step in steps:
        step["ns"] = round(step["ns"], 2)
    return {"domain": hierarchy.domain(clock), "ns": round(logic + routing, 2), "levels": levels,
            "logic_ns": round(logic, 2), "routing_ns": round(routing, 2), "steps": steps}
