// One step of batched L-BFGS: trial, verdict, remembered pairs, two-loop recursion, next direction and scale. Twin: the
// loop of minimize in litho/optimize.py.
//
// Bytes per variable, b = sizeof(real), h pairs remembered: propose 4 b, remember 8 b, recur_back 2 b for the first
// pair and 4 b for each other, recur_turn 3 b, recur_forth 4 b for each pair but 3 b for the last, measure 2 b. Together
// (8 h + 14) b: 312 bytes for 8 pairs in single precision. Of the kernels judge and aim each clip is one block.
//
// Every sum is taken in two stages of fixed order: the blocks of a clip leave partial sums, and each block of the next
// kernel adds them up for itself. Numbers of a clip stay on the device, its count of steps too, so that one and the
// same list of launches is every step.
#include "common.cuh"

// Sum of the partial sums of a clip: the same bits in each block.
__device__ __forceinline__ real sum_of(const real* partial, int blocks) {
    real sum = 0;
#pragma unroll 1
    for (int block = (int)threadIdx.x; block < blocks; block += BLOCK) sum += partial[block];
    return block_sum(sum);
}

__device__ __forceinline__ real largest_of(const real* partial, int blocks) {
    real largest = 0;
#pragma unroll 1
    for (int block = (int)threadIdx.x; block < blocks; block += BLOCK) {
        real other = partial[block];
        largest = other <= largest ? largest : other == other && largest != largest ? largest : other;
    }
    return block_max(largest);
}

// Where the pair stands that was remembered `age` steps before the newest.
__device__ __forceinline__ int slot_of(int count, int age, int history) { return (count + history - age) % history; }

// The factor that makes the largest change of a variable equal `largest`.
__device__ __forceinline__ real reach(real peak, real largest) { return largest / (peak > 0 ? peak : (real)1); }

// A clip's next direction, and the trial that it leads to.
extern "C" __global__ void propose(
    const real* __restrict__ x,         // (clips, size)
    const real* __restrict__ gradient,  // (clips, size)
    const real* __restrict__ newton,    // (clips, size)
    real* __restrict__ downhill,        // (clips, size)
    real* __restrict__ trial,           // (clips, size)
    const real* __restrict__ scale,     // (clips)
    const int* __restrict__ pick,       // (clips): 0 keeps downhill, 1 takes newton, 2 the gradient
    int size) {
    int i = INDEX_X, clip = INDEX_Y;
    if (i >= size) return;
    long long at = (long long)clip * size + i;
    int chosen = pick[clip];
    real direction = chosen == 0 ? downhill[at] : chosen == 1 ? newton[at] : gradient[at];
    if (chosen != 0) downhill[at] = direction;
    trial[at] = x[at] - scale[clip] * direction;
}

// Whether the trial of a clip brings what its slope promised; false for a NaN.
__device__ __forceinline__ bool is_good(
    int active, real value, real trial_value, real scale, real slope, real decrease) {
    return active && trial_value <= value - decrease * scale * slope;
}

// Takes a good trial, and remembers the change of variables and of gradient; zeros if the trial was not good.
extern "C" __global__ void __launch_bounds__(BLOCK) remember(
    real* __restrict__ x,                     // (clips, size)
    const real* __restrict__ trial,           // (clips, size)
    real* __restrict__ gradient,              // (clips, size)
    const real* __restrict__ trial_gradient,  // (clips, size)
    real* __restrict__ steps,                 // (history, clips, size)
    real* __restrict__ changes,               // (history, clips, size)
    real* __restrict__ partial,               // (3, clips, blocks): <step, change>, <step, step>, <change, change>
    const int* __restrict__ active,           // (clips)
    const int* __restrict__ count,            // (clips)
    const real* __restrict__ value,           // (clips)
    const real* __restrict__ trial_value,     // (clips)
    const real* __restrict__ scale,           // (clips)
    const real* __restrict__ slope,           // (clips)
    real decrease, int history, int clips, int size) {
    int clip = (int)blockIdx.y, blocks = (int)gridDim.x;
    bool good = is_good(active[clip], value[clip], trial_value[clip], scale[clip], slope[clip], decrease);
    long long start = (long long)clip * size;
    long long slot = (long long)slot_of(count[clip], 0, history) * clips * size + start;
    real across = 0, along = 0, bent = 0;
    for (int i = INDEX_X; i < size; i += blocks * BLOCK) {
        real step = 0, change = 0;
        if (good) {
            real to = trial[start + i], there = trial_gradient[start + i];
            step = to - x[start + i];
            change = there - gradient[start + i];
            x[start + i] = to;
            gradient[start + i] = there;
        }
        steps[slot + i] = step;
        changes[slot + i] = change;
        across += step * change;
        along += step * step;
        bent += change * change;
    }
    across = block_sum(across);
    along = block_sum(along);
    bent = block_sum(bent);
    if (threadIdx.x == 0) {
        long long at = (long long)clip * blocks + blockIdx.x, plane = (long long)clips * blocks;
        partial[at] = across;
        partial[plane + at] = along;
        partial[2 * plane + at] = bent;
    }
}

// The verdict on a clip's trial: its value, and whether the pair that it left counts. One block per clip.
extern "C" __global__ void __launch_bounds__(BLOCK) judge(
    const real* __restrict__ partial,      // (3, clips, blocks)
    const int* __restrict__ active,        // (clips)
    const int* __restrict__ count,         // (clips)
    real* __restrict__ value,              // (clips)
    const real* __restrict__ trial_value,  // (clips)
    const real* __restrict__ scale,        // (clips)
    const real* __restrict__ slope,        // (clips)
    int* __restrict__ good,                // (clips)
    real* __restrict__ inverse,            // (history, clips): 1 / <step, change>, 0 for a pair that does not count
    real* __restrict__ scaling,            // (history, clips): <step, change> / <change, change>
    real* __restrict__ factor,             // (clips): that of the newest pair that counts, 1 if there is none
    real decrease, int history, int clips, int blocks) {
    int clip = (int)blockIdx.y;
    long long at = (long long)clip * blocks, plane = (long long)clips * blocks;
    real across = sum_of(partial + at, blocks);
    real along = sum_of(partial + plane + at, blocks);
    real bent = sum_of(partial + 2 * plane + at, blocks);
    if (threadIdx.x != 0) return;
    bool taken = is_good(active[clip], value[clip], trial_value[clip], scale[clip], slope[clip], decrease);
    bool counts = taken && across > (real)1e-10 * sqrt(along * bent);
    int slot = slot_of(count[clip], 0, history) * clips + clip;
    inverse[slot] = counts ? 1 / across : 0;
    scaling[slot] = counts ? across / bent : 0;
    good[clip] = taken;
    if (taken) value[clip] = trial_value[clip];
    real newest = 0;
#pragma unroll 1
    for (int age = 0; age < history && newest == 0; ++age)
        newest = scaling[slot_of(count[clip], age, history) * clips + clip];
    factor[clip] = newest == 0 ? 1 : newest;
}

// First loop, from the newest pair to the oldest: takes the share of the pair before from q, and begins this pair's.
extern "C" __global__ void __launch_bounds__(BLOCK) recur_back(
    const real* q,                      // (clips, size); may be result
    real* result,                       // (clips, size), or null for the newest pair: q as it is
    const real* __restrict__ steps,     // (history, clips, size)
    const real* __restrict__ changes,   // (history, clips, size)
    const real* __restrict__ inverse,   // (history, clips)
    const int* __restrict__ count,      // (clips)
    const real* __restrict__ before,    // (clips, blocks): <step, q> of the pair before
    real* __restrict__ partial,         // (clips, blocks): that of this pair
    real* __restrict__ share,           // (history, clips)
    int age, int history, int clips, int size) {
    int clip = (int)blockIdx.y, blocks = (int)gridDim.x;
    long long start = (long long)clip * size, plane = (long long)clips * size;
    real taken = 0;
    long long newer = 0;
    if (result) {
        int slot = slot_of(count[clip], age - 1, history);
        real weight = inverse[slot * clips + clip], sum = sum_of(before + (long long)clip * blocks, blocks);
        taken = weight > 0 ? weight * sum : 0;
        newer = slot * plane + start;
        if (blockIdx.x == 0 && threadIdx.x == 0) share[slot * clips + clip] = taken;
    }
    long long here = slot_of(count[clip], age, history) * plane + start;
    real dot = 0;
    for (int i = INDEX_X; i < size; i += blocks * BLOCK) {
        real value = q[start + i];
        if (result) {
            if (taken != 0) value -= taken * changes[newer + i];
            result[start + i] = value;
        }
        dot += steps[here + i] * value;
    }
    dot = block_sum(dot);
    if (threadIdx.x == 0) partial[(long long)clip * blocks + blockIdx.x] = dot;
}

// Between the loops: takes the share of the oldest pair, and scales.
extern "C" __global__ void __launch_bounds__(BLOCK) recur_turn(
    const real* q,                      // (clips, size); may be result
    real* result,                       // (clips, size)
    const real* __restrict__ changes,   // (history, clips, size)
    const real* __restrict__ inverse,   // (history, clips)
    const real* __restrict__ factor,    // (clips)
    const int* __restrict__ count,      // (clips)
    const real* __restrict__ before,    // (clips, blocks)
    real* __restrict__ partial,         // (clips, blocks): <change, q> of the oldest pair
    real* __restrict__ share,           // (history, clips)
    int history, int clips, int size) {
    int clip = (int)blockIdx.y, blocks = (int)gridDim.x;
    int slot = slot_of(count[clip], history - 1, history);
    long long start = (long long)clip * size, oldest = (long long)slot * clips * size + start;
    real weight = inverse[slot * clips + clip], sum = sum_of(before + (long long)clip * blocks, blocks);
    real taken = weight > 0 ? weight * sum : 0, scale = factor[clip];
    if (blockIdx.x == 0 && threadIdx.x == 0) share[slot * clips + clip] = taken;
    real dot = 0;
    for (int i = INDEX_X; i < size; i += blocks * BLOCK) {
        real change = changes[oldest + i], value = q[start + i];
        if (taken != 0) value -= taken * change;
        value *= scale;
        result[start + i] = value;
        dot += change * value;
    }
    dot = block_sum(dot);
    if (threadIdx.x == 0) partial[(long long)clip * blocks + blockIdx.x] = dot;
}

// Second loop, from the oldest pair to the newest: gives this pair's share back, and begins that of the next newer one.
extern "C" __global__ void __launch_bounds__(BLOCK) recur_forth(
    real* __restrict__ q,               // (clips, size)
    const real* __restrict__ steps,     // (history, clips, size)
    const real* __restrict__ changes,   // (history, clips, size)
    const real* __restrict__ inverse,   // (history, clips)
    const real* __restrict__ share,     // (history, clips)
    const int* __restrict__ count,      // (clips)
    const real* __restrict__ before,    // (clips, blocks): <change, q> of this pair
    real* __restrict__ partial,         // (clips, blocks): that of the next newer pair, if there is one
    int age, int history, int clips, int size) {
    int clip = (int)blockIdx.y, blocks = (int)gridDim.x, slot = slot_of(count[clip], age, history);
    long long start = (long long)clip * size, plane = (long long)clips * size, here = slot * plane + start;
    long long newer = age > 0 ? slot_of(count[clip], age - 1, history) * plane + start : 0;
    real weight = inverse[slot * clips + clip], sum = sum_of(before + (long long)clip * blocks, blocks);
    real given = weight > 0 ? share[slot * clips + clip] - weight * sum : 0;
    real dot = 0;
    for (int i = INDEX_X; i < size; i += blocks * BLOCK) {
        real value = q[start + i];
        if (given != 0) value += given * steps[here + i];
        q[start + i] = value;
        if (age > 0) dot += changes[newer + i] * value;
    }
    dot = block_sum(dot);
    if (threadIdx.x == 0) partial[(long long)clip * blocks + blockIdx.x] = dot;
}

// What the choice of a direction needs to know of the gradient and of the quasi-Newton direction.
extern "C" __global__ void __launch_bounds__(BLOCK) measure(
    const real* __restrict__ gradient,  // (clips, size)
    const real* __restrict__ newton,    // (clips, size)
    real* __restrict__ partial,         // (4, clips, blocks): <g, n>, <g, g>, largest |n|, largest |g|
    int clips, int size) {
    int clip = (int)blockIdx.y, blocks = (int)gridDim.x;
    long long start = (long long)clip * size;
    real along = 0, square = 0, far = 0, steep = 0;
    for (int i = INDEX_X; i < size; i += blocks * BLOCK) {
        real g = gradient[start + i], n = newton[start + i], a = fabs(n), b = fabs(g);
        along += g * n;
        square += g * g;
        far = a <= far || far != far ? far : a;
        steep = b <= steep || steep != steep ? steep : b;
    }
    along = block_sum(along);
    square = block_sum(square);
    far = block_max(far);
    steep = block_max(steep);
    if (threadIdx.x == 0) {
        long long at = (long long)clip * blocks + blockIdx.x, plane = (long long)clips * blocks;
        partial[at] = along;
        partial[plane + at] = square;
        partial[2 * plane + at] = far;
        partial[3 * plane + at] = steep;
    }
}

// Direction, scale and slope of a clip's next trial, and whether the clip goes on. One block per clip.
extern "C" __global__ void __launch_bounds__(BLOCK) aim(
    const real* __restrict__ partial,  // (4, clips, blocks)
    const real* __restrict__ inverse,  // (history, clips)
    const real* __restrict__ value,    // (clips)
    const int* __restrict__ good,      // (clips)
    int* __restrict__ active,          // (clips)
    int* __restrict__ count,           // (clips): steps taken
    int* __restrict__ ended,           // (clips): step after which the clip did not go on
    int* __restrict__ pick,            // (clips)
    real* __restrict__ scale,          // (clips)
    real* __restrict__ slope,          // (clips)
    real* __restrict__ values,         // (steps + 1, clips)
    real first_step, real largest_step, real shrink, real tolerance, int patience, int begin, int history, int clips,
    int blocks) {
    __shared__ real found[4];
    int clip = (int)blockIdx.y;
#pragma unroll 1
    for (int k = 0; k < 4; ++k) {
        const real* part = partial + (long long)(k * clips + clip) * blocks;
        real whole = k < 2 ? sum_of(part, blocks) : largest_of(part, blocks);
        if (threadIdx.x == 0) found[k] = whole;
    }
    if (threadIdx.x != 0) return;
    real along = found[0], square = found[1], far = found[2], steep = found[3];
    real newest = value[clip];
    if (begin) {
        pick[clip] = 2;
        scale[clip] = reach(steep, first_step);
        slope[clip] = square;
        values[clip] = newest;
        return;
    }
    bool remembered = false;
#pragma unroll 1
    for (int age = 0; age < history; ++age) remembered = remembered || inverse[age * clips + clip] > 0;
    bool usable = (remembered ? along : square) > 0, newton = remembered && usable;
    real limit = reach(newton ? far : steep, largest_step);
    if (good[clip]) {
        pick[clip] = newton ? 1 : 2;
        scale[clip] = usable ? (limit < 1 ? limit : (real)1) : reach(steep, first_step);
        slope[clip] = newton ? along : square;
    } else {
        pick[clip] = 0;
        scale[clip] *= shrink;
    }
    int step = count[clip] + 1;
    count[clip] = step;
    values[(long long)step * clips + clip] = newest;
    if (tolerance > 0 && step >= patience) {
        real gained = values[(long long)(step - patience) * clips + clip] - newest;
        if (active[clip] && gained <= tolerance * newest) {
            active[clip] = 0;
            ended[clip] = step;
        }
    }
}
