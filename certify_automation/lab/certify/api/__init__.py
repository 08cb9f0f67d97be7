"""The HTTP API of the product's service, in both generations."""
