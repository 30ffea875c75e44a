"""Many managed names at once: a file that lists them, a plan that only reads, and waves that stop after failures."""
