"""The API: everything the pages do, for programs. Translates; `server` decides what may be seen."""
