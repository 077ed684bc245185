"""Pages of open findings over the fleet, and the forms that acknowledge them."""
