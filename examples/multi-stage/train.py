"""Fit a line to points, as small as a training script can be."""

import numpy as np

x = np.linspace(0, 1, 50)
slope, intercept = np.polyfit(x, 3 * x + 1, 1)
print(f"slope {slope:.2f}, intercept {intercept:.2f}")  # noqa: T201 - all that it says
