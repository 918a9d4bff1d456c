"""What is true of a platform whoever asks it: one small file each, read by sources, gates, SQL and reports alike.

Nothing beside these files names a platform to decide something; a new platform is a new file and a line in
:mod:`pulse.platforms.registry`.
"""
