"""Which commands install Python packages, what, from where and with which options."""
