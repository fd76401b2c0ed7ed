// cuFFT by FFTW, and of cuBLAS the products of matrices, on the emulated device.
//
// A plan asks for a work area as large as what it transforms, and every transform fills it with NaN before and after: who
// has it taken away, or uses it for something else, will notice.
//
// EMULATED_FFTW, EMULATED_FFTWF   shared objects of FFTW in double and single precision
#include <dlfcn.h>
#include <sys/mman.h>

#include <algorithm>
#include <complex>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "device.hpp"

// ---- transforms

enum Kind { r2c = 0x2a, c2r = 0x2c, c2c = 0x29, d2z = 0x6a, z2d = 0x6c, z2z = 0x69 };

static void* fftw(bool is_double, const std::string& name) {
    static void* libraries[2];
    void*& library = libraries[is_double];
    const char* path = std::getenv(is_double ? "EMULATED_FFTW" : "EMULATED_FFTWF");
    if (!library) library = dlopen(path ? path : "", RTLD_NOW);
    void* found = library ? dlsym(library, ((is_double ? "fftw_" : "fftwf_") + name).c_str()) : nullptr;
    if (!found) std::fprintf(stderr, "emulated GPU: no %s in FFTW: %s\n", name.c_str(), dlerror()), std::abort();
    return found;
}

struct Layout {
    int sizes[3], stride, distance;
};

struct Plan {
    int kind = 0, rank = 0, sizes[3], batch = 1;
    bool plain = true;  // no layouts were given
    Layout in, out;
    void *stream = nullptr, *work = nullptr;
    std::size_t work_bytes = 0;
    std::map<std::pair<int, bool>, void*> plans;  // of FFTW, for a direction, in place or not

    bool is_double() const { return kind >= z2z; }
    bool real_input() const { return kind == r2c || kind == d2z; }
    bool real_output() const { return kind == c2r || kind == z2d; }
};
static std::map<int, Plan> plans;
static int plans_made = 0;

static void* made(Plan& p, int direction, bool in_place) {
    void*& plan = p.plans[{direction, in_place}];
    if (plan) return plan;
    // FFTW wants addresses when it plans; these are never touched
    static char* nowhere = (char*)mmap(nullptr, 1ull << 36, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    void *from = nowhere, *to = in_place ? nowhere : nowhere + (1ull << 35);
    int real = 1, half = 1;
    for (int i = 0; i < p.rank; ++i) real *= p.sizes[i], half *= i + 1 == p.rank ? p.sizes[i] / 2 + 1 : p.sizes[i];
    int row = in_place ? 2 * half : real;  // samples of a real transform in place are padded
    Layout in = p.in, out = p.out;
    if (p.plain) in = {{}, 1, p.real_input() ? row : p.real_output() ? half : real};
    if (p.plain) out = {{}, 1, p.real_output() ? row : p.real_input() ? half : real};
    int *given_in = p.plain ? nullptr : in.sizes, *given_out = p.plain ? nullptr : out.sizes;
    const unsigned flags = 1u << 6 | 1u << 1;  // FFTW_ESTIMATE, FFTW_UNALIGNED
    if (!p.real_input() && !p.real_output()) {
        typedef void* Make(int, int*, int, void*, int*, int, int, void*, int*, int, int, int, unsigned);
        plan = ((Make*)fftw(p.is_double(), "plan_many_dft"))(
            p.rank, p.sizes, p.batch, from, given_in, in.stride, in.distance, to, given_out, out.stride, out.distance,
            direction, flags);
    } else {
        typedef void* Make(int, int*, int, void*, int*, int, int, void*, int*, int, int, unsigned);
        plan = ((Make*)fftw(p.is_double(), p.real_input() ? "plan_many_dft_r2c" : "plan_many_dft_c2r"))(
            p.rank, p.sizes, p.batch, from, given_in, in.stride, in.distance, to, given_out, out.stride, out.distance,
            flags);
    }
    return plan;
}

static int transform(int handle, void* from, void* to, int direction, const char* execute) {
    Plan& p = plans[handle];
    void* plan = made(p, direction, from == to);
    if (!plan || (p.work_bytes && !p.work)) return 5;
    auto run = (void (*)(void*, void*, void*))fftw(p.is_double(), execute);
    void* work = p.work;
    std::size_t bytes = p.work_bytes;
    enqueue(p.stream, [=] {
        std::memset(work, 0xFF, bytes);
        run(plan, from, to);
        std::memset(work, 0xFF, bytes);
    });
    return ++emulated_counts.transforms, 0;
}

API int on_cufftCreate(int* handle) { return plans[*handle = ++plans_made] = Plan(), 0; }
API int on_cufftDestroy(int handle) { return plans.erase(handle), 0; }
API int on_cufftGetVersion(int* version) { return *version = 11400, 0; }
API int on_cufftSetAutoAllocation(int, int) { return 0; }
API int on_cufftSetWorkArea(int handle, void* work) { return plans[handle].work = work, 0; }
API int on_cufftSetStream(int handle, void* stream) { return plans[handle].stream = stream, 0; }
API int on_cufftMakePlanMany(
    int handle, int rank, int* sizes, int* in_sizes, int in_stride, int in_distance, int* out_sizes, int out_stride,
    int out_distance, int kind, int batch, std::size_t* work_bytes) {
    Plan& p = plans[handle];
    p.kind = kind, p.rank = rank, p.batch = batch, p.plain = !in_sizes || !out_sizes;
    p.in = {{}, in_stride, in_distance}, p.out = {{}, out_stride, out_distance};
    std::size_t count = batch;
    for (int i = 0; i < rank; ++i) {
        count *= p.sizes[i] = sizes[i];
        if (!p.plain) p.in.sizes[i] = in_sizes[i], p.out.sizes[i] = out_sizes[i];
    }
    return *work_bytes = p.work_bytes = count * (p.is_double() ? 16 : 8), 0;
}
API int on_cufftMakePlan1d(int handle, int size, int kind, int batch, std::size_t* work_bytes) {
    return on_cufftMakePlanMany(handle, 1, &size, nullptr, 1, 0, nullptr, 1, 0, kind, batch, work_bytes);
}
API int on_cufftExecC2C(int h, void* from, void* to, int d) { return transform(h, from, to, d, "execute_dft"); }
API int on_cufftExecZ2Z(int h, void* from, void* to, int d) { return transform(h, from, to, d, "execute_dft"); }
API int on_cufftExecR2C(int h, void* from, void* to) { return transform(h, from, to, -1, "execute_dft_r2c"); }
API int on_cufftExecD2Z(int h, void* from, void* to) { return transform(h, from, to, -1, "execute_dft_r2c"); }
API int on_cufftExecC2R(int h, void* from, void* to) { return transform(h, from, to, 1, "execute_dft_c2r"); }
API int on_cufftExecZ2D(int h, void* from, void* to) { return transform(h, from, to, 1, "execute_dft_c2r"); }

// ---- products of matrices

struct Handle {
    void* stream = nullptr;
    int math = 0, pointers = 0;
};
API int on_cublasCreate_v2(Handle** handle) { return *handle = new Handle, 0; }
API int on_cublasDestroy_v2(Handle* handle) { return delete handle, 0; }
API int on_cublasGetVersion_v2(Handle*, int* version) { return *version = 120900, 0; }
API int on_cublasSetStream_v2(Handle* handle, void* stream) { return handle->stream = stream, 0; }
API int on_cublasGetStream_v2(Handle* handle, void** stream) { return *stream = handle->stream, 0; }
API int on_cublasSetMathMode(Handle* handle, int mode) { return handle->math = mode, 0; }
API int on_cublasGetMathMode(Handle* handle, int* mode) { return *mode = handle->math, 0; }
API int on_cublasSetPointerMode_v2(Handle* handle, int mode) { return handle->pointers = mode, 0; }
API int on_cublasGetPointerMode_v2(Handle* handle, int* mode) { return *mode = handle->pointers, 0; }

template <class T> static T conjugate(T x) { return x; }
template <class T> static std::complex<T> conjugate(std::complex<T> x) { return std::conj(x); }

template <class T> struct Matrix {
    const T* entries;
    int leading, how;  // how: 0 as it is, 1 transposed, 2 also conjugated

    T operator()(int row, int column) const {
        T x = how ? entries[column + (std::size_t)row * leading] : entries[row + (std::size_t)column * leading];
        return how == 2 ? conjugate(x) : x;
    }
};

template <class T>
static void multiply(int m, int n, int k, T alpha, Matrix<T> a, Matrix<T> b, T beta, T* c, int leading) {
    std::vector<T> left((std::size_t)m * k), sums(m);
    for (int l = 0; l < k; ++l)
        for (int i = 0; i < m; ++i) left[i + (std::size_t)l * m] = a(i, l);
    for (int j = 0; j < n; ++j) {
        std::fill(sums.begin(), sums.end(), T(0));
        for (int l = 0; l < k; ++l) {
            T factor = b(l, j);
            for (int i = 0; i < m; ++i) sums[i] += left[i + (std::size_t)l * m] * factor;
        }
        for (int i = 0; i < m; ++i) {
            T& out = c[i + (std::size_t)j * leading];
            out = alpha * sums[i] + (beta == T(0) ? T(0) : beta * out);
        }
    }
}

template <class T>
static int products(
    Handle* handle, int how_a, int how_b, int m, int n, int k, const void* alpha, const void* a, int lda, long long step_a,
    const void* b, int ldb, long long step_b, const void* beta, void* c, int ldc, long long step_c, int batch) {
    T scale = *(const T*)alpha, kept = *(const T*)beta;
    enqueue(handle->stream, [=] {
        for (int i = 0; i < batch; ++i)
            multiply<T>(m, n, k, scale, {(const T*)a + i * step_a, lda, how_a}, {(const T*)b + i * step_b, ldb, how_b},
                        kept, (T*)c + i * step_c, ldc);
    });
    return ++emulated_counts.products, 0;
}

#define PRODUCTS(letter, T)                                                                                             \
    API int on_cublas##letter##gemm_v2(Handle* h, int p, int q, int m, int n, int k, const void* alpha, const void* a,  \
                                       int lda, const void* b, int ldb, const void* beta, void* c, int ldc) {           \
        return products<T>(h, p, q, m, n, k, alpha, a, lda, 0, b, ldb, 0, beta, c, ldc, 0, 1);                          \
    }                                                                                                                   \
    API int on_cublas##letter##gemmStridedBatched(Handle* h, int p, int q, int m, int n, int k, const void* alpha,      \
                                                  const void* a, int lda, long long sa, const void* b, int ldb,         \
                                                  long long sb, const void* beta, void* c, int ldc, long long sc,       \
                                                  int batch) {                                                          \
        return products<T>(h, p, q, m, n, k, alpha, a, lda, sa, b, ldb, sb, beta, c, ldc, sc, batch);                   \
    }                                                                                                                   \
    API int on_cublas##letter##gemmBatched(Handle* h, int p, int q, int m, int n, int k, const void* alpha,             \
                                           const void** a, int lda, const void** b, int ldb, const void* beta,          \
                                           void** c, int ldc, int batch) {                                              \
        for (int i = 0; i < batch; ++i) products<T>(h, p, q, m, n, k, alpha, a[i], lda, 0, b[i], ldb, 0, beta, c[i], ldc, 0, 1); \
        return 0;                                                                                                       \
    }
PRODUCTS(S, float)
PRODUCTS(D, double)
PRODUCTS(C, std::complex<float>)
PRODUCTS(Z, std::complex<double>)

API int on_cublasGemmStridedBatchedEx(
    Handle* h, int p, int q, int m, int n, int k, const void* alpha, const void* a, int type, int lda, long long sa,
    const void* b, int type_b, int ldb, long long sb, const void* beta, void* c, int type_c, int ldc, long long sc,
    int batch, int, int) {
    if (type != type_b || type != type_c) return 15;
    auto by = type == 0   ? products<float>
              : type == 1 ? products<double>
              : type == 4 ? products<std::complex<float>>
              : type == 5 ? products<std::complex<double>>
                          : nullptr;
    return by ? by(h, p, q, m, n, k, alpha, a, lda, sa, b, ldb, sb, beta, c, ldc, sc, batch) : 15;
}
API int on_cublasGemmEx(
    Handle* h, int p, int q, int m, int n, int k, const void* alpha, const void* a, int type, int lda, const void* b,
    int type_b, int ldb, const void* beta, void* c, int type_c, int ldc, int compute, int algorithm) {
    return on_cublasGemmStridedBatchedEx(
        h, p, q, m, n, k, alpha, a, type, lda, 0, b, type_b, ldb, 0, beta, c, type_c, ldc, 0, 1, compute, algorithm);
}
