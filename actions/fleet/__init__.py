"""Many managed names at once: a file that lists them, a plan that only reads, a rollout that stops after failures."""
