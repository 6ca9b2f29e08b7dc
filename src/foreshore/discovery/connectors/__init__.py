"""Live sources, one module for each: a connector asks and keeps raw answers, a reader reads them apart."""
