import os
from urllib.parse import unquote, urlsplit

import django
from django.conf import settings

uri = urlsplit(os.environ["DATABASE_URL"])
settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": uri.path[1:],
            "USER": unquote(uri.username),
            "PASSWORD": unquote(uri.password or ""),
            "HOST": uri.hostname,
            "PORT": uri.port,
        }
    },
    USE_TZ=True,
    TIME_ZONE=os.environ.get("TIME_ZONE", "UTC"),
)
django.setup()
