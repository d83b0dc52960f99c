"""What runs inside Rasa's own process: a dialogue turn as a pure function of its request."""
