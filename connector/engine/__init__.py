"""One run of one action: check the inputs, build the request, send it, classify the response, store the token."""
