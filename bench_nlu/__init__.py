"""How well the intent engine understands, beside its peers: `make bench-nlu`."""
