"""Stage 3, prioritization: which exposures an attacker could use to hurt what matters, and how sure that is."""
