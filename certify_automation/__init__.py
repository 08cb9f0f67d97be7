"""Configuration as code for Certify Certificate Manager on Windows servers."""

__version__ = "0.1.0"
