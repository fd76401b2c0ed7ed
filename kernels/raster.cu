// Exact area coverage of pixels by polygons. Twin: coverage in litho/raster.py.
//
// Every edge adds to the pixels of the rows it crosses the signed area between itself and their right side, and to the
// pixel behind them the rest of its signed height; a running sum along each row gives the covered area. Heights and
// areas are whole numbers of ticks, 2^-40 of a pixel, and what several pixels share is split by differences of rounded
// positions: sums are exact, their order does not matter, and inside and outside of polygons no rounding is left.
//
// Bytes per pixel: 8 to clear the sums, 16 where an outline is, 8 + sizeof(real) for the running sum.
#include "common.cuh"

#define TICKS 1099511627776.0  // 2^40
#define ROW 1099511627776LL

// Adds a number of ticks, of either sign, to a sum.
__device__ inline void add_ticks(long long* place, long long ticks) {
    atomicAdd((unsigned long long*)place, (unsigned long long)ticks);
}

// Ticks of a height above the bottom of a row, at least `low` and at most `high`.
__device__ inline long long ticks_of(double height, long long low, long long high) {
    long long ticks = (long long)rint(min(max(height, 0.0), 1.0) * TICKS);
    return ticks < low ? low : ticks > high ? high : ticks;
}

// A thread per edge and per share of the rows: rows are dealt out to `gridDim.y * blockDim.y` threads in turn.
extern "C" __global__ void raster_edges(
    const double* __restrict__ edges,  // (4, count): x0, y0, x1, y1 in pixels, from the corner of the field
    long long* __restrict__ sums,      // (rows, columns), zero before
    int count, int rows, int columns) {
    int e = INDEX_X;
    if (e >= count) return;
    double x0 = edges[e], y0 = edges[count + e], x1 = edges[2 * count + e], y1 = edges[3 * count + e];
    bool down = y1 < y0;
    if (down) {
        double x = x0, y = y0;
        x0 = x1, y0 = y1, x1 = x, y1 = y;
    }
    if (!(y0 < y1) || y0 >= rows || y1 <= 0) return;
    double slope = (x1 - x0) / (y1 - y0);  // of x over y
    int first = y0 > 0 ? (int)floor(y0) : 0;
    int last = y1 < rows ? (int)ceil(y1) : rows;
    int step = (int)(gridDim.y * blockDim.y);
    for (int row = first + INDEX_Y; row < last; row += step) {
        long long* sum = sums + (long long)row * columns;
        bool begins = y0 > row, ends = y1 < row + 1.0;
        double from = begins ? x0 : x0 + (row - y0) * slope;
        double to = ends ? x1 : x0 + (row + 1.0 - y0) * slope;
        long long low = begins ? ticks_of(y0 - row, 0, ROW) : 0;
        long long high = ends ? ticks_of(y1 - row, 0, ROW) : ROW;
        double left = from < to ? from : to, right = from < to ? to : from;
        bool rising = from <= to;  // x grows with y
        double x = left;
        long long at = rising ? low : high;
        while (true) {
            // the piece from x to the next border of a column; what is left of the field belongs to its border
            double border = x < 0 ? 0.0 : floor(x) + 1.0;
            bool done = border >= right || x >= columns;
            double end = done ? right : border;
            long long next = rising ? high : low;
            if (!done) next = ticks_of(y0 + (border - x0) / slope - row, low, high);
            if (rising ? next < at : next > at) next = at;
            if (x >= columns) break;
            long long rise = rising ? next - at : at - next;
            int column = x < 0 ? 0 : (int)floor(x);
            double mean = x < 0 ? 0.0 : (x + end) / 2 - column;
            long long behind = (long long)rint((double)rise * min(max(mean, 0.0), 1.0));
            long long here = rise - behind;
            add_ticks(sum + column, down ? here : -here);
            if (column + 1 < columns) add_ticks(sum + column + 1, down ? behind : -behind);
            if (done) break;
            x = border;
            at = next;
        }
    }
}

// A block per row: the running sum, as a share of a pixel.
extern "C" __global__ void raster_rows(
    const long long* __restrict__ sums,  // (rows, columns)
    real* __restrict__ coverage,         // (rows, columns)
    int columns) {
    __shared__ long long parts[BLOCK];
    int thread = (int)threadIdx.x;
    const long long* from = sums + (long long)blockIdx.x * columns;
    real* to = coverage + (long long)blockIdx.x * columns;
    long long before = 0;
    for (int start = 0; start < columns; start += BLOCK) {
        int column = start + thread;
        parts[thread] = column < columns ? from[column] : 0;
        __syncthreads();
        for (int reach = 1; reach < BLOCK; reach *= 2) {
            long long add = thread >= reach ? parts[thread - reach] : 0;
            __syncthreads();
            parts[thread] += add;
            __syncthreads();
        }
        if (column < columns) to[column] = (real)((double)(before + parts[thread]) / TICKS);
        before += parts[BLOCK - 1];
        __syncthreads();
    }
}
