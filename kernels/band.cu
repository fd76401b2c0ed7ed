// Between the few frequencies that a lens passes and a grid of frequencies. Twins: embed, crop, half_band, complete and
// their adjoints in litho/fourier.py, the products with kernels in litho/socs.py.
//
// Frequencies are unshifted: 0, 1, ... R, -R, ... -1 in a band, 0, 1, ... -1 in a grid.
// Bytes, b = sizeof(real), for a band of B entries, a half band of H, a grid of N, half a grid of M, K kernels and C
// clips:
//   band_to_fields          2 b (C B + K B + C K N)   the band and the kernels are read again from the cache
//   fields_to_band          2 b (C K B + K B + C B)   of the grid only the band is read
//   grid_to_half            4 b C H
//   half_to_grid            2 b C (H + M)
//   half_to_full, and back  2 b C (H + B)
#include "common.cuh"

// Where entry i of an axis of n frequencies stands in a band of this radius; -1 if outside.
__device__ __forceinline__ int in_band(int i, int n, int radius) {
    if (i <= radius) return i;
    int from_end = i - n + 2 * radius + 1;
    return from_end > radius ? from_end : -1;
}

// Where entry i of a band of this radius stands on an axis of n frequencies.
__device__ __forceinline__ int in_grid(int i, int n, int radius) { return i <= radius ? i : i + n - 2 * radius - 1; }

// The entry of the opposite frequency on an axis of n.
__device__ __forceinline__ int opposite(int i, int n) { return i == 0 ? 0 : n - i; }

// A mask's band times every kernel, on a grid, zero outside the band.
extern "C" __global__ void band_to_fields(
    const complex_number* __restrict__ band,     // (clips, 2 ry + 1, 2 rx + 1)
    const complex_number* __restrict__ spectra,  // (kernels, 2 ry + 1, 2 rx + 1)
    complex_number* __restrict__ grid,           // (clips, kernels, ny, nx)
    int kernels, int ry, int rx, int ny, int nx) {
    int x = INDEX_X, y = INDEX_Y, clip = INDEX_Z / kernels, kernel = INDEX_Z % kernels;
    if (x >= nx || y >= ny) return;
    int i = in_band(x, nx, rx), j = in_band(y, ny, ry);
    complex_number product = {0, 0};
    if (i >= 0 && j >= 0) {
        int size = (2 * ry + 1) * (2 * rx + 1), at = j * (2 * rx + 1) + i;
        complex_number a = band[(long long)clip * size + at], h = spectra[(long long)kernel * size + at];
        product = {a.re * h.re - a.im * h.im, a.re * h.im + a.im * h.re};
    }
    grid[((long long)INDEX_Z * ny + y) * nx + x] = product;
}

// Adjoint of band_to_fields with respect to the band: the sum over kernels of what their conjugates take from the grid.
extern "C" __global__ void fields_to_band(
    const complex_number* __restrict__ grid,     // (clips, kernels, ny, nx)
    const complex_number* __restrict__ spectra,  // (kernels, 2 ry + 1, 2 rx + 1)
    complex_number* __restrict__ band,           // (clips, 2 ry + 1, 2 rx + 1)
    int kernels, int ry, int rx, int ny, int nx) {
    int i = INDEX_X, j = INDEX_Y, clip = INDEX_Z, columns = 2 * rx + 1, rows = 2 * ry + 1;
    if (i >= columns || j >= rows) return;
    const complex_number* value =
        grid + ((long long)clip * kernels * ny + in_grid(j, ny, ry)) * nx + in_grid(i, nx, rx);
    const complex_number* spectrum = spectra + j * columns + i;
    complex_number sum = {0, 0};
    for (int k = 0; k < kernels; ++k, value += (long long)ny * nx, spectrum += rows * columns) {
        complex_number a = *value, h = *spectrum;
        sum.re += a.re * h.re + a.im * h.im;
        sum.im += a.im * h.re - a.re * h.im;
    }
    band[((long long)clip * rows + j) * columns + i] = sum;
}

// The half band of a real field, from its whole real transform; the transform's own factor is in `scale`.
extern "C" __global__ void grid_to_half(
    const complex_number* __restrict__ grid,  // (clips, ny, columns)
    complex_number* __restrict__ half,        // (clips, 2 ry + 1, rx + 1)
    real scale, int ry, int rx, int ny, int columns) {
    int i = INDEX_X, j = INDEX_Y, clip = INDEX_Z, rows = 2 * ry + 1;
    if (i > rx || j >= rows) return;
    complex_number value = grid[((long long)clip * ny + in_grid(j, ny, ry)) * columns + i];
    half[((long long)clip * rows + j) * (rx + 1) + i] = {scale * value.re, scale * value.im};
}

// Adjoint of grid_to_half, for an inverse real transform that adds the mirror image by itself: half of each entry, but
// the column kx = 0 is its own mirror image and is made Hermitian, as that transform needs it.
extern "C" __global__ void half_to_grid(
    const complex_number* __restrict__ half,  // (clips, 2 ry + 1, rx + 1)
    complex_number* __restrict__ grid,        // (clips, ny, columns)
    real scale, int ry, int rx, int ny, int columns) {
    int x = INDEX_X, y = INDEX_Y, clip = INDEX_Z, rows = 2 * ry + 1;
    if (x >= columns || y >= ny) return;
    int j = in_band(y, ny, ry);
    complex_number value = {0, 0};
    if (x <= rx && j >= 0) {
        const complex_number* here = half + (long long)clip * rows * (rx + 1);
        complex_number a = here[j * (rx + 1) + x];
        value = {scale / 2 * a.re, scale / 2 * a.im};
        if (x == 0) {
            complex_number mirrored = here[opposite(j, rows) * (rx + 1)];
            value = {scale / 2 * (a.re + mirrored.re), scale / 2 * (a.im - mirrored.im)};
        }
    }
    grid[((long long)clip * ny + y) * columns + x] = value;
}

// The full band of a real field from its half band.
extern "C" __global__ void half_to_full(
    const complex_number* __restrict__ half,  // (clips, rows, rx + 1)
    complex_number* __restrict__ full,        // (clips, rows, 2 rx + 1)
    int rows, int rx) {
    int i = INDEX_X, j = INDEX_Y, clip = INDEX_Z, columns = 2 * rx + 1;
    if (i >= columns || j >= rows) return;
    const complex_number* here = half + (long long)clip * rows * (rx + 1);
    complex_number value = here[i <= rx ? j * (rx + 1) + i : opposite(j, rows) * (rx + 1) + columns - i];
    if (i > rx) value.im = -value.im;
    full[((long long)clip * rows + j) * columns + i] = value;
}

// Adjoint of half_to_full.
extern "C" __global__ void full_to_half(
    const complex_number* __restrict__ full,  // (clips, rows, 2 rx + 1)
    complex_number* __restrict__ half,        // (clips, rows, rx + 1)
    int rows, int rx) {
    int i = INDEX_X, j = INDEX_Y, clip = INDEX_Z, columns = 2 * rx + 1;
    if (i > rx || j >= rows) return;
    const complex_number* here = full + (long long)clip * rows * columns;
    complex_number value = here[j * columns + i];
    if (i > 0) {
        complex_number mirrored = here[opposite(j, rows) * columns + columns - i];
        value = {value.re + mirrored.re, value.im - mirrored.im};
    }
    half[((long long)clip * rows + j) * (rx + 1) + i] = value;
}
