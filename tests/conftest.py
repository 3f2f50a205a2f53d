"""What every test runs under."""

from __future__ import annotations

import os

# An Output turned into text is a mistake: the SDK then raises instead of writing a warning into a resource.
os.environ["PULUMI_ERROR_OUTPUT_STRING"] = "true"
