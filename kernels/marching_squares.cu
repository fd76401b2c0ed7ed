// Outlines of the region where a field exceeds a level, as segments between neighbouring samples. Twin: contours in
// litho/contour.py.
//
// Cells lie between four samples. Around the field there is one more sample on each side, the nearest one mirrored at
// the level, so that outlines close there. A segment has the region on its left and is known by the two lines between
// samples that it joins, which neighbouring cells number alike: the host chains segments by these numbers, without
// comparing coordinates. Where two opposite corners of a cell exceed the level, the mean of all four decides.
//
// Bytes per pixel: count sizeof(real) + 4, write sizeof(real) + 8, and 32 for each segment.
#include "common.cuh"

// The segments of each of the 16 cases: from a side, to a side (0 below, 1 right, 2 above, 3 left), 4 bits each, up to
// two of them; bits of the case are the corners below left, below right, above right, above left. 0: none, for the
// first one never joins a side to itself.
__device__ inline unsigned segments_of(int corners, bool joined) {
    switch (corners) {
        case 1: return 0x30;
        case 2: return 0x01;
        case 3: return 0x31;
        case 4: return 0x12;
        case 5: return joined ? 0x3210 : 0x1230;
        case 6: return 0x02;
        case 7: return 0x32;
        case 8: return 0x23;
        case 9: return 0x20;
        case 10: return joined ? 0x2103 : 0x2301;
        case 11: return 0x21;
        case 12: return 0x13;
        case 13: return 0x10;
        case 14: return 0x03;
        default: return 0;
    }
}

// Sample (j, i) of the field with its border, 0 <= j < rows + 2, 0 <= i < columns + 2.
__device__ inline double sample(const real* field, double level, int j, int i, int rows, int columns) {
    int y = min(max(j - 1, 0), rows - 1), x = min(max(i - 1, 0), columns - 1);
    double value = (double)field[(long long)y * columns + x];
    bool inside = y == j - 1 && x == i - 1;
    return inside ? value : level - fabs(value - level);
}

struct cell {
    double corner[4];  // below left, below right, above right, above left
    unsigned segments;
};

__device__ inline cell cell_at(const real* field, double level, int j, int i, int rows, int columns) {
    cell c;
    int corners = 0;
    for (int k = 0; k < 4; ++k) {
        c.corner[k] = sample(field, level, j + k / 2, i + (k == 1 || k == 2), rows, columns);
        corners |= (c.corner[k] > level) << k;
    }
    double mean = 0.25 * (c.corner[0] + c.corner[1] + c.corner[3] + c.corner[2]);
    c.segments = segments_of(corners, mean > level);
    return c;
}

extern "C" __global__ void count_segments(
    const real* __restrict__ field,  // (rows, columns)
    int* __restrict__ counts,        // (rows + 1, columns + 1)
    double level, int rows, int columns) {
    int i = INDEX_X, j = INDEX_Y;
    if (i > columns || j > rows) return;
    unsigned segments = cell_at(field, level, j, i, rows, columns).segments;
    counts[(long long)j * (columns + 1) + i] = (segments != 0) + (segments > 0xff);
}

extern "C" __global__ void write_segments(
    const real* __restrict__ field,       // (rows, columns)
    const long long* __restrict__ stops,  // (rows + 1, columns + 1): segments up to each cell, its own counted
    double* __restrict__ starts,          // (segments, 2): x and y in pixels, sample (0, 0) of the field at 0.5
    long long* __restrict__ lines,        // (segments, 2): where it starts and where it ends
    double level, int rows, int columns) {
    int i = INDEX_X, j = INDEX_Y;
    if (i > columns || j > rows) return;
    cell c = cell_at(field, level, j, i, rows, columns);
    if (c.segments == 0) return;
    int count = 1 + (c.segments > 0xff);
    long long place = stops[(long long)j * (columns + 1) + i] - count;
    for (int k = 0; k < count; ++k, ++place) {
        for (int end = 0; end < 2; ++end) {
            int side = (int)(c.segments >> (8 * k + 4 * end)) & 3;
            bool upright = side == 1 || side == 3;
            int y = j + (side == 2), x = i + (side == 1);
            lines[2 * place + end] = 2 * ((long long)y * (columns + 2) + x) + upright;
            if (end == 0) {
                double low = c.corner[side == 1 ? 1 : side == 2 ? 3 : 0];
                double high = c.corner[side == 0 ? 1 : side == 3 ? 3 : 2];
                double share = (level - low) / (high - low);
                starts[2 * place] = x - 0.5 + (upright ? 0.0 : share);
                starts[2 * place + 1] = y - 0.5 + (upright ? share : 0.0);
            }
        }
    }
}
