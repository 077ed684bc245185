"""The HTTP client: transport, TLS, credentials, responses."""
