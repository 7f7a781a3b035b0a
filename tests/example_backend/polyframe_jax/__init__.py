"""JAX as a backend of polyframe: an example of a package of one's own."""
