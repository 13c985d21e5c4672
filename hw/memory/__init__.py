"""Memory controllers behind one signature, and the SDRAM chip they drive."""
