"""Pages of the simple API: fetching and parsing them."""
