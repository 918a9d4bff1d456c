"""Discord: servers as files of their channels hold them."""
