"""The key service: the only part that knows the web. ``quantumlink keys serve`` starts it."""
