// Matrix products of a pruned Fourier transform, c = a b, with their sums in a fixed order. Twin: product in
// litho/matrix_products.py.
//
// A block makes 64 x 64 entries, 32 terms of each at a time; these are summed by themselves and then added, so that no
// sum is long: tensor cores cut sums to single precision, which drifts in long ones. A sum over very many terms is dealt
// out to `slices` blocks; add_slices adds their parts.
//
// product_plain multiplies as the type does. product_tensor multiplies single precision on tensor cores, in TF32, which
// keeps 11 significant bits of a factor. With two parts a factor is a large and a small number of 11 bits each, and
// large times large and large times small, both ways, are summed: as good as single precision, but for how tensor cores
// cut sums, which no real GPU has shown yet. Before sm_80 there is no TF32, and it multiplies in single precision.
//
// sums_to_half sorts what comes out into the half band.
//
// Bytes, b = sizeof(real): b m k for a, once per 64 columns of c; b k n for b, once per 64 rows, from the cache; b m n
// to write, and 2 b m n more for each slice if there are several.
#include "common.cuh"

#define TILE 64
#define TERMS 32
#define THREADS 128
// Widths of rows in shared memory: those that a warp reads at once lie in different banks.
#define PITCH_A 36
#define PITCH_B 72

// Copies what a block needs of a and b for the terms from `first`; beyond the edges there are zeros.
template <typename number>
__device__ inline void load_tiles(
    const number* a, const number* b, number* tile_a, number* tile_b, int row, int column, int first, int last, int m,
    int n, int k) {
    for (int i = (int)threadIdx.x; i < TILE * TERMS; i += THREADS) {
        int r = row + i / TERMS, c = first + i % TERMS;
        tile_a[i / TERMS * PITCH_A + i % TERMS] = r < m && c < last ? a[(long long)r * k + c] : (number)0;
    }
    for (int i = (int)threadIdx.x; i < TILE * TERMS; i += THREADS) {
        int r = first + i / TILE, c = column + i % TILE;
        tile_b[i / TILE * PITCH_B + i % TILE] = r < last && c < n ? b[(long long)r * n + c] : (number)0;
    }
}

// Terms of a slice: from `first`, before `last`.
__device__ inline void slice_terms(int slices, int k, int* first, int* last) {
    int length = (k + slices * TERMS - 1) / (slices * TERMS) * TERMS;
    *first = (int)blockIdx.z % slices * length;
    *last = min(*first + length, k);
}

// Where the block writes: c is (slices, batches, m, n).
__device__ inline long long place_of_matrix(int slices, int m, int n) {
    long long batches = gridDim.z / slices, batch = blockIdx.z / slices, slice = blockIdx.z % slices;
    return (slice * batches + batch) * m * n;
}

// 8 x 4 entries per thread, multiplied as the type does.
template <typename number>
__device__ inline void multiply_plain(
    const number* a, const number* b, number* c, number* tile_a, number* tile_b, int slices, int m, int n, int k) {
    int row = (int)blockIdx.y * TILE, column = (int)blockIdx.x * TILE, first, last;
    int below = (int)threadIdx.x / 16 * 8, right = (int)threadIdx.x % 16 * 4;
    number total[8][4] = {};
    slice_terms(slices, k, &first, &last);
    for (; first < last; first += TERMS) {
        load_tiles(a, b, tile_a, tile_b, row, column, first, last, m, n, k);
        __syncthreads();
        number part[8][4] = {};
#pragma unroll 4
        for (int t = 0; t < TERMS; ++t)
            for (int i = 0; i < 8; ++i)
                for (int j = 0; j < 4; ++j)
                    part[i][j] += tile_a[(below + i) * PITCH_A + t] * tile_b[t * PITCH_B + right + j];
        for (int i = 0; i < 8; ++i)
            for (int j = 0; j < 4; ++j) total[i][j] += part[i][j];
        __syncthreads();
    }
    number* to = c + place_of_matrix(slices, m, n);
    for (int i = 0; i < 8; ++i)
        for (int j = 0; j < 4; ++j)
            if (row + below + i < m && column + right + j < n)
                to[(long long)(row + below + i) * n + column + right + j] = total[i][j];
}

// The number with 11 significant bits that is nearest.
__device__ inline float tf32(float x) {
    union {
        float number;
        unsigned bits;
    } u = {x};
    u.bits = (u.bits + 0x1000u) & 0xffffe000u;
    return u.number;
}

// sum += a b of a warp: a is 16 x 8, b 8 x 8, sum 16 x 8. Of a thread with number 4 g + t in the warp are, in this order,
// a[g][t], a[g + 8][t], a[g][t + 4], a[g + 8][t + 4]; b[t][g], b[t + 4][g]; sum[g][2 t], sum[g][2 t + 1],
// sum[g + 8][2 t], sum[g + 8][2 t + 1].
#if defined(LITHO_HOST)
__device__ inline void multiply_add(float* sum, const float* a, const float* b) {
    __shared__ float held_a[THREADS][4], held_b[THREADS][2];
    int thread = (int)threadIdx.x, first = thread / 32 * 32, g = thread % 32 / 4, t = thread % 4;
    for (int i = 0; i < 4; ++i) held_a[thread][i] = a[i];
    for (int i = 0; i < 2; ++i) held_b[thread][i] = b[i];
    __syncthreads();
    for (int entry = 0; entry < 4; ++entry) {
        int row = g + entry / 2 * 8, column = 2 * t + entry % 2;
        for (int k = 0; k < 8; ++k)
            sum[entry] += held_a[first + row % 8 * 4 + k % 4][row / 8 + k / 4 * 2] *
                          held_b[first + column * 4 + k % 4][k / 4];
    }
    __syncthreads();
}
#elif __CUDA_ARCH__ >= 800
__device__ inline void multiply_add(float* sum, const float* a, const float* b) {
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(__float_as_uint(a[0])), "r"(__float_as_uint(a[1])), "r"(__float_as_uint(a[2])),
          "r"(__float_as_uint(a[3])), "r"(__float_as_uint(b[0])), "r"(__float_as_uint(b[1])));
}
#endif

extern "C" __global__ __launch_bounds__(THREADS) void product_plain(
    const real* __restrict__ a,  // (batches, m, k), or (m, k) with a_step 0
    const real* __restrict__ b,  // (batches, k, n), or (k, n) with b_step 0
    real* __restrict__ c,        // (slices, batches, m, n)
    long long a_step, long long b_step, int slices, int m, int n, int k) {
    __shared__ real tile_a[TILE * PITCH_A], tile_b[TERMS * PITCH_B];
    long long batch = blockIdx.z / slices;
    multiply_plain(a + batch * a_step, b + batch * b_step, c, tile_a, tile_b, slices, m, n, k);
}

// 16 x 64 entries per warp.
extern "C" __global__ __launch_bounds__(THREADS) void product_tensor(
    const float* __restrict__ a,  // as in product_plain
    const float* __restrict__ b,
    float* __restrict__ c, long long a_step, long long b_step, int parts, int slices, int m, int n, int k) {
    __shared__ float tile_a[TILE * PITCH_A], tile_b[TERMS * PITCH_B];
    long long batch = blockIdx.z / slices;
    a += batch * a_step, b += batch * b_step;
#if defined(LITHO_HOST) || __CUDA_ARCH__ >= 800
    int row = (int)blockIdx.y * TILE, column = (int)blockIdx.x * TILE, first, last;
    int g = (int)threadIdx.x % 32 / 4, t = (int)threadIdx.x % 4, below = (int)threadIdx.x / 32 * 16;
    float total[TILE / 8][4] = {};
    slice_terms(slices, k, &first, &last);
    for (; first < last; first += TERMS) {
        load_tiles(a, b, tile_a, tile_b, row, column, first, last, m, n, k);
        __syncthreads();
        float part[TILE / 8][4] = {};
        for (int term = 0; term < TERMS; term += 8) {
            float large_a[4], small_a[4];
            for (int i = 0; i < 4; ++i) {
                float value = tile_a[(below + g + i % 2 * 8) * PITCH_A + term + t + i / 2 * 4];
                large_a[i] = tf32(value);
                small_a[i] = tf32(value - large_a[i]);
            }
#pragma unroll
            for (int j = 0; j < TILE / 8; ++j) {
                float large_b[2], small_b[2];
                for (int i = 0; i < 2; ++i) {
                    float value = tile_b[(term + t + i * 4) * PITCH_B + j * 8 + g];
                    large_b[i] = tf32(value);
                    small_b[i] = tf32(value - large_b[i]);
                }
                if (parts == 2) {
                    multiply_add(part[j], small_a, large_b);
                    multiply_add(part[j], large_a, small_b);
                }
                multiply_add(part[j], large_a, large_b);
            }
        }
        for (int j = 0; j < TILE / 8; ++j)
            for (int i = 0; i < 4; ++i) total[j][i] += part[j][i];
        __syncthreads();
    }
    float* to = c + place_of_matrix(slices, m, n);
    for (int j = 0; j < TILE / 8; ++j)
        for (int i = 0; i < 4; ++i) {
            int y = row + below + g + i / 2 * 8, x = column + j * 8 + 2 * t + i % 2;
            if (y < m && x < n) to[(long long)y * n + x] = total[j][i];
        }
#else
    multiply_plain(a, b, c, tile_a, tile_b, slices, m, n, k);
#endif
}

extern "C" __global__ void add_slices(
    const real* __restrict__ parts,  // (slices, count)
    real* __restrict__ sum,          // (count)
    int slices, long long count) {
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    real total = 0;
    for (int slice = 0; slice < slices; ++slice) total += parts[slice * count + i];
    sum[i] = total;
}

// Sums over products of waves, in y and x each sines of the frequencies R ... 1 and then cosines of R ... 0, sorted into a
// half band: entry (y, x) belongs to exp(-i (a + b)), a and b the phases in y and x. Frequencies in y are 0 ... R, -R ...
// -1. Columns but the first are doubled if `doubled`. Twin: _half_of_sums in litho/matrix_dft.py.
extern "C" __global__ void sums_to_half(
    const real* __restrict__ sums,      // (count, 2 ry + 1, 2 rx + 1)
    complex_number* __restrict__ half,  // (count, 2 ry + 1, rx + 1)
    real scale, int doubled, int count, int ry, int rx) {
    int kx = INDEX_X, line = INDEX_Y, rows = 2 * ry + 1;
    if (kx > rx || line >= count * rows) return;
    int row = line % rows, ky = row <= ry ? row : rows - row;
    real sign = row <= ry ? (real)1 : (real)-1;
    const real* from = sums + (long long)(line / rows) * rows * (2 * rx + 1);
    const real* cosines = from + (2 * ry - ky) * (2 * rx + 1);
    const real* sines = from + (ry - ky) * (2 * rx + 1);
    real cos_cos = cosines[2 * rx - kx], cos_sin = kx ? cosines[rx - kx] : (real)0;
    real sin_cos = ky ? sines[2 * rx - kx] : (real)0, sin_sin = kx && ky ? sines[rx - kx] : (real)0;
    if (doubled && kx) scale *= 2;
    complex_number value = {scale * (cos_cos - sign * sin_sin), -scale * (sign * sin_cos + cos_sin)};
    half[(long long)line * (rx + 1) + kx] = value;
}

extern "C" __global__ void sums_to_half_adjoint(
    const complex_number* __restrict__ half_bar,  // (count, 2 ry + 1, rx + 1)
    real* __restrict__ sums_bar,                  // (count, 2 ry + 1, 2 rx + 1)
    real scale, int doubled, int count, int ry, int rx) {
    int column = INDEX_X, line = INDEX_Y, rows = 2 * ry + 1;
    if (column > 2 * rx || line >= count * rows) return;
    int row = line % rows;
    bool sine_y = row < ry, sine_x = column < rx;
    int ky = sine_y ? ry - row : 2 * ry - row, kx = sine_x ? rx - column : 2 * rx - column;
    const complex_number* from = half_bar + (long long)(line / rows) * rows * (rx + 1) + kx;
    complex_number positive = from[ky * (rx + 1)], negative = {0, 0};
    if (ky) negative = from[(rows - ky) * (rx + 1)];
    real value;
    if (sine_y)
        value = sine_x ? negative.re - positive.re : negative.im - positive.im;
    else
        value = sine_x ? -positive.im - negative.im : positive.re + negative.re;
    if (doubled && kx) scale *= 2;
    sums_bar[(long long)line * (2 * rx + 1) + column] = scale * value;
}
