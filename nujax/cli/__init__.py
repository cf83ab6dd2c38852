"""The command line, one function a command. Nothing else imports this package."""

from ._app import app as app
from ._app import main as main
