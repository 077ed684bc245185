"""What is wrong with an image, a rule a finding."""
