"""The truth of `lockml check`: clean environments of many installers, and manipulations of them."""
