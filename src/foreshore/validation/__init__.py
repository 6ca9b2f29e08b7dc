"""Stage 4, validation: turns belief into knowledge by the gentlest means, and only through the guard."""
