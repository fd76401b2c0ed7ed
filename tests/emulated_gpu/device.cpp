// A CUDA driver and runtime for one process without a GPU: memory of the host, and work that is done at once, in order.
//
// Functions of the runtime are called on_<name>: the loader sends CuPy's calls to them. Those of the driver have their own
// names, for CuPy looks for libcuda.so.1. What a stream would only note while it is captured is only noted here, too, and
// what would wait for it then is refused. New memory is full of ones, which as numbers are NaN.
//
// EMULATED_MEMORY_MB   memory of the device (16384)
// EMULATED_GUARDS      if set, each allocation ends at a page that cannot be touched
// EMULATED_LAUNCHES    after so many launches the device is lost
#include "device.hpp"

#include <dlfcn.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <memory>
#include <mutex>
#include <string>

typedef std::vector<Operation> Graph;

API Counts emulated_counts = {};

static Stream legacy;
static int captures = 0;
static thread_local int last_error = 0;

static long setting(const char* name, long otherwise) {
    const char* text = std::getenv(name);
    return text ? std::atol(text) : otherwise;
}

Stream* stream_of(void* stream) { return (std::size_t)stream < 16 ? &legacy : (Stream*)stream; }

void enqueue(void* stream, const Operation& operation) {
    Stream* s = stream_of(stream);
    if (!s->capturing) return operation();
    s->noted.push_back(operation);
    ++emulated_counts.captured;
}

static int told(int error) { return last_error = error ? error : last_error, error; }

static bool lost() {
    static const long most = setting("EMULATED_LAUNCHES", -1);
    return most >= 0 && emulated_counts.launches > most;
}

static int waits(bool captured) {
    if (lost()) return told(700);
    if (captured) return ++emulated_counts.waits_in_captures, told(900);
    return ++emulated_counts.waits, 0;
}

// ---- memory

struct Block {
    std::size_t bytes, body;  // asked for; whole pages before the guard, 0 without one
};
static std::map<char*, Block> blocks;
static std::mutex guard;
static std::size_t used = 0;
static const std::size_t page = 4096;

static std::size_t memory() { return (std::size_t)setting("EMULATED_MEMORY_MB", 16384) << 20; }

static char* allocated(std::size_t bytes, std::size_t body) {
    if (!body) return (char*)std::aligned_alloc(512, (bytes + 511) / 512 * 512 + 512);
    void* start = mmap(nullptr, body + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) return nullptr;
    mprotect((char*)start + body, page, PROT_NONE);
    return (char*)start + body - (bytes + 15) / 16 * 16;
}

API int on_cudaMalloc(void** place, std::size_t bytes) {
    std::lock_guard<std::mutex> lock(guard);
    std::size_t body = std::getenv("EMULATED_GUARDS") ? (bytes + page) / page * page : 0;
    char* start = used + bytes > memory() ? nullptr : allocated(bytes, body);
    *place = start;
    if (!start) return told(2);
    std::memset(start, 0xFF, bytes);
    blocks[start] = {bytes, body};
    used += bytes;
    emulated_counts.most_bytes = std::max(emulated_counts.most_bytes, (long)used);
    return ++emulated_counts.allocations, 0;
}

API int on_cudaFree(void* start) {
    std::lock_guard<std::mutex> lock(guard);
    auto found = blocks.find((char*)start);
    if (!start) return 0;
    if (found == blocks.end()) return told(1);
    Block block = found->second;
    used -= block.bytes;
    blocks.erase(found);
    if (block.body) return munmap((char*)start + (block.bytes + 15) / 16 * 16 - block.body, block.body + page), 0;
    std::memset(start, 0xFF, block.bytes);
    return std::free(start), 0;
}

API int on_cudaHostAlloc(void** place, std::size_t bytes, unsigned) { return *place = std::malloc(bytes + 1), 0; }
API int on_cudaFreeHost(void* place) { return std::free(place), 0; }
API int on_cudaMemGetInfo(std::size_t* left, std::size_t* whole) { return *whole = memory(), *left = *whole - used, 0; }

API int on_cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, int kind, void* stream) {
    if (lost()) return told(700);
    emulated_counts.to_device += kind == 1;
    emulated_counts.to_host += kind == 2;
    return enqueue(stream, [=] { std::memmove(to, from, bytes); }), 0;
}
API int on_cudaMemcpy(void* to, const void* from, std::size_t bytes, int kind) {
    emulated_counts.waits_in_captures += captures > 0;
    return on_cudaMemcpyAsync(to, from, bytes, kind, nullptr);
}
API int on_cudaMemsetAsync(void* to, int value, std::size_t bytes, void* stream) {
    return enqueue(stream, [=] { std::memset(to, value, bytes); }), 0;
}
API int on_cudaMemset(void* to, int value, std::size_t bytes) { return on_cudaMemsetAsync(to, value, bytes, nullptr); }

struct Attributes {
    int type, device;
    void *on_device, *on_host;
};
API int on_cudaPointerGetAttributes(Attributes* found, const void* place) {
    std::lock_guard<std::mutex> lock(guard);
    auto after = blocks.upper_bound((char*)place);
    bool inside = after != blocks.begin() && (char*)place < std::prev(after)->first + std::prev(after)->second.bytes;
    return *found = {inside ? 2 : 0, 0, inside ? (void*)place : nullptr, nullptr}, 0;
}

// ---- device

API int on_cudaGetLastError() { return std::exchange(last_error, 0); }
API int on_cudaPeekAtLastError() { return last_error; }
API const char* on_cudaGetErrorName(int error) {
    return error == 2     ? "cudaErrorMemoryAllocation"
           : error == 700 ? "cudaErrorIllegalAddress"
           : error == 900 ? "cudaErrorStreamCaptureUnsupported"
                          : "cudaErrorEmulated";
}
API const char* on_cudaGetErrorString(int error) { return error == 2 ? "out of memory" : "an emulated error"; }
API int on_cudaDriverGetVersion(int* version) { return *version = 12090, 0; }
API int on_cudaRuntimeGetVersion(int* version) { return *version = 12090, 0; }
API int on_cudaGetDeviceCount(int* count) { return *count = 1, 0; }
API int on_cudaGetDevice(int* device) { return *device = 0, 0; }
API int on_cudaSetDevice(int device) { return device == 0 ? 0 : told(101); }
API int on_cudaDeviceSynchronize() { return waits(captures > 0); }
API int on_cudaDeviceCanAccessPeer(int* can, int, int) { return *can = 0, 0; }
API int on_cudaDeviceGetPCIBusId(char* text, int size, int) { return std::snprintf(text, size, "0000:01:00.0"), 0; }
API int on_cudaDeviceGetAttribute(int* value, int attribute, int) {
    static const std::map<int, int> known = {{1, 1024}, {2, 1024}, {3, 1024}, {4, 64},     {5, 2147483647}, {6, 65535},
                                             {7, 65535}, {8, 49152}, {10, 32},  {16, 132}, {75, 9},          {76, 0}};
    auto found = known.find(attribute);
    return *value = found == known.end() ? 0 : found->second, 0;
}

struct Properties {  // of CUDA 12; what is not named stays 0
    char name[256], uuid[16], luid[8];
    unsigned mask;
    std::size_t memory, shared;
    int registers, warp;
    std::size_t pitch;
    int threads, block[3], grid[3], clock;
    std::size_t constant;
    int major, minor;
    std::size_t alignments[2];
    int overlap, processors;
    char others[640];
};
static_assert(sizeof(Properties) == 1032, "the size of cudaDeviceProp");

API int on_cudaGetDeviceProperties_v2(Properties* found, int) {
    std::memset((void*)found, 0, sizeof *found);
    std::strcpy(found->name, "emulated GPU");
    found->memory = memory(), found->shared = 49152, found->registers = 65536, found->warp = 32;
    found->threads = 1024, found->block[0] = found->block[1] = 1024, found->block[2] = 64;
    found->grid[0] = 2147483647, found->grid[1] = found->grid[2] = 65535;
    found->major = 9, found->processors = 132;
    return 0;
}

// ---- streams, events, graphs

API int on_cudaStreamCreateWithFlags(void** stream, unsigned flags) { return *stream = new Stream{false, flags, {}}, 0; }
API int on_cudaStreamCreate(void** stream) { return on_cudaStreamCreateWithFlags(stream, 0); }
API int on_cudaStreamCreateWithPriority(void** stream, unsigned flags, int) {
    return on_cudaStreamCreateWithFlags(stream, flags);
}
API int on_cudaStreamGetFlags(void* stream, unsigned* flags) { return *flags = stream_of(stream)->flags, 0; }
API int on_cudaStreamGetPriority(void*, int* priority) { return *priority = 0, 0; }
API int on_cudaStreamDestroy(void* stream) { return delete (Stream*)stream, 0; }
API int on_cudaStreamSynchronize(void* stream) { return waits(stream_of(stream)->capturing); }
API int on_cudaStreamQuery(void* stream) { return stream_of(stream)->capturing ? told(900) : 0; }
API int on_cudaStreamWaitEvent(void*, void*, unsigned) { return 0; }
API int on_cudaStreamIsCapturing(void* stream, int* is) { return *is = stream_of(stream)->capturing, 0; }
API int on_cudaStreamBeginCapture(void* stream, int) {
    if (stream_of(stream) == &legacy) return told(900);
    stream_of(stream)->capturing = true;
    stream_of(stream)->noted.clear();
    return ++captures, 0;
}
API int on_cudaStreamEndCapture(void* stream, void** graph) {
    Stream* s = stream_of(stream);
    if (!s->capturing) return told(901);
    s->capturing = false;
    *graph = new Graph(std::move(s->noted));
    return --captures, 0;
}
API int on_cudaGraphInstantiate(void** started, void* graph, unsigned long long) {
    return *started = new Graph(*(Graph*)graph), 0;
}
API int on_cudaGraphDestroy(void* graph) { return delete (Graph*)graph, 0; }
API int on_cudaGraphExecDestroy(void* started) { return delete (Graph*)started, 0; }
API int on_cudaGraphUpload(void*, void*) { return 0; }
API int on_cudaGraphLaunch(void* started, void* stream) {
    enqueue(stream, [=] {
        for (const Operation& operation : *(Graph*)started) operation();
    });
    return ++emulated_counts.graphs, 0;
}
API int on_cudaEventCreateWithFlags(void** event, unsigned) { return *event = new timespec(), 0; }
API int on_cudaEventCreate(void** event) { return on_cudaEventCreateWithFlags(event, 0); }
API int on_cudaEventDestroy(void* event) { return delete (timespec*)event, 0; }
API int on_cudaEventRecord(void* event, void*) { return clock_gettime(CLOCK_MONOTONIC, (timespec*)event), 0; }
API int on_cudaEventQuery(void*) { return 0; }
API int on_cudaEventSynchronize(void*) { return waits(captures > 0); }
API int on_cudaEventElapsedTime(float* ms, void* from, void* to) {
    timespec a = *(timespec*)from, b = *(timespec*)to;
    return *ms = 1e3f * (float)(b.tv_sec - a.tv_sec) + 1e-6f * (float)(b.tv_nsec - a.tv_nsec), 0;
}

// ---- driver

struct Kernel {  // compiled for the host, see built_ins.hpp
    std::string name;
    void* (*bind)(void**);
    void (*run)(void*, const unsigned*);
    void (*drop)(void*);
};
API int cuInit(unsigned) { return 0; }
API int cuDriverGetVersion(int* version) { return *version = 12090, 0; }
API int cuGetErrorName(int error, const char** name) {
    return *name = error == 700 ? "CUDA_ERROR_ILLEGAL_ADDRESS" : "CUDA_ERROR_EMULATED", 0;
}
API int cuGetErrorString(int, const char** text) { return *text = "an emulated error", 0; }
API int cuDeviceGet(int* device, int number) { return *device = number, 0; }
API int cuDevicePrimaryCtxRetain(void** context, int) { return *context = (void*)64, 0; }
API int cuCtxGetCurrent(void** context) { return *context = (void*)64, 0; }
API int cuCtxSetCurrent(void*) { return 0; }
API int cuCtxGetDevice(int* device) { return *device = 0, 0; }
API int cuModuleUnload(void*) { return 0; }
API int cuFuncGetAttribute(int* value, int, void*) { return *value = 1024, 0; }
API int cuFuncSetAttribute(void*, int, int) { return 0; }
API int cuModuleLoadData(void** module, const void* image) {  // an image is the path of a shared object
    *module = dlopen((const char*)image, RTLD_NOW | RTLD_LOCAL);
    return *module ? 0 : (std::fprintf(stderr, "emulated GPU: %s\n", dlerror()), 200);
}
API int cuModuleGetFunction(void** function, void* module, const char* name) {
    auto found = [&](const char* what) { return dlsym(module, (std::string(what) + name).c_str()); };
    if (!found("bind_")) return std::fprintf(stderr, "emulated GPU: no kernel %s\n", name), 500;
    *function = new Kernel{name, (void* (*)(void**))found("bind_"), (void (*)(void*, const unsigned*))found("run_"),
                           (void (*)(void*))found("drop_")};
    return 0;
}
API int cuLaunchKernel(
    void* function, unsigned x, unsigned y, unsigned z, unsigned block_x, unsigned block_y, unsigned block_z,
    unsigned shared, void* stream, void** arguments, void**) {
    Kernel* kernel = (Kernel*)function;
    bool fits = x && y && z && y <= 65535 && z <= 65535 && block_x && block_y && block_z && shared <= 232448;
    if (!fits || block_x * block_y * block_z > 1024) return 1;
    if (++emulated_counts.launches, lost()) return 700;
    std::shared_ptr<void> bound(kernel->bind(arguments), kernel->drop);
    enqueue(stream, [=] {
        unsigned sizes[6] = {x, y, z, block_x, block_y, block_z};
        kernel->run(bound.get(), sizes);
    });
    return 0;
}
