"""How fast, and for how much energy: the cases of `litho bench speed`, who runs them, and what the figures mean.

`cases` are computed by `opponents`, each in a process of its own (`worker`, driven by `workers`), after they were seen
to agree (`agreement`). `full_grid` is the textbook's way, `fft_libraries` are the transforms that a host may have.
`speed` measures with `timing`, `energy` with the counters of `rapl` and `nvml`, `bandwidth` and `counts` say what the
machine and the work allow, `machine` what it is; `projection` says what rates mean. `record`, `tables` and `plots` show
them. `contest` is what others report on the clips of `litho bench iccad13`.
"""
