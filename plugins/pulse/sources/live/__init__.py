"""What every live source needs: one way to ask over HTTP, with bounds, and one to keep what was answered."""
