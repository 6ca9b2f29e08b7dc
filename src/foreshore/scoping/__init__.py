"""Stage 1, scoping: what the programme looks at, as a person wrote it, checked and proposed."""
