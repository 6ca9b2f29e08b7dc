"""Checks, one file each: `plan(hypothesis) -> Plan` and `run(plan, guard) -> Verdict`."""
