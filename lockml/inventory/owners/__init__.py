"""Find the owners of files: RECORDs, package lists, and what installers always write."""
