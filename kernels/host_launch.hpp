// Stands in for CUDA's launch built-ins, so that a kernel runs as plain C++17 where there is no GPU.
//
// A launch is a loop over blocks and, in each, over threads, on one core. Threads of a kernel with barriers are fibers:
// each runs to its next barrier, then the next thread runs. Where all wait, those go on that wait for their warp; if none
// does, all that wait for the block. Atomic operations need no more than the loop; kernels use atomicAdd alone. Threads
// of a warp can wait for each other, but other warp operations are not there: what uses one does not compile here.
#ifndef LITHO_HOST_LAUNCH_HPP
#define LITHO_HOST_LAUNCH_HPP

#include <setjmp.h>
#include <ucontext.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __shared__ static
#define __align__(bytes) alignas(bytes)

using std::abs;

template <typename T> inline T max(T a, T b) { return a < b ? b : a; }
template <typename T> inline T min(T a, T b) { return b < a ? b : a; }

struct uint3 {
    unsigned x, y, z;
};
static uint3 threadIdx, blockIdx, blockDim, gridDim;

template <typename T> inline T atomicAdd(T* place, T value) { T old = *place; *place = old + value; return old; }

namespace litho_host {

constexpr std::size_t stack_bytes = 128 * 1024;

enum Barrier { none, of_warp, of_block };

struct Fiber {  // begun by its context, then switched by jumps, which need no system call
    ucontext_t context;
    jmp_buf place;
    char* stack;
    bool begun, finished;
    Barrier waits_at;
};

struct Fibers {
    jmp_buf scheduler;
    Fiber* all = nullptr;
    std::size_t made = 0, running = 0;
    void (*body)(void*) = nullptr;  // runs a thread of the kernel with these arguments
    void* arguments = nullptr;
    bool active = false;
};
static Fibers fibers;

inline void place_thread(std::size_t index) {
    threadIdx.x = (unsigned)(index % blockDim.x);
    threadIdx.y = (unsigned)(index / blockDim.x % blockDim.y);
    threadIdx.z = (unsigned)(index / blockDim.x / blockDim.y);
}

inline void enter_fiber() {
    fibers.body(fibers.arguments);
    fibers.all[fibers.running].finished = true;
    _longjmp(fibers.scheduler, 1);
}

inline void run_fiber(std::size_t thread) {
    fibers.running = thread;
    place_thread(thread);
    if (_setjmp(fibers.scheduler) != 0) return;
    if (fibers.all[thread].begun) _longjmp(fibers.all[thread].place, 1);
    fibers.all[thread].begun = true;
    setcontext(&fibers.all[thread].context);
}

inline void make_fibers(std::size_t threads) {
    if (fibers.made < threads) {
        fibers.all = (Fiber*)std::realloc((void*)fibers.all, threads * sizeof(Fiber));
        for (; fibers.made < threads; ++fibers.made) fibers.all[fibers.made].stack = (char*)std::malloc(stack_bytes);
    }
    for (std::size_t t = 0; t < threads; ++t) {
        Fiber& fiber = fibers.all[t];
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack;
        fiber.context.uc_stack.ss_size = stack_bytes;
        makecontext(&fiber.context, enter_fiber, 0);
        fiber.begun = fiber.finished = false;
        fiber.waits_at = none;
    }
}

inline bool run_ready(std::size_t threads) {  // to the next barrier of each; whether there was one to run
    bool ran = false;
    for (std::size_t t = 0; t < threads; ++t)
        if (!fibers.all[t].finished && fibers.all[t].waits_at == none) run_fiber(t), ran = true;
    return ran;
}

inline bool pass(std::size_t threads, Barrier barrier) {  // whether somebody waited there
    bool passed = false;
    for (std::size_t t = 0; t < threads; ++t)
        if (!fibers.all[t].finished && fibers.all[t].waits_at == barrier) fibers.all[t].waits_at = none, passed = true;
    return passed;
}

inline void run_block_in_fibers(std::size_t threads) {
    make_fibers(threads);
    fibers.active = true;
    while (run_ready(threads) || pass(threads, of_warp) || pass(threads, of_block)) {}
    fibers.active = false;
}

template <typename... P> struct Call {  // a kernel with the places of its arguments
    void (*kernel)(P...);
    void** arguments;

    template <std::size_t... I> void run(std::index_sequence<I...>) const {
        kernel(*static_cast<P*>(arguments[I])...);
    }
    static void body(void* call) { ((const Call*)call)->run(std::index_sequence_for<P...>()); }
};

template <typename... P>
void launch(void (*kernel)(P...), const unsigned* sizes, void** arguments, bool barriers) {
    gridDim = {sizes[0], sizes[1], sizes[2]};
    blockDim = {sizes[3], sizes[4], sizes[5]};
    std::size_t threads = (std::size_t)blockDim.x * blockDim.y * blockDim.z;
    Call<P...> call = {kernel, arguments};
    fibers.body = Call<P...>::body;
    fibers.arguments = &call;
    for (unsigned z = 0; z < gridDim.z; ++z)
        for (unsigned y = 0; y < gridDim.y; ++y)
            for (unsigned x = 0; x < gridDim.x; ++x) {
                blockIdx = {x, y, z};
                if (barriers) run_block_in_fibers(threads);
                for (std::size_t t = 0; t < threads && !barriers; ++t) {
                    place_thread(t);
                    fibers.body(fibers.arguments);
                }
            }
}

}  // namespace litho_host

namespace litho_host {
inline void wait_at(Barrier barrier) {
    if (!fibers.active) {
        std::fprintf(stderr, "a barrier in a launch without barriers\n");
        std::abort();
    }
    fibers.all[fibers.running].waits_at = barrier;
    if (_setjmp(fibers.all[fibers.running].place) == 0) _longjmp(fibers.scheduler, 1);
}
}  // namespace litho_host

inline void __syncthreads() { litho_host::wait_at(litho_host::of_block); }
inline void __syncwarp(unsigned = ~0u) { litho_host::wait_at(litho_host::of_warp); }

// Makes launch_<kernel>(sizes of grid and block, arguments) of a kernel.
#define LITHO_HOST_KERNEL(kernel, barriers)                                          \
    extern "C" void launch_##kernel(const unsigned* sizes, void** arguments) {       \
        litho_host::launch(kernel, sizes, arguments, barriers);                      \
    }

#endif
