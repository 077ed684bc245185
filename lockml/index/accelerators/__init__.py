"""Which CUDA, ROCm and CPU builds fit together, by the facts of packages and images."""
