"""What of CUDA, ROCm and CPU builds fits together: packages and an image's facts in, findings out."""
