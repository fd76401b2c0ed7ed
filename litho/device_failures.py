"""How it looks when memory runs out or a GPU fails, as an error or as the last words of a process, and what to say.

The errors are those of NumPy, of CuPy and of CUDA's libraries; nothing is imported to tell them.
"""

from __future__ import annotations

MEMORY_WORDS = (
    *("MemoryError", "OutOfMemoryError", "cudaErrorMemoryAllocation", "CUDA_ERROR_OUT_OF_MEMORY"),
    *("CUFFT_ALLOC_FAILED", "CUBLAS_STATUS_ALLOC_FAILED"),
)

DEVICE_WORDS = ("cudaError", "CUDA_ERROR", "CUDADriverError", "CUDARuntimeError", "cuFFT", "CUFFT", "CUBLAS_STATUS")

KEPT = "what was finished before is kept"


def failure_in(text: str) -> str | None:
    """Return "memory" for words of memory that is used up, "device" for others of a GPU, None for the rest."""
    if any(word in text for word in MEMORY_WORDS):
        return "memory"
    return "device" if any(word in text for word in DEVICE_WORDS) else None


def failure_of(error: BaseException) -> str | None:
    """Return the same of an error; CuPy's own for memory is a `MemoryError`."""
    return "memory" if isinstance(error, MemoryError) else failure_in(f"{type(error).__name__}: {error}")


def sentence_of(error: BaseException) -> str | None:
    """Return in one sentence what failed and what to do; None if it was neither memory nor a GPU."""
    kind, text = failure_of(error), " ".join(str(error).split()).rstrip(".") or type(error).__name__
    if kind == "memory":
        return f"memory ran out ({text}): take smaller fields, larger pixels or another device; {KEPT}."
    if kind == "device":
        return f"the GPU failed ({text}): look after it, or take --device cpu; {KEPT}."
    return None
