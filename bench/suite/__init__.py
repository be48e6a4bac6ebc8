"""What bench/run is made of; see there."""
