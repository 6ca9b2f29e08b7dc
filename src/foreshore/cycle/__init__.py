"""The cycle: builds a snapshot from both stores, runs the stages on it, and keeps what they return."""
