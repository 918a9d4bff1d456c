"""Facebook Groups, from what a member can download of their own account."""
