// What the emulated device and its libraries share.
#ifndef LITHO_EMULATED_DEVICE_HPP
#define LITHO_EMULATED_DEVICE_HPP

#include <cstdio>
#include <functional>
#include <utility>
#include <vector>

#define API extern "C" __attribute__((visibility("default")))

typedef std::function<void()> Operation;

struct Stream {
    bool capturing = false;
    unsigned flags = 0;
    std::vector<Operation> noted;
};

struct Counts {  // since the start; `Counts` in cupy_on_host.py has the same fields
    long launches, waits, to_host, to_device, graphs, captured, allocations, waits_in_captures, transforms, products, most_bytes;
};
API Counts emulated_counts;

Stream* stream_of(void* stream);
void enqueue(void* stream, const Operation& operation);  // does it now, or notes it for a graph

#endif
