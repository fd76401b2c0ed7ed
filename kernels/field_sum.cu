// Intensity of coherent fields, sum_k w_k |E_k|^2, and its adjoint. Twins: the sums of litho/socs.py.
//
// Bytes per pixel of the band grid and clip, b = sizeof(real), K kernels: forward (2 K + 1) b (fields; intensity);
// adjoint (4 K + 1) b (fields, intensity_bar; fields_bar).
#include "common.cuh"

extern "C" __global__ void field_sum(
    const complex_number* __restrict__ fields,  // (clips, kernels, pixels)
    const real* __restrict__ weights,           // (kernels)
    real* __restrict__ intensity,               // (clips, pixels)
    int kernels, int pixels) {
    int pixel = INDEX_X, clip = INDEX_Y;
    if (pixel >= pixels) return;
    const complex_number* field = fields + (long long)clip * kernels * pixels + pixel;
    real sum = 0;
    for (int k = 0; k < kernels; ++k, field += pixels) {
        complex_number e = *field;
        sum += weights[k] * (e.re * e.re + e.im * e.im);
    }
    intensity[(long long)clip * pixels + pixel] = sum;
}

extern "C" __global__ void field_sum_adjoint(
    const real* __restrict__ intensity_bar,     // (clips, pixels)
    const complex_number* __restrict__ fields,  // (clips, kernels, pixels)
    const real* __restrict__ weights,           // (kernels)
    complex_number* __restrict__ fields_bar,    // (clips, kernels, pixels)
    int kernels, int pixels) {
    int pixel = INDEX_X, clip = INDEX_Y;
    if (pixel >= pixels) return;
    real bar = 2 * intensity_bar[(long long)clip * pixels + pixel];
    long long at = (long long)clip * kernels * pixels + pixel;
    for (int k = 0; k < kernels; ++k, at += pixels) {
        complex_number e = fields[at];
        real scale = weights[k] * bar;
        fields_bar[at] = {scale * e.re, scale * e.im};
    }
}
