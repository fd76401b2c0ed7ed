"""Open computational lithography, exact in the lens band."""
