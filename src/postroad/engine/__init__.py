"""The heart: the core, its journal and store, and the clock, joined so that nothing leaves before
it is durable."""
