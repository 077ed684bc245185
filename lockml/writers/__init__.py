"""What Docker needs: a `Lock` and a `Target` in, the files that a build reads out."""
