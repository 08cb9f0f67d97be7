"""The nouns of the product: frozen values, no input or output, no clock."""
