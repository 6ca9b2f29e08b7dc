"""Our own opinion of how likely a weakness is to be exploited: features, model, predictions."""
