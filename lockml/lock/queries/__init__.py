"""What a lock answers: who needs what, and what changed from one to another."""
