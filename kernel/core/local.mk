# kernel/core: pure: step(event) -> update.
