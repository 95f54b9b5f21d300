"""The bench: many tasks, systems and seeds, hidden labels, one table. Not part of any run."""
