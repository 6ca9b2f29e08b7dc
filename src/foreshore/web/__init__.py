"""The pages: each answers one question of a person. Views translate; `server` decides what may be seen."""
