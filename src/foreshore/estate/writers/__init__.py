"""Writers: one module a format, each writes a file as that tool itself writes it."""
