"""Return who may speak for a file: RECORDs, package lists, what installers always write."""
