"""Stage 2: reports become sightings, ports, findings; then identity, exposures, life."""
