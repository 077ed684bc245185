"""The files that run audits in systemd, cron, Kubernetes, GitHub and Compose, with the steps to install them."""
