"""Full chips: a layout cut into tiles, each corrected with its surroundings, and put together so that no seam shows.

Data flow: layout -> plan -> `correct` -> `border`, n times -> `mend` and `settle`, in four turns each -> `cut` ->
mask -> `verify`. Every arrow but the first is a pass over tiles: a list of independent tasks, whose results are files.

correct
    each tile's field, its core with a halo as wide as light and rules reach, is optimised for itself: `tile_work`
border
    a mask's level over the chip is the `blend` of all tiles' levels by weights that sum to 1, so that outlines run on
    over seams; from it each tile takes a few more steps with what its neighbours found around it: `border`
mend
    `tile_outlines` of the blended level, and what has to be changed in them to keep the mask rules: `tile_finish`, with
    `mask_loops` and `mask_patches` in whole database units; `settle` does so again with what is left near seams
cut
    the polygons of each core, that abut exactly; `whole_mask` joins them
verify
    windows moved by half a core, so that every seam lies inside one: `window_check`, `whole_verify`

`chip_job` is the chip before it is computed, and `run` computes it. `tiles` says where tiles lie, `ambit` how wide a
halo must be, `tile_setup` what all tiles share, `passes` which tasks there are and what each reads, `orientation` which
of them are mirror images, and `tile_tasks` what a worker does with one; `edge_passes`, `edge_tasks` and `edge_tiles`
are their twins where edges are moved. Results depend on neither the order of tiles nor the number of workers.
"""
