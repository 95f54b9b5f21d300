"""Following a run while it runs: its picture, on a terminal, in a notebook, in other tools."""
