"""What predict.py reads and writes, the calibration of its probabilities, and the page to try a network on."""
