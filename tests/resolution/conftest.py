"""Helpers of the resolution's tests that assert: their failures show the values too."""

import pytest

pytest.register_assert_rewrite("tests.resolution.claims", "tests.resolution.questions")
