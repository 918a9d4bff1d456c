"""What every live source needs: a pace that all tasks keep, and what raw already knows."""
