// CUDA's built-ins as C++17 for a host, as far as the kernels of litho and of CuPy use them.
#ifndef LITHO_EMULATED_BUILT_INS_HPP
#define LITHO_EMULATED_BUILT_INS_HPP

#include <cassert>
#include <cfloat>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <tuple>
#include <type_traits>

#define __host__
#define __noinline__
#define __constant__ static
#include "host_launch.hpp"

struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(16) double2 { double x, y; };

template <class To, class From> inline To bits_of(From from) {
    static_assert(sizeof(To) == sizeof(From), "the same bits");
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}
inline float __int_as_float(int x) { return bits_of<float>(x); }
inline int __float_as_int(float x) { return bits_of<int>(x); }
inline float __uint_as_float(unsigned x) { return bits_of<float>(x); }
inline unsigned __float_as_uint(float x) { return bits_of<unsigned>(x); }
inline double __longlong_as_double(long long x) { return bits_of<double>(x); }
inline long long __double_as_longlong(double x) { return bits_of<long long>(x); }
inline int __double2hiint(double x) { return (int)(__double_as_longlong(x) >> 32); }
inline int __double2loint(double x) { return (int)__double_as_longlong(x); }
inline double __hiloint2double(int high, int low) {
    return __longlong_as_double((long long)((unsigned long long)(unsigned)high << 32 | (unsigned)low));
}

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline float rsqrt(float x) { return 1 / std::sqrt(x); }
inline double rsqrt(double x) { return 1 / std::sqrt(x); }
inline void __threadfence() {}
inline void __trap() { std::abort(); }

using std::isfinite;
using std::isinf;
using std::isnan;
using std::signbit;
template <class A, class B> inline std::common_type_t<A, B> max(A a, B b) {
    typedef std::common_type_t<A, B> C;
    return (C)a < (C)b ? (C)b : (C)a;
}
template <class A, class B> inline std::common_type_t<A, B> min(A a, B b) {
    typedef std::common_type_t<A, B> C;
    return (C)b < (C)a ? (C)b : (C)a;
}

template <class T> inline T atomicMax(T* place, T x) { T old = *place; return *place = old < x ? x : old, old; }
template <class T> inline T atomicMin(T* place, T x) { T old = *place; return *place = x < old ? x : old, old; }
template <class T> inline T atomicExch(T* place, T x) { T old = *place; return *place = x, old; }
template <class T> inline T atomicCAS(T* place, T is, T x) { T old = *place; return *place = old == is ? x : old, old; }

namespace litho_host {

// What the thread `lane` of this thread's warp has for x.
template <class T> inline T of_lane(T x, std::size_t lane) {
    static char given[1024][16];
    std::size_t thread = fibers.running;
    std::memcpy(given[thread], &x, sizeof x);
    __syncwarp();
    std::memcpy((void*)&x, given[thread / 32 * 32 + lane % 32], sizeof x);
    __syncwarp();
    return x;
}

}  // namespace litho_host

template <class T> inline T __shfl_xor_sync(unsigned, T x, int mask, int = 32) {
    return litho_host::of_lane(x, litho_host::fibers.running ^ (std::size_t)mask);
}
template <class T> inline T __shfl_down_sync(unsigned, T x, unsigned by, int = 32) {
    std::size_t lane = litho_host::fibers.running % 32;
    return litho_host::of_lane(x, lane + by < 32 ? lane + by : lane);
}

namespace litho_host {

template <typename... P> struct Bound {  // a launch's arguments, copied, as a stream keeps them
    typedef std::tuple<std::remove_cv_t<P>...> Values;

    template <std::size_t... I> static Values* made(void** arguments, std::index_sequence<I...>) {
        return new Values(*(std::remove_cv_t<P>*)arguments[I]...);
    }
    template <std::size_t... I>
    static void run(void (*kernel)(P...), Values& values, const unsigned* sizes, bool barriers, std::index_sequence<I...>) {
        void* arguments[] = {(void*)&std::get<I>(values)..., nullptr};
        launch(kernel, sizes, arguments, barriers);
    }
};
template <typename... P> void* bind(void (*)(P...), void** arguments) {
    return Bound<P...>::made(arguments, std::index_sequence_for<P...>());
}
template <typename... P> void run(void (*kernel)(P...), void* values, const unsigned* sizes, bool barriers) {
    typedef typename Bound<P...>::Values Values;
    Bound<P...>::run(kernel, *(Values*)values, sizes, barriers, std::index_sequence_for<P...>());
}
template <typename... P> void drop(void (*)(P...), void* values) { delete (typename Bound<P...>::Values*)values; }

}  // namespace litho_host

// Makes of a kernel what cuModuleGetFunction looks for.
#define LITHO_EMULATED_KERNEL(kernel, barriers)                                                                        \
    extern "C" void* bind_##kernel(void** arguments) { return litho_host::bind(kernel, arguments); }                   \
    extern "C" void run_##kernel(void* values, const unsigned* sizes) { litho_host::run(kernel, values, sizes, barriers); } \
    extern "C" void drop_##kernel(void* values) { litho_host::drop(kernel, values); }

#endif
