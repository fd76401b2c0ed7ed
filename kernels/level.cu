// A smooth level field to the coverage of its mask, and back. Twins: mask_of_level and its adjoint in
// litho/parametrize.py.
//
// Bytes per pixel, b = sizeof(real): forward 2 b (level; inside), 4 b with a free region; adjoint 3 b, 4 b with a free
// region.
#include "common.cuh"

extern "C" __global__ void level_to_mask(
    const real* __restrict__ level,  // (count)
    const real* __restrict__ open,   // (count), or null: everywhere
    real* __restrict__ coverage,     // (count), or null: it equals inside
    real* __restrict__ inside,       // (count)
    real half_steepness, int count) {
    int i = INDEX_X;
    if (i >= count) return;
    real value = (real)0.5 + (real)0.5 * tanh(half_steepness * level[i]);
    inside[i] = value;
    if (coverage) coverage[i] = open ? value * open[i] : value;
}

extern "C" __global__ void level_to_mask_adjoint(
    const real* __restrict__ coverage_bar,  // (count)
    const real* __restrict__ inside,        // (count)
    const real* __restrict__ open,          // (count), or null: everywhere
    real* __restrict__ level_bar,           // (count)
    real steepness, int count) {
    int i = INDEX_X;
    if (i >= count) return;
    real value = inside[i];
    real bar = coverage_bar[i] * (steepness * value * ((real)1 - value));
    level_bar[i] = open ? bar * open[i] : bar;
}
