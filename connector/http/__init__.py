"""The network edge: requests, responses, retries and the HTTP client."""
