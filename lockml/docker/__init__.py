"""Read and write Dockerfiles, Compose files and .dockerignore files, and compare them with the lock."""
