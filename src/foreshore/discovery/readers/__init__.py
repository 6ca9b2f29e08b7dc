"""One module per report format; a module takes part by having a `PLUGIN`."""
