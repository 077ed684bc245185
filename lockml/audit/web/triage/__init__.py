"""What is open over the fleet, and what somebody has seen of it: pages, and forms that change something."""
