"""The cycle model: how many clocks a tape takes on a configuration, and what for, without gateware.

It is a simulation of events, one instruction, tile or burst at a time, never a clock at a time.
Latencies come from the components' own attributes.
"""
