"""Many managed names at once: a file that lists them, a plan of reads, and waves that stop when things go wrong."""
