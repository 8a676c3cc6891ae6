"""What the hub takes, beside what the same machine can do at best, in one run."""
