"""What a lock is held against before it is written: older pins, overlapping wheels, denied projects."""
