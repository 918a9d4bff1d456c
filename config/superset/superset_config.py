"""Superset as ``serve.py`` starts it: on this machine, over one file that it may only read, asking nobody else."""

import os

from superset.config import TALISMAN_CONFIG

SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]
SQLALCHEMY_DATABASE_URI = f"sqlite:///{os.environ['SUPERSET_HOME']}/superset.db?check_same_thread=false"
BABEL_DEFAULT_LOCALE = "en"
# Nothing of an answer is kept, so that a newly published file is shown at the next look. This is Superset's default; a
# cache would have to end sooner than the next publish.
DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
# A pixel of scarf.sh would count who looks; maps and avatars would be asked for elsewhere. Nothing leaves this machine.
TALISMAN_CONFIG = {
    **TALISMAN_CONFIG,
    "content_security_policy": {
        **TALISMAN_CONFIG["content_security_policy"],
        "img-src": ["'self'", "blob:", "data:"],
        "connect-src": ["'self'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "font-src": ["'self'"],
    },
}
