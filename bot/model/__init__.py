"""The words of the product: plain data and pure rules. No I/O, no clock, no platform."""
