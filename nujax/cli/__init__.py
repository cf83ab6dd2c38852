"""The command line: `nujax relic` and `nujax spectrum`. Nothing else imports this package."""

from ._app import app as app
from ._app import main as main
