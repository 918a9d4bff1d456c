"""What everything else rests on: the contract, errors, times, names, files and places; it imports nothing of ours."""
