// What every kernel here begins with: number types, index of a thread, sum over a block.
//
// A source compiles alone. What a preamble of #define lines may set has its default below:
//   REAL   float or double, the precision of every real and complex array
//   BLOCK  threads of a block in kernels that sum over one; a power of two
#ifndef LITHO_COMMON_CUH
#define LITHO_COMMON_CUH

#ifdef LITHO_HOST
#include "host_launch.hpp"
#endif

#ifndef REAL
#define REAL float
#endif
#ifndef BLOCK
#define BLOCK 256
#endif

// Position of a thread in the launch, one per axis.
#define INDEX_X ((int)(blockIdx.x * blockDim.x + threadIdx.x))
#define INDEX_Y ((int)(blockIdx.y * blockDim.y + threadIdx.y))
#define INDEX_Z ((int)(blockIdx.z * blockDim.z + threadIdx.z))

typedef REAL real;

struct __align__(2 * sizeof(REAL)) complex_number {
    real re, im;
};

// Sum over the threads of a block, the same for each of them. Its order is fixed, so the same bits come out every time.
__device__ __forceinline__ real block_sum(real value) {
    __shared__ real parts[BLOCK];
    int thread = (int)threadIdx.x;
    parts[thread] = value;
    __syncthreads();
    for (int half = BLOCK / 2; half > 0; half /= 2) {
        if (thread < half) parts[thread] += parts[thread + half];
        __syncthreads();
    }
    real sum = parts[0];
    __syncthreads();
    return sum;
}

// Largest value over the threads of a block; a NaN among them is kept.
__device__ __forceinline__ real block_max(real value) {
    __shared__ real parts[BLOCK];
    int thread = (int)threadIdx.x;
    parts[thread] = value;
    __syncthreads();
    for (int half = BLOCK / 2; half > 0; half /= 2) {
        if (thread < half) {
            real other = parts[thread + half];
            if (!(other <= parts[thread])) parts[thread] = parts[thread] == parts[thread] ? other : parts[thread];
        }
        __syncthreads();
    }
    real largest = parts[0];
    __syncthreads();
    return largest;
}

#endif
