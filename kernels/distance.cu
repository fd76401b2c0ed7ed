// Exact Euclidean distance of every pixel's centre from the nearest centre that is not inside. Twin: distance_from_outside
// in litho/gpu_geometry.py, by SciPy.
//
// First the distance along each column, in whole pixels; then, along each row, the least of what the columns at either
// side give, looked at from the nearest one on, until they are too far away to matter.
//
// Bytes per pixel: columns 1 read and 12 written and read, rows 4 + sizeof(real), the columns around it from the cache.
#include "common.cuh"

#define NONE 1073741823  // no pixel of the column is outside

// A thread per column of each image.
extern "C" __global__ void distance_columns(
    const unsigned char* __restrict__ inside,  // (images, rows, columns)
    int* __restrict__ reach,                   // (images, rows, columns): pixels to the nearest one outside, or NONE
    int images, int rows, int columns) {
    int i = INDEX_X, image = INDEX_Y;
    if (i >= columns || image >= images) return;
    long long start = (long long)image * rows * columns + i;
    int steps = NONE;
#pragma unroll 8
    for (int j = 0; j < rows; ++j) {
        long long place = start + (long long)j * columns;
        steps = inside[place] ? min(steps + 1, NONE) : 0;
        reach[place] = steps;
    }
    steps = NONE;
#pragma unroll 8
    for (int j = rows - 1; j >= 0; --j) {
        long long place = start + (long long)j * columns;
        steps = min(min(steps + 1, NONE), reach[place]);
        reach[place] = steps;
    }
}

// A thread per pixel.
extern "C" __global__ void distance_rows(
    const int* __restrict__ reach,  // (images, rows, columns)
    real* __restrict__ distance,    // (images, rows, columns): nm, `nowhere` where the whole image is inside
    double pixel_y_nm, double pixel_x_nm, double nowhere, int lines, int columns) {
    int i = INDEX_X, line = INDEX_Y;
    if (i >= columns || line >= lines) return;
    const int* row = reach + (long long)line * columns;
    double best = 1e300;
    for (int away = 0; away < columns; ++away) {
        double across = away * pixel_x_nm;
        if (across * across >= best) break;
        for (int side = 0; side < 2; ++side) {
            int x = side ? i + away : i - away;
            if (x < 0 || x >= columns || row[x] == NONE) continue;
            double along = row[x] * pixel_y_nm;
            double square = across * across + along * along;
            best = square < best ? square : best;
        }
    }
    distance[(long long)line * columns + i] = best < 1e300 ? (real)sqrt(best) : (real)nowhere;
}
