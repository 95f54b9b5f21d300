"""Attack scripts and the checks that run them, one module per family.

A script does what a hostile or careless one would do; its check looks at the harm done (a file that
changed, a secret that came out, a process that lives on), never at what the script says of itself.
Every attack is bounded in time, memory, disk and processes, so that a missing cage costs nothing.
:mod:`mle_star.execution.contract` gathers them.
"""
