// From aerial images to the loss of their prints and its gradient in the images, in one pass over the print grid.
// Twin: print_loss in litho/print_loss.py.
//
// Bytes per pixel and clip, b = sizeof(real): (2 FOCI + 1) b for the images, their gradient and the target, and b for
// each of the two costs that is given per pixel. With two foci and probes 6 b: 24 bytes in single precision.
//
// A preamble sets, beside REAL and BLOCK:
//   CORNERS, FOCI     conditions of exposure, the nominal one first, and images among which they share
//   FOCUS_OF_CORNER   which image each corner takes, DOSE_OF_CORNER what it is multiplied by
#include "common.cuh"

#ifndef CORNERS
#define CORNERS 3
#define FOCI 2
#define FOCUS_OF_CORNER {0, 0, 1}
#define DOSE_OF_CORNER {1.0, 1.02, 0.98}
#endif

extern "C" __global__ void __launch_bounds__(BLOCK) print_loss(
    const real* __restrict__ intensity,  // (FOCI, clips, pixels)
    const real* __restrict__ target,     // (clips, pixels)
    const real* __restrict__ cost,       // (clips, pixels) of a wrong nominal print, or null: even_cost everywhere
    const real* __restrict__ lobe_cost,  // (clips, pixels) of any print at any corner, or null
    real* __restrict__ intensity_bar,    // (FOCI, clips, pixels)
    real* __restrict__ partial,          // (clips, blocks along x): loss of the pixels of each block
    real even_cost, real band_cost, real slope, real threshold, int clips, int pixels) {
    const int focus[CORNERS] = FOCUS_OF_CORNER;
    const real dose[CORNERS] = DOSE_OF_CORNER;
    int clip = (int)blockIdx.y;
    long long start = (long long)clip * pixels, plane = (long long)clips * pixels;
    real loss = 0;
    for (int pixel = INDEX_X; pixel < pixels; pixel += (int)(gridDim.x * blockDim.x)) {
        long long at = start + pixel;
        real image[FOCI], image_bar[FOCI], printed[CORNERS];
#pragma unroll
        for (int f = 0; f < FOCI; ++f) {
            image[f] = intensity[f * plane + at];
            image_bar[f] = 0;
        }
        real outer = -1, inner = 2;
#pragma unroll
        for (int c = 0; c < CORNERS; ++c) {
            printed[c] = (real)0.5 + (real)0.5 * tanh(slope * (image[focus[c]] * dose[c] - threshold));
            if (c > 0) {
                outer = printed[c] > outer ? printed[c] : outer;
                inner = printed[c] < inner ? printed[c] : inner;
            }
        }
        real difference = printed[0] - target[at], lobe = lobe_cost ? lobe_cost[at] : 0;
        real pull = difference * (cost ? cost[at] : even_cost), spread = CORNERS > 1 ? outer - inner : 0;
        loss += pull * difference + band_cost * (spread * spread);
#pragma unroll
        for (int c = 0; c < CORNERS; ++c) {
            real bar = c == 0 ? 2 * pull : 2 * band_cost * spread * ((printed[c] == outer) - (printed[c] == inner));
            real spill = lobe * printed[c];
            loss += spill * printed[c];
            bar += 2 * spill;
            image_bar[focus[c]] += bar * (2 * slope * dose[c]) * (printed[c] * (1 - printed[c]));
        }
#pragma unroll
        for (int f = 0; f < FOCI; ++f) intensity_bar[f * plane + at] = image_bar[f];
    }
    loss = block_sum(loss);
    if (threadIdx.x == 0) partial[(long long)clip * gridDim.x + blockIdx.x] = loss;
}

// Second stage: the loss of each clip from those of its blocks, in a fixed order.
extern "C" __global__ void __launch_bounds__(BLOCK) sum_blocks(
    const real* __restrict__ partial,  // (clips, blocks)
    real* __restrict__ value,          // (clips)
    int blocks) {
    int clip = (int)blockIdx.y;
    real sum = 0;
    for (int block = (int)threadIdx.x; block < blocks; block += BLOCK) sum += partial[(long long)clip * blocks + block];
    sum = block_sum(sum);
    if (threadIdx.x == 0) value[clip] = sum;
}
