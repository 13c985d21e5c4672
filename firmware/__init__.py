"""The contract: configuration, instruction set, packing, tables, Model and the tape compiler."""
