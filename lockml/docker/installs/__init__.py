"""Find the commands that install Python packages: what, from where and with which options."""
